/* Native pairs: unevaluated sums h + l of two numbers of the kernel's type, for formulas of a few sums, products and
 * quotients. float32 vectors stay full, which is twice as fast as widening them. Sums and products are exact, quotients
 * accurate to about twice the digits. Must not depend on functions.
 *
 * The native type is float in float32 kernels where the machine has an FMA. Otherwise it is double, with the pairs of
 * double_double.h: without an FMA, the rounding error of a float32 product costs more than a double. */
#ifndef FA_MATH_NATIVE_PAIR_H
#define FA_MATH_NATIVE_PAIR_H

#include <stdint.h>
#include <string.h>

#include "math/double_double.h"

#if defined(FA_HAVE_FMA) && !FA_COMPENSATE
typedef float fa__native;
typedef struct {
    fa__native h, l;
} fa__native_pair;
#define FA__NATIVE(of_float, of_double) of_float
#else
typedef double fa__native;
typedef fa__pair fa__native_pair;
#define FA__NATIVE(of_float, of_double) of_double
#endif

/* a number given as the sum of two doubles */
#define FA__NATIVE_CONSTANT(high, low) \
    {(fa__native)(high), (fa__native)(((high) - (double)(fa__native)(high)) + (low))}

/* a*b + c, rounded once */
FA_INLINE fa__native fa__native_fma(fa__native a, fa__native b, fa__native c) {
#if defined(FA_HAVE_FMA)
    return FA__NATIVE(__builtin_fmaf, __builtin_fma)(a, b, c);
#else
    fa__pair p = fa__two_prod(a, b), sum = fa__two_sum(p.h, c);
    /* without compensation a*b is exact and rest is 0; it is not a number where the sum is infinite */
    double rest = sum.l + p.l;
    return (rest > 0) | (rest < 0) ? sum.h + rest : sum.h;
#endif
}

/* a*b, exactly */
FA_INLINE fa__native_pair fa__native_product(fa__native a, fa__native b) {
#if defined(FA_HAVE_FMA)
    fa__native h = a * b;
    return (fa__native_pair){h, fa__native_fma(a, b, -h)};
#else
    return fa__two_prod(a, b);
#endif
}

/* a + b, exactly */
FA_INLINE fa__native_pair fa__native_sum(fa__native a, fa__native b) {
    fa__native h = a + b, t = h - a;
    return (fa__native_pair){h, (a - (h - t)) + (b - t)};
}

/* the same where |a| >= |b|, or a is a multiple of b's last place and not much smaller */
FA_INLINE fa__native_pair fa__native_fast_sum(fa__native a, fa__native b) {
    fa__native h = a + b;
    return (fa__native_pair){h, b - (h - a)};
}

/* 1/a */
FA_INLINE fa__native_pair fa__native_inverse(fa__native_pair a) {
    fa__native q = 1 / a.h;
    return (fa__native_pair){q, fa__native_fma(-q, a.l, fa__native_fma(-q, a.h, 1)) * q};
}

FA_INLINE fa__native fa__native_abs(fa__native x) {
    return FA__NATIVE(__builtin_fabsf, __builtin_fabs)(x);
}

FA_INLINE fa__native fa__native_copysign(fa__native magnitude, fa__native sign) {
    return FA__NATIVE(__builtin_copysignf, __builtin_copysign)(magnitude, sign);
}

/* Below so many units of the smallest number, numbers are subnormal; and the number of so many units, rounded: its bits
 * are that count. An instruction that underflows takes a hundred times as long. */
#define FA__NATIVE_SUBNORMAL FA__NATIVE(0x1p23f, 0x1p52)
FA_INLINE fa__native fa__native_of_units(fa__native units) {
    FA__NATIVE(uint32_t, uint64_t) count, zero;
    fa__native counted = units + FA__NATIVE_SUBNORMAL, none = FA__NATIVE_SUBNORMAL, number;
    memcpy(&count, &counted, sizeof count);
    memcpy(&zero, &none, sizeof zero);
    count -= zero;
    memcpy(&number, &count, sizeof number);
    return number;
}

/* the low part of a factor near 1 that is to be multiplied by x; 0 where x is tiny, since the product would be
 * negligible, and subnormal, which is slow */
FA_INLINE fa__native fa__native_rest(fa__native rest, fa__native x) {
    return fa__native_abs(x) < FA__NATIVE(0x1p-60f, 0x1p-500) ? 0 : rest;
}

#endif
