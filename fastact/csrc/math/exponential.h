/* exp, expm1, log(1 + e), sigmoid, tanh and softplus of a double-double.
 * Must not depend on activations, loops or dtypes.
 *
 * A. Branch-free: only arithmetic, bit casts and conditional moves, so that a loop over any of them
 *    vectorises on every instruction set from SSE2 up.
 * B. An exponential is returned as mantissa * 2^k with 2^k kept apart (fa__power), because the tails of
 *    activations are quotients of exponentials: scaling last rounds subnormal
 *    results once.
 * C. NaN passes through every clamp: comparisons with NaN are false and select the argument.
 */
#ifndef FA_MATH_EXPONENTIAL_H
#define FA_MATH_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

#include "math/coefficients.h"
#include "math/native_pair.h"

/* Powers of two ----------------------------------------------------------------------------------- */

/* 1.5 * 2^52: adding it rounds a double of magnitude below 2^51 to an integer, and leaves that integer
 * in the low bits, without the rounding or conversion instructions that SSE2 and AVX2 lack. */
#define FA__ROUNDER 0x1.8p52

FA_INLINE uint64_t fa__bits(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

FA_INLINE double fa__from_bits(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^k as a double, k in [-1022, 1023] given as FA__ROUNDER + k */
FA_INLINE double fa__exp2_of(double rounder_plus_k) {
    return fa__from_bits((fa__bits(rounder_plus_k) + 1023) << 52);
}

/* 2^k held as a product of two doubles, so that k may exceed the range of one */
typedef struct {
    double a, b;
} fa__power;

FA_INLINE fa__power fa__no_power(void) {
    return (fa__power){1.0, 1.0};
}

FA_INLINE fa__power fa__select_power(int condition, fa__power p, fa__power q) {
    return (fa__power){condition ? p.a : q.a, condition ? p.b : q.b};
}

FA_INLINE double fa__scale(double x, fa__power p) {
#if FA_COMPENSATE
    return x * p.a * p.b;
#else
    return x * p.a;
#endif
}

/* mantissa * 2^k */
typedef struct {
    fa__pair m;
    fa__power power;
} fa__scaled;

FA_INLINE fa__scaled fa__unit_scaled(fa__pair m) {
    return (fa__scaled){m, fa__no_power()};
}

FA_INLINE fa__scaled fa__select_scaled(int condition, fa__scaled a, fa__scaled b) {
    return (fa__scaled){fa__select(condition, a.m, b.m), fa__select_power(condition, a.power, b.power)};
}

/* as one pair; may underflow, which is right wherever something of size 1 is added to it */
FA_INLINE fa__pair fa__unscaled(fa__scaled e) {
    return (fa__pair){fa__scale(e.m.h, e.power), fa__scale(e.m.l, e.power)};
}

/* as one double, rounded once */
FA_INLINE double fa__rounded(fa__scaled e) {
    return fa__scale(fa__value(e.m), e.power);
}

#if FA_COMPENSATE
/* 2^steps for factors of more than 2^500, 2^-steps for those of less than 2^-500, otherwise 1. By integers: comparisons of a
 * parameter would become branches. */
FA_INLINE double fa__power_by_size(double factor, uint64_t steps) {
    uint64_t exponent = fa__bits(factor) >> 52 & 0x7ff;
    uint64_t large = (1023 + 500 - exponent) >> 63, small = (exponent - (1023 - 500)) >> 63;
    return fa__from_bits((1023 + steps * (large - small)) << 52);
}

/* The square root of the unit in which a factor is taken so that products of two such neither over- nor underflow */
FA_INLINE double fa__root_of_unit(double factor) {
    return fa__power_by_size(factor, 300);
}

FA_INLINE double fa__in_units(double factor) {
    return factor * fa__power_by_size(factor, (uint64_t)-600);
}
#endif

/* e a b, for e of at most 1: the size of large and small factors goes to the power of e */
FA_INLINE fa__scaled fa__times(fa__scaled e, double a, double b) {
#if FA_COMPENSATE
    double of_a = fa__root_of_unit(a), of_b = fa__root_of_unit(b);
    fa__pair product = fa__two_prod(fa__in_units(a), fa__in_units(b));
    return (fa__scaled){fa__mul(e.m, product), {e.power.a * (of_a * of_b), e.power.b * (of_a * of_b)}};
#else
    return (fa__scaled){fa__pair_of(e.m.h * (a * b)), e.power};
#endif
}

/* e / b, also for subnormal b */
FA_INLINE fa__scaled fa__over(fa__scaled e, double b) {
#if FA_COMPENSATE
    double unit = fa__abs(b) < 0x1p-500 ? 0x1p500 : 1;
    return (fa__scaled){fa__div(e.m, fa__pair_of(b * unit)), {e.power.a, e.power.b * unit}};
#else
    return (fa__scaled){fa__pair_of(e.m.h / b), e.power};
#endif
}

/* exp --------------------------------------------------------------------------------------------- */

/* e^x = (1 + t) * 2^k with abs(t) < 0.42. Beyond +-FA__EXP_LIMIT x is clamped there, where float32 (plain) and
 * float64 (compensated) have long under- or overflown; at -FA__EXP_LIMIT the power is 0, since products that
 * underflow cost a hundred times what zeros do. */
typedef struct {
    fa__pair t;
    fa__power power;
    double k;
    fa__pair r, rest; /* rest = e^r - 1 - r */
} fa__exp_parts;

#if FA_COMPENSATE
#define FA__EXP_LIMIT 1400.0
#else
#define FA__EXP_LIMIT 700.0
#endif

FA_INLINE fa__exp_parts fa__exp_reduce(fa__pair x) {
    fa__exp_parts e;
    double xh = fa__max(fa__min(x.h, FA__EXP_LIMIT), -FA__EXP_LIMIT);
    double shifted = fa__fma(xh, FA_LOG2_E, FA__ROUNDER);
    e.k = shifted - FA__ROUNDER;
    /* r = x - k ln 2; the first difference is exact (Cody and Waite) */
    double first = xh - e.k * FA_LN2_HI;
    fa__pair r = fa__two_sum(first, -e.k * FA_LN2_LO);
    double rest = r.h * r.h * FA_POLY(r.h, FA_EXP_POLY);
    e.rest = fa__pair_of(rest);
#if FA_COMPENSATE
    double xl = x.h == xh ? x.l : 0.0;
    double low = r.l + xl; /* e^(r + low) = e^r + e^r low */
    e.r = fa__fast_sum(r.h, low);
    e.t = fa__fast_sum(r.h, fa__fma(low, 1.0 + (r.h + rest), rest));
    double half = fa__fma(e.k, 0.5, FA__ROUNDER);
    double first_half = fa__exp2_of(half);
    double other_half = fa__exp2_of(e.k - (half - FA__ROUNDER) + FA__ROUNDER);
    e.power = (fa__power){xh > -FA__EXP_LIMIT ? first_half : 0, xh > -FA__EXP_LIMIT ? other_half : 0};
#else
    e.r = r;
    e.t = fa__pair_of(r.h + rest);
    double power = fa__exp2_of(shifted);
    e.power = (fa__power){xh > -FA__EXP_LIMIT ? power : 0, 1.0};
#endif
    return e;
}

FA_INLINE fa__scaled fa__exp_of_parts(fa__exp_parts e) {
    fa__pair m = fa__fast_sum(1.0, e.t.h);
#if FA_COMPENSATE
    m.l += e.t.l;
#endif
    return (fa__scaled){m, e.power};
}

FA_INLINE fa__scaled fa__exp_pair(fa__pair x) {
    return fa__exp_of_parts(fa__exp_reduce(x));
}

FA_INLINE fa__scaled fa__exp(double x) {
    return fa__exp_pair(fa__pair_of(x));
}

/* e^-abs(x) */
FA_INLINE fa__scaled fa__exp_decay(fa__pair x) {
    return fa__exp_pair(fa__select(x.h < 0, x, fa__negate(x)));
}

/* The same with t to about 2^-79 in float64, for sums that cancel around roots which depend on parameters:
 * the first terms of the series of (e^r - 1)/r are summed as pairs */
FA_INLINE fa__exp_parts fa__exp_reduce_accurately(fa__pair x) {
    fa__exp_parts e = fa__exp_reduce(x);
#if FA_COMPENSATE
    const double tail[] = {FA_EXP_TAIL_POLY};
    const int last = sizeof tail / sizeof *tail - 1;
    fa__pair s = fa__fast_sum(tail[last], e.r.h * fa__horner(e.r.h, tail, last));
    s = fa__add(fa__mul(s, e.r), (fa__pair){FA_INV_720_HI, FA_INV_720_LO});
    s = fa__add(fa__mul(s, e.r), (fa__pair){FA_INV_120_HI, FA_INV_120_LO});
    s = fa__add(fa__mul(s, e.r), (fa__pair){FA_INV_24_HI, FA_INV_24_LO});
    s = fa__add(fa__mul(s, e.r), (fa__pair){FA_INV_6_HI, FA_INV_6_LO});
    s = fa__add_double(fa__mul(s, e.r), 0.5);
    e.rest = fa__mul(fa__mul(s, e.r), e.r);
    s = fa__add_double(fa__mul(s, e.r), 1.0);
    e.t = fa__mul(s, e.r);
#endif
    return e;
}

/* expm1 ------------------------------------------------------------------------------------------- */

/* (2^k - 1) + 2^k t, for k that leaves 2^k finite */
FA_INLINE fa__pair fa__expm1_of_parts(fa__exp_parts e) {
    double s = fa__scale(1.0, e.power);
    fa__pair whole = fa__two_sum(-1.0, s);
    fa__pair sum = fa__two_sum(whole.h, s * e.t.h);
#if FA_COMPENSATE
    sum = fa__fast_sum(sum.h, sum.l + (whole.l + s * e.t.l));
#endif
    return sum;
}

FA_INLINE fa__pair fa__expm1_accurate(fa__pair x) {
    return fa__expm1_of_parts(fa__exp_reduce_accurately(x));
}

/* e^x - 1 for x <= 40 */
FA_INLINE fa__pair fa__expm1_small(fa__pair x) {
    return fa__expm1_of_parts(fa__exp_reduce(x));
}

#if FA__NATIVE(1, 0)
/* e^x = power (1 + p + low) in float, for x of -87 to 88: x = k ln 2 + r, r = first + more, of which first is exact */
typedef struct {
    float power, p, low;
} fa__native_parts;

typedef struct {
    float power, first, more, r, square;
} fa__native_reduced;

FA_INLINE fa__native_reduced fa__native_reduce(fa__native_pair x) {
    const float shift = 0x1.8p23f + 127, ln2 = (float)FA_LN2_DOUBLE; /* leaves the exponent bits of 2^k */
    float shifted = fa__native_fma(x.h, (float)FA_LOG2_E, shift), k = shifted - shift, power;
    float first = fa__native_fma(-k, ln2, x.h), more = fa__native_fma(k, (float)(ln2 - FA_LN2_DOUBLE), x.l);
    float r = first + more;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    return (fa__native_reduced){power, first, more, r, r * r};
}

FA_INLINE fa__native_parts fa__native_exp(fa__native_pair x) {
    const float c[] = {FA_EXP_POLY_FLOAT32};
    fa__native_reduced a = fa__native_reduce(x);
    float high = fa__native_fma(a.square, c[0], fa__native_fma(a.r, c[1], c[2]));
    float rest = fa__native_fma(a.square, high, fa__native_fma(a.r, c[3], c[4]));
    float added = fa__native_fma(a.square, rest, a.more), p = a.first + added;
    return (fa__native_parts){a.power, p, added - (p - a.first)};
}

/* with r^2/2 exact too, for results in which 1 + p or e^x - 1 cancels */
FA_INLINE fa__native_parts fa__native_exp_accurate(float x) {
    const float c[] = {FA_EXP_CUBIC_FLOAT32};
    fa__native_reduced a = fa__native_reduce((fa__native_pair){x, 0});
    float high = fa__native_fma(a.square, c[0], fa__native_fma(a.r, c[1], c[2]));
    float rest = fa__native_fma(a.square, high, fa__native_fma(a.r, c[3], c[4]));
    fa__native_pair most = fa__native_fast_sum(a.first, 0.5f * a.square);
    float lost = fa__native_fma(0.5f, fa__native_fma(a.r, a.r, -a.square), most.l);
    float added = fa__native_fma(a.r * a.square, rest, a.more) + lost, p = most.h + added;
    return (fa__native_parts){a.power, p, added - (p - most.h)};
}
#endif

/* The same for x <= 0 in the kernel's type, to an ULP or two of 1, as backward from the output needs it:
 * (2^k - 1) + 2^k (e^r - 1) */
FA_INLINE fa__native fa__native_expm1(fa__native_pair x) {
#if FA__NATIVE(1, 0)
    fa__native_parts e = fa__native_exp(x.h < -40 ? (fa__native_pair){-40, 0} : x); /* there e^x - 1 is -1 */
    return fa__native_fma(e.power, e.p, e.power - 1);
#else
    int far = x.h < -40;
    double h = far ? -40 : x.h, l = far ? 0 : x.l;
    double shifted = fa__fma(h, FA_LOG2_E, FA__ROUNDER), k = shifted - FA__ROUNDER;
    double r = ((h - k * FA_LN2_HI) - k * FA_LN2_LO) + l, power = fa__exp2_of(shifted);
    return fa__fma(power, fa__fma(r * r, FA_POLY(r, FA_EXP_POLY), r), power - 1);
#endif
}

/* e^x - 1 for any x: beyond 40 the 1 is below the last bit of a pair */
FA_INLINE fa__scaled fa__expm1(fa__pair x) {
    fa__exp_parts e = fa__exp_reduce(x);
    return fa__select_scaled(x.h > 40, fa__exp_of_parts(e), fa__unit_scaled(fa__expm1_of_parts(e)));
}

/* e^x - 1 - x for x <= 40, without cancellation near 0 */
FA_INLINE fa__pair fa__expm1_minus_x(double x) {
    fa__exp_parts e = fa__exp_reduce_accurately(fa__pair_of(x));
    fa__pair difference = fa__add_double(fa__expm1_of_parts(e), -x);
    return fa__select(e.k == 0, e.rest, difference);
}

/* log(1 + v) -------------------------------------------------------------------------------------- */

/* log(1 + v) for v = m * 2^k in [0, 1].
 * v < sqrt 2 - 1: log(1 + v) = 2 atanh(v/(2 + v)), scaled last, so that it stays right as v underflows;
 * else: log 2 + 2 atanh((v - 1)/(v + 3)). */
FA_INLINE fa__scaled fa__log1p(fa__scaled v) {
    fa__pair u = fa__unscaled(v);
    int large = u.h > 0.41421356237309503;
    fa__pair numerator = fa__select(large, fa__add_double(u, -1.0), v.m);
    fa__pair s = fa__div(numerator, fa__add_double(u, large ? 3.0 : 2.0));
    fa__power power = fa__select_power(large, fa__no_power(), v.power);
    double true_s = fa__scale(s.h, power);
    double square = true_s * true_s;
    double rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair log = {2.0 * s.h, 2.0 * s.l};
#if FA_COMPENSATE
    log = fa__fast_sum(log.h, log.l + rest);
#else
    log.h += rest;
#endif
    fa__pair constant = {FA_LN2_DOUBLE, FA_LN2_REST};
    return (fa__scaled){fa__select(large, fa__add(constant, log), log), power};
}

/* sigmoid, softplus, tanh ------------------------------------------------------------------------- */

/* sigmoid(x), with e = exp(-abs x): x >= 0: 1/(1 + e); x < 0: e/(1 + e) */
FA_INLINE fa__scaled fa__sigmoid(fa__pair x) {
    int negative = x.h < 0;
    fa__scaled e = fa__exp_decay(x);
    fa__scaled numerator = fa__select_scaled(negative, e, fa__unit_scaled(fa__pair_of(1.0)));
    numerator.m = fa__div(numerator.m, fa__add_double(fa__unscaled(e), 1.0));
    return numerator;
}

/* sigmoid(x) sigmoid(-x) = e/(1 + e)^2: s (1 - s) without the cancellation */
FA_INLINE fa__scaled fa__sigmoid_slope(fa__pair x) {
    fa__scaled e = fa__exp_decay(x);
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    e.m = fa__div(e.m, fa__mul(one_plus, one_plus));
    return e;
}

/* log(1 + e^x) = max(x, 0) + log(1 + exp(-abs x)); for x beyond FA__EXP_LIMIT that is x, which is the caller's */
FA_INLINE fa__scaled fa__softplus(fa__pair x) {
    fa__scaled log = fa__log1p(fa__exp_decay(x));
    fa__scaled above = fa__unit_scaled(fa__add(x, fa__unscaled(log)));
    return fa__select_scaled(x.h < 0, log, above);
}

/* tanh(abs x) = m/(2 - m), m = 1 - exp(-2 abs x) taken as -expm1 */
FA_INLINE fa__pair fa__tanh_abs(fa__pair x) {
    fa__pair minus_2a = fa__times_power(fa__select(x.h < 0, x, fa__negate(x)), 2.0);
    fa__pair m = fa__expm1_small(minus_2a);
    fa__pair top = {0.0 - m.h, 0.0 - m.l}; /* +0 at 0, which -m would not be */
    return fa__div(top, fa__add_double(m, 2.0));
}

/* 1 - tanh^2(x) = 4 e/(1 + e)^2, e = exp(-2 abs x) */
FA_INLINE fa__scaled fa__sech_squared(fa__pair x) {
    fa__scaled s = fa__sigmoid_slope(fa__times_power(x, 2.0));
    s.m = fa__times_power(s.m, 4.0);
    return s;
}

#endif
