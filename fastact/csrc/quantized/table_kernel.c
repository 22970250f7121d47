/* Look-ups in a table of 256 bytes that is held in registers. Compiled once for each instruction set; elements are bytes,
 * so that the compilation for double is empty. */
#include "platform/vectors.h"
#include "quantized/table.h"

#if !FA__REAL_IS_DOUBLE

#if !defined(__AVX512F__)
static void look_up_each(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = table[x[i]];
}
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
enum { BYTES = 32, TOGETHER = 4 };

/* A shuffle looks up the lower four bits of a byte, and gives 0 for a byte from 128 to 255. So 8 shuffles cover bytes up to
 * 127: before shuffle k, 16 k is subtracted, and bytes below that have become negative. A byte of part h has the results
 * of shuffles 0 to h, whose tables are the differences (xor) of neighbouring parts. `odd` are the bytes less 128. */
INLINE void look_up_vectors(const __m128i *parts, const uint8_t *x, uint8_t *y, int vectors) {
    const __m256i step = _mm256_set1_epi8(16), top = _mm256_set1_epi8(-128);
    __m256i even[TOGETHER], odd[TOGETHER], found[TOGETHER];
    for (int v = 0; v < vectors; v++) {
        even[v] = _mm256_loadu_si256((const __m256i *)(const void *)(x + v * BYTES));
        odd[v] = _mm256_xor_si256(even[v], top);
        found[v] = _mm256_setzero_si256();
    }
    for (int k = 0; k < 8; k++) {
        const __m256i low = _mm256_broadcastsi128_si256(parts[k]);
        const __m256i high = _mm256_broadcastsi128_si256(parts[k + 8]);
        UNROLL for (int v = 0; v < vectors; v++) {
            found[v] = _mm256_xor_si256(found[v], _mm256_shuffle_epi8(low, even[v]));
            found[v] = _mm256_xor_si256(found[v], _mm256_shuffle_epi8(high, odd[v]));
            even[v] = _mm256_subs_epi8(even[v], step);
            odd[v] = _mm256_subs_epi8(odd[v], step);
        }
    }
    for (int v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(void *)(y + v * BYTES), found[v]);
}

static void look_up_by_shuffles(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {
    __m128i parts[16];
    size_t i = 0;
    memcpy(parts, table, sizeof parts);
    for (int k = 15; k > 0; k--)
        if (k != 8) parts[k] = _mm_xor_si128(parts[k], parts[k - 1]);
    for (; i + TOGETHER * BYTES <= n; i += TOGETHER * BYTES) look_up_vectors(parts, x + i, y + i, TOGETHER);
    for (; i + BYTES <= n; i += BYTES) look_up_vectors(parts, x + i, y + i, 1);
    look_up_each(table, x + i, y + i, n - i);
}
#endif

#if defined(__AVX512F__)
enum { WIDE = 64 };

/* Permutations of words look up pairs of entries by the bits 1 to 6 of a byte: `even` for the lower bytes of words, `odd`
 * for the upper ones. The highest bit chooses between two permutations, and the lowest one within a pair. */
INLINE __m512i permuted_words(const __m512i *parts, __m512i x) {
    const __mmask64 upper = 0xAAAAAAAAAAAAAAAA, is_second = _mm512_test_epi8_mask(x, _mm512_set1_epi8(1));
    const __m512i even_index = _mm512_srli_epi16(x, 1), odd_index = _mm512_srli_epi16(x, 9);
    const __m512i even = _mm512_mask_blend_epi16(_mm512_movepi16_mask(_mm512_slli_epi16(x, 8)),
                                                 _mm512_permutex2var_epi16(parts[0], even_index, parts[1]),
                                                 _mm512_permutex2var_epi16(parts[2], even_index, parts[3]));
    const __m512i odd = _mm512_mask_blend_epi16(_mm512_movepi16_mask(x),
                                                _mm512_permutex2var_epi16(parts[0], odd_index, parts[1]),
                                                _mm512_permutex2var_epi16(parts[2], odd_index, parts[3]));
    const __m512i first = _mm512_mask_blend_epi8(upper, even, _mm512_slli_epi16(odd, 8));
    const __m512i second = _mm512_mask_blend_epi8(upper, _mm512_srli_epi16(even, 8), odd);
    return _mm512_mask_blend_epi8(is_second, first, second);
}

/* VBMI permutes bytes by their lower seven bits; the highest one chooses between two permutations */
#define VBMI __attribute__((target("avx512vbmi")))
VBMI static inline __m512i permuted_bytes(const __m512i *parts, __m512i x) {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), _mm512_permutex2var_epi8(parts[0], x, parts[1]),
                                  _mm512_permutex2var_epi8(parts[2], x, parts[3]));
}

#define DEFINE_LOOK_UP(name, permuted)                                                                       \
    static void name(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {                         \
        __m512i parts[4];                                                                                    \
        size_t i = 0;                                                                                        \
        for (int k = 0; k < 4; k++) parts[k] = _mm512_loadu_si512(table + k * WIDE);                         \
        for (; i + 4 * WIDE <= n; i += 4 * WIDE) {                                                           \
            __m512i v[4];                                                                                    \
            UNROLL for (int k = 0; k < 4; k++) v[k] = _mm512_loadu_si512(x + i + k * WIDE);                  \
            UNROLL for (int k = 0; k < 4; k++) _mm512_storeu_si512(y + i + k * WIDE, permuted(parts, v[k])); \
        }                                                                                                    \
        for (; i < n; i += WIDE) {                                                                           \
            const size_t left = n - i;                                                                       \
            const __mmask64 there = left < WIDE ? ((__mmask64)1 << left) - 1 : ~(__mmask64)0;                \
            const __m512i v = permuted(parts, _mm512_maskz_loadu_epi8(there, x + i));                        \
            _mm512_mask_storeu_epi8(y + i, there, v);                                                        \
        }                                                                                                    \
    }
DEFINE_LOOK_UP(look_up_by_words, permuted_words)
VBMI DEFINE_LOOK_UP(look_up_by_bytes, permuted_bytes)
#endif

#if defined(__aarch64__)
#include <arm_neon.h>
    /* A look-up covers 64 bytes, and leaves a lane alone whose index is larger */
    static void look_up_by_tables(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {
    uint8x16x4_t parts[4];
    size_t i = 0;
    for (int k = 0; k < 4; k++) parts[k] = vld1q_u8_x4(table + 64 * k);
    for (; i + 16 <= n; i += 16) {
        const uint8x16_t v = vld1q_u8(x + i), step = vdupq_n_u8(64);
        uint8x16_t index = v, found = vqtbl4q_u8(parts[0], v);
        for (int k = 1; k < 4; k++) {
            index = vsubq_u8(index, step);
            found = vqtbx4q_u8(found, parts[k], index);
        }
        vst1q_u8(y + i, found);
    }
    look_up_each(table, x + i, y + i, n - i);
}
#endif

fa__table_kernel FA__KERNEL_NAME(fa__table);
void FA__KERNEL_NAME(fa__table)(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {
#if defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vbmi"))
        look_up_by_bytes(table, x, y, n);
    else
        look_up_by_words(table, x, y, n);
#elif defined(__AVX2__)
    look_up_by_shuffles(table, x, y, n);
#elif defined(__aarch64__)
    look_up_by_tables(table, x, y, n);
#else
    look_up_each(table, x, y, n);
#endif
}

#endif
