/* Running the tiles of a plan: kernels over packed operands, the others through buffers.
 * Must not depend on how tiles were chosen, on what a kernel computes, or on threads. */
#include "elementwise/tiles.h"

#include <stdint.h>
#include <string.h>

#include "elementwise/span.h"
#include "elementwise/stream.h"
#include "platform/fenv.h"

/* Loading and storing ---------------------------------------------------------------------------- */

/* whether the spans of an operand along the last axis can be copied without conversion */
static int has_spans(const fa__plan *p, int operand) {
    return p->ndim > 1 && p->stored == p->computed && (int)p->source[operand] == (int)p->dtype &&
           p->stride[operand][p->ndim - 1] == (ptrdiff_t)p->stored;
}

/* Convert the elements of a tile, in order: one span along the last axis at a time, or copy the spans along another
 * axis. Between these two, tiles have a length of 1. */
static void convert_tile(const fa__plan *p, int operand, char *memory, const size_t *extent, char *buffer,
                         int storing) {
    const fa__converters *converters = fa__converters_for(p->kernels, p->dtype);
    fa__converter *convert =
        storing ? fa__storer(p->kernels, p->dtype) : fa__loader(p->kernels, p->source[operand], p->dtype);
    const ptrdiff_t *stride = p->stride[operand];
    int last = p->ndim - 1, copied = has_spans(p, operand), across = p->across < last ? p->across : last - 1,
        outer = copied ? across : last;
    size_t index[FA__MAX_DIMS], groups = 1, height = copied ? extent[across] : 1;
    size_t span = extent[last] * p->computed;
    for (int d = 0; d < outer; d++) {
        index[d] = 0;
        groups *= extent[d];
    }
    for (;;) {
        if (!copied)
            convert(buffer, memory, stride[last], extent[last]);
        else if (storing)
            converters->copy_spans(memory, stride[across], buffer, (ptrdiff_t)span, span, height);
        else
            converters->copy_spans(buffer, (ptrdiff_t)span, memory, stride[across], span, height);
        if (--groups == 0) return;
        buffer += height * span;
        int d = outer - 1;
        memory += stride[d];
        for (; ++index[d] == extent[d]; d--) { /* carry */
            memory += stride[d - 1] - (ptrdiff_t)extent[d] * stride[d];
            index[d] = 0;
        }
    }
}

static void load_tile(const fa__plan *p, int operand, char *memory, const size_t *extent, char *buffer) {
    const ptrdiff_t *stride = p->stride[operand];
    int last = p->ndim - 1, across = p->across;
    if (p->transposed[operand])
        fa__transposing_loader(p->kernels, p->source[operand], p->dtype)(
            buffer, memory, stride[last], stride[across], extent[last], extent[across]);
    else
        convert_tile(p, operand, memory, extent, buffer, 0);
}

/* What buffers hold: a broadcast operand need not be loaded again for each tile */
typedef struct {
    char *of[FA__MAX_OPERANDS]; /* of each operand that needs one */
    char *held[FA__MAX_OPERANDS];
    size_t extent[FA__MAX_DIMS]; /* of the tile that they hold */
    _Alignas(FA__LINE) char memory[FA__BUFFER_BYTES];
} buffers;

static void place_buffers(const fa__plan *p, buffers *b) {
    size_t bytes = p->computed;
    char *next = b->memory;
    for (int d = 0; d < p->ndim; d++) bytes *= p->tile[d];
    if (p->streams) bytes = p->step * p->stored;
    for (int i = 0; i < FA__MAX_OPERANDS; i++) {
        int needed = p->streams ? i < FA__STREAM_BUFFERS * p->results
                                : i < p->operands && !p->spans && !p->packed[i] && !p->uniform[i];
        b->of[i] = next;
        next += needed ? (bytes + FA__LINE - 1) / FA__LINE * FA__LINE : 0;
    }
}

/* Streaming: results that are stored past the caches --------------------------------------------- */

/* The results of a step go to buffers first, alternately to one of two */
typedef struct {
    fa__traffic traffic;
    int turn;
} streaming;

/* Whole cache lines are left for later; what precedes the first and follows the last one is copied at once */
static void leave_later(fa__traffic *traffic, int result, char *to, const char *from, size_t bytes) {
    size_t head = (size_t)(-(uintptr_t)to % FA__LINE);
    if (head > bytes) head = bytes;
    size_t whole = (bytes - head) / FA__LINE * FA__LINE, tail = head + whole;
    if (head) memcpy(to, from, head); /* seldom: most steps begin with a line */
    if (tail < bytes) memcpy(to + tail, from + tail, bytes - tail);
    traffic->leaving[result].to = to + head;
    traffic->leaving[result].from = from + head;
    traffic->leaving[result].bytes = whole;
}

