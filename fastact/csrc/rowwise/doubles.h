/* Elements of rows in double: float32 elements are converted when they are loaded, and results are rounded when they are
 * stored. For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_DOUBLES_H
#define FA_ROWWISE_DOUBLES_H

#include <math.h>

#include "platform/vectors.h"

/* LANES elements are PARTS vectors of double */
#if FA__REAL_IS_DOUBLE
#define PARTS 1
typedef vector wide;
#else
#define PARTS 2
typedef half half_in_memory __attribute__((aligned(sizeof(real))));
#endif
#define EACH_PART(p) UNROLL for (int p = 0; p < PARTS; p++)
typedef struct {
    wide of[PARTS];
} block;

/* Comparisons -------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
typedef __mmask8 mask;
INLINE mask is_less(wide a, wide b) {
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ);
}
INLINE mask is_equal(wide a, wide b) {
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_EQ_OQ);
}
/* a where the mask is set, b where it is not */
INLINE wide pick(mask m, wide a, wide b) {
    return (wide)_mm512_mask_blend_pd(m, (__m512d)b, (__m512d)a);
}
#else
typedef int64_t mask __attribute__((vector_size(VECTOR_BYTES)));
INLINE mask is_less(wide a, wide b) {
    return a < b;
}
INLINE mask is_equal(wide a, wide b) {
    return a == b;
}
INLINE wide pick(mask m, wide a, wide b) {
    return (wide)(((mask)a & m) | ((mask)b & ~m));
}
#endif

INLINE wide every(double x) {
    return x - (wide){0}; /* -0 stays -0 */
}

/* a where a > b, b elsewhere, also for a NaN a */
INLINE vector larger(vector a, vector b) {
#if defined(__AVX512F__) && FA__REAL_IS_DOUBLE
    return (vector)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX512F__)
    return (vector)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return choose(a > b, a, b);
#endif
}

/* Memory ------------------------------------------------------------------------------------------- */

#if !FA__REAL_IS_DOUBLE
INLINE wide widen(half h) {
#if defined(__AVX512F__)
    return (wide)_mm512_cvtps_pd((__m256)h);
#else
    return __builtin_convertvector(h, wide);
#endif
}
INLINE half narrow(wide w) {
#if defined(__AVX512F__)
    return (half)_mm512_cvtpd_ps((__m512d)w);
#else
    return __builtin_convertvector(w, half);
#endif
}
#endif

/* The first `count` elements, or LANES; further ones are `fill` */
INLINE block load_block(const real *from, size_t count, real fill) {
    block b;
#if FA__REAL_IS_DOUBLE
    b.of[0] = load_or(from, count, fill);
#else
    if (count >= LANES) {
        EACH_PART(p) b.of[p] = widen(*(const half_in_memory *)(from + p * LANES / 2));
    } else {
        const vector v = load_or(from, count, fill);
        half halves[PARTS];
        memcpy(halves, &v, sizeof halves);
        EACH_PART(p) b.of[p] = widen(halves[p]);
    }
#endif
    return b;
}

INLINE void store_block(real *to, const block *b, size_t count) {
#if FA__REAL_IS_DOUBLE
    store_up_to(to, b->of[0], count);
#else
    if (count >= LANES) {
        EACH_PART(p) * (half_in_memory *)(to + p * LANES / 2) = narrow(b->of[p]);
    } else {
        half halves[PARTS];
        vector v;
        EACH_PART(p) halves[p] = narrow(b->of[p]);
        memcpy(&v, halves, sizeof v);
        store_first(to, v, count);
    }
#endif
}

/* Sums --------------------------------------------------------------------------------------------- */

INLINE void add_block(sums *s, const block *b) {
#if FA__REAL_IS_DOUBLE
    add_to_sums(s, b->of[0]);
#else
    s->low += b->of[0];
    s->high += b->of[1];
#endif
}

/* a b - product, product = a b rounded. As an expression it would be 0: the compiler takes both products for one. Without
 * fused multiply-adds by Veltkamp and Dekker, and 0 where that overflows. */
INLINE wide product_error(wide a, wide b, wide product) {
#if defined(__AVX512F__)
    return (wide)_mm512_fmsub_pd((__m512d)a, (__m512d)b, (__m512d)product);
#elif defined(__AVX2__)
    return (wide)_mm256_fmsub_pd((__m256d)a, (__m256d)b, (__m256d)product);
#elif defined(__FMA__) || defined(__aarch64__)
    return (wide){fma(a[0], b[0], -product[0]), fma(a[1], b[1], -product[1])};
#else
    const double splitter = 0x1p27 + 1;
    const wide a_high = a * splitter - (a * splitter - a), a_low = a - a_high;
    const wide b_high = b * splitter - (b * splitter - b), b_low = b - b_high;
    const wide error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return pick(is_equal(error - error, every(0)), error, every(0));
#endif
}

