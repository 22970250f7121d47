/* The micro-kernels of every instruction set of the build, and those in use. */
#include "gemm/kernels.h"

#include "platform/isa.h"

#define DECLARE(isa) \
    extern const fa__micro_kernel fa__micro_kernel_##isa##_float, fa__micro_kernel_##isa##_double;
FA__EACH_ISA(DECLARE)

#define DESCRIBE(isa) {&fa__micro_kernel_##isa##_float, &fa__micro_kernel_##isa##_double},
static const fa__micro_kernel *const kernels[FA__ISAS][2] = {FA__EACH_ISA(DESCRIBE)};

const fa__micro_kernel *fa__active_micro_kernel(fa__dtype dtype) {
    return kernels[fa__active_isa()][dtype];
}
