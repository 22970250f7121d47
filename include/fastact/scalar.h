/* The simplest activations as inline functions of one number, for loops that a client's compiler should vectorise. Needs
 * fastact/scalar.h alone: no library.
 *
 *   fa_inline_NAME_f32, _f64               (x, ...)  f(x)
 *   fa_inline_NAME_derivative_f32, _f64    (x, ...)  f'(x)
 *
 * "..." are parameters, which have no defaults here. What is promised is the error bound of activations.def, half an ULP,
 * where the compiler keeps to IEEE 754: without -ffast-math. Today the bits are those of the library, too. */
#ifndef FASTACT_SCALAR_H
#define FASTACT_SCALAR_H

/* `value` where the condition holds; elsewhere 0, or NaN for NaN */
#define FA__WHERE(condition, value, x) ((condition) ? (value) : (x) != (x) ? (x) : 0)

#define FA__INLINE_ACTIVATIONS(T, dtype)                                                    \
    static inline T fa_inline_relu_##dtype(T x) {                                           \
        return x <= 0 ? 0 : x;                                                              \
    }                                                                                       \
    static inline T fa_inline_relu_derivative_##dtype(T x) {                                \
        return FA__WHERE(x > 0, 1, x);                                                      \
    }                                                                                       \
    static inline T fa_inline_relu6_##dtype(T x) {                                          \
        return x <= 0 ? 0 : x > 6 ? 6 : x;                                                  \
    }                                                                                       \
    static inline T fa_inline_relu6_derivative_##dtype(T x) {                               \
        return FA__WHERE(x > 0 && x < 6, 1, x);                                             \
    }                                                                                       \
    static inline T fa_inline_leaky_relu_##dtype(T x, T negative_slope) {                   \
        return x > 0 ? x : negative_slope * x;                                              \
    }                                                                                       \
    static inline T fa_inline_leaky_relu_derivative_##dtype(T x, T negative_slope) {        \
        return x > 0 ? 1 : x <= 0 ? negative_slope : x;                                     \
    }                                                                                       \
    static inline T fa_inline_hard_tanh_##dtype(T x, T min_value, T max_value) {            \
        return x < min_value ? min_value : x > max_value ? max_value : x;                   \
    }                                                                                       \
    static inline T fa_inline_hard_tanh_derivative_##dtype(T x, T min_value, T max_value) { \
        return FA__WHERE(x > min_value && x < max_value, 1, x);                             \
    }                                                                                       \
    static inline T fa_inline_hard_shrink_##dtype(T x, T lambd) {                           \
        return FA__WHERE(x > lambd || x < -lambd, x, x);                                    \
    }                                                                                       \
    static inline T fa_inline_hard_shrink_derivative_##dtype(T x, T lambd) {                \
        return FA__WHERE(x > lambd || x < -lambd, 1, x);                                    \
    }                                                                                       \
    static inline T fa_inline_soft_shrink_##dtype(T x, T lambd) {                           \
        return x > lambd ? x - lambd : FA__WHERE(x < -lambd, x + lambd, x);                 \
    }                                                                                       \
    static inline T fa_inline_soft_shrink_derivative_##dtype(T x, T lambd) {                \
        return FA__WHERE(x > lambd || x < -lambd, 1, x);                                    \
    }                                                                                       \
    static inline T fa_inline_relu_squared_##dtype(T x) {                                   \
        return fa_inline_relu_##dtype(x) * fa_inline_relu_##dtype(x);                       \
    }                                                                                       \
    static inline T fa_inline_relu_squared_derivative_##dtype(T x) {                        \
        return 2 * fa_inline_relu_##dtype(x);                                               \
    }
FA__INLINE_ACTIVATIONS(float, f32)
FA__INLINE_ACTIVATIONS(double, f64)
#undef FA__INLINE_ACTIVATIONS
#undef FA__WHERE

#endif
