/* Direct formulas of tanh with other terms, of softclip, gaussian and arctan; see direct.h. */
#ifndef FA_FORMULAS_DIRECT_OTHERS_H
#define FA_FORMULAS_DIRECT_OTHERS_H

#include "formulas/direct_native.h"
#include "math/trigonometry.h"

/* lisht ----------------------------------------------------------------------------- */

/* tanh a + a/cosh^2 a = (-m (2 + m) + 4 a e)/(1 + e)^2, m = e - 1, e = exp(-2 a), a = abs x */
FA_INLINE double lisht_derivative_direct(double x) {
    double a = fa__min(fa__abs(x), 300);
    fa__direct_accurate parts = fa__direct_exp_accurate(-2 * a);
    fa__pair m = fa__direct_m(parts), bottom = fa__direct_plus(2, m);
    fa__pair slope = fa__mul_double(fa__direct_sum_of(parts.power, parts), 4 * a);
    fa__pair top = fa__direct_add(fa__negate(fa__mul(m, bottom)), slope);
    return fa__copysign(fa__direct_product(top, fa__direct_inverse_square(bottom)), x);
}

/* scaled_tanh ------------------------------------------------------------------------------------ */

#define FA__TANH_SCALE (real)0.67 /* the defaults: b tanh(a x) */
#define FA__TANH_SIZE (real)1.7159

/* e^(-2 z) for z = a abs x; from 22 on tanh z is 1 */
FA_INLINE fa__pair fa__direct_scaled(double x) {
    return fa__two_prod(fa__min(fa__abs(x), 33), FA__TANH_SCALE);
}

FA_INLINE double scaled_tanh_forward_direct(double x) {
    fa__pair z = fa__direct_scaled(x);
    fa__direct_accurate parts = fa__direct_exp_accurate(-2 * z.h);
    fa__pair m = fa__direct_more_of(fa__direct_m(parts), -2 * z.l, parts.power * (1 + parts.p));
    return fa__copysign(fa__direct_times(FA__TANH_SIZE, fa__direct_quotient(m, fa__direct_plus(2, m))), x);
}

/* 4 a b e/(1 + e)^2 */
FA_INLINE double scaled_tanh_derivative_direct(double x) {
    fa__pair z = fa__two_prod(fa__abs(x), FA__TANH_SCALE), e = fa__direct_decay(fa__times_power(z, 2));
    fa__pair bell = fa__mul(e, fa__direct_inverse_square(fa__direct_plus(1, e)));
    return fa__direct_product(bell, fa__two_prod(4 * FA__TANH_SCALE, FA__TANH_SIZE));
}

/* a/b (b^2 - y^2) as 4 a/b (b^2/4 - (y/2)^2), whose square does not overflow where the result does not */
FA_INLINE fa__native scaled_tanh_from_output_direct(fa__native y) {
    const fa__native a = 4 * FA__TANH_SCALE, b = FA__TANH_SIZE, ratio = a / b,
                     low = fa__native_fma(-ratio, b, a) / b;
    fa__native_pair most = fa__native_product(b / 2, b / 2);
    fa__native difference = fa__native_fma(-y / 2, y / 2, most.h) + most.l;
    return fa__native_fma(ratio, difference, low * (difference < -1 ? -1 : difference)); /* not inf - inf */
}

/* softclip --------------------------------------------------------------------------------------- */

#define FA__INV_E_HI 0x1.78b56362cef38p-2 /* 1/e */
#define FA__INV_E_LO -0x1.ca8a4270fadf5p-57
#define FA__LOG_3_2_HI 0x1.9f323ecbf984cp-2 /* log(3/2) */
#define FA__LOG_3_2_LO -0x1.a92e513217f5cp-59

/* F(x) = log((1 + E)/(1 + E/e)), E = e^z with z = x; right of 1/2, F is 1 - F(1 - x). */
FA_INLINE fa__pair fa__direct_softclip_power(double x) {
    return fa__direct_pair(fa__direct_exp(x > 0.5 ? 1 - x : x));
}

/* b + c E, for b >= c E */
FA_INLINE fa__pair fa__direct_line(double b, fa__pair c, fa__pair power) {
    fa__pair sum = fa__direct_fma(c.h, power.h, b);
    return fa__direct_more(fa__direct_more_of(sum, c.h, power.l), c.l * power.h);
}

