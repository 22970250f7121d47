/* Look-ups in tables of 256 bytes. Must not depend on how tables are made. */
#ifndef FA_QUANTIZED_TABLE_H
#define FA_QUANTIZED_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define FA__MAX_AXES 64

/* y[i] = table[x[i]] of n contiguous bytes; y may be x */
typedef void fa__table_kernel(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n);

typedef struct {
    const uint8_t *table, *x;
    uint8_t *y;
    int ndim; /* at most FA__MAX_AXES */
    const size_t *shape;
    const ptrdiff_t *x_strides, *y_strides;
} fa__table_call;

/* Divided among threads. The number of elements fits into ptrdiff_t. */
void fa__run_table(const fa__table_call *call);

#endif
