/* Dense layers from C alone: results against plain loops, with and without a BLAS of either integer size, on a
 * workspace of exactly the size that is asked for; what is refused; networks.
 * Knows the public API; does not know any row but the two it uses.
 *
 * It runs with the instruction set that FASTACT_ISA names, or the best. The closing line is
 * "N passed, N failed"; the exit status tells the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastact.h"

static int passed, failed;

static void check(int holds, const char *what, const fa_dense *l) {
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s: %zu x %zu x %zu\n", what, l->rows, l->in, l->out);
    }
}

/* Numbers of either type --------------------------------------------------------------------------- */

static double get(const void *array, size_t size, ptrdiff_t i) {
    return size == sizeof(float) ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void put(void *array, size_t size, ptrdiff_t i, double value) {
    if (size == sizeof(float))
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

static void *random_array(size_t n, size_t size) {
    static uint64_t state = 1;
    void *array = calloc(n + 1, size);
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        put(array, size, (ptrdiff_t)i, (double)(state >> 11) * 0x1p-52 - 1);
    }
    return array;
}

/* A BLAS that Fortran would recognise, which counts its calls --------------------------------------- */

static int blas_calls, blas_threads = 5, threads_seen;

#define GEMM(name, integer, T)                                                                             \
    static void name(const char *ta, const char *tb, const integer *m, const integer *n, const integer *k, \
                     const T *alpha, const T *a, const integer *lda, const T *b, const integer *ldb,       \
                     const T *beta, T *c, const integer *ldc) {                                            \
        blas_calls++;                                                                                      \
        threads_seen = blas_threads;                                                                       \
        for (integer j = 0; j < *n; j++)                                                                   \
            for (integer i = 0; i < *m; i++) {                                                             \
                double sum = 0;                                                                            \
                for (integer q = 0; q < *k; q++)                                                           \
                    sum += (double)(*ta == 'N' ? a[i + q * *lda] : a[q + i * *lda]) *                      \
                           (double)(*tb == 'N' ? b[q + j * *ldb] : b[j + q * *ldb]);                       \
                T before = *beta == 0 ? 0 : *beta * c[i + j * *ldc];                                       \
                c[i + j * *ldc] = (T)(*alpha * (T)sum + before);                                           \
            }                                                                                              \
    }
GEMM(sgemm_32, int32_t, float)
GEMM(dgemm_32, int32_t, double)
GEMM(sgemm_64, int64_t, float)
GEMM(dgemm_64, int64_t, double)

static int get_threads(void) {
    return blas_threads;
}
static void set_threads(int n) {
    blas_threads = n;
}
static const fa_blas blas_32 = {(void (*)(void))sgemm_32, (void (*)(void))dgemm_32, 32, get_threads,
                                set_threads};
static const fa_blas blas_64 = {(void (*)(void))sgemm_64, (void (*)(void))dgemm_64, 64, get_threads,
                                set_threads};

/* One layer ---------------------------------------------------------------------------------------- */

/* in memory of exactly this size, with a guard behind it */
static int run(const fa_dense *l, size_t size, int backward) {
    int f32 = size == sizeof(float);
    size_t bytes = f32 ? fa_dense_workspace_f32(l, backward) : fa_dense_workspace_f64(l, backward);
    unsigned char *workspace = malloc(bytes + 64);
    memset(workspace, 0xa5, bytes + 64);
    int answer = backward ? (f32 ? fa_dense_backward_f32 : fa_dense_backward_f64)(l, workspace, bytes)
                          : (f32 ? fa_dense_forward_f32 : fa_dense_forward_f64)(l, workspace, bytes);
    for (int i = 0; i < 64; i++)
        check(workspace[bytes + (size_t)i] == 0xa5, "written beyond the workspace", l);
    free(workspace);
    return answer;
}

typedef struct {
    fa_dense layer;
    void *arrays[10];
} owned;

static owned new_layer(size_t rows, size_t in, size_t out, size_t size, const fa_blas *blas) {
    const size_t sizes[10] = {rows * in,  in * out,  out,      rows * out, rows * out,
                              rows * out, rows * in, in * out, out};
    owned o = {.layer = {.rows = rows, .in = in, .out = out, .activation = FA_tanh, .saving = FA_SAVE_INPUT}};
    for (int i = 0; i < 9; i++) o.arrays[i] = random_array(sizes[i], size);
    fa_dense *l = &o.layer;
    ptrdiff_t inputs = (ptrdiff_t)in, outputs = (ptrdiff_t)out;
    l->x = (fa_input){o.arrays[0], inputs, 1, 0};
    l->w = (fa_input){o.arrays[1], outputs, 1, 0};
    l->b = (fa_input){o.arrays[2], 0, 1, 0};
    l->grad_y = (fa_input){o.arrays[3], outputs, 1, 0};
    l->y = (fa_result){o.arrays[4], outputs, 0};
    l->saved = (fa_result){o.arrays[5], outputs, 0};
    l->dx = (fa_result){o.arrays[6], inputs, 0};
    l->dw = (fa_result){o.arrays[7], outputs, 0};
    l->db = (fa_result){o.arrays[8], 0, 0};
    l->blas = blas;
    return o;
}

static void free_layer(owned *o) {
    for (int i = 0; i < 10; i++) free(o->arrays[i]);
}

/* largest difference from plain loops in double, of y, dx, dw, db */
static double largest_error(const fa_dense *l, size_t size) {
    ptrdiff_t rows = (ptrdiff_t)l->rows, in = (ptrdiff_t)l->in, out = (ptrdiff_t)l->out;
    double *delta = calloc(l->rows * l->out + 1, sizeof(double)), worst = 0;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t o = 0; o < out; o++) {
            double z = get(l->b.data, size, o);
            for (ptrdiff_t i = 0; i < in; i++)
                z += get(l->x.data, size, r * in + i) * get(l->w.data, size, i * out + o);
            worst = fmax(worst, fabs(get(l->y.data, size, r * out + o) - tanh(z)));
            delta[r * out + o] = get(l->grad_y.data, size, r * out + o) / (cosh(z) * cosh(z));
        }
    for (ptrdiff_t o = 0; o < out; o++) {
        double sum = 0;
        for (ptrdiff_t r = 0; r < rows; r++) sum += delta[r * out + o];
        worst = fmax(worst, fabs(get(l->db.data, size, o) - sum));
    }
    for (ptrdiff_t i = 0; i < in; i++) {
        for (ptrdiff_t o = 0; o < out; o++) {
            double sum = 0;
            for (ptrdiff_t r = 0; r < rows; r++) sum += get(l->x.data, size, r * in + i) * delta[r * out + o];
            worst = fmax(worst, fabs(get(l->dw.data, size, i * out + o) - sum));
        }
        for (ptrdiff_t r = 0; r < rows; r++) {
            double sum = 0;
            for (ptrdiff_t o = 0; o < out; o++) sum += delta[r * out + o] * get(l->w.data, size, i * out + o);
            worst = fmax(worst, fabs(get(l->dx.data, size, r * in + i) - sum));
        }
    }
    free(delta);
    return worst;
}

