/* Vectors of FA_REAL as wide as the instruction set has them: loads and stores of a part, transposition, sums.
 * For kernel sources (kernel.h). */
#ifndef FA_PLATFORM_VECTORS_H
#define FA_PLATFORM_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "platform/kernel.h"

/* VECTORS: how many vectors wide a block of sums may be, by the number of registers */
#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_BYTES 64
#define VECTORS 4
#elif defined(__AVX2__)
#include <immintrin.h>
#define VECTOR_BYTES 32
#define VECTORS 2
#else
#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define VECTORS 4
#else
#define VECTORS 2
#endif
#endif

#define LANES (VECTOR_BYTES / (int)sizeof(real))
typedef real vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* load_first: the first `count` lanes, 1 to LANES, of memory; other lanes are 0. store_first: likewise. Memory of
 * other lanes is not touched. */
#if defined(__AVX512F__) && FA__REAL_IS_DOUBLE
INLINE vector load_first(const real *from, size_t count) {
    return (vector)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
}
INLINE void store_first(real *to, vector v, size_t count) {
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#elif defined(__AVX512F__)
INLINE vector load_first(const real *from, size_t count) {
    return (vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}
INLINE void store_first(real *to, vector v, size_t count) {
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)v);
}
#elif defined(__AVX2__) && FA__REAL_IS_DOUBLE
INLINE __m256i lanes_below(size_t count) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)count), _mm256_setr_epi64x(0, 1, 2, 3));
}
INLINE vector load_first(const real *from, size_t count) {
    return (vector)_mm256_maskload_pd(from, lanes_below(count));
}
INLINE void store_first(real *to, vector v, size_t count) {
    _mm256_maskstore_pd(to, lanes_below(count), (__m256d)v);
}
#elif defined(__AVX2__)
INLINE __m256i lanes_below(size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vector load_first(const real *from, size_t count) {
    return (vector)_mm256_maskload_ps(from, lanes_below(count));
}
INLINE void store_first(real *to, vector v, size_t count) {
    _mm256_maskstore_ps(to, lanes_below(count), (__m256)v);
}
#else
INLINE vector load_first(const real *from, size_t count) {
    vector v = {0};
    memcpy(&v, from, count * sizeof(real));
    return v;
}
INLINE void store_first(real *to, vector v, size_t count) {
    memcpy(to, &v, count * sizeof(real));
}
#endif

/* Transposition ------------------------------------------------------------------------------------ */

/* EVEN(d): lanes whose bit d is 0 from the first vector, then the same lanes of the second in the gaps;
 * ODD(d): likewise the lanes whose bit d is 1. log2(LANES) rounds of them transpose a square. */
#define FROM_FIRST(l, d) (((l) & (d)) ? (l) - (d) + LANES : (l))
#define FROM_SECOND(l, d) (((l) & (d)) ? (l) + LANES : (l) + (d))
#define LIST2(M, d) M(0, d), M(1, d)
#define LIST4(M, d) LIST2(M, d), M(2, d), M(3, d)
#define LIST8(M, d) LIST4(M, d), M(4, d), M(5, d), M(6, d), M(7, d)
#define LIST16(M, d) LIST8(M, d), M(8, d), M(9, d), M(10, d), M(11, d), M(12, d), M(13, d), M(14, d), M(15, d)
#if FA__REAL_IS_DOUBLE
typedef int64_t lane_number;
#if VECTOR_BYTES == 64
#define LIST LIST8
#elif VECTOR_BYTES == 32
#define LIST LIST4
#else
#define LIST LIST2
#endif
#else
typedef int32_t lane_number;
#if VECTOR_BYTES == 64
#define LIST LIST16
#elif VECTOR_BYTES == 32
#define LIST LIST8
#else
#define LIST LIST4
#endif
#endif
typedef lane_number lane_numbers __attribute__((vector_size(VECTOR_BYTES)));
#if defined(__clang__)
#define EVEN(a, b, d) __builtin_shufflevector(a, b, LIST(FROM_FIRST, d))
#define ODD(a, b, d) __builtin_shufflevector(a, b, LIST(FROM_SECOND, d))
#else
#define EVEN(a, b, d) __builtin_shuffle(a, b, (lane_numbers){LIST(FROM_FIRST, d)})
#define ODD(a, b, d) __builtin_shuffle(a, b, (lane_numbers){LIST(FROM_SECOND, d)})
#endif

/* one round of transposing a square; distance is a constant */
#define ROUND(rows, d)                                                            \
    if ((d) < LANES) UNROLL for (int i = 0; i < LANES; i++) if ((i & (d)) == 0) { \
            vector first = rows[i], second = rows[(i + (d)) % LANES];             \
            rows[i] = EVEN(first, second, (d) % LANES);                           \
            rows[(i + (d)) % LANES] = ODD(first, second, (d) % LANES);            \
        }

/* LANES vectors to one, whose lane i is the sum of vector i's lanes: rounds of halving, pairs added */
#define HALVE(rows, d)                                            \
    if ((d) < LANES)                                              \
        UNROLL for (int i = 0; i < LANES; i += 2 * (d)) rows[i] = \
            EVEN(rows[i], rows[(i + (d)) % LANES], (d) % LANES) + \
            ODD(rows[i], rows[(i + (d)) % LANES], (d) % LANES);

INLINE vector sum_each(vector *rows) {
    HALVE(rows, 1)
    HALVE(rows, 2)
    HALVE(rows, 4)
    HALVE(rows, 8)
    return rows[0];
}

/* Lanes -------------------------------------------------------------------------------------------- */

INLINE vector all(real x) {
    return x - (vector){0}; /* -0 stays -0 */
}

/* a where the bits of `where` are set, b where they are not */
INLINE vector choose(lane_numbers where, vector a, vector b) {
    return (vector)(((lane_numbers)a & where) | ((lane_numbers)b & ~where));
}

/* The first `count` lanes of memory, or all; other lanes are `fill` */
#define LANE(l, d) (l)
INLINE vector load_or(const real *from, size_t count, real fill) {
    if (count >= LANES) return *(const vector *)from;
    lane_numbers present = (lane_numbers){LIST(LANE, 0)} < (lane_number)count - (lane_numbers){0};
    return choose(present, load_first(from, count), all(fill));
}
INLINE void store_up_to(real *to, vector v, size_t count) {
    if (count >= LANES)
        *(vector *)to = v;
    else
        store_first(to, v, count);
}

/* Sums --------------------------------------------------------------------------------------------- */

/* A sum in each lane: of float32 elements in float64; of float64 elements with the sum of the rounding errors, as
 * TwoSum gives them (Knuth, The Art of Computer Programming, volume 2, 4.2.2). */
#if FA__REAL_IS_DOUBLE
typedef struct {
    vector sum, error;
} sums;

INLINE void add_to_sums(sums *s, vector v) {
    vector sum = s->sum + v, added = sum - s->sum;
    s->error += (s->sum - (sum - added)) + (v - added);
    s->sum = sum;
}
INLINE void add_sums(sums *s, const sums *other) {
    add_to_sums(s, other->sum);
    s->error += other->error;
}
#else
typedef float half __attribute__((vector_size(VECTOR_BYTES / 2), may_alias));
typedef double wide __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef struct {
    wide low, high;
} sums;

INLINE void add_to_sums(sums *s, vector v) {
    half halves[2];
    memcpy(halves, &v, sizeof halves);
    s->low += __builtin_convertvector(halves[0], wide);
    s->high += __builtin_convertvector(halves[1], wide);
}
INLINE void add_sums(sums *s, const sums *other) {
    s->low += other->low;
    s->high += other->high;
}
#endif

#endif
