/* Teams of threads, by OpenMP.
 *
 * A. The OpenMP runtime keeps its threads from one parallel region to the next, and ends those that a smaller team does not
 *    need. So a team always has all threads that are allowed, whether there is work for all or not.
 * B. Between regions threads spin, as a rule for 5 ms or more, and then sleep. Some runtimes, and all with more threads than
 *    CPUs, let them sleep at once; late starts soon after a region reveal that.
 * C. Only num_threads() clauses are used: process-wide OpenMP settings never change.
 */
#define _GNU_SOURCE /* CPU affinity */
#include "platform/team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>

static atomic_flag region_taken = ATOMIC_FLAG_INIT;

uint64_t fa__now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return UINT64_C(1000000000) * (uint64_t)t.tv_sec + (uint64_t)t.tv_nsec;
}

#define REGION_NS 500    /* cost of a region for each thread beyond the second */
#define AWAKE_NS 4000000 /* threads are assumed to spin for so long after a region */
#define WAKING_NS \
    600000 /* gain that justifies waking them: it takes 150 to 400 us for 1 or 15, sometimes more */
#define LATE_NS 20000       /* a thread that starts later was asleep */
#define MOST_LATE 2         /* late starts in a row: a single one may be chance */
#define RESTING_NS 20000000 /* after those, threads are assumed to sleep for so long */

static _Thread_local struct {
    uint64_t met;    /* the end of the last region */
    uint64_t missed; /* when there would have been a region, had the threads been awake */
    uint64_t rested; /* until then threads are assumed to be asleep */
    int size, late;
} last;

static int is_recent(uint64_t time, uint64_t moment) {
    return moment - time < AWAKE_NS && moment >= last.rested;
}

int fa__threads_for_time(uint64_t work, uint64_t worth, int allowed) {
    if (allowed < 2 || work < 2 * worth + REGION_NS * (uint64_t)(allowed - 2)) return 1;
    uint64_t useful = work / worth, moment = fa__now();
    int threads = useful < (uint64_t)allowed ? (int)useful : allowed;
    if (work - work / (uint64_t)threads >= WAKING_NS) return threads;
    if (is_recent(last.met, moment) || is_recent(last.missed, moment)) return threads;
    last.missed = moment;
    return 1;
}

/* The system may wake a thread on a CPU on which another thread of the team computes or spins, although other CPUs are
 * idle. So a thread that finds its CPU taken moves to another one, and a thread that waits for one that has not begun
 * gives up its CPU for a moment. */
#define CPUS 1024 /* as a cpu_set_t has */
typedef struct {
    uint64_t called, began; /* when the region was entered, and when one of its threads began */
    atomic_int begun, arrived;
    atomic_ullong taken[CPUS / 64];
} team;

#define SPINS 200 /* checks of the other threads before a pause */
#define PAUSE_NS 20000

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
_Static_assert(CPUS == CPU_SETSIZE, "the bits of a cpu_set_t");

/* whether the CPU was free; one that is unknown counts as free */
static int take_cpu(team *t, int cpu) {
    if (cpu < 0 || cpu >= CPUS) return 1;
    unsigned long long bit = 1ULL << cpu % 64;
    return !(atomic_fetch_or(&t->taken[cpu / 64], bit) & bit);
}

/* Move to a free CPU; afterwards the thread may use the same CPUs as before, or those that somebody else has set meanwhile */
static void find_place(team *t) {
    cpu_set_t all, others, now;
    if (take_cpu(t, sched_getcpu()) || sched_getaffinity(0, sizeof all, &all) != 0) return;
    others = all;
    for (int cpu = 0; cpu < CPUS; cpu++)
        if (atomic_load(&t->taken[cpu / 64]) >> cpu % 64 & 1) CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    take_cpu(t, sched_getcpu());
    if (sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &others))
        sched_setaffinity(0, sizeof all, &all);
}
#else
static int take_cpu(team *t, int cpu) {
    (void)t, (void)cpu;
    return 1;
}
static int sched_getcpu(void) {
    return -1;
}
static void find_place(team *t) {
    (void)t;
}
#endif

static void wait_for_all(team *t, int size) {
    const struct timespec pause = {0, PAUSE_NS};
    atomic_fetch_add(&t->arrived, 1);
    for (int checks = 0; atomic_load_explicit(&t->arrived, memory_order_acquire) < size;
         checks += checks < SPINS) {
        if (checks == SPINS && atomic_load_explicit(&t->begun, memory_order_relaxed) < size)
            nanosleep(&pause, 0);
        else
            relax();
    }
}

/* Late starts soon after a region mean that the runtime lets its threads sleep at once */
static void remember(const team *t, int size, int awake) {
    last.met = fa__now();
    last.size = size;
    if (!awake) return;
    last.late = t->began > t->called + LATE_NS ? last.late + 1 : 0;
    if (last.late < MOST_LATE) return;
    last.rested = last.met + RESTING_NS;
    last.late = 0;
}

static void run_region(fa__body *body, const void *context, size_t begin, size_t end, int threads,
                       int allowed, size_t quantum) {
    size_t each = (end - begin + (size_t)threads - 1) / (size_t)threads,
           share = (each + quantum - 1) / quantum * quantum;
    team t = {.called = fa__now()};
    int errno_before = errno, size = 1, awake = is_recent(last.met, t.called) && last.size == allowed;
    if (!awake) take_cpu(&t, sched_getcpu()); /* the calling thread does not move */
#pragma omp parallel num_threads(allowed)
    {
        /* the runtime may provide fewer threads than requested */
        int number = omp_get_thread_num(), present = omp_get_num_threads();
        int working = present < threads ? present : threads;
        if (number == 0) size = present;
        if (number == 1) t.began = fa__now();
        if (!awake) {
            atomic_fetch_add(&t.begun, 1);
            if (number > 0) find_place(&t);
        }
        size_t at = number < working ? begin + share * (size_t)number : end;
        for (; at < end; at += share * (size_t)working)
            body(context, at, end - at < share ? end : at + share);
        if (!awake) wait_for_all(&t, present);
    }
    remember(&t, size, awake);
    errno = errno_before;
}

/* A thread that ended in a region would leave the others waiting for it, so it cannot be cancelled there */
void fa__share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                   size_t quantum) {
    int cancellation;
    if (threads < 2) {
        body(context, begin, end);
        return;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    if (atomic_flag_test_and_set(&region_taken)) {
        pthread_setcancelstate(cancellation, 0);
        body(context, begin, end);
        return;
    }
    run_region(body, context, begin, end, threads, allowed, quantum);
    atomic_flag_clear(&region_taken);
    pthread_setcancelstate(cancellation, 0);
}
#endif
