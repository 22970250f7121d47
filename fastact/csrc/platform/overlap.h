/* Whether arrays have memory in common: the one overlap test of the library.
 * It compares the memory between the first and the last byte of each array, so interleaved arrays count as overlapping. */
#ifndef FA_PLATFORM_OVERLAP_H
#define FA_PLATFORM_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uintptr_t begin, end; /* the first byte and the one after the last */
} fa__extent;

/* of an array whose strides count bytes; an empty one has an empty extent */
static inline fa__extent fa__find_extent(const void *base, size_t item, int ndim, const size_t *shape,
                                         const ptrdiff_t *stride) {
    fa__extent extent = {(uintptr_t)base, (uintptr_t)base + item};
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 0) return (fa__extent){(uintptr_t)base, (uintptr_t)base};
        ptrdiff_t reach = (ptrdiff_t)(shape[d] - 1) * stride[d];
        if (reach < 0)
            extent.begin -= (uintptr_t)0 - (uintptr_t)reach;
        else
            extent.end += (uintptr_t)reach;
    }
    return extent;
}

static inline int fa__overlap(fa__extent a, fa__extent b) {
    return a.begin < b.end && b.begin < a.end;
}

#endif
