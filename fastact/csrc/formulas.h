/* THE FORMULAS: for each row of activations.def, f(x) and f'(x) for one element, forward above backward.
 * Knows mathematics and elementary.h; does not know arrays, loops, threads, instruction sets or Python.
 *
 * To change how an activation is computed, change it here. To add one, add its functions here and its
 * row to include/fastact/activations.def.
 *
 * A. Written once, in double: the float32 kernels widen x, evaluate and round once; the float64 kernels
 *    keep the rounding errors of the critical steps (pair.h) so that they too meet the row's bound.
 * B. A function whose every operation is exact, or that rounds once, is written in `real`, the kernel's
 *    own type: it gives the same result either way, and float32 vectors stay full.
 * C. No branches, only selects; NaN must come out of every select. Infinite x gives the limit of f.
 * D. Tails are exponentials times something tame, scaled last: never zero while the truth is not.
 */
#ifndef FA_FORMULAS_H
#define FA_FORMULAS_H

#include "elementary.h"

/* large enough for every tail to have reached its limit, small enough never to overflow a product */
#define FA__FAR FA__EXP_LIMIT

/* relu ------------------------------------------------------------------------------------------- */

FA_INLINE real relu_forward(real x) {
    return x <= 0 ? 0 : x;
}

FA_INLINE real relu_derivative(real x) {
    return x > 0 ? 1 : relu_forward(x);
}

FA_INLINE real relu_derivative_from_output(real y) {
    return relu_derivative(y);
}

/* leaky_relu ------------------------------------------------------------------------------------- */

FA_INLINE real leaky_relu_forward(real x, real negative_slope) {
    return x > 0 ? x : negative_slope * x;
}

FA_INLINE real leaky_relu_derivative(real x, real negative_slope) {
    return x > 0 ? 1 : (x <= 0 ? negative_slope : x);
}

FA_INLINE real leaky_relu_derivative_from_output(real y, real negative_slope) {
    return leaky_relu_derivative(y, negative_slope);
}

/* elu -------------------------------------------------------------------------------------------- */

FA_INLINE double elu_forward(double x, double alpha) {
    fa__pair below = fa__mul_double(fa__expm1_nonpositive(fa__pair_of(fa__min(x, 0))), alpha);
    return x >= 0 ? x : fa__value(below); /* -0 stays -0 */
}

FA_INLINE double elu_derivative(double x, double alpha) {
    fa__exponential e = fa__exp(fa__min(x, 0));
    return x > 0 ? 1 : fa__scale(fa__value(fa__mul_double(e.m, alpha)), e.power);
}

FA_INLINE real elu_derivative_from_output(real y, real alpha) {
    return y > 0 ? 1 : y + alpha;
}

/* sigmoid ---------------------------------------------------------------------------------------- */

/* sigmoid(x) for a pair, as m * power, e = exp(-abs x):
 * x >= 0: 1/(1 + e); x < 0: e/(1 + e). The building block of its family. */
FA_INLINE fa__exponential fa__sigmoid_pair(fa__pair x) {
    int negative = x.h < 0;
    fa__exponential e = fa__exp_pair(fa__select(negative, x, fa__negate(x)));
    fa__pair numerator = fa__select(negative, e.m, fa__pair_of(1.0));
    fa__pair s = fa__div(numerator, fa__add_double(fa__unscaled(e), 1.0));
    return (fa__exponential){s, fa__select_power(negative, e.power, fa__no_power())};
}

FA_INLINE double sigmoid_forward(double x) {
    fa__exponential s = fa__sigmoid_pair(fa__pair_of(x));
    return fa__scale(fa__value(s.m), s.power);
}

/* e/(1 + e)^2, e = exp(-abs x): y (1 - y) without the cancellation */
FA_INLINE double sigmoid_derivative(double x) {
    fa__exponential e = fa__exp(-fa__abs(x));
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    return fa__scale(fa__value(fa__div(e.m, fa__mul(one_plus, one_plus))), e.power);
}

FA_INLINE double sigmoid_derivative_from_output(double y) {
    return y * (1 - y);
}

/* tanh ------------------------------------------------------------------------------------------- */

/* m/(2 + m), m = 1 - exp(-2 abs x) taken as -expm1 */
FA_INLINE double tanh_forward(double x) {
    fa__pair m = fa__expm1_nonpositive(fa__pair_of(-2 * fa__abs(x)));
    fa__pair t = fa__div(m, fa__add_double(m, 2.0));
    return fa__copysign(fa__value(t), x);
}

/* 4 e/(1 + e)^2, e = exp(-2 abs x) */
FA_INLINE double tanh_derivative(double x) {
    fa__exponential e = fa__exp(-2 * fa__abs(x));
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    return fa__scale(4 * fa__value(fa__div(e.m, fa__mul(one_plus, one_plus))), e.power);
}

