/* How products are planned and run. Must not depend on layers or activations.
 *
 * The choice, by measurement (an Intel CPU with AVX-512, one thread, float32, GFLOP/s of single products):
 *
 *                      32x64x64   64x256x256   192x512x784   192x1024x1024   OpenBLAS, 1024 x 1024 x 1024
 *   AVX-512 kernels    165        175          165           160             138, by its AVX-512 kernels
 *   AVX2 kernels        77         65-86        61-80         55-75           79, by its AVX2 kernels
 *   SSE2 kernels        26         20           19            18              138: it chooses by CPU
 *
 * A. The library's own kernels for AVX-512 and AVX2; a BLAS, if there is one, where there is no fused
 *    multiply-add, or where the caller wants it always.
 * B. A right side whose columns are not adjacent (w^T) is packed, unless there are so few rows that dot
 *    products are faster. One with adjacent columns (w) is packed from ROWS_WORTH_PACKING rows on.
 * C. For the rows of up to two tiles of a layer, B is packed in groups, each used while it is in cache:
 *    otherwise w of 1024 x 1024 costs a tenth of the product of 256 rows.
 */
#include "gemm/gemm.h"

#include "gemm/blas.h"
#include "gemm/micro_kernel.h"
#include "platform/fenv.h"
#include "platform/parallel.h"

/* Plans -------------------------------------------------------------------------------------------- */

/* Packing B takes as long as some 20 rows of A, and saves a tenth of the time of all rows */
#define ROWS_WORTH_PACKING 256
/* up to this many rows, dot products are faster than transposing B */
#define ROWS_WORTH_DOTS 12

void fa__plan_gemm(fa__gemm_plan *plan, const fa__gemm *p, const fa__micro_kernel *kernel, size_t size,
                   const fa_blas *blas) {
    *plan = (fa__gemm_plan){.kernel = kernel, .size = size};
    if (fa__wants_blas(kernel, blas) && fa__fits_blas(p, blas)) {
        plan->blas = blas;
        return;
    }
    plan->dots = p->b_row == 1 && p->a_column == 1 && p->b_column != 1 && p->m <= ROWS_WORTH_DOTS;
    plan->packs = !plan->dots && (p->b_column != 1 || p->m >= ROWS_WORTH_PACKING);
}

static size_t panels(const fa__gemm_plan *plan, const fa__gemm *p) {
    return (p->n + plan->kernel->columns - 1) / plan->kernel->columns;
}

size_t fa__packed_size(const fa__gemm_plan *plan, const fa__gemm *p) {
    if (!plan->packs) return 0;
    size_t columns = panels(plan, p) * plan->kernel->columns;
    return (plan->group && plan->group < columns ? plan->group : columns) * p->k * plan->size;
}

typedef struct {
    const fa__gemm_plan *plan;
    const fa__gemm *product;
} packing;

static void pack_range(const void *context, size_t begin, size_t end) {
    const packing *c = context;
    c->plan->kernel->pack(c->product, c->plan->packed, begin, end);
}

/* the fewest bytes to pack that are worth a thread */
#define PACKING_GRAIN 65536

void fa__pack(const fa__gemm_plan *plan, const fa__gemm *p) {
    if (!plan->packs || p->k == 0) return;
    packing context = {plan, p};
    size_t panel_bytes = plan->kernel->columns * p->k * plan->size;
    fa__parallel_for(pack_range, &context, panels(plan, p), PACKING_GRAIN / panel_bytes + 1, 1);
}

/* A packed group takes about half of a second-level cache */
#define GROUP_BYTES 1000000

void fa__plan_groups(fa__gemm_plan *plan, const fa__gemm *p) {
    size_t panel_bytes = plan->kernel->columns * (p->k + 1) * plan->size;
    plan->group = plan->packs ? (GROUP_BYTES / panel_bytes + 1) * plan->kernel->columns : 0;
}