/* what follows the inputs of a tile, or of a step, as long as these */
static void expect_inputs(const fa__plan *p, fa__traffic *traffic, char *const *operand, size_t bytes) {
    size_t ahead = bytes < FA__AHEAD ? FA__AHEAD : bytes;
    if (p->prefetching == FA__PREFETCH_NONE) return;
    traffic->inputs = p->inputs;
    for (int i = 0; i < p->inputs; i++) traffic->coming[i] = operand[i] + ahead;
    traffic->coming_bytes = bytes;
    traffic->spared = p->prefetching == FA__PREFETCH_ALL ? 0 : bytes / 4 * 3;
}

static void run_step(const fa__plan *p, char *const *operand, size_t count, buffers *b, streaming *s) {
    int first = p->inputs + p->params;
    size_t bytes = count * p->stored;
    char *at[FA__MAX_OPERANDS];
    for (int i = 0; i < p->operands; i++)
        at[i] = fa__is_result(p, i) ? b->of[s->turn * p->results + i - first] : operand[i];
    expect_inputs(p, &s->traffic, operand, bytes);
    fa__run_span(p, at, count, &s->traffic);
    p->kernels->stream(&s->traffic);
    for (int i = first; i < p->operands; i++) leave_later(&s->traffic, i - first, operand[i], at[i], bytes);
    s->traffic.open = p->results;
    s->turn ^= 1;
}

static void run_streamed(const fa__plan *p, char **memory, size_t span, buffers *b, streaming *s) {
    for (size_t count; span; span -= count) {
        count = span < p->step ? span : p->step;
        run_step(p, memory, count, b, s);
        for (int i = 0; i < p->operands; i++) memory[i] += p->uniform[i] ? 0 : count * p->stored;
    }
}

/* Running ---------------------------------------------------------------------------------------- */

/* spans that follow each other along the axis before the last one */
static void run_spans(const fa__plan *p, char **memory, const size_t *extent, fa__traffic *traffic) {
    int last = p->ndim - 1;
    expect_inputs(p, traffic, memory, extent[last] * p->stored);
    for (size_t done = 0, spans = last ? extent[last - 1] : 1; done < spans; done++) {
        fa__run_span(p, memory, extent[last], p->prefetching == FA__PREFETCH_NONE ? 0 : traffic);
        for (int i = 0; last && i < p->operands; i++) memory[i] += p->stride[i][last - 1];
    }
    if (p->prefetching == FA__PREFETCH_ALL) p->kernels->stream(traffic); /* what the loop did not prefetch */
}

static void run_tile(const fa__plan *p, char **memory, const size_t *extent, buffers *b) {
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
        operand[i] = b->of[i];
        if (fa__is_result(p, i)) continue;
        if (p->uniform[i]) {
            operand[i] = (char *)&param[i - p->inputs];
            fa__loader(p->kernels, p->source[i], p->dtype)(operand[i], memory[i], 0, 1);
        } else if (!same || b->held[i] != memory[i]) {
            load_tile(p, i, memory[i], extent, operand[i]);
            b->held[i] = memory[i];
        }
    }
    fa__run_span(p, operand, count, 0);
    for (int i = p->inputs + p->params; i < p->operands; i++)
        if (!p->packed[i]) convert_tile(p, i, memory[i], extent, operand[i], 1);
}

/* where a tile begins in each operand, and how far it extends along each axis */
typedef struct {
    char *memory[FA__MAX_OPERANDS];
    size_t extent[FA__MAX_DIMS];
} tile;

static void place(const fa__plan *p, const size_t *index, tile *found) {
    for (int i = 0; i < p->operands; i++) found->memory[i] = p->base[i];
    for (int d = 0; d < p->ndim; d++) {
        size_t phase = d == p->ndim - 1 ? p->phase : 0, end = (index[d] + 1) * p->tile[d] - phase;
        size_t start = index[d] ? index[d] * p->tile[d] - phase : 0;
        found->extent[d] = (end < p->shape[d] ? end : p->shape[d]) - start;
        for (int i = 0; i < p->operands; i++) found->memory[i] += (ptrdiff_t)start * p->stride[i][d];
    }
}

