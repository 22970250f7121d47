/* Formulas of exponentials with the least compensation that meets the bounds: NAME_DIRECTION_direct. They serve
 * instruction sets with an FMA where there are no table kernels (polynomial/direct.h), at the default parameters and for
 * the inputs stated in polynomial/direct_entries.h; others are computed by the formulas of the other files.
 * In float32 kernels all low parts are omitted, as everywhere.
 *
 * An exponential is kept as 2^k (1 + p + low). A quotient a/b of two sums is
 *
 *     y = a/b + (a - y b)/b,  with the low parts of a and b in the remainder
 *
 * so it is rounded once, as is each result. */
#ifndef FA_FORMULAS_DIRECT_H
#define FA_FORMULAS_DIRECT_H

#include "formulas/gated.h"

/* e^x = power (1 + p), power = 2^k, p = e^r - 1, abs p < 0.42. For abs x < 708. */
typedef struct {
    double power, p;
} fa__direct_parts;

/* (e^r - 1 - r)/r^2 to the last bit of a double, as a tree: a chain of multiply-adds would wait for each of them */
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

/* e^x as accurate as the arrays' type */
FA_INLINE fa__direct_parts fa__direct_exp(double x) {
    fa__direct_reduced a = fa__direct_reduce(x);
    double square = a.r * a.r;
#if FA_COMPENSATE
    double rest = fa__direct_rest(a.r, square);
#else
    const double c[] = {FA_EXP_POLY_FLOAT32};
    double high = fa__fma(square, c[0], fa__fma(a.r, c[1], c[2]));
    double rest = fa__fma(square, high, fa__fma(a.r, c[3], c[4]));
#endif
    return (fa__direct_parts){a.power, fa__fma(square, rest, a.r)};
}

/* a + b c as a pair, for abs a >= abs(b c), or a = 0 */
FA_INLINE fa__pair fa__direct_fma(double b, double c, double a) {
    fa__pair sum = {fa__fma(b, c, a), 0};
#if FA_COMPENSATE
    sum.l = fa__fma(b, c, a - sum.h);
#endif
    return sum;
}

/* e^x as a pair that holds the rounding error of 1 + p, but not that of p */
FA_INLINE fa__pair fa__direct_pair(fa__direct_parts e) {
    return fa__direct_fma(e.power, e.p, e.power);
}

/* e^x as whole + power (p + low), whole = power, to the last bit of a double: for the few results in which 1 + p or
 * e^x - 1 cancels */
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
    fa__pair sum = fa__direct_fma(e.power, e.p, whole);
#if FA_COMPENSATE
    sum.l = fa__fma(e.power, e.low, sum.l);
#endif
    return sum;
}

/* a/b */
FA_INLINE fa__pair fa__direct_quotient(fa__pair a, fa__pair b) {
#if FA_COMPENSATE
    double inverse = 1 / b.h, y = a.h * inverse;
    double remainder = fa__fma(-y, b.h, a.h) + fa__fma(-y, b.l, a.l);
    return (fa__pair){y, remainder * inverse};
#else
    return fa__pair_of(a.h / b.h);
#endif
}

/* 1/b^2 */
FA_INLINE fa__pair fa__direct_inverse_square(fa__pair b) {
    double inverse = 1 / b.h;
    fa__pair square = {inverse * inverse, 0};
#if FA_COMPENSATE
    double remainder = fa__fma(-inverse, b.l, fa__fma(-inverse, b.h, 1));
    square.l = fa__fma(2 * remainder, square.h, fa__fma(inverse, inverse, -square.h));
#endif
    return square;
}

/* a + low part, with that of another number */
FA_INLINE fa__pair fa__direct_more(fa__pair a, double low) {
#if FA_COMPENSATE
    a.l += low;
#else
    (void)low;
#endif
    return a;
}

/* a + b c, of which b c is at most some last places of a */
FA_INLINE fa__pair fa__direct_more_of(fa__pair a, double b, double c) {
#if FA_COMPENSATE
    a.l = fa__fma(b, c, a.l);
#else
    (void)b, (void)c;
#endif
    return a;
}

