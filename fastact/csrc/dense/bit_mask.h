/* One bit per element in place of an array, for activations whose derivative has only two values.
 * Must not depend on layers. */
#ifndef FA_DENSE_BIT_MASK_H
#define FA_DENSE_BIT_MASK_H

#include <stddef.h>

/* Set bit i where derivative[i] == set, for n elements of `size` bytes, floats or doubles; the lowest bit of
 * a byte comes first, and unused bits of the last byte are 0 */
void fa__pack_bit_mask(const void *derivative, size_t n, size_t size, double set, unsigned char *mask);

/* delta[i] = grad_y[i*stride] * values[bit i], but 0 where that value is 0 */
void fa__delta_from_bit_mask(const void *grad_y, ptrdiff_t stride, const unsigned char *mask,
                             const double values[2], size_t n, size_t size, void *delta);

#endif
