/* Look-up tables of quantised numbers: the part of fastact.h that works on bytes. fastact.h includes it. */
#ifndef FASTACT_QUANTIZED_H
#define FASTACT_QUANTIZED_H

#include "fastact.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = table[x[i]], with the 256 entries of a function of one byte. The sign of a byte does not matter: a table for int8_t
 * holds the value of -1 in entry 255. y may be x, but may not overlap it otherwise, nor the table.
 *
 * fa_table_nd_u8 is the same for arrays of ndim axes, whose strides are bytes between elements; they may be 0 or negative.
 * y may be x with the same strides.
 *
 * FA_INVALID: a null pointer, unless there are no elements; a number of axes that is negative or above 64; more elements
 * than memory can hold. */
FA_API int fa_table_u8(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n);
FA_API int fa_table_nd_u8(const uint8_t *table, const uint8_t *x, uint8_t *y, int ndim, const size_t *shape,
                          const ptrdiff_t *x_strides, const ptrdiff_t *y_strides);

#ifdef __cplusplus
}
#endif
#endif
