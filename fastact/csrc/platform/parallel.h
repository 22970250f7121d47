/* Threads: how many, when, and when not. Does not know what a loop's body does. */
#ifndef FA_PLATFORM_PARALLEL_H
#define FA_PLATFORM_PARALLEL_H

#include <stddef.h>

/* How many threads would share a call's work, if it has enough */
int fa__threads_to_share(void);

/* Run body over [0, n), cut into one range per thread; ranges start at multiples of `quantum` and hold at
 * least `grain` elements. Serial where threads would not pay, or could not be had safely. */
typedef void fa__body(const void *context, size_t begin, size_t end);
typedef void fa__parallel_for_function(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum);
void fa__parallel_for(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum);

/* The same, where the cost is not known: the caller's thread does and times the first units, `sample` of them and, if
 * threads may pay, as many again; the rest is shared out so that each thread has `worth` nanoseconds to do, but not if
 * threads sleep that are not worth waking for it. n is at least 4 samples. */
void fa__parallel_for_timed(fa__body *body, const void *context, size_t n, size_t sample, size_t worth);

/* The limit of the calling thread, 0 for none: it takes the place of the process-wide one (thread_limit.c) */
void fa__limit_threads(int n);
int fa__thread_limit(void);

/* What bounds the number of threads: 0 where a source sets no bound */
typedef struct {
    int set;         /* fa_set_num_threads */
    int environment; /* FASTACT_NUM_THREADS */
    int openmp;      /* OMP_NUM_THREADS, or a limit set through the OpenMP runtime */
    int affinity;    /* CPUs this process may run on */
    int cgroup;      /* CPU quota, rounded up */
} fa__thread_limits;
fa__thread_limits fa__get_thread_limits(void);
int fa__cgroup_quota(const char *cgroup_root, const char *membership_file);
const char *fa__openmp_runtime(void);

#endif
