/* Products computed by a BLAS with Fortran's interface, and the limit on its threads. */
#ifndef FA_GEMM_BLAS_H
#define FA_GEMM_BLAS_H

#include "gemm/gemm.h"

/* Whether products go to a BLAS, which may be null, where it fits */
int fa__wants_blas(const fa__micro_kernel *kernel, const fa_blas *blas);

/* Whether gemm can compute a product with these strides and sizes */
int fa__fits_blas(const fa__gemm *p, const fa_blas *blas);

/* Compute it, if it fits; elements have `size` bytes. Returns 0, and does nothing, if it does not. */
int fa__multiply_by_blas(const fa__gemm *p, const fa_blas *blas, size_t size);

/* A limit of one thread on a BLAS. Limits nest and overlap, in any number of threads; the last one that ends
 * restores the number of threads from before the first. A limit is an object of its owner, usually on the
 * stack, so the owner's thread cannot be cancelled meanwhile. */
typedef struct fa__blas_limit {
    void (*set_threads)(int); /* null where there is nothing to limit */
    int threads_before, cancellation;
    struct fa__blas_limit *next;
} fa__blas_limit;
void fa__limit_blas(fa__blas_limit *limit, const fa_blas *blas);
void fa__restore_blas(fa__blas_limit *limit);

#endif
