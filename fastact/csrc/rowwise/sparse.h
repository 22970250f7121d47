/* The kernels of sparse.c, which the table of row kernels lists. */
#ifndef FA_ROWWISE_SPARSE_H
#define FA_ROWWISE_SPARSE_H

#include "platform/kernel.h"
#include "rowwise/call.h"

#define FA__SPARSE_KERNEL(name, direction) FA__KERNEL_NAME(fa__##name##_##direction)
#define FA__SPARSE_KERNELS(name)                                          \
    {FA__SPARSE_KERNEL(name, forward), FA__SPARSE_KERNEL(name, backward), \
     FA__SPARSE_KERNEL(name, backward_from_output)}
#define FA__DECLARE_SPARSE(name)                                                        \
    fa__row_kernel FA__SPARSE_KERNEL(name, forward), FA__SPARSE_KERNEL(name, backward), \
        FA__SPARSE_KERNEL(name, backward_from_output);
FA__DECLARE_SPARSE(sparsemax)
FA__DECLARE_SPARSE(entmax15)
FA__DECLARE_SPARSE(hardmax)

#endif
