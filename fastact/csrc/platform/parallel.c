/* Threads: how many, when, and when not. The only file that knows OpenMP.
 * Does not know what the loop body does.
 *
 * A. Only num_threads() clauses: the process-wide OpenMP settings are never changed, and the CPUs of its threads, if
 *    at all, for a moment (find_place). The runtime's own limit is read again on every call, so that threadpoolctl
 *    and omp_set_num_threads are honoured.
 * B. Serial in a forked child (an OpenMP pool does not survive fork), inside another parallel region, and
 *    while another thread is in one of ours, so that the process never runs more threads than allowed.
 */
#define _GNU_SOURCE /* CPUs of threads */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fastact.h"
#include "elementwise/internal.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Limits ----------------------------------------------------------------------------------------- */

/* CPUs granted by a cgroup: quota/period rounded up, or 0 for no limit. The two numbers stand in one file
 * (version 2, "max" for none) or in two (version 1, a negative quota for none). */
static int read_quota(const char *folder, const char *path) {
    char name[1024];
    double quota = 0, period = 0;
    snprintf(name, sizeof name, "%s%s/cpu.max", folder, path);
    FILE *file = fopen(name, "r");
    if (file) {
        if (fscanf(file, "%lf %lf", &quota, &period) != 2) quota = 0;
        fclose(file);
    } else {
        const char *const parts[] = {"quota", "period"};
        double *const values[] = {&quota, &period};
        for (int i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "%s%s/cpu.cfs_%s_us", folder, path, parts[i]);
            file = fopen(name, "r");
            if (!file || fscanf(file, "%lf", values[i]) != 1) quota = 0;
            if (file) fclose(file);
        }
    }
    if (quota <= 0 || period <= 0) return 0;
    int cpus = (int)(quota / period);
    return cpus < quota / period ? cpus + 1 : cpus;
}

static int smaller_limit(int a, int b) {
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

/* A cgroup is bound by its own quota and by those of all above it. Each line of the membership file reads
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

static pthread_once_t environment_read = PTHREAD_ONCE_INIT;
static int environment_limit, cgroup_limit;
static atomic_int set_limit;
static atomic_int in_forked_child;

static void read_environment(void) {
    const char *text = getenv("FASTACT_NUM_THREADS");
    int n = text ? atoi(text) : 0;
    environment_limit = n > 0 ? n : 0;
    cgroup_limit = fa__cgroup_quota("/sys/fs/cgroup", "/proc/self/cgroup");
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

int fa_num_threads(void) {
    if (atomic_load(&in_forked_child)) return 1;
    fa__thread_limits limits = fa__get_thread_limits();
    int own = fa__thread_limit() ? fa__thread_limit() : limits.set ? limits.set : limits.environment;
    int n = smaller_limit(smaller_limit(own, limits.openmp), smaller_limit(limits.affinity, limits.cgroup));
    return n < 1 ? 1 : n;
}

void fa_set_num_threads(int n) {
    atomic_store(&set_limit, n > 0 ? n : 0);
}

const char *fa__openmp_runtime(void) {
#ifdef __clang__
    const char *const name = "libomp";
#else
    const char *const name = "libgomp";
#endif
#ifdef _OPENMP
    return name;
#else
    (void)name;
    return "none";
#endif
}

/* Forks ------------------------------------------------------------------------------------------ */

static void after_fork_in_child(void) {
    atomic_store(&in_forked_child, 1);
}

/* at load, because any library's OpenMP pool dies in a fork, not only one that we started */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(0, 0, after_fork_in_child);
}

/* Loops ------------------------------------------------------------------------------------------ */

#ifdef _OPENMP
static atomic_flag region_taken = ATOMIC_FLAG_INIT;

int fa__threads_to_share(void) {
    return omp_in_parallel() ? 1 : fa_num_threads();
}

/* Whole numbers all the way: the caller's floating-point flags are not ours to raise */
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return UINT64_C(1000000000) * (uint64_t)t.tv_sec + (uint64_t)t.tv_nsec;
}

/* Teams: one belongs to each thread that calls. The runtime keeps its threads from one meeting to the next, and ends
 * those that a smaller team does not need; so a team has all threads that are allowed, whether there is work for all or
 * not. They wait for the next meeting awake, as a rule for 5 ms or more, then asleep. Some runtimes, and all with more
 * threads than CPUs, let them sleep at once; that shows when they begin late although they have just met. */
#define MEETING_NS 500      /* for each thread beyond the second */
#define AWAKE_NS 4000000    /* after a meeting they are taken to be awake */
#define WAKING_NS 600000    /* to be saved by it; it takes 150 to 400 us, be it 1 or 15, and sometimes more */
#define LATE_NS 20000       /* who begins later was asleep */
#define MOST_LATE 2         /* in a row; once may be chance */
#define RESTING_NS 20000000 /* after so many they are taken to be asleep */

static _Thread_local struct {
    uint64_t met;
    uint64_t missed; /* when they last would have met, had they been awake */
    uint64_t rested; /* until then they are taken to be asleep */
    int size, late;
} last;

static int is_recent(uint64_t time, uint64_t moment) {
    return moment - time < AWAKE_NS && moment >= last.rested;
}

/* Threads for work that takes so many nanoseconds, each of them to have `worth` to do. Whoever would lose by waking them
 * works alone, but the next one to call, if it calls soon, does not. */
