/* Dense layers from C alone: results against plain loops, with and without a BLAS of either integer size; in
 * place; what may be saved; networks. It uses the public API only.
 *
 * It runs with the instruction set that FASTACT_ISA names, or the best. The closing line is "N passed, N
 * failed"; the exit status says the same.
 */
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dense_layers.h"

/* A BLAS that Fortran would recognise, which counts its calls --------------------------------------- */

static int blas_calls, blas_threads = 5, threads_seen, wait_inside;
static sem_t is_inside, may_leave;

#define GEMM(name, integer, T)                                                                             \
    static void name(const char *ta, const char *tb, const integer *m, const integer *n, const integer *k, \
                     const T *alpha, const T *a, const integer *lda, const T *b, const integer *ldb,       \
                     const T *beta, T *c, const integer *ldc) {                                            \
        blas_calls++;                                                                                      \
        threads_seen = blas_threads;                                                                       \
        if (wait_inside) {                                                                                 \
            sem_post(&is_inside);                                                                          \
            sem_wait(&may_leave);                                                                          \
        }                                                                                                  \
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
static const fa_blas blas_32 = {
    sizeof(fa_blas), (void (*)(void))sgemm_32, (void (*)(void))dgemm_32, 32, get_threads, set_threads, 0};
static const fa_blas blas_64 = {
    sizeof(fa_blas), (void (*)(void))sgemm_64, (void (*)(void))dgemm_64, 64, get_threads, set_threads, 0};

static const fa_blas always = {
    sizeof(fa_blas), (void (*)(void))sgemm_32, (void (*)(void))dgemm_32, 32, get_threads, set_threads, 1};

/* One layer ---------------------------------------------------------------------------------------- */

/* largest difference from plain loops in double, of y, dx, dw, db */
static double largest_error(const fa_dense *l, size_t size) {
    ptrdiff_t rows = (ptrdiff_t)l->rows, in = (ptrdiff_t)l->n_in, out = (ptrdiff_t)l->n_out;
    double *delta = calloc(l->rows * l->n_out + 1, sizeof(double)), worst = 0;
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

static const size_t sizes[][3] = {{1, 1, 1},      {1, 64, 64},  {7, 13, 5},    {33, 97, 61},
                                  {200, 70, 130}, {400, 3, 20}, {5, 300, 600}, {90, 800, 260},
                                  {3, 0, 4},      {3, 4, 0},    {0, 3, 4}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void check_results(const fa_blas *blas, size_t i, size_t size) {
    owned o = new_layer(sizes[i][0], sizes[i][1], sizes[i][2], size, blas);
    check(run(&o.layer, size, 0) == 0, "forward", &o.layer);
    check(run(&o.layer, size, 1) == 0, "backward", &o.layer);
    double bound = size == sizeof(float) ? 1e-3 : 1e-11;
    check(largest_error(&o.layer, size) < bound, "results", &o.layer);
    free_layer(&o);
}

static void test_results(void) {
    const fa_blas *const blas[] = {0, &blas_32, &blas_64};
    for (size_t i = 0; i < SIZES; i++)
        for (int which = 0; which < 3; which++)
            for (size_t size = sizeof(float); size <= sizeof(double); size *= 2)
                check_results(blas[which], i, size);
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

/* What is saved ------------------------------------------------------------------------------------ */

/* gradients from one kind of saved array are those from x w + b */
static void compare_saving(int activation, int saving, size_t size) {
    owned o = new_layer(37, 20, 13, size, 0);
    fa_dense *l = &o.layer;
    size_t bytes = 20 * 13 * size;
    l->activation = activation;
    check(run(l, size, 0) == FA_OK && run(l, size, 1) == FA_OK, "from x w + b", l);
    void *dw = malloc(bytes);
    memcpy(dw, l->dw.data, bytes);
    memset(l->dw.data, 0, bytes);
    l->saving = saving;
    l->mask_values[1] = 1;
    if (saving == FA_SAVE_OUTPUT) l->saved = l->y;
    if (saving == FA_SAVE_BIT_MASK) l->saved.row = 2;
    if (saving == FA_SAVE_NOTHING) l->saved.data = 0;
    check(run(l, size, 0) == FA_OK && run(l, size, 1) == FA_OK, "from less", l);
    check(memcmp(dw, l->dw.data, bytes) == 0, "gradients from less", l);
    free(dw);
    free_layer(&o);
}

static void test_saving(void) {
    for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {
        compare_saving(FA_relu, FA_SAVE_OUTPUT, size);
        compare_saving(FA_relu, FA_SAVE_BIT_MASK, size);
        compare_saving(FA_identity, FA_SAVE_NOTHING, size);
        compare_saving(FA_step, FA_SAVE_NOTHING, size);
        compare_saving(FA_sign, FA_SAVE_NOTHING, size);
    }
}

/* Networks ----------------------------------------------------------------------------------------- */

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

/* Products of every size by the BLAS ---------------------------------------------------------------- */

static void test_blas_always(void) {
    for (size_t i = 0; i < SIZES; i++)
        for (size_t size = sizeof(float); size <= sizeof(double); size *= 2) {
            int some = sizes[i][0] && sizes[i][1] && sizes[i][2], before = blas_calls;
            check_results(&always, i, size);
            fa_dense l = {.rows = sizes[i][0], .n_in = sizes[i][1], .n_out = sizes[i][2]};
            check(blas_calls - before >= 3 * some, "y, dx and dw by the BLAS", &l);
        }
}

/* In the struct's first version there is no such field: what follows it in memory is not read */
static void test_blas_of_the_first_version(void) {
    fa_blas older = always;
    older.size = offsetof(fa_blas, always);
    int before = blas_calls, used = strcmp(fa_isa(), "sse2") == 0;
    owned o = new_layer(7, 13, 5, sizeof(float), &older);
    check(run(&o.layer, sizeof(float), 0) == 0, "an older struct", &o.layer);
    if (strcmp(fa_isa(), "neon") != 0) check((blas_calls > before) == used, "as before", &o.layer);
    free_layer(&o);
}

/* Forks -------------------------------------------------------------------------------------------- */

static void *forward_in_thread(void *layer) {
    run(layer, sizeof(float), 0);
    return 0;
}

/* A child forked while another thread keeps the BLAS to one thread has the number of threads from before */
static void test_fork(void) {
    owned o = new_layer(20, 20, 20, sizeof(float), &always);
    pthread_t thread;
    sem_init(&is_inside, 0, 0);
    sem_init(&may_leave, 0, 0);
    wait_inside = 1;
    pthread_create(&thread, 0, forward_in_thread, &o.layer);
    sem_wait(&is_inside);
    wait_inside = 0;
    pid_t child = fork();
    if (child == 0) {
        int before = blas_threads;
        run(&o.layer, sizeof(float), 0);
        _exit(before == 5 && threads_seen == 1 && blas_threads == 5 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check(status == 0, "threads of the BLAS in a child", &o.layer);
    check(blas_threads == 1, "still limited in the parent", &o.layer);
    sem_post(&may_leave);
    pthread_join(thread, 0);
    check(blas_threads == 5, "threads of the BLAS in the parent", &o.layer);
    free_layer(&o);
}

int main(void) {
    test_results();
    test_in_place();
    test_saving();
    test_network();
    test_blas_always();
    test_blas_of_the_first_version();
    test_fork();
    return closing_line();
}
