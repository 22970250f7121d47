/* Elementwise calls on arrays of any layout: the way from a fa__call to boxes that kernels can run.
 * Knows axes, strides and what suits caches and threads; does not know what a kernel computes, nor NumPy.
 *
 * The elements of a call are cut into boxes: ranges of each axis. Within a box an operand either is packed, its
 * elements following each other in memory, and kernels read and write it in place; or it goes through a buffer.
 */
#include <math.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elementwise/plan.h"
#include "platform/float16.h"
#include "elementwise/internal.h"
#include "elementwise/convert.h"
#include "platform/fenv.h"

/* elements of a box that needs no buffer: short beside a thread's work */
#define PACKED 1024
_Static_assert(PACKED <= FA__BUFFERED, "streamed results of a box go through buffers of so many elements");
/* fewest elements of which some are timed, to see whether threads would pay: of fewer, the timing would take a tenth */
#define TIMED (16 * PACKED)
/* nanoseconds of work worth a thread: two that still spin from the last call meet and part in about a thousand */
#define WORTH_A_THREAD 2000
/* shortest run along the innermost axis that needs no buffer: below, a kernel's start weighs too much */
#define SHORTEST_RUN 64
/* bytes: inputs so large, or larger than what a processor has of the caches, are worth fetching (16 MB from a shared cache
 * in float64: 0.71 instead of 0.81 ns for the backward pass of elu); from the second size on they are taken to come
 * from memory */
#define FROM_AFAR ((size_t)9 << 20)
#define FROM_MEMORY ((size_t)12 << 20)
#define FROM_SECOND ((size_t)512 << 10) /* inputs that go through buffers are fetched from here on */
/* side of a box across which operands run in different directions: whole cache lines */
#define TILE 32

static void start_plan(fa__plan *p, int row, fa__direction direction, fa__dtype dtype) {
    p->inputs = fa__arities[direction].inputs;
    p->params = fa__rows[row].n_params;
    p->results = fa__arities[direction].results;
    p->operands = p->inputs + p->params + p->results;
    p->dtype = dtype;
    p->stored = dtype == FA__F16 ? 2 : dtype == FA__F32 ? sizeof(float) : sizeof(double);
    p->computed = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    for (int i = 0; i < p->operands; i++) p->source[i] = (fa__source)dtype;
}

