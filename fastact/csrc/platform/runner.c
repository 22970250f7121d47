/* The client's parallel loop. It may run the shares in any order, on any threads. Shares that it leaves are done by the
 * calling thread, so that results are complete whatever it does. */
#include "platform/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* Nanoseconds of work that are worth a thread of the client's: a pool whose threads sleep takes about as long to begin */
#define WORTH_NS 20000

typedef struct {
    fa_parallel_for run; /* null: none */
    void *context;
} runner;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static runner current;
static atomic_int present; /* whether there is one, for those that do not need to know which */
static _Thread_local int in_share;

static void replace(fa_parallel_for run, void *context) {
    current = (runner){run, context};
    atomic_store(&present, run != 0);
}

void fa__set_runner(fa_parallel_for run, void *context) {
    pthread_mutex_lock(&lock);
    replace(run, context);
    pthread_mutex_unlock(&lock);
}

int fa__has_runner(void) {
    return atomic_load_explicit(&present, memory_order_relaxed);
}

int fa__in_share(void) {
    return in_share;
}

static runner get(void) {
    pthread_mutex_lock(&lock);
    runner found = current;
    pthread_mutex_unlock(&lock);
    return found;
}

/* A child has none of the client's threads, and hence no runner until it sets one */
static void before_fork(void) {
    pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void) {
    replace(0, 0);
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void handle_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Loops ------------------------------------------------------------------------------------------ */

typedef struct {
    fa__body *body;
    const void *context;
    size_t end, share;
    atomic_size_t next; /* where the first share begins that nobody has taken */
} loop;

/* Returns 0 if all shares have been taken */
static int take_share(loop *l) {
    size_t at = atomic_load(&l->next), next;
    do {
        if (at >= l->end) return 0;
        next = l->end - at < l->share ? l->end : at + l->share;
    } while (!atomic_compare_exchange_weak(&l->next, &at, next));
    in_share++;
    l->body(l->context, at, next);
    in_share--;
    return 1;
}

static void task(void *data) {
    take_share(data);
}

int fa__runners_for_time(uint64_t work, int allowed) {
    uint64_t useful = work / WORTH_NS;
    return useful < (uint64_t)allowed ? (int)useful : allowed;
}

int fa__share_with_runner(fa__body *body, const void *context, size_t begin, size_t end, int threads,
                          size_t quantum) {
    runner r = fa__has_runner() ? get() : (runner){0};
    if (!r.run) return 0;
    int cancellation, errno_before = errno;
    size_t each = (end - begin + (size_t)threads - 1) / (size_t)threads;
    loop l = {.body = body, .context = context, .end = end};
    l.share = (each + quantum - 1) / quantum * quantum;
    atomic_init(&l.next, begin);
    /* a thread that ended here would leave others with a loop that is gone */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    r.run(r.context, task, &l, (end - begin + l.share - 1) / l.share);
    while (take_share(&l)) continue;
    pthread_setcancelstate(cancellation, 0);
    errno = errno_before;
    return 1;
}