/* h + l, x (h + l) and a b, rounded once */
FA_INLINE double fa__direct_value(fa__pair a) {
    return FA_COMPENSATE ? a.h + a.l : a.h;
}

FA_INLINE double fa__direct_times(double x, fa__pair a) {
    return FA_COMPENSATE ? fa__fma(x, a.h, x * a.l) : x * a.h;
}

FA_INLINE double fa__direct_product(fa__pair a, fa__pair b) {
    return FA_COMPENSATE ? fa__fma(a.h, b.h, fa__fma(a.h, b.l, a.l * b.h)) : a.h * b.h;
}

/* exp, elu, selu --------------------------------------------------------------------------------------- */

/* e^x in the arrays' own type */
FA_INLINE fa__native exp_forward_direct(fa__native x) {
#if FA_COMPENSATE
    fa__direct_parts e = fa__direct_exp(x);
    return fa__fma(e.power, e.p, e.power);
#else
    fa__native_parts e = fa__native_exp((fa__native_pair){x, 0});
    return fa__native_fma(e.power, e.p, e.power);
#endif
}

FA_INLINE fa__native exp_derivative_direct(fa__native x) {
    return exp_forward_direct(x);
}

/* from -40 on e^x - 1 is -1 */
FA_INLINE double elu_forward_direct(double x) {
    fa__direct_parts e = fa__direct_exp(fa__max(fa__min(x, 0), -40));
    double below = fa__fma(e.power, e.p, e.power - 1);
    return x >= 0 ? x : below;
}

FA_INLINE fa__native elu_derivative_direct(fa__native x) {
    return exp_forward_direct(x > 0 ? 0 : x);
}

FA_INLINE double celu_forward_direct(double x) {
    return elu_forward_direct(x);
}

FA_INLINE fa__native celu_derivative_direct(fa__native x) {
    return elu_derivative_direct(x);
}

FA_INLINE fa__native celu_from_output_direct(fa__native y) {
    return y > 0 ? 1 : y + 1;
}

/* selu scales (e^x - 1) and e^x by the product of its constants */
FA_INLINE double selu_forward_direct(double x) {
    fa__pair scale = fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA);
    fa__direct_accurate e = fa__direct_exp_accurate(fa__max(fa__min(x, 0), -40));
    double below = fa__direct_product(fa__direct_sum_of(e.power - 1, e), scale);
    return x >= 0 ? FA__SELU_SCALE * x : below;
}

FA_INLINE double selu_derivative_direct(double x) {
    fa__pair scale = fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA);
    double below = fa__direct_product(fa__direct_pair(fa__direct_exp(fa__min(x, 0))), scale);
    return x > 0 ? FA__SELU_SCALE : below;
}

/* sigmoid, silu ---------------------------------------------------------------------------------- */

/* whole + e, for whole >= e */
FA_INLINE fa__pair fa__direct_plus(double whole, fa__pair e) {
    return fa__direct_more(fa__fast_sum(whole, e.h), e.l);
}

/* sigmoid(x), given e = exp(-abs x): x >= 0: 1/(1 + e); x < 0: e/(1 + e) */
FA_INLINE fa__pair fa__direct_sigmoid_of(double x, fa__pair e) {
    return fa__direct_quotient(fa__select(x < 0, e, fa__pair_of(1)), fa__direct_plus(1, e));
}

FA_INLINE fa__pair fa__direct_sigmoid(double x) {
    return fa__direct_sigmoid_of(x, fa__direct_pair(fa__direct_exp(-fa__abs(x))));
}

FA_INLINE double sigmoid_forward_direct(double x) {
    return fa__direct_value(fa__direct_sigmoid(x));
}

FA_INLINE double silu_forward_direct(double x) {
    return fa__direct_times(x, fa__direct_sigmoid(x));
}

