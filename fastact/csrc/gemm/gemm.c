/* Matrix products: which kernels compute one, and how it is handed to a BLAS.
 * Knows strides, packing and Fortran's gemm; does not know layers, activations or which CPU it is on.
 *
 * The choice, by measurement (an Intel CPU with AVX-512, one thread, float32, GFLOP/s of single products):
 *
 *                  32x64x64   64x256x256   192x512x784   192x1024x1024   OpenBLAS, 1024 x 1024 x 1024
 *   AVX-512 own    165        175          165           160             138, by its AVX-512 kernels
 *   AVX2    own     77         65-86        61-80         55-75           79, by its AVX2 kernels
 *   SSE2    own     26         20           19            18              138: it goes by CPU, not by our choice
 *
 * A. Own kernels for AVX-512 and AVX2; a BLAS, if there is one, where there is no fused multiply-add.
 * B. Right sides with columns apart (w^T) are packed, unless there are so few rows that dot products are faster.
 *    Those with adjacent columns (w) are packed from ROWS_WORTH_PACKING rows on.
 * C. Up to a tile or two of rows, packing goes group by group, each used while it is in cache: without, w of
 *    1024 x 1024 costs a tenth of the product of 256 rows.
 */
#include "gemm/gemm.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>

#include "platform/fenv.h"

/* A BLAS ------------------------------------------------------------------------------------------- */

#define GEMM(name, integer, T)                                                                            \
    typedef void name##_function(const char *, const char *, const integer *, const integer *,            \
                                 const integer *, const T *, const T *, const integer *, const T *,       \
                                 const integer *, const T *, T *, const integer *);                       \
    static void name(void (*gemm)(void), const fa__product *p, const char *trans, const ptrdiff_t *ld) {  \
        const integer m = (integer)p->m, n = (integer)p->n, k = (integer)p->k;                            \
        const integer lda = (integer)ld[0], ldb = (integer)ld[1], ldc = (integer)ld[2];                   \
        const T one = 1, zero = 0;                                                                        \
        if (p->bias)                                                                                      \
            for (size_t i = 0; i < p->m; i++)                                                             \
                for (size_t j = 0; j < p->n; j++)                                                         \
                    ((T *)p->c)[(ptrdiff_t)i * p->ldc + (ptrdiff_t)j] = ((const T *)p->bias)[j];          \
        const T *beta = p->add || p->bias ? &one : &zero;                                                 \
        ((name##_function *)gemm)(trans + 1, trans, &n, &m, &k, &one, p->b, &ldb, p->a, &lda, beta, p->c, \
                                  &ldc);                                                                  \
    }
GEMM(sgemm_32, int32_t, float)
GEMM(dgemm_32, int32_t, double)
GEMM(sgemm_64, int64_t, float)
GEMM(dgemm_64, int64_t, double)

/* The leading dimension of an array as gemm sees it, and in *trans whether it is transposed there; 0 where gemm
 * cannot take the strides, or its integers not the dimension */
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

/* Whether gemm can compute it: then strides and transpositions as it wants them. All is seen transposed, since
 * Fortran stores columns: C^T = B^T A^T. */
static int fits_blas(const fa__product *p, const fa_blas *blas, char *trans, ptrdiff_t *ld) {
    ptrdiff_t most = blas->integer_bits == 64 ? PTRDIFF_MAX : INT_MAX;
    if (p->m == 0 || p->n == 0 || p->k == 0) return 0;
    if (p->m > (size_t)most || p->n > (size_t)most || p->k > (size_t)most) return 0;
    ld[0] = leading(p->a_row, p->a_column, p->m, p->k, most, &trans[0]);
    ld[1] = leading(p->b_row, p->b_column, p->k, p->n, most, &trans[1]);
    char plain;
    ld[2] = leading(p->ldc, 1, p->m, p->n, most, &plain);
    return ld[0] && ld[1] && ld[2];
}

static pthread_mutex_t quiet_lock = PTHREAD_MUTEX_INITIALIZER;
static int quiet_count, threads_before;

/* a child of a fork finds the lock free, whoever had it */
static void take_lock(void) {
    pthread_mutex_lock(&quiet_lock);
}
static void free_lock(void) {
    pthread_mutex_unlock(&quiet_lock);
}
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(take_lock, free_lock, free_lock);
}

void fa__quiet_blas(const fa_blas *blas) {
    if (!blas || !blas->get_threads || !blas->set_threads) return;
    pthread_mutex_lock(&quiet_lock);
    if (quiet_count++ == 0) {
        threads_before = blas->get_threads();
        if (threads_before != 1) blas->set_threads(1);
    }
    pthread_mutex_unlock(&quiet_lock);
}

void fa__wake_blas(const fa_blas *blas) {
    if (!blas || !blas->get_threads || !blas->set_threads) return;
    pthread_mutex_lock(&quiet_lock);
    if (--quiet_count == 0 && threads_before != 1) blas->set_threads(threads_before);
    pthread_mutex_unlock(&quiet_lock);
}

/* Plans -------------------------------------------------------------------------------------------- */

/* Packing B costs as much as some 20 rows of A, and saves a tenth of the time of the others */
#define ROWS_WORTH_PACKING 256
/* up to so many rows, dot products are faster than transposing B */
#define ROWS_WORTH_DOTS 12

fa__product_plan fa__plan_product(const fa__product *p, const fa__micro *micro, size_t size,
                                  const fa_blas *blas) {
    fa__product_plan plan = {.micro = micro, .size = size};
    char trans[2];
    ptrdiff_t ld[3];
    if (blas && plan.micro->prefer_blas && fits_blas(p, blas, trans, ld)) {
        plan.blas = blas;
        return plan;
    }
    plan.dots = p->b_row == 1 && p->a_column == 1 && p->b_column != 1 && p->m <= ROWS_WORTH_DOTS;
    plan.packs = !plan.dots && (p->b_column != 1 || p->m >= ROWS_WORTH_PACKING);
    return plan;
}

