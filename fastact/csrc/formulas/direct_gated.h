/* Direct formulas of mish and other gates; see direct.h. */
#ifndef FA_FORMULAS_DIRECT_GATED_H
#define FA_FORMULAS_DIRECT_GATED_H

#include "formulas/direct_native.h"

/* mish ------------------------------------------------------------------------------------------- */

/* with e = exp(-abs x) and q = 1 + e; t is 1 left of 0 and e elsewhere. e needs its last bit in the derivative only. */
typedef struct {
    fa__pair q, t_square, top, bottom;
} fa__direct_mish;

/* tanh(softplus(x)) = e (q + 1)/(q^2 + 1) left of 0, (q + e)/(q^2 + e^2) elsewhere: top = q + t, bottom = q^2 + t^2 */
FA_INLINE fa__direct_mish fa__direct_mish_of(double x, fa__pair e) {
    fa__direct_mish of = {.q = fa__direct_plus(1, e)};
    fa__pair t = fa__select(x < 0, fa__pair_of(1), e);
    of.t_square = fa__mul(t, t);
    of.top = fa__direct_more(fa__direct_plus(of.q.h, t), of.q.l);
    fa__pair square = fa__mul(of.q, of.q);
    of.bottom = fa__direct_more(fa__direct_plus(square.h, of.t_square), square.l);
    return of;
}

FA_INLINE double mish_forward_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x)));
    fa__direct_mish of = fa__direct_mish_of(x, e);
    fa__pair top = fa__mul(of.top, fa__select(x < 0, e, fa__pair_of(1)));
    double y = fa__direct_times(x, fa__direct_quotient(top, of.bottom));
    return x == 0 ? x : y;
}

/* (top bottom + 4 x q t^2)/bottom^2, times e left of 0; not near the root */
FA_INLINE double mish_derivative_direct(double x) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-fa__abs(x));
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    fa__direct_mish of = fa__direct_mish_of(x, e);
    fa__pair slope = fa__mul(fa__mul_double(of.q, 4 * x), of.t_square);
    fa__pair top = fa__direct_add(fa__mul(of.top, of.bottom), slope);
    top = fa__mul(top, fa__select(x < 0, e, fa__pair_of(1)));
    return fa__direct_product(top, fa__direct_inverse_square(of.bottom));
}

/* elish ------------------------------------------------------------------------------ */

/* with e = exp(-abs x) and m = e - 1: right x/(1 + e), left e m/(1 + e) */
FA_INLINE double elish_forward_direct(double x) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-fa__abs(x));
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    fa__pair top = fa__select(x < 0, fa__mul(e, fa__direct_m(parts)), fa__pair_of(1));
    return fa__direct_times(x < 0 ? 1 : x, fa__direct_quotient(top, fa__direct_plus(1, e)));
}

/* left e ((1 + e)^2 - 2)/(1 + e)^2, right as silu' */
FA_INLINE double elish_derivative_direct(double x) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-fa__abs(x));
    fa__pair e = fa__direct_sum_of(parts.power, parts), q = fa__direct_plus(1, e);
    fa__pair bent = fa__select(x < 0, fa__mul(q, q), q);
    fa__pair top = fa__direct_add(bent, fa__pair_of(x < 0 ? -2 : -x));
    double slope = fa__direct_slope(x, fa__mul(e, top), q);
    return FA_NEAR_ROOT(x, ELISH) ? FA_THROUGH_ROOT(fa__pair_of(x), ELISH) : slope;
}

/* smish ------------------------------------------------------------------------------------------ */

/* with e = exp(-abs x) and q = 1 + e: sigmoid(x) = n/q, 1 - sigmoid(x) = r/q, of which one is 1 and one e; v = q + n */
typedef struct {
    fa__pair n, r, q, v, bottom;
} fa__direct_smish;

/* tanh(log(1 + n/q)) = n (q + v)/bottom, bottom = q^2 + v^2 */
FA_INLINE fa__direct_smish fa__direct_smish_of(double x, fa__pair e) {
    fa__direct_smish of = {.q = fa__direct_plus(1, e)};
    of.n = fa__select(x < 0, e, fa__pair_of(1));
    of.r = fa__select(x < 0, fa__pair_of(1), e);
    of.v = fa__direct_more(fa__direct_plus(of.q.h, of.n), of.q.l);
    fa__pair square = fa__mul(of.v, of.v);
    of.bottom = fa__direct_more(fa__direct_plus(square.h, fa__mul(of.q, of.q)), square.l);
    return of;
}

FA_INLINE double smish_forward_direct(double x) {
    fa__direct_smish of = fa__direct_smish_of(x, fa__direct_pair(fa__direct_exp(-fa__abs(x))));
    fa__pair top = fa__mul(of.n, fa__direct_more(fa__direct_plus(of.v.h, of.q), of.v.l));
    double y = fa__direct_times(x, fa__direct_quotient(top, of.bottom));
    return x == 0 ? x : y;
}

/* n ((q + v) bottom + 4 x r q v)/bottom^2; not near the root */
FA_INLINE double smish_derivative_direct(double x) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-fa__abs(x));
    fa__direct_smish of = fa__direct_smish_of(x, fa__direct_sum_of(parts.power, parts));
    fa__pair sum = fa__direct_more(fa__direct_plus(of.v.h, of.q), of.v.l);
    fa__pair slope = fa__mul(fa__mul_double(of.r, 4 * x), fa__mul(of.q, of.v));
    fa__pair top = fa__mul(of.n, fa__direct_add(fa__mul(sum, of.bottom), slope));
    return fa__direct_product(top, fa__direct_inverse_square(of.bottom));
}