FA_INLINE double swish_forward_direct(double x) {
    return silu_forward_direct(x);
}

/* e/(1 + e)^2, e = exp(-abs x) */
FA_INLINE double sigmoid_derivative_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x)));
    return fa__direct_product(e, fa__direct_inverse_square(fa__direct_plus(1, e)));
}

/* a + b, of any sizes */
FA_INLINE fa__pair fa__direct_add(fa__pair a, fa__pair b) {
    return fa__direct_more(fa__two_sum(a.h, b.h), a.l + b.l);
}

/* g = top/bottom^2 for negative x, otherwise 1 - g. Not near a root. */
FA_INLINE double fa__direct_slope(double x, fa__pair top, fa__pair bottom) {
    fa__pair inverse = fa__direct_inverse_square(bottom);
    double rest = FA_COMPENSATE ? fa__fma(top.h, inverse.l, top.l * inverse.h) : 0;
    double left = FA_COMPENSATE ? fa__fma(top.h, inverse.h, rest) : top.h * inverse.h;
    double right = fa__fma(-top.h, inverse.h, 1) - rest;
    return x < 0 ? left : right;
}

/* g = e (1 + e - slope)/(1 + e)^2 likewise */
FA_INLINE double fa__direct_silu_slope(double x, fa__pair e, fa__pair slope) {
    fa__pair bottom = fa__direct_plus(1, e);
    return fa__direct_slope(x, fa__mul(e, fa__direct_add(bottom, fa__negate(slope))), bottom);
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
    fa__pair inner = fa__direct_more(fa__pair_of(h),
                                     fa__fma(cubic, fa__fma(a, a, -square), fa__fma(square, cubic, 1 - h)));
    fa__pair ka = fa__mul_double((fa__pair){FA_SQRT_8_PI_HI, FA_SQRT_8_PI_LO}, a);
    fa__pair outer = fa__add_double(fa__mul_double(inner, 3), -2);
    return (fa__direct_gelu_tanh){fa__mul(ka, inner), fa__mul(ka, outer)};
}

/* e^-z for z >= 0: a pair that holds the rounding error of 1 + p, and one to the last bit of a double */
FA_INLINE fa__pair fa__direct_decay(fa__pair z) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-z.h));
    return fa__direct_more_of(e, -e.h, z.l);
}

FA_INLINE fa__pair fa__direct_decay_accurate(fa__pair z) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-z.h);
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    return fa__direct_more_of(e, -e.h, z.l);
}

/* x sigmoid(z), z of the sign of x */
FA_INLINE double gelu_tanh_forward_direct(double x) {
    fa__pair z = fa__direct_gelu_tanh_of(fa__abs(x)).z;
    return fa__direct_times(x, fa__direct_sigmoid_of(x, fa__direct_decay(z)));
}

/* as silu', with z' a in place of a */
FA_INLINE double gelu_tanh_derivative_direct(double x) {
    fa__direct_gelu_tanh of = fa__direct_gelu_tanh_of(fa__abs(x));
    return fa__direct_silu_slope(x, fa__direct_decay_accurate(of.z), of.slope);
}

/* x sigmoid(z), z = 1.702 x */
FA_INLINE double quick_gelu_forward_direct(double x) {
    fa__pair z = fa__two_prod(fa__abs(x), FA__QUICK_GELU);
    return fa__direct_times(x, fa__direct_sigmoid_of(x, fa__direct_decay(z)));
}

/* as silu', with z in place of a */
#define FA__QUICK_GELU_ROOT (FA_SILU_ROOT_HI / FA__QUICK_GELU)
FA_INLINE double quick_gelu_derivative_direct(double x) {
    fa__pair z = fa__two_prod(fa__abs(x), FA__QUICK_GELU);
    return fa__direct_silu_slope(x, fa__direct_decay_accurate(z), z);
}

/* tanh ------------------------------------------------------------------------------------------- */

