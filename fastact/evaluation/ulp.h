/* The unit in the last place of float32. */
#ifndef FA_EVALUATION_ULP_H
#define FA_EVALUATION_ULP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 1/ulp = 2^(23 - e) for the binade [2^e, 2^(e+1)) of the size of hi + lo, held between the smallest subnormal
 * and the spacing at the largest finite float. Where hi is a power of two, the sign of lo decides. */
static inline double fa__ulps_per_unit(double hi, double lo) {
    double size = fabs(hi), beyond = hi < 0 ? -lo : lo;
    int64_t u;
    memcpy(&u, &size, sizeof u);
    u -= beyond < 0 ? 1 : 0;
    memcpy(&size, &u, sizeof u);
    size = size < 0x1p-126 ? 0x1p-126 : size > 0x1p127 ? 0x1p127 : size;
    memcpy(&u, &size, sizeof u);
    u = (2 * 1023 + 23 - (int64_t)((uint64_t)u >> 52)) * (INT64_C(1) << 52);
    memcpy(&size, &u, sizeof u);
    return size;
}

#endif
