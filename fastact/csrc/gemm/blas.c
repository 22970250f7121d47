#include "gemm/blas.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

#include "gemm/micro_kernel.h"

/* Products ----------------------------------------------------------------------------------------- */

/* what gemm takes beside the arrays; all is seen transposed, since Fortran stores columns: C^T = B^T A^T */
typedef struct {
    char trans[2];   /* of A and B */
    ptrdiff_t ld[3]; /* of A, B and C */
} fortran_layout;

#define GEMM(name, integer, T)                                                                              \
    typedef void name##_function(const char *, const char *, const integer *, const integer *,              \
                                 const integer *, const T *, const T *, const integer *, const T *,         \
                                 const integer *, const T *, T *, const integer *);                         \
    static void name(void (*gemm)(void), const fa__gemm *p, const fortran_layout *layout) {                 \
        const integer m = (integer)p->m, n = (integer)p->n, k = (integer)p->k;                              \
        const integer lda = (integer)layout->ld[0], ldb = (integer)layout->ld[1],                           \
                      ldc = (integer)layout->ld[2];                                                         \
        const T one = 1, zero = 0;                                                                          \
        if (p->bias)                                                                                        \
            for (size_t i = 0; i < p->m; i++)                                                               \
                for (size_t j = 0; j < p->n; j++)                                                           \
                    ((T *)p->c)[(ptrdiff_t)i * p->ldc + (ptrdiff_t)j] = ((const T *)p->bias)[j];            \
        const T *beta = p->add || p->bias ? &one : &zero;                                                   \
        ((name##_function *)gemm)(&layout->trans[1], &layout->trans[0], &n, &m, &k, &one, p->b, &ldb, p->a, \
                                  &lda, beta, p->c, &ldc);                                                  \
    }
GEMM(sgemm_32, int32_t, float)
GEMM(dgemm_32, int32_t, double)
GEMM(sgemm_64, int64_t, float)
GEMM(dgemm_64, int64_t, double)

/* The leading dimension of an array as gemm sees it, and in *trans whether it is transposed there; 0 where
 * gemm cannot take the strides, or its integers not the dimension */
static ptrdiff_t leading(ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns, ptrdiff_t most,
                         char *trans) {
    size_t across = column == 1 ? columns : rows;
    ptrdiff_t ld = column == 1 ? row : column;
    *trans = column == 1 ? 'N' : 'T';
    if (column != 1 && row != 1) return 0;
    if ((column == 1 ? rows : columns) <= 1) ld = (ptrdiff_t)across; /* that stride is never used */
    if (ld < 1) ld = across == 0 ? 1 : ld;
    return ld < (ptrdiff_t)across || ld < 1 || ld > most ? 0 : ld;
}

static int find_layout(const fa__gemm *p, const fa_blas *blas, fortran_layout *layout) {
    ptrdiff_t most = blas->integer_bits == 64 ? PTRDIFF_MAX : INT_MAX;
    if (p->m == 0 || p->n == 0 || p->k == 0) return 0;
    if (p->m > (size_t)most || p->n > (size_t)most || p->k > (size_t)most) return 0;
    char plain;
    layout->ld[0] = leading(p->a_row, p->a_column, p->m, p->k, most, &layout->trans[0]);
    layout->ld[1] = leading(p->b_row, p->b_column, p->k, p->n, most, &layout->trans[1]);
    layout->ld[2] = leading(p->ldc, 1, p->m, p->n, most, &plain);
    return layout->ld[0] && layout->ld[1] && layout->ld[2];
}

int fa__wants_blas(const fa__micro_kernel *kernel, const fa_blas *blas) {
    if (!blas || kernel->prefer_blas) return blas != 0;
    return blas->size >= offsetof(fa_blas, always) + sizeof blas->always && blas->always != 0;
}

int fa__fits_blas(const fa__gemm *p, const fa_blas *blas) {
    fortran_layout layout;
    return find_layout(p, blas, &layout);
}

int fa__multiply_by_blas(const fa__gemm *p, const fa_blas *blas, size_t size) {
    fortran_layout layout;
    if (!find_layout(p, blas, &layout)) return 0;
    int wide = blas->integer_bits == 64, errno_before = errno;
    if (size == sizeof(float))
        (wide ? sgemm_64 : sgemm_32)(blas->sgemm, p, &layout);
    else
        (wide ? dgemm_64 : dgemm_32)(blas->dgemm, p, &layout);
    errno = errno_before;
    return 1;
}

/* Threads ------------------------------------------------------------------------------------------ */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fa__blas_limit *limits; /* those in force */

static const fa__blas_limit *find_limit(const fa__blas_limit *limit, void (*set_threads)(int)) {
    while (limit && limit->set_threads != set_threads) limit = limit->next;
    return limit;
}

/* The limits in force when the process was forked last, one for each BLAS; a process seldom has as many */
#define BLASES 4
static fa__blas_limit at_fork[BLASES];
static int limited;

static void before_fork(void) {
    pthread_mutex_lock(&lock);
    limited = 0;
    for (const fa__blas_limit *limit = limits; limit && limited < BLASES; limit = limit->next)
        if (!find_limit(limit->next, limit->set_threads)) at_fork[limited++] = *limit;
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&lock);
}

/* The child has only the thread that called fork, which is in no call, so no limit is in force. A BLAS may start threads
 * here; those it had are gone in any case. */
static void after_fork_in_child(void) {
    limits = 0;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < limited; i++)
        if (at_fork[i].threads_before != 1) at_fork[i].set_threads(at_fork[i].threads_before);
}

__attribute__((constructor)) static void handle_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static int threads_before(const fa_blas *blas) {
    const fa__blas_limit *other = find_limit(limits, blas->set_threads);
    return other ? other->threads_before : blas->get_threads();
}

void fa__limit_blas(fa__blas_limit *limit, const fa_blas *blas) {
    limit->set_threads = blas && blas->get_threads ? blas->set_threads : 0;
    if (!limit->set_threads) return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &limit->cancellation);
    pthread_mutex_lock(&lock);
    limit->threads_before = threads_before(blas);
    if (!find_limit(limits, limit->set_threads) && limit->threads_before != 1) limit->set_threads(1);
    limit->next = limits;
    limits = limit;
    pthread_mutex_unlock(&lock);
}

void fa__restore_blas(fa__blas_limit *limit) {
    if (!limit->set_threads) return;
    pthread_mutex_lock(&lock);
    fa__blas_limit **link = &limits;
    while (*link != limit) link = &(*link)->next;
    *link = limit->next;
    if (!find_limit(limits, limit->set_threads) && limit->threads_before != 1)
        limit->set_threads(limit->threads_before);
    pthread_mutex_unlock(&lock);
    pthread_setcancelstate(limit->cancellation, 0);
}
