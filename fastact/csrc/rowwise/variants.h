/* What distinguishes softmax and its relatives, and their gradient. For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_VARIANTS_H
#define FA_ROWWISE_VARIANTS_H

#include "rowwise/exponential.h"

typedef enum { SOFTMAX, LOG_SOFTMAX, LOGSUMEXP } shape_of_result;

/* Constants at each use */
typedef struct {
    shape_of_result kind;
    int quiet; /* whether there is one more input, 0 */
    double sign;
} variant;

/* CALL(name, ...) for each entry with its variant */
#define EACH_VARIANT(CALL)               \
    CALL(softmax, SOFTMAX, 0, 1)         \
    CALL(softmin, SOFTMAX, 0, -1)        \
    CALL(quiet_softmax, SOFTMAX, 1, 1)   \
    CALL(log_softmax, LOG_SOFTMAX, 0, 1) \
    CALL(logsumexp, LOGSUMEXP, 0, 1)

/* What the gradient of a row is made of: probabilities p/temperature are e * scale * power; t is sum(g p) of softmax, sum(g)
 * of its logarithm, and g of logsumexp. The divisor is the temperature with the sign of the variant. */
typedef struct {
    wide_pair scale, t;
    double divisor;
} terms;

/* softmax: p (g - t)/temperature; its logarithm: g/temperature - t p/temperature; logsumexp: t p */
INLINE wide gradient(const variant v, const terms *c, wide g, const parts *e) {
    const wide p = e->value * c->scale.high + (e->value * c->scale.low + e->low * c->scale.high);
    wide factor = c->t.high;
    if (v.kind == SOFTMAX) factor = (g - c->t.high) - c->t.low;
    const wide d = pick(is_equal(e->value, every(0)), every(0), p * factor * e->power);
    if (v.kind != LOG_SOFTMAX) return d;
    if (c->divisor != 1) g = g / c->divisor;
    return g - (d + pick(is_equal(d, every(0)), every(0), p * c->t.low * e->power));
}

#endif
