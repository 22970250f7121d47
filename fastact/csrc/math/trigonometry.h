/* sin and cos over the whole range of floats, and arctan.
 * Must not depend on activations, loops or dtypes. Branch-free, as exponential.h.
 *
 * Range reduction after Payne and Hanek (1983): x * 2/pi modulo 4, with just those digits of 2/pi that
 * matter for the magnitude of x, found by its exponent.
 */
#ifndef FA_MATH_TRIGONOMETRY_H
#define FA_MATH_TRIGONOMETRY_H

#include "math/exponential.h"

/* digits of 2/pi to base 2^24, as integers */
static const double fa__two_over_pi[] = {FA_TWO_OVER_PI};

/* t modulo 4, in [-2, 2], exactly, for abs t < 2^53 */
FA_INLINE double fa__modulo_4(double t) {
    return t - 4 * (fa__fma(t, 0.25, FA__ROUNDER) - FA__ROUNDER);
}

/* A sum of three doubles without overlap, so that all but a 2^-100 of it may cancel */
typedef struct {
    double a, b, c;
} fa__triple;

FA_INLINE fa__triple fa__accumulate(fa__triple sum, double term) {
    fa__pair first = fa__exact_sum(sum.a, term), second = fa__exact_sum(sum.b, first.l);
    return (fa__triple){first.h, second.h, sum.c + second.l};
}

/* Add x * 2/pi modulo 4, for x of at most 27 significant bits. With E its exponent, the digits before number
 * j = floor((E - 52)/24) + 1 give multiples of 4. x times a digit is exact in 51 bits, and the i-th product
 * is below 2^(53 - 24 i). */
FA_INLINE fa__triple fa__add_turns(fa__triple sum, double x) {
    uint64_t exponent_bits = (fa__bits(x) >> 52 & 0x7ff) | fa__bits(0x1p52);
    double exponent = fa__from_bits(exponent_bits) - (0x1p52 + 1023);
    double shifted = fa__max((exponent - 63.5) * (1.0 / 24) + 1.0, 0.0) + FA__ROUNDER;
    uint64_t j = fa__bits(shifted) & 63;
    double scaled = x * fa__exp2_of(FA__ROUNDER - 24 * (shifted - FA__ROUNDER));
    sum = fa__accumulate(sum, fa__modulo_4(scaled * fa__two_over_pi[j] * 0x1p-24));
    sum = fa__accumulate(sum, fa__modulo_4(scaled * fa__two_over_pi[j + 1] * 0x1p-48));
    sum = fa__accumulate(sum, fa__modulo_4(scaled * fa__two_over_pi[j + 2] * 0x1p-72));
    sum = fa__accumulate(sum, scaled * fa__two_over_pi[j + 3] * 0x1p-96);
    sum = fa__accumulate(sum, scaled * fa__two_over_pi[j + 4] * 0x1p-120);
    sum = fa__accumulate(sum, scaled * fa__two_over_pi[j + 5] * 0x1p-144);
    sum = fa__accumulate(sum, scaled * fa__two_over_pi[j + 6] * 0x1p-168);
    sum = fa__accumulate(sum, scaled * fa__two_over_pi[j + 7] * 0x1p-192);
    return sum;
}

/* the same for any x, as the sum of two numbers with 26 and 27 significant bits */
FA_INLINE fa__triple fa__add_all_turns(fa__triple sum, double x) {
    double xh = fa__from_bits(fa__bits(x) & ~(uint64_t)0x7ffffff);
    return fa__add_turns(fa__add_turns(sum, xh), x - xh);
}

/* x = quarter * pi/2 + r, abs r <= pi/4 */
typedef struct {
    fa__pair r;
    double quarter;
} fa__angle;

/* the angle times * x, times being 1 or 2: multiplied after reduction, where it cannot overflow */
FA_INLINE fa__angle fa__reduce_angle(fa__pair x, double times) {
    fa__triple u = fa__add_all_turns((fa__triple){0, 0, 0}, x.h);
#if FA_COMPENSATE
    u = fa__add_all_turns(u, x.l);
#endif
    u = (fa__triple){u.a * times, u.b * times, u.c * times};
    double quarter = (u.a + FA__ROUNDER) - FA__ROUNDER;
    u = fa__accumulate(u, -quarter);
    fa__pair turn = fa__exact_sum(u.a, u.b);
    turn.l += u.c;
    int small = fa__abs(x.h) < 0.25; /* also keeps subnormals whole */
    fa__pair r = fa__mul(turn, (fa__pair){FA_PI_2_HI, FA_PI_2_LO});
    return (fa__angle){fa__select(small, fa__times_power(x, times), r), small ? 0 : quarter};
}

