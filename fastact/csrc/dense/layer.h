/* What the two halves of the dense layer share: dense.c, one layer, and stacks.c, stack axes and the way in.
 * Does not know how either does its work. */
#ifndef FA_DENSE_H
#define FA_DENSE_H

#include <stdint.h>

#include "gemm/gemm.h"

/* gradients, by index */
enum { FA__DX, FA__DW, FA__DB, FA__GRADIENTS };

/* one layer of a stack, and how it is computed */
typedef struct {
    fa_dense layer; /* without stack axes */
    fa__dtype dtype;
    size_t size; /* of an element */
    const fa__micro *micro;
    fa__product product; /* x w, or delta w^T */
    fa__product_plan plan;
    /* backward */
    fa__product dw;
    fa__product_plan dw_plan;
    int packs_x; /* x^T, a tile at a time */
    char *delta, *packed_x;
    double *sums;
    size_t tile, first;     /* rows per tile; first row of the tile at hand */
    int add[FA__GRADIENTS]; /* they hold something already */
} fa__dense_job;

/* plan a job whose layer, dtype, size, micro and add are set, and tell the bytes of its workspace, a multiple
 * of 64; then run it, on a workspace that starts at one */
size_t fa__plan_dense(fa__dense_job *job, int backward);
void fa__run_dense(fa__dense_job *job, int backward, char *workspace);

static inline char *fa__at(const void *data, ptrdiff_t elements, size_t size) {
    return (char *)(uintptr_t)data + elements * (ptrdiff_t)size;
}

/* The layer's row in one direction, elementwise over rows x columns of `arrays`: inputs, then the result.
 * Parameters that vary by column begin with the first. */
typedef struct {
    char *data;
    ptrdiff_t row, column; /* in elements */
} fa__operand;
void fa__dense_elementwise(const fa__dense_job *job, fa__direction direction, const fa__operand *arrays,
                           size_t rows, size_t columns);

/* bits.c: f' of rows [first, first + rows) to bits of `saved`, from x w + b; and delta from bits and grad_y */
void fa__save_bits(const fa__dense_job *job, const fa__operand *z, size_t first, size_t rows);
void fa__delta_from_bits(const fa__dense_job *job, size_t rows);

/* networks by dtype (FA__F32, FA__F64), for another extension module that shares this library; and whether a BLAS
 * would be used */
typedef struct {
    int (*run[2])(const fa_dense *layers, size_t count, int backward, void *workspace, size_t bytes);
    size_t (*workspace[2])(const fa_dense *layers, size_t count, int backward);
    int (*prefers_blas)(void);
} fa__dense_functions;
extern const fa__dense_functions fa__dense_entries;

#endif
