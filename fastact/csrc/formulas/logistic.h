/* Formulas made of exponentials: elu and its relatives, sigmoid, tanh, softplus, gaussian.
 * See formulas.h for the rules that all formulas follow. The form x * gate(x) is in gated.h. */
#ifndef FA_FORMULAS_LOGISTIC_H
#define FA_FORMULAS_LOGISTIC_H

#include "math/normal_distribution.h"
#include "math/native_pair.h"

/* elu, selu, celu -------------------------------------------------------------------------------- */

FA_INLINE double elu_forward(double x, double alpha) {
    fa__pair below = fa__mul_double(fa__expm1_small(fa__pair_of(fa__min(x, 0))), alpha);
    return x >= 0 ? x : fa__value(below); /* -0 stays -0 */
}

FA_INLINE double elu_derivative(double x, double alpha) {
    fa__scaled e = fa__times(fa__exp(fa__min(x, 0)), alpha, 1);
    return x > 0 ? 1 : fa__rounded(e);
}

FA_INLINE real elu_derivative_from_output(real y, real alpha) {
    return y > 0 ? 1 : y + alpha;
}

FA_INLINE double elu_derivative_alpha(double x, double alpha) {
    (void)alpha;
    return x > 0 ? 0 : fa__value(fa__expm1_small(fa__pair_of(fa__min(x, 0))));
}

/* chosen so that mean 0 and variance 1 are a fixed point from layer to layer */
#define FA__SELU_ALPHA 1.6732632423543772848
#define FA__SELU_SCALE 1.0507009873554804934

FA_INLINE double selu_forward(double x) {
    fa__pair scale = fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA);
    fa__pair below = fa__mul(fa__expm1_small(fa__pair_of(fa__min(x, 0))), scale);
    return x >= 0 ? FA__SELU_SCALE * x : fa__value(below);
}

FA_INLINE double selu_derivative(double x) {
    fa__scaled e = fa__exp(fa__min(x, 0));
    e.m = fa__mul(e.m, fa__two_prod(FA__SELU_SCALE, FA__SELU_ALPHA));
    return x > 0 ? FA__SELU_SCALE : fa__rounded(e);
}

FA_INLINE fa__native selu_derivative_from_output(fa__native y) {
    const fa__native_pair least = FA__NATIVE_CONSTANT(FA__SELU_SCALE * FA__SELU_ALPHA, 0);
    fa__native_pair sum = fa__native_fast_sum(least.h, y);
    return y > 0 ? (fa__native)FA__SELU_SCALE : sum.h + (sum.l + least.l);
}

/* alpha (e^z - 1), z = x/alpha; for a negative alpha z is positive, and e^z too large a number for a tiny alpha */
FA_INLINE double celu_forward(double x, double alpha) {
    fa__pair z = fa__quotient(fa__pair_of(fa__min(x, 0)), alpha);
    fa__pair capped = fa__select(z.h > 0x1p12, fa__pair_of(0x1p12), z); /* no infinite sum */
    fa__pair reduced = fa__add(capped, (fa__pair){-512 * FA_LN2_DOUBLE, -512 * FA_LN2_REST});
    int large = FA_COMPENSATE && z.h > FA__EXP_LIMIT / 2;
    fa__scaled e = fa__expm1(fa__select(large, reduced, z));
    e.m = fa__mul_double(e.m, large ? alpha * 0x1p512 : alpha);
    double below = fa__abs(z.h) < 0x1p-60 ? x : fa__rounded(e); /* z may underflow */
    return x >= 0 ? x : below;
}

FA_INLINE double celu_derivative(double x, double alpha) {
    fa__scaled e = fa__exp_pair(fa__quotient(fa__pair_of(fa__min(x, 0)), alpha));
    return x > 0 ? 1 : fa__rounded(e);
}

FA_INLINE double celu_derivative_from_output(double y, double alpha) {
    return y > 0 ? 1 : y / alpha + 1;
}

/* exp, gaussian ---------------------------------------------------------------------------------- */

FA_INLINE double exp_forward(double x) {
    return fa__rounded(fa__exp(x));
}

FA_INLINE double exp_derivative(double x) {
    return exp_forward(x);
}

FA_INLINE real exp_derivative_from_output(real y) {
    return y;
}

FA_INLINE fa__scaled fa__gaussian(double near) {
    return fa__exp_pair(fa__negate(fa__two_prod(near, near)));
}

