/* Formulas of the form x * gate(x) and the like: silu, gelu, mish and their relatives.
 * See formulas.h for the rules that all formulas follow.
 *
 * Left of 0 a gate is the product of an exponential and a moderate factor, scaled last. Most derivatives cross zero
 * near x = -1, where their terms cancel; near that root they are (x - root) times a polynomial. */
#ifndef FA_FORMULAS_GATED_H
#define FA_FORMULAS_GATED_H

#include "formulas/logistic.h"
#include "math/normal_distribution.h"

/* x, clamped where its product with an underflown gate would be inf * 0 */
FA_INLINE double fa__near(double x) {
    return fa__max(fa__min(x, FA__EXP_LIMIT), -FA__EXP_LIMIT);
}

/* x * gate, for a positive gate that reaches 0 on the left, and its limit on the right, before FA__EXP_LIMIT */
FA_INLINE double fa__gated(double x, fa__scaled gate) {
    gate.m = fa__mul_double(gate.m, fa__max(fa__min(x, DBL_MAX), -FA__EXP_LIMIT));
    return x > DBL_MAX ? x : fa__rounded(gate);
}

/* silu, swish, quick_gelu ------------------------------------------------------------------------ */

FA_INLINE double silu_forward(double x) {
    return fa__gated(x, fa__sigmoid(fa__pair_of(fa__near(x))));
}

/* With e = exp(-a): silu'(-a) = g = e (1 + e - a)/(1 + e)^2 and silu'(a) = 1 - g */
FA_INLINE double fa__silu_slope(fa__pair x) {
    fa__pair a = fa__abs_to(x, FA__EXP_LIMIT);
    fa__scaled e = fa__exp_pair(fa__negate(a));
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    e.m = fa__div(fa__mul(e.m, fa__add(one_plus, fa__negate(a))), fa__mul(one_plus, one_plus));
    double right = fa__value(fa__add_double(fa__negate(fa__unscaled(e)), 1.0));
    return FA_NEAR_ROOT(x.h, SILU) ? FA_THROUGH_ROOT(x, SILU) : x.h < 0 ? fa__rounded(e) : right;
}

FA_INLINE double silu_derivative(double x) {
    return fa__silu_slope(fa__pair_of(x));
}

/* x sigmoid(beta x); where beta x is far below 0, a zero of the sign of x */
FA_INLINE double swish_forward(double x, double beta) {
    fa__pair z = fa__product(beta, fa__under(beta, x));
    fa__scaled s = fa__sigmoid(z);
    double far = x * s.m.h; /* where sigmoid is 1, or x infinite and beta 0 */
    s = fa__times(s, x, 1);
    return z.h < -FA__EXP_LIMIT                             ? fa__copysign(0, x)
           : (z.h > FA__EXP_LIMIT) | (fa__abs(x) > DBL_MAX) ? far
                                                            : fa__rounded(s);
}

FA_INLINE double swish_derivative(double x, double beta) {
    return fa__silu_slope(fa__product(beta, x));
}

/* x^2 sigmoid(z) sigmoid(-z), z = beta x */
FA_INLINE double swish_derivative_beta(double x, double beta) {
    fa__pair z = fa__product(beta, x);
    fa__scaled s = fa__times(fa__sigmoid_slope(z), x, x);
    return fa__abs(z.h) > FA__EXP_LIMIT ? 0 : fa__rounded(s);
}

#define FA__QUICK_GELU 1.702

FA_INLINE double quick_gelu_forward(double x) {
    return swish_forward(x, FA__QUICK_GELU);
}

FA_INLINE double quick_gelu_derivative(double x) {
    return swish_derivative(x, FA__QUICK_GELU);
}

/* gelu ------------------------------------------------------------------------------------------- */

/* x Phi(x) */
FA_INLINE double gelu_forward(double x) {
    return fa__gated(x, fa__normal_cdf(fa__pair_of(x)));
}

/* Phi(x) + x phi(x). With M Mills' ratio: gelu'(-a) = g = e^(-a^2/2) (M(a) - a/sqrt(2 pi)) and
 * gelu'(a) = 1 - g */
FA_INLINE double gelu_derivative(double x) {
    fa__pair a = fa__pair_of(fa__min(fa__abs(x), 64.0)); /* from where on e^(-x^2/2) is 0 */
    fa__pair density = fa__mul_double(fa__density_at_0(), a.h);
    fa__scaled e = fa__gauss(a);
    e.m = fa__mul(e.m, fa__add(fa__mills(a), fa__negate(density)));
    double right = fa__value(fa__add_double(fa__negate(fa__unscaled(e)), 1.0));
    fa__pair near = fa__pair_of(x);
    return FA_NEAR_ROOT(x, GELU) ? FA_THROUGH_ROOT(near, GELU) : x < 0 ? fa__rounded(e) : right;
}

