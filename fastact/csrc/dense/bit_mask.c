#include "dense/bit_mask.h"

static double read(const void *array, size_t i, size_t size) {
    return size == sizeof(float) ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

void fa__pack_bit_mask(const void *derivative, size_t n, size_t size, double set, unsigned char *mask) {
    for (size_t i = 0; i < n; i += 8) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8 && i + bit < n; bit++)
            byte |= (unsigned)(read(derivative, i + bit, size) == set) << bit;
        mask[i / 8] = (unsigned char)byte;
    }
}

#define DELTA(T)                                                                                         \
    static void delta_##T(const T *grad_y, ptrdiff_t stride, const unsigned char *mask, const T *values, \
                          size_t n, T *delta) {                                                          \
        for (size_t i = 0; i < n; i++) {                                                                 \
            T d = values[mask[i / 8] >> i % 8 & 1];                                                      \
            T grad = grad_y[(ptrdiff_t)i * stride];                                                      \
            delta[i] = d == 0 ? 0 : grad * d;                                                            \
        }                                                                                                \
    }
DELTA(float)
DELTA(double)

void fa__delta_from_bit_mask(const void *grad_y, ptrdiff_t stride, const unsigned char *mask,
                             const double values[2], size_t n, size_t size, void *delta) {
    const float rounded[2] = {(float)values[0], (float)values[1]};
    if (size == sizeof(float))
        delta_float(grad_y, stride, mask, rounded, n, delta);
    else
        delta_double(grad_y, stride, mask, values, n, delta);
}
