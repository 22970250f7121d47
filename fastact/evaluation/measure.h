/* Errors of float32 results in ULP, and a pass over memory. Part of the evaluation, not of the C library. */
#ifndef FA_EVALUATION_MEASURE_H
#define FA_EVALUATION_MEASURE_H

#include <stddef.h>

#include "platform/parallel.h"

/* Exact values: each within err of hi + lo */
typedef struct {
    const double *hi, *lo, *err;
} fa__exact;

/* Errors of float32 results in ULP of float32 at the exact value, accumulated over calls */
typedef struct {
    double max_ulp, sum_ulp; /* without infinite errors, which are wrong_nan */
    size_t count, worst;     /* worst: index, over all calls, of the largest error */
    size_t over_one;         /* errors above 1 ULP */
    size_t wrong_nan;        /* NaN for a number, or the reverse */
    size_t lost;             /* zero where the exact value is at least the smallest subnormal */
    size_t wrong_sign;       /* of the wrong sign, neither being zero */
} fa__ulp_stats;
void fa__measure_ulp_f32(const float *got, fa__exact want, size_t n, fa__ulp_stats *stats);

/* How results are written: through the caches, past them, or past them while the inputs 2 KiB ahead are fetched.
 * Without SSE2, all are the first one. */
typedef enum { FA__ORDINARY_STORES, FA__STREAMING_STORES, FA__STREAMING_STORES_FETCHING } fa__stores;

/* The memory traffic of a call on large arrays: read one or two arrays (`b` may be null) and write one or two
 * (`d` may be null), on all threads: y = a or a ^ b, d = a or a ^ b. All arrays begin at multiples of 64 bytes and
 * hold `bytes`, a multiple of 64; none overlap. `parallel_for` is the library's. */
void fa__measure_traffic(fa__parallel_for_function *parallel_for, const char *a, const char *b, char *y,
                         char *d, size_t bytes, fa__stores stores);

#endif
