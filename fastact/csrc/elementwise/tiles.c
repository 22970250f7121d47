/* Running the boxes of a call: kernels over what is packed, the rest through buffers.
 * Knows operand order, strides and buffers; does not know how boxes were chosen, what a kernel computes, nor threads.
 *
 * A. Kernels take multiples of FA__LANES only. What is left over goes through short buffers: no scalar tails, so an
 *    element's bits do not depend on its position.
 * B. All operands of a box are read before its results are written, so in-place calls are safe.
 */
#include "elementwise/plan.h"

#include <stdint.h>
#include <string.h>

#include "elementwise/convert.h"
#include "platform/fenv.h"

/* Contiguous elements ---------------------------------------------------------------------------- */

/* one vector's worth of elements; of a size that the compiler knows */
static void copy_vector(char *to, const char *from, size_t size) {
    if (size == sizeof(float))
        memcpy(to, from, FA__LANES * sizeof(float));
    else
        memcpy(to, from, FA__LANES * sizeof(double));
}

/* fewer elements than a vector holds, the last one repeated */
static void copy_padded(char *to, const char *from, size_t size, size_t count) {
    memcpy(to, from, count * size);
    for (size_t k = count * size; k < FA__LANES * size; k += size) memcpy(to + k, to + k - size, size);
}

/* `count` elements that follow each other in each operand, those that are fixed aside: whole vectors where they
 * are; then, if that leaves some, the last vector's worth, which was put aside because results may be inputs */
static void run_contiguous(const fa__plan *p, char *const *operand, size_t count, fa__traffic *traffic) {
    size_t whole = count / FA__LANES * FA__LANES, size = p->computed;
    size_t last = whole ? (count - FA__LANES) * size : 0;
    int results = p->inputs + p->params;
    _Alignas(FA__LINE) char vector[FA__MAX_OPERANDS][FA__LANES * sizeof(double)];
    char *aside[FA__MAX_OPERANDS];
    if (whole == count) {
        p->loop(operand, whole, traffic);
        return;
    }
    for (int i = 0; i < p->operands; i++) {
        aside[i] = p->fixed[i] ? operand[i] : vector[i];
        if (p->fixed[i] || i >= results) continue;
        if (whole)
            copy_vector(vector[i], operand[i] + last, size);
        else
            copy_padded(vector[i], operand[i], size, count);
    }
    if (whole) p->loop(operand, whole, traffic);
    p->loop(aside, FA__LANES, 0);
    for (int i = results; i < p->operands; i++) {
        if (whole)
            copy_vector(operand[i] + last, vector[i], size);
        else
            memcpy(operand[i], vector[i], count * size);
    }
}

void fa__run_contiguous(const fa__plan *p, char *const *operand, size_t count) {
    run_contiguous(p, operand, count, 0);
}

/* Boxes ------------------------------------------------------------------------------------------ */

/* Move the elements of a box, in order, one innermost run at a time */
static void move_box(const fa__plan *p, const ptrdiff_t *stride, char *memory, const size_t *extent,
                     char *buffer, fa__mover *move) {
    int last = p->ndim - 1;
    size_t index[FA__MAX_DIMS], runs = 1;
    for (int d = 0; d < last; d++) {
        index[d] = 0;
        runs *= extent[d];
    }
    for (;;) {
        move(buffer, memory, stride[last], extent[last]);
        if (--runs == 0) return;
        buffer += extent[last] * p->computed;
        int d = last - 1;
        memory += stride[d];
        for (; ++index[d] == extent[d]; d--) { /* carry */
            memory += stride[d - 1] - (ptrdiff_t)extent[d] * stride[d];
            index[d] = 0;
        }
    }
}

/* whether a tile's runs of an operand can be copied as they are */
static int has_rows(const fa__plan *p, int operand) {
    return p->across < p->ndim - 1 && p->stored == p->computed && (int)p->source[operand] == (int)p->dtype &&
           p->stride[operand][p->ndim - 1] == (ptrdiff_t)p->stored;
}

static void load_box(const fa__plan *p, int operand, char *memory, const size_t *extent, char *buffer) {
    const ptrdiff_t *stride = p->stride[operand];
    int last = p->ndim - 1, across = p->across;
    if (p->transposed[operand])
        fa__transposing_loader(p->source[operand], p->dtype)(buffer, memory, stride[last], stride[across],
                                                             extent[last], extent[across]);
    else if (has_rows(p, operand))
        fa__movers_for(p->dtype)->copy_rows(buffer, (ptrdiff_t)(extent[last] * p->stored), memory,
                                            stride[across], extent[last], extent[across]);
    else
        move_box(p, stride, memory, extent, buffer, fa__loader(p->source[operand], p->dtype));
}

