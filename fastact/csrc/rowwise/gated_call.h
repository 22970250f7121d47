/* Gated pairs, y = f(a) b, and their gradients, tile by tile: f is an entry of activations.def. Must not depend on axes. */
#ifndef FA_ROWWISE_GATED_CALL_H
#define FA_ROWWISE_GATED_CALL_H

#include <stddef.h>

#include "platform/dtype.h"
#include "platform/loop.h"

/* Elements of a tile: buffers of short rows and f and f' of a tile take 10 KB of stack */
#define FA__GATED_TILE 256

/* What computes f and f': the kernels of the products themselves, or those of the entry before them */
typedef enum {
    FA__GATE_GIVEN,
    FA__GATE_IDENTITY,
    FA__GATE_RELU,
    FA__GATE_SIGMOID,
    FA__GATE_SILU,
    FA__GATES
} fa__gate;

/* One tile. Results may be inputs. */
typedef struct {
    size_t n;
    const void *grad_y, *a, *b;
    const double *f, *d; /* of FA__GATE_GIVEN: f and f' at min(a, limit) */
    void *out_a, *out_b; /* y and null, or both gradients */
    double limit, offset, alpha;
} fa__gated_tile;
typedef void fa__gated_kernel(const fa__gated_tile *tile);

/* of one instruction set and one element type */
typedef struct {
    fa__gated_kernel
        *of[FA__GATES][2][2]; /* by gate; with limit and offset or not; forward, backward. Of float64,
                                            * not those of the logistic function. */
    void (*widened)(const void *a, double *to, size_t n, double limit); /* min(a, limit) */
} fa__gated_kernels;

/* y = f(min(a, limit)) * (max(-limit, min(b, limit)) + offset). Steps are bytes from one row to the next. */
typedef struct {
    int entry;
    fa__dtype dtype;
    double parameters[FA__MAX_PARAMS];
    double limit, offset; /* limit: INFINITY for none */
    size_t rows, n;
    const void *grad_y, *a, *b; /* grad_y: null in the forward pass */
    void *out_a, *out_b;        /* y and null, or both gradients */
    ptrdiff_t step_grad_y, step_a, step_b, step_out_a, step_out_b;
} fa__gated_call;
void fa__run_gated(const fa__gated_call *call);

#endif
