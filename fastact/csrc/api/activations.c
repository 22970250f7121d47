/* The exported functions of each activation, made from the table. */
#include "fastact.h"

#include <stdint.h>

#include "elementwise/call.h"

/* whether there are arrays, and so many elements of 8 bytes can exist */
static inline int is_possible(char *const *operands, size_t count, size_t n) {
    int all = n != 0 && n <= PTRDIFF_MAX / sizeof(double);
    for (size_t i = 0; i < count; i++) all &= operands[i] != 0;
    return all;
}

#define FA__BYTES(pointer) ((char *)(uintptr_t)(pointer))
#define FA__ADDRESS(i, parameter, default_, kind) FA__BYTES(&parameter),

/* operands in the order inputs, parameters, results */
#define FA__DEFINE(function, signature, entry, direction, dtype, params, inputs, results) \
    void function signature {                                                             \
        char *const operands[] = {inputs FA_EACH_PARAM(FA__ADDRESS, params) results};     \
        if (is_possible(operands, sizeof operands / sizeof operands[0], n))               \
            fa__execute_contiguous(entry, direction, dtype, operands, n);                 \
    }
#define FA__ONE(a) FA__BYTES(a),
#define FA__TWO(a, b) FA__BYTES(a), FA__BYTES(b),

#define FA__FUNCTIONS(name, entry, T, suffix, dtype, args, params, from)                                   \
    FA__DEFINE(fa_##name##_##suffix, (const T *x, T *y, size_t n args), entry, FA__FORWARD, dtype, params, \
               FA__ONE(x), FA__ONE(y))                                                                     \
    FA__DEFINE(fa_##name##_derivative_##suffix, (const T *x, T *d, size_t n args), entry, FA__DERIVATIVE,  \
               dtype, params, FA__ONE(x), FA__ONE(d))                                                      \
    FA__DEFINE(fa_##name##_backward_##suffix, (const T *grad_y, const T *x, T *grad_x, size_t n args),     \
               entry, FA__BACKWARD, dtype, params, FA__TWO(grad_y, x), FA__ONE(grad_x))                    \
    FA__DEFINE(fa_##name##_value_and_derivative_##suffix, (const T *x, T *y, T *d, size_t n args), entry,  \
               FA__VALUE_AND_DERIVATIVE, dtype, params, FA__ONE(x), FA__TWO(y, d))                         \
    FA_IF_OUTPUT(from,                                                                                     \
                 FA__DEFINE(fa_##name##_backward_from_output_##suffix,                                     \
                            (const T *grad_y, const T *y, T *grad_x, size_t n args), entry,                \
                            FA__BACKWARD_FROM_OUTPUT, dtype, params, FA__TWO(grad_y, y), FA__ONE(grad_x)))

#define FA_ACT(id, name, params, f, df, kinks, from, ...)                                                  \
    FA__FUNCTIONS(name, FA__ENTRY_##name, float, f32, FA__F32, FA_EACH_PARAM(FA__DECLARE_FLOAT, params),   \
                  params, from)                                                                            \
    FA__FUNCTIONS(name, FA__ENTRY_##name, double, f64, FA__F64, FA_EACH_PARAM(FA__DECLARE_DOUBLE, params), \
                  params, from)
#include "fastact/activations.def"
#undef FA_ACT
