/* What a compiled loop is: the type of every element-wise kernel, and the memory traffic that it may carry along.
 * Must not depend on activations. */
#ifndef FA_PLATFORM_LOOP_H
#define FA_PLATFORM_LOOP_H

#include <stddef.h>

#define FA__MAX_PARAMS 4
#define FA__MAX_OPERANDS (2 + FA__MAX_PARAMS + 2) /* grad, x, parameters, two results */

#define FA__LANES 16 /* a loop computes a multiple of so many elements */
#define FA__LINE 64  /* bytes of a cache line */
#define FA__STEP 64  /* elements computed between two prefetches of a stepped loop */

/* The memory traffic that accompanies the computation of a tile: results of the previous tile are stored past the
 * caches, inputs of the next tile are prefetched. A loop may do part of it; its caller does the rest. */
typedef struct {
    struct {
        const char *from;
        char *to;
        size_t bytes;
    } leaving[2]; /* whole cache lines */
    int open;     /* how many of them are left; leaving[open - 1] is next */
    const char *coming[2];
    int inputs;
    size_t coming_bytes; /* of each input; prefetching beyond its end is harmless */
    size_t spared;       /* of these, what is left to the hardware where the loop prefetches nothing */
} fa__traffic;

/* prefetch one cache line of each input, `at` bytes from its beginning */
static inline void fa__prefetch_lines(const char *const *coming, int inputs, size_t at) {
    __builtin_prefetch(coming[0] + at);
    if (inputs > 1) __builtin_prefetch(coming[1] + at);
}

/* A loop over n contiguous elements, n a multiple of FA__LANES. Operands stand in the order inputs, parameters,
 * results. `traffic` may be null. */
typedef void fa__loop(char *const *operands, size_t n, fa__traffic *traffic);

#endif
