/* Planning an element-wise call: which operands are packed, how large tiles are, what is prefetched and streamed.
 * Knows strides, caches and threads. Must not depend on what a kernel computes. */
#include "elementwise/plan.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elementwise/tiles.h"
#include "platform/caches.h"
#include "platform/overlap.h"
#include "platform/parallel.h"

/* Most elements of a tile: few compared with the work of a thread */
#define LARGEST FA__SHORT
/* Fewest elements of which a sample is timed, to see whether threads pay: of fewer, the timing itself takes a tenth */
#define TIMED (16 * LARGEST)
/* Nanoseconds of work that are worth a thread: to start and end a team of two that still spin takes about a thousand */
#define WORTH_A_THREAD 2000
/* Shortest span along the last axis that needs no buffer: of shorter ones, the start of a kernel takes too long */
#define SHORTEST_SPAN 64
/* Bytes. Inputs of the first size, or larger than a processor's share of the caches, are worth prefetching (16 MB from a
 * shared cache, elu's backward pass in float64: 0.71 ns instead of 0.81). Inputs of the second size are assumed to come
 * from memory. */
#define FROM_SHARED_CACHE ((size_t)9 << 20)
#define FROM_MEMORY ((size_t)12 << 20)
#define FROM_SECOND ((size_t)512 << 10) /* inputs that go through buffers are prefetched from here on */
/* Bytes of a streamed result that a cheap loop computes at once. Processors write some ten cache lines at a time, and the
 * stores of more make the next loads wait (sigmoid from output 1.20 ns instead of 1.40 in whole tiles). Loops from tables
 * store lines as they go, and each call of them takes longer (silu 1.4 ns instead of 1.0). */
#define STEP 512
/* Side of a square tile, for operands that are contiguous along different axes: whole cache lines */
#define SIDE 32

void fa__start_plan(fa__plan *p, int entry, fa__direction direction, fa__dtype dtype) {
    p->kernels = fa__active_kernels();
    p->inputs = fa__arities[direction].inputs;
    p->params = fa__entries[entry].n_params;
    p->results = fa__arities[direction].results;
    p->operands = p->inputs + p->params + p->results;
    p->dtype = dtype;
    p->stored = dtype == FA__F16 ? 2 : dtype == FA__F32 ? sizeof(float) : sizeof(double);
    p->computed = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    for (int i = 0; i < p->operands; i++) p->source[i] = (fa__source)dtype;
}

fa__loop *fa__loop_for(const fa__plan *p, int entry, fa__direction direction, int per_element) {
    return p->kernels->loops[p->dtype == FA__F64][entry].loop[direction][per_element];
}

/* Plans ------------------------------------------------------------------------------------------ */

