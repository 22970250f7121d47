/* Pairs of the kernel's own type, for formulas of a few sums, products and quotients: float32 vectors stay full,
 * which is twice as fast as widening them. Sums and products are exact as h + l, quotients good to about twice the
 * digits. Does not know functions.
 *
 * The own type is float where kernels are of float32 and the machine has an FMA; else it is double, with pairs
 * as pair.h has them: without an FMA, what a float32 product rounds away costs more than a double. */
#ifndef FA_OWN_H
#define FA_OWN_H

#include <stdint.h>
#include <string.h>

#include "math/double_double.h"

#if defined(FA_HAVE_FMA) && !FA_COMPENSATE
typedef float fa__own;
typedef struct {
    fa__own h, l;
} fa__own_pair;
#define FA__OWN(of_float, of_double) of_float
#else
typedef double fa__own;
typedef fa__pair fa__own_pair;
#define FA__OWN(of_float, of_double) of_double
#endif

/* a number given as the sum of two doubles */
#define FA__OWN_CONSTANT(high, low) {(fa__own)(high), (fa__own)(((high) - (double)(fa__own)(high)) + (low))}

/* a*b + c, rounded once */
FA_INLINE fa__own fa__own_fma(fa__own a, fa__own b, fa__own c) {
#if defined(FA_HAVE_FMA)
    return FA__OWN(__builtin_fmaf, __builtin_fma)(a, b, c);
#else
    fa__pair p = fa__two_prod(a, b), sum = fa__two_sum(p.h, c);
    /* without compensation a*b is exact and rest is 0; it is not a number where the sum is infinite */
    double rest = sum.l + p.l;
    return (rest > 0) | (rest < 0) ? sum.h + rest : sum.h;
#endif
}

/* a*b, exactly */
FA_INLINE fa__own_pair fa__own_product(fa__own a, fa__own b) {
#if defined(FA_HAVE_FMA)
    fa__own h = a * b;
    return (fa__own_pair){h, fa__own_fma(a, b, -h)};
#else
    return fa__two_prod(a, b);
#endif
}

/* a + b, exactly */
FA_INLINE fa__own_pair fa__own_sum(fa__own a, fa__own b) {
    fa__own h = a + b, t = h - a;
    return (fa__own_pair){h, (a - (h - t)) + (b - t)};
}

/* the same where |a| >= |b|, or a is a multiple of b's last place and not much smaller */
FA_INLINE fa__own_pair fa__own_fast_sum(fa__own a, fa__own b) {
    fa__own h = a + b;
    return (fa__own_pair){h, b - (h - a)};
}

/* 1/a */
FA_INLINE fa__own_pair fa__own_inverse(fa__own_pair a) {
    fa__own q = 1 / a.h;
    return (fa__own_pair){q, fa__own_fma(-q, a.l, fa__own_fma(-q, a.h, 1)) * q};
}

FA_INLINE fa__own fa__own_abs(fa__own x) {
    return FA__OWN(__builtin_fabsf, __builtin_fabs)(x);
}

FA_INLINE fa__own fa__own_copysign(fa__own magnitude, fa__own sign) {
    return FA__OWN(__builtin_copysignf, __builtin_copysign)(magnitude, sign);
}

/* Below so many units of the smallest number, numbers are subnormal; and the number of so many units, rounded: its bits
 * are that count. An instruction that underflows takes a hundred times as long. */
#define FA__OWN_SUBNORMAL FA__OWN(0x1p23f, 0x1p52)
FA_INLINE fa__own fa__own_of_units(fa__own units) {
    FA__OWN(uint32_t, uint64_t) count, zero;
    fa__own counted = units + FA__OWN_SUBNORMAL, none = FA__OWN_SUBNORMAL, number;
    memcpy(&count, &counted, sizeof count);
    memcpy(&zero, &none, sizeof zero);
    count -= zero;
    memcpy(&number, &count, sizeof number);
    return number;
}

/* what is left over of something near 1, to be multiplied by x; 0 where x is tiny, since it no longer counts and
 * products that become subnormal are slow */
FA_INLINE fa__own fa__own_rest(fa__own rest, fa__own x) {
    return fa__own_abs(x) < FA__OWN(0x1p-60f, 0x1p-500) ? 0 : rest;
}

#endif
