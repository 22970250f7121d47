/* A client's own parallel loop, and limits of single threads: the same bits as OpenMP's threads compute, complete whatever
 * the client's function does, and nothing of it left where it ends.
 *
 * omp_get_num_procs is replaced here and reports four CPUs, so that work is shared on any machine. */
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "fastact.h"

/* in place of the runtime's own */
int omp_get_num_procs(void) {
    return 4;
}

enum { N = 300000, MOST = 4, ROWS = 512, IN = 64, OUT = 60, LAYERS = 8 };

/* Kinds of loops ----------------------------------------------------------------------------------- */

static atomic_int runs,
    misuses; /* loops that were run; those that ask for a wrong number of calls, or are within a task */

typedef struct {
    fa_task task;
    void *data;
} job;

static _Thread_local int in_task;

static void *do_job(void *given) {
    job *j = given;
    in_task = 1;
    j->task(j->data);
    in_task = 0;
    return 0;
}

static void note(void *context, size_t count) {
    atomic_fetch_add(&runs, 1);
    if (count < 1 || count > MOST || *(int *)context != 42 || in_task) atomic_fetch_add(&misuses, 1);
}

static void on_threads(void *context, fa_task task, void *data, size_t count) {
    pthread_t threads[MOST];
    job j = {task, data};
    note(context, count);
    for (size_t i = 0; i < count; i++) pthread_create(&threads[i], 0, do_job, &j);
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], 0);
}

static void one_after_the_other(void *context, fa_task task, void *data, size_t count) {
    note(context, count);
    for (size_t i = 0; i < count; i++) task(data);
}

static void only_the_first(void *context, fa_task task, void *data, size_t count) {
    note(context, count);
    task(data);
}

static void nothing(void *context, fa_task task, void *data, size_t count) {
    (void)task, (void)data;
    note(context, count);
}

static void too_often(void *context, fa_task task, void *data, size_t count) {
    note(context, count);
    for (size_t i = 0; i < 3 * count; i++) task(data);
}

/* calls the library, and thereby itself, which then leaves all to the calling thread */
static void nested(void *context, fa_task task, void *data, size_t count) {
    static _Thread_local int inside;
    note(context, count);
    if (inside) return;
    inside = 1;
    float *x = calloc(N, sizeof *x);
    fa_gaussian_f32(x, x, N);
    for (size_t i = 0; i < N; i++)
        if (x[i] != 1) atomic_fetch_add(&misuses, 1);
    free(x);
    inside = 0;
    for (size_t i = 0; i < count; i++) task(data);
}

static const struct {
    const char *name;
    fa_parallel_for run;
} loops[] = {{"on threads", on_threads},         {"one after the other", one_after_the_other},
             {"only the first", only_the_first}, {"nothing", nothing},
             {"too often", too_often},           {"nested", nested}};
enum { LOOPS = sizeof loops / sizeof *loops };
static int context = 42;

/* Calls that are large enough ------------------------------------------------------------------------ */

static float input[N], weights[IN * OUT];

static void elementwise(float *result) {
    memcpy(result, input, sizeof input); /* in place: a share that is done twice would show */
    fa_gelu_f32(result, result, N);
}

static void rows(float *result) {
    fa_softmax_f32(input, result, N / 300, 300, 1);
}

/* Layers side by side, each of which would be shared out if it were alone */
static void layers(float *result) {
    const size_t count = LAYERS;
    const ptrdiff_t same = 0, apart = ROWS * OUT;
    fa_dense l = {.size = sizeof l, .rows = ROWS, .n_in = IN, .n_out = OUT, .activation = FA_tanh};
    l.stack_ndim = 1;
    l.stack_shape = &count;
    l.x = (fa_input){input, IN, 1, &same};
    l.w = (fa_input){weights, OUT, 1, &same};
    l.y = (fa_result){result, OUT, &apart};
    size_t bytes = fa_dense_workspace_f32(&l, 0);
    void *workspace = malloc(bytes);
    check(fa_dense_forward_f32(&l, workspace, bytes) == FA_OK, "answer", "layers", bytes);
    free(workspace);
}

static void layer(float *result) {
    fa_dense l = {.size = sizeof l, .rows = ROWS, .n_in = IN, .n_out = OUT, .activation = FA_tanh};
    l.x = (fa_input){input, IN, 1, 0};
    l.w = (fa_input){weights, OUT, 1, 0};
    l.y = (fa_result){result, OUT, 0};
    size_t bytes = fa_dense_workspace_f32(&l, 0);
    void *workspace = malloc(bytes);
    check(fa_dense_forward_f32(&l, workspace, bytes) == FA_OK, "answer", "layer", bytes);
    free(workspace);
}

static const struct {
    const char *name;
    void (*call)(float *result);
} calls[] = {{"elementwise", elementwise}, {"rows", rows}, {"layer", layer}, {"layers", layers}};
enum { CALLS = sizeof calls / sizeof *calls };
static float expected[CALLS][N];

static int has_bits_of(size_t i) {
    float *result = calloc(N, sizeof *result);
    calls[i].call(result);
    int same = memcmp(result, expected[i], sizeof expected[i]) == 0;
    free(result);
    return same;
}