static size_t magnitude(ptrdiff_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

static int is_aligned(const fa__plan *p, int operand) {
    size_t bits = (uintptr_t)p->base[operand];
    for (int d = 0; d < p->ndim; d++) bits |= (size_t)p->stride[operand][d];
    return (int)p->source[operand] == (int)p->dtype && p->stored == p->computed &&
           (bits & (p->stored - 1)) == 0;
}

/* whether the elements of each tile are contiguous */
static int is_packed(const fa__plan *p, int operand) {
    ptrdiff_t expected = (ptrdiff_t)p->stored;
    int whole = 1; /* tiles are as wide as the array along the axes seen so far */
    for (int d = p->ndim - 1; d >= 0; d--) {
        if (p->tile[d] == 1) continue;
        if (!whole || p->stride[operand][d] != expected) return 0;
        expected *= (ptrdiff_t)p->tile[d];
        whole = p->tile[d] == p->shape[d];
    }
    return is_aligned(p, operand);
}

/* whether parameters have one value for all elements, or at least one for each span along the last axis */
static int params_are_uniform(const fa__plan *p, int only_along_spans) {
    for (int i = p->inputs; i < p->inputs + p->params; i++)
        for (int d = only_along_spans ? p->ndim - 1 : 0; d < p->ndim; d++)
            if (p->stride[i][d] != 0) return 0;
    return 1;
}

static int spans_are_packed(const fa__plan *p) {
    int last = p->ndim - 1;
    if (p->shape[last] < SHORTEST_SPAN && p->ndim > 1) return 0;
    int uniform = params_are_uniform(p, 1);
    for (int i = 0; i < p->operands; i++) {
        int value_per_span = uniform && fa__is_param(p, i);
        if (!is_aligned(p, i) || (!value_per_span && p->stride[i][last] != (ptrdiff_t)p->stored)) return 0;
    }
    return 1;
}

/* n cut into equal parts of at most `most`; all but the last a multiple of `quantum`, as `most` is */
static size_t part_of(size_t n, size_t most, size_t quantum) {
    size_t parts = (n + most - 1) / most, part = (n + parts - 1) / parts;
    return n <= most ? n : (part + quantum - 1) / quantum * quantum;
}

/* the axis along which the operand's elements are closer together than along the last one, or else the last one */
static int faster_axis(const fa__plan *p, int operand) {
    int last = p->ndim - 1, found = last;
    const ptrdiff_t *stride = p->stride[operand];
    if (p->uniform[operand] || fa__is_result(p, operand) || stride[last] == 0) return last;
    if (!fa__transposing_loader(p->kernels, p->source[operand], p->dtype)) return last;
    for (int d = last - 1; d >= 0; d--)
        if (stride[d] != 0 && magnitude(stride[d]) < magnitude(stride[found])) found = d;
    return found;
}

/* Most elements of a tile, of which the buffers hold as many as these */
static size_t largest_tile(const fa__plan *p, int buffers) {
    size_t room = FA__BUFFER_BYTES / ((size_t)buffers * p->computed) / FA__LANES * FA__LANES;
    return room < LARGEST ? room : LARGEST;
}

static size_t largest_buffered_tile(const fa__plan *p) {
    int buffers = 0;
    for (int i = 0; i < p->operands; i++) buffers += !p->uniform[i];
    return largest_tile(p, buffers);
}

/* Tiles of spans that need no buffer; square tiles, where operands are contiguous along different axes; or else tiles of
 * as many of the last axes as fit a buffer */
static void choose_tiles(fa__plan *p) {
    int last = p->ndim - 1, faster[FA__MAX_OPERANDS];
    p->spans = spans_are_packed(p);
    int uniform = params_are_uniform(p, p->spans);
    for (int i = 0; i < p->operands; i++) p->uniform[i] = (char)(uniform && fa__is_param(p, i));
    size_t room = p->spans ? largest_tile(p, FA__STREAM_BUFFERS * p->results) : largest_buffered_tile(p);
    for (int d = 0; d < p->ndim; d++) p->tile[d] = 1;
    p->across = last;
    for (int i = 0; i < p->operands; i++) {
        faster[i] = p->spans ? last : faster_axis(p, i);
        if (faster[i] < p->across) p->across = faster[i];
    }
    for (int i = 0; i < p->operands; i++) p->transposed[i] = faster[i] < last && faster[i] == p->across;
    if (p->spans) {
        p->tile[last] = part_of(p->shape[last], room, FA__STEP);
        if (last && p->tile[last] == p->shape[last])
            p->tile[last - 1] = part_of(p->shape[last - 1], room / p->tile[last], 1);
    } else if (p->across < last) {
        p->tile[last] = part_of(p->shape[last], SIDE, FA__LANES);
        p->tile[p->across] = part_of(p->shape[p->across], room / SIDE, 1);
    } else {
        p->tile[last] = part_of(p->shape[last], room, FA__LANES);
        room /= p->tile[last];
        for (int d = last; d > 0 && p->tile[d] == p->shape[d] && room > 1; d--) {
            p->tile[d - 1] = part_of(p->shape[d - 1], room, 1);
            room /= p->tile[d - 1];
        }
    }
    for (int i = 0; i < p->operands; i++) p->packed[i] = (char)(!p->uniform[i] && is_packed(p, i));
}

static size_t elements(const fa__plan *p) {
    size_t n = 1;
    for (int d = 0; d < p->ndim; d++) n *= p->shape[d];
    return n;
}

static fa__extent extent_of(const fa__plan *p, int operand) {
    return fa__find_extent(p->base[operand], p->stored, p->ndim, p->shape, p->stride[operand]);
}

/* whether a page has memory: one that has none is cleared when it is first written, and is then in the caches */
static int is_resident(char *address) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char answer = 1;
    mincore(address - (uintptr_t)address % page, 1, &answer);
    return answer & 1;
}

