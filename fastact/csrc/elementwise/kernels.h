/* The element-wise kernels of one instruction set. */
#ifndef FA_ELEMENTWISE_KERNELS_H
#define FA_ELEMENTWISE_KERNELS_H

#include "elementwise/convert.h"
#include "elementwise/entries.h"
#include "elementwise/stream.h"

/* The loops of one entry, by direction: [0] takes uniform parameters, [1] per-element ones */
typedef struct {
    fa__loop *loop[FA__DIRECTIONS][2];
} fa__loops;

/* What one instruction set has, for float32 and float64 */
typedef struct {
    const fa__loops *loops[2]; /* of each entry */
    const fa__converters *converters[2];
    fa__streamer *stream;
} fa__kernels;

const fa__kernels *fa__active_kernels(void);

static inline const fa__converters *fa__converters_for(const fa__kernels *kernels, fa__dtype dtype) {
    return kernels->converters[dtype == FA__F64];
}

static inline fa__converter *fa__loader(const fa__kernels *kernels, fa__source source, fa__dtype dtype) {
    return fa__converters_for(kernels, dtype)->load[source];
}

static inline fa__converter *fa__storer(const fa__kernels *kernels, fa__dtype dtype) {
    const fa__converters *converters = fa__converters_for(kernels, dtype);
    return dtype == FA__F16 ? converters->store_float16 : converters->store;
}

/* null where there is none */
static inline fa__transposer *fa__transposing_loader(const fa__kernels *kernels, fa__source source,
                                                     fa__dtype dtype) {
    int same = (int)source == (int)dtype && dtype != FA__F16;
    return same ? fa__converters_for(kernels, dtype)->load_transposed : 0;
}

#endif
