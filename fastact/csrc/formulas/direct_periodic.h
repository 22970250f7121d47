/* Direct formulas of sines for abs x <= 2^16; see direct.h. */
#ifndef FA_FORMULAS_DIRECT_PERIODIC_H
#define FA_FORMULAS_DIRECT_PERIODIC_H

#include "math/exponential.h"

#define FA__2_PI 0x1.45f306dc9c883p-1         /* 2/pi */
#define FA__PI_2_REST -0x1.f1976b7ed8fbcp-110 /* pi/2 - FA_PI_2_HI - FA_PI_2_LO */

/* x = quarter pi/2 + r + r_low, abs r < 0.79; square = r^2 */
typedef struct {
    uint64_t quarter; /* modulo 4 */
    double r, r_low, square;
} fa__direct_angle;

/* x - quarter pi/2, pi/2 in three doubles; the first difference is exact where quarter is whole */
FA_INLINE fa__pair fa__direct_turned(double x, double quarter) {
    fa__pair second = fa__two_prod(quarter, FA_PI_2_LO);
    fa__pair r = fa__two_sum(fa__fma(-quarter, FA_PI_2_HI, x), -second.h);
    return (fa__pair){r.h, fa__fma(-quarter, FA__PI_2_REST, r.l - second.l)};
}

FA_INLINE fa__direct_angle fa__direct_angle_of(double x) {
    double shifted = fa__fma(x, FA__2_PI, FA__ROUNDER);
    fa__pair r = fa__direct_turned(x, shifted - FA__ROUNDER);
    return (fa__direct_angle){fa__bits(shifted) & 3, r.h, r.l, r.h * r.h};
}

/* sin r = r - r^3/6 + ..., the second term on as low */
FA_INLINE fa__pair fa__direct_sine(fa__direct_angle a) {
    double s = fa__fma(a.square, FA_POLY(a.square, FA_SIN_POLY), -FA_INV_5040_HI);
    s = fa__fma(a.square, fa__fma(a.square, s, FA_INV_120_HI), -FA_INV_6_HI);
    return (fa__pair){a.r, fa__fma(a.r * a.square, s, fa__fma(-0.5 * a.r_low, a.square, a.r_low))};
}

/* 1 - cos r = r^2/2 - r^4/24 + ..., likewise */
FA_INLINE fa__pair fa__direct_versine(fa__direct_angle a) {
    double c = fa__fma(a.square, FA_POLY(a.square, FA_COS_POLY), -FA_INV_720_HI);
    c = fa__fma(a.square, c, FA_INV_24_HI);
    double rest = fa__fma(0.5, fa__fma(a.r, a.r, -a.square), a.r * a.r_low);
    return (fa__pair){0.5 * a.square, fa__fma(-a.square * a.square, c, rest)};
}

FA_INLINE fa__pair fa__direct_cosine(fa__direct_angle a) {
    fa__pair versine = fa__direct_versine(a), cosine = fa__fast_sum(1, -versine.h);
    cosine.l -= versine.l;
    return cosine;
}

/* sin and cos, from those of r by the quarter */
FA_INLINE fa__pair fa__direct_sin_shifted(double x, uint64_t quarters) {
    fa__direct_angle a = fa__direct_angle_of(x);
    uint64_t quarter = a.quarter + quarters;
    fa__pair s = fa__select((quarter & 1) != 0, fa__direct_cosine(a), fa__direct_sine(a));
    return fa__select((quarter & 2) != 0, fa__negate(s), s);
}

#if FA_COMPENSATE
FA_INLINE double sin_forward_direct(double x) {
    fa__pair s = fa__direct_sin_shifted(x, 0);
    return x == 0 ? x : s.h + s.l; /* -0 stays -0 */
}

FA_INLINE double sin_derivative_direct(double x) {
    fa__pair s = fa__direct_sin_shifted(x, 1);
    return s.h + s.l;
}

/* x + sin^2(x) */
FA_INLINE double snake_forward_direct(double x) {
    fa__pair s = fa__direct_sin_shifted(x, 0);
    fa__pair wave = fa__two_prod(s.h, s.h), sum = fa__two_sum(x, wave.h);
    double found = sum.h + (sum.l + fa__fma(s.l, fa__fma(2, s.h, s.l), wave.l));
    return x == 0 ? x : found;
}

/* 1 + sin(2 x), right through its roots */
FA_INLINE double snake_derivative_direct(double x) {
    fa__direct_angle a = fa__direct_angle_of(2 * x);
    fa__pair versine = fa__direct_versine(a), sine = fa__direct_sine(a);
    int odd = (a.quarter & 1) != 0, above = (a.quarter & 2) == 0;
    fa__pair along = fa__select(above, fa__negate(versine), versine);
    fa__pair wave = fa__select(odd, along, fa__select(above, sine, fa__negate(sine)));
    fa__pair sum = fa__fast_sum(odd ? (above ? 2 : 0) : 1, wave.h);
    return sum.h + (sum.l + wave.l);
}
#else
/* x + shift pi = turns pi + r, abs r <= pi/2, so that one polynomial gives the sine */
typedef struct {
    double r;
    uint64_t sign; /* the sign bit of odd turns */
} fa__direct_half_turn;

FA_INLINE fa__direct_half_turn fa__direct_half_turn_of(double x, double shift) {
    double shifted = fa__fma(x, FA__2_PI / 2, shift) + FA__ROUNDER;
    double r = fa__direct_turned(x, 2 * ((shifted - FA__ROUNDER) - shift)).h;
    return (fa__direct_half_turn){r, fa__bits(shifted) << 63};
}

/* sin r */
FA_INLINE double fa__direct_sine_of(double r) {
    double square = r * r;
    return r * fa__fma(square, FA_POLY(square, FA_HALF_TURN_POLY_FLOAT32), 1);
}

FA_INLINE double fa__direct_sine_shifted(double x, double shift) {
    fa__direct_half_turn turned = fa__direct_half_turn_of(x, shift);
    return fa__from_bits(fa__bits(fa__direct_sine_of(turned.r)) ^ turned.sign);
}

FA_INLINE double sin_forward_direct(double x) {
    return fa__direct_sine_shifted(x, 0);
}

FA_INLINE double sin_derivative_direct(double x) {
    return fa__direct_sine_shifted(x, 0.5);
}

FA_INLINE double snake_forward_direct(double x) {
    double s = fa__direct_sine_of(fa__direct_half_turn_of(x, 0).r);
    return x == 0 ? x : fa__fma(s, s, x);
}

/* 1 + sin(2 x) = 2 sin^2(x + pi/4), right through its roots */
FA_INLINE double snake_derivative_direct(double x) {
    double s = fa__direct_sine_of(fa__direct_half_turn_of(x, 0.25).r);
    return 2 * s * s;
}
#endif

#endif
