/* A thread that is cancelled at a cancellation point of a call ends without harm to the calls of others: they have threads, do
 * not wait for ever, and find a BLAS with the number of threads that it had. The last line is "N passed, N failed".
 *
 * omp_get_num_procs is replaced here and reports four CPUs. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "checks.h"
#include "fastact.h"
#include "platform/parallel.h"

enum { THREADS = 4, MANY = 1 << 20, SIDE = 40, CANCELLED = 20, PATIENCE = 60 };

int omp_get_num_procs(void) {
    return THREADS;
}

static void sleep_ms(long ms) {
    const struct timespec t = {0, 1000000 * ms};
    nanosleep(&t, 0);
}

/* Activations ------------------------------------------------------------------------------------- */

static void *compute(void *unused) {
    static float x[MANY];
    for (;;) {
        fa_gelu_f32(x, x, MANY);
        pthread_testcancel();
    }
    return unused;
}

static pid_t doer[THREADS];

static void note_doer(const void *context, size_t begin, size_t end) {
    (void)context;
    for (size_t i = begin; i < end; i++) doer[i] = gettid();
    sleep_ms(1);
}

static int threads_of_a_call(void) {
    int count = 0;
    fa__parallel_for(note_doer, 0, THREADS, 1, 1);
    for (int i = 0; i < THREADS; i++) {
        int k = 0;
        while (doer[k] != doer[i]) k++;
        count += k == i;
    }
    return count;
}

static void test_calls(const char *name) {
    for (size_t i = 0; i < CANCELLED; i++) {
        pthread_t thread;
        void *result = 0;
        pthread_create(&thread, 0, compute, 0);
        sleep_ms(1 + (long)i / 2);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        check(result == PTHREAD_CANCELED, "cancelled", name, i);
        check(threads_of_a_call() == THREADS, "threads of the next call", name, i);
    }
}

/* A BLAS ------------------------------------------------------------------------------------------- */

static int blas_threads = 5, cancels;

static void sgemm(void) {
    if (cancels) {
        pthread_cancel(pthread_self());
        pthread_testcancel();
    }
}
static int get_threads(void) {
    return blas_threads;
}
static void set_threads(int n) {
    blas_threads = n;
}

static void *forward(void *unused) {
    static float x[SIDE * SIDE], y[2 * SIDE * SIDE];
    static char workspace[1 << 20];
    const fa_blas blas = {sizeof blas, sgemm, sgemm, 32, get_threads, set_threads, 0};
    const fa_dense layer = {.size = sizeof layer,
                            .rows = SIDE,
                            .n_in = SIDE,
                            .n_out = SIDE,
                            .activation = FA_gelu,
                            .saving = FA_SAVE_INPUT,
                            .x = {x, SIDE, 1, 0},
                            .w = {x, SIDE, 1, 0},
                            .y = {y, SIDE, 0},
                            .saved = {y + SIDE * SIDE, SIDE, 0},
                            .blas = &blas};
    fa_dense_forward_f32(&layer, workspace, sizeof workspace);
    return unused;
}

static void test_blas(void) {
    pthread_t thread;
    cancels = 1;
    pthread_create(&thread, 0, forward, 0);
    pthread_join(thread, 0);
    cancels = 0;
    check(blas_threads == 5, "threads of the BLAS after a cancellation", "fa_dense_forward_f32", SIDE);
    forward(0);
    check(blas_threads == 5, "threads of the BLAS after the next call", "fa_dense_forward_f32", SIDE);
}

int main(void) {
    omp_set_num_threads(THREADS);
    alarm(PATIENCE);
    if (fa_num_threads() == THREADS) {
        test_calls("deferred");
    }
    test_blas();
    return report();
}
