/* Conversion between arrays and the buffers of kernels: any stride, any alignment, numbers of any kind to float or
 * double, by functions that are compiled for each instruction set. Must not depend on kernels, axes or threads. */
#ifndef FA_ELEMENTWISE_CONVERT_H
#define FA_ELEMENTWISE_CONVERT_H

#include <stddef.h>

#include "platform/dtype.h"

/* n elements, `stride` bytes apart in memory, contiguous in the buffer */
typedef void fa__converter(char *buffer, char *memory, ptrdiff_t stride, size_t n);

/* A transposed matrix: the buffer has `height` rows of `width` elements; in memory its rows are `across` bytes apart and
 * the elements of a row `along`. Meant for along > across: memory is read in its own order. */
typedef void fa__transposer(char *buffer, char *memory, ptrdiff_t along, ptrdiff_t across, size_t width,
                            size_t height);

/* `height` spans of so many bytes, of whole elements; their beginnings are so many bytes apart */
typedef void fa__span_copier(char *to, ptrdiff_t to_apart, const char *from, ptrdiff_t from_apart,
                             size_t span, size_t height);

/* The functions of one instruction set for kernels of float or of double */
typedef struct {
    fa__converter *load[FA__SOURCES];     /* from arrays of each type into buffers */
    fa__converter *store, *store_float16; /* from buffers into results */
    fa__transposer *load_transposed;      /* from arrays of the kernels' type */
    fa__span_copier *copy_spans;
} fa__converters;

#endif
