/* The leader: a thread of the library that alone opens OpenMP regions, for all threads that call. */
#ifndef FA_PLATFORM_LEADER_H
#define FA_PLATFORM_LEADER_H

#include <stdint.h>

#define FA__RETRY_NS 1000000000 /* after a thread could not be started */

typedef void fa__task(void *context);

/* Nanoseconds of a monotonic clock, in whole numbers: the caller's floating-point flags stay as they are */
uint64_t fa__now(void);

/* Whether the calling thread now has the leader to itself, which is started if there is none; 0 where another thread has
 * it, or where it cannot be started */
int fa__take_leader(void);
void fa__release_leader(void);

/* Between the two: let the leader run a task; and wait until it is done */
void fa__lead(fa__task *task, void *context);
void fa__wait_for_leader(void);

#endif
