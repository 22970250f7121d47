/* Matrix products for dense layers: C = A B, with a bias or added to what C holds, for any strides.
 * Must not depend on layers or activations. */
#ifndef FA_GEMM_GEMM_H
#define FA_GEMM_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "fastact.h"

/* multiply-adds that are worth a thread of their own: some 20 microseconds */
#define FA__GEMM_GRAIN 1000000

/* C (m x n), rows ldc apart, = A B, or = C + A B with `add`; A is m x k, B is k x n; strides count elements.
 * A bias, n contiguous elements, is the value that each sum starts from (not together with `add`). */
typedef struct {
    size_t m, n, k;
    const void *a, *b, *bias;
    void *c;
    ptrdiff_t a_row, a_column, b_row, b_column, ldc;
    ptrdiff_t a_panel; /* not 0: A is packed (pack_left), and this is the distance of its panels */
    int add;
} fa__gemm;

/* From the arrays of a product to those of the next one, in elements */
typedef struct {
    ptrdiff_t a, b, bias, c;
} fa__gemm_steps;

typedef struct fa__micro_kernel fa__micro_kernel; /* see micro_kernel.h */

/* How a product is computed. A plan stays valid when the rows of A are multiplied a few at a time. */
typedef struct {
    const fa__micro_kernel *kernel;
    const fa_blas *blas; /* or null: the library's own kernels */
    size_t size;         /* of an element */
    int packs, dots;
    size_t group; /* columns of B that are packed at a time, or 0 for all */
    void *packed;
} fa__gemm_plan;

/* Plan a product; p->m counts all rows of A */
void fa__plan_gemm(fa__gemm_plan *plan, const fa__gemm *p, const fa__micro_kernel *kernel, size_t size,
                   const fa_blas *blas);

/* Bytes that plan->packed must have, and the packing of B into them */
size_t fa__packed_size(const fa__gemm_plan *plan, const fa__gemm *p);
void fa__pack(const fa__gemm_plan *plan, const fa__gemm *p);

/* The product, on the calling thread, after fa__pack */
void fa__multiply(const fa__gemm_plan *plan, const fa__gemm *p);

/* `count` products of the same sizes, the first of which is p; each is packed where the plan says so */
void fa__multiply_each(const fa__gemm_plan *plan, const fa__gemm *p, const fa__gemm_steps *step,
                       size_t count);

/* For products whose rows are all multiplied at once: B is packed in groups of columns, each of which is used
 * while it is in cache. fa__multiply_groups packs and multiplies, in several threads. */
void fa__plan_groups(fa__gemm_plan *plan, const fa__gemm *p);
void fa__multiply_groups(const fa__gemm_plan *plan, const fa__gemm *p);

/* The same product with A packed into memory for its rows, rounded up to a multiple of the kernel's */
fa__gemm fa__pack_left(const fa__gemm_plan *plan, const fa__gemm *p, void *packed);

/* The address of an element. It is computed with integers, so that it is defined for the null pointers of
 * empty arrays. */
static inline char *fa__at(const void *data, ptrdiff_t elements, size_t size) {
    return (char *)((uintptr_t)data + (uintptr_t)elements * size);
}

#endif
