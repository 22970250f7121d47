/* Several threads call parallel loops at the same time: for a sanitizer that reports data races (tests/faults/sanitize.py).
 *
 * omp_get_num_procs is replaced here and reports four CPUs, so that the runtime's threads take part on any machine. The last
 * line is "N passed, N failed". */
#include <pthread.h>
#include <time.h>

#include <omp.h>

#include "checks.h"
#include "platform/parallel.h"
#include "platform/thread_limits.h"

/* in place of the runtime's own */
int omp_get_num_procs(void) {
    return 4;
}

enum { CALLERS = 4, CALLS = 200, UNITS = 4096 };
static long done[CALLERS][UNITS];

static void count(const void *context, size_t begin, size_t end) {
    long *units = done[*(const int *)context];
    for (size_t i = begin; i < end; i++) units[i]++;
}

/* with pauses, after which workers sleep */
static void *run(void *caller) {
    const struct timespec pause = {0, 6000000};
    omp_set_num_threads(4);
    for (int i = 0; i < CALLS; i++) {
        fa__parallel_for(count, caller, UNITS, 64, 1);
        fa__parallel_for_timed(count, caller, UNITS, 16, 1);
        if (i % 50 == 25) nanosleep(&pause, 0);
    }
    return 0;
}

int main(void) {
    omp_set_num_threads(4);
    pthread_t threads[CALLERS];
    int callers[CALLERS];
    check(fa__num_threads() > 1, "several threads", "fa__num_threads", 0);
    for (int i = 0; i < CALLERS; i++) callers[i] = i;
    for (int i = 0; i < CALLERS; i++) pthread_create(&threads[i], 0, run, &callers[i]);
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], 0);
    for (int i = 0; i < CALLERS; i++)
        for (size_t k = 0; k < UNITS; k++)
            if (done[i][k] != 2 * CALLS) check(0, "each unit once a call", "fa__parallel_for", k);
    return report();
}