static void compute_expected(void) {
    for (size_t i = 0; i < N; i++) input[i] = (float)(i % 4099) / 500 - 4;
    for (size_t i = 0; i < IN * OUT; i++) weights[i] = (float)(i % 37) / 100 - 0.15f;
    fa_set_num_threads(1);
    for (size_t i = 0; i < CALLS; i++) calls[i].call(expected[i]);
    fa_set_num_threads(0);
}

/* Checks ------------------------------------------------------------------------------------------ */

static void check_loops(void) {
    for (size_t k = 0; k < LOOPS; k++) {
        fa_set_parallel_for(loops[k].run, &context);
        for (size_t i = 0; i < CALLS; i++) {
            int before = runs;
            check(has_bits_of(i), "bits", loops[k].name, i);
            check(runs > before, "the loop was run", loops[k].name, i);
        }
        check(misuses == 0, "calls asked for", loops[k].name, k);
    }
    fa_set_parallel_for(0, 0);
    int before = runs;
    for (size_t i = 0; i < CALLS; i++) check(has_bits_of(i), "bits", "without", i);
    check(runs == before, "the loop is not run", "without", 0);
}

static void *call_all(void *wrong) {
    for (int turn = 0; turn < 5; turn++)
        for (size_t i = 0; i < CALLS; i++)
            if (!has_bits_of(i)) atomic_fetch_add((atomic_int *)wrong, 1);
    return 0;
}

static void check_callers_at_the_same_time(void) {
    pthread_t threads[MOST];
    atomic_int wrong = 0;
    fa_set_parallel_for(on_threads, &context);
    for (int i = 0; i < MOST; i++) pthread_create(&threads[i], 0, call_all, &wrong);
    for (int i = 0; i < 50; i++) fa_set_parallel_for(i % 2 ? on_threads : only_the_first, &context);
    for (int i = 0; i < MOST; i++) pthread_join(threads[i], 0);
    fa_set_parallel_for(0, 0);
    check(wrong == 0 && misuses == 0, "bits", "callers", (size_t)wrong);
}

/* OpenMP's limit is one of its own threads */
static void check_limits(void) {
    fa_set_num_threads(2);
    check(fa_num_threads() == 2, "a limit", "OpenMP", 2);
    fa_set_parallel_for(on_threads, &context);
    check(fa_num_threads() == 2, "a limit", "own", 2);
    fa_set_num_threads(1);
    int before = runs;
    check(has_bits_of(0) && runs == before, "alone", "own", 1);
    fa_set_num_threads(0);
    fa_set_parallel_for(0, 0);
}

static void *threads_elsewhere(void *found) {
    *(int *)found = fa_num_threads();
    return 0;
}

static void check_limits_of_a_thread(void) {
    const int usual = fa_num_threads();
    int elsewhere = 0;
    pthread_t thread;
    fa_set_num_threads_here(1);
    pthread_create(&thread, 0, threads_elsewhere, &elsewhere);
    pthread_join(thread, 0);
    check(fa_num_threads() == 1 && elsewhere == usual, "this thread only", "here", 1);
    fa_set_parallel_for(one_after_the_other, &context);
    int before = runs;
    check(has_bits_of(0) && runs == before, "alone", "here", 1);
    fa_set_parallel_for(0, 0);
    fa_set_num_threads(1);
    fa_set_num_threads_here(2);
    check(fa_num_threads() == 2, "in place of the process's", "here", 2);
    fa_set_num_threads_here(1 << 30);
    check(fa_num_threads() == usual, "not more than there may be", "here", 3);
    fa_set_num_threads_here(0);
    check(fa_num_threads() == 1, "ended", "here", 4);
    fa_set_num_threads_here(-3);
    check(fa_num_threads() == 1, "ended", "here", 5);
    fa_set_num_threads(0);
}

static void check_fork(void) {
    fa_set_parallel_for(one_after_the_other, &context);
    int before = runs, status = -1;
    pid_t child = fork();
    if (child == 0) {
        int alone = fa_num_threads() == 1 && has_bits_of(0) && runs == before;
        fa_set_parallel_for(on_threads, &context);
        int again = fa_num_threads() > 1 && has_bits_of(0) && runs > before;
        fa_set_parallel_for(0, 0);
        _exit(alone && again && fa_num_threads() == 1 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    check(status == 0, "in a child", "fork", (size_t)status);
    check(has_bits_of(0) && runs > before, "in the parent", "fork", 0);
    fa_set_parallel_for(0, 0);
}

static int rounding_inside;

static void note_rounding(void *unused, fa_task task, void *data, size_t count) {
    (void)unused, (void)task, (void)data, (void)count;
    rounding_inside = fegetround();
}

static void check_floating_point(void) {
    fa_set_parallel_for(note_rounding, 0);
    fesetround(FE_UPWARD);
    int same = has_bits_of(0), rounding = fegetround();
    fesetround(FE_TONEAREST);
    fa_set_parallel_for(0, 0);
    check(same && rounding == FE_UPWARD && rounding_inside == FE_UPWARD, "the caller's", "rounding", 0);
}

int main(void) {
    compute_expected();
    if (fa_num_threads() > 1) { /* else a quota allows one */
        check_loops();
        check_callers_at_the_same_time();
        check_limits();
        check_limits_of_a_thread();
        check_fork();
        check_floating_point();
    }
    return report();
}