FA_INLINE double tanh_derivative_from_output(double y) {
    return (1 - y) * (1 + y);
}

/* softplus --------------------------------------------------------------------------------------- */

/* (max(z, 0) + log(1 + exp(-abs z)))/beta, z = beta x */
FA_INLINE double softplus_forward(double x, double beta) {
    fa__pair z = fa__two_prod(beta, x);
    int negative = z.h < 0;
    fa__logarithm log = fa__log1p_exp(fa__exp_pair(fa__select(negative, z, fa__negate(z))));
    double below = fa__scale(fa__value(log.value), log.power);
    double above = fa__value(fa__add(z, fa__scale_pair(log.value, log.power)));
    return z.h > FA__FAR ? x : (negative ? below : above) / beta;
}

FA_INLINE double softplus_derivative(double x, double beta) {
    fa__exponential s = fa__sigmoid_pair(fa__two_prod(beta, x));
    return fa__scale(fa__value(s.m), s.power);
}

/* e^(beta y) = 1 + e^(beta x), so sigmoid(beta x) = 1 - e^(-beta y) */
FA_INLINE double softplus_derivative_from_output(double y, double beta) {
    return -fa__value(fa__expm1_nonpositive(fa__pair_of(fa__min(-beta * y, 0))));
}

/* silu ------------------------------------------------------------------------------------------- */

FA_INLINE double silu_forward(double x) {
    double near = fa__max(fa__min(x, FA__FAR), -FA__FAR); /* -inf * 0 would be NaN */
    fa__exponential s = fa__sigmoid_pair(fa__pair_of(near));
    double product = fa__scale(fa__value(fa__mul_double(s.m, near)), s.power);
    return x > FA__FAR ? x : product;
}

/* Left: g(a) = silu'(-a) = e (1 + e - a)/(1 + e)^2, e = exp(-a). Right: silu'(a) = 1 - g(a).
 * Near the root at -1.278 the difference cancels: (x - root) * polynomial there. */
FA_INLINE double silu_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__FAR);
    fa__exponential e = fa__exp(-a);
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    fa__pair g = fa__div(fa__mul(e.m, fa__add_double(one_plus, -a)), fa__mul(one_plus, one_plus));
    double left = fa__scale(fa__value(g), e.power);
    double right = fa__value(fa__add_double(fa__negate(fa__scale_pair(g, e.power)), 1.0));
    return FA_NEAR_ROOT(x, SILU) ? FA_THROUGH_ROOT(x, SILU) : x < 0 ? left : right;
}

/* gelu ------------------------------------------------------------------------------------------- */

/* beyond 39 the normal tail underflows in float64; Mills' ratio is fitted up to 40 */
#define FA__GAUSS_FAR 40.0

/* Q(a) = Phi(-a) = e^(-a^2/2) M(a). Left: x Q(abs x). Right: x (1 - Q(x)). */
FA_INLINE double gelu_forward(double x) {
    double a = fa__min(fa__abs(x), FA__GAUSS_FAR);
    fa__exponential e = fa__gauss(a);
    fa__pair q = fa__mul(e.m, fa__mills(a));
    double left = fa__scale(fa__value(fa__mul_double(q, -a)), e.power);
    fa__pair phi = fa__add_double(fa__negate(fa__scale_pair(q, e.power)), 1.0);
    double right = fa__value(fa__mul_double(phi, fa__min(x, FA__GAUSS_FAR))); /* not a: -0 stays -0 */
    return x < 0 ? left : x > FA__GAUSS_FAR ? x : right;
}

/* Left: g(a) = gelu'(-a) = e^(-a^2/2) (M(a) - a/sqrt(2 pi)). Right: gelu'(a) = 1 - g(a).
 * Near the root at -0.752 the difference cancels: (x - root) * polynomial there. */
FA_INLINE double gelu_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__GAUSS_FAR);
    fa__exponential e = fa__gauss(a);
    fa__pair density = fa__mul_double((fa__pair){FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO}, a);
    fa__pair g = fa__mul(e.m, fa__add(fa__mills(a), fa__negate(density)));
    double left = fa__scale(fa__value(g), e.power);
    double right = fa__value(fa__add_double(fa__negate(fa__scale_pair(g, e.power)), 1.0));
    return FA_NEAR_ROOT(x, GELU) ? FA_THROUGH_ROOT(x, GELU) : x < 0 ? left : right;
}

/* mish ------------------------------------------------------------------------------------------- */

/* tanh(softplus(x)) = ((1 + e^x)^2 - 1)/((1 + e^x)^2 + 1), multiplied out, with e = exp(-abs x):
 * left: e (e + 2)/(e^2 + 2 e + 2); right: (1 + 2 e)/(1 + 2 e + 2 e^2) */
