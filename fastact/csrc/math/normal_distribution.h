/* The normal distribution: its density, its tail and the error function.
 * Must not depend on activations, loops or dtypes. Branch-free, as exponential.h. */
#ifndef FA_MATH_NORMAL_DISTRIBUTION_H
#define FA_MATH_NORMAL_DISTRIBUTION_H

#include "math/exponential.h"

/* beyond 39 the normal tail underflows in float64; Mills' ratio is fitted up to 40 */
#define FA__GAUSS_LIMIT 40.0

/* 1/sqrt(2 pi) */
FA_INLINE fa__pair fa__density_at_0(void) {
    return (fa__pair){FA_INV_SQRT_2PI_HI, FA_INV_SQRT_2PI_LO};
}

/* e^(-x^2/2), with the rounding error of the square carried along; 0 from abs x = 64 on */
FA_INLINE fa__scaled fa__gauss(fa__pair x) {
    fa__pair near = fa__abs_to(x, 64.0);
    return fa__exp_pair(fa__times_power(fa__mul(near, near), -0.5));
}

/* M(a) = e^(a^2/2) Phi(-a) for a >= 0, held at a = 40: Mills' ratio over sqrt(2 pi). Times 2 + 4 a/sqrt(2 pi) it is a
 * smooth function, from 1 to 2/pi, of t = (a - K)/(a + K), which maps [0, inf) to [-1, 1). */
FA_INLINE fa__pair fa__mills(fa__pair x) {
    fa__pair a = fa__abs_to(x, FA__GAUSS_LIMIT);
    double t = (a.h - FA_MILLS_CENTRE) / (a.h + FA_MILLS_CENTRE);
    double rest = FA_POLY(t, FA_MILLS_POLY);
    fa__pair scaled = fa__with_constant(FA_MILLS_CONSTANT_HI, FA_MILLS_CONSTANT_LO, t, rest);
    fa__pair m = fa__div(scaled, fa__add_double(fa__mul_double(fa__density_at_0(), 4 * a.h), 2.0));
#if FA_COMPENSATE
    m.l += a.l * (a.h * m.h - FA_INV_SQRT_2PI_HI); /* M' = a M - 1/sqrt(2 pi) */
#endif
    return m;
}

/* Phi(-abs a) */
FA_INLINE fa__scaled fa__normal_tail(fa__pair a) {
    fa__scaled e = fa__gauss(a);
    e.m = fa__mul(e.m, fa__mills(a));
    return e;
}

/* Phi(x): the tail to the left, 1 less the tail to the right */
FA_INLINE fa__scaled fa__normal_cdf(fa__pair x) {
    fa__scaled tail = fa__normal_tail(x);
    fa__pair rest = fa__add_double(fa__negate(fa__unscaled(tail)), 1.0);
    return fa__select_scaled(x.h < 0, tail, fa__unit_scaled(rest));
}

/* erf(s) for s = m * 2^k >= 0: s P(s^2) below 3/4, scaled last; else 1 - 2 Phi(-sqrt 2 s) */
FA_INLINE fa__scaled fa__erf_positive(fa__scaled s) {
    fa__pair u = fa__unscaled(s);
    fa__pair near = fa__select(u.h < 0.75, u, fa__pair_of(0.75));
    double square = near.h * near.h;
    fa__pair p =
        fa__with_constant(FA_ERF_CONSTANT_HI, FA_ERF_CONSTANT_LO, square, FA_POLY(square, FA_ERF_POLY));
    fa__scaled small = {fa__mul(s.m, p), s.power};
    fa__pair a = fa__mul((fa__pair){FA_SQRT_2_HI, FA_SQRT_2_LO}, u);
    fa__pair twice = fa__times_power(fa__unscaled(fa__normal_tail(a)), -2.0);
    return fa__select_scaled(u.h < 0.75, small, fa__unit_scaled(fa__add_double(twice, 1.0)));
}

#endif
