/* The loops of the table kernels as designated initialisers of the table of kernels: each generated table file once
 * more, with other definitions of its macros (see loops.h). The including file defines
 * FA__OVERRIDE(name, direction, per_element, loop). */
#define FA_TAIL(...)
#define FA_SEGMENTS(name, direction, ...) FA__OVERRIDE(name, direction, 0, name##_##direction##_fast)
#define FA_DIRECT(name, direction, ...) FA__OVERRIDE(name, direction, 0, name##_##direction##_fast)
#define FA_BACKWARD(name) FA__OVERRIDE(name, backward, 0, name##_backward_fast)
#define FA_VALUE_AND_DERIVATIVE(name, ...) \
    FA__OVERRIDE(name, value_and_derivative, 0, name##_value_and_derivative_fast)
#define FA_DIRECT_BACKWARD(name) FA__OVERRIDE(name, backward, 0, name##_backward_fast)
#define FA_DIRECT_BOTH(name) FA__OVERRIDE(name, value_and_derivative, 0, name##_value_and_derivative_fast)
#define FA_PER_ELEMENT(name, direction) \
    FA__OVERRIDE(name, direction, 1, name##_##direction##_fast_per_element)
#define FA_FROM_OUTPUT(name)                                                      \
    FA__OVERRIDE(name, backward_from_output, 0, name##_backward_from_output_fast) \
    FA__OVERRIDE(name, backward_from_output, 1, name##_backward_from_output_fast_per_element)

#include "polynomial/kernels.h"

#undef FA_TAIL
#undef FA_SEGMENTS
#undef FA_DIRECT
#undef FA_BACKWARD
#undef FA_VALUE_AND_DERIVATIVE
#undef FA_DIRECT_BACKWARD
#undef FA_DIRECT_BOTH
#undef FA_PER_ELEMENT
#undef FA_FROM_OUTPUT
