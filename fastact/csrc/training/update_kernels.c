/* The kernels of optimisers. Compiled once for each instruction set and element type (platform/kernel.h).
 * Each operation rounds once, in a fixed order: the same bits wherever in an array an element is. */
#include "training/update_kernels.h"

#include <math.h>

#include "rowwise/doubles.h"

/* what a loop over the elements begins with: pointers to arrays that do not overlap, and numbers as elements */
#define LOAD_NUMBERS                                                                           \
    const fa__rule_numbers *given = u->numbers;                                                \
    const real factor = (real)given->factor, limit = (real)given->limit;                       \
    const real decay = (real)given->decay, keep = (real)given->keep, rate = (real)given->rate; \
    real *restrict p = u->parameters;                                                          \
    const real *restrict gradients = u->gradients;

INLINE real square_root(real x) {
#if FA__REAL_IS_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* NaN stays */
INLINE real limited(real g, real limit) {
    g = g > limit ? limit : g;
    return g < -limit ? -limit : g;
}

#define GRADIENT(i) (limited(gradients[i] * factor, limit) + decay * p[i])
#define EACH_ELEMENT _Pragma("omp simd") for (size_t i = 0; i < u->n; i++)

/* p -= rate g */
static void plain(const fa__rule_arrays *u) {
    LOAD_NUMBERS
    EACH_ELEMENT p[i] = p[i] * keep - rate * GRADIENT(i);
}

/* v = old1 v + new1 g; p -= rate v, or rate (g + old1 v) */
INLINE void with_momentum(const fa__rule_arrays *u, int is_nesterov) {
    LOAD_NUMBERS
    real *restrict velocity = u->states[0];
    const real old1 = (real)given->old1, new1 = (real)given->new1;
    EACH_ELEMENT {
        const real g = GRADIENT(i), v = old1 * velocity[i] + new1 * g;
        velocity[i] = v;
        p[i] = p[i] * keep - rate * (is_nesterov ? g + old1 * v : v);
    }
}
static void momentum(const fa__rule_arrays *u) {
    with_momentum(u, 0);
}
static void nesterov(const fa__rule_arrays *u) {
    with_momentum(u, 1);
}

/* m and v are means of g and g^2; p -= rate m/(root_scale sqrt(v) + eps), or with the largest v of all steps */
INLINE void with_means(const fa__rule_arrays *u, int has_largest) {
    LOAD_NUMBERS
    real *restrict means = u->states[0], *restrict squares = u->states[1], *restrict largest = u->states[2];
    const real old1 = (real)given->old1, new1 = (real)given->new1, old2 = (real)given->old2;
    const real new2 = (real)given->new2, root_scale = (real)given->root_scale, eps = (real)given->eps;
    EACH_ELEMENT {
        const real g = GRADIENT(i);
        const real m = old1 * means[i] + new1 * g, v = old2 * squares[i] + new2 * (g * g);
        real most = v;
        means[i] = m;
        squares[i] = v;
        if (has_largest) {
            most = v < largest[i] ? largest[i] : v;
            largest[i] = most;
        }
        p[i] = p[i] * keep - rate * m / (root_scale * square_root(most) + eps);
    }
}
static void adam(const fa__rule_arrays *u) {
    with_means(u, 0);
}
static void amsgrad(const fa__rule_arrays *u) {
    with_means(u, 1);
}

/* v is the mean of g^2, and the variance of g where `is_centered`; p -= rate g/(sqrt(v) + eps), or a sum of such steps */
INLINE void with_root(const fa__rule_arrays *u, int is_centered, int has_momentum) {
    LOAD_NUMBERS
    real *restrict squares = u->states[0], *restrict velocity = u->states[1], *restrict means = u->states[2];
    const real old2 = (real)given->old2, new2 = (real)given->new2, eps = (real)given->eps;
    const real old_step = (real)given->momentum;
    EACH_ELEMENT {
        const real g = GRADIENT(i);
        real v = old2 * squares[i] + new2 * (g * g);
        squares[i] = v;
        if (is_centered) {
            const real m = old2 * means[i] + new2 * g;
            means[i] = m;
            v = v - m * m;
            v = v < 0 ? 0 : v; /* rounding may make a variance of 0 negative */
        }
        real step = g / (square_root(v) + eps);
        if (has_momentum) {
            step = old_step * velocity[i] + step;
            velocity[i] = step;
        }
        p[i] = p[i] * keep - rate * step;
    }
}
static void rmsprop(const fa__rule_arrays *u) {
    with_root(u, 0, 0);
}
static void rmsprop_momentum(const fa__rule_arrays *u) {
    with_root(u, 0, 1);
}
static void centered(const fa__rule_arrays *u) {
    with_root(u, 1, 0);
}
static void centered_momentum(const fa__rule_arrays *u) {
    with_root(u, 1, 1);
}

/* s is the sum of g^2; p -= rate g/(sqrt(s) + eps) */
static void adagrad(const fa__rule_arrays *u) {
    LOAD_NUMBERS
    real *restrict sums_of_squares = u->states[0];
    const real eps = (real)given->eps;
    EACH_ELEMENT {
        const real g = GRADIENT(i), s = sums_of_squares[i] + g * g;
        sums_of_squares[i] = s;
        p[i] = p[i] * keep - rate * (g / (square_root(s) + eps));
    }
}

/* p -= rate sign(old1 m + new1 g), then m = old2 m + new2 g */
static void lion(const fa__rule_arrays *u) {
    LOAD_NUMBERS
    real *restrict means = u->states[0];
    const real old1 = (real)given->old1, new1 = (real)given->new1, old2 = (real)given->old2;
    const real new2 = (real)given->new2;
    EACH_ELEMENT {
        const real g = GRADIENT(i), direction = old1 * means[i] + new1 * g;
        real step = direction > 0 ? rate : direction; /* 0 and NaN stay */
        step = direction < 0 ? -rate : step;
        p[i] = p[i] * keep - step;
        means[i] = old2 * means[i] + new2 * g;
    }
}

/* of float32 in float64; of float64 with the rounding errors of the sum */
static double sum_of_squares(const void *x_, size_t n) {
    const real *x = x_;
    sums s = {{0}, {0}};
    for (size_t i = 0; i < n; i += LANES) {
        const block b = load_block(x + i, n - i, 0);
        add_products(&s, &b, &b);
    }
    const pair total = total_of(&s);
    return isfinite(total.high) ? total.high + total.low : total.high;
}

extern const fa__update_kernels FA__KERNEL_NAME(fa__update_kernels);
const fa__update_kernels FA__KERNEL_NAME(fa__update_kernels) = {
    .of =
        {
            [FA__PLAIN_RULE] = plain,
            [FA__MOMENTUM_RULE] = momentum,
            [FA__NESTEROV_RULE] = nesterov,
            [FA__ADAM_RULE] = adam,
            [FA__RMSPROP_RULE] = rmsprop,
            [FA__RMSPROP_MOMENTUM_RULE] = rmsprop_momentum,
            [FA__CENTERED_RULE] = centered,
            [FA__CENTERED_MOMENTUM_RULE] = centered_momentum,
            [FA__ADAGRAD_RULE] = adagrad,
            [FA__LION_RULE] = lion,
            [FA__AMSGRAD_RULE] = amsgrad,
        },
    .sum_of_squares = sum_of_squares,
};
