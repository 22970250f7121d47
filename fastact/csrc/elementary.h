/* Elementary functions of a double (or a pair): exp, expm1, log1p of an exponential, the normal tail.
 * Does not know activations, loops or dtypes.
 *
 * A. Branch-free: only arithmetic, bit casts and conditional moves, so that a loop over any of them
 *    vectorises on every instruction set from SSE2 up.
 * B. An exponential is returned as mantissa * 2^k with 2^k kept apart (fa__power), because the tails of
 *    activations are quotients of exponentials: scaling last keeps subnormal results right and rounds
 *    them once.
 * C. NaN passes through every clamp: comparisons with NaN are false and select the argument.
 */
#ifndef FA_ELEMENTARY_H
#define FA_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#include "coefficients.h"
#include "pair.h"

FA_INLINE double fa__abs(double x) {
    return __builtin_fabs(x);
}

/* Horner's rule: c[0] x^(n-1) + ... + c[n-1]; the loop is unrolled because n is a constant */
FA_INLINE double fa__horner(double x, const double *c, int n) {
    double y = c[0];
#pragma GCC unroll 32
    for (int i = 1; i < n; i++) y = fa__fma(y, x, c[i]);
    return y;
}
#define FA_POLY(x, ...)                                                                              \
    fa__horner(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* constant + x * rest, for a polynomial that must be better than one double: `rest` is its other terms */
FA_INLINE fa__pair fa__with_constant(double high, double low, double x, double rest) {
    fa__pair y = fa__fast_sum(high, x * rest);
#if FA_COMPENSATE
    y.l += low;
#else
    (void)low;
#endif
    return y;
}

/* A derivative near its root r, as (x - r) P(x - r): right through zero, where sums of terms cancel.
 * FA_NEAR_ROOT says where it holds. */
FA_INLINE double fa__through_root(double x, double root_high, double root_low, double slope_high,
                                  double slope_low, const double *c, int n) {
    fa__pair d = fa__fast_sum(x - root_high, -root_low);
    return fa__value(fa__mul(d, fa__with_constant(slope_high, slope_low, d.h, fa__horner(d.h, c, n))));
}
#define FA_THROUGH_ROOT(x, NAME)                                                                     \
    fa__through_root(x, FA_##NAME##_ROOT_HI, FA_##NAME##_ROOT_LO, FA_##NAME##_SLOPE_HI,              \
                     FA_##NAME##_SLOPE_LO, (const double[]){FA_##NAME##_ROOT_POLY},                  \
                     sizeof((const double[]){FA_##NAME##_ROOT_POLY}) / sizeof(double))
#define FA_NEAR_ROOT(x, NAME) (fa__abs(x - FA_##NAME##_ROOT_HI) < FA_##NAME##_ROOT_WIDTH)

FA_INLINE double fa__copysign(double magnitude, double sign) {
    return __builtin_copysign(magnitude, sign);
}

FA_INLINE double fa__min(double x, double high) { /* NaN stays */
    return x > high ? high : x;
}

FA_INLINE double fa__max(double x, double low) { /* NaN stays */
    return x < low ? low : x;
}

/* 1.5 * 2^52: adding it rounds a double of magnitude below 2^51 to an integer, and leaves that integer
 * in the low bits, without the rounding or conversion instructions that SSE2 and AVX2 lack. */
#define FA__ROUNDER 0x1.8p52

FA_INLINE uint64_t fa__bits(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* 2^k as a double, k in [-1022, 1023] given as FA__ROUNDER + k */
FA_INLINE double fa__exp2_of(double rounder_plus_k) {
    uint64_t u = (fa__bits(rounder_plus_k) + 1023) << 52;
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
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

FA_INLINE fa__pair fa__scale_pair(fa__pair x, fa__power p) {
    return (fa__pair){fa__scale(x.h, p), fa__scale(x.l, p)};
}

/* e^x = (1 + t) * 2^k with abs(t) < 0.42. Beyond +-limit x is clamped there, where float32 (plain) and
 * float64 (compensated) have long under- or overflown. */
typedef struct {
    fa__pair t;
    fa__power power;
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
    double k = shifted - FA__ROUNDER;
    /* r = x - k ln 2; the first difference is exact (Cody and Waite) */
    double first = xh - k * FA_LN2_HI;
    fa__pair r = fa__two_sum(first, -k * FA_LN2_LO);
    double rest = r.h * r.h * FA_POLY(r.h, FA_EXP_POLY);
#if FA_COMPENSATE
    double xl = x.h == xh ? x.l : 0.0;
    e.t = fa__fast_sum(r.h, fa__fma(r.l + xl, 1.0 + (r.h + rest), rest));
    double half = fa__fma(k, 0.5, FA__ROUNDER);
    e.power.a = fa__exp2_of(half);
    e.power.b = fa__exp2_of(k - (half - FA__ROUNDER) + FA__ROUNDER);
#else
    e.t = fa__pair_of(r.h + rest);
    e.power = (fa__power){fa__exp2_of(shifted), 1.0};
#endif
    return e;
}

/* e^x = m * 2^k, m in (0.58, 1.42) */
typedef struct {
    fa__pair m;
    fa__power power;
} fa__exponential;

FA_INLINE fa__exponential fa__exp_pair(fa__pair x) {
    fa__exp_parts e = fa__exp_reduce(x);
    fa__pair m = fa__fast_sum(1.0, e.t.h);
#if FA_COMPENSATE
    m.l += e.t.l;
#endif
    return (fa__exponential){m, e.power};
}

FA_INLINE fa__exponential fa__exp(double x) {
    return fa__exp_pair(fa__pair_of(x));
}

/* the exponential as one number; underflows to 0, which is right wherever 1 is added to it */
FA_INLINE fa__pair fa__unscaled(fa__exponential e) {
    return fa__scale_pair(e.m, e.power);
}

/* e^x - 1 for x <= 0: (2^k - 1) + 2^k t; clamped at -100, where it is -1 to 2^-144 */
FA_INLINE fa__pair fa__expm1_nonpositive(fa__pair x) {
    int low = x.h < -100.0;
    fa__pair clamped = {low ? -100.0 : x.h, low ? 0.0 : x.l};
    fa__exp_parts e = fa__exp_reduce(clamped);
    double s = fa__scale(1.0, e.power);
    fa__pair whole = fa__fast_sum(-1.0, s);
    fa__pair sum = fa__two_sum(whole.h, s * e.t.h);
#if FA_COMPENSATE
    sum = fa__fast_sum(sum.h, sum.l + (whole.l + s * e.t.l));
#endif
    return sum;
}

/* log(1 + e) for e = e^x, x <= 0, as value * 2^k.
 * e < sqrt 2 - 1: log(1 + e) = 2 atanh(e/(2 + e)), scaled last, so that it stays right as e underflows;
 * else: log 2 + 2 atanh((e - 1)/(e + 3)). */
typedef struct {
    fa__pair value;
    fa__power power;
} fa__logarithm;

FA_INLINE fa__logarithm fa__log1p_exp(fa__exponential x) {
    fa__pair e = fa__unscaled(x);
    int large = e.h > 0.41421356237309503;
    fa__pair numerator = fa__select(large, fa__add_double(e, -1.0), x.m);
    fa__pair s = fa__div(numerator, fa__add_double(e, large ? 3.0 : 2.0));
    fa__power power = fa__select_power(large, fa__no_power(), x.power);
    double true_s = fa__scale(s.h, power);
    double square = true_s * true_s;
    double rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair log = {2.0 * s.h, 2.0 * s.l};
#if FA_COMPENSATE
    log = fa__fast_sum(log.h, log.l + rest);
#else
    log.h += rest;
#endif
    fa__pair constant = {FA_LN2, FA_LN2_REST};
    return (fa__logarithm){fa__select(large, fa__add(constant, log), log), power};
}

/* M(a) = e^(a^2/2) Phi(-a) for 0 <= a <= 40: Mills' ratio over sqrt(2 pi). Times 2 + 4 a/sqrt(2 pi) it is a
 * smooth function, from 1 to 2/pi, of t = (a - K)/(a + K), which maps [0, inf) to [-1, 1). */
FA_INLINE fa__pair fa__mills(double a) {
    double t = (a - FA_MILLS_CENTRE) / (a + FA_MILLS_CENTRE);
    double rest = FA_POLY(t, FA_MILLS_POLY);
    fa__pair scaled = fa__with_constant(FA_MILLS_CONSTANT_HI, FA_MILLS_CONSTANT_LO, t, rest);
    fa__pair density = {FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO};
    return fa__div(scaled, fa__add_double(fa__mul_double(density, 4 * a), 2.0));
}

/* phi(x) sqrt(2 pi) = e^(-a^2/2), with the rounding error of the square carried along */
FA_INLINE fa__exponential fa__gauss(double a) {
    fa__pair square = fa__two_prod(a, a);
    return fa__exp_pair((fa__pair){-0.5 * square.h, -0.5 * square.l});
}

#endif
