/* Formulas of exponentials in float64 with the least compensation that meets the bounds: NAME_DIRECTION_direct. They serve
 * instruction sets with an FMA that have no table kernels (polynomial/direct.h), at the default parameters and for the
 * inputs stated in polynomial/direct_entries.h; others are computed by the formulas of the other files.
 *
 * An exponential is kept as 2^k (1 + p + low). A quotient a/b of two sums is
 *
 *     y = a/b + (a - y b)/b,  with the low parts of a and b in the remainder
 *
 * so it is rounded once, as is each result. */
#ifndef FA_FORMULAS_DIRECT_H
#define FA_FORMULAS_DIRECT_H

#include "formulas/logistic.h"
#include "math/exponential.h"

/* e^x = power (1 + p), power = 2^k, p = e^r - 1, abs p < 0.42. For abs x < 708. */
typedef struct {
    double power, p;
} fa__direct_parts;

/* (e^r - 1 - r)/r^2, as a tree: a chain of multiply-adds would wait for each of them */
FA_INLINE double fa__direct_rest(double r, double square) {
    const double c[] = {FA_EXP_POLY};
    double fourth = square * square;
    double low = fa__fma(square, fa__fma(r, c[7], c[8]), fa__fma(r, c[9], c[10]));
    double high = fa__fma(square, fa__fma(r, c[3], c[4]), fa__fma(r, c[5], c[6]));
    double highest = fa__fma(square, c[0], fa__fma(r, c[1], c[2]));
    return fa__fma(fourth, fa__fma(fourth, highest, high), low);
}

/* x = k ln 2 + r + r_low, exactly to 2^-100 or so */
typedef struct {
    double power, r, r_low;
} fa__direct_reduced;

FA_INLINE fa__direct_reduced fa__direct_reduce(double x) {
    const double shift = FA__ROUNDER + 1023; /* leaves the exponent bits of 2^k */
    double shifted = fa__fma(x, FA_LOG2_E, shift), k = shifted - shift;
    double first = fa__fma(-k, FA_LN2_HI, x), r = fa__fma(-k, FA_LN2_LO, first); /* first is exact */
    return (fa__direct_reduced){fa__from_bits(fa__bits(shifted) << 52), r, fa__fma(-k, FA_LN2_LO, first - r)};
}

FA_INLINE fa__direct_parts fa__direct_exp(double x) {
    fa__direct_reduced a = fa__direct_reduce(x);
    double square = a.r * a.r;
    return (fa__direct_parts){a.power, fa__fma(square, fa__direct_rest(a.r, square), a.r)};
}

/* e^x as a pair that holds the rounding error of 1 + p, but not that of p */
FA_INLINE fa__pair fa__direct_pair(fa__direct_parts e) {
    double h = fa__fma(e.power, e.p, e.power);
    return (fa__pair){h, fa__fma(e.power, e.p, e.power - h)};
}

/* e^x as whole + power (p + low), whole = power: for the few results in which 1 + p or e^x - 1 cancels */
typedef struct {
    double power, p, low;
} fa__direct_accurate;

FA_INLINE fa__direct_accurate fa__direct_exp_accurate(double x) {
    fa__direct_reduced a = fa__direct_reduce(x);
    double square = a.r * a.r;
    double rest = fa__fma(square, fa__direct_rest(a.r, square), fa__fma(a.r_low, a.r, a.r_low));
    double p = a.r + rest;
    return (fa__direct_accurate){a.power, p, rest - (p - a.r)};
}

/* whole + power (p + low) as a pair, for abs whole >= power abs p, or whole = 0 */
FA_INLINE fa__pair fa__direct_sum_of(double whole, fa__direct_accurate e) {
    double h = fa__fma(e.power, e.p, whole);
    return (fa__pair){h, fa__fma(e.power, e.low, fa__fma(e.power, e.p, whole - h))};
}

/* y + rest */
typedef struct {
    double y, rest;
} fa__direct_sum;

/* a/b */
FA_INLINE fa__direct_sum fa__direct_quotient(fa__pair a, fa__pair b) {
    double inverse = 1 / b.h, y = a.h * inverse;
    double remainder = fa__fma(-y, b.h, a.h) + fa__fma(-y, b.l, a.l);
    return (fa__direct_sum){y, remainder * inverse};
}

