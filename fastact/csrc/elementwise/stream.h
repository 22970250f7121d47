/* Stores past the caches, and prefetching beside them. */
#ifndef FA_ELEMENTWISE_STREAM_H
#define FA_ELEMENTWISE_STREAM_H

#include "platform/loop.h"

/* Store what is left of `leaving`, and prefetch what is left of `coming` except what is spared. Other threads see the
 * results after fa__stream_fence. */
typedef void fa__streamer(fa__traffic *traffic);

static inline void fa__stream_fence(void) {
#if defined(__SSE2__)
    __builtin_ia32_sfence();
#endif
}

#endif
