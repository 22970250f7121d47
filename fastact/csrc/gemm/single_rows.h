/* What single_rows.c defines in one compilation. For kernel sources (platform/kernel.h). */
#ifndef FA_GEMM_SINGLE_ROWS_H
#define FA_GEMM_SINGLE_ROWS_H

#include "gemm/micro_kernel.h"
#include "platform/kernel.h"

void FA__KERNEL_NAME(fa__multiply_single_rows)(const fa__gemm *p, const fa__gemm_steps *step, size_t count);

#endif