/* exp, elu, selu --------------------------------------------------------------------------------------- */

FA_INLINE double exp_forward_direct(double x) {
    fa__direct_parts e = fa__direct_exp(x);
    return fa__fma(e.power, e.p, e.power);
}

FA_INLINE double exp_derivative_direct(double x) {
    return exp_forward_direct(x);
}

/* from -40 on e^x - 1 is -1 */
FA_INLINE double elu_forward_direct(double x) {
    fa__direct_parts e = fa__direct_exp(fa__max(fa__min(x, 0), -40));
    double below = fa__fma(e.power, e.p, e.power - 1);
    return x >= 0 ? x : below;
}

FA_INLINE double elu_derivative_direct(double x) {
    return exp_forward_direct(fa__min(x, 0));
}

FA_INLINE double celu_forward_direct(double x) {
    return elu_forward_direct(x);
}

FA_INLINE double celu_derivative_direct(double x) {
    return elu_derivative_direct(x);
}

/* selu scales (e^x - 1) and e^x by the product of its constants */
FA_INLINE double selu_forward_direct(double x) {
    fa__pair scale = fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA);
    fa__direct_accurate e = fa__direct_exp_accurate(fa__max(fa__min(x, 0), -40));
    fa__pair m = fa__direct_sum_of(e.power - 1, e);
    double below = fa__fma(m.h, scale.h, fa__fma(m.h, scale.l, m.l * scale.h));
    return x >= 0 ? FA__SELU_SCALE * x : below;
}

FA_INLINE double selu_derivative_direct(double x) {
    fa__pair scale = fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA);
    fa__pair e = fa__direct_pair(fa__direct_exp(fa__min(x, 0)));
    double below = fa__fma(e.h, scale.h, fa__fma(e.h, scale.l, e.l * scale.h));
    return x > 0 ? FA__SELU_SCALE : below;
}

/* sigmoid, silu ---------------------------------------------------------------------------------- */

/* sigmoid(x), with e = exp(-abs x): x >= 0: 1/(1 + e); x < 0: e/(1 + e) */
FA_INLINE fa__direct_sum fa__direct_sigmoid(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x))), bottom = fa__fast_sum(1, e.h);
    bottom.l += e.l;
    return fa__direct_quotient(fa__select(x < 0, e, fa__pair_of(1)), bottom);
}

FA_INLINE double sigmoid_forward_direct(double x) {
    fa__direct_sum s = fa__direct_sigmoid(x);
    return s.y + s.rest;
}

FA_INLINE double silu_forward_direct(double x) {
    fa__direct_sum s = fa__direct_sigmoid(x);
    return fa__fma(x, s.y, x * s.rest);
}

FA_INLINE double swish_forward_direct(double x) {
    return silu_forward_direct(x);
}

/* 1/b^2 */
FA_INLINE fa__pair fa__direct_inverse_square(fa__pair b) {
    double inverse = 1 / b.h, square = inverse * inverse;
    double remainder = fa__fma(-inverse, b.l, fa__fma(-inverse, b.h, 1));
    return (fa__pair){square, fa__fma(2 * remainder, square, fa__fma(inverse, inverse, -square))};
}

/* e/(1 + e)^2, e = exp(-abs x) */
FA_INLINE double sigmoid_derivative_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x))), bottom = fa__fast_sum(1, e.h);
    bottom.l += e.l;
    fa__pair inverse = fa__direct_inverse_square(bottom);
    return fa__fma(e.h, inverse.h, fa__fma(e.h, inverse.l, e.l * inverse.h));
}

/* g = e (1 + e - slope)/(1 + e)^2 for negative x, otherwise 1 - g. Not near the root of g. */
FA_INLINE double fa__direct_silu_slope(double x, fa__pair e, fa__pair slope) {
    fa__pair bottom = fa__fast_sum(1, e.h), sum = fa__two_sum(bottom.h, -slope.h);
    bottom.l += e.l;
    sum.l += bottom.l - slope.l;
    fa__pair top = fa__mul(e, sum), inverse = fa__direct_inverse_square(bottom);
    double rest = fa__fma(top.h, inverse.l, top.l * inverse.h);
    double left = fa__fma(top.h, inverse.h, rest), right = fa__fma(-top.h, inverse.h, 1) - rest;
    return x < 0 ? left : right;
}

