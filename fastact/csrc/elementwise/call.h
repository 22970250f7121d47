/* Element-wise calls: the one way in for everything above. Must not depend on NumPy. */
#ifndef FA_ELEMENTWISE_CALL_H
#define FA_ELEMENTWISE_CALL_H

#include <stddef.h>

#include "elementwise/entries.h"
#include "platform/dtype.h"

#define FA__MAX_DIMS 64 /* as NumPy's */

/* A call on arrays of any layout: base address and byte strides of each operand over the broadcast shape. A result may
 * be the same memory as an input, element for element; no other overlap. fa__execute reorders the axes in place. */
typedef struct {
    int entry;
    fa__direction direction;
    fa__dtype dtype;                     /* of the results */
    fa__source source[FA__MAX_OPERANDS]; /* of inputs and parameters */
    int ndim;
    size_t shape[FA__MAX_DIMS];
    char *base[FA__MAX_OPERANDS];
    ptrdiff_t stride[FA__MAX_OPERANDS][FA__MAX_DIMS];
} fa__call;
void fa__execute(fa__call *call);

/* One dimension, as a NumPy inner loop sees it */
void fa__execute_1d(int entry, fa__direction direction, fa__dtype dtype, char *const *base,
                    const ptrdiff_t *stride, size_t n);

/* Contiguous arrays and uniform parameters, as the C API has them */
void fa__execute_contiguous(int entry, fa__direction direction, fa__dtype dtype, char *const *base, size_t n);

#endif
