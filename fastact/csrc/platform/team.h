/* The team of threads, one for the process, kept from call to call. */
#ifndef FA_PLATFORM_TEAM_H
#define FA_PLATFORM_TEAM_H

#include <stddef.h>
#include <stdint.h>

#include "platform/parallel.h"

/* How many of `allowed` threads to use for so many nanoseconds of work, each to have at least `worth` of it. A call that
 * would gain less than waking the team costs uses one thread; the next one, if it comes soon, does not. */
int fa__threads_for_time(uint64_t work, uint64_t worth, int allowed);

/* Run body over [begin, end), cut into one range for each of `threads` threads of a team of `allowed`. Serial while
 * another thread of the process is here, so that the process never uses more threads than allowed. */
void fa__share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                   size_t quantum);

#endif