/* s += a b; of float64, with the rounding error of products */
INLINE void add_products(sums *s, const block *a, const block *b) {
#if FA__REAL_IS_DOUBLE
    const wide product = a->of[0] * b->of[0];
    add_to_sums(s, product);
    s->error += product_error(a->of[0], b->of[0], product);
#else
    s->low += a->of[0] * b->of[0];
    s->high += a->of[1] * b->of[1];
#endif
}

/* An unevaluated sum */
typedef struct {
    double high, low;
} pair;

INLINE pair two_sum(double a, double b) {
    double sum = a + b, added = sum - a;
    return (pair){sum, (a - (sum - added)) + (b - added)};
}

INLINE pair add_to_pair(pair p, double term) {
    pair sum = two_sum(p.high, term);
    sum.low += p.low;
    return sum;
}

/* A quotient, to about 2^-100 */
INLINE pair divide(pair p, pair q) {
    double quotient = p.high / q.high;
    double rest = fma(-quotient, q.high, p.high) + (p.low - quotient * q.low);
    return (pair){quotient, rest / q.high};
}

/* a - b, and its rounding error (TwoSum), 0 unless `exact`, a constant */
INLINE wide difference_if(const int exact, wide a, wide b, wide *error) {
    const wide d = a - b, taken = a - d;
    *error = every(0);
    if (exact) *error = (a - (d + taken)) + (taken - b);
    return d;
}

/* Sums of doubles with their rounding errors, which `sums` of float32 leave out */
#if FA__REAL_IS_DOUBLE
typedef sums exact_sums;
INLINE void add_exactly(exact_sums *s, wide v) {
    add_to_sums(s, v);
}
#else
typedef struct {
    wide sum, error;
} exact_sums;
INLINE void add_exactly(exact_sums *s, wide v) {
    wide low;
    s->sum = difference_if(1, s->sum, -v, &low);
    s->error += low;
}
#endif

INLINE pair exact_total(const exact_sums *s) {
    pair total = {0, 0};
    for (int i = 0; i < VECTOR_BYTES / (int)sizeof(double); i++) {
        total = add_to_pair(total, s->sum[i]);
        total.low += s->error[i];
    }
    return total;
}

/* The total of all lanes */
INLINE pair total_of(const sums *s) {
#if FA__REAL_IS_DOUBLE
    return exact_total(s);
#else
    pair total = {0, 0};
    const wide both = s->low + s->high;
#if defined(__AVX512F__) /* the same sums, without memory */
    const __m256d of_4 = _mm512_castpd512_pd256((__m512d)both) + _mm512_extractf64x4_pd((__m512d)both, 1);
    const __m128d of_2 = _mm256_castpd256_pd128(of_4) + _mm256_extractf128_pd(of_4, 1);
    total.high = of_2[0] + of_2[1];
    return total;
#endif
    double lanes[LANES / 2];
    memcpy(lanes, &both, sizeof lanes);
    UNROLL for (int step = LANES / 4; step > 0; step /= 2) UNROLL for (int i = 0; i < step; i++) lanes[i] +=
        lanes[i + step];
    total.high = lanes[0];
    return total;
#endif
}

INLINE real largest_lane(vector v) {
#if defined(__AVX512F__) && !FA__REAL_IS_DOUBLE /* the same comparisons, without memory */
    const __m256 low = _mm512_castps512_ps256((__m512)v), high = _mm512_extractf32x8_ps((__m512)v, 1);
    const __m256 of_8 = _mm256_max_ps(high, low);
    const __m128 of_4 = _mm_max_ps(_mm256_extractf128_ps(of_8, 1), _mm256_castps256_ps128(of_8));
    const __m128 of_2 = _mm_max_ps(_mm_movehl_ps(of_4, of_4), of_4);
    return _mm_max_ss(_mm_movehdup_ps(of_2), of_2)[0];
#endif
    real lanes[LANES];
    memcpy(lanes, &v, sizeof lanes);
    UNROLL for (int step = LANES / 2; step > 0; step /= 2) UNROLL for (int i = 0; i < step; i++) lanes[i] =
        lanes[i + step] > lanes[i] ? lanes[i + step] : lanes[i];
    return lanes[0];
}

#endif
