/* Parallel loops: what every other folder uses of threads. */
#ifndef FA_PLATFORM_PARALLEL_H
#define FA_PLATFORM_PARALLEL_H

#include <stddef.h>

/* How many threads would share the work of a call, if it has enough */
int fa__threads_to_share(void);

/* Run body over [0, n), cut into one range per thread; ranges begin at multiples of `quantum` and hold at least `grain`
 * elements. Serial where threads do not pay or cannot be used safely. */
typedef void fa__body(const void *context, size_t begin, size_t end);
typedef void fa__parallel_for_function(fa__body *body, const void *context, size_t n, size_t grain,
                                       size_t quantum);
fa__parallel_for_function fa__parallel_for;

/* The same where the cost is unknown: the calling thread does and times the first `sample` units and, if threads may pay,
 * as many again; the rest is shared so that each thread has `worth` nanoseconds of work, unless its threads sleep and are
 * not worth waking. n is at least 4 samples. */
void fa__parallel_for_timed(fa__body *body, const void *context, size_t n, size_t sample, size_t worth);

#endif
