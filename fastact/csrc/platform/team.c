/* Teams of threads: the thread that calls, and an OpenMP team of the leader's (leader.c).
 *
 * A. The OpenMP runtime keeps its threads from one parallel region to the next, and ends those that a smaller team does not
 *    need. So a team always has all threads that are allowed, whether there is work for all or not.
 * B. Between regions threads spin, as a rule for 5 ms or more, and then sleep. Some runtimes, and all with more threads than
 *    CPUs, let them sleep at once; late starts soon after a region reveal that.
 * C. Only num_threads() clauses are used: process-wide OpenMP settings never change.
 */
#include "platform/team.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "platform/affinity.h"
#include "platform/leader.h"
#include "platform/pause.h"
#include "platform/probe.h"

#ifdef _OPENMP
#include <omp.h>

#define REGION_NS 500    /* cost of a region for each thread beyond the second */
#define AWAKE_NS 4000000 /* threads are assumed to spin for so long after a region */
#define WAKING_NS \
    600000 /* gain that justifies waking them: it takes 150 to 400 us for 1 or 15, sometimes more */
#define LATE_NS 20000       /* a thread that starts later was asleep */
#define MOST_LATE 2         /* late starts in a row: a single one may be chance */
#define RESTING_NS 20000000 /* after those, threads are assumed to sleep for so long */

/* moments, for any thread that calls */
static atomic_ullong met, /* the end of the last region */
    missed,               /* when there would have been a region, had the threads been awake */
    rested;               /* until then threads are assumed to be asleep */

/* what only the thread that has the leader changes */
static struct {
    int size;        /* of the last team that was allowed */
    int late;        /* late starts in a row */
    int started;     /* threads of the last OpenMP team: the leader and those that the runtime keeps */
    uint64_t failed; /* when threads could not be started, or 0 */
} last;

static uint64_t load(atomic_ullong *moment) {
    return atomic_load_explicit(moment, memory_order_relaxed);
}

static void store(atomic_ullong *moment, uint64_t value) {
    atomic_store_explicit(moment, value, memory_order_relaxed);
}

static int is_recent(uint64_t time, uint64_t moment) {
    return moment - time < AWAKE_NS && moment >= load(&rested);
}

int fa__threads_for_time(uint64_t work, uint64_t worth, int allowed) {
    if (allowed < 2 || work < 2 * worth + REGION_NS * (uint64_t)(allowed - 2)) return 1;
    uint64_t useful = work / worth, moment = fa__now();
    int threads = useful < (uint64_t)allowed ? (int)useful : allowed;
    if (work - work / (uint64_t)threads >= WAKING_NS) return threads;
    if (is_recent(load(&met), moment) || is_recent(load(&missed), moment)) return threads;
    store(&missed, moment);
    return 1;
}

/* A call: the caller does the first share, the leader's team the others */
typedef struct {
    fa__body *body;
    const void *context;
    size_t begin, end, share;
    int threads, allowed;   /* as many as have work, as many as there may be */
    int awake;              /* whether no thread sleeps */
    uint64_t called, began; /* when the call was made, and when the last one of its threads began */
    atomic_int size; /* threads of the call; as many as allowed, until the runtime has provided its own */
    atomic_int begun, arrived;
    fa__cpus cpus;
} team;

#define SPINS 200 /* checks of the other threads before a pause */
#define PAUSE_NS 20000

/* A thread that waits for one that has not begun gives up its CPU for a moment */
static void wait_for_all(team *t) {
    const struct timespec pause = {0, PAUSE_NS};
    atomic_fetch_add(&t->arrived, 1);
    for (int checks = 0; atomic_load(&t->arrived) < atomic_load(&t->size); checks += checks < SPINS) {
        if (checks == SPINS && atomic_load(&t->begun) < atomic_load(&t->size))
            nanosleep(&pause, 0);
        else
            fa__relax();
    }
}

/* Shares number, number + step ... */
static void do_shares(const team *t, size_t number, size_t step) {
    for (size_t at = t->begin + t->share * number; at < t->end; at += t->share * step)
        t->body(t->context, at, t->end - at < t->share ? t->end : at + t->share);
}

/* The part of one of the `present` threads of the leader's team. The runtime may provide fewer than requested. */
static void join_in(team *t, int number, int present) {
    int working = present < t->threads - 1 ? present : t->threads - 1;
    if (number == present - 1) t->began = fa__now();
    if (!t->awake) {
        atomic_store(&t->size, present + 1);
        atomic_fetch_add(&t->begun, 1);
        fa__find_cpu(&t->cpus);
    }
    if (number < working) do_shares(t, (size_t)number + 1, (size_t)working);
    if (!t->awake) wait_for_all(t);
}

/* How many threads the OpenMP team of a call may have: the leader alone, if the runtime could not start others */
static int threads_to_start(int wanted) {
    if (wanted <= last.started) return wanted;
    if (last.failed && fa__now() - last.failed < FA__RETRY_NS) return 1;
    int can = fa__can_start_threads(wanted - 1);
    last.failed = can ? 0 : fa__now();
    return can ? wanted : 1;
}

static void lead_team(void *context) {
    team *t = context;
    int count = threads_to_start(t->allowed - 1);
    last.started = count;
    if (count == 1) {
        join_in(t, 0, 1);
        return;
    }
#pragma omp parallel num_threads(count)
    join_in(t, omp_get_thread_num(), omp_get_num_threads());
}

/* Late starts soon after a region mean that the runtime lets its threads sleep at once */
static void remember(const team *t) {
    uint64_t moment = fa__now();
    store(&met, moment);
    last.size = t->allowed;
    if (!t->awake) return;
    last.late = t->began > t->called + LATE_NS ? last.late + 1 : 0;
    if (last.late < MOST_LATE) return;
    store(&rested, moment + RESTING_NS);
    last.late = 0;
}

static void run_team(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                     size_t quantum) {
    size_t each = (end - begin + (size_t)threads - 1) / (size_t)threads;
    team t;
    t.body = body;
    t.context = context;
    t.begin = begin;
    t.end = end;
    t.share = (each + quantum - 1) / quantum * quantum;
    t.threads = threads;
    t.allowed = allowed;
    t.called = fa__now();
    t.awake = is_recent(load(&met), t.called) && last.size == allowed;
    if (!t.awake) {
        t.cpus = (fa__cpus){.known = 0};
        atomic_init(&t.size, allowed);
        atomic_init(&t.begun, 1);
        atomic_init(&t.arrived, 0);
        fa__note_cpus(&t.cpus);
    }
    fa__lead(lead_team, &t);
    do_shares(&t, 0, (size_t)threads);
    if (!t.awake) wait_for_all(&t);
    fa__wait_for_leader();
    remember(&t);
}

/* A thread that ended in a region would leave the others waiting for it, so it cannot be cancelled there */
void fa__share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                   size_t quantum) {
    int cancellation, errno_before = errno;
    if (threads < 2) {
        body(context, begin, end);
        return;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    if (fa__take_leader()) {
        run_team(body, context, begin, end, threads, allowed, quantum);
        fa__release_leader();
    } else {
        body(context, begin, end);
    }
    errno = errno_before;
    pthread_setcancelstate(cancellation, 0);
}
#else
int fa__threads_for_time(uint64_t work, uint64_t worth, int allowed) {
    (void)work, (void)worth, (void)allowed;
    return 1;
}

void fa__share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                   size_t quantum) {
    (void)threads, (void)allowed, (void)quantum;
    body(context, begin, end);
}
#endif