/* prefetch all cache lines of n elements */
static void prefetch_span(const char *memory, ptrdiff_t stride, size_t n) {
    ptrdiff_t step = stride, reach = stride * (ptrdiff_t)(n - 1);
    if (-FA__LINE < step && step < FA__LINE) step = step < 0 ? -FA__LINE : FA__LINE;
    for (ptrdiff_t at = 0; step < 0 ? at > reach : at < reach; at += step) __builtin_prefetch(memory + at);
    __builtin_prefetch(memory + reach); /* which may be on a line of its own */
}

/* Prefetch the inputs of a tile that go through buffers, while the tile before is computed: hardware does not follow
 * all their strides. Only tiles of one span and square tiles: others are made of short spans. */
static void prefetch_tile(const fa__plan *p, const tile *next) {
    int last = p->ndim - 1;
    for (int i = 0; i < p->inputs; i++) {
        const ptrdiff_t *stride = p->stride[i];
        if (p->packed[i] || stride[last] == 0 || (int)p->source[i] != (int)p->dtype) continue;
        if (!p->transposed[i]) prefetch_span(next->memory[i], stride[last], next->extent[last]);
        for (size_t k = 0; p->transposed[i] && k < next->extent[last]; k++)
            prefetch_span(next->memory[i] + (ptrdiff_t)k * stride[last], stride[p->across],
                          next->extent[p->across]);
    }
}

size_t fa__tiles_along(const fa__plan *p, int axis) {
    size_t phase = axis == p->ndim - 1 ? p->phase : 0;
    return (p->shape[axis] + phase + p->tile[axis] - 1) / p->tile[axis];
}

/* Tiles of one dimension that stay in the caches are contiguous: one call of the loop, or of two results one call for
 * some tiles, since each result may have a loop of its own */
static void run_contiguous_tiles(const fa__plan *p, size_t begin, size_t end) {
    enum { SOME = 4 };
    char *memory[FA__MAX_OPERANDS];
    fa__fenv caller = fa__enter_fenv();
    for (size_t next; begin < end; begin = next) {
        next = p->results == 1 || end - begin < SOME ? end : begin + SOME;
        size_t from = begin ? begin * p->tile[0] - p->phase : 0, to = next * p->tile[0] - p->phase;
        for (int i = 0; i < p->operands; i++) memory[i] = p->base[i] + (ptrdiff_t)from * p->stride[i][0];
        fa__run_span(p, memory, (to < p->shape[0] ? to : p->shape[0]) - from, 0);
    }
    fa__leave_fenv(caller);
}

/* `next` is null after the last tile */
static void run_here(const fa__plan *p, tile *here, const tile *next, buffers *b, streaming *s) {
    size_t span = here->extent[p->ndim - 1];
    if (p->streams)
        run_streamed(p, here->memory, span, b, s);
    else if (p->spans)
        run_spans(p, here->memory, here->extent, &s->traffic);
    else {
        if (next && p->prefetching != FA__PREFETCH_NONE) prefetch_tile(p, next);
        run_tile(p, here->memory, here->extent, b);
    }
}

void fa__run_tiles(const void *context, size_t begin, size_t end) {
    const fa__plan *p = context;
    if (p->spans && p->ndim == 1 && !p->streams && p->prefetching == FA__PREFETCH_NONE) {
        run_contiguous_tiles(p, begin, end);
        return;
    }
    buffers b;
    tile found[2];
    size_t index[FA__MAX_DIMS], along[FA__MAX_DIMS], rest = begin;
    int last = p->ndim - 1;
    place_buffers(p, &b);
    for (int i = 0; i < p->operands; i++) b.held[i] = 0;
    for (int d = last; d >= 0; d--) {
        along[d] = fa__tiles_along(p, d); /* which takes a division */
        index[d] = rest % along[d];
        rest /= along[d];
        b.extent[d] = 0;
    }
    streaming s = {.turn = 0};
    fa__fenv caller = fa__enter_fenv();
    place(p, index, &found[begin % 2]);
    for (; begin < end; begin++) {
        tile *next = begin + 1 < end ? &found[(begin + 1) % 2] : 0;
        if (next) {
            for (int d = last; ++index[d] == along[d] && d > 0; d--) index[d] = 0; /* carry */
            place(p, index, next);
        }
        run_here(p, &found[begin % 2], next, &b, &s);
    }
    fa__leave_fenv(caller);
    if (!p->streams) return;
    p->kernels->stream(&s.traffic);
    fa__stream_fence();
}
