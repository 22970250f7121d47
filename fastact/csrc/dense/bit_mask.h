/* One bit per element in place of an array, for activations whose derivative has only two values.
 * Must not depend on layers. */
#ifndef FA_DENSE_BIT_MASK_H
#define FA_DENSE_BIT_MASK_H

#include <stddef.h>

/* Set bit i where derivative[i] == set, for n elements of `size` bytes, floats or doubles; the lowest bit of
 * a byte comes first, and unused bits of the last byte are 0 */
void fa__pack_bit_mask(const void *derivative, size_t n, size_t size, double set, unsigned char *mask);

/* A product with f', rows x columns. Strides are in elements, those of the mask in bytes. */
typedef struct {
    size_t rows, columns, size;
    const void *grad_y;
    ptrdiff_t grad_row, grad_column;
    const unsigned char *mask;
    ptrdiff_t mask_row;
    double values[2]; /* f' where a bit is 0, and where it is 1 */
    void *delta;      /* its columns are adjacent */
    ptrdiff_t delta_row;
} fa__masked_product;

/* delta = grad_y * f', but 0 where f' is 0 */
void fa__multiply_by_bit_mask(const fa__masked_product *p);

#endif
