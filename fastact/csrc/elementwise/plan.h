/* A call as boxes: ranges of each axis, small enough for the first-level cache. What engine.c plans and boxes.c runs.
 * Does not know how boxes are chosen, nor what kernels compute. */
#ifndef FA_BOXES_H
#define FA_BOXES_H

#include <stddef.h>

#include "elementwise/internal.h"

/* elements of a box that goes through buffers: these fit half a first-level cache, in usual calls together. With half as
 * many, starting a box takes half as long again (reversed float32, 0.12 instead of 0.15 ns). */
#define FA__BUFFERED 1024

/* Once the CPU sees where a loop reads it fetches by itself, up to the next page. From a cache some is worth fetching (all
 * of it took up to 1.3 times as long there); from memory all is (streamed, relu's backward pass took 0.21 instead of
 * 0.44 ns). */
typedef enum { FA__FETCH_NONE, FA__FETCH_SOME, FA__FETCH_ALL } fa__fetching;

typedef struct {
    fa__loop *loop;
    int inputs, params, results, operands;
    fa__dtype dtype;
    fa__source source[FA__MAX_OPERANDS];
    size_t stored, computed; /* bytes per element in memory and in kernels */
    int ndim;
    const size_t *shape;
    char *base[FA__MAX_OPERANDS];
    const ptrdiff_t *stride[FA__MAX_OPERANDS];
    size_t box[FA__MAX_DIMS]; /* extents */
    size_t phase; /* elements by which the first box is shorter, so that the others start at cache lines */
    char fixed[FA__MAX_OPERANDS], packed[FA__MAX_OPERANDS];
    int across;                        /* the other axis of a tile; the last one if boxes are none */
    char transposed[FA__MAX_OPERANDS]; /* in a tile: which operands are faster along that axis */
    int streams;                       /* whether results are stored past the caches */
    fa__fetching fetching;             /* of inputs, a box ahead */
    int runs; /* boxes are made of runs along the innermost axis that need no buffer */
} fa__plan;

static inline int fa__is_param(const fa__plan *p, int operand) {
    return operand >= p->inputs && operand < p->inputs + p->params;
}

static inline int fa__is_result(const fa__plan *p, int operand) {
    return operand >= p->inputs + p->params;
}

/* `count` elements that follow each other in each operand, those that are fixed aside */
void fa__run_contiguous(const fa__plan *plan, char *const *operand, size_t count);

size_t fa__boxes_along(const fa__plan *plan, int axis);

/* boxes [begin, end) of all, the last axis counting fastest: a fa__body */
void fa__run_boxes(const void *plan, size_t begin, size_t end);

#endif
