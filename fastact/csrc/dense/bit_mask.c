/* Bits are packed and unpacked eight at a time, by way of bytes that are 0 or 1: loops over bytes vectorise. */
#include "dense/bit_mask.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 256 /* elements whose bytes are held at a time */

/* Bit i of the result is byte i: the product moves byte i from bit 8 i to bit 56 + i, and no two terms of it meet */
static unsigned char bits_of_bytes(const unsigned char *bytes) {
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    return (unsigned char)(eight * UINT64_C(0x0102040810204080) >> 56);
}

/* The inverse: each byte keeps one bit of a copy of all, which the sum moves to the byte's highest place */
static void bytes_of_bits(unsigned char bits, unsigned char *bytes) {
    uint64_t eight = (uint64_t)bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    eight = (eight + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
    memcpy(bytes, &eight, sizeof eight);
}

static size_t block_of(size_t left) {
    return left < BLOCK ? left : BLOCK;
}

#define PACK(T)                                                                                    \
    static void pack_##T(const T *derivative, size_t n, T set, unsigned char *mask) {              \
        unsigned char equal[BLOCK];                                                                \
        for (size_t done = 0; done < n; done += BLOCK) {                                           \
            size_t count = block_of(n - done);                                                     \
            for (size_t i = 0; i < count; i++) equal[i] = derivative[done + i] == set;             \
            memset(equal + count, 0, (BLOCK - count) % 8);                                         \
            for (size_t i = 0; i < count; i += 8) mask[(done + i) / 8] = bits_of_bytes(equal + i); \
        }                                                                                          \
    }
PACK(float)
PACK(double)

void fa__pack_bit_mask(const void *derivative, size_t n, size_t size, double set, unsigned char *mask) {
    if (size == sizeof(float))
        pack_float(derivative, n, (float)set, mask);
    else
        pack_double(derivative, n, set, mask);
}

#define DELTA(T)                                                                                         \
    static void delta_##T(const T *grad_y, ptrdiff_t stride, const unsigned char *mask, const T *values, \
                          size_t n, T *delta) {                                                          \
        unsigned char bit[BLOCK];                                                                        \
        const T low = values[0], high = values[1];                                                       \
        for (size_t done = 0; done < n; done += BLOCK, grad_y += BLOCK * stride, delta += BLOCK) {       \
            size_t count = block_of(n - done);                                                           \
            for (size_t i = 0; i < count; i += 8) bytes_of_bits(mask[(done + i) / 8], bit + i);          \
            for (size_t i = 0; i < count && stride != 1; i++) delta[i] = grad_y[(ptrdiff_t)i * stride];  \
            const T *grad = stride == 1 ? grad_y : delta;                                                \
            for (size_t i = 0; i < count; i++) {                                                         \
                T d = bit[i] ? high : low, product = grad[i] * d;                                        \
                delta[i] = d == 0 ? 0 : product;                                                         \
            }                                                                                            \
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