FA_INLINE double mish_forward(double x) {
    double near = fa__max(fa__min(x, FA__FAR), -FA__FAR);
    int negative = x < 0;
    fa__exponential e = fa__exp(-fa__abs(near));
    fa__pair u = fa__unscaled(e);
    fa__pair square = fa__mul(u, u);
    fa__pair twice = {2 * u.h, 2 * u.l};
    fa__pair twice_square = {2 * square.h, 2 * square.l};
    fa__pair top_right = fa__add_double(twice, 1.0);
    fa__pair top = fa__select(negative, fa__mul(e.m, fa__add_double(u, 2.0)), top_right);
    fa__pair bottom = fa__select(negative, fa__add_double(fa__add(twice, square), 2.0),
                                 fa__add(top_right, twice_square));
    double t = fa__value(fa__mul_double(fa__div(top, bottom), near));
    double left = fa__scale(t, e.power);
    return negative ? left : x > FA__FAR ? x : t;
}

/* With e = exp(-abs x), from f' = e^x w/d^2, d = e^2x + 2 e^x + 2, w = 4(x+1) + 4 e^2x + e^3x + e^x (4x+6):
 * left:  e (4 + 6e + 4e^2 + e^3 + 4x(1 + e))/(2 + 2e + e^2)^2
 * right: (1 + 4e + 6e^2 + 4e^3 + 4x e^2 (1 + e))/(1 + 2e + 2e^2)^2
 * Near the root at -1.192 the numerator cancels: (x - root) * polynomial there. */
FA_INLINE double mish_derivative(double x) {
    double near = fa__max(fa__min(x, FA__FAR), -FA__FAR);
    int negative = x < 0;
    fa__exponential e = fa__exp(-fa__abs(near));
    fa__pair u = fa__unscaled(e);
    fa__pair one_plus = fa__add_double(u, 1.0);
    fa__pair square = fa__mul(u, u);
    double c0 = negative ? 4.0 : 1.0, c1 = negative ? 6.0 : 4.0, c2 = negative ? 4.0 : 6.0;
    double c3 = negative ? 1.0 : 4.0;
    fa__pair even = fa__add_double(fa__mul_double(square, c2), c0);
    fa__pair odd = fa__mul(u, fa__add_double(fa__mul_double(square, c3), c1));
    fa__pair slope = fa__mul_double(fa__mul(one_plus, fa__select(negative, fa__pair_of(1.0), square)),
                                    4 * near);
    fa__pair top = fa__add(fa__add(even, odd), slope);
    double b0 = negative ? 2.0 : 1.0, b2 = negative ? 1.0 : 2.0;
    fa__pair twice = {2 * u.h, 2 * u.l};
    fa__pair bottom = fa__add(fa__add_double(fa__mul_double(square, b2), b0), twice);
    fa__pair quotient = fa__div(top, fa__mul(bottom, bottom));
    double right = fa__value(quotient);
    double left = fa__scale(fa__value(fa__mul(quotient, e.m)), e.power);
    return FA_NEAR_ROOT(x, MISH) ? FA_THROUGH_ROOT(x, MISH) : negative ? left : right;
}

/* softsign --------------------------------------------------------------------------------------- */

/* beyond this, 1 + abs x is abs x in float64, and the quotient below is 1 */
#define FA__SOFTSIGN_FAR 0x1p900

FA_INLINE double softsign_forward(double x) {
    double a = fa__min(fa__abs(x), FA__SOFTSIGN_FAR);
    return fa__copysign(fa__value(fa__div(fa__pair_of(a), fa__two_sum(1.0, a))), x);
}

FA_INLINE double softsign_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__SOFTSIGN_FAR);
    fa__pair q = fa__div(fa__pair_of(1.0), fa__two_sum(1.0, a));
    return fa__value(fa__mul(q, q)); /* squared last: (1 + a)^2 would overflow */
}

FA_INLINE double softsign_derivative_from_output(double y) {
    double rest = 1 - fa__abs(y);
    return rest * rest;
}

/* hard_swish ------------------------------------------------------------------------------------- */

FA_INLINE double hard_swish_forward(double x) {
    double inside = fa__min(x, 3);
    double middle = fa__value(fa__mul_double(fa__two_sum(inside, 3.0), inside)) / 6;
    return x <= -3 ? 0 : x >= 3 ? x : middle;
}

FA_INLINE double hard_swish_derivative(double x) {
    return x <= -3 ? 0 : x >= 3 ? 1 : fa__fma(2, x, 3) / 6;
}

/* abs -------------------------------------------------------------------------------------------- */

FA_INLINE real abs_forward(real x) {
    return x < 0 ? -x : x == 0 ? 0 : x;
}

FA_INLINE real abs_derivative(real x) {
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}

#endif
