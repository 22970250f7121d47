/* The element-wise kernels of every instruction set of the build, and those in use. */
#include "elementwise/kernels.h"

#include "platform/isa.h"

#define DECLARE(isa)                                                                         \
    extern const fa__loops fa__loops_##isa##_float[], fa__loops_##isa##_double[];            \
    extern const fa__converters fa__converters_##isa##_float, fa__converters_##isa##_double; \
    fa__streamer fa__stream_##isa##_float;
FA__EACH_ISA(DECLARE)

#define DESCRIBE(isa)                                                 \
    {{fa__loops_##isa##_float, fa__loops_##isa##_double},             \
     {&fa__converters_##isa##_float, &fa__converters_##isa##_double}, \
     fa__stream_##isa##_float},
static const fa__kernels kernels[FA__ISAS] = {FA__EACH_ISA(DESCRIBE)};

const fa__kernels *fa__active_kernels(void) {
    return &kernels[fa__active_isa()];
}
