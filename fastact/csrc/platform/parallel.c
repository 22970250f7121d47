/* Parallel loops: by the client's own, if there is one, or by OpenMP threads. Serial in a forked child (an OpenMP pool does not
 * survive a fork), inside another parallel loop, and where threads do not pay. */
#include "platform/parallel.h"

#include <stdint.h>

#include "platform/leader.h"
#include "platform/runner.h"
#include "platform/team.h"
#include "platform/thread_limits.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static int in_parallel_loop(void) {
#ifdef _OPENMP
    if (omp_in_parallel()) return 1;
#endif
    return fa__in_share();
}

int fa__threads_to_share(void) {
    return in_parallel_loop() ? 1 : fa__num_threads();
}

static void share_out(fa__body *body, const void *context, size_t begin, size_t end, int threads, int allowed,
                      size_t quantum) {
    if (threads > 1 && fa__share_with_runner(body, context, begin, end, threads, quantum)) return;
    fa__share_out(body, context, begin, end, threads, allowed, quantum);
}

void fa__parallel_for(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum) {
    int allowed = n < 2 * grain ? 1 : fa__threads_to_share();
    size_t useful = n / grain;
    share_out(body, context, 0, n, useful < (size_t)allowed ? (int)useful : allowed, allowed, quantum);
}

static int threads_for_time(uint64_t work, uint64_t worth, int allowed) {
    return fa__has_runner() ? fa__runners_for_time(work, allowed)
                            : fa__threads_for_time(work, worth, allowed);
}

void fa__parallel_for_timed(fa__body *body, const void *context, size_t n, size_t sample, size_t worth) {
    size_t left = n - 2 * sample;
    if (fa__threads_are_off()) { /* no need to time anything */
        body(context, 0, n);
        return;
    }
    uint64_t start = fa__now();
    body(context, 0, sample);
    uint64_t middle = fa__now(), first = middle - start;
    /* an upper bound of the time that is left: the clock counts whole nanoseconds */
    if ((first + 1) * left / sample < 2 * worth) {
        body(context, sample, n);
        return;
    }
    body(context, sample, 2 * sample);
    /* the smaller one: the other may have been interrupted, or have met cold caches */
    uint64_t second = fa__now() - middle, taken = first < second ? first : second;
    int allowed = fa__threads_to_share();
    int threads = threads_for_time((taken + 1) * left / sample, worth, allowed);
    share_out(body, context, 2 * sample, n, threads, allowed, 1);
}
