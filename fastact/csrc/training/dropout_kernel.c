/* The kernel of dropout. Compiled once for each instruction set and element type (platform/kernel.h).
 *
 * Philox4x32-10: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3. */
#include "platform/vectors.h"
#include "training/dropout.h"

enum { ROUNDS = 10, BLOCKS = 16, WORDS = 4 * BLOCKS };
#define EACH_BLOCK _Pragma("omp simd") for (int l = 0; l < BLOCKS; l++)

/* The words of elements 4 block, 4 block + 1 ... */
INLINE void random_words(const fa__random_place *place, uint64_t block, uint32_t words[WORDS]) {
    uint32_t a[BLOCKS], b[BLOCKS], c[BLOCKS], d[BLOCKS];
    uint32_t first_key = (uint32_t)place->seed, second_key = (uint32_t)(place->seed >> 32);
    EACH_BLOCK {
        a[l] = (uint32_t)(block + (uint64_t)l), b[l] = (uint32_t)((block + (uint64_t)l) >> 32);
        c[l] = place->layer, d[l] = place->step;
    }
    for (int round = 0; round < ROUNDS; round++) {
        EACH_BLOCK {
            const uint64_t of_a = (uint64_t)0xD2511F53 * a[l], of_c = (uint64_t)0xCD9E8D57 * c[l];
            a[l] = (uint32_t)(of_c >> 32) ^ b[l] ^ first_key;
            b[l] = (uint32_t)of_c;
            c[l] = (uint32_t)(of_a >> 32) ^ d[l] ^ second_key;
            d[l] = (uint32_t)of_a;
        }
        first_key += 0x9E3779B9;
        second_key += 0xBB67AE85;
    }
    for (int l = 0; l < BLOCKS; l++)
        words[4 * l] = a[l], words[4 * l + 1] = b[l], words[4 * l + 2] = c[l], words[4 * l + 3] = d[l];
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