static int threads_for_time(uint64_t work, uint64_t worth, int allowed) {
    if (allowed < 2 || work < 2 * worth + MEETING_NS * (uint64_t)(allowed - 2)) return 1;
    uint64_t useful = work / worth, moment = now();
    int threads = useful < (uint64_t)allowed ? (int)useful : allowed;
    if (work - work / (uint64_t)threads >= WAKING_NS) return threads;
    if (is_recent(last.met, moment) || is_recent(last.missed, moment)) return threads;
    last.missed = moment;
    return 1;
}

/* A system may wake a thread on the CPU on which another one of its team works, or waits for it, though others are
 * idle; and the runtime, which lets threads spin before they sleep, keeps that CPU busy. Without care the first call
 * after a pause takes as long. So whoever finds its CPU taken moves to another one, and whoever waits for a thread that
 * has not begun leaves the CPU to it. */
#define CPUS 1024 /* as a cpu_set_t has */
typedef struct {
    uint64_t called, began; /* the meeting, and one of those that were called to it */
    atomic_int begun, arrived;
    atomic_ullong taken[CPUS / 64];
} team;

#define SPINS 200 /* looks at the others before a nap */
#define NAP_NS 20000

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
_Static_assert(CPUS == CPU_SETSIZE, "the bits of a cpu_set_t");

/* whether the CPU was free; one that cannot be told is */
static int take_cpu(team *t, int cpu) {
    if (cpu < 0 || cpu >= CPUS) return 1;
    unsigned long long bit = 1ULL << cpu % 64;
    return !(atomic_fetch_or(&t->taken[cpu / 64], bit) & bit);
}

/* When this is done the thread may run where it could before */
static void find_place(team *t) {
    cpu_set_t all, others;
    if (take_cpu(t, sched_getcpu()) || sched_getaffinity(0, sizeof all, &all) != 0) return;
    others = all;
    for (int cpu = 0; cpu < CPUS; cpu++)
        if (atomic_load(&t->taken[cpu / 64]) >> cpu % 64 & 1) CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    take_cpu(t, sched_getcpu());
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
    const struct timespec nap = {0, NAP_NS};
    atomic_fetch_add(&t->arrived, 1);
    for (int looks = 0; atomic_load_explicit(&t->arrived, memory_order_acquire) < size;
         looks += looks < SPINS) {
        if (looks == SPINS && atomic_load_explicit(&t->begun, memory_order_relaxed) < size)
            nanosleep(&nap, 0);
        else
            relax();
    }
}

/* What a meeting tells about the next: whether who has just met is awake */
static void remember(const team *t, int size, int together) {
    last.met = now();
    last.size = size;
    if (!together) return;
    last.late = t->began > t->called + LATE_NS ? last.late + 1 : 0;
    if (last.late < MOST_LATE) return;
    last.rested = last.met + RESTING_NS;
    last.late = 0;
}

/* Run body over [begin, end), cut into one range for each of so many threads, of a team of `allowed` */
static void share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                      size_t quantum) {
    if (threads < 2 || atomic_flag_test_and_set(&region_taken)) {
        body(context, begin, end);
        return;
    }
    size_t each = (end - begin + (size_t)threads - 1) / (size_t)threads,
           share = (each + quantum - 1) / quantum * quantum;
    team t = {.called = now()};
    int errno_before = errno, size = 1, together = is_recent(last.met, t.called) && last.size == allowed;
    if (!together) take_cpu(&t, sched_getcpu()); /* the caller's thread stays where it is */
#pragma omp parallel num_threads(allowed)
    {
        /* the runtime may give fewer threads than asked for */
        int number = omp_get_thread_num(), present = omp_get_num_threads();
        int working = present < threads ? present : threads;
        if (number == 0) size = present;
        if (number == 1) t.began = now();
        if (!together) {
            atomic_fetch_add(&t.begun, 1);
            if (number > 0) find_place(&t);
        }
        size_t at = number < working ? begin + share * (size_t)number : end;
        for (; at < end; at += share * (size_t)working)
            body(context, at, end - at < share ? end : at + share);
        if (!together) wait_for_all(&t, present);
    }
    remember(&t, size, together);
    errno = errno_before;
    atomic_flag_clear(&region_taken);
}

void fa__parallel_for(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum) {
    int allowed = n < 2 * grain ? 1 : fa__threads_to_share();
    size_t useful = n / grain;
    share_out(body, context, 0, n, useful < (size_t)allowed ? (int)useful : allowed, allowed, quantum);
}

void fa__parallel_for_timed(fa__body *body, const void *context, size_t n, size_t sample, size_t worth) {
    size_t left = n - 2 * sample;
    int limit = fa__thread_limit() ? fa__thread_limit() : atomic_load(&set_limit);
    if (limit == 1) { /* nothing to find out */
        body(context, 0, n);
        return;
    }
    uint64_t start = now();
    body(context, 0, sample);
    uint64_t middle = now(), first = middle - start;
    if ((first + 1) * left / sample < 2 * worth) { /* it took no longer than that, at any rate */
        body(context, sample, n);
        return;
    }
    body(context, sample, 2 * sample);
    /* the lesser: one of the two may have been interrupted, or have met cold caches */
    uint64_t second = now() - middle, taken = first < second ? first : second;
    int allowed = fa__threads_to_share();
    int threads = threads_for_time((taken + 1) * left / sample, worth, allowed);
    share_out(body, context, 2 * sample, n, threads, allowed, 1);
}
#else
int fa__threads_to_share(void) {
    return 1;
}

void fa__parallel_for(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum) {
    (void)grain, (void)quantum;
    body(context, 0, n);
}

void fa__parallel_for_timed(fa__body *body, const void *context, size_t n, size_t sample, size_t worth) {
    (void)sample, (void)worth;
    body(context, 0, n);
}
#endif
