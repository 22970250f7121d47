/* The leader. An OpenMP runtime keeps a pool of threads for each thread that opens regions, and in a child forked from a
 * process that had such a pool, the thread that opened its regions waits for ever. So one thread, which is the library's
 * own, opens all regions of the process.
 *
 * A leader that has nothing to do spins for a while, since waking it takes longer than most calls, and then sleeps. It ends
 * with the process, or when a shared library that contains this one is unloaded. */
#define _GNU_SOURCE
#include "platform/leader.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "platform/affinity.h"
#include "platform/pause.h"

uint64_t fa__now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return UINT64_C(1000000000) * (uint64_t)t.tv_sec + (uint64_t)t.tv_nsec;
}

#ifdef _OPENMP
#define SPIN_NS 5000000 /* that a thread waits before it sleeps */
#define CHECKS 64       /* between two looks at the clock */
#define STACK_BYTES \
    (1024 << 10) /* calls need some KB, the C library's thread-local storage and a BLAS may need more */

/* A count that one thread raises and another one waits for */
typedef struct {
    _Alignas(64) atomic_uint count;
    atomic_int asleep; /* whether the other thread sleeps */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} counter;

#define COUNTER {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}
static counter given = COUNTER, done = COUNTER;
static atomic_flag taken = ATOMIC_FLAG_INIT;

/* What only the thread that has the leader changes */
static struct {
    fa__task *task; /* null: end */
    void *context;
    pthread_t thread;
    int exists;
    uint64_t failed, spin_ns; /* when the leader could not be started, or 0 */
} leader;

/* Counters --------------------------------------------------------------------------------------- */

/* Either `asleep` is seen here, or the other thread has yet to read the count: both are in one order */
static void raise_count(counter *c) {
    atomic_fetch_add(&c->count, 1);
    if (!atomic_load(&c->asleep)) return;
    pthread_mutex_lock(&c->mutex);
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static void wait_for_count(counter *c, unsigned wanted) {
    for (uint64_t start = fa__now(); fa__now() - start < leader.spin_ns;)
        for (int checks = 0; checks < CHECKS; checks++) {
            if (atomic_load_explicit(&c->count, memory_order_acquire) == wanted) return;
            fa__relax();
        }
    pthread_mutex_lock(&c->mutex);
    atomic_store(&c->asleep, 1);
    while (atomic_load(&c->count) != wanted) pthread_cond_wait(&c->changed, &c->mutex);
    atomic_store(&c->asleep, 0);
    pthread_mutex_unlock(&c->mutex);
}

/* The leader's life ------------------------------------------------------------------------------ */

static void *lead(void *unused) {
    fa__leave_place();
    for (unsigned turn = atomic_load(&done.count) + 1;; turn++) {
        wait_for_count(&given, turn);
        if (!leader.task) return unused;
        leader.task(leader.context);
        raise_count(&done);
    }
}

/* Signals that a thread does not cause itself are left to the threads of the program */
static void block_signals(sigset_t *before) {
    const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static int start(void) {
    if (leader.failed && fa__now() - leader.failed < FA__RETRY_NS) return 0;
    const char *policy = getenv("OMP_WAIT_POLICY");
    leader.spin_ns = policy && strcasecmp(policy, "passive") == 0 ? 0 : SPIN_NS;
    sigset_t before;
    pthread_attr_t attributes;
    block_signals(&before);
    if (pthread_attr_init(&attributes) == 0) {
        leader.exists = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                        pthread_create(&leader.thread, &attributes, lead, 0) == 0;
        pthread_attr_destroy(&attributes);
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
    leader.failed = leader.exists ? 0 : fa__now();
    return leader.exists;
}

int fa__take_leader(void) {
    if (atomic_flag_test_and_set(&taken)) return 0;
    if (leader.exists || start()) return 1;
    atomic_flag_clear(&taken);
    return 0;
}

void fa__release_leader(void) {
    atomic_flag_clear(&taken);
}

void fa__lead(fa__task *task, void *context) {
    leader.task = task;
    leader.context = context;
    raise_count(&given);
}

void fa__wait_for_leader(void) {
    wait_for_count(&done, atomic_load_explicit(&given.count, memory_order_relaxed));
}

/* A child has no leader. `taken` stays as it was at the fork: the child uses one thread in any case. */
static void forget_leader(void) {
    leader.exists = 0;
}

__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(0, 0, forget_leader);
}

/* Not while some thread computes, as at the end of a process that did not wait for it */
__attribute__((destructor)) static void end_leader(void) {
    if (atomic_flag_test_and_set(&taken) || !leader.exists) return;
    fa__lead(0, 0);
    pthread_join(leader.thread, 0);
    leader.exists = 0;
}
#endif
