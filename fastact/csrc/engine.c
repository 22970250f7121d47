/* Elementwise calls on arrays of any layout: the way from a fa__call to contiguous kernels.
 * Knows strides, blocks and operand order; does not know what a kernel computes, nor NumPy.
 *
 * A. An operand is linear when its elements follow each other in the order of the call: kernels then read and
 *    write it in place. Any other (strided, broadcast, unaligned, float16) goes through a block buffer.
 * B. Kernels take multiples of FA__LANES only. What is left over goes through the same buffers, padded with
 *    copies of its last element: no scalar tails, so an element's bits do not depend on its position.
 * C. All operands of a block are read before its results are written, so in-place calls are safe.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "half.h"
#include "internal.h"
#include "state.h"

#define BLOCK 256 /* elements per buffer: all buffers together fit a 32 KiB first-level cache */

/* fewest elements worth a thread of their own: some 20 microseconds of work */
#define GRAIN 32768

typedef struct {
    fa__loop *loop;
    int inputs, params, results, operands;
    int per_element; /* parameters vary */
    fa__dtype dtype;
    size_t stored, computed; /* bytes per element in memory and in kernels */
    int ndim;
    const size_t *shape;
    char *base[FA__MAX_OPERANDS];
    const ptrdiff_t *stride[FA__MAX_OPERANDS];
    char linear[FA__MAX_OPERANDS];
    double fixed[FA__MAX_PARAMS]; /* room for one scalar parameter each, as the kernel reads it */
} plan;

/* Moving runs of elements between memory and buffers -------------------------------------------- */

typedef void mover(char *buffer, char *memory, ptrdiff_t stride, size_t n);

#define MOVERS(name, type)                                                             \
    static void load_##name(char *buffer, char *memory, ptrdiff_t stride, size_t n) {  \
        if (stride == (ptrdiff_t)sizeof(type)) {                                       \
            memcpy(buffer, memory, n * sizeof(type));                                  \
            return;                                                                    \
        }                                                                              \
        for (size_t i = 0; i < n; i++, memory += stride)                               \
            memcpy(buffer + i * sizeof(type), memory, sizeof(type));                   \
    }                                                                                  \
    static void store_##name(char *buffer, char *memory, ptrdiff_t stride, size_t n) { \
        if (stride == (ptrdiff_t)sizeof(type)) {                                       \
            memcpy(memory, buffer, n * sizeof(type));                                  \
            return;                                                                    \
        }                                                                              \
        for (size_t i = 0; i < n; i++, memory += stride)                               \
            memcpy(memory, buffer + i * sizeof(type), sizeof(type));                   \
    }
MOVERS(f32, float)
MOVERS(f64, double)

static void load_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    for (size_t i = 0; i < n; i++, memory += stride) {
        uint16_t half;
        memcpy(&half, memory, sizeof half);
        ((float *)(void *)buffer)[i] = fa__float_from_half(half);
    }
}

static void store_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    for (size_t i = 0; i < n; i++, memory += stride) {
        uint16_t half = fa__half_from_float(((float *)(void *)buffer)[i]);
        memcpy(memory, &half, sizeof half);
    }
}

static mover *const load[FA__DTYPES] = {load_f32, load_f64, load_f16};
static mover *const store[FA__DTYPES] = {store_f32, store_f64, store_f16};

/* Move elements [start, start + count), in the order of the call, one innermost run at a time */
static void walk(const plan *p, int operand, size_t start, size_t count, char *buffer, mover *move) {
    int last = p->ndim - 1;
    size_t index[FA__MAX_DIMS], rest = start;
    const ptrdiff_t *stride = p->stride[operand];
    char *memory = p->base[operand];
    for (int d = last; d > 0; d--) {
        index[d] = rest % p->shape[d];
        rest /= p->shape[d];
        memory += (ptrdiff_t)index[d] * stride[d];
    }
    index[0] = rest;
    memory += (ptrdiff_t)rest * stride[0];
    for (;;) {
        size_t run = p->shape[last] - index[last];
        if (run > count) run = count;
        move(buffer, memory, stride[last], run);
        count -= run;
        if (count == 0) return;
        buffer += run * p->computed;
        memory += (ptrdiff_t)run * stride[last];
        index[last] += run;
        for (int d = last; d > 0 && index[d] == p->shape[d]; d--) { /* carry */
            memory += stride[d - 1] - (ptrdiff_t)p->shape[d] * stride[d];
            index[d] = 0;
            index[d - 1]++;
        }
    }
}

/* Blocks ----------------------------------------------------------------------------------------- */

/* repeat the last element up to `padded` elements */
static void pad(char *buffer, size_t count, size_t padded, size_t size) {
    for (; count < padded; count++) {
        char *to = buffer + count * size, *from = to - size;
        if (size == sizeof(float))
            memcpy(to, from, sizeof(float));
        else
            memcpy(to, from, sizeof(double));
    }
}

static int is_fixed(const plan *p, int operand) {
    return !p->per_element && operand >= p->inputs && operand < p->inputs + p->params;
}

