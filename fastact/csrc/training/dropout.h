/* Dropout: elements are kept or set to 0, as the random word of their index decides. Must not depend on shapes. */
#ifndef FA_TRAINING_DROPOUT_H
#define FA_TRAINING_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

#include "platform/dtype.h"

/* Word i % 4 of Philox4x32-10 with the key (seed's low half, high half) and the counter (i/4's low half, high half, layer,
 * step) belongs to element i. */
typedef struct {
    uint64_t seed;
    uint32_t step, layer;
    uint64_t first; /* the index of the first element */
} fa__random_place;

/* n elements, at x and y; y may be x */
typedef struct {
    size_t n;
    const void *x;
    void *y;
    uint32_t threshold; /* a smaller word drops its element */
    double scale;       /* of elements that are kept */
    fa__random_place place;
} fa__dropout;
typedef void fa__dropout_kernel(const fa__dropout *dropout);

/* Divided among threads. The probability p is from 0 to 1. */
void fa__run_dropout(fa__dtype dtype, const void *x, void *y, size_t n, double p, fa__random_place place);

#endif
