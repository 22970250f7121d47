/* Errors of float32 results in ULP, and a pass over memory. */
#include "evaluation/measure.h"

#include <math.h>
#include <string.h>

#include "evaluation/ulp.h"
#include "evaluation/vectors.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define LINE 64   /* bytes of a cache line */
#define BLOCK 256 /* elements per update of the largest error */

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* infinite for NaN instead of a number, or the reverse. An infinite `got` counts as 2^128, the next float
 * above the largest, so that rounding to infinity is no error. The exact value is want + rest, or within err of
 * it, which counts as an error. */
static double error_f32(double got, double want, double rest, double err) {
    double g = clamp(got, -0x1p128, 0x1p128), w = clamp(want, -0x1p128, 0x1p128);
    int overflow = w != want;
    double error = fabs((g - w) - (overflow ? 0 : rest)) + (overflow ? 0 : err);
    error *= fa__ulps_per_unit(w, overflow ? 0 : rest);
    double with_nan = (got != got) & (want != want) ? 0.0 : INFINITY;
    return error == error ? error : with_nan;
}

/* counts are double, as wide as the errors, so that the loop is vectorised */
WIDEST_VECTORS
static void measure_block(const float *got, fa__exact want, size_t n, fa__ulp_stats *stats) {
    double errors[BLOCK], top = 0, sum = 0, over_one = 0, wrong_nan = 0, lost = 0, wrong_sign = 0;
#pragma omp simd reduction(max : top) reduction(+ : sum, over_one, wrong_nan, lost, wrong_sign)
    for (size_t i = 0; i < n; i++) {
        double g = got[i], w = want.hi[i], rest = want.lo[i];
        double error = error_f32(g, w, rest, want.err[i]);
        errors[i] = error;
        top = error > top ? error : top;
        sum += error < INFINITY ? error : 0;
        over_one += error > 1 ? 1 : 0;
        wrong_nan += error == INFINITY ? 1 : 0;
        lost += (g == 0) & ((fabs(w) - 0x1p-149) + (w < 0 ? -rest : rest) >= 0) ? 1 : 0;
        wrong_sign += ((g > 0) & (w < 0)) | ((g < 0) & (w > 0)) ? 1 : 0;
    }
    if (top > stats->max_ulp) {
        size_t i = 0;
        while (errors[i] != top) i++;
        stats->max_ulp = top;
        stats->worst = stats->count + i;
    }
    stats->sum_ulp += sum;
    stats->over_one += (size_t)over_one;
    stats->wrong_nan += (size_t)wrong_nan;
    stats->lost += (size_t)lost;
    stats->wrong_sign += (size_t)wrong_sign;
    stats->count += n;
}

void fa__measure_ulp_f32(const float *got, fa__exact want, size_t n, fa__ulp_stats *stats) {
    for (size_t i = 0; i < n; i += BLOCK) {
        fa__exact some = {want.hi + i, want.lo + i, want.err + i};
        measure_block(got + i, some, n - i < BLOCK ? n - i : BLOCK, stats);
    }
}

/* Memory ----------------------------------------------------------------------------------------- */

#define TRAFFIC_GRAIN ((size_t)1 << 18) /* bytes from which another thread pays */

#define AHEAD 2048 /* bytes between what is read and what is fetched */

typedef struct {
    const char *a, *b;
    char *y, *d;
    fa__stores stores;
} traffic;

#ifdef __SSE2__
/* A whole line is loaded before it is stored: 1.5 times as fast as vector by vector. */
#define MOVE_LINES(vector, prefix, store, fetch)                                                            \
    for (size_t at = begin * LINE; at < end * LINE; at += LINE) {                                           \
        enum { EACH = LINE / sizeof(vector), STEP = sizeof(vector) / sizeof(float) };                       \
        const float *a = (const float *)(t->a + at);                                                        \
        vector v[EACH];                                                                                     \
        if (fetch) _mm_prefetch(t->a + at + AHEAD, _MM_HINT_T0);                                            \
        for (size_t i = 0; i < EACH; i++) v[i] = prefix##_load_ps(a + i * STEP);                            \
        if (t->b) {                                                                                         \
            const float *b = (const float *)(t->b + at);                                                    \
            if (fetch) _mm_prefetch(t->b + at + AHEAD, _MM_HINT_T0);                                        \
            for (size_t i = 0; i < EACH; i++) v[i] = prefix##_xor_ps(v[i], prefix##_load_ps(b + i * STEP)); \
        }                                                                                                   \
        float *y = (float *)(t->y + at);                                                                    \
        for (size_t i = 0; i < EACH; i++) prefix##_##store##_ps(y + i * STEP, v[i]);                        \
        if (t->d) {                                                                                         \
            float *d = (float *)(t->d + at);                                                                \
            for (size_t i = 0; i < EACH; i++) prefix##_##store##_ps(d + i * STEP, v[i]);                    \
        }                                                                                                   \
    }

#define MOVE(vector, prefix)                   \
    switch (t->stores) {                       \
    case FA__ORDINARY_STORES:                  \
        MOVE_LINES(vector, prefix, store, 0);  \
        return;                                \
    case FA__STREAMING_STORES:                 \
        MOVE_LINES(vector, prefix, stream, 0); \
        break;                                 \
    case FA__STREAMING_STORES_FETCHING:        \
        MOVE_LINES(vector, prefix, stream, 1); \
        break;                                 \
    }                                          \
    _mm_sfence()

static void move_by_16(const traffic *t, size_t begin, size_t end) {
    MOVE(__m128, _mm);
}

__attribute__((target("avx"))) static void move_by_32(const traffic *t, size_t begin, size_t end) {
    MOVE(__m256, _mm256);
}
#endif

static void move_lines(const void *context, size_t begin, size_t end) {
    const traffic *t = context;
#ifdef __SSE2__
    (__builtin_cpu_supports("avx") ? move_by_32 : move_by_16)(t, begin, end);
#else
    size_t at = begin * LINE, bytes = (end - begin) * LINE;
    memcpy(t->y + at, t->a + at, bytes);
    for (size_t i = at; t->b && i < at + bytes; i++) t->y[i] ^= t->b[i];
    if (t->d) memcpy(t->d + at, t->a + at, bytes);
#endif
}

void fa__measure_traffic(fa__parallel_for_function *parallel_for, const char *a, const char *b, char *y,
                         char *d, size_t bytes, fa__stores stores) {
    traffic t = {a, b, y, d, stores};
    parallel_for(move_lines, &t, bytes / LINE, TRAFFIC_GRAIN / LINE, 1);
}
