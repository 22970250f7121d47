/* Moving elements between arrays and buffers: any stride, any alignment, numbers of any kind into float or double.
 * Does not know kernels, axes or threads. */
#ifndef FA_MOVERS_H
#define FA_MOVERS_H

#include <stddef.h>

#include "internal.h"

/* n elements, `stride` bytes apart in memory, next to each other in the buffer */
typedef void fa__mover(char *buffer, char *memory, ptrdiff_t stride, size_t n);

/* from arrays of a kind into buffers of what kernels for the dtype take, and from these into results */
fa__mover *fa__loader(fa__source source, fa__dtype dtype);
fa__mover *fa__storer(fa__dtype dtype);

/* width * height elements: rows of the buffer lie `across` bytes apart in memory, and their elements `along`.
 * Meant for along > across: reads memory in the order in which it lies there. */
typedef void fa__transposer(char *buffer, char *memory, ptrdiff_t along, ptrdiff_t across, size_t width,
                            size_t height);
fa__transposer *fa__transposing_loader(fa__source source, fa__dtype dtype); /* null where there is none */

#endif
