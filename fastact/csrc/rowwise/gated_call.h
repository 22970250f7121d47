/* Gated pairs, y = f(a) b, and their gradients: f is an entry of activations.def, computed tile by tile by its
 * element-wise kernels; the products have kernels of their own. Must not depend on axes. */
#ifndef FA_ROWWISE_GATED_CALL_H
#define FA_ROWWISE_GATED_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "platform/dtype.h"
#include "platform/loop.h"

/* Elements of a tile: all its arrays fit the first-level cache */
#define FA__GATED_TILE 512

/* float32 elements of which f or f' is subnormal, 0 or infinite in float32, while the product need not be */
typedef struct {
    size_t count;
    uint16_t index[FA__GATED_TILE];
    double a[FA__GATED_TILE], b[FA__GATED_TILE], grad_y[FA__GATED_TILE];
    char passes_a[FA__GATED_TILE], passes_b[FA__GATED_TILE]; /* whether the limit lets gradients through */
} fa__gated_doubtful;

/* One tile. a and b are as the caller has them; f and d are f and f' at min(a, limit). Results may be inputs. */
typedef struct {
    size_t n;
    const void *grad_y, *a, *b, *f, *d;
    void *out_a, *out_b; /* y, or both gradients */
    double limit, offset;
    int is_costly; /* f underflows where |a| is not small */
    fa__gated_doubtful *doubtful;
} fa__gated_tile;
typedef void fa__gated_kernel(const fa__gated_tile *tile);

/* of one instruction set and one element type */
typedef struct {
    fa__gated_kernel *forward, *backward;
    void (*limited)(const void *a, void *to, size_t n, double limit); /* min(a, limit) */
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