static void store_box(const fa__plan *p, int operand, char *memory, const size_t *extent, char *buffer) {
    const ptrdiff_t *stride = p->stride[operand];
    int last = p->ndim - 1, across = p->across;
    if (has_rows(p, operand))
        fa__movers_for(p->dtype)->copy_rows(memory, stride[across], buffer,
                                            (ptrdiff_t)(extent[last] * p->stored), extent[last],
                                            extent[across]);
    else
        move_box(p, stride, memory, extent, buffer, fa__storer(p->dtype));
}

/* what buffers hold: an operand that is broadcast need not be loaded again for each box */
typedef struct {
    _Alignas(FA__LINE) char buffer[FA__MAX_OPERANDS][FA__BUFFERED * sizeof(double)];
    char *held[FA__MAX_OPERANDS];
    size_t extent[FA__MAX_DIMS]; /* of the box that they hold */
} buffers;

/* Results on their way past the caches -------------------------------------------------------------- */

/* A box's results go to buffers first, in turn one of two for each */
typedef struct {
    fa__traffic traffic;
    int turn;
} streaming;

/* what stands before the first whole line and after the last one is copied at once */
static void leave_later(fa__traffic *traffic, int result, char *to, const char *from, size_t bytes) {
    size_t head = (size_t)(-(uintptr_t)to % FA__LINE);
    if (head > bytes) head = bytes;
    size_t whole = (bytes - head) / FA__LINE * FA__LINE, tail = head + whole;
    memcpy(to, from, head);
    memcpy(to + tail, from + tail, bytes - tail);
    traffic->leaving[result].to = to + head;
    traffic->leaving[result].from = from + head;
    traffic->leaving[result].bytes = whole;
}

/* inputs of the next box, as long as this one, follow its own */
static void expect_next(const fa__plan *p, fa__traffic *traffic, char *const *operand, size_t bytes) {
    if (p->fetching == FA__FETCH_NONE) return;
    traffic->inputs = p->inputs;
    for (int i = 0; i < p->inputs; i++) traffic->coming[i] = operand[i] + bytes;
    traffic->coming_bytes = bytes;
    traffic->spared = p->fetching == FA__FETCH_ALL ? 0 : bytes / 4 * 3;
}

static void run_streamed(const fa__plan *p, char *const *operand, size_t count, buffers *b, streaming *s) {
    int first = p->inputs + p->params;
    size_t bytes = count * p->stored;
    char *at[FA__MAX_OPERANDS];
    for (int i = 0; i < p->operands; i++)
        at[i] = fa__is_result(p, i) ? b->buffer[2 * s->turn + i - first] : operand[i];
    expect_next(p, &s->traffic, operand, bytes);
    run_contiguous(p, at, count, &s->traffic);
    fa__active_kernels()->stream(&s->traffic);
    for (int i = first; i < p->operands; i++) leave_later(&s->traffic, i - first, operand[i], at[i], bytes);
    s->traffic.open = p->results;
    s->turn ^= 1;
}

/* Running ---------------------------------------------------------------------------------------- */

/* runs one after the other along the axis before the innermost one */
static void run_runs(const fa__plan *p, char **memory, const size_t *extent, fa__traffic *traffic) {
    int last = p->ndim - 1;
    expect_next(p, traffic, memory, extent[last] * p->stored);
    for (size_t done = 0, runs = last ? extent[last - 1] : 1; done < runs; done++) {
        run_contiguous(p, memory, extent[last], p->fetching == FA__FETCH_NONE ? 0 : traffic);
        for (int i = 0; last && i < p->operands; i++) memory[i] += p->stride[i][last - 1];
    }
    if (p->fetching == FA__FETCH_ALL) fa__active_kernels()->stream(traffic); /* what the loop did not fetch */
}

static void run_box(const fa__plan *p, char **memory, const size_t *extent, buffers *b) {
    size_t count = 1;
    int last = p->ndim - 1, same = 1;
    double param[FA__MAX_PARAMS];
    char *operand[FA__MAX_OPERANDS];
    for (int d = 0; d <= last; d++) {
        count *= extent[d];
        same &= extent[d] == b->extent[d];
        b->extent[d] = extent[d];
    }
    for (int i = 0; i < p->operands; i++) {
        operand[i] = memory[i];
        if (p->packed[i]) continue;
        operand[i] = b->buffer[i];
        if (fa__is_result(p, i)) continue;
        if (p->fixed[i]) {
            operand[i] = (char *)&param[i - p->inputs];
            fa__loader(p->source[i], p->dtype)(operand[i], memory[i], 0, 1);
        } else if (!same || b->held[i] != memory[i]) {
            load_box(p, i, memory[i], extent, operand[i]);
            b->held[i] = memory[i];
        }
    }
    fa__run_contiguous(p, operand, count);
    for (int i = p->inputs + p->params; i < p->operands; i++)
        if (!p->packed[i]) store_box(p, i, memory[i], extent, operand[i]);
}

/* where a box lies in each operand, and how far it extends along each axis */
typedef struct {
    char *memory[FA__MAX_OPERANDS];
    size_t extent[FA__MAX_DIMS];
} box;

