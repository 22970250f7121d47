/* Vector operations of the table kernels: one interface with three implementations, for float on AVX-512, double on
 * AVX-512, and float on AVX2. A vector fills one register; a coefficient is looked up among twice as many numbers.
 *
 * An fa__mask has one bit per element. An fa__ints used as a truth value is true where its sign bit is set. */
#ifndef FA_POLYNOMIAL_VECTORS_H
#define FA_POLYNOMIAL_VECTORS_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#if FA_COMPENSATE
#define FA__WIDTH 8
typedef uint8_t fa__mask;
typedef int64_t fa__int;
typedef uint64_t fa__word;
#define FA__FMA _mm512_fmadd_pd
#define FA__ALL _mm512_set1_pd
#define FA__MIN _mm512_min_pd
typedef __m512d fa__reals;
#elif defined(__AVX512F__)
#define FA__WIDTH 16
typedef uint16_t fa__mask;
typedef int32_t fa__int;
typedef uint32_t fa__word;
#define FA__FMA _mm512_fmadd_ps
#define FA__ALL _mm512_set1_ps
#define FA__MIN _mm512_min_ps
typedef __m512 fa__reals;
#else
#define FA__WIDTH 8
typedef uint8_t fa__mask;
typedef int32_t fa__int;
typedef uint32_t fa__word;
#define FA__FMA _mm256_fmadd_ps
#define FA__ALL _mm256_set1_ps
#define FA__MIN _mm256_min_ps
typedef __m256 fa__reals;
#endif
#if defined(__AVX512F__)
#define FA__INTERLEAVED \
    4 /* vectors whose polynomials are evaluated side by side; more do not fit the registers */
#else
#define FA__INTERLEAVED 1
#endif
typedef fa__int fa__ints __attribute__((vector_size(sizeof(fa__reals))));
typedef fa__word fa__words __attribute__((vector_size(sizeof(fa__reals))));

#define FA__SLOTS (2 * FA__WIDTH)                /* numbers in a row of coefficients; some may be unused */
#define FA__ALIGNED __attribute__((aligned(64))) /* no load of coefficients crosses a cache line */

FA_INLINE fa__reals fa__load(const real *from) {
    fa__reals x;
    memcpy(&x, from, sizeof x);
    return x;
}

FA_INLINE void fa__store(real *to, fa__reals x) {
    memcpy(to, &x, sizeof x);
}

/* A row of coefficients in two registers. The empty assembly statement keeps the compiler from loading the row again
 * for each vector, which would take as long as everything else. */
typedef struct {
    fa__reals first, second;
} fa__coefficients;
FA_INLINE fa__coefficients fa__load_coefficients(const real *from) {
    fa__coefficients row = {fa__load(from), fa__load(from + FA__WIDTH)};
#if defined(__AVX512F__)
    __asm__("" : "+v"(row.first), "+v"(row.second));
#endif
    return row;
}

/* Copies one cache line with streaming stores. */
FA_INLINE void fa__stream_line(char *to, const char *from) {
    const real *line = (const real *)(const void *)from;
#if defined(__AVX512F__)
    _mm512_stream_si512((__m512i *)(void *)to, (__m512i)fa__load(line));
#else
    _mm256_stream_ps((float *)(void *)to, fa__load(line));
    _mm256_stream_ps((float *)(void *)to + 8, fa__load(line + 8));
#endif
}

/* Comparisons with a number; all are false for NaN. */
#if FA_COMPENSATE
#define FA__COMPARED(x, limit, how) _mm512_cmp_pd_mask(x, FA__ALL(limit), how)
#elif defined(__AVX512F__)
#define FA__COMPARED(x, limit, how) _mm512_cmp_ps_mask(x, FA__ALL(limit), how)
#else
#define FA__COMPARED(x, limit, how) (fa__mask) _mm256_movemask_ps(_mm256_cmp_ps(x, FA__ALL(limit), how))
#endif
FA_INLINE fa__mask fa__at_most(fa__reals x, real limit) {
    return FA__COMPARED(x, limit, _CMP_LE_OQ);
}
FA_INLINE fa__mask fa__at_least(fa__reals x, real limit) {
    return FA__COMPARED(x, limit, _CMP_GE_OQ);
}