static fa__loop *loop_for(int row, fa__direction direction, fa__dtype dtype, int per_element) {
    int kernels = dtype == FA__F64 ? FA__F64 : FA__F32;
    return fa__active_kernels()->of_dtype[kernels][row].loop[direction][per_element];
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

/* the elements of each box follow each other */
static int is_packed(const fa__plan *p, int operand) {
    ptrdiff_t expected = (ptrdiff_t)p->stored;
    int whole = 1; /* boxes are as wide as the array, as far as looked at */
    for (int d = p->ndim - 1; d >= 0; d--) {
        if (p->box[d] == 1) continue;
        if (!whole || p->stride[operand][d] != expected) return 0;
        expected *= (ptrdiff_t)p->box[d];
        whole = p->box[d] == p->shape[d];
    }
    return is_aligned(p, operand);
}

/* one value for each run along the innermost axis, or for all elements */
static int params_are_fixed(const fa__plan *p, int only_along_runs) {
    for (int i = p->inputs; i < p->inputs + p->params; i++)
        for (int d = only_along_runs ? p->ndim - 1 : 0; d < p->ndim; d++)
            if (p->stride[i][d] != 0) return 0;
    return 1;
}

static int runs_are_packed(const fa__plan *p) {
    int last = p->ndim - 1;
    if (p->shape[last] < SHORTEST_RUN && p->ndim > 1) return 0;
    int fixed = params_are_fixed(p, 1);
    for (int i = 0; i < p->operands; i++) {
        int value_per_run = fixed && fa__is_param(p, i);
        if (!is_aligned(p, i) || (!value_per_run && p->stride[i][last] != (ptrdiff_t)p->stored)) return 0;
    }
    return 1;
}

/* n cut into equal parts of at most `most`; all but the last a multiple of `quantum`, as `most` is */
static size_t part_of(size_t n, size_t most, size_t quantum) {
    size_t parts = (n + most - 1) / most, part = (n + parts - 1) / parts;
    return n <= most ? n : (part + quantum - 1) / quantum * quantum;
}

/* the axis along which the operand's elements lie closer together than along the innermost one, else that */
static int faster_axis(const fa__plan *p, int operand) {
    int last = p->ndim - 1, found = last;
    const ptrdiff_t *stride = p->stride[operand];
    if (p->fixed[operand] || fa__is_result(p, operand) || stride[last] == 0) return last;
    if (!fa__transposing_loader(p->source[operand], p->dtype)) return last;
    for (int d = last - 1; d >= 0; d--)
        if (stride[d] != 0 && magnitude(stride[d]) < magnitude(stride[found])) found = d;
    return found;
}

/* Boxes of runs that need no buffer; of tiles, where operands run in different directions; or else of as many
 * innermost axes as fit a buffer */
static void choose_boxes(fa__plan *p) {
    int last = p->ndim - 1, faster[FA__MAX_OPERANDS];
    p->runs = runs_are_packed(p);
    int fixed = params_are_fixed(p, p->runs);
    for (int i = 0; i < p->operands; i++) p->fixed[i] = (char)(fixed && fa__is_param(p, i));
    for (int d = 0; d < p->ndim; d++) p->box[d] = 1;
    p->across = last;
    for (int i = 0; i < p->operands; i++) {
        faster[i] = p->runs ? last : faster_axis(p, i);
        if (faster[i] < p->across) p->across = faster[i];
    }
    for (int i = 0; i < p->operands; i++) p->transposed[i] = faster[i] < last && faster[i] == p->across;
    if (p->runs) {
        p->box[last] = part_of(p->shape[last], PACKED, FA__STEP);
        if (last && p->box[last] == p->shape[last])
            p->box[last - 1] = part_of(p->shape[last - 1], PACKED / p->box[last], 1);
    } else if (p->across < last) {
        p->box[last] = part_of(p->shape[last], TILE, FA__LANES);
        p->box[p->across] = part_of(p->shape[p->across], FA__BUFFERED / TILE, 1);
    } else {
        p->box[last] = part_of(p->shape[last], FA__BUFFERED, FA__LANES);
        size_t room = FA__BUFFERED / p->box[last];
        for (int d = last; d > 0 && p->box[d] == p->shape[d] && room > 1; d--) {
            p->box[d - 1] = part_of(p->shape[d - 1], room, 1);
            room /= p->box[d - 1];
        }
    }
    for (int i = 0; i < p->operands; i++) p->packed[i] = (char)(!p->fixed[i] && is_packed(p, i));
}

static size_t elements(const fa__plan *p) {
    size_t n = 1;
    for (int d = 0; d < p->ndim; d++) n *= p->shape[d];
    return n;
}

/* the first byte of an operand and the one after its last */
static void find_extent(const fa__plan *p, int operand, char **low, char **high) {
    *low = p->base[operand];
    *high = *low + p->stored;
    for (int d = 0; d < p->ndim; d++) {
        ptrdiff_t reach = (ptrdiff_t)(p->shape[d] - 1) * p->stride[operand][d];
        *(reach < 0 ? low : high) += reach;
    }
}

/* whether two operands have memory in common, as far as their extents tell */
static int overlap(const fa__plan *p, int a, int b) {
    char *low[2], *high[2];
    find_extent(p, a, &low[0], &high[0]);
    find_extent(p, b, &low[1], &high[1]);
    return low[0] < high[1] && low[1] < high[0];
}

/* A page that is not is about to be cleared, and then it is in the caches */
static int is_resident(char *address) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char answer = 1;
    mincore(address - (uintptr_t)address % page, 1, &answer);
    return answer & 1;
}

/* whether a result may pass the caches by: nothing else brings its lines there */
static int can_stream(const fa__plan *p) {
    for (int i = p->inputs + p->params; i < p->operands; i++) {
        if (!is_resident(p->base[i] + (ptrdiff_t)(p->shape[0] / 2) * p->stride[i][0])) return 0;
        for (int k = 0; k < p->inputs + p->params; k++)
            if (overlap(p, i, k)) return 0;
    }
    return 1;
}

/* from the first to the last byte of each input */
static size_t bytes_read(const fa__plan *p) {
    size_t bytes = 0;
    for (int i = 0; i < p->inputs; i++) {
        char *low, *high;
        find_extent(p, i, &low, &high);
        bytes += (size_t)(high - low);
    }
    return bytes;
}

/* What of a call's runs, of n elements, comes from afar and goes there. Results pass the caches by where they would not
 * stay in those of all who share the work; twice these, since what is read and not written soon makes room. */
static void choose_traffic(fa__plan *p, size_t n) {
    size_t read = (size_t)p->inputs * n * p->stored, moved = read + (size_t)p->results * n * p->stored;
    fa__caches caches = fa__get_caches();
    size_t one = caches.own + caches.shared;
    size_t own = moved < one ? caches.own : caches.own * (size_t)fa__threads_to_share();
    int near = moved < own || (read < FROM_AFAR && read < one);
    p->fetching = near ? FA__FETCH_NONE : read < FROM_MEMORY ? FA__FETCH_SOME : FA__FETCH_ALL;
    p->streams = moved / 2 >= own + caches.shared && can_stream(p);
}