static void place(const fa__plan *p, const size_t *index, box *found) {
    for (int i = 0; i < p->operands; i++) found->memory[i] = p->base[i];
    for (int d = 0; d < p->ndim; d++) {
        size_t phase = d == p->ndim - 1 ? p->phase : 0, end = (index[d] + 1) * p->box[d] - phase;
        size_t start = index[d] ? index[d] * p->box[d] - phase : 0;
        found->extent[d] = (end < p->shape[d] ? end : p->shape[d]) - start;
        for (int i = 0; i < p->operands; i++) found->memory[i] += (ptrdiff_t)start * p->stride[i][d];
    }
}

/* ask for all lines of a run of elements */
static void fetch_run(const char *memory, ptrdiff_t stride, size_t n) {
    ptrdiff_t step = stride, reach = stride * (ptrdiff_t)(n - 1);
    if (-FA__LINE < step && step < FA__LINE) step = step < 0 ? -FA__LINE : FA__LINE;
    for (ptrdiff_t at = 0; step < 0 ? at > reach : at < reach; at += step) __builtin_prefetch(memory + at);
    __builtin_prefetch(memory + reach); /* which may begin a line of its own */
}

/* A box's inputs that go through buffers, while the box before is computed: no hardware looks ahead in all their ways.
 * Boxes of one run or one tile only: others are made of runs that are short. */
static void fetch_box(const fa__plan *p, const box *next) {
    int last = p->ndim - 1;
    for (int i = 0; i < p->inputs; i++) {
        const ptrdiff_t *stride = p->stride[i];
        if (p->packed[i] || stride[last] == 0 || (int)p->source[i] != (int)p->dtype) continue;
        if (!p->transposed[i]) fetch_run(next->memory[i], stride[last], next->extent[last]);
        for (size_t k = 0; p->transposed[i] && k < next->extent[last]; k++)
            fetch_run(next->memory[i] + (ptrdiff_t)k * stride[last], stride[p->across],
                      next->extent[p->across]);
    }
}

size_t fa__boxes_along(const fa__plan *p, int axis) {
    size_t phase = axis == p->ndim - 1 ? p->phase : 0;
    return (p->shape[axis] + phase + p->box[axis] - 1) / p->box[axis];
}

/* Boxes of one dimension that stay in the caches follow each other: one call of the loop; of two results for some at a
 * time, since there may be a loop for each of them */
static void run_together(const fa__plan *p, size_t begin, size_t end) {
    enum { SOME = 4 };
    char *memory[FA__MAX_OPERANDS];
    fa__state caller = fa__enter();
    for (size_t next; begin < end; begin = next) {
        next = p->results == 1 || end - begin < SOME ? end : begin + SOME;
        size_t from = begin ? begin * p->box[0] - p->phase : 0, to = next * p->box[0] - p->phase;
        for (int i = 0; i < p->operands; i++) memory[i] = p->base[i] + (ptrdiff_t)from * p->stride[i][0];
        fa__run_contiguous(p, memory, (to < p->shape[0] ? to : p->shape[0]) - from);
    }
    fa__leave(caller);
}

/* the next box is null after the last one */
static void run_here(const fa__plan *p, box *here, const box *next, buffers *b, streaming *s) {
    size_t run = here->extent[p->ndim - 1];
    if (p->streams)
        run_streamed(p, here->memory, run, b, s);
    else if (p->runs)
        run_runs(p, here->memory, here->extent, &s->traffic);
    else {
        if (next && p->fetching != FA__FETCH_NONE) fetch_box(p, next);
        run_box(p, here->memory, here->extent, b);
    }
}

void fa__run_boxes(const void *context, size_t begin, size_t end) {
    const fa__plan *p = context;
    if (p->runs && p->ndim == 1 && !p->streams && p->fetching == FA__FETCH_NONE) {
        run_together(p, begin, end);
        return;
    }
    buffers b;
    box found[2];
    size_t index[FA__MAX_DIMS], along[FA__MAX_DIMS], rest = begin;
    int last = p->ndim - 1;
    for (int i = 0; i < p->operands; i++) b.held[i] = 0;
    for (int d = last; d >= 0; d--) {
        along[d] = fa__boxes_along(p, d); /* which takes a division */
        index[d] = rest % along[d];
        rest /= along[d];
        b.extent[d] = 0;
    }
    streaming s = {.turn = 0};
    fa__state caller = fa__enter();
    place(p, index, &found[begin % 2]);
    for (; begin < end; begin++) {
        box *next = begin + 1 < end ? &found[(begin + 1) % 2] : 0;
        if (next) {
            for (int d = last; ++index[d] == along[d] && d > 0; d--) index[d] = 0; /* carry */
            place(p, index, next);
        }
        run_here(p, &found[begin % 2], next, &b, &s);
    }
    fa__leave(caller);
    if (!p->streams) return;
    fa__active_kernels()->stream(&s.traffic);
    fa__stream_fence();
}
