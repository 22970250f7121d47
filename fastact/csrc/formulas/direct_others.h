/* Direct formulas of tanh with other terms, of mish, gaussian and arctan; see direct.h. */
#ifndef FA_FORMULAS_DIRECT_OTHERS_H
#define FA_FORMULAS_DIRECT_OTHERS_H

#include "formulas/direct.h"
#include "math/trigonometry.h"

/* gaussian --------------------------------------------------------------------------------------- */

FA_INLINE fa__pair fa__direct_gaussian(double x) {
    double square = x * x;
    fa__pair e = fa__direct_pair(fa__direct_exp(-square));
    e.l = fa__fma(-e.h, fa__fma(x, x, -square), e.l);
    return e;
}

FA_INLINE double gaussian_forward_direct(double x) {
    fa__pair e = fa__direct_gaussian(x);
    return e.h + e.l;
}

FA_INLINE double gaussian_derivative_direct(double x) {
    fa__pair e = fa__direct_gaussian(x);
    return fa__fma(-2 * x, e.h, -2 * x * e.l);
}

/* lisht, tanh_shrink ----------------------------------------------------------------------------- */

FA_INLINE double lisht_forward_direct(double x) {
    fa__direct_sum t = fa__direct_tanh(x);
    double a = fa__abs(x);
    return fa__abs(fa__fma(a, t.y, a * t.rest));
}

/* tanh a + a/cosh^2 a = (-m (2 + m) + 4 a e)/(1 + e)^2, m = e - 1, e = exp(-2 a), a = abs x */
FA_INLINE double lisht_derivative_direct(double x) {
    double a = fa__min(fa__abs(x), 300);
    fa__direct_accurate parts = fa__direct_exp_accurate(-2 * a);
    fa__pair m = fa__direct_m(parts), bottom = fa__fast_sum(2, m.h);
    bottom.l += m.l;
    fa__pair slope = fa__mul_double(fa__direct_sum_of(parts.power, parts), 4 * a);
    fa__pair top = fa__add(fa__negate(fa__mul(m, bottom)), slope),
             inverse = fa__direct_inverse_square(bottom);
    return fa__copysign(fa__fma(top.h, inverse.h, fa__fma(top.h, inverse.l, top.l * inverse.h)), x);
}

/* x - tanh x cancels near 0: there x^3 P(x^2) */
FA_INLINE double tanh_shrink_forward_direct(double x) {
    double a = fa__abs(x), near = fa__min(a, 0.75);
    fa__pair square = fa__two_prod(near, near), cube = fa__mul_double(square, near);
    fa__pair p = fa__with_constant(FA_TANH_SHRINK_CONSTANT_HI, FA_TANH_SHRINK_CONSTANT_LO, square.h,
                                   FA_POLY(square.h, FA_TANH_SHRINK_POLY));
    double series = fa__fma(cube.h, p.h, fa__fma(cube.h, p.l, cube.l * p.h));
    fa__direct_sum t = fa__direct_tanh(x); /* of -a */
    fa__pair difference = fa__fast_sum(a, t.y);
    double far = difference.h + (difference.l + t.rest);
    return fa__copysign(a < 0.75 ? series : far, x);
}

FA_INLINE double tanh_shrink_derivative_direct(double x) {
    fa__direct_sum t = fa__direct_tanh(x);
    return fa__fma(t.y, t.y, 2 * t.y * t.rest);
}

/* mish ------------------------------------------------------------------------------------------- */

/* x times, with e = exp(-abs x): left: e (e + 2)/(e (e + 2) + 2); right: (1 + 2 e)/(1 + 2 e + 2 e^2) */
FA_INLINE double mish_forward_direct(double x) {
    fa__pair e = fa__direct_pair(fa__direct_exp(-fa__abs(x))), twice = fa__times_power(e, 2);
    fa__pair square = fa__mul(e, e);
    fa__pair right = fa__two_sum(twice.h, 1), left = fa__fast_sum(twice.h, square.h);
    right.l += twice.l;
    left.l += twice.l + square.l;
    fa__pair top = fa__select(x < 0, left, right);
    fa__pair more = fa__select(x < 0, fa__pair_of(2), fa__times_power(square, 2));
    fa__pair bottom = fa__two_sum(top.h, more.h);
    bottom.l += top.l + more.l;
    fa__direct_sum gate = fa__direct_quotient(top, bottom);
    return x == 0 ? x : fa__fma(x, gate.y, x * gate.rest);
}

/* arctan ----------------------------------------------------------------------------------------- */

/* as fa__atan_abs */
FA_INLINE double arctan_forward_direct(double x) {
    double a = fa__min(fa__abs(x), 0x1p100);
    int in0 = a < 0.4375, in1 = a < 0.6875, in2 = a < 1.1875, in3 = a < 2.4375;
    double c = in0 ? 0.0 : in1 ? 0.5 : in2 ? 1.0 : 1.5;
    double high = in0 ? 0.0 : in1 ? FA_ATAN_1_2_HI : in2 ? FA_ATAN_1_HI : in3 ? FA_ATAN_3_2_HI : FA_PI_2_HI;
    double low = in0 ? 0.0 : in1 ? FA_ATAN_1_2_LO : in2 ? FA_ATAN_1_LO : in3 ? FA_ATAN_3_2_LO : FA_PI_2_LO;
    double sum = fa__fma(a, c, 1), sum_low = fa__fma(a, c, 1 - sum);
    fa__pair bottom = {in3 ? sum : a, in3 ? sum_low : 0};
    fa__direct_sum t = fa__direct_quotient(fa__pair_of(in3 ? a - c : -1.0), bottom);
    double square = t.y * t.y, rest = fa__fma(t.y * square, FA_POLY(square, FA_ATAN_POLY), t.rest + low);
    fa__pair found = fa__fast_sum(high, t.y);
    return fa__copysign(found.h + (found.l + rest), x);
}

/* 1/(1 + x^2) */
FA_INLINE double arctan_derivative_direct(double x) {
    fa__pair square = fa__two_prod(x, x), bottom = fa__two_sum(1, square.h);
    bottom.l += square.l;
    fa__direct_sum found = fa__direct_quotient(fa__pair_of(1), bottom);
    return found.y + found.rest;
}

#endif
