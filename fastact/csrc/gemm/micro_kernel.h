/* What is compiled of matrix products for one instruction set and one element type (micro_kernel.c). */
#ifndef FA_GEMM_MICRO_KERNEL_H
#define FA_GEMM_MICRO_KERNEL_H

#include "gemm/gemm.h"

/* A panel is `columns` columns of B. A packed panel is a k x columns array, with zeros for the columns that B
 * lacks. */
struct fa__micro_kernel {
    size_t rows, columns, lanes; /* of the block that is held in registers; elements per vector */
    int prefer_blas;             /* whether a BLAS, if there is one, is faster than these kernels */
    /* A B, for B with columns 1 apart: panels start at b + j*b_panel for columns j, j + 1, ... and have rows
     * b_row apart */
    void (*multiply)(const fa__gemm *p, ptrdiff_t b_panel);
    /* the same by dot products of rows of A with rows of B^T: a_column and b_row are 1 */
    void (*dot)(const fa__gemm *p);
    /* `count` products of one row each, without `add`, of at most `depth` columns of A: the first is p */
    void (*multiply_single_rows)(const fa__gemm *p, const fa__gemm_steps *step, size_t count);
    size_t depth; /* columns of A up to which an element is one sum */
    /* panels [first, last) of B */
    void (*pack)(const fa__gemm *p, void *packed, size_t first, size_t last);
    /* A, in panels of `rows` rows, each a k x rows array, the last with the remaining rows */
    void (*pack_left)(const fa__gemm *p, void *packed);
    /* totals[j] += sum of rows of column j, for columns [first, last) of an m x n array; for float64, errors[j] += what
     * the rounding of totals[j] lost */
    void (*add_columns)(const void *array, ptrdiff_t ld, size_t m, size_t first, size_t last, double *totals,
                        double *errors);
};

#endif
