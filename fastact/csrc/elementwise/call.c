/* The way into element-wise calls: short contiguous ones run at once, others are planned.
 * Must not depend on what a kernel computes. */
#include "elementwise/call.h"

#include <stdint.h>

#include "elementwise/plan.h"
#include "elementwise/span.h"
#include "platform/fenv.h"

/* One dimension ---------------------------------------------------------------------------------- */

static void run_1d(fa__plan *p, int entry, fa__direction direction, char *const *base,
                   const ptrdiff_t *stride, size_t n) {
    p->ndim = 1;
    p->shape = &n;
    for (int i = 0; i < p->operands; i++) {
        p->base[i] = base[i];
        p->stride[i] = &stride[i];
    }
    fa__run_plan(p, entry, direction);
}

void fa__execute_1d(int entry, fa__direction direction, fa__dtype dtype, char *const *base,
                    const ptrdiff_t *stride, size_t n) {
    fa__plan p;
    fa__start_plan(&p, entry, direction, dtype);
    run_1d(&p, entry, direction, base, stride, n);
}

/* Short contiguous arrays need no tiles: returns 0 where they are not short, or not aligned */
static int run_short(fa__plan *p, int entry, fa__direction direction, char *const *base, size_t n) {
    size_t bits = 0;
    for (int i = 0; i < p->operands; i++) bits |= (uintptr_t)base[i];
    if (n > FA__SHORT || p->stored != p->computed || (bits & (p->stored - 1)) != 0) return 0;
    for (int i = 0; i < p->operands; i++) p->uniform[i] = (char)fa__is_param(p, i);
    p->loop = fa__loop_for(p, entry, direction, 0);
    fa__fenv caller = fa__enter_fenv();
    fa__run_span(p, base, n, 0);
    fa__leave_fenv(caller);
    return 1;
}

void fa__execute_contiguous(int entry, fa__direction direction, fa__dtype dtype, char *const *base,
                            size_t n) {
    ptrdiff_t stride[FA__MAX_OPERANDS];
    fa__plan p;
    fa__start_plan(&p, entry, direction, dtype);
    if (run_short(&p, entry, direction, base, n)) return;
    for (int i = 0; i < p.operands; i++) stride[i] = fa__is_param(&p, i) ? 0 : (ptrdiff_t)p.stored;
    run_1d(&p, entry, direction, base, stride, n);
}

/* Many dimensions -------------------------------------------------------------------------------- */

static size_t magnitude(ptrdiff_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

static void swap_axes(fa__call *c, int operands, int a, int b) {
    size_t extent = c->shape[a];
    c->shape[a] = c->shape[b];
    c->shape[b] = extent;
    for (int i = 0; i < operands; i++) {
        ptrdiff_t stride = c->stride[i][a];
        c->stride[i][a] = c->stride[i][b];
        c->stride[i][b] = stride;
    }
}

/* Order the axes by the strides of the last operand, largest first (insertion sort), so that the result is traversed in
 * the order of its memory, whatever its layout */
static void sort_axes(fa__call *c, int operands) {
    const ptrdiff_t *key = c->stride[operands - 1];
    for (int a = 1; a < c->ndim; a++)
        for (int b = a; b > 0 && magnitude(key[b - 1]) < magnitude(key[b]); b--)
            swap_axes(c, operands, b - 1, b);
}

static int mergeable(const fa__call *c, int operands, int outer, int inner) {
    for (int i = 0; i < operands; i++)
        if (c->stride[i][outer] != c->stride[i][inner] * (ptrdiff_t)c->shape[inner]) return 0;
    return 1;
}

/* Merge neighbouring axes that are one axis for all operands, and drop axes of extent 1 */
static void merge_axes(fa__call *c, int operands) {
    int kept = 0;
    for (int d = 0; d < c->ndim; d++) {
        if (c->shape[d] == 1) continue;
        if (kept > 0 && mergeable(c, operands, kept - 1, d)) {
            c->shape[kept - 1] *= c->shape[d];
            for (int i = 0; i < operands; i++) c->stride[i][kept - 1] = c->stride[i][d];
            continue;
        }
        c->shape[kept] = c->shape[d];
        for (int i = 0; i < operands; i++) c->stride[i][kept] = c->stride[i][d];
        kept++;
    }
    if (kept == 0) { /* a single element */
        c->shape[0] = 1;
        for (int i = 0; i < operands; i++) c->stride[i][0] = 0;
        kept = 1;
    }
    c->ndim = kept;
}

void fa__execute(fa__call *call) {
    fa__plan p;
    fa__start_plan(&p, call->entry, call->direction, call->dtype);
    sort_axes(call, p.operands);
    merge_axes(call, p.operands);
    p.ndim = call->ndim;
    p.shape = call->shape;
    for (int i = 0; i < p.operands; i++) {
        p.base[i] = call->base[i];
        p.stride[i] = call->stride[i];
        if (!fa__is_result(&p, i)) p.source[i] = call->source[i];
    }
    fa__run_plan(&p, call->entry, call->direction);
}