/* whether results may be stored past the caches: where nothing else brings their cache lines there */
static int can_stream(const fa__plan *p) {
    for (int i = p->inputs + p->params; i < p->operands; i++) {
        if (!is_resident(p->base[i] + (ptrdiff_t)(p->shape[0] / 2) * p->stride[i][0])) return 0;
        for (int k = 0; k < p->inputs + p->params; k++)
            if (fa__overlap(extent_of(p, i), extent_of(p, k))) return 0;
    }
    return 1;
}

/* from the first to the last byte of each input */
static size_t bytes_read(const fa__plan *p) {
    size_t bytes = 0;
    for (int i = 0; i < p->inputs; i++) {
        fa__extent extent = extent_of(p, i);
        bytes += extent.end - extent.begin;
    }
    return bytes;
}

/* What is prefetched and streamed in a call of spans, of n elements. Results are stored past the caches where they would
 * not stay in the caches of all threads; the caches count twice, since what is read but not written is soon evicted. */
static void choose_traffic(fa__plan *p, size_t n) {
    size_t read = (size_t)p->inputs * n * p->stored, moved = read + (size_t)p->results * n * p->stored;
    fa__caches caches = fa__get_caches();
    size_t one = caches.own + caches.shared;
    size_t own = moved < one ? caches.own : caches.own * (size_t)fa__threads_to_share();
    int near = moved < own || (read < FROM_SHARED_CACHE && read < one);
    p->prefetching = near ? FA__PREFETCH_NONE : read < FROM_MEMORY ? FA__PREFETCH_SOME : FA__PREFETCH_ALL;
    p->streams = moved / 2 >= own + caches.shared && can_stream(p);
}

/* By the table's cost; loops that use the output have no exponentials */
static int is_cheap(int entry, fa__direction direction) {
    enum { COSTLY, CHEAP };
    static const char cost[FA__ENTRIES] = {
#define FA_ACT(id, name, params, f, df, kinks, from, saves, cost, ...) cost,
#include "fastact/activations.def"
#undef FA_ACT
    };
    return cost[entry] == CHEAP || direction == FA__BACKWARD_FROM_OUTPUT;
}

/* Tiles that are parts of spans: those of the last result begin with a cache line if all its spans are aligned alike, and
 * may be streamed */
static void choose_lines(fa__plan *p, size_t n) {
    int result = p->operands - 1, last = p->ndim - 1;
    p->phase = 0;
    p->streams = 0;
    p->prefetching = FA__PREFETCH_NONE;
    if (!p->spans) p->prefetching = bytes_read(p) < FROM_SECOND ? FA__PREFETCH_NONE : FA__PREFETCH_ALL;
    if (!p->spans || p->tile[last] == n) return;
    int alike = p->tile[last] < p->shape[last]; /* else a span would be cut in two */
    for (int d = 0; d < last; d++) {
        if (p->tile[d] != 1) return;
        alike &= p->stride[result][d] % FA__LINE == 0;
    }
    if (alike) p->phase = (uintptr_t)p->base[result] % FA__LINE / p->stored;
    choose_traffic(p, n);
}

void fa__run_plan(fa__plan *p, int entry, fa__direction direction) {
    size_t n = elements(p), tiles = 1;
    if (n == 0) return;
    choose_tiles(p);
    choose_lines(p, n);
    p->step = is_cheap(entry, direction) ? STEP / p->stored : p->tile[p->ndim - 1];
    p->loop = fa__loop_for(p, entry, direction, p->params && !p->uniform[p->inputs]);
    for (int d = 0; d < p->ndim; d++) tiles *= fa__tiles_along(p, d);
    size_t sample = tiles * LARGEST / n + 1; /* tiles of some LARGEST elements */
    if (n < TIMED || tiles < 4 * sample)
        fa__run_tiles(p, 0, tiles);
    else
        fa__parallel_for_timed(fa__run_tiles, p, tiles, sample, WORTH_A_THREAD);
}
