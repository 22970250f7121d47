/* Limits of the number of threads: what the user set, the environment, OpenMP, CPU affinity and the cgroup's quota.
 * The runtime's own limit is read at every call, so that threadpoolctl and omp_set_num_threads are honoured. */
#define _GNU_SOURCE
#include "platform/thread_limits.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "platform/cgroup.h"
#include "platform/runner.h"

#ifdef _OPENMP
#include <omp.h>
#else
#include <sched.h>
#endif

static int smaller_limit(int a, int b) {
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

static pthread_once_t environment_read = PTHREAD_ONCE_INIT;
static int environment_limit, cgroup_limit;
static atomic_int set_limit;
static _Thread_local int thread_limit, block_limit;
static atomic_int in_forked_child;

static void after_fork_in_child(void) {
    atomic_store(&in_forked_child, 1);
}

/* at load, because a fork ends the OpenMP pool of any library, not only one that this one started */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(0, 0, after_fork_in_child);
}

/* once, by a thread that cannot be cancelled meanwhile: it would leave a file open */
static void read_environment(void) {
    int errno_before = errno, cancellation;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    const char *text = getenv("FASTACT_NUM_THREADS");
    long n = text ? strtol(text, 0, 10) : 0;
    environment_limit = n > 0 ? (int)(n < INT_MAX ? n : INT_MAX) : 0;
    cgroup_limit = fa__cgroup_quota("/sys/fs/cgroup", "/proc/self/cgroup");
    pthread_setcancelstate(cancellation, 0);
    errno = errno_before;
}

/* that this process may use */
static int cpus(void) {
#ifdef _OPENMP
    return omp_get_num_procs();
#else
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#endif
}

fa__thread_limits fa__get_thread_limits(void) {
    pthread_once(&environment_read, read_environment);
    fa__thread_limits limits = {.set = atomic_load(&set_limit),
                                .here = thread_limit,
                                .environment = environment_limit,
                                .openmp = 1,
                                .affinity = cpus(),
                                .cgroup = cgroup_limit};
#ifdef _OPENMP
    limits.openmp = omp_get_max_threads();
#endif
    return limits;
}

static int limit_here(void) {
    return smaller_limit(thread_limit, block_limit);
}

int fa__num_threads(void) {
    int runner = fa__has_runner();
    if (!runner && atomic_load(&in_forked_child)) return 1;
    fa__thread_limits limits = fa__get_thread_limits();
    int here = limit_here(), own = here ? here : limits.set ? limits.set : limits.environment;
    int machine = smaller_limit(limits.affinity, limits.cgroup);
    int n = smaller_limit(smaller_limit(own, runner ? 0 : limits.openmp), machine);
    return n < 1 ? 1 : n;
}

void fa__set_num_threads(int n) {
    atomic_store(&set_limit, n > 0 ? n : 0);
}

int fa__threads_are_off(void) {
    int here = limit_here();
#ifndef _OPENMP
    if (!fa__has_runner()) return 1;
#endif
    return (here ? here : atomic_load(&set_limit)) == 1;
}

void fa__set_num_threads_here(int n) {
    thread_limit = n > 0 ? n : 0;
}

void fa__limit_threads(int n) {
    block_limit = n > 0 ? n : 0;
}

int fa__thread_limit(void) {
    return block_limit;
}

const char *fa__openmp_runtime(void) {
#if !defined(_OPENMP)
    return "none";
#elif defined(__clang__)
    return "libomp";
#else
    return "libgomp";
#endif
}
