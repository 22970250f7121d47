/* Counters of a layer's units: what the kernels of each instruction set and element type add to.
 * Must not depend on activations: values and derivatives are given. */
#ifndef FA_HEALTH_COUNT_H
#define FA_HEALTH_COUNT_H

#include <stddef.h>
#include <stdint.h>

#define FA__HEALTH_MOST_ROWS 4096 /* of a tile: its counts fit 32 bits */

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
typedef void fa__health_kernel(const fa__health_tile *tile);

#endif
