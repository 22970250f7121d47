/* The micro-kernels of every instruction set of the build, and those in use. */
#ifndef FA_GEMM_KERNELS_H
#define FA_GEMM_KERNELS_H

#include "platform/dtype.h"
#include "gemm/micro_kernel.h"

/* for FA__F32 or FA__F64 */
const fa__micro_kernel *fa__active_micro_kernel(fa__dtype dtype);

#endif
