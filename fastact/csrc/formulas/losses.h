/* Formulas of the losses of losses.def: value and derivative of one element, with respect to x. t is the target.
 * See formulas.h for the rules that all formulas follow; here value and derivative share their exponential. */
#ifndef FA_FORMULAS_LOSSES_H
#define FA_FORMULAS_LOSSES_H

#include "math/logarithm.h"

typedef struct {
    double value, slope;
} fa__loss;

/* factor v; 0 where the factor is, but for a NaN */
FA_INLINE double fa__share(double factor, double v) {
    return factor * fa__under(factor, v);
}

/* softplus(-x) = max(-x, 0) + log(1 + e), e = exp(-abs x), and sigmoid(x) is 1/(1 + e) or e/(1 + e) */
FA_INLINE fa__loss sigmoid_binary_cross_entropy_loss(double x, double t, double pos_weight) {
    const fa__scaled e = fa__exp_decay(fa__pair_of(x));
    const double rest = fa__rounded(fa__log1p(e));
    fa__scaled tail = e;
    tail.m = fa__div(e.m, fa__add_double(fa__unscaled(e), 1));
    const double small = fa__rounded(tail), large = 1 - small; /* sigmoid(-abs x), sigmoid(abs x) */
    const double yes = t * pos_weight, no = 1 - t;
    const double of_yes = fa__share(yes, (x < 0 ? -x : 0) + rest);
    const double of_no = fa__share(no, (x > 0 ? x : 0) + rest);
    return (fa__loss){of_yes + of_no, no * (x < 0 ? small : large) - yes * (x < 0 ? large : small)};
}

FA_INLINE fa__loss mse_loss(double x, double t) {
    const double d = x - t;
    return (fa__loss){d * d, 2 * d};
}

FA_INLINE fa__loss huber_loss(double x, double t, double delta) {
    const double d = x - t, a = fa__abs(d);
    const double value = a > delta ? delta * (a - 0.5 * delta) : 0.5 * d * d;
    return (fa__loss){value, fa__max(fa__min(d, delta), -delta)};
}

/* the sign of the margin is exact */
FA_INLINE fa__loss hinge_loss(double x, double t) {
    const fa__pair product = fa__two_prod(t, x), sum = fa__two_sum(1, -product.h);
    const double margin = fa__value((fa__pair){sum.h, sum.l - product.l});
    return (fa__loss){fa__max(margin, 0), margin > 0 ? -t : margin <= 0 ? 0 : margin};
}

FA_INLINE fa__loss kl_divergence_loss(double x, double t) {
    const fa__pair log = fa__log(t);
    const double missing = x == x ? 0 : x;
    return (fa__loss){t == 0 ? missing : t * ((log.h - x) + log.l), (0 - t) + missing};
}

/* +inf for x = +inf, where e^x exceeds t x */
FA_INLINE fa__loss poisson_loss(double x, double t) {
    const double rate = fa__rounded(fa__exp(x));
    return (fa__loss){x > DBL_MAX ? x + 0 * t : rate - fa__share(t, x), (x > DBL_MAX ? x : rate) - t};
}

#endif