/* With e = exp(-a): silu'(-a) = g = e (1 + e - a)/(1 + e)^2 and silu'(a) = 1 - g */
FA_INLINE double silu_derivative_direct(double x) {
    double a = fa__abs(x);
    fa__direct_accurate parts = fa__direct_exp_accurate(-a);
    return fa__direct_silu_slope(x, fa__direct_sum_of(parts.power, parts), fa__pair_of(a));
}

FA_INLINE double swish_derivative_direct(double x) {
    return silu_derivative_direct(x);
}

/* gelu_tanh: z = k a (1 + c a^2), k = 2 sqrt(2/pi), c = 0.044715, and z' a = k a (1 + 3 c a^2), a = abs x */
typedef struct {
    fa__pair z, slope;
} fa__direct_gelu_tanh;

FA_INLINE fa__direct_gelu_tanh fa__direct_gelu_tanh_of(double a) {
    double square = a * a, cubic = 0.044715, h = fa__fma(square, cubic, 1);
    fa__pair inner = {h, fa__fma(cubic, fa__fma(a, a, -square), fa__fma(square, cubic, 1 - h))};
    fa__pair ka = fa__mul_double((fa__pair){FA_SQRT_8_PI_HI, FA_SQRT_8_PI_LO}, a);
    fa__pair outer = fa__add_double(fa__mul_double(inner, 3), -2);
    return (fa__direct_gelu_tanh){fa__mul(ka, inner), fa__mul(ka, outer)};
}

/* x sigmoid(z), z of the sign of x */
FA_INLINE double gelu_tanh_forward_direct(double x) {
    fa__pair z = fa__direct_gelu_tanh_of(fa__abs(x)).z;
    fa__pair e = fa__direct_pair(fa__direct_exp(-z.h));
    e.l = fa__fma(-e.h, z.l, e.l);
    fa__pair bottom = fa__fast_sum(1, e.h);
    bottom.l += e.l;
    fa__direct_sum s = fa__direct_quotient(fa__select(x < 0, e, fa__pair_of(1)), bottom);
    return fa__fma(x, s.y, x * s.rest);
}

/* as silu', with z' a in place of a */
FA_INLINE double gelu_tanh_derivative_direct(double x) {
    fa__direct_gelu_tanh of = fa__direct_gelu_tanh_of(fa__abs(x));
    fa__direct_accurate parts = fa__direct_exp_accurate(-of.z.h);
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    e.l = fa__fma(-e.h, of.z.l, e.l);
    return fa__direct_silu_slope(x, e, of.slope);
}

/* tanh ------------------------------------------------------------------------------------------- */

/* e^z - 1 as a pair, for z <= 0 */
FA_INLINE fa__pair fa__direct_m(fa__direct_accurate e) {
    double whole = e.power - 1;
    fa__pair m = fa__direct_sum_of(whole, e);
    m.l += e.power - (whole + 1);
    return m;
}

/* -tanh(abs x) = m/(2 + m), m = exp(-2 abs x) - 1; from 22 on tanh is 1 */
FA_INLINE fa__direct_sum fa__direct_tanh(double x) {
    fa__pair m = fa__direct_m(fa__direct_exp_accurate(-2 * fa__min(fa__abs(x), 22)));
    fa__pair bottom = fa__fast_sum(2, m.h);
    bottom.l += m.l;
    return fa__direct_quotient(m, bottom);
}

FA_INLINE double tanh_forward_direct(double x) {
    fa__direct_sum t = fa__direct_tanh(x);
    return fa__copysign(t.y + t.rest, x);
}

FA_INLINE double tanh_derivative_direct(double x) {
    return 4 * sigmoid_derivative_direct(2 * x);
}

/* softplus --------------------------------------------------------------------------------------- */

/* max(x, 0) + log(1 + e), e = exp(-abs x). With s = e/(2 + e), or (e - 1)/(3 + e) where e > sqrt 2 - 1:
 * log(1 + e) = 2 atanh s (+ log 2) */