static void test_results(void) {
    static const size_t sizes[][3] = {{1, 1, 1},      {1, 64, 64},  {7, 13, 5},    {33, 97, 61},
                                      {200, 70, 130}, {400, 3, 20}, {5, 300, 600}, {90, 800, 260},
                                      {3, 0, 4},      {3, 4, 0},    {0, 3, 4}};
    const fa_blas *const blas[] = {0, &blas_32, &blas_64};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int which = 0; which < 3; which++)
            for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {
                owned o = new_layer(sizes[i][0], sizes[i][1], sizes[i][2], size, blas[which]);
                check(run(&o.layer, size, 0) == 0, "forward", &o.layer);
                check(run(&o.layer, size, 1) == 0, "backward", &o.layer);
                double bound = size == sizeof(float) ? 1e-3 : 1e-11;
                check(largest_error(&o.layer, size) < bound, "results", &o.layer);
                free_layer(&o);
            }
    fa_dense none = {0};
    int used = strcmp(fa_isa(), "sse2") == 0 || strcmp(fa_isa(), "neon") == 0;
    if (strcmp(fa_isa(), "neon") != 0) check((blas_calls > 0) == used, "use of the BLAS", &none);
    if (blas_calls) check(threads_seen == 1, "the BLAS kept to one thread", &none);
    check(blas_threads == 5, "the BLAS's threads restored", &none);
}

/* dx in place of x, and of grad_y */
static void test_in_place(void) {
    for (int which = 0; which < 2; which++)
        for (size_t rows = 5; rows < 1000; rows += 444) {
            owned o = new_layer(rows, 40, 40, sizeof(double), 0);
            fa_dense *l = &o.layer;
            run(l, sizeof(double), 0);
            run(l, sizeof(double), 1);
            double *dx = malloc(rows * 40 * sizeof(double)), *dw = malloc(1600 * sizeof(double));
            memcpy(dx, l->dx.data, rows * 40 * sizeof(double));
            memcpy(dw, l->dw.data, 1600 * sizeof(double));
            l->dx.data = o.arrays[which ? 3 : 0];
            run(l, sizeof(double), 1);
            check(memcmp(dx, l->dx.data, rows * 40 * sizeof(double)) == 0, "dx in place", l);
            check(memcmp(dw, l->dw.data, 1600 * sizeof(double)) == 0, "dw beside dx in place", l);
            free(dx);
            free(dw);
            free_layer(&o);
        }
}