/* gelu_tanh -------------------------------------------------------------------------------------- */

/* beyond it, exp(z) has under- or overflown */
#define FA__GELU_TANH_LIMIT 40.0

/* x sigmoid(z), z = 2 sqrt(2/pi) (x + 0.044715 x^3): what 1/2 x (1 + tanh(z/2)) is */
FA_INLINE fa__pair fa__gelu_tanh_z(double near, double cubic) {
    fa__pair square = fa__two_prod(near, near);
    fa__pair k = {FA_SQRT_8_PI_HI, FA_SQRT_8_PI_LO};
    return fa__mul(k, fa__add_double(fa__mul_double(square, cubic), 1.0));
}

FA_INLINE double gelu_tanh_forward(double x) {
    double near = fa__max(fa__min(x, FA__GELU_TANH_LIMIT), -FA__GELU_TANH_LIMIT);
    fa__pair z = fa__mul_double(fa__gelu_tanh_z(near, 0.044715), near);
    return fa__gated(x, fa__sigmoid(z));
}

/* With e = exp(-abs z) and p = abs(x) z': f'(-a) = g = e (1 + e - p)/(1 + e)^2 and f'(a) = 1 - g */
FA_INLINE double gelu_tanh_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__GELU_TANH_LIMIT);
    fa__pair z = fa__mul_double(fa__gelu_tanh_z(a, 0.044715), a);
    /* z' = k (1 + 3 * 0.044715 x^2) = k (1 + 0.044715 x^2) + 2 k 0.044715 x^2, exact in the constant */
    fa__pair square = fa__mul_double(fa__two_prod(a, a), 2 * 0.044715);
    fa__pair k = {FA_SQRT_8_PI_HI, FA_SQRT_8_PI_LO};
    fa__pair p = fa__add(z, fa__mul_double(fa__mul(k, square), a));
    fa__scaled e = fa__exp_pair(fa__negate(z));
    fa__pair one_plus = fa__add_double(fa__unscaled(e), 1.0);
    e.m = fa__div(fa__mul(e.m, fa__add(one_plus, fa__negate(p))), fa__mul(one_plus, one_plus));
    double right = fa__value(fa__add_double(fa__negate(fa__unscaled(e)), 1.0));
    fa__pair near = fa__pair_of(x);
    return FA_NEAR_ROOT(x, GELU_TANH) ? FA_THROUGH_ROOT(near, GELU_TANH) : x < 0 ? fa__rounded(e) : right;
}

/* mish ------------------------------------------------------------------------------------------- */

/* tanh(softplus(x)) = ((1 + e^x)^2 - 1)/((1 + e^x)^2 + 1), multiplied out, with e = exp(-abs x):
 * left: e (e + 2)/(e^2 + 2 e + 2); right: (1 + 2 e)/(1 + 2 e + 2 e^2) */
FA_INLINE double mish_forward(double x) {
    int negative = x < 0;
    fa__scaled e = fa__exp_decay(fa__pair_of(fa__near(x)));
    fa__pair u = fa__unscaled(e), square = fa__mul(u, u);
    fa__pair twice = fa__times_power(u, 2.0), twice_square = fa__times_power(square, 2.0);
    fa__pair top_right = fa__add_double(twice, 1.0);
    fa__pair top = fa__select(negative, fa__mul(e.m, fa__add_double(u, 2.0)), top_right);
    fa__pair bottom =
        fa__select(negative, fa__add_double(fa__add(twice, square), 2.0), fa__add(top_right, twice_square));
    fa__power power = fa__select_power(negative, e.power, fa__no_power());
    return fa__gated(x, (fa__scaled){fa__div(top, bottom), power});
}

/* With e = exp(-abs x), from f' = e^x w/d^2, d = e^2x + 2 e^x + 2, w = 4(x+1) + 4 e^2x + e^3x + e^x (4x+6):
 * left:  e (4 + 6e + 4e^2 + e^3 + 4x(1 + e))/(2 + 2e + e^2)^2
 * right: (1 + 4e + 6e^2 + 4e^3 + 4x e^2 (1 + e))/(1 + 2e + 2e^2)^2 */