/* e^-x^2 is 0 from abs x = 28 on */
FA_INLINE double gaussian_forward(double x) {
    return fa__rounded(fa__gaussian(fa__max(fa__min(x, 40), -40)));
}

FA_INLINE double gaussian_derivative(double x) {
    double near = fa__max(fa__min(x, 40), -40);
    fa__scaled e = fa__gaussian(near);
    e.m = fa__mul_double(e.m, -2 * near);
    return fa__rounded(e);
}

/* sigmoid, log_sigmoid --------------------------------------------------------------------------- */

FA_INLINE double sigmoid_forward(double x) {
    return fa__rounded(fa__sigmoid(fa__pair_of(x)));
}

FA_INLINE double sigmoid_derivative(double x) {
    return fa__rounded(fa__sigmoid_slope(fa__pair_of(x)));
}

FA_INLINE fa__native sigmoid_derivative_from_output(fa__native y) {
    return fa__native_fma(-y, y, y); /* y (1 - y) */
}

/* log sigmoid(x) = -softplus(-x) */
FA_INLINE double log_sigmoid_forward(double x) {
    double softplus = fa__rounded(fa__softplus(fa__pair_of(-x)));
    return x < -FA__EXP_LIMIT ? x : -softplus;
}

FA_INLINE double log_sigmoid_derivative(double x) {
    return sigmoid_forward(-x);
}

FA_INLINE fa__native log_sigmoid_derivative_from_output(fa__native y) {
    return -fa__native_expm1((fa__native_pair){y > 0 ? 0 : y, 0});
}

/* softplus --------------------------------------------------------------------------------------- */

FA_INLINE double softplus_forward(double x, double beta) {
    fa__pair z = fa__product(beta, x);
    return z.h > FA__EXP_LIMIT ? x : fa__rounded(fa__over(fa__softplus(z), beta));
}

FA_INLINE double softplus_derivative(double x, double beta) {
    return fa__rounded(fa__sigmoid(fa__product(beta, x)));
}

/* e^(beta y) = 1 + e^(beta x), so sigmoid(beta x) = 1 - e^(-beta y) */
FA_INLINE fa__native softplus_derivative_from_output(fa__native y, fa__native beta) {
    fa__native_pair z = fa__native_product(-beta, y);
    return -fa__native_expm1(z.h > 0 ? (fa__native_pair){0, 0} : z);
}

/* tanh, scaled_tanh, tanh_shrink ----------------------------------------------------------------- */

FA_INLINE double tanh_forward(double x) {
    return fa__copysign(fa__value(fa__tanh_abs(fa__pair_of(x))), x);
}

FA_INLINE double tanh_derivative(double x) {
    return fa__rounded(fa__sech_squared(fa__pair_of(x)));
}

FA_INLINE fa__native tanh_derivative_from_output(fa__native y) {
    return fa__native_fma(-y, y, 1);
}

FA_INLINE double scaled_tanh_forward(double x, double a, double b) {
    fa__pair z = fa__product(a, x);
    double value = fa__value(fa__mul_double(fa__tanh_abs(z), fa__copysign(1, z.h) * b));
#if FA_COMPENSATE
    /* z, where it may be subnormal, in other units; b z may be normal */
    double tiny = fa__value(fa__mul_double(fa__product(a, x * 0x1p200), b)) * 0x1p-200;
    value = fa__abs(z.h) < 0x1p-900 ? tiny : value;
#endif
    return value;
}

FA_INLINE double scaled_tanh_derivative(double x, double a, double b) {
    return fa__rounded(fa__times(fa__sech_squared(fa__product(a, x)), a, b));
}

/* a b (1 - (y/b)^2) */
FA_INLINE double scaled_tanh_derivative_from_output(double y, double a, double b) {
    return a * (b - y) * ((b + y) / b);
}

FA_INLINE double scaled_tanh_derivative_a(double x, double a, double b) {
    fa__pair z = fa__product(a, x);
    double near = fa__max(fa__min(x, DBL_MAX), -DBL_MAX); /* inf * 0 */
    return z.h == 0 ? x * b : fa__rounded(fa__times(fa__sech_squared(z), near, b));
}

FA_INLINE double scaled_tanh_derivative_b(double x, double a, double b) {
    return scaled_tanh_forward(x, a, 1 + 0 * b);
}

