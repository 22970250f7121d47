/* The kernels of element-wise losses: value and gradient of each element, and the sum of the values. Compiled once for each
 * instruction set and element type (platform/kernel.h). Must not depend on threads.
 *
 * Elements are widened to double, a tile at a time; formulas are evaluated in double, and results rounded once. */
#include <stdint.h>

#include "losses/call.h"
#include "platform/kernel.h"

#define FA_COMPENSATE FA__REAL_IS_DOUBLE
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FA_HAVE_FMA
#endif

#include "fastact/table.h"
#include "formulas/losses.h"

/* TILE: elements at a time, 6 KB of the stack; SUMS: sums that are added up apart; it divides TILE */
enum { TILE = 128, SUMS = 8 };

typedef struct {
    double x[TILE], target[TILE], weights[TILE], parameter[TILE], value[TILE], slope[TILE];
} tile;

/* Formulas over a tile ------------------------------------------------------------------------------ */

typedef void formula_loop(tile *t, size_t n);

#define FA_LOSS(id, name, params, ...)                                                           \
    static void name##_loop(tile *restrict t, size_t n) {                                        \
        _Pragma("omp simd") for (size_t k = 0; k < n / SUMS * SUMS; k++) {                       \
            fa__loss loss = name##_loss(t->x[k], t->target[k] FA_EACH_PARAM(PASSED_ON, params)); \
            t->value[k] = loss.value;                                                            \
            t->slope[k] = loss.slope;                                                            \
        }                                                                                        \
    }
#define PASSED_ON(i, name, default_, kind) , t->parameter[k]
#include "fastact/losses.def"
#undef FA_LOSS

static formula_loop *const loops[] = {
#define FA_LOSS(id, name, ...) name##_loop,
#include "fastact/losses.def"
#undef FA_LOSS
};

/* Arrays and tiles ---------------------------------------------------------------------------------- */

/* `count` elements in double, and further ones that are 0, up to `padded` */
FA_INLINE void load(double *to, const real *from, size_t count, size_t padded) {
    for (size_t k = 0; k < count; k++) to[k] = (double)from[k];
    for (size_t k = count; k < padded; k++) to[k] = 0;
}

FA_INLINE void fill(double *to, size_t padded, double value) {
    for (size_t k = 0; k < padded; k++) to[k] = value;
}

FA_INLINE void load_weights(tile *t, const double *from, size_t count, size_t padded) {
    memcpy(t->weights, from, count * sizeof(double));
    for (size_t k = count; k < padded; k++) t->weights[k] = 0;
}

/* The parameter of elements `begin` and further: numbers that are repeated */
static void load_parameter(tile *t, const fa__loss_call *c, size_t begin, size_t padded) {
    if (c->period == 1) {
        fill(t->parameter, padded, *c->parameter);
        return;
    }
    size_t i = begin % c->period;
    for (size_t k = 0; k < padded; k++) {
        t->parameter[k] = c->parameter[i];
        i = i + 1 < c->period ? i + 1 : 0;
    }
}

/* What of an element has a weight, or a slope, of 0 is 0, so that nothing else the element holds enters a result */
FA_INLINE void apply_weights(tile *t, size_t padded, double factor) {
    _Pragma("omp simd") for (size_t k = 0; k < padded / SUMS * SUMS; k++) {
        const double weight = t->weights[k], scale = factor * weight;
        const double value = t->value[k] * weight, slope = t->slope[k] * scale;
        t->value[k] = weight == 0 ? 0 : value;
        t->slope[k] = (t->slope[k] == 0) | (weight == 0) ? 0 : slope;
    }
}

FA_INLINE void store(real *to, const double *from, size_t count, double factor) {
    for (size_t k = 0; k < count; k++) to[k] = (real)(from[k] == 0 ? 0 : factor * from[k]);
}

/* Sums, and what rounding has taken from them (TwoSum) */
typedef double group __attribute__((vector_size(SUMS * sizeof(double)), aligned(sizeof(double)), may_alias));
FA_INLINE void add_up(const double *values, size_t padded, group *sum, group *error) {
    for (size_t k = 0; k < padded; k += SUMS) {
        const group v = *(const group *)(values + k), s = *sum + v, added = s - *sum;
        *error += (*sum - (s - added)) + (v - added);
        *sum = s;
    }
}

/* Kernel -------------------------------------------------------------------------------------------- */

fa__loss_kernel FA__KERNEL_NAME(fa__loss);
void FA__KERNEL_NAME(fa__loss)(const fa__loss_call *c, size_t begin, size_t end, fa__loss_sum *total) {
    const real *x = c->x, *target = c->target;
    const double *weights = c->weights;
    real *losses = c->losses, *grad_x = c->grad_x;
    tile t;
    group sum = {0}, error = {0};
    for (size_t i = begin; i < end; i += TILE) {
        const size_t count = end - i < TILE ? end - i : TILE, padded = (count + SUMS - 1) / SUMS * SUMS;
        load(t.x, x + i, count, padded);
        load(t.target, target + i, count, padded);
        if (weights) load_weights(&t, weights + i, count, padded);
        if (c->parameter) load_parameter(&t, c, i, padded);
        loops[c->entry](&t, padded);
        if (weights) apply_weights(&t, padded, c->factor);
        for (size_t k = count; k < padded; k++) t.value[k] = 0;
        add_up(t.value, padded, &sum, &error);
        if (losses) store(losses + i, t.value, count, 1);
        if (grad_x) store(grad_x + i, t.slope, count, weights ? 1 : c->factor);
    }
    for (size_t j = 0; j < SUMS; j++) {
        fa__add_to_loss(total, sum[j]);
        total->low += error[j] == error[j] ? error[j] : 0;
    }
}
