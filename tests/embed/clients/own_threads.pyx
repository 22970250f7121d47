"""A plugin that brings its own thread pool and its own BLAS (SciPy's), of which it counts the calls."""

cimport fastact
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from scipy.linalg.cython_blas cimport sgemm

cdef extern from *:
    """
    #include <pthread.h>
    #include <stdatomic.h>

    /* two workers, which wait for tasks; a loop that finds them busy is left to its caller */
    static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t pool_changed = PTHREAD_COND_INITIALIZER;
    static pthread_t workers[2];
    static void (*pool_task)(void *);
    static void *pool_data;
    static size_t to_begin, to_end;
    static int pool_stops, pool_busy;
    static atomic_long pool_loops, pool_tasks;

    static void *work(void *unused) {
        pthread_mutex_lock(&pool_lock);
        while (!pool_stops) {
            if (to_begin == 0) {
                pthread_cond_wait(&pool_changed, &pool_lock);
                continue;
            }
            to_begin--;
            pthread_mutex_unlock(&pool_lock);
            pool_task(pool_data);
            atomic_fetch_add(&pool_tasks, 1);
            pthread_mutex_lock(&pool_lock);
            if (--to_end == 0) pthread_cond_broadcast(&pool_changed);
        }
        pthread_mutex_unlock(&pool_lock);
        return unused;
    }
    static void start_pool(void) {
        pool_stops = 0;
        for (int i = 0; i < 2; i++) pthread_create(&workers[i], 0, work, 0);
    }
    static void stop_pool(void) {
        pthread_mutex_lock(&pool_lock);
        pool_stops = 1;
        pthread_cond_broadcast(&pool_changed);
        pthread_mutex_unlock(&pool_lock);
        for (int i = 0; i < 2; i++) pthread_join(workers[i], 0);
    }
    static void run_in_pool(void *context, void (*task)(void *), void *data, size_t count) {
        (void)context;
        pthread_mutex_lock(&pool_lock);
        if (!pool_busy) {
            pool_busy = 1;
            pool_task = task, pool_data = data;
            to_begin = to_end = count;
            atomic_fetch_add(&pool_loops, 1);
            pthread_cond_broadcast(&pool_changed);
            while (to_end) pthread_cond_wait(&pool_changed, &pool_lock);
            pool_busy = 0;
        }
        pthread_mutex_unlock(&pool_lock);
    }
    static atomic_long products;
    static void count_product(void) { atomic_fetch_add(&products, 1); }
    """
    void start_pool() nogil
    void stop_pool() nogil
    void run_in_pool(void *context, fastact.fa_task task, void *data, size_t count) noexcept nogil
    void count_product() noexcept nogil
    long pool_loops, pool_tasks, products


def install():
    """Start the pool; from now on fastact uses it, from Python too."""
    start_pool()
    fastact.set_parallel_for(run_in_pool, NULL)


def remove():
    fastact.set_parallel_for(NULL, NULL)
    with nogil:
        stop_pool()


def limit_here(int n):
    """Limit the threads of calls from this thread."""
    fastact.set_num_threads_here(n)


def counts():
    """Loops and tasks that the pool has run, and products that the BLAS has computed."""
    return pool_loops, pool_tasks, products


cdef void counted_sgemm(char *ta, char *tb, int *m, int *n, int *k, float *alpha, float *a, int *lda, float *b,
                        int *ldb, float *beta, float *c, int *ldc) noexcept nogil:
    count_product()
    sgemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)


def relu_layer(const float[:, ::1] x, const float[:, ::1] w, float[:, ::1] y):
    """y = relu(x w), the product by the BLAS whatever its size."""
    cdef fastact.fa_blas blas
    cdef fastact.fa_dense layer
    memset(&blas, 0, sizeof(blas))
    memset(&layer, 0, sizeof(layer))
    blas.size, blas.integer_bits, blas.always = sizeof(blas), 32, 1
    blas.sgemm = <void (*)() noexcept nogil>counted_sgemm
    layer.size, layer.activation, layer.blas = sizeof(layer), fastact.FA_relu, &blas
    layer.rows, layer.n_in, layer.n_out = x.shape[0], x.shape[1], w.shape[1]
    layer.x.data, layer.x.row, layer.x.column = &x[0, 0], x.shape[1], 1
    layer.w.data, layer.w.row, layer.w.column = &w[0, 0], w.shape[1], 1
    layer.y.data, layer.y.row = &y[0, 0], y.shape[1]
    cdef size_t size = fastact.dense_workspace_f32(&layer, 0)
    cdef void *workspace = malloc(size)
    answer = fastact.dense_forward_f32(&layer, workspace, size)
    free(workspace)
    return answer