FA_INLINE double mish_derivative(double x) {
    double near = fa__near(x);
    int negative = x < 0;
    fa__scaled e = fa__exp_decay(fa__pair_of(near));
    fa__pair u = fa__unscaled(e), one_plus = fa__add_double(u, 1.0), square = fa__mul(u, u);
    double c0 = negative ? 4.0 : 1.0, c1 = negative ? 6.0 : 4.0, c2 = negative ? 4.0 : 6.0;
    double c3 = negative ? 1.0 : 4.0;
    fa__pair even = fa__add_double(fa__mul_double(square, c2), c0);
    fa__pair odd = fa__mul(u, fa__add_double(fa__mul_double(square, c3), c1));
    fa__pair weight = fa__select(negative, fa__pair_of(1.0), square);
    fa__pair slope = fa__mul_double(fa__mul(one_plus, weight), 4 * near);
    fa__pair top = fa__add(fa__add(even, odd), slope);
    double b0 = negative ? 2.0 : 1.0, b2 = negative ? 1.0 : 2.0;
    fa__pair twice = fa__times_power(u, 2.0);
    fa__pair bottom = fa__add(fa__add_double(fa__mul_double(square, b2), b0), twice);
    fa__pair quotient = fa__div(top, fa__mul(bottom, bottom));
    fa__scaled left = {fa__mul(quotient, e.m), e.power};
    fa__pair whole = fa__pair_of(x);
    return FA_NEAR_ROOT(x, MISH) ? FA_THROUGH_ROOT(whole, MISH)
           : negative            ? fa__rounded(left)
                                 : fa__value(quotient);
}

/* bsilu ------------------------------------------------------------------------------------------ */

/* (x + alpha) s - alpha/2, s = sigmoid(x). With e = exp(-abs x) and m = e - 1:
 * right: (x - alpha/2 m)/(1 + e); left: (x e + alpha/2 m)/(1 + e). For alpha > 0 nothing cancels. */
FA_INLINE double bsilu_forward(double x, double alpha) {
    double near = fa__near(x), tiny = x * (0.5 + alpha / 4);
    int negative = x < 0;
    fa__exp_parts parts = fa__exp_reduce_accurately(fa__pair_of(-fa__abs(near)));
    fa__scaled e = fa__exp_of_parts(parts), product = {fa__mul_double(e.m, near), e.power};
    fa__pair gated = fa__select(negative, fa__unscaled(product), fa__pair_of(near));
    fa__pair bend = fa__mul_double(fa__expm1_of_parts(parts), negative ? alpha / 2 : alpha / -2);
    double found = fa__value(fa__div(fa__add(gated, bend), fa__add_double(fa__unscaled(e), 1.0)));
    return x > FA__EXP_LIMIT ? x + alpha / 2 : fa__abs(x) < 0x1p-600 ? tiny : found;
}

/* s (1 + (x + alpha) (1 - s)) = s (1 + e + (x + alpha) e)/(1 + e) right, e = exp(-abs x);
 * s (1 + e + x + alpha)/(1 + e) left */
FA_INLINE double bsilu_derivative(double x, double alpha) {
    double near = fa__near(x);
    int negative = x < 0;
    fa__pair shifted = fa__two_sum(fa__max(fa__min(x, FA__EXP_LIMIT), -0x1p200), alpha);
    fa__scaled e = fa__exp_of_parts(fa__exp_reduce_accurately(fa__pair_of(-fa__abs(near))));
    fa__scaled one = fa__unit_scaled(fa__pair_of(1.0));
    fa__pair u = fa__unscaled(e), one_plus = fa__add_double(u, 1.0);
    fa__pair top = fa__add(one_plus, fa__select(negative, shifted, fa__mul(shifted, u)));
    fa__scaled s = fa__select_scaled(negative, e, one);
    int large = fa__abs(alpha) > 0x1p600; /* then the size of top is left to fa__times */
    s.m = fa__mul(s.m, fa__times_power(top, large ? 0x1p-600 : 1));
    s.m = fa__div(s.m, fa__mul(one_plus, one_plus));
    s = fa__times(s, large ? 0x1p600 : 1, 1);
    double slope = fa__rounded(s);
    return slope == 0 ? fa__copysign(0, x + alpha) : slope; /* near may have changed its sign */
}

/* lisht ------------------------------------------------------------------------------------------ */

FA_INLINE double lisht_forward(double x) {
    double a = fa__abs(x);
    double near = fa__value(fa__mul_double(fa__tanh_abs(fa__pair_of(a)), a));
    return a > FA__EXP_LIMIT ? a : near;
}

