/* Counters of a layer's units: a whole call. Must not depend on the public structs: arguments have been checked. */
#ifndef FA_HEALTH_CALL_H
#define FA_HEALTH_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "platform/dtype.h"
#include "platform/loop.h"

/* an array whose columns are 1 apart and whose rows are so many elements */
typedef struct {
    const char *data;
    ptrdiff_t row;
} fa__health_array;

typedef struct {
    int entry;
    fa__dtype dtype;
    double parameters[FA__MAX_PARAMS];
    size_t rows, units;
    fa__health_array z, y, derivative,
        grad_y; /* y, derivative: null where they are computed; grad_y: or absent */
    const double *low, *high;
    int64_t *counts;
    double *sums, *extremes;
} fa__health_call;
void fa__run_health(const fa__health_call *call);

#endif
