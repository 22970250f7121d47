/* Look-ups in arrays of any layout: axes in the order of memory, neighbours joined; elements divided among threads. */
#include "quantized/table.h"

#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) fa__table_kernel fa__table_##isa##_float;
FA__EACH_ISA(DECLARE)
#define KERNEL(isa) fa__table_##isa##_float,
static fa__table_kernel *const kernels[FA__ISAS] = {FA__EACH_ISA(KERNEL)};

#define GRAIN 131072 /* the fewest elements that are worth a thread */
#define QUANTUM 64   /* threads write to cache lines of their own where elements are contiguous */

typedef struct {
    size_t length;
    ptrdiff_t x, y; /* strides */
} axis;

typedef struct {
    const fa__table_call *call;
    fa__table_kernel *kernel;
    int ndim;
    axis axes[FA__MAX_AXES]; /* the last one is the innermost */
} table_run;

static size_t magnitude(ptrdiff_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

/* Axes of more than one element, the largest stride of y first. Returns the number of elements. */
static size_t sort_axes(table_run *r, const fa__table_call *c) {
    size_t n = 1;
    r->ndim = 0;
    for (int d = 0; d < c->ndim; d++) {
        const axis found = {c->shape[d], c->x_strides[d], c->y_strides[d]};
        int at = r->ndim;
        n *= found.length;
        if (found.length == 1) continue;
        for (; at > 0 && magnitude(r->axes[at - 1].y) < magnitude(found.y); at--)
            r->axes[at] = r->axes[at - 1];
        r->axes[at] = found;
        r->ndim++;
    }
    return n;
}

/* Neighbouring axes that one stride leads through become one */
static void join_axes(table_run *r) {
    int last = 0;
    for (int d = 1; d < r->ndim; d++) {
        axis *outer = &r->axes[last], inner = r->axes[d];
        const ptrdiff_t length = (ptrdiff_t)inner.length;
        if (outer->x == inner.x * length && outer->y == inner.y * length)
            *outer = (axis){outer->length * inner.length, inner.x, inner.y};
        else
            r->axes[++last] = inner;
    }
    if (r->ndim) r->ndim = last + 1;
}

static void look_up_row(const table_run *r, const uint8_t *x, uint8_t *y, ptrdiff_t n) {
    const uint8_t *table = r->call->table;
    const axis inner = r->axes[r->ndim - 1];
    if (inner.x == 1 && inner.y == 1)
        r->kernel(table, x, y, (size_t)n);
    else
        for (ptrdiff_t i = 0; i < n; i++) y[i * inner.y] = table[x[i * inner.x]];
}

static void look_up_range(const void *context, size_t begin, size_t end) {
    const table_run *r = context;
    const size_t length = r->axes[r->ndim - 1].length;
    while (begin < end) {
        const size_t first = begin % length, left = length - first;
        const size_t count = end - begin < left ? end - begin : left;
        size_t rest = begin;
        ptrdiff_t x = 0, y = 0;
        for (int d = r->ndim - 1; d >= 0; d--) {
            const ptrdiff_t i = (ptrdiff_t)(rest % r->axes[d].length);
            rest /= r->axes[d].length;
            x += i * r->axes[d].x;
            y += i * r->axes[d].y;
        }
        look_up_row(r, r->call->x + x, r->call->y + y, (ptrdiff_t)count);
        begin += count;
    }
}

void fa__run_table(const fa__table_call *call) {
    table_run r = {.call = call, .kernel = kernels[fa__active_isa()]};
    const size_t n = sort_axes(&r, call);
    join_axes(&r);
    if (r.ndim == 0) {
        if (n) *call->y = call->table[*call->x];
    } else if (n)
        fa__parallel_for(look_up_range, &r, n, GRAIN, QUANTUM);
}