FA_INLINE double lisht_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__EXP_LIMIT);
    fa__pair slope = fa__mul_double(fa__unscaled(fa__sech_squared(fa__pair_of(a))), a);
    return fa__copysign(fa__value(fa__add(fa__tanh_abs(fa__pair_of(a)), slope)), x);
}

/* telu ------------------------------------------------------------------------------------------- */

/* tanh(E) for E = e^x as value * power: below 2^-30 it is E (1 - E^2/3) */
FA_INLINE fa__scaled fa__tanh_of_exp(fa__scaled e) {
    fa__pair u = fa__unscaled(e);
    int tiny = u.h < 0x1p-30;
    fa__scaled small = {fa__mul_double(e.m, 1.0 - u.h * u.h / 3), e.power};
    return fa__select_scaled(tiny, small, fa__unit_scaled(fa__tanh_abs(fa__abs_to(u, 64.0))));
}

FA_INLINE double telu_forward(double x) {
    return fa__gated(x, fa__tanh_of_exp(fa__exp(x)));
}

/* T + x E sech^2(E); right of 5 that is 1 to the last bit of a double */
FA_INLINE double telu_derivative(double x) {
    double near = fa__max(fa__min(x, 5), -FA__EXP_LIMIT);
    fa__scaled e = fa__exp(near), t = fa__tanh_of_exp(e);
    fa__pair u = fa__unscaled(e), sech = fa__unscaled(fa__sech_squared(u));
    /* both terms over the power of the first: 2^k left of 2^-30, 1 elsewhere */
    fa__pair weight = fa__select(u.h < 0x1p-30, e.m, u);
    t.m = fa__add(t.m, fa__mul(fa__mul_double(weight, near), sech));
    fa__pair whole = fa__pair_of(x);
    return FA_NEAR_ROOT(x, TELU) ? FA_THROUGH_ROOT(whole, TELU) : fa__rounded(t);
}

/* serf ------------------------------------------------------------------------------------------- */

FA_INLINE double serf_forward(double x) {
    return fa__gated(x, fa__erf_positive(fa__softplus(fa__pair_of(fa__near(x)))));
}

/* erf(s) + 2 x/sqrt(pi) e^(-s^2) sigmoid(x), s = softplus(x) */
FA_INLINE double serf_derivative(double x) {
    double near = fa__near(x);
    fa__scaled s = fa__softplus(fa__pair_of(near)), gate = fa__sigmoid(fa__pair_of(near));
    fa__scaled e = fa__erf_positive(s);
    fa__pair u = fa__abs_to(fa__unscaled(s), 64.0);
    fa__pair bell = fa__unscaled(fa__exp_pair(fa__negate(fa__mul(u, u))));
    fa__pair slope = fa__mul(fa__mul_double((fa__pair){FA_2_SQRT_PI_HI, FA_2_SQRT_PI_LO}, near), bell);
    /* s, e and gate share one power left of 0, where alone it matters; it is 1 once e(s) is not small */
    int tail = near < -20;
    fa__scaled left = {fa__add(e.m, fa__mul(slope, gate.m)), e.power};
    fa__scaled right = fa__unit_scaled(fa__add(fa__unscaled(e), fa__mul(slope, fa__unscaled(gate))));
    fa__pair whole = fa__pair_of(x);
    return FA_NEAR_ROOT(x, SERF) ? FA_THROUGH_ROOT(whole, SERF)
                                 : fa__rounded(fa__select_scaled(tail, left, right));
}

/* smish, logish ---------------------------------------------------------------------------------- */

/* tanh(log(1 + s)) = s (2 + s)/d, d = 2 + 2 s + s^2, s = sigmoid(x) */
FA_INLINE double smish_forward(double x) {
    fa__scaled s = fa__sigmoid(fa__pair_of(fa__near(x)));
    fa__pair u = fa__unscaled(s), two_plus = fa__add_double(u, 2.0);
    s.m = fa__div(fa__mul(s.m, two_plus), fa__add_double(fa__mul(u, two_plus), 2.0));
    return fa__gated(x, s);
}

