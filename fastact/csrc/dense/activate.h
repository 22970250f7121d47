/* A layer's activation over some of its rows. Must not depend on products. */
#ifndef FA_DENSE_ACTIVATE_H
#define FA_DENSE_ACTIVATE_H

#include "dense/layer.h"

typedef struct {
    char *data;
    ptrdiff_t row, column; /* in elements */
} fa__operand;

/* The activation in one direction over rows x columns of `arrays`: inputs, then the result. Parameters that
 * vary by column begin with the first. */
void fa__apply_activation(const fa__layer_job *j, fa__direction direction, const fa__operand *arrays,
                          size_t rows, size_t columns);

/* f' of z as one bit per element, to rows [first, first + rows) of what the layer saves */
void fa__save_bit_mask(const fa__layer_job *j, const fa__operand *z, size_t first, size_t rows);

#endif