/* c - s * square, as pairs: one step of an alternating series */
FA_INLINE fa__pair fa__series_step(fa__pair s, fa__pair square, double high, double low) {
    return fa__add(fa__negate(fa__mul(s, square)), (fa__pair){high, low});
}

/* sin r = r - r^3/6 + r^5/120 - ... for a reduced angle: the first terms as pairs, the rest a polynomial */
FA_INLINE fa__pair fa__sine(fa__pair r) {
    fa__pair square = fa__mul(r, r);
    fa__pair s = fa__pair_of(FA_POLY(square.h, FA_SIN_POLY));
    s = fa__series_step(s, square, FA_INV_5040_HI, FA_INV_5040_LO);
    s = fa__series_step(s, square, FA_INV_120_HI, FA_INV_120_LO);
    s = fa__series_step(s, square, FA_INV_6_HI, FA_INV_6_LO);
    return fa__add(r, fa__negate(fa__mul(fa__mul(s, square), r)));
}

/* 1 - cos r = r^2/2 - r^4/24 + r^6/720 - ... for a reduced angle, likewise */
FA_INLINE fa__pair fa__versine(fa__pair r) {
    fa__pair square = fa__mul(r, r);
    fa__pair s = fa__pair_of(FA_POLY(square.h, FA_COS_POLY));
    s = fa__series_step(s, square, FA_INV_720_HI, FA_INV_720_LO);
    s = fa__series_step(s, square, FA_INV_24_HI, FA_INV_24_LO);
    s = fa__series_step(s, square, 0.5, 0.0);
    return fa__mul(s, square);
}

/* sin(x + quarters * pi/2), by the quarter in {-2, -1, 0, 1, 2} */
FA_INLINE fa__pair fa__sin_shifted(fa__pair x, double quarters) {
    fa__angle a = fa__reduce_angle(x, 1);
    double quarter = fa__modulo_4(a.quarter + quarters);
    fa__pair cosine = fa__add_double(fa__negate(fa__versine(a.r)), 1.0);
    fa__pair s = fa__select(fa__abs(quarter) == 1, cosine, fa__sine(a.r));
    return fa__select(fa__abs(quarter - 0.5) > 1, fa__negate(s), s);
}

/* 1 + sin(2 x), right through its roots: there it is the versine of the angle from the root */
FA_INLINE fa__pair fa__one_plus_sin_twice(fa__pair x) {
    fa__angle a = fa__reduce_angle(x, 2);
    fa__pair sine = fa__sine(a.r), versine = fa__versine(a.r);
    double quarter = fa__modulo_4(a.quarter);
    fa__pair aside = fa__add_double(fa__select(quarter == 0, sine, fa__negate(sine)), 1.0);
    fa__pair along = fa__select(quarter < 0, versine, fa__add_double(fa__negate(versine), 2.0));
    return fa__select(fa__abs(quarter) == 1, along, aside);
}

/* arctan(abs x) = arctan(c) + arctan(t), t = (a - c)/(1 + a c), abs t <= 7/16; c = 0, 1/2, 1, 3/2, inf */
FA_INLINE double fa__atan_abs(double x) {
    double a = fa__min(fa__abs(x), 0x1p100);
    int in0 = a < 0.4375, in1 = a < 0.6875, in2 = a < 1.1875, in3 = a < 2.4375;
    double c = in0 ? 0.0 : in1 ? 0.5 : in2 ? 1.0 : 1.5;
    fa__pair base = {in0   ? 0.0
                     : in1 ? FA_ATAN_1_2_HI
                     : in2 ? FA_ATAN_1_HI
                     : in3 ? FA_ATAN_3_2_HI
                           : FA_PI_2_HI,
                     in0   ? 0.0
                     : in1 ? FA_ATAN_1_2_LO
                     : in2 ? FA_ATAN_1_LO
                     : in3 ? FA_ATAN_3_2_LO
                           : FA_PI_2_LO};
    fa__pair bottom = fa__add_double(fa__two_prod(a, c), 1.0);
    fa__pair t = fa__div(fa__pair_of(in3 ? a - c : -1.0), fa__select(in3, bottom, fa__pair_of(a)));
    double square = t.h * t.h;
    double rest = t.h * square * FA_POLY(square, FA_ATAN_POLY);
#if FA_COMPENSATE
    t = fa__fast_sum(t.h, t.l + rest);
#else
    t.h += rest;
#endif
    return fa__value(fa__add(base, t));
}

#endif
