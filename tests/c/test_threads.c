/* Teams of threads: each unit of work is done once, whatever the team; one team serves calls of all sizes; short work does
 * not wake threads that sleep, and uses those that spin.
 *
 * omp_get_num_procs is replaced here and reports four CPUs, so that teams differ in size on any machine; OMP_THREAD_LIMIT
 * may keep the runtime from starting as many. The last line is "N passed, N failed".
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "fastact.h"
#include "platform/parallel.h"

#define CPUS 4
#define UNITS 256
#define TRIES 50 /* the system may hold up a call now and then */

/* in place of the runtime's own */
int omp_get_num_procs(void) {
    return CPUS;
}

static int passed, failed;

static void check(int holds, const char *what) {
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s\n", what);
    }
}

/* Work that leaves a trace -------------------------------------------------------------------------- */

static pid_t doer[UNITS]; /* of each unit, in the last call */
static int times_done[UNITS];
static long unit_ns;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1000000000LL * t.tv_sec + t.tv_nsec;
}

static void work(const void *context, size_t begin, size_t end) {
    (void)context;
    for (size_t i = begin; i < end; i++) {
        doer[i] = gettid();
        times_done[i]++;
        for (long long start = now(); now() - start < unit_ns;) continue;
    }
}

static void forget(void) {
    memset(doer, 0, sizeof doer);
    memset(times_done, 0, sizeof times_done);
}

static int each_once(size_t n) {
    for (size_t i = 0; i < UNITS; i++)
        if (times_done[i] != (i < n)) return 0;
    return 1;
}

/* Adds who is not there yet */
static int count_doers(size_t n, pid_t *known, int count) {
    for (size_t i = 0; i < n; i++) {
        int k = 0;
        while (k < count && known[k] != doer[i]) k++;
        if (k == count && count < UNITS) known[count++] = doer[i];
    }
    return count;
}

static void sleep_ms(long ms) {
    const struct timespec t = {0, 1000000 * ms};
    nanosleep(&t, 0);
}

/* Checks -------------------------------------------------------------------------------------------- */

static void check_every_unit_is_done_once(void) {
    unit_ns = 0;
    for (size_t n = 1; n <= UNITS; n += n < 20 ? 1 : 17)
        for (size_t grain = 1; grain <= 64; grain *= 4)
            for (size_t quantum = 1; quantum <= 8; quantum *= 8) {
                forget();
                fa__parallel_for(work, 0, n, grain, quantum);
                check(each_once(n), "each unit once");
                if (n < 8) continue;
                forget();
                fa__parallel_for_timed(work, 0, n, n / 8, 1);
                check(each_once(n), "each unit once, timed");
            }
}

static void check_one_team_serves_all(void) {
    const size_t threads[] = {4, 2, 4, 3, 1, 4, 2, 3, 4};
    pid_t known[UNITS];
    int count = 0;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        forget();
        fa__parallel_for(work, 0, threads[i], 1, 1);
        pid_t here[UNITS];
        check(count_doers(threads[i], here, 0) == (int)threads[i], "as many threads as have work");
        count = count_doers(threads[i], known, count);
    }
    check(count == CPUS, "no thread ends because a call has little work");
}

static int threads_at_work(void) {
    pid_t here[UNITS];
    forget();
    fa__parallel_for_timed(work, 0, UNITS, 1, 1000);
    return count_doers(UNITS, here, 0);
}

static void check_who_sleeps_is_not_woken_for_little(void) {
    int alone = 0, soon = 0, woken = 0;
    unit_ns = 1000;
    for (int i = 0; i < TRIES && !(alone && soon); i++) {
        sleep_ms(30);
        int first = threads_at_work(), second = threads_at_work();
        alone |= first == 1;
        soon |= first == 1 && second > 1;
    }
    check(alone, "short work after a rest is done alone");
    check(soon, "the next call has threads");
    unit_ns = 50000;
    for (int i = 0; i < TRIES && !woken; i++) {
        sleep_ms(30);
        woken = threads_at_work() > 1;
    }
    check(woken, "long work wakes threads");
}

int main(void) {
    omp_set_num_threads(CPUS);
    int differ = fa_num_threads() == CPUS;
    if (differ) check_every_unit_is_done_once();
    if (differ && omp_get_thread_limit() >= CPUS) {
        check_one_team_serves_all();
        check_who_sleeps_is_not_woken_for_little();
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
