/* Arguments of the dense functions that are wrong or unusual: null pointers, impossible sizes, unknown
 * numbers, structs of other versions of the library, empty arrays. No call may crash, and one that fails
 * writes nothing. It uses the public API only. The closing line is "N passed, N failed"; the exit status says
 * the same.
 */
#include <errno.h>
#include <limits.h>

#include "dense_layers.h"

#define HUGE_SIZE ((size_t)1 << 62)

static char workspace[1 << 20] __attribute__((aligned(64)));
static const size_t two[] = {2}, huge[] = {HUGE_SIZE}, largest[] = {SIZE_MAX},
                    overflowing[] = {(size_t)1 << 32, (size_t)1 << 32};
static const ptrdiff_t no_step[] = {0}, huge_step[] = {PTRDIFF_MAX};

static void gemm(void) {
}

/* Refusals ----------------------------------------------------------------------------------------- */

enum { FORWARD, BACKWARD };

/* A layer with the statements done to it is answered with `expected` in both precisions, and leaves all as it
 * was */
#define ANSWERS(expected, backward, ...)                                                            \
    for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {                          \
        fa_blas blas = {sizeof(fa_blas), gemm, gemm, 32, 0, 0, 0};                                  \
        fa_input given[4] = {{"parameters", 0, 0, 0}};                                              \
        owned o = new_layer(7, 5, 6, size, 0);                                                      \
        fa_dense *l = &o.layer;                                                                     \
        uint64_t before = hash_results(&o);                                                         \
        (void)blas, (void)given;                                                                    \
        __VA_ARGS__;                                                                                \
        errno = 77;                                                                                 \
        check(call(l, size, backward, workspace, sizeof workspace) == (expected), #__VA_ARGS__, l); \
        check(errno == 77 && hash_results(&o) == before, "left as it was", l);                      \
        (void)workspace_of(l, size, backward);                                                      \
        free_layer(&o);                                                                             \
    }
#define INVALID(backward, ...) ANSWERS(FA_INVALID, backward, __VA_ARGS__)
#define BOTH_INVALID(...) INVALID(FORWARD, __VA_ARGS__) INVALID(BACKWARD, __VA_ARGS__)

static void test_null_pointers(void) {
    INVALID(FORWARD, l->x.data = 0)
    INVALID(FORWARD, l->w.data = 0)
    INVALID(FORWARD, l->y.data = 0)
    INVALID(FORWARD, l->saved.data = 0)
    INVALID(BACKWARD, l->x.data = 0)
    INVALID(BACKWARD, l->w.data = 0)
    INVALID(BACKWARD, l->grad_y.data = 0)
    INVALID(BACKWARD, l->saved.data = 0)
    BOTH_INVALID(l->stack_ndim = 1)
    BOTH_INVALID(l->activation = FA_leaky_relu, l->n_parameters = 1)
    BOTH_INVALID(l->activation = FA_leaky_relu, l->n_parameters = 1, l->parameters = given, given[0].data = 0)
    fa_dense none = {0};
    check(call(0, sizeof(float), 0, workspace, sizeof workspace) == FA_INVALID, "no layer", &none);
    check(call(0, sizeof(double), 1, workspace, sizeof workspace) == FA_INVALID, "no layer", &none);
    check(workspace_of(0, sizeof(float), 1) == 0, "workspace of no layer", &none);
    check(fa_network_forward_f32(0, 0, 0, 0) == FA_OK, "an empty network", &none);
    check(fa_network_forward_f32(0, 3, 0, 0) == FA_INVALID, "no layers", &none);
}

static void test_sizes(void) {
    BOTH_INVALID(l->rows = SIZE_MAX)
    BOTH_INVALID(l->rows = HUGE_SIZE)
    BOTH_INVALID(l->n_in = HUGE_SIZE)
    BOTH_INVALID(l->n_out = HUGE_SIZE)
    BOTH_INVALID(l->rows = l->n_in = (size_t)1 << 32)
    BOTH_INVALID(l->rows = l->n_in = l->n_out = SIZE_MAX)
    BOTH_INVALID(l->rows = SIZE_MAX, l->n_in = 0, l->n_out = 0)
    BOTH_INVALID(l->stack_ndim = 1, l->stack_shape = huge)
    BOTH_INVALID(l->stack_ndim = 1, l->stack_shape = largest)
    BOTH_INVALID(l->stack_ndim = 2, l->stack_shape = overflowing)
    BOTH_INVALID(l->stack_ndim = 65, l->stack_shape = two)
    BOTH_INVALID(l->stack_ndim = SIZE_MAX, l->stack_shape = two)
    BOTH_INVALID(l->w.row = PTRDIFF_MIN)
    BOTH_INVALID(l->w.column = PTRDIFF_MAX)
    BOTH_INVALID(l->x.row = PTRDIFF_MAX / 2)
    BOTH_INVALID(l->stack_ndim = 1, l->stack_shape = two, l->x.stack = huge_step)
    INVALID(FORWARD, l->y.row = 5)
    INVALID(FORWARD, l->saved.row = -5)
    INVALID(BACKWARD, l->dx.row = 0)
    INVALID(BACKWARD, l->dw.row = 1)
    INVALID(FORWARD, l->stack_ndim = 1, l->stack_shape = two)
    INVALID(FORWARD, l->stack_ndim = 1, l->stack_shape = two, l->y.stack = no_step)
    INVALID(FORWARD, l->b.column = 2)
    INVALID(FORWARD, l->b.row = 6)
}

static void test_numbers(void) {
    BOTH_INVALID(l->activation = -1)
    BOTH_INVALID(l->activation = 1 << 30)
    BOTH_INVALID(l->activation = INT_MAX)
    BOTH_INVALID(l->activation = INT_MIN)
    BOTH_INVALID(l->saving = -1)
    BOTH_INVALID(l->saving = FA_SAVE_BIT_MASK + 1)
    BOTH_INVALID(l->saving = FA_SAVE_OUTPUT, l->activation = FA_gelu)
    INVALID(BACKWARD, l->saving = FA_SAVE_NOTHING)
    BOTH_INVALID(l->n_parameters = 1, l->parameters = given)
    BOTH_INVALID(l->activation = FA_leaky_relu, l->n_parameters = 2, l->parameters = given)
    BOTH_INVALID(l->activation = FA_leaky_relu, l->n_parameters = SIZE_MAX, l->parameters = given)
    BOTH_INVALID(l->activation = FA_leaky_relu, l->n_parameters = 1, l->parameters = given, given[0].row = 6)
    BOTH_INVALID(l->blas = &blas, blas.size = 0)
    BOTH_INVALID(l->blas = &blas, blas.size = SIZE_MAX)
    BOTH_INVALID(l->blas = &blas, blas.sgemm = blas.dgemm = 0)
    BOTH_INVALID(l->blas = &blas, blas.integer_bits = 16)
}

static void test_workspaces(void) {
    owned o = new_layer(300, 40, 50, sizeof(float), 0);
    fa_dense *l = &o.layer;
    uint64_t before = hash_results(&o);
    size_t bytes = fa_dense_workspace_f32(l, 1);
    check(fa_dense_backward_f32(l, workspace, 64) == FA_TOO_SMALL, "too small", l);
    check(fa_dense_backward_f32(l, workspace + 1, 1) == FA_TOO_SMALL, "smaller than the misalignment", l);
    check(fa_dense_backward_f32(l, 0, 0) == FA_TOO_SMALL, "none", l);
    check(fa_dense_backward_f32(l, 0, bytes) == FA_INVALID, "null", l);
    check(hash_results(&o) == before, "left as it was", l);
    l->x.data = l->w.data = l->grad_y.data = l->saved.data = 0;
    check(fa_dense_workspace_f32(l, 1) == bytes, "workspace without arrays", l);
    free_layer(&o);
    /* the second layer needs more: the first must not be computed */
    owned small = new_layer(4, 4, 4, sizeof(float), 0), large = new_layer(300, 300, 300, sizeof(float), 0);
    const fa_dense layers[] = {large.layer, small.layer};
    before = hash_results(&small);
    bytes = fa_dense_workspace_f32(&small.layer, 1);
    check(fa_network_backward_f32(layers, 2, workspace, bytes) == FA_TOO_SMALL, "network", &layers[0]);
    check(hash_results(&small) == before, "left as it was", &layers[1]);
    free_layer(&small);
    free_layer(&large);
}

/* Other versions of the structs --------------------------------------------------------------------- */

typedef struct {
    fa_dense known;
    double added;
} newer_dense;
typedef struct {
    fa_blas known;
    void *added;
} newer_blas;

static void test_versions(void) {
    BOTH_INVALID(l->size = 0)
    BOTH_INVALID(l->size = sizeof(fa_dense) - 8)
    BOTH_INVALID(l->size = sizeof(fa_dense) + 4)
    BOTH_INVALID(l->size = 8192)
    BOTH_INVALID(l->size = SIZE_MAX)
    for (int number = 0; number < 2; number++) {
        owned a = new_layer(7, 5, 6, sizeof(float), 0), b = new_layer(7, 6, 4, sizeof(float), 0);
        newer_blas blas = {{sizeof blas, gemm, gemm, 32, 0, 0, 0}, 0};
        newer_dense layers[2] = {{a.layer, 0}, {b.layer, number}};
        layers[0].known.size = layers[1].known.size = sizeof(newer_dense);
        uint64_t before = hash_results(&a), before_last = hash_results(&b);
        int answer = fa_network_forward_f32(&layers[0].known, 2, workspace, sizeof workspace);
        check(answer == (number ? FA_UNSUPPORTED : FA_OK), "a later version", &a.layer);
        check((hash_results(&a) == before) == number, "first layer", &a.layer);
        check((hash_results(&b) == before_last) == number, "second layer", &b.layer);
        a.layer.blas = &blas.known;
        blas.added = number ? &blas : 0;
        answer = fa_dense_workspace_f32(&a.layer, 1) == 0;
        check(answer == number, "a later version of a BLAS", &a.layer);
        layers[1].known.size = sizeof(fa_dense);
        answer = fa_network_forward_f32(&layers[0].known, 2, workspace, sizeof workspace);
        check(answer == FA_INVALID, "layers of different sizes", &a.layer);
        free_layer(&a);
        free_layer(&b);
    }
}

/* What is allowed ---------------------------------------------------------------------------------- */

static void test_unused_arrays(void) {
    owned o = new_layer(7, 5, 6, sizeof(double), 0);
    fa_dense *l = &o.layer;
    check(run(l, sizeof(double), 0) == FA_OK, "forward", l);
    l->y.row = l->b.column = PTRDIFF_MAX; /* of forward alone */
    l->dw.data = 0, l->x.data = 0;
    check(run(l, sizeof(double), 1) == FA_OK, "without x", l);
    l->dw.data = o.arrays[7], l->x.data = o.arrays[0];
    l->dx.data = 0, l->w.data = 0;
    check(run(l, sizeof(double), 1) == FA_OK, "without w", l);
    free_layer(&o);
}

/* The stack strides of an array that a direction does not read point to nothing. Layers of
 * one row each, with the same weights, are the rows of one layer. */
static void test_unused_arrays_of_stacks(void) {
    enum { LAYERS = 9, IN = 5, OUT = 6 };
    static const size_t shape[] = {LAYERS};
    static const ptrdiff_t inputs[] = {IN}, outputs[] = {OUT}, weights[] = {IN * OUT};
    const ptrdiff_t *nowhere = (const ptrdiff_t *)(uintptr_t)8;
    owned o = new_layer(LAYERS, IN, OUT, sizeof(float), 0);
    fa_dense *l = &o.layer;
    float *dw = random_array(LAYERS * IN * OUT, sizeof(float)),
          *db = random_array(LAYERS * OUT, sizeof(float));
    check(run(l, sizeof(float), 0) == FA_OK && run(l, sizeof(float), 1) == FA_OK, "one layer", l);
    uint64_t want = hash_results(&o);
    for (int i = FIRST_RESULT; i < 7; i++)
        memset(o.arrays[i], 0, o.bytes[i]); /* not dw and db, which are sums */
    l->rows = 1;
    l->stack_ndim = 1;
    l->stack_shape = shape;
    l->x.stack = inputs;
    l->y.stack = l->saved.stack = outputs;
    l->grad_y.stack = l->dx.stack = l->dw.stack = l->db.stack = nowhere;
    check(run(l, sizeof(float), 0) == FA_OK, "forward", l);
    l->grad_y.stack = outputs, l->dx.stack = inputs, l->y.stack = l->b.stack = nowhere;
    l->dw = (fa_result){dw, OUT, weights};
    l->db = (fa_result){db, OUT, outputs};
    check(run(l, sizeof(float), 1) == FA_OK, "backward", l);
    check(hash_results(&o) == want, "equal results", l);
    l->dx.data = 0, l->dx.stack = l->w.stack = nowhere;
    check(run(l, sizeof(float), 1) == FA_OK, "without dx", l);
    free(dw);
    free(db);
    free_layer(&o);
}

static void test_default_parameters(void) {
    const float slope = 0.01f;
    const double slope_64 = 0.01;
    for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {
        owned o = new_layer(7, 5, 6, size, 0);
        fa_dense *l = &o.layer;
        const fa_input parameter = {size == sizeof(float) ? (const void *)&slope : &slope_64, 0, 0, 0};
        l->activation = FA_leaky_relu;
        check(run(l, size, 0) == FA_OK && run(l, size, 1) == FA_OK, "default parameters", l);
        uint64_t by_default = hash_results(&o);
        for (int i = FIRST_RESULT; i < ARRAYS; i++) memset(o.arrays[i], 0, o.bytes[i]);
        l->parameters = &parameter;
        l->n_parameters = 1;
        check(run(l, size, 0) == FA_OK && run(l, size, 1) == FA_OK, "parameters", l);
        check(hash_results(&o) == by_default, "equal results", l);
        free_layer(&o);
    }
}

/* arrays without elements are null */
static void test_empty(void) {
    for (int i = 0; i < 8; i++) {
        size_t rows = i & 1 ? 3 : 0, in = i & 2 ? 4 : 0, out = i & 4 ? 5 : 0;
        for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {
            owned o = new_layer(rows, in, out, size, 0);
            fa_dense *l = &o.layer;
            if (!rows || !in) l->x.data = 0, l->dx.data = 0;
            if (!in || !out) l->w.data = 0, l->dw.data = 0;
            if (!rows || !out) l->y.data = l->saved.data = 0, l->grad_y.data = 0;
            if (!out) l->b.data = 0, l->db.data = 0;
            check(run(l, size, 0) == FA_OK && run(l, size, 1) == FA_OK, "empty arrays", l);
            for (size_t k = 0; k < in * out && rows == 0; k++)
                check(get(o.arrays[7], size, (ptrdiff_t)k) == 0, "dw of no rows", l);
            for (size_t k = 0; k < rows * in && out == 0; k++)
                check(get(o.arrays[6], size, (ptrdiff_t)k) == 0, "dx of no columns", l);
            free_layer(&o);
        }
    }
    fa_dense l = {.size = sizeof l, .rows = (size_t)1 << 50, .activation = FA_relu, .saving = FA_SAVE_OUTPUT};
    check(run(&l, sizeof(double), 0) == FA_OK && run(&l, sizeof(double), 1) == FA_OK, "nothing, often", &l);
    const size_t many[] = {(size_t)1 << 50};
    l.rows = 0, l.stack_ndim = 1, l.stack_shape = many;
    check(run(&l, sizeof(double), 0) == FA_OK && run(&l, sizeof(double), 1) == FA_OK, "an empty stack", &l);
}

/* gradients that are sums over an axis of length 0, beside one of length 2 */
static void test_empty_stack(void) {
    static const size_t shape[] = {2, 0};
    static const ptrdiff_t strides[] = {30, 0};
    owned o = new_layer(7, 5, 6, sizeof(float), 0);
    fa_dense *l = &o.layer;
    float *dw = random_array(60, sizeof(float));
    l->stack_ndim = 2;
    l->stack_shape = shape;
    l->dw = (fa_result){dw, 6, strides};
    l->x.data = l->w.data = l->grad_y.data = l->saved.data = l->y.data = 0;
    l->dx.data = l->db.data = 0;
    l->accumulate = 1;
    check(run(l, sizeof(float), 1) == FA_OK && dw[0] != 0, "added to", l);
    l->accumulate = 0;
    check(run(l, sizeof(float), 1) == FA_OK, "empty stack", l);
    for (int i = 0; i < 60; i++) check(dw[i] == 0, "a sum of nothing", l);
    free(dw);
    free_layer(&o);
}

int main(void) {
    test_null_pointers();
    test_sizes();
    test_numbers();
    test_workspaces();
    test_versions();
    test_unused_arrays();
    test_unused_arrays_of_stacks();
    test_default_parameters();
    test_empty();
    test_empty_stack();
    return closing_line();
}