/* log(1 + u) = 2 atanh(u/(2 + u)), u = (1 - 1/e) E/(1 + E/e); where that is large, 1 + u is taken over 3/2 */
FA_INLINE double softclip_forward_direct(double x) {
    const fa__pair inverse = {FA__INV_E_HI, FA__INV_E_LO};
    fa__pair power = fa__direct_softclip_power(x);
    int large = power.h > 0.86;
    double factor = large ? 1.5 : 1;
    fa__pair scaled = fa__mul_double(inverse, factor);
    fa__pair below = {1 - scaled.h, 0}, above = {1 + scaled.h, 0};
    below = fa__direct_more(below, (1 - below.h - scaled.h) - scaled.l);
    above = fa__direct_more(above, (1 - above.h + scaled.h) + scaled.l);
    fa__pair top = fa__direct_line(1 - factor, below, power);
    fa__pair s = fa__direct_quotient(top, fa__direct_line(1 + factor, above, power));
    double square = s.h * s.h, rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair base = {large ? FA__LOG_3_2_HI : 0, large ? FA__LOG_3_2_LO : 0};
    double f = fa__direct_value(fa__direct_sum_with(base, s, rest));
    return x > 0.5 ? 1 - f : f;
}

/* (1 - 1/e) E/((1 + E)(1 + E/e)) */
FA_INLINE double softclip_derivative_direct(double x) {
    const fa__pair inverse = {FA__INV_E_HI, FA__INV_E_LO};
    fa__pair power = fa__direct_softclip_power(x);
    fa__pair weight = fa__direct_plus(1, fa__negate(inverse));
    fa__pair bottom = fa__mul(fa__direct_add(fa__pair_of(1), power), fa__direct_line(1, inverse, power));
    return fa__direct_value(fa__direct_quotient(fa__mul(power, weight), bottom));
}

/* laplace ---------------------------------------------------------------------------------------- */

#define FA__LAPLACE_MU (real)0.707107 /* the defaults */
#define FA__LAPLACE_SIGMA (real)0.282095

FA_INLINE fa__pair fa__direct_inverse_sigma(void) {
    const double sigma = FA__LAPLACE_SIGMA, inverse = 1 / sigma;
    return fa__direct_more(fa__pair_of(inverse), fa__fma(-inverse, sigma, 1) * inverse);
}

/* (x - mu)/sigma */
FA_INLINE fa__pair fa__direct_standardised(double x) {
    return fa__mul(fa__two_sum(x, -(FA__LAPLACE_MU)), fa__direct_inverse_sigma());
}

/* e^(-z^2/2) */
FA_INLINE fa__pair fa__direct_gauss_of(fa__pair z) {
    return fa__direct_decay(fa__times_power(fa__mul(z, z), 0.5));
}

FA_INLINE double laplace_forward_direct(double x) {
    fa__pair z = fa__direct_standardised(x), a = fa__select(z.h < 0, fa__negate(z), z);
    fa__pair m = fa__direct_mills(a.h); /* M' = a M - 1/sqrt(2 pi) */
    m = fa__direct_more_of(m, a.l, fa__fma(a.h, m.h, -FA_INV_SQRT_2PI_HI));
    fa__pair t = fa__mul(fa__direct_gauss_of(z), m), right = fa__direct_plus(1, fa__negate(t));
    return fa__direct_value(fa__select(z.h < 0, t, right));
}

FA_INLINE double laplace_derivative_direct(double x) {
    fa__pair density =
        fa__mul((fa__pair){FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO}, fa__direct_inverse_sigma());
    return fa__direct_product(fa__direct_gauss_of(fa__direct_standardised(x)), density);
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
    fa__pair t = fa__direct_quotient(fa__pair_of(in3 ? a - c : -1.0), bottom);
    double square = t.h * t.h, rest = fa__fma(t.h * square, FA_POLY(square, FA_ATAN_POLY), t.l + low);
    fa__pair found = fa__fast_sum(high, t.h);
    return fa__copysign(found.h + (found.l + rest), x);
}

#endif