/* how many panels are packed at a time */
static size_t held_panels(const fa__gemm_plan *plan, const fa__gemm *p) {
    size_t held = plan->group / plan->kernel->columns, all = panels(plan, p);
    return held < all ? held : all;
}

/* Multiply by panels [begin, end), with a proportional share of the memory for packed panels */
static void multiply_panels(const void *context, size_t begin, size_t end) {
    const packing *c = context;
    const fa__gemm *p = c->product;
    const size_t columns = c->plan->kernel->columns, size = c->plan->size;
    const size_t held = held_panels(c->plan, p), all = panels(c->plan, p);
    const size_t room = begin * held / all, step = end * held / all - room;
    fa__gemm_plan own = *c->plan;
    own.packed = (char *)c->plan->packed + room * columns * p->k * size;
    fa__fenv caller = fa__enter_fenv();
    for (size_t first = begin; first < end; first += step) {
        size_t last = end - first < step ? end : first + step, beyond = last * columns;
        const ptrdiff_t column = (ptrdiff_t)(first * columns);
        fa__gemm part = *p;
        part.n = (beyond < p->n ? beyond : p->n) - first * columns;
        part.b = fa__at(p->b, column * p->b_column, size);
        part.c = fa__at(p->c, column, size);
        if (p->bias) part.bias = fa__at(p->bias, column, size);
        if (p->k) own.kernel->pack(&part, own.packed, 0, last - first);
        fa__multiply(&own, &part);
    }
    fa__leave_fenv(caller);
}

/* Columns are divided among the threads. Each thread packs what it uses, since cache lines that another core
 * has just written are slow to read. */
void fa__multiply_groups(const fa__gemm_plan *plan, const fa__gemm *p) {
    packing context = {plan, p};
    size_t all = panels(plan, p), held = held_panels(plan, p);
    if (all == 0) return;
    size_t grain = FA__GEMM_GRAIN / (plan->kernel->columns * p->m * p->k + 1) + 1;
    size_t least = (all + held - 1) / held; /* so that each thread has room for one */
    fa__parallel_for(multiply_panels, &context, all, grain > least ? grain : least, 1);
}

fa__gemm fa__pack_left(const fa__gemm_plan *plan, const fa__gemm *p, void *packed) {
    plan->kernel->pack_left(p, packed);
    fa__gemm made = *p;
    made.a = packed;
    made.a_row = 1;
    made.a_column = (ptrdiff_t)plan->kernel->rows;
    made.a_panel = made.a_column * (ptrdiff_t)p->k;
    return made;
}

void fa__multiply(const fa__gemm_plan *plan, const fa__gemm *p) {
    if (p->m == 0 || p->n == 0) return;
    if (plan->blas && fa__multiply_by_blas(p, plan->blas, plan->size)) return;
    fa__gemm product = *p;
    if (p->k == 0) product.a = product.b = p->c; /* they may be null, and are not read */
    if (plan->dots) {
        plan->kernel->dot(&product);
    } else if (plan->packs) {
        if (p->k > 0) product.b = plan->packed;
        product.b_row = (ptrdiff_t)plan->kernel->columns;
        plan->kernel->multiply(&product, (ptrdiff_t)p->k);
    } else {
        plan->kernel->multiply(&product, 1);
    }
}

void fa__multiply_each(const fa__gemm_plan *plan, const fa__gemm *p, const fa__gemm_steps *step,
                       size_t count) {
    if (p->m == 1 && p->k > 0 && p->k <= plan->kernel->depth && !p->add && !plan->blas && !plan->packs &&
        !plan->dots) {
        plan->kernel->multiply_single_rows(p, step, count);
        return;
    }
    fa__gemm each = *p;
    for (size_t i = 0; i < count; i++) {
        fa__pack(plan, &each);
        fa__multiply(plan, &each);
        each.a = fa__at(each.a, step->a, plan->size);
        each.b = fa__at(each.b, step->b, plan->size);
        each.c = fa__at(each.c, step->c, plan->size);
        if (each.bias) each.bias = fa__at(each.bias, step->bias, plan->size);
    }
}