/* Refusals and networks ---------------------------------------------------------------------------- */

static void test_refusals(void) {
    owned o = new_layer(300, 40, 50, sizeof(float), 0);
    fa_dense *l = &o.layer;
    float *before = malloc(300 * 40 * sizeof(float));
    memcpy(before, l->dx.data, 300 * 40 * sizeof(float));
    static char small[64];
    check(fa_dense_backward_f32(l, small, sizeof small) == -1, "workspace too small", l);
    l->saving = FA_SAVE_NOTHING;
    check(fa_dense_backward_f32(l, small, sizeof small) == -2, "nothing saved", l);
    l->saving = FA_SAVE_OUTPUT;
    l->activation = FA_gelu;
    check(fa_dense_backward_f32(l, small, sizeof small) == -2, "gelu from its output", l);
    l->activation = FA_leaky_relu;
    check(fa_dense_forward_f32(l, small, sizeof small) == -2, "no parameters", l);
    l->activation = FA_ACTIVATIONS;
    check(fa_dense_forward_f32(l, small, sizeof small) == -2, "no such activation", l);
    check(fa_dense_workspace_f32(l, 0) == 0, "workspace of no such activation", l);
    check(memcmp(before, l->dx.data, 300 * 40 * sizeof(float)) == 0, "written in spite of an error", l);
    free(before);
    free_layer(&o);
}

static void test_network(void) {
    enum { LAYERS = 4, ROWS = 30, WIDTH = 24 };
    owned one[LAYERS], two[LAYERS];
    fa_dense layers[LAYERS];
    for (int i = 0; i < LAYERS; i++) one[i] = new_layer(ROWS, WIDTH, WIDTH, sizeof(double), 0);
    for (int i = 0; i < LAYERS; i++) {
        two[i] = one[i]; /* same inputs, other results */
        fa_result *const results[] = {&two[i].layer.y, &two[i].layer.saved, &two[i].layer.dx,
                                      &two[i].layer.dw, &two[i].layer.db};
        for (int r = 0; r < 5; r++)
            two[i].arrays[r] = results[r]->data = calloc(ROWS * WIDTH, sizeof(double));
    }
    for (int i = 0; i < LAYERS; i++) {
        if (i > 0)
            one[i].layer.x.data = one[i - 1].layer.y.data, two[i].layer.x.data = two[i - 1].layer.y.data;
        if (i + 1 < LAYERS)
            one[i].layer.grad_y.data = one[i + 1].layer.dx.data,
            two[i].layer.grad_y.data = two[i + 1].layer.dx.data;
        layers[i] = two[i].layer;
    }
    for (int i = 0; i < LAYERS; i++) run(&one[i].layer, sizeof(double), 0);
    for (int i = LAYERS - 1; i >= 0; i--) run(&one[i].layer, sizeof(double), 1);
    size_t forward = fa_network_workspace_f64(layers, LAYERS, 0),
           bytes = fa_network_workspace_f64(layers, LAYERS, 1);
    if (forward > bytes) bytes = forward;
    void *workspace = malloc(bytes + 1);
    check(fa_network_forward_f64(layers, LAYERS, workspace, bytes) == 0, "network forward", layers);
    check(fa_network_backward_f64(layers, LAYERS, workspace, bytes) == 0, "network backward", layers);
    for (int i = 0; i < LAYERS; i++) {
        size_t all = ROWS * WIDTH * sizeof(double), square = WIDTH * WIDTH * sizeof(double);
        check(memcmp(one[i].layer.y.data, two[i].layer.y.data, all) == 0, "y of a network", layers);
        check(memcmp(one[i].layer.dx.data, two[i].layer.dx.data, all) == 0, "dx of a network", layers);
        check(memcmp(one[i].layer.dw.data, two[i].layer.dw.data, square) == 0, "dw of a network", layers);
        for (int r = 0; r < 5; r++) free(two[i].arrays[r]);
        free_layer(&one[i]);
    }
    free(workspace);
}

int main(void) {
    test_results();
    test_in_place();
    test_refusals();
    test_network();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