/* x - tanh x cancels near 0: there x^3 P(x^2) */
FA_INLINE double tanh_shrink_forward(double x) {
    double a = fa__abs(x), near = fa__min(a, 0.75);
    fa__pair square = fa__two_prod(near, near);
    fa__pair p = fa__with_constant(FA_TANH_SHRINK_CONSTANT_HI, FA_TANH_SHRINK_CONSTANT_LO, square.h,
                                   FA_POLY(square.h, FA_TANH_SHRINK));
    double series = fa__value(fa__mul(fa__mul_double(square, near), p));
    double far = fa__min(a, 0x1p60); /* from where on tanh is below the last bit */
    double difference = fa__value(fa__add_double(fa__negate(fa__tanh_abs(fa__pair_of(far))), far));
    return fa__copysign(a < 0.75 ? series : a > 0x1p60 ? a : difference, x);
}

FA_INLINE double tanh_shrink_derivative(double x) {
    fa__pair t = fa__tanh_abs(fa__pair_of(x));
    return fa__value(fa__mul(t, t));
}

/* softclip --------------------------------------------------------------------------------------- */

/* With b = abs alpha and z = b x (or b (1 - x), to mirror a negative alpha), softclip is
 * F(z) = (softplus(z) - softplus(z - b))/b, symmetric: F(z) + F(b - z) = 1, so only z <= b/2 is computed.
 * For b < 1 the difference would cancel; there it is log(1 + w e^z/(1 + e^(z-b)))/b, w = 1 - e^-b. */
typedef struct {
    fa__pair z;
    double b;
    double mirrored; /* 1 if F is to be taken from 1, else 0 */
} fa__softclip_argument;

FA_INLINE fa__softclip_argument fa__softclip_fold(double x, double alpha) {
    double b = fa__abs(alpha);
    const fa__pair left = fa__pair_of(-0x1p100); /* no infinite sums */
    fa__pair bx = fa__product(b, x);
    bx = fa__select(bx.h < left.h, left, bx);
    int high = bx.h > b / 2;
    fa__pair other = fa__add_double(fa__negate(bx), b);
    other = fa__select((bx.h > DBL_MAX) | (other.h < left.h), left, other);
    double swapped = alpha < 0 ? 1.0 : 0.0;
    return (fa__softclip_argument){fa__select(high, other, bx), b, high ? 1.0 - swapped : swapped};
}

FA_INLINE double softclip_forward(double x, double alpha) {
    fa__softclip_argument s = fa__softclip_fold(x, alpha);
    fa__pair lower = fa__add_double(s.z, -s.b);
    fa__scaled first = fa__softplus(s.z), second = fa__softplus(lower), e = fa__exp_pair(s.z);
    double wide = fa__value(fa__add(fa__unscaled(first), fa__negate(fa__unscaled(second))));
    fa__pair w = fa__negate(fa__expm1_small(fa__pair_of(-s.b)));
    fa__pair below = fa__add_double(fa__unscaled(fa__exp_pair(lower)), 1.0);
    fa__scaled v = {fa__div(fa__mul(e.m, w), below), e.power};
    double narrow = fa__rounded(fa__log1p(v));
    fa__scaled tiny = {fa__div(e.m, below), e.power}; /* log(1 + v) = v, w = b */
    double least = fa__rounded(tiny), usual = (s.b < 1 ? narrow : wide) / s.b;
    double folded = s.b < 0x1p-60 ? least : usual, other = 1 - folded;
    return s.mirrored > 0 ? other : folded;
}

/* F'(z) b = sigmoid(z) - sigmoid(z - b) = w e^z/((1 + e^z)(1 + e^(z-b))) */
FA_INLINE double softclip_derivative(double x, double alpha) {
    fa__softclip_argument s = fa__softclip_fold(x, alpha);
    fa__pair lower = fa__add_double(s.z, -s.b);
    fa__pair w = fa__negate(fa__expm1_small(fa__pair_of(-s.b)));
    fa__scaled g = fa__sigmoid(s.z);
    fa__pair below = fa__add_double(fa__unscaled(fa__exp_pair(lower)), 1.0);
    g.m = fa__div(fa__mul(g.m, w), below);
    return fa__copysign(fa__rounded(g), alpha);
}

/* laplace ---------------------------------------------------------------------------------------- */

/* (x - mu)/sigma */
FA_INLINE fa__pair fa__standardised(double x, double mu, double sigma) {
    return fa__quotient(fa__two_sum(x, -mu), sigma);
}

FA_INLINE double laplace_forward(double x, double mu, double sigma) {
    return fa__rounded(fa__normal_cdf(fa__standardised(x, mu, sigma)));
}

