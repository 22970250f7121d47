/* Units are divided among threads, and each thread goes over all rows of its units, tile by tile. So every unit's sums
 * are added in the order of the rows, whatever the number of threads. */
#include "health/call.h"

#include <string.h>

#include "elementwise/call.h"
#include "health/count.h"
#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) extern const fa__health_kernels fa__health_##isa##_float, fa__health_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {&fa__health_##isa##_float, &fa__health_##isa##_double},
static const fa__health_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

#define TILE_BYTES 4096 /* of each of two buffers on the stack, of which calls may take little */
#define BLOCK_ROWS 128  /* rows of the same columns between two additions to the counters */
#define GRAIN 32768     /* the fewest elements that are worth a thread: some 20 microseconds */
#define QUANTUM (FA__LINE / sizeof(float)) /* columns whose counters share no cache line with other threads */

typedef struct {
    const fa__health_call *call;
    const fa__health_kernels *kernels;
    size_t size, width, tile_rows;
    int is_relu; /* alone, without arrays beside z */
    union {
        float f32;
        double f64;
    } parameters[FA__MAX_PARAMS];
} health_run;

static const char *at(const health_run *r, const fa__health_array *a, size_t row, size_t column) {
    return a->data ? a->data + ((ptrdiff_t)row * a->row + (ptrdiff_t)column) * (ptrdiff_t)r->size : 0;
}

/* Of an array, the rows of the tile after this one: few of them follow each other, so that the processor does not */
static void prefetch_next(const health_run *r, const fa__health_tile *t, const void *array, ptrdiff_t row) {
    row *= (ptrdiff_t)r->size;
    uintptr_t next = (uintptr_t)array + (uintptr_t)(row * (ptrdiff_t)t->rows);
    for (size_t i = 0; array && i < t->rows; i++, next += (uintptr_t)row)
        for (size_t line = 0; line < t->columns * r->size; line += FA__LINE)
            __builtin_prefetch((const char *)(next + line));
}

/* The rows of a tile of z, one after the other */
static void gather(const health_run *r, const fa__health_tile *t, char *to) {
    const size_t bytes = t->columns * r->size;
    const char *from = t->z;
    for (size_t i = 0; i < t->rows; i++, from += t->z_row * (ptrdiff_t)r->size, to += bytes)
        if (bytes == FA__HEALTH_WIDTH_BYTES)
            memcpy(to, from, FA__HEALTH_WIDTH_BYTES);
        else
            memcpy(to, from, bytes);
}

/* The activation's value, or derivative, or both, of a tile, in one call: inputs are overwritten by what is wanted */
static void evaluate(const health_run *r, const fa__health_tile *t, char *y, char *d) {
    const fa__health_call *c = r->call;
    const int n_params = fa__entries[c->entry].n_params;
    if (!y && !d) return;
    const fa__direction direction = y && d ? FA__VALUE_AND_DERIVATIVE : y ? FA__FORWARD : FA__DERIVATIVE;
    char *base[FA__MAX_OPERANDS];
    char *result = y ? y : d;
    gather(r, t, result);
    base[0] = result;
    for (int i = 0; i < n_params; i++) base[i + 1] = (char *)(uintptr_t)&r->parameters[i];
    base[n_params + 1] = result;
    base[n_params + 2] = y && d ? d : 0;
    fa__execute_contiguous(c->entry, direction, c->dtype, base, t->rows * t->columns);
}

static void count_tile(const health_run *r, fa__health_tile *t, void *state, size_t row, size_t column) {
    const fa__health_call *c = r->call;
    _Alignas(FA__LINE) char y[TILE_BYTES];
    _Alignas(FA__LINE) char d[TILE_BYTES];
    t->z = at(r, &c->z, row, column);
    if (r->is_relu) {
        r->kernels->count_relu(t, state);
        return;
    }
    t->y = at(r, &c->y, row, column);
    t->d = at(r, &c->derivative, row, column);
    t->grad = at(r, &c->grad_y, row, column);
    prefetch_next(r, t, t->z, t->z_row);
    prefetch_next(r, t, t->y, t->y_row);
    prefetch_next(r, t, t->d, t->d_row);
    prefetch_next(r, t, t->grad, t->grad_row);
    evaluate(r, t, t->y ? 0 : y, t->d ? 0 : d);
    if (!t->y) t->y = y, t->y_row = (ptrdiff_t)t->columns;
    if (!t->d) t->d = d, t->d_row = (ptrdiff_t)t->columns;
    r->kernels->count(t, state);
}

/* Rows [row, end) of some columns */
static void count_block(const health_run *r, size_t row, size_t end, size_t column, size_t columns) {
    const fa__health_call *c = r->call;
    _Alignas(FA__LINE) char state[FA__HEALTH_STATE_BYTES];
    fa__health_tile t = {
        .columns = columns,
        .units = c->units,
        .z_row = c->z.row,
        .y_row = c->y.row,
        .d_row = c->derivative.row,
        .grad_row = c->grad_y.row,
        .low = c->low + column,
        .high = c->high + column,
        .counts = c->counts + column,
        .sums = c->sums + column,
        .extremes = c->extremes + column,
    };
    r->kernels->begin(&t, state);
    for (; row < end; row += t.rows) {
        t.rows = end - row < r->tile_rows ? end - row : r->tile_rows;
        count_tile(r, &t, state, row, column);
    }
    r->kernels->finish(&t, state);
}

static void count_units(const void *context, size_t begin, size_t end) {
    const health_run *r = context;
    const size_t rows = r->call->rows, step = BLOCK_ROWS < r->tile_rows ? r->tile_rows : BLOCK_ROWS;
    fa__fenv caller = fa__enter_fenv();
    for (size_t row = 0; row < rows; row += step)
        for (size_t column = begin; column < end; column += r->width)
            count_block(r, row, rows - row < step ? rows : row + step, column,
                        end - column < r->width ? end - column : r->width);
    fa__leave_fenv(caller);
}

void fa__run_health(const fa__health_call *call) {
    const size_t size = call->dtype == FA__F64 ? sizeof(double) : sizeof(float);
    const size_t most = FA__HEALTH_WIDTH_BYTES / size, width = call->units < most ? call->units : most;
    const int is_relu = strcmp(fa__entries[call->entry].name, "relu") == 0 && !call->y.data &&
                        !call->derivative.data && !call->grad_y.data;
    health_run r = {
        .call = call,
        .kernels = kernels[fa__active_isa()][call->dtype],
        .size = size,
        .width = width,
        .tile_rows = is_relu ? BLOCK_ROWS : TILE_BYTES / size / width,
        .is_relu = is_relu,
    };
    for (int i = 0; i < fa__entries[call->entry].n_params; i++)
        if (call->dtype == FA__F64)
            r.parameters[i].f64 = call->parameters[i];
        else
            r.parameters[i].f32 = (float)call->parameters[i];
    fa__parallel_for(count_units, &r, call->units, GRAIN / (call->rows + 1) + QUANTUM, QUANTUM);
}