/* logish ----------------------------------------------------------------------------------------- */

/* log(1 + n/q) = 2 atanh(n/(2 q + n)), n, q, v as above; where that is large, log 2 + 2 atanh((n - q)/(3 q + n)) */
FA_INLINE fa__pair fa__direct_log1p_sigmoid(double x, fa__pair e, fa__direct_smish of) {
    int large = of.n.h > 0.41421356237309503 * of.q.h;
    fa__pair top = fa__select(x < 0, fa__pair_of(-1), fa__negate(e));
    fa__pair more = fa__times_power(of.q, large ? 2 : 1);
    fa__pair bottom = fa__direct_add(of.v, more);
    fa__pair s = fa__direct_quotient(fa__select(large, top, of.n), bottom);
    double square = s.h * s.h, rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair base = {large ? FA_LN2_DOUBLE : 0, large ? FA_LN2_REST : 0};
    return fa__direct_sum_with(base, s, rest);
}

FA_INLINE double logish_forward_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x)));
    double y = fa__direct_times(x, fa__direct_log1p_sigmoid(x, e, fa__direct_smish_of(x, e)));
    return x == 0 ? x : y; /* a sum of zeros of both signs would be +0 */
}

/* log(1 + n/q) + x e/(q v), not near the root */
FA_INLINE double logish_derivative_direct(double x) {
    fa__direct_accurate parts = fa__direct_exp_accurate(-fa__abs(x));
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    fa__direct_smish of = fa__direct_smish_of(x, e);
    fa__pair slope = fa__direct_quotient(fa__mul_double(e, x), fa__mul(of.q, of.v));
    return fa__direct_value(fa__direct_add(fa__direct_log1p_sigmoid(x, e, of), slope));
}

/* bsilu ------------------------------------------------------------------------------------------ */

#define FA__BSILU_ALPHA (real)1.67 /* the default */

/* with e = exp(-a), a = abs x, n = 1 - e: of the sign of x, (a t + alpha/2 n)/(1 + e); t is e left of 0, else 1 */
FA_INLINE double bsilu_forward_direct(double x) {
    double a = fa__abs(x);
    fa__direct_accurate parts = fa__direct_exp_accurate(-a);
    fa__pair e = fa__direct_sum_of(parts.power, parts);
    fa__pair bend = fa__mul_double(fa__direct_m(parts), -FA__BSILU_ALPHA / 2);
    fa__pair gated = fa__mul_double(fa__select(x < 0, e, fa__pair_of(1)), a);
    fa__pair y = fa__direct_quotient(fa__direct_add(gated, bend), fa__direct_plus(1, e));
    return fa__copysign(fa__direct_value(y), x);
}

/* s (1 + (x + alpha)(1 - s)) = (1 + e + (x + alpha) e)/(1 + e)^2 right; left e (1 + e + x + alpha)/(1 + e)^2. Not near
 * the root, where 1 + e^x + x + alpha = 0. */
#define FA__BSILU_ROOT FA__NATIVE(-0x1.5e1138p+1f, -0x1.5e1137eed2bb8p+1)
FA_INLINE fa__native bsilu_derivative_direct(fa__native x) {
    int negative = x < 0;
    fa__native_pair e = fa__native_power(fa__native_exp_accurate(-fa__native_abs(x))),
                    q = fa__native_plus(1, e);
    fa__native_pair shifted = fa__native_sum(x, FA__BSILU_ALPHA), right = fa__native_times(shifted, e);
    fa__native_pair top = fa__native_sum(q.h, negative ? shifted.h : right.h);
    top.l += q.l + (negative ? shifted.l : right.l);
    e = (fa__native_pair){negative ? e.h : 1, negative ? e.l : 0};
    return fa__native_product_of(fa__native_times(top, e), fa__native_inverse_square(q));
}

/* telu ------------------------------------------------------------------------------------------- */

/* exp(-2 E) - 1 and exp(-2 E) for E = e^x, of which tanh(E) = -m/(2 + m); from 22 on tanh is 1 */
typedef struct {
    fa__pair inner, outer, m;
} fa__direct_telu;

FA_INLINE fa__direct_telu fa__direct_telu_of(double x) {
    fa__direct_accurate first = fa__direct_exp_accurate(fa__min(x, 3.1));
    fa__direct_telu of = {.inner = fa__direct_sum_of(first.power, first)};
    fa__direct_accurate second = fa__direct_exp_accurate(-2 * of.inner.h);
    of.outer = fa__direct_sum_of(second.power, second);
    of.m = fa__direct_more_of(fa__direct_m(second), -2 * of.inner.l, of.outer.h);
    of.outer = fa__direct_more_of(of.outer, -2 * of.inner.l, of.outer.h);
    return of;
}

FA_INLINE double telu_forward_direct(double x) {
    fa__pair m = fa__direct_telu_of(x).m;
    return fa__direct_times(-x, fa__direct_quotient(m, fa__direct_plus(2, m)));
}

/* tanh(E) + x E/cosh(E)^2 = (-m b + 4 x E exp(-2 E))/b^2, b = 2 + m; not near the root */
FA_INLINE double telu_derivative_direct(double x) {
    fa__direct_telu of = fa__direct_telu_of(x);
    fa__pair bottom = fa__direct_plus(2, of.m);
    fa__pair slope = fa__mul(fa__mul_double(of.inner, 4 * fa__min(x, 3.1)), of.outer);
    fa__pair top = fa__direct_add(fa__negate(fa__mul(of.m, bottom)), slope);
    return fa__direct_product(top, fa__direct_inverse_square(bottom));
}

#endif
