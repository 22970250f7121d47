/* Exponentials of arguments up to 0, in double. For kernel sources (platform/kernel.h).
 *
 * e^h = 2^(k/STEPS) e^r, r = h - k ln 2/STEPS. With AVX-512 the powers are looked up in registers and STEPS is 16, which leaves
 * short polynomials. For float32 results they are shorter, and one constant is enough for ln 2. */
#ifndef FA_ROWWISE_EXPONENTIAL_H
#define FA_ROWWISE_EXPONENTIAL_H

#include "math/coefficients.h"
#include "rowwise/doubles.h"

#define ROUNDER 0x1.8p52
#define MANTISSA 52
typedef int64_t integers __attribute__((vector_size(VECTOR_BYTES), may_alias));
/* whose sums may wrap around */
typedef uint64_t naturals __attribute__((vector_size(VECTOR_BYTES), may_alias));

/* power_bits: the bits of 2^(k/STEPS), k in the last bits of a number whose other ones are shifted out */
#if defined(__AVX512F__)
#define STEPS 16
#define POLY FA_EXP_SIXTEENTH_POLY
#define POLY_FLOAT32 FA_EXP_SIXTEENTH_POLY_FLOAT32
static const double sixteenths[] __attribute__((aligned(VECTOR_BYTES))) = {FA_SIXTEENTHS_HI};

/* k mod 16, which the shifted k adds beside k div 16, is taken from the table's numbers before */
INLINE naturals power_bits(integers k) {
    const integers numbers = {0, 1, 2, 3, 4, 5, 6, 7}, unit = (integers){0} + (INT64_C(1) << (MANTISSA - 4));
    const integers first = *(const integers *)sixteenths - numbers * unit;
    const integers last = *(const integers *)(sixteenths + 8) - (numbers + 8) * unit;
    const naturals fraction = (naturals)_mm512_permutex2var_epi64((__m512i)first, (__m512i)k, (__m512i)last);
    return fraction + ((naturals)k << (MANTISSA - 4));
}

/* What rounding has taken from it, as a share of it */
INLINE wide power_error(integers k) {
    static const double errors[] __attribute__((aligned(VECTOR_BYTES))) = {FA_SIXTEENTHS_LO};
    const wide first = *(const wide *)errors / *(const wide *)sixteenths;
    const wide last = *(const wide *)(errors + 8) / *(const wide *)(sixteenths + 8);
    return (wide)_mm512_permutex2var_pd((__m512d)first, (__m512i)k, (__m512d)last);
}
#else
#define STEPS 1
#define POLY FA_EXP_POLY
#define POLY_FLOAT32 FA_EXP_POLY_FLOAT32
INLINE naturals power_bits(integers k) {
    return (naturals)every(1) + ((naturals)k << MANTISSA);
}
INLINE wide power_error(integers k) {
    (void)k;
    return every(0);
}
#endif

#if FA__REAL_IS_DOUBLE
#define LEAST -1330.0 /* its exponential is 0, and so it is times 1e250 */
static const double exp_poly[] = {POLY};
#else
#define LEAST \
    -690.0 /* its exponential vanishes beside that of any sum of float32 numbers, and times any of them */
static const double exp_poly[] = {POLY_FLOAT32};
#endif

/* a - b, and in *error what its rounding lost (TwoSum), which matters for float64; NaN for infinite differences */
INLINE wide difference(wide a, wide b, wide *error) {
    return difference_if(FA__REAL_IS_DOUBLE, a, b, error);
}

/* An exponential: (value + low) * power, value from 2^-1022 to 1, low what rounding has taken from it. The power, not 1 for
 * tiny float64 ones only, is kept apart so that products are rounded once to a subnormal number. */
typedef struct {
    wide value, low, power;
} parts;

#define FAR -690.0
#define FAR_POWER 900

/* e^(h + l) for h <= 0 and an l that is small beside it; what l is does not matter where h < LEAST. NaN for a NaN.
 * Relative error of the value: 2^-52 for float64, 2^-26 for float32; with the low part, 2^-58 for float64. */
INLINE parts exponential_parts(wide h, wide l) {
    const mask vanishes = is_less(h, every(LEAST));
    const wide shifted = h * (STEPS * FA_LOG2_E) + ROUNDER, k = shifted - ROUNDER;
    wide r, rest = every(0); /* of r */
    if (FA__REAL_IS_DOUBLE) {
        const wide first = h - k * (FA_LN2_HI / STEPS),
                   second = first - k * (FA_LN2_LO / STEPS); /* first: exact */
        r = second + l;
        rest = ((first - second) - k * (FA_LN2_LO / STEPS)) + (l - (r - second));
    } else {
        r = h - k * (FA_LN2_DOUBLE / STEPS);
    }
    wide p = every(exp_poly[0]);
    UNROLL for (size_t i = 1; i < sizeof exp_poly / sizeof *exp_poly; i++) p = p * r + exp_poly[i];
    const wide higher = r * r * p, t = r + higher;
    naturals bits = power_bits((integers)shifted);
    parts e = {.power = every(1)};
    if (FA__REAL_IS_DOUBLE) {
        const mask far = is_less(h, every(FAR));
        bits += (naturals)pick(far, (wide)((integers){0} + ((int64_t)FAR_POWER << MANTISSA)), every(0));
        e.power = pick(far, every(0x1p-900), every(1));
        rest += ((r - t) + higher) + rest * t + power_error((integers)shifted);
    }
    const wide scale = (wide)bits, value = scale + scale * t;
    e.value = pick(vanishes, every(0), value);
    e.low = pick(vanishes, every(0), ((scale - value) + scale * t) + scale * rest);
    return e;
}

#endif
