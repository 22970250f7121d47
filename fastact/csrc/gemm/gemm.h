/* Matrix products as the dense layer needs them: C (+)= A B, with a bias, any strides, own kernels or a BLAS.
 * Knows matrices; does not know layers, activations or threads. */
#ifndef FA_PRODUCTS_H
#define FA_PRODUCTS_H

#include <stddef.h>

#include "fastact.h"
#include "elementwise/internal.h"

/* multiply-adds that are worth a thread of their own: some 20 microseconds */
#define FA__PRODUCT_GRAIN 1000000

/* C (m x n), rows ldc apart, = A B, or = C + A B with `add`; A is m x k, B is k x n; strides count elements.
 * A bias, n contiguous elements, is the value that each sum starts from (not together with `add`). */
typedef struct {
    size_t m, n, k;
    const void *a, *b, *bias;
    void *c;
    ptrdiff_t a_row, a_column, b_row, b_column, ldc;
    ptrdiff_t a_panel; /* not 0: A is packed (pack_left), its panels so far apart */
    int add;
} fa__product;

/* One instruction set's kernels for one element type (micro.c). A panel is `columns` columns of B. Packed, it
 * is a k x columns array, zeros standing for columns that B lacks. */
typedef struct fa__micro {
    size_t rows, columns, lanes; /* of the block that is held in registers; elements per vector */
    int prefer_blas;             /* whether a BLAS, if there is one, is faster than these kernels */
    /* A B for B with columns 1 apart: panels start at b + j*b_panel for columns j, j + 1, ... and have rows
     * b_row apart */
    void (*multiply)(const fa__product *p, ptrdiff_t b_panel);
    /* the same by dot products of rows of A with rows of B^T: a_column and b_row are 1 */
    void (*dot)(const fa__product *p);
    /* panels [first, last) of B */
    void (*pack)(const fa__product *p, void *packed, size_t first, size_t last);
    /* A, in panels of `rows` rows, each a k x rows array, the last with as many rows as are left */
    void (*pack_left)(const fa__product *p, void *packed);
    /* sums[j] += sum of rows of column j, for columns [first, last) of an m x n array */
    void (*add_columns)(const void *array, ptrdiff_t ld, size_t m, size_t first, size_t last, double *sums);
} fa__micro;

const fa__micro *fa__micro_of(fa__dtype dtype);

/* What of a product can be prepared once: whose kernels run, and B packed if that pays. p->m is the number of
 * all rows of A; they may then be multiplied a few at a time. `size` is that of an element. */
typedef struct {
    const fa__micro *micro;
    const fa_blas *blas; /* or 0: the library's own kernels */
    size_t size;         /* of an element */
    int packs, dots;
    size_t group; /* columns of B that are packed at a time, or 0 for all */
    void *packed;
} fa__product_plan;
fa__product_plan fa__plan_product(const fa__product *p, const fa__micro *micro, size_t size,
                                  const fa_blas *blas);
size_t fa__packed_size(const fa__product_plan *plan, const fa__product *p); /* in bytes */
void fa__pack(const fa__product_plan *plan, const fa__product *p);
/* where all rows of A are multiplied at once: pack B in groups, each of which is used while it is in cache; and do
 * that, in several threads */
void fa__plan_groups(fa__product_plan *plan, const fa__product *p);
void fa__multiply_groups(const fa__product_plan *plan, const fa__product *p);
void fa__multiply(const fa__product_plan *plan, const fa__product *p);
/* the same product with A packed into memory for as many rows, a multiple of the kernels' */
fa__product fa__pack_left(const fa__product_plan *plan, const fa__product *p, void *packed);

/* Keep a BLAS to one thread between the two calls, if it says how; they nest, in any number of threads */
void fa__quiet_blas(const fa_blas *blas);
void fa__wake_blas(const fa_blas *blas);

#endif
