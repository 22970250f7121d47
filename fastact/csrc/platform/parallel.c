/* Parallel loops. Serial in a forked child (an OpenMP pool does not survive a fork), inside another parallel region, and
 * where threads do not pay. */
#include "platform/parallel.h"

#include <stdint.h>

#include "platform/leader.h"
#include "platform/team.h"
#include "platform/thread_limits.h"

#ifdef _OPENMP
#include <omp.h>

int fa__threads_to_share(void) {
    return omp_in_parallel() ? 1 : fa__num_threads();
}

void fa__parallel_for(fa__body *body, const void *context, size_t n, size_t grain, size_t quantum) {
    int allowed = n < 2 * grain ? 1 : fa__threads_to_share();
    size_t useful = n / grain;
    fa__share_out(body, context, 0, n, useful < (size_t)allowed ? (int)useful : allowed, allowed, quantum);
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
    int threads = fa__threads_for_time((taken + 1) * left / sample, worth, allowed);
    fa__share_out(body, context, 2 * sample, n, threads, allowed, 1);
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