/* Boxes that are parts of runs: those of the last result start at cache lines if all its runs lie alike in these, and
 * may pass the caches by */
static void choose_lines(fa__plan *p, size_t n) {
    int result = p->operands - 1, last = p->ndim - 1;
    p->phase = 0;
    p->streams = 0;
    p->fetching = FA__FETCH_NONE;
    if (!p->runs) p->fetching = bytes_read(p) < FROM_SECOND ? FA__FETCH_NONE : FA__FETCH_ALL;
    if (!p->runs || p->box[last] == n) return;
    int alike = p->box[last] < p->shape[last]; /* else a run would be cut in two */
    for (int d = 0; d < last; d++) {
        if (p->box[d] != 1) return;
        alike &= p->stride[result][d] % FA__LINE == 0;
    }
    if (alike) p->phase = (uintptr_t)p->base[result] % FA__LINE / p->stored;
    choose_traffic(p, n);
}

/* Base, stride, shape and ndim are set: see what each operand is, and run */
static void run_plan(fa__plan *p, int row, fa__direction direction) {
    size_t n = elements(p), boxes = 1;
    if (n == 0) return;
    choose_boxes(p);
    choose_lines(p, n);
    p->loop = loop_for(row, direction, p->dtype, p->params && !p->fixed[p->inputs]);
    for (int d = 0; d < p->ndim; d++) boxes *= fa__boxes_along(p, d);
    size_t sample = boxes * PACKED / n + 1; /* boxes of some PACKED elements */
    if (n < TIMED || boxes < 4 * sample)
        fa__run_boxes(p, 0, boxes);
    else
        fa__parallel_for_timed(fa__run_boxes, p, boxes, sample, WORTH_A_THREAD);
}

static void run_1d(fa__plan *p, int row, fa__direction direction, char *const *base, const ptrdiff_t *stride,
                   size_t n) {
    p->ndim = 1;
    p->shape = &n;
    for (int i = 0; i < p->operands; i++) {
        p->base[i] = base[i];
        p->stride[i] = &stride[i];
    }
    run_plan(p, row, direction);
}

void fa__execute_1d(int row, fa__direction direction, fa__dtype dtype, char *const *base,
                    const ptrdiff_t *stride, size_t n) {
    fa__plan p;
    start_plan(&p, row, direction, dtype);
    run_1d(&p, row, direction, base, stride, n);
}

/* Short arrays take the shortest way */
static int run_short(fa__plan *p, int row, fa__direction direction, char *const *base, size_t n) {
    size_t bits = 0;
    for (int i = 0; i < p->operands; i++) bits |= (uintptr_t)base[i];
    if (n > PACKED || p->stored != p->computed || (bits & (p->stored - 1)) != 0) return 0;
    for (int i = 0; i < p->operands; i++) p->fixed[i] = (char)fa__is_param(p, i);
    p->loop = loop_for(row, direction, p->dtype, 0);
    fa__state caller = fa__enter();
    fa__run_contiguous(p, base, n);
    fa__leave(caller);
    return 1;
}

void fa__execute_contiguous(int row, fa__direction direction, fa__dtype dtype, char *const *base, size_t n) {
    ptrdiff_t stride[FA__MAX_OPERANDS];
    fa__plan p;
    start_plan(&p, row, direction, dtype);
    if (run_short(&p, row, direction, base, n)) return;
    for (int i = 0; i < p.operands; i++) stride[i] = fa__is_param(&p, i) ? 0 : (ptrdiff_t)p.stored;
    run_1d(&p, row, direction, base, stride, n);
}

static int narrow_to(fa__dtype dtype, double value, float *result) {
    fa__state caller = fa__enter();
    volatile double wide = value; /* volatile: keeps the conversion between enter and leave */
    volatile float narrow = dtype == FA__F16 ? fa__float_from_half(fa__half_from_double(wide)) : (float)wide;
    fa__leave(caller);
    if (isinf(narrow) && !isinf(value)) return 0;
    *result = narrow;
    return 1;
}

int fa__narrow(double value, float *result) {
    return narrow_to(FA__F32, value, result);
}

int fa__narrow_to_half(double value, float *result) {
    return narrow_to(FA__F16, value, result);
}

/* Many dimensions -------------------------------------------------------------------------------- */

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

void fa__execute(fa__call *call) {
    fa__plan p;
    start_plan(&p, call->row, call->direction, call->dtype);
    sort_axes(call, p.operands);
    merge_axes(call, p.operands);
    p.ndim = call->ndim;
    p.shape = call->shape;
    for (int i = 0; i < p.operands; i++) {
        p.base[i] = call->base[i];
        p.stride[i] = call->stride[i];
        if (!fa__is_result(&p, i)) p.source[i] = call->source[i];
    }
    run_plan(&p, call->row, call->direction);
}
