/* The logarithm of a double, as a pair. Must not depend on functions, loops or dtypes. Branch-free, as exponential.h. */
#ifndef FA_MATH_LOGARITHM_H
#define FA_MATH_LOGARITHM_H

#include <math.h>

#include "math/exponential.h"

/* x = m 2^k, m from sqrt(1/2) to sqrt(2): log x = k log 2 + 2 atanh(s), s = (m - 1)/(m + 1). -inf for 0, NaN below it. */
FA_INLINE fa__pair fa__log(double x) {
    const uint64_t one = UINT64_C(0x3ff) << 52, root = UINT64_C(0x3fe6a09e667f3bcd); /* 1 and sqrt(1/2) */
    const int tiny = x < DBL_MIN;
    const uint64_t bits = fa__bits(tiny ? x * 0x1p54 : x) + (one - root);
    /* the exponent as a double, without the conversion that SSE2 and AVX2 lack */
    const double k = fa__from_bits((bits >> 52) | fa__bits(0x1p52)) - (0x1p52 + 1023) - (tiny ? 54.0 : 0.0);
    const double m = fa__from_bits((bits & (((uint64_t)1 << 52) - 1)) + root);
    const fa__pair s = fa__div(fa__pair_of(m - 1), fa__two_sum(m, 1)); /* m - 1 is exact */
    const double square = s.h * s.h, rest = s.h * square * FA_POLY(square, FA_ATANH_POLY);
    fa__pair log = fa__add(fa__two_sum(k * FA_LN2_HI, k * FA_LN2_LO),
                           fa__add_double(fa__times_power(s, 2), rest)); /* the first product is exact */
    const int regular = (x > 0) & (x <= DBL_MAX);
    const double special = x == 0 ? -INFINITY : x > 0 ? x : NAN;
    return (fa__pair){regular ? log.h : special, regular ? log.l : 0};
}

#endif
