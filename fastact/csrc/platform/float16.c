/* IEEE binary16 conversions: in integer arithmetic or, where there is one, by the processor's instruction, with the same
 * bits. */
#include "platform/float16.h"

#include <math.h>
#include <string.h>

#include "platform/fenv.h"

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Shift exponent and fraction into place and rescale by 2^112: exact, subnormals included. NaN becomes quiet, as in the
 * processor's conversion. */
float fa__float16_to_float32(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t quiet = magnitude > 0x0f800000 ? 0x400000 : 0;
    if (magnitude >= 0x0f800000) return float_of(sign | 0x7f800000 | quiet | magnitude); /* inf, NaN */
    return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

uint16_t fa__float32_to_float16(float x) {
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff)); /* NaN */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* rounds to infinity */
    if (magnitude < 0x38800000) { /* subnormal: float32 addition rounds at 2^-24 */
        uint32_t rounded = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        return (uint16_t)(sign | rounded);
    }
    uint32_t even = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + even) >> 13));
}

/* Through a float32 rounded to odd: an inexact one ends in 1, so it is never midway between two float16 numbers */
uint16_t fa__float64_to_float16(double x) {
    float near = (float)x;
    if ((double)near == x || x != x) return fa__float32_to_float16(near);
    uint32_t u = bits_of(near), too_far = fabs((double)near) > fabs(x);
    return fa__float32_to_float16(float_of((u - too_far) | 1));
}

/* Spans ------------------------------------------------------------------------------------------ */

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

__attribute__((target("avx,f16c"))) static size_t widen_by_eight(float *to, const uint16_t *from, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + i))));
    return i;
}

__attribute__((target("avx,f16c"))) static size_t narrow_by_eight(uint16_t *to, const float *from, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(to + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}

/* Clang 14 does not know the feature "f16c" by name; cpuid is slow in a virtual machine, so it is asked once */
static int can_convert(void) {
    enum { UNKNOWN, NO, YES };
    static atomic_int known = UNKNOWN;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        unsigned a, b, c = 0, d;
        int has = __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
        answer = has ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}
#else
static size_t widen_by_eight(float *to, const uint16_t *from, size_t n) {
    (void)to, (void)from, (void)n;
    return 0;
}

static size_t narrow_by_eight(uint16_t *to, const float *from, size_t n) {
    (void)to, (void)from, (void)n;
    return 0;
}

static int can_convert(void) {
    return 0;
}
#endif

void fa__float16_to_float32_n(float *to, const uint16_t *from, size_t n) {
    for (size_t i = can_convert() ? widen_by_eight(to, from, n) : 0; i < n; i++)
        to[i] = fa__float16_to_float32(from[i]);
}

void fa__float32_to_float16_n(uint16_t *to, const float *from, size_t n) {
    for (size_t i = can_convert() ? narrow_by_eight(to, from, n) : 0; i < n; i++)
        to[i] = fa__float32_to_float16(from[i]);
}

/* Single numbers --------------------------------------------------------------------------------- */

static int round_to(int half, double value, float *result) {
    fa__fenv caller = fa__enter_fenv();
    volatile double wide = value; /* volatile: keeps the conversion between enter and leave */
    volatile float narrow = half ? fa__float16_to_float32(fa__float64_to_float16(wide)) : (float)wide;
    fa__leave_fenv(caller);
    if (isinf(narrow) && !isinf(value)) return 0;
    *result = narrow;
    return 1;
}

int fa__round_to_float32(double value, float *result) {
    return round_to(0, value, result);
}

int fa__round_to_float16(double value, float *result) {
    return round_to(1, value, result);
}
