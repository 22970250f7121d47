/* What the Python extension uses of look-up tables. */
#ifndef FA_API_QUANTIZED_H
#define FA_API_QUANTIZED_H

#include "fastact.h"

typedef struct {
    int (*look_up)(const uint8_t *table, const uint8_t *x, uint8_t *y, int ndim, const size_t *shape,
                   const ptrdiff_t *x_strides, const ptrdiff_t *y_strides);
} fa__quantized_functions;

extern const fa__quantized_functions fa__quantized_functions_for_python;

#endif
