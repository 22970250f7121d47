/* What bounds the number of threads. */
#ifndef FA_PLATFORM_THREAD_LIMITS_H
#define FA_PLATFORM_THREAD_LIMITS_H

/* 0 where a source sets no bound */
typedef struct {
    int set;         /* fa_set_num_threads */
    int here;        /* fa_set_num_threads_here, by the calling thread */
    int environment; /* FASTACT_NUM_THREADS */
    int openmp;      /* OMP_NUM_THREADS, or a limit set through the OpenMP runtime; of its threads only */
    int affinity;    /* CPUs this process may use */
    int cgroup;      /* CPU quota, rounded up */
} fa__thread_limits;
fa__thread_limits fa__get_thread_limits(void);

int fa__num_threads(void);       /* the most that one call may use; 1 in a forked child */
void fa__set_num_threads(int n); /* of the process; 0 for the default */
int fa__threads_are_off(void);   /* whether a limit of 1 was set, so that no other one matters */

/* Limits of the calling thread, 0 for none; the smaller one takes the place of the process-wide limit. The first is its own,
 * the second that of a block of Python code that it runs. */
void fa__set_num_threads_here(int n);
void fa__limit_threads(int n);
int fa__thread_limit(void); /* the second */

const char *fa__openmp_runtime(void);

#endif