#if FA_COMPENSATE
FA_INLINE fa__reals fa__by_sign(fa__reals x, fa__reals negative, fa__reals otherwise) {
    return _mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)x), otherwise, negative);
}
FA_INLINE fa__mask fa__set_bits(fa__ints truth) {
    return _mm512_movepi64_mask((__m512i)truth);
}
FA_INLINE fa__reals fa__choose(fa__mask mask, fa__reals yes, fa__reals no) {
    return _mm512_mask_blend_pd(mask, no, yes);
}
FA_INLINE void fa__pack(real *to, fa__mask mask, fa__reals x) {
    fa__store(to, _mm512_maskz_compress_pd(mask, x));
}
FA_INLINE void fa__unpack(real *to, fa__mask mask, const real *from) {
    fa__store(to, _mm512_mask_expand_pd(fa__load(to), mask, fa__load(from)));
}
FA_INLINE fa__reals fa__coefficient(fa__coefficients row, fa__ints k, fa__reals x, int by_sign,
                                    int all_slots) {
    (void)x, (void)by_sign, (void)all_slots;
    return _mm512_permutex2var_pd(row.first, (__m512i)k, row.second);
}
/* x 2^floor(n); subnormal results cost nothing extra. */
FA_INLINE fa__reals fa__scaled_by(fa__reals x, fa__reals n) {
    return _mm512_scalef_pd(x, n);
}
#elif defined(__AVX512F__)
FA_INLINE fa__reals fa__by_sign(fa__reals x, fa__reals negative, fa__reals otherwise) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)x), otherwise, negative);
}
FA_INLINE fa__mask fa__set_bits(fa__ints truth) {
    return _mm512_movepi32_mask((__m512i)truth);
}
FA_INLINE fa__reals fa__choose(fa__mask mask, fa__reals yes, fa__reals no) {
    return _mm512_mask_blend_ps(mask, no, yes);
}
FA_INLINE void fa__pack(real *to, fa__mask mask, fa__reals x) {
    fa__store(to, _mm512_maskz_compress_ps(mask, x));
}
FA_INLINE void fa__unpack(real *to, fa__mask mask, const real *from) {
    fa__store(to, _mm512_mask_expand_ps(fa__load(to), mask, fa__load(from)));
}
FA_INLINE fa__reals fa__coefficient(fa__coefficients row, fa__ints k, fa__reals x, int by_sign,
                                    int all_slots) {
    (void)x, (void)by_sign, (void)all_slots;
    return _mm512_permutex2var_ps(row.first, (__m512i)k, row.second);
}
FA_INLINE fa__reals fa__rounded_to_whole(fa__reals x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FA_INLINE fa__ints fa__whole_bits(fa__reals x) {
    return (fa__ints)_mm512_cvtps_epi32(x);
}
FA_INLINE fa__reals fa__scaled_by(fa__reals x, fa__reals n) {
    return _mm512_scalef_ps(x, n);
}
#else
FA_INLINE fa__reals fa__by_sign(fa__reals x, fa__reals negative, fa__reals otherwise) {
    return _mm256_blendv_ps(otherwise, negative, x);
}
FA_INLINE fa__mask fa__set_bits(fa__ints truth) {
    return (fa__mask)_mm256_movemask_ps((__m256)truth);
}
FA_INLINE fa__reals fa__choose(fa__mask mask, fa__reals yes, fa__reals no) {
    const fa__ints bits = {1, 2, 4, 8, 16, 32, 64, 128};
    return _mm256_blendv_ps(no, yes, (__m256)((bits & mask) != 0));
}
/* One byte per lane: 0xff where the mask is set. */
FA_INLINE uint64_t fa__bytes_of(fa__mask mask) {
    return _pdep_u64(mask, 0x0101010101010101) * 0xff;
}
FA_INLINE fa__reals fa__permuted(fa__reals x, uint64_t lanes) {
    return _mm256_permutevar8x32_ps(x, _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)lanes)));
}
#define FA__LANES_IN_ORDER 0x0706050403020100
FA_INLINE void fa__pack(real *to, fa__mask mask, fa__reals x) {
    fa__store(to, fa__permuted(x, _pext_u64(FA__LANES_IN_ORDER, fa__bytes_of(mask))));
}
FA_INLINE void fa__unpack(real *to, fa__mask mask, const real *from) {
    fa__reals spread = fa__permuted(fa__load(from), _pdep_u64(FA__LANES_IN_ORDER, fa__bytes_of(mask)));
    fa__store(to, fa__choose(mask, spread, fa__load(to)));
}
FA_INLINE fa__reals fa__coefficient(fa__coefficients row, fa__ints k, fa__reals x, int by_sign,
                                    int all_slots) {
    fa__reals first = _mm256_permutevar8x32_ps(row.first, (__m256i)k);
    if (!by_sign && !all_slots) return first; /* 8 segments use half of the row */
    return _mm256_blendv_ps(first, _mm256_permutevar8x32_ps(row.second, (__m256i)k),
                            (__m256)(by_sign ? x > 0 : k << 28));
}
FA_INLINE fa__reals fa__rounded_to_whole(fa__reals x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FA_INLINE fa__ints fa__whole_bits(fa__reals x) {
    return (fa__ints)_mm256_cvtps_epi32(x);
}
FA_INLINE fa__reals fa__scaled_by(fa__reals x, fa__reals n) {
    fa__ints whole = fa__whole_bits(n), half = whole >> 1; /* one factor would overflow or underflow */
    return x * (fa__reals)((half + 127) << 23) * (fa__reals)((whole - half + 127) << 23);
}
#endif

#if !FA_COMPENSATE
/* x 2^n, rounded once. A result that may be subnormal is computed as an integer multiple of 2^-149, whose bits are
 * those of the result: an instruction that underflows takes a hundred times as long. */
FA_INLINE fa__reals fa__ldexp(fa__reals x, fa__reals n) {
    fa__mask tiny = fa__set_bits(n < -125.0f);
    fa__reals scaled = fa__scaled_by(x, fa__choose(tiny, n + 149.0f, n));
    return fa__choose(tiny, (fa__reals)fa__whole_bits(scaled), scaled);
}
#endif

/* The slot of each x from its index k: if by_sign, x > 0 uses the second half of a row. AVX2 makes this choice in
 * fa__coefficient. */
FA_INLINE fa__ints fa__index(fa__ints k, fa__reals x, int by_sign) {
#if defined(__AVX512F__)
    return by_sign ? (k & (FA__WIDTH - 1)) | ((fa__ints)(x > 0) & FA__WIDTH) : k;
#else
    (void)x, (void)by_sign;
    return k;
#endif
}

#endif