FA_INLINE double softplus_forward_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x)));
    int large = e.h > 0.41421356237309503;
    double whole = e.h - 1, more = large ? 3 : 2;
    fa__pair top = {large ? whole : e.h, large ? e.l + (e.h - (whole + 1)) : e.l};
    fa__pair bottom = fa__fast_sum(more, e.h);
    bottom.l += e.l;
    fa__direct_sum s = fa__direct_quotient(top, bottom);
    double square = s.y * s.y, rest = s.y * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair base = fa__two_sum(fa__max(x, 0), large ? FA_LN2_DOUBLE : 0);
    base.l += large ? FA_LN2_REST : 0;
    return base.h + fa__fma(2, s.y, fa__fma(2, s.rest, rest) + base.l);
}

FA_INLINE double softplus_derivative_direct(double x) {
    return sigmoid_forward_direct(x);
}

FA_INLINE double log_sigmoid_forward_direct(double x) {
    return -softplus_forward_direct(-x);
}

FA_INLINE double log_sigmoid_derivative_direct(double x) {
    return sigmoid_forward_direct(-x);
}

/* gelu ------------------------------------------------------------------------------------------- */

/* e^(-a^2/2) as a pair */
FA_INLINE fa__pair fa__direct_gauss(double a) {
    double square = a * a;
    fa__pair e = fa__direct_pair(fa__direct_exp(-0.5 * square));
    e.l = fa__fma(-0.5 * e.h, fa__fma(a, a, -square), e.l);
    return e;
}

/* Mills' ratio over sqrt(2 pi), as fa__mills */
FA_INLINE fa__pair fa__direct_mills(double a) {
    const double c[] = {FA_MILLS_POLY}; /* of degree 22 */
    double t = (a - FA_MILLS_CENTRE) / (a + FA_MILLS_CENTRE), square = t * t, rest = c[0];
#pragma GCC unroll 16
    for (size_t i = 1; i < sizeof c / sizeof *c; i += 2) /* two terms a step halve the chain */
        rest = fa__fma(square, rest, fa__fma(t, c[i], c[i + 1]));
    fa__pair top = fa__fast_sum(FA_MILLS_CONSTANT_HI, t * rest);
    fa__pair bottom = fa__two_sum(2, 4 * a * FA_INV_SQRT_2PI_HI);
    top.l += FA_MILLS_CONSTANT_LO;
    bottom.l +=
        fa__fma(4 * a, FA_INV_SQRT_2PI_HI, -(4 * a * FA_INV_SQRT_2PI_HI)) + 4 * a * FA_INV_SQRT_2PI_LO;
    fa__direct_sum m = fa__direct_quotient(top, bottom);
    return (fa__pair){m.y, m.rest};
}

/* right: x (1 - t), left: x t, t = Phi(-abs x) */
FA_INLINE double gelu_forward_direct(double x) {
    double a = fa__abs(x);
    fa__pair t = fa__mul(fa__direct_gauss(a), fa__direct_mills(a));
    fa__pair rest = fa__fast_sum(1, -t.h);
    rest.l -= t.l;
    t = fa__select(x < 0, t, rest);
    return fa__fma(x, t.h, x * t.l);
}

/* gelu'(-a) = g = e^(-a^2/2) (M(a) - a/sqrt(2 pi)) and gelu'(a) = 1 - g */
FA_INLINE double gelu_derivative_direct(double x) {
    double a = fa__abs(x), product = a * FA_INV_SQRT_2PI_HI;
    fa__pair m = fa__direct_mills(a), slope = fa__two_sum(m.h, -product);
    slope.l += m.l - fa__fma(a, FA_INV_SQRT_2PI_LO, fa__fma(a, FA_INV_SQRT_2PI_HI, -product));
    fa__pair g = fa__mul(fa__direct_gauss(a), slope);
    fa__pair rest = fa__fast_sum(1, -g.h);
    double left = g.h + g.l, right = rest.h + (rest.l - g.l);
    return FA_NEAR_ROOT(x, GELU) ? FA_THROUGH_ROOT(fa__pair_of(x), GELU) : x < 0 ? left : right;
}

#endif
