/* Errors of float32 results, in ULP of float32 at the true value. Knows IEEE binary32; does not know who
 * computed what. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

/* 2^(e - 23) for the binade [2^e, 2^(e+1)) of `truth`, held between the smallest subnormal and the spacing
 * at the largest finite float */
static double ulp_f32(double truth) {
    uint64_t u;
    memcpy(&u, &truth, sizeof u);
    int64_t exponent = (int64_t)(u >> 52 & 0x7ff);
    exponent = exponent < 1023 - 126 ? 1023 - 126 : exponent > 1023 + 127 ? 1023 + 127 : exponent;
    u = (uint64_t)(exponent - 23) << 52;
    memcpy(&truth, &u, sizeof truth);
    return truth;
}

/* infinite for NaN against a number, either way. An infinite `got` counts as the next float above the
 * largest, 2^128, so that a result that rounds to infinity is no error. */
static double error_f32(float got, double want) {
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want) ? 0.0 : INFINITY;
    double limit = 0x1p128, g = got > limit ? limit : got < -limit ? -limit : got;
    double w = want > limit ? limit : want < -limit ? -limit : want;
    return fabs(g - w) / ulp_f32(w);
}

void fa__measure_ulp_f32(const float *got, const double *want, size_t n, fa__ulp_stats *stats) {
    for (size_t i = 0; i < n; i++) {
        double error = error_f32(got[i], want[i]);
        stats->sum_ulp += error;
        if (error > stats->max_ulp) {
            stats->max_ulp = error;
            stats->worst = stats->count + i;
        }
    }
    stats->count += n;
}