/* s ((2 + s) d + 4 x (1 + s)(1 - s))/d^2 */
FA_INLINE double smish_derivative(double x) {
    double near = fa__near(x);
    fa__scaled s = fa__sigmoid(fa__pair_of(near));
    fa__pair u = fa__unscaled(s), rest = fa__unscaled(fa__sigmoid(fa__pair_of(-near)));
    fa__pair two_plus = fa__add_double(u, 2.0), d = fa__add_double(fa__mul(u, two_plus), 2.0);
    fa__pair slope = fa__mul(fa__mul_double(fa__add_double(u, 1.0), 4 * near), rest);
    fa__pair top = fa__add(fa__mul(two_plus, d), slope);
    s.m = fa__div(fa__mul(s.m, top), fa__mul(d, d));
    fa__pair whole = fa__pair_of(x);
    return FA_NEAR_ROOT(x, SMISH) ? FA_THROUGH_ROOT(whole, SMISH) : fa__rounded(s);
}

FA_INLINE double logish_forward(double x) {
    return fa__gated(x, fa__log1p(fa__sigmoid(fa__pair_of(fa__near(x)))));
}

/* log(1 + s) + x s (1 - s)/(1 + s); left of -20 both terms share the power of s */
FA_INLINE double logish_derivative(double x) {
    double near = fa__near(x);
    fa__scaled s = fa__sigmoid(fa__pair_of(near)), log = fa__log1p(s);
    fa__pair u = fa__unscaled(s), rest = fa__unscaled(fa__sigmoid(fa__pair_of(-near)));
    fa__pair slope = fa__div(fa__mul_double(rest, near), fa__add_double(u, 1.0));
    int tail = near < -20;
    fa__scaled left = {fa__add(log.m, fa__mul(slope, s.m)), s.power};
    fa__scaled right = fa__unit_scaled(fa__add(fa__unscaled(log), fa__mul(slope, u)));
    fa__pair whole = fa__pair_of(x);
    return FA_NEAR_ROOT(x, LOGISH) ? FA_THROUGH_ROOT(whole, LOGISH)
                                   : fa__rounded(fa__select_scaled(tail, left, right));
}

/* elish, hard_elish ------------------------------------------------------------------------------ */

/* x >= 0: x s; else (e^x - 1) s */
FA_INLINE double elish_forward(double x) {
    fa__scaled s = fa__sigmoid(fa__pair_of(fa__near(x)));
    fa__scaled below = {fa__mul(s.m, fa__expm1_small(fa__pair_of(fa__min(x, 0)))), s.power};
    double above = fa__gated(x, s);
    return x < 0 ? fa__rounded(below) : above;
}

/* x < 0: e (e^2 + 2 e - 1)/(1 + e)^2, e = e^x */
FA_INLINE double elish_derivative(double x) {
    fa__scaled e = fa__exp(fa__min(x, 0));
    fa__pair u = fa__unscaled(e), one_plus = fa__add_double(u, 1.0);
    fa__pair top = fa__add_double(fa__mul(u, fa__add_double(u, 2.0)), -1.0);
    e.m = fa__div(fa__mul(e.m, top), fa__mul(one_plus, one_plus));
    double above = silu_derivative(x);
    fa__pair whole = fa__pair_of(x);
    double below = FA_NEAR_ROOT(x, ELISH) ? FA_THROUGH_ROOT(whole, ELISH) : fa__rounded(e);
    return x < 0 ? below : above;
}

/* h = clip((x + 1)/2, 0, 1); x >= 0: x h; else (e^x - 1) h */
FA_INLINE double hard_elish_forward(double x) {
    double near = fa__max(fa__min(x, 1), -1);
    fa__pair h = fa__times_power(fa__two_sum(near, 1.0), 0.5);
    double below = fa__value(fa__mul(fa__expm1_small(fa__pair_of(fa__min(near, 0))), h));
    double above = fa__value(fa__mul_double(h, near));
    return x >= 1 ? x : x <= -1 ? 0 : x < 0 ? below : above;
}

/* x in (-1, 0): (e^x (x + 1) + e^x - 1)/2; x in (0, 1): x + 1/2 */
FA_INLINE double hard_elish_derivative(double x) {
    fa__exp_parts e = fa__exp_reduce(fa__pair_of(fa__max(fa__min(x, 0), -1)));
    fa__pair up = fa__unscaled(fa__exp_of_parts(e));
    fa__pair slope = fa__mul(up, fa__two_sum(fa__max(x, -1), 1.0));
    double below = fa__value(fa__add(slope, fa__expm1_of_parts(e))) / 2;
    fa__pair whole = fa__pair_of(x);
    double through = FA_NEAR_ROOT(x, HARD_ELISH) ? FA_THROUGH_ROOT(whole, HARD_ELISH) : below;
    return x >= 1 ? 1 : x <= -1 ? 0 : x < 0 ? through : x + 0.5;
}

#endif
