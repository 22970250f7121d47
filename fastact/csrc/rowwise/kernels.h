/* The kernels of other files than softmax.c, which the table of row kernels lists there. */
#ifndef FA_ROWWISE_KERNELS_H
#define FA_ROWWISE_KERNELS_H

#include "platform/kernel.h"
#include "rowwise/call.h"

#define FA__KERNEL_OF(name, direction) FA__KERNEL_NAME(fa__##name##_##direction)
#define FA__KERNELS_OF(name) \
    {FA__KERNEL_OF(name, forward), FA__KERNEL_OF(name, backward), FA__KERNEL_OF(name, backward_from_output)}
#define FA__DECLARE_KERNELS_OF(name)                                            \
    fa__row_kernel FA__KERNEL_OF(name, forward), FA__KERNEL_OF(name, backward), \
        FA__KERNEL_OF(name, backward_from_output);
FA__DECLARE_KERNELS_OF(sparsemax)
FA__DECLARE_KERNELS_OF(entmax15)
FA__DECLARE_KERNELS_OF(hardmax)
FA__DECLARE_KERNELS_OF(crelu)
fa__row_kernel FA__KERNEL_OF(maxout, forward), FA__KERNEL_OF(maxout, backward);

#endif
