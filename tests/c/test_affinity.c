/* CPU affinity: a team runs where the thread that calls may run, after calls of any other; a worker that moves to a free CPU may
 * afterwards use the same CPUs as before, unless somebody else has set them meanwhile.
 *
 * The functions of the system are replaced here: a thread has the set that it was given last, and all are on CPU 0, so that
 * workers want to move. The last line is "N passed, N failed".
 */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "checks.h"
#include "fastact.h"
#include "platform/parallel.h"

enum { THREADS = 4 };

static cpu_set_t four, outside;
static _Thread_local cpu_set_t own;
static _Thread_local int is_set;
static int interferes,
    moves; /* of the system: whether it sets the affinity of workers that move, and how many did */

int sched_getaffinity(pid_t thread, size_t bytes, cpu_set_t *set) {
    (void)thread;
    memcpy(set, is_set ? &own : &four, bytes);
    return 0;
}

int sched_setaffinity(pid_t thread, size_t bytes, const cpu_set_t *set) {
    (void)thread;
    memcpy(&own, set, bytes);
    is_set = 1;
    if (CPU_ISSET(0, set)) return 0; /* not a move */
    __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
    if (interferes) own = outside;
    return 0;
}

int sched_getcpu(void) {
    return 0;
}

int omp_get_num_procs(void) {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    return CPU_COUNT(&set);
}

static cpu_set_t seen[THREADS];

static void note_cpus(const void *context, size_t begin, size_t end) {
    (void)context;
    const struct timespec t = {0, 1000000};
    for (size_t i = begin; i < end; i++) seen[i] = is_set ? own : four;
    nanosleep(&t, 0);
}

/* how many of the threads of a call, which may find workers asleep, have these CPUs */
static int threads_with(const cpu_set_t *set, int threads, int rested) {
    const struct timespec rest = {0, 30000000};
    int count = 0;
    if (rested) nanosleep(&rest, 0);
    memset(seen, 0, sizeof seen);
    fa__parallel_for(note_cpus, 0, (size_t)threads, 1, 1);
    for (int i = 0; i < threads; i++) count += CPU_EQUAL(&seen[i], set) != 0;
    return count;
}

int main(void) {
    cpu_set_t two;
    CPU_ZERO(&four);
    CPU_ZERO(&two);
    CPU_ZERO(&outside);
    for (int cpu = 0; cpu < THREADS; cpu++) CPU_SET(cpu, &four);
    CPU_SET(0, &two);
    CPU_SET(3, &two);
    CPU_SET(2, &outside);
    omp_set_num_threads(THREADS);
    if (fa_num_threads() == THREADS) {
        check(threads_with(&four, THREADS, 0) == THREADS, "CPUs of the first call", "fa__parallel_for", 0);
        check(threads_with(&four, THREADS, 1) == THREADS, "and after a move", "fa__parallel_for", 0);
        check(moves > 0, "workers move", "fa__parallel_for", (size_t)moves);
        sched_setaffinity(0, sizeof two, &two);
        check(fa_num_threads() == 2, "the caller's CPUs count", "fa_num_threads", 2);
        check(threads_with(&two, 2, 0) == 2, "the caller's CPUs are used", "fa__parallel_for", 2);
        sched_setaffinity(0, sizeof four, &four);
        interferes = 1;
        check(threads_with(&outside, THREADS, 1) > 0, "others' CPUs are kept", "fa__parallel_for", 0);
    }
    return report();
}