FA_INLINE double laplace_derivative(double x, double mu, double sigma) {
    fa__scaled e = fa__gauss(fa__standardised(x, mu, sigma));
    e.m = fa__mul(e.m, fa__density_at_0());
    int none = (e.power.a == 0) & (e.m.h == e.m.h); /* sigma may be 0 */
    return none ? fa__copysign(0, sigma) : fa__rounded(fa__over(e, sigma));
}

/* xielu ------------------------------------------------------------------------------------------ */

/* A unit for n and b, in which their products do not overflow where they cancel */
FA_INLINE double fa__xielu_unit(double n, double b) {
    return (fa__abs(n) > 0x1p1000) | (fa__abs(b) > 0x1p1000) ? 0x1p-20 : 1;
}

/* (c x + b) x; left of -75, where e^x is nothing, (b - n) x - n */
FA_INLINE double fa__xielu_line(double x, double alpha_p, double alpha_n, double beta) {
    int left = x < -75, large = fa__xielu_unit(x > 0 ? alpha_p : alpha_n, beta) < 1,
        tiny = (fa__abs(alpha_p) < 0x1p-400) & (fa__abs(beta) < 0x1p-400) & (x > 1);
    double unit = tiny ? 0x1p500 : large ? 0x1p-20 : 1, c = x > 0 ? alpha_p : alpha_n / 2;
    fa__pair inner = fa__add_double(fa__two_prod(c * unit, x), beta * unit);
    inner = fa__select(left, fa__two_sum(beta * unit, -alpha_n * unit), inner);
    fa__pair product = fa__mul_double(inner, tiny ? x * 0x1p-500 : large ? x * 0x1p20 : x);
    return fa__value(fa__select(left, fa__add_double(product, -alpha_n), product));
}

/* x > 0: p x^2 + b x; else n (e^x - 1 - x) + b x */
FA_INLINE double xielu_forward(double x, double alpha_p, double alpha_n, double beta) {
    double below = fa__max(fa__min(x, 0), -75), unit = fa__xielu_unit(alpha_n, beta);
    fa__pair bend = fa__mul_double(fa__expm1_minus_x(below), alpha_n * unit);
    double sum = fa__value(fa__add(bend, fa__two_prod(beta * unit, below))) * (unit < 1 ? 0x1p20 : 1);
    double line = fa__xielu_line(fa__max(fa__min(x, DBL_MAX), -DBL_MAX), alpha_p, alpha_n, beta);
    /* where pairs overflow, and at infinity */
    double slope = x > 0 ? alpha_p * fa__under(alpha_p, x) + beta : beta - alpha_n;
    double far = slope * fa__under(slope, x) - (x > 0 ? 0 : alpha_n);
    double near = (x < -75) | (x > -0x1p-200) ? line : sum;
    return (fa__abs(x) > DBL_MAX) | (near != near) ? far : near;
}

/* where pairs overflow, 2 (p x + b/2) or n + b */
FA_INLINE double xielu_derivative(double x, double alpha_p, double alpha_n, double beta) {
    fa__pair bend = fa__mul_double(fa__expm1_accurate(fa__pair_of(fa__min(x, 0))), alpha_n);
    fa__pair rise = fa__two_prod(x < 1 ? alpha_p : 2 * alpha_p, x < 1 ? 2 * x : x);
    double near = fa__value(fa__add_double(fa__select(x > 0, rise, bend), beta));
    double far = x > 0 ? 2 * (alpha_p * fa__under(alpha_p, x) + beta / 2) : bend.h + beta;
    return fa__abs(near) <= DBL_MAX ? near : far;
}

FA_INLINE double xielu_derivative_alpha_p(double x, double alpha_p, double alpha_n, double beta) {
    (void)alpha_p, (void)alpha_n, (void)beta;
    return x <= 0 ? 0 : x * x;
}

FA_INLINE double xielu_derivative_alpha_n(double x, double alpha_p, double alpha_n, double beta) {
    (void)alpha_p, (void)alpha_n, (void)beta;
    double below = fa__value(fa__expm1_minus_x(fa__max(fa__min(x, 0), -0x1p900)));
    return x > 0 ? 0 : x < -0x1p900 ? -x : below;
}

FA_INLINE real xielu_derivative_beta(real x, real alpha_p, real alpha_n, real beta) {
    (void)alpha_p, (void)alpha_n, (void)beta;
    return x;
}

#endif
