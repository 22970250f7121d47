/* Limits of the number of threads: what the user set, the environment, OpenMP, CPU affinity and the cgroup's quota.
 * The runtime's own limit is read at every call, so that threadpoolctl and omp_set_num_threads are honoured. */
#include "platform/thread_limits.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* cgroups ---------------------------------------------------------------------------------------- */

/* One or two whole numbers of a file; "max" or anything else leaves the rest unread. Returns how many were read. */
static int read_numbers(const char *folder, const char *path, const char *file, long long numbers[2]) {
    char name[1024];
    if (snprintf(name, sizeof name, "%s%s/%s", folder, path, file) >= (int)sizeof name) return -1;
    FILE *stream = fopen(name, "r");
    if (!stream) return -1;
    int found = fscanf(stream, "%lld %lld", &numbers[0], &numbers[1]);
    fclose(stream);
    return found < 0 ? 0 : found;
}

/* CPUs granted by one cgroup: quota/period rounded up, or 0 for no limit. The two numbers are in one file (version 2, "max"
 * for none) or in two files (version 1, a negative quota for none). */
static int read_quota(const char *folder, const char *path) {
    long long v2[2] = {0, 0}, quota[2] = {0, 0}, period[2] = {0, 0};
    int found = read_numbers(folder, path, "cpu.max", v2);
    if (found == 2) {
        quota[0] = v2[0];
        period[0] = v2[1];
    } else if (found >= 0 || read_numbers(folder, path, "cpu.cfs_quota_us", quota) < 1 ||
               read_numbers(folder, path, "cpu.cfs_period_us", period) < 1) {
        return 0;
    }
    if (quota[0] <= 0 || period[0] <= 0) return 0;
    long long cpus = quota[0] / period[0] + (quota[0] % period[0] != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

static int smaller_limit(int a, int b) {
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

/* A cgroup is bound by its own quota and by those of all its ancestors. Each line of the membership file reads
 * "id:controllers:path"; version 2 has no controllers and no folder for them. */
int fa__cgroup_quota(const char *cgroup_root, const char *membership_file) {
    int limit = 0;
    char line[512];
    FILE *file = fopen(membership_file, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : 0;
        if (!path) continue;
        *path++ = 0;
        controllers++;
        path[strcspn(path, "\n")] = 0;
        if (*controllers && !strstr(controllers, "cpu")) continue;
        char folder[512];
        snprintf(folder, sizeof folder, "%s%s%s", cgroup_root, *controllers ? "/" : "", controllers);
        for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
            *end = 0;
            limit = smaller_limit(limit, read_quota(folder, path));
        }
    }
    fclose(file);
    return limit;
}

/* All limits ------------------------------------------------------------------------------------- */

static pthread_once_t environment_read = PTHREAD_ONCE_INIT;
static int environment_limit, cgroup_limit;
static atomic_int set_limit;
static _Thread_local int thread_limit;
static atomic_int in_forked_child;

static void after_fork_in_child(void) {
    atomic_store(&in_forked_child, 1);
}

/* at load, because a fork ends the OpenMP pool of any library, not only one that this one started */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(0, 0, after_fork_in_child);
}

static void read_environment(void) {
    int errno_before = errno;
    const char *text = getenv("FASTACT_NUM_THREADS");
    long n = text ? strtol(text, 0, 10) : 0;
    environment_limit = n > 0 ? (int)(n < INT_MAX ? n : INT_MAX) : 0;
    cgroup_limit = fa__cgroup_quota("/sys/fs/cgroup", "/proc/self/cgroup");
    errno = errno_before;
}

fa__thread_limits fa__get_thread_limits(void) {
    pthread_once(&environment_read, read_environment);
    fa__thread_limits limits = {.set = atomic_load(&set_limit),
                                .environment = environment_limit,
                                .openmp = 1,
                                .affinity = 1,
                                .cgroup = cgroup_limit};
#ifdef _OPENMP
    limits.openmp = omp_get_max_threads();
    limits.affinity = omp_get_num_procs();
#endif
    return limits;
}

int fa__num_threads(void) {
    if (atomic_load(&in_forked_child)) return 1;
    fa__thread_limits limits = fa__get_thread_limits();
    int own = thread_limit ? thread_limit : limits.set ? limits.set : limits.environment;
    int n = smaller_limit(smaller_limit(own, limits.openmp), smaller_limit(limits.affinity, limits.cgroup));
    return n < 1 ? 1 : n;
}

void fa__set_num_threads(int n) {
    atomic_store(&set_limit, n > 0 ? n : 0);
}

int fa__threads_are_off(void) {
    return (thread_limit ? thread_limit : atomic_load(&set_limit)) == 1;
}

void fa__limit_threads(int n) {
    thread_limit = n > 0 ? n : 0;
}

int fa__thread_limit(void) {
    return thread_limit;
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