static size_t panels(const fa__product_plan *plan, const fa__product *p) {
    return (p->n + plan->micro->columns - 1) / plan->micro->columns;
}

size_t fa__packed_size(const fa__product_plan *plan, const fa__product *p) {
    if (!plan->packs) return 0;
    size_t columns = panels(plan, p) * plan->micro->columns;
    return (plan->group && plan->group < columns ? plan->group : columns) * p->k * plan->size;
}

typedef struct {
    const fa__product_plan *plan;
    const fa__product *product;
} packing;

static void pack_range(const void *context, size_t begin, size_t end) {
    const packing *c = context;
    c->plan->micro->pack(c->product, c->plan->packed, begin, end);
}

/* fewest bytes to pack that are worth a thread of their own */
#define PACKING_GRAIN 65536

void fa__pack(const fa__product_plan *plan, const fa__product *p) {
    if (!plan->packs || p->k == 0) return;
    packing context = {plan, p};
    size_t panel_bytes = plan->micro->columns * p->k * plan->size;
    fa__parallel_for(pack_range, &context, panels(plan, p), PACKING_GRAIN / panel_bytes + 1, 1);
}

/* Groups: a packed one takes about a half of a second-level cache */
#define GROUP_BYTES 1000000

void fa__plan_groups(fa__product_plan *plan, const fa__product *p) {
    size_t panel_bytes = plan->micro->columns * (p->k + 1) * plan->size;
    plan->group = plan->packs ? (GROUP_BYTES / panel_bytes + 1) * plan->micro->columns : 0;
}

/* panels that are packed at a time */
static size_t held_panels(const fa__product_plan *plan, const fa__product *p) {
    size_t held = plan->group / plan->micro->columns, all = panels(plan, p);
    return held < all ? held : all;
}

/* panels [begin, end), in a part of the memory for packed ones that is as large a share of it */
static void multiply_panels(const void *context, size_t begin, size_t end) {
    const packing *c = context;
    const fa__product *p = c->product;
    const size_t columns = c->plan->micro->columns, size = c->plan->size;
    const size_t held = held_panels(c->plan, p), all = panels(c->plan, p);
    const size_t room = begin * held / all, step = end * held / all - room;
    fa__product_plan own = *c->plan;
    own.packed = (char *)c->plan->packed + room * columns * p->k * size;
    fa__fenv caller = fa__enter_fenv();
    for (size_t first = begin; first < end; first += step) {
        size_t last = end - first < step ? end : first + step, beyond = last * columns;
        const ptrdiff_t bytes = (ptrdiff_t)(first * columns * size);
        fa__product part = *p;
        part.n = (beyond < p->n ? beyond : p->n) - first * columns;
        part.b = (const char *)p->b + bytes * p->b_column;
        part.c = (char *)p->c + bytes;
        if (p->bias) part.bias = (const char *)p->bias + bytes;
        if (p->k) own.micro->pack(&part, own.packed, 0, last - first);
        fa__multiply(&own, &part);
    }
    fa__leave_fenv(caller);
}

/* Threads share out columns: each packs what it uses, since lines that another core has just written are slow to get */
void fa__multiply_groups(const fa__product_plan *plan, const fa__product *p) {
    packing context = {plan, p};
    size_t all = panels(plan, p), held = held_panels(plan, p);
    if (all == 0) return;
    size_t grain = FA__PRODUCT_GRAIN / (plan->micro->columns * p->m * p->k + 1) + 1;
    size_t least = (all + held - 1) / held; /* so that each has room for one */
    fa__parallel_for(multiply_panels, &context, all, grain > least ? grain : least, 1);
}

fa__product fa__pack_left(const fa__product_plan *plan, const fa__product *p, void *packed) {
    plan->micro->pack_left(p, packed);
    fa__product made = *p;
    made.a = packed;
    made.a_row = 1;
    made.a_column = (ptrdiff_t)plan->micro->rows;
    made.a_panel = made.a_column * (ptrdiff_t)p->k;
    return made;
}

void fa__multiply(const fa__product_plan *plan, const fa__product *p) {
    if (p->m == 0 || p->n == 0) return;
    char trans[2];
    ptrdiff_t ld[3];
    if (plan->blas && fits_blas(p, plan->blas, trans, ld)) {
        int wide = plan->blas->integer_bits == 64;
        if (plan->size == sizeof(float))
            (wide ? sgemm_64 : sgemm_32)(plan->blas->sgemm, p, trans, ld);
        else
            (wide ? dgemm_64 : dgemm_32)(plan->blas->dgemm, p, trans, ld);
    } else if (plan->dots) {
        plan->micro->dot(p);
    } else if (plan->packs) {
        fa__product packed = *p;
        packed.b = plan->packed;
        packed.b_row = (ptrdiff_t)plan->micro->columns;
        plan->micro->multiply(&packed, (ptrdiff_t)p->k);
    } else {
        plan->micro->multiply(p, 1);
    }
}

#include "platform/isa.h"
#define DECLARE(isa) extern const fa__micro fa__micro_##isa##_float, fa__micro_##isa##_double;
FA__EACH_ISA(DECLARE)
#define DESCRIBE(isa) {&fa__micro_##isa##_float, &fa__micro_##isa##_double},
static const fa__micro *const micros[FA__ISAS][2] = {FA__EACH_ISA(DESCRIBE)};
const fa__micro *fa__micro_of(fa__dtype dtype) {
    return micros[fa__active_isa()][dtype == FA__F64];
}
