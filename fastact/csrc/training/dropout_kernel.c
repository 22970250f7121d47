/* The kernel of dropout. Compiled once for each instruction set and element type (platform/kernel.h).
 *
 * Philox4x32-10: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3. */
#include "platform/vectors.h"
#include "training/dropout.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* One number of 32 bits in each lane of 64: products of two have room. Upper halves may hold anything. Rounds wait for each
 * other, so that words of several vectors are computed side by side. */
typedef uint64_t wide_words __attribute__((vector_size(VECTOR_BYTES)));
enum { ROUNDS = 10, WORDS = 128, BLOCKS = WORDS / 4, IN_VECTOR = VECTOR_BYTES / 8 };
#define LOWER 0xffffffffu

INLINE wide_words product(wide_words x, uint64_t factor) {
#if defined(__AVX512F__)
    return (wide_words)_mm512_mul_epu32((__m512i)x, _mm512_set1_epi64((long long)factor));
#elif defined(__AVX2__)
    return (wide_words)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x((long long)factor));
#elif defined(__SSE2__)
    return (wide_words)_mm_mul_epu32((__m128i)x, _mm_set1_epi64x((long long)factor));
#else
    return (x & LOWER) * factor;
#endif
}

/* Ten rounds; afterwards words[0] to words[3] are the words of the blocks */
INLINE void run_rounds(wide_words words[4], uint64_t seed) {
    uint32_t first_key = (uint32_t)seed, second_key = (uint32_t)(seed >> 32);
    wide_words a = words[0], b = words[1], c = words[2], d = words[3];
    UNROLL for (int round = 0; round < ROUNDS; round++) {
        const wide_words of_a = product(a, 0xD2511F53), of_c = product(c, 0xCD9E8D57);
        a = (of_c >> 32) ^ b ^ first_key, b = of_c;
        c = (of_a >> 32) ^ d ^ second_key, d = of_a;
        first_key += 0x9E3779B9;
        second_key += 0xBB67AE85;
    }
    words[0] = a, words[1] = b, words[2] = c, words[3] = d;
}

/* The words of elements 4 block, 4 block + 1 ...: pairs of them, the first in the lower half */
INLINE void random_words(const fa__random_place *place, uint64_t block, uint32_t words[WORDS]) {
    uint64_t number[BLOCKS], first[BLOCKS], second[BLOCKS], pairs[WORDS / 2];
    for (int l = 0; l < BLOCKS; l++) number[l] = block + (uint64_t)l;
    for (int l = 0; l < BLOCKS; l += IN_VECTOR) {
        wide_words numbers, none = {0};
        memcpy(&numbers, number + l, sizeof numbers);
        wide_words w[4] = {numbers, numbers >> 32, none + place->layer, none + place->step};
        run_rounds(w, place->seed);
        w[0] = (w[0] & LOWER) | (w[1] << 32), w[2] = (w[2] & LOWER) | (w[3] << 32);
        memcpy(first + l, &w[0], sizeof w[0]);
        memcpy(second + l, &w[2], sizeof w[2]);
    }
    for (int l = 0; l < BLOCKS; l++) pairs[2 * l] = first[l], pairs[2 * l + 1] = second[l];
    memcpy(words, pairs, sizeof pairs);
}

fa__dropout_kernel FA__KERNEL_NAME(fa__dropout);
void FA__KERNEL_NAME(fa__dropout)(const fa__dropout *given) {
    const fa__dropout u = *given;
    const real *x = u.x, scale = (real)u.scale;
    real *y = u.y;
    uint32_t words[WORDS];
    for (size_t i = 0; i < u.n;) {
        const uint64_t index = u.place.first + i;
        const size_t skipped = index % WORDS, left = u.n - i;
        const size_t count = WORDS - skipped < left ? WORDS - skipped : left;
        random_words(&u.place, index / WORDS * BLOCKS, words);
        _Pragma("omp simd") for (size_t k = 0; k < count; k++) {
            const real kept = x[i + k] * scale;
            y[i + k] = words[skipped + k] < u.threshold ? 0 : kept;
        }
        i += count;
    }
}
