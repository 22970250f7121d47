/* The plan of an element-wise call: tiles, ranges of each axis that are small enough for the first-level cache.
 *
 * Within a tile an operand either is packed (its elements are contiguous, and kernels read and write them in place) or
 * goes through a buffer. */
#ifndef FA_ELEMENTWISE_PLAN_H
#define FA_ELEMENTWISE_PLAN_H

#include <stddef.h>

#include "elementwise/call.h"
#include "elementwise/kernels.h"

/* Bytes of the buffers that a thread has on its stack for the operands of a tile. Kernels take up to 10 KiB more. */
#define FA__BUFFER_BYTES (6 << 10)
#define FA__STREAM_BUFFERS 2 /* of each streamed result: one is filled while the other one is sent */
#define FA__SHORT 1024       /* elements of a contiguous call that is not worth a plan */
#define FA__AHEAD 2048 /* least bytes from what is computed to what is prefetched, for the memory's latency */

/* What is prefetched of the next tile's inputs. The hardware prefetches by itself, up to the next page. From a cache,
 * prefetching a part pays (all of it took up to 1.3 times as long); from memory, all of it (relu's backward pass with
 * streamed results: 0.21 ns instead of 0.44). */
typedef enum { FA__PREFETCH_NONE, FA__PREFETCH_SOME, FA__PREFETCH_ALL } fa__prefetching;

typedef struct {
    fa__loop *loop;
    const fa__kernels *kernels;
    int inputs, params, results, operands;
    fa__dtype dtype;
    fa__source source[FA__MAX_OPERANDS];
    size_t stored, computed; /* bytes per element in memory and in kernels */
    int ndim;
    const size_t *shape;
    char *base[FA__MAX_OPERANDS];
    const ptrdiff_t *stride[FA__MAX_OPERANDS];
    size_t tile[FA__MAX_DIMS]; /* extents */
    size_t
        phase; /* elements by which the first tile is shorter, so that the others begin with a cache line */
    char uniform[FA__MAX_OPERANDS], packed[FA__MAX_OPERANDS];
    int across; /* the second axis of a square tile; the last axis where tiles are not square */
    char transposed[FA__MAX_OPERANDS]; /* of a square tile: operands that are contiguous along that axis */
    int streams;                       /* whether results are stored past the caches */
    size_t step;                       /* elements of a tile that are computed, then stored so */
    fa__prefetching prefetching;       /* of inputs, one tile ahead */
    int spans;                         /* tiles are made of spans along the last axis that need no buffer */
} fa__plan;

static inline int fa__is_param(const fa__plan *p, int operand) {
    return operand >= p->inputs && operand < p->inputs + p->params;
}

static inline int fa__is_result(const fa__plan *p, int operand) {
    return operand >= p->inputs + p->params;
}

/* What does not depend on the arrays */
void fa__start_plan(fa__plan *plan, int entry, fa__direction direction, fa__dtype dtype);
fa__loop *fa__loop_for(const fa__plan *plan, int entry, fa__direction direction, int per_element);

/* base, stride, shape and ndim are set: choose tiles and run them */
void fa__run_plan(fa__plan *plan, int entry, fa__direction direction);

#endif
