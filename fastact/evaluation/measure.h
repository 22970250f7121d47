/* What results and times are compared with. An instrument of the evaluation, not part of the C library.
 * Knows IEEE binary32 and stores that bypass the caches; does not know who computed what. */
#ifndef FA_EVALUATION_MEASURE_H
#define FA_EVALUATION_MEASURE_H

#include <stddef.h>

#include "platform/parallel.h"

/* Errors of float32 results in ULP of float32 at the true value, accumulated over calls */
typedef struct {
    double max_ulp, sum_ulp; /* the sum leaves out infinite errors, which are wrong_nan */
    size_t count, worst;     /* worst: index, over all calls, of the largest error */
    size_t over_one;         /* errors above 1 ULP */
    size_t wrong_nan;        /* NaN against a number, either way */
    size_t lost;             /* zero where the truth is at least the smallest subnormal */
    size_t wrong_sign;       /* of the other sign than the truth, neither being zero */
} fa__ulp_stats;
void fa__measure_ulp_f32(const float *got, const double *want, size_t n, fa__ulp_stats *stats);

/* The least that a call on large arrays must do: read one or two arrays (`b` may be null), write one or two
 * (`d` may be null) past the caches, on all threads: y = a or a ^ b, d = a or a ^ b. All begin at multiples of
 * 64 and hold `bytes`, a multiple of 64; nothing overlaps. `parallel_for` is the library's. */
void fa__measure_traffic(fa__parallel_for_function *parallel_for, const char *a, const char *b, char *y, char *d,
                         size_t bytes);

#endif