/* elements [start, start + count); count <= BLOCK unless nothing needs a buffer */
static void run_block(const plan *p, size_t start, size_t count) {
    _Alignas(64) char buffer[FA__MAX_OPERANDS][BLOCK * sizeof(double)];
    char *operand[FA__MAX_OPERANDS] = {0};
    char buffered[FA__MAX_OPERANDS] = {0};
    size_t padded = (count + FA__LANES - 1) / FA__LANES * FA__LANES;
    for (int i = 0; i < p->operands; i++) {
        if (is_fixed(p, i)) {
            operand[i] = (char *)(uintptr_t)&p->fixed[i - p->inputs];
        } else if (p->linear[i] && padded == count) {
            operand[i] = p->base[i] + start * p->stored;
        } else {
            buffered[i] = 1;
            operand[i] = buffer[i];
            if (i >= p->inputs + p->params) continue;
            walk(p, i, start, count, buffer[i], load[p->dtype]);
            pad(buffer[i], count, padded, p->computed);
        }
    }
    p->loop(operand, padded);
    for (int i = p->inputs + p->params; i < p->operands; i++)
        if (buffered[i]) walk(p, i, start, count, buffer[i], store[p->dtype]);
}

static int all_linear(const plan *p) {
    for (int i = 0; i < p->operands; i++)
        if (!p->linear[i] && !is_fixed(p, i)) return 0;
    return 1;
}

static void run_range(const void *context, size_t begin, size_t end) {
    const plan *p = context;
    int direct = all_linear(p);
    fa__state caller = fa__enter();
    while (begin < end) {
        size_t count = end - begin;
        if (direct && count >= FA__LANES)
            count -= count % FA__LANES;
        else if (count > BLOCK)
            count = BLOCK;
        run_block(p, begin, count);
        begin += count;
    }
    fa__leave(caller);
}

/* Plans ------------------------------------------------------------------------------------------ */

static plan new_plan(int row, fa__direction direction, fa__dtype dtype) {
    plan p;
    p.inputs = fa__arities[direction].inputs;
    p.params = fa__rows[row].n_params;
    p.results = fa__arities[direction].results;
    p.operands = p.inputs + p.params + p.results;
    p.per_element = 0;
    p.dtype = dtype;
    p.stored = dtype == FA__F16 ? 2 : dtype == FA__F32 ? sizeof(float) : sizeof(double);
    p.computed = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    return p;
}

static int is_linear(const plan *p, int operand) {
    ptrdiff_t expected = (ptrdiff_t)p->stored;
    if (p->stored != p->computed || (uintptr_t)p->base[operand] % p->stored != 0) return 0;
    for (int d = p->ndim - 1; d >= 0; d--) {
        if (p->stride[operand][d] != expected) return 0;
        expected *= (ptrdiff_t)p->shape[d];
    }
    return 1;
}

static int is_scalar(const plan *p, int operand) {
    for (int d = 0; d < p->ndim; d++)
        if (p->stride[operand][d] != 0) return 0;
    return 1;
}

/* Base, stride, shape and ndim are set: see what each operand is, and run */
static void run_plan(plan *p, int row, fa__direction direction, size_t n) {
    if (n == 0) return;
    for (int i = 0; i < p->operands; i++) p->linear[i] = (char)is_linear(p, i);
    for (int i = 0; i < p->params; i++)
        if (!is_scalar(p, p->inputs + i)) p->per_element = 1;
    if (p->params && !p->per_element) {
        fa__state caller = fa__enter();
        for (int i = 0; i < p->params; i++)
            load[p->dtype]((char *)&p->fixed[i], p->base[p->inputs + i], 0, 1);
        fa__leave(caller);
    }
    int kernel_dtype = p->dtype == FA__F64 ? FA__F64 : FA__F32;
    p->loop = fa__active_kernels()->of_dtype[kernel_dtype][row].loop[direction][p->per_element];
    fa__parallel_for(run_range, p, n, GRAIN, BLOCK);
}

void fa__execute_1d(int row, fa__direction direction, fa__dtype dtype, char *const *base,
                    const ptrdiff_t *stride, size_t n) {
    plan p = new_plan(row, direction, dtype);
    p.ndim = 1;
    p.shape = &n;
    for (int i = 0; i < p.operands; i++) {
        p.base[i] = base[i];
        p.stride[i] = &stride[i];
    }
    run_plan(&p, row, direction, n);
}

void fa__execute_contiguous(int row, fa__direction direction, fa__dtype dtype, char *const *base, size_t n) {
    ptrdiff_t stride[FA__MAX_OPERANDS];
    plan p = new_plan(row, direction, dtype);
    for (int i = 0; i < p.operands; i++)
        stride[i] = i >= p.inputs && i < p.inputs + p.params ? 0 : (ptrdiff_t)p.stored;
    fa__execute_1d(row, direction, dtype, base, stride, n);
}

int fa__narrow(double value, float *result) {
    fa__state caller = fa__enter();
    volatile double wide = value; /* volatile: keeps the conversion between enter and leave */
    volatile float narrow = (float)wide;
    fa__leave(caller);
    if (isinf(narrow) && !isinf(value)) return 0;
    *result = narrow;
    return 1;
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

/* Order axes by the last operand's strides, largest first (insertion sort), so that the walk follows the
 * result through memory, whatever its layout */
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

/* Join neighbouring axes that all operands cross with one stride; axes of extent 1 vanish */
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

void fa__execute(const fa__call *call) {
    plan p = new_plan(call->row, call->direction, call->dtype);
    fa__call c = *call;
    size_t n = 1;
    for (int d = 0; d < c.ndim; d++) n *= c.shape[d];
    if (n == 0) return;
    sort_axes(&c, p.operands);
    merge_axes(&c, p.operands);
    p.ndim = c.ndim;
    p.shape = c.shape;
    for (int i = 0; i < p.operands; i++) {
        p.base[i] = c.base[i];
        p.stride[i] = c.stride[i];
    }
    run_plan(&p, call->row, call->direction, n);
}