/* e^z - 1 as a pair, for z <= 0 */
FA_INLINE fa__pair fa__direct_m(fa__direct_accurate e) {
    double whole = e.power - 1;
    return fa__direct_more(fa__direct_sum_of(whole, e), e.power - (whole + 1));
}

FA_INLINE double tanh_derivative_direct(double x) {
    return 4 * sigmoid_derivative_direct(2 * x);
}

/* softplus --------------------------------------------------------------------------------------- */

/* base + 2 s + rest, for base = 0 or of the size of s or more */
FA_INLINE fa__pair fa__direct_sum_with(fa__pair base, fa__pair s, double rest) {
#if FA_COMPENSATE
    fa__pair sum = fa__fast_sum(base.h, 2 * s.h);
    sum.l += fa__fma(2, s.l, rest) + base.l;
    return sum;
#else
    return fa__pair_of(base.h + fa__fma(2, s.h, rest));
#endif
}

/* max(x, 0) + log(1 + e), e = exp(-abs x). With s = e/(2 + e), or (e - 1)/(3 + e) where e > sqrt 2 - 1:
 * log(1 + e) = 2 atanh s (+ log 2) */
FA_INLINE double softplus_forward_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x)));
    int large = e.h > 0.41421356237309503;
    double whole = e.h - 1, more = large ? 3 : 2;
    fa__pair top = fa__direct_more(fa__pair_of(large ? whole : e.h), large ? e.l + (e.h - (whole + 1)) : e.l);
    fa__pair s = fa__direct_quotient(top, fa__direct_plus(more, e));
    double square = s.h * s.h, rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair base = fa__two_sum(fa__max(x, 0), large ? FA_LN2_DOUBLE : 0);
    base.l += large ? FA_LN2_REST : 0;
    double small = FA_COMPENSATE ? fa__fma(2, s.l, rest) + base.l : rest;
    return base.h + fa__fma(2, s.h, small);
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
    return fa__direct_more_of(e, -0.5 * e.h, fa__fma(a, a, -square));
}

/* Mills' ratio over sqrt(2 pi), as fa__mills */
FA_INLINE fa__pair fa__direct_mills(double a) {
    const double c[] = {FA_MILLS_POLY}; /* of degree 22 */
    double t = (a - FA_MILLS_CENTRE) / (a + FA_MILLS_CENTRE), square = t * t, rest = c[0];
#pragma GCC unroll 16
    for (size_t i = 1; i < sizeof c / sizeof *c; i += 2) /* two terms a step halve the chain */
        rest = fa__fma(square, rest, fa__fma(t, c[i], c[i + 1]));
    fa__pair top = fa__direct_more(fa__fast_sum(FA_MILLS_CONSTANT_HI, t * rest), FA_MILLS_CONSTANT_LO);
    fa__pair density = fa__mul_double((fa__pair){FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO}, 4 * a);
    return fa__direct_quotient(top, fa__direct_add(fa__pair_of(2), density));
}

/* right: x (1 - t), left: x t, t = Phi(-abs x) */
FA_INLINE double gelu_forward_direct(double x) {
    double a = fa__abs(x);
    fa__pair t = fa__mul(fa__direct_gauss(a), fa__direct_mills(a));
    return fa__direct_times(x, fa__select(x < 0, t, fa__direct_plus(1, fa__negate(t))));
}

/* gelu'(-a) = g = e^(-a^2/2) (M(a) - a/sqrt(2 pi)) and gelu'(a) = 1 - g */
FA_INLINE double gelu_derivative_direct(double x) {
    double a = fa__abs(x);
    fa__pair density = fa__mul_double((fa__pair){FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO}, a);
    fa__pair g = fa__mul(fa__direct_gauss(a), fa__direct_add(fa__direct_mills(a), fa__negate(density)));
    double left = fa__direct_value(g), right = fa__direct_value(fa__direct_plus(1, fa__negate(g)));
    return FA_NEAR_ROOT(x, GELU) ? FA_THROUGH_ROOT(fa__pair_of(x), GELU) : x < 0 ? left : right;
}

#endif
