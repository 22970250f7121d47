/* Counters of a layer's units: what the kernels of each instruction set and element type add to.
 * Must not depend on activations: values and derivatives are given. */
#ifndef FA_HEALTH_COUNT_H
#define FA_HEALTH_COUNT_H

#include <stddef.h>
#include <stdint.h>

#define FA__HEALTH_WIDTH_BYTES 256  /* of a row of a tile, at most */
#define FA__HEALTH_STATE_BYTES 5120 /* counters of its columns as kernels have them; begins at a cache line */

/* Rows x columns of four arrays, whose columns are 1 apart and rows so many elements; `grad` may be null. Counters of
 * the first column; those of the next quantity are `units` further. Inputs up to `low` and from `high` on are saturated. */
typedef struct {
    size_t rows, columns, units;
    const void *z, *y, *d, *grad;
    ptrdiff_t z_row, y_row, d_row, grad_row;
    const double *low, *high;
    int64_t *counts;
    double *sums, *extremes;
} fa__health_tile;

/* State begins, counts tiles of the same columns, of fewer than 2^31 rows together, and is added to the tile's counters */
typedef struct {
    void (*begin)(const fa__health_tile *tile, void *state);
    void (*count)(const fa__health_tile *tile, void *state);
    void (*finish)(const fa__health_tile *tile, const void *state);
} fa__health_kernels;

#endif
