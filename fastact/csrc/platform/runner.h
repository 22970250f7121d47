/* A parallel loop of the client's own, which takes the place of the OpenMP team. */
#ifndef FA_PLATFORM_RUNNER_H
#define FA_PLATFORM_RUNNER_H

#include <stddef.h>
#include <stdint.h>

#include "fastact.h"
#include "platform/parallel.h"

void fa__set_runner(fa_parallel_for run, void *context);
int fa__has_runner(void);

/* Whether the calling thread is in a share of such a loop, so that it must not begin another one */
int fa__in_share(void);

/* How many of `allowed` threads to use for so many nanoseconds of work */
int fa__runners_for_time(uint64_t work, int allowed);

/* Run body over [begin, end), cut into `threads` shares. Returns 0, and does nothing, if there is no runner. */
int fa__share_with_runner(fa__body *body, const void *context, size_t begin, size_t end, int threads,
                          size_t quantum);

#endif
