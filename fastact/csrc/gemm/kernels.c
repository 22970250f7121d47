#include "gemm/kernels.h"

#include <string.h>

#define DECLARE(isa) \
    extern const fa__micro_kernel fa__micro_kernel_##isa##_float, fa__micro_kernel_##isa##_double;
FA__EACH_ISA(DECLARE)

#define DESCRIBE(isa) {&fa__micro_kernel_##isa##_float, &fa__micro_kernel_##isa##_double},
static const fa__micro_kernel *const kernels[][2] = {FA__EACH_ISA(DESCRIBE)};

#define NAME(isa) #isa,
static const char *const names[] = {FA__EACH_ISA(NAME)};

static int active_isa(void) {
    const char *name = fa__active_kernels()->isa;
    int isa = 0;
    while (strcmp(names[isa], name) != 0) isa++;
    return isa;
}

const fa__micro_kernel *fa__active_micro_kernel(fa__dtype dtype) {
    return kernels[active_isa()][dtype];
}
