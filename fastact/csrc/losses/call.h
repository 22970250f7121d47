/* Element-wise losses of the table losses.def: what their kernels are, and how arrays are computed.
 * Must not depend on shapes or strides: arrays are contiguous. */
#ifndef FA_LOSSES_CALL_H
#define FA_LOSSES_CALL_H

#include <stddef.h>

#include "platform/dtype.h"

/* entries, by index */
enum {
#define FA_LOSS(id, name, ...) FA__LOSS_##name,
#include "fastact/losses.def"
#undef FA_LOSS
    FA__LOSS_ENTRIES
};

/* An unevaluated sum */
typedef struct {
    double high, low;
} fa__loss_sum;

/* A call: n elements of each array. Results may be null; they may be stored over x, target or weights. */
typedef struct {
    int entry;
    fa__dtype dtype;
    size_t n;
    const void *x, *target;
    const double
        *weights; /* null: 1. Where a weight is 0 the element does not count, and may hold anything */
    const double *parameter; /* of the entry, if it has one: `period` numbers that are repeated */
    size_t period;
    double factor; /* of the gradient */
    void *losses;  /* weights f(x, target) */
    void *grad_x;  /* factor weights f'(x, target) */
    fa__loss_sum *total;
} fa__loss_call;

/* Elements `begin` to `end` of a call; adds their losses to *total. Of one instruction set and one element type. */
typedef void fa__loss_kernel(const fa__loss_call *call, size_t begin, size_t end, fa__loss_sum *total);

typedef struct {
    int id;
    const char *name;
    int has_parameter;
    const char *parameter; /* its name */
    double default_value;
    int is_positive; /* whether it is one positive number; else it is any, or an array */
    const char *x;   /* what the first argument is called */
    int has_signs;   /* whether targets are -1 or 1 */
    const char *formula, *gradient, *terms;
    int mean_of_weights; /* whether a mean divides by the sum of the weights */
    double bounds[2];    /* of the error, by dtype */
    const char *about;
} fa__loss_entry;
extern const fa__loss_entry fa__loss_entries[];

void fa__run_loss(const fa__loss_call *call);

/* s + a; s is a sum of two doubles, whose last bits are kept */
static inline void fa__add_to_loss(fa__loss_sum *s, double a) {
    double sum = s->high + a, added = sum - s->high;
    double error = (s->high - (sum - added)) + (a - added);
    s->high = sum;
    s->low += error == error ? error : 0; /* infinite sums have none */
}

#endif
