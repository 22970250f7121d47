/* Moving elements between arrays and buffers: any stride, any alignment, numbers of any kind into float or double.
 * Does not know kernels, axes or threads. */
#ifndef FA_MOVERS_H
#define FA_MOVERS_H

#include <stddef.h>

#include "elementwise/internal.h"

/* n elements, `stride` bytes apart in memory, next to each other in the buffer */
typedef void fa__mover(char *buffer, char *memory, ptrdiff_t stride, size_t n);

/* width * height elements: rows of the buffer lie `across` bytes apart in memory, and their elements `along`.
 * Meant for along > across: reads memory in the order in which it lies there. */
typedef void fa__transposer(char *buffer, char *memory, ptrdiff_t along, ptrdiff_t across, size_t width,
                            size_t height);

/* `height` runs of `width` elements of what kernels take, which follow each other; from one run to the next it is so many
 * bytes */
typedef void fa__rows_copier(char *to, ptrdiff_t to_apart, const char *from, ptrdiff_t from_apart,
                             size_t width, size_t height);

/* of one instruction set, for kernels of float or of double */
typedef struct fa__movers {
    fa__mover *load[FA__SOURCES];    /* from arrays of a kind into buffers of what kernels take */
    fa__mover *store, *store_half;   /* from these into results */
    fa__transposer *load_transposed; /* from arrays of what kernels take */
    fa__rows_copier *copy_rows;
} fa__movers;

static inline const fa__movers *fa__movers_for(fa__dtype dtype) {
    return fa__active_kernels()->movers[dtype == FA__F64];
}

static inline fa__mover *fa__loader(fa__source source, fa__dtype dtype) {
    return fa__movers_for(dtype)->load[source];
}

static inline fa__mover *fa__storer(fa__dtype dtype) {
    return dtype == FA__F16 ? fa__movers_for(dtype)->store_half : fa__movers_for(dtype)->store;
}

/* null where there is none */
static inline fa__transposer *fa__transposing_loader(fa__source source, fa__dtype dtype) {
    return (int)source == (int)dtype && dtype != FA__F16 ? fa__movers_for(dtype)->load_transposed : 0;
}

#endif
