/* Units are divided among threads, and each thread goes over all rows of its units, tile by tile. So every unit's sums
 * are added in the order of the rows, whatever the number of threads. */
#include "health/call.h"

#include "elementwise/call.h"
#include "health/count.h"
#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) fa__health_kernel fa__health_##isa##_float, fa__health_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {fa__health_##isa##_float, fa__health_##isa##_double},
static fa__health_kernel *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

#define WIDTH 64         /* columns of a tile */
#define TILE_BYTES 16384 /* of each buffer: two of them, and what is read, fit the first-level cache */
_Static_assert(TILE_BYTES / sizeof(float) <= FA__HEALTH_MOST_ROWS, "counts of a tile fit");
#define GRAIN 32768 /* the fewest elements that are worth a thread: some 20 microseconds */
#define QUANTUM (FA__LINE / sizeof(float)) /* columns whose counters share no cache line with other threads */

typedef struct {
    const fa__health_call *call;
    fa__health_kernel *kernel;
    size_t size, tile_rows;
} health_run;

static const char *at(const health_run *r, const fa__health_array *a, size_t row, size_t column) {
    return a->data ? a->data + ((ptrdiff_t)row * a->row + (ptrdiff_t)column) * (ptrdiff_t)r->size : 0;
}

/* The activation's value and derivative, as far as they are not given, into buffers */
static void evaluate(const health_run *r, const char *z, size_t rows, size_t columns, double *y, double *d) {
    const fa__health_call *c = r->call;
    const int n_params = fa__entries[c->entry].n_params, both = y && d;
    const ptrdiff_t size = (ptrdiff_t)r->size;
    if (!y && !d) return;
    fa__call call = {
        .entry = c->entry,
        .direction = both ? FA__VALUE_AND_DERIVATIVE
                     : y  ? FA__FORWARD
                          : FA__DERIVATIVE,
        .dtype = c->dtype,
        .ndim = 2,
        .shape = {rows, columns},
    };
    double parameters[FA__MAX_PARAMS];
    for (int i = 0; i < n_params + 1 + 1 + both; i++) {
        const int parameter = i > 0 && i <= n_params;
        call.source[i] = (fa__source)c->dtype;
        call.stride[i][0] = i == 0 ? c->z.row * size : parameter ? 0 : (ptrdiff_t)columns * size;
        call.stride[i][1] = parameter ? 0 : size;
        if (parameter && c->dtype == FA__F32) *(float *)&parameters[i - 1] = (float)c->parameters[i - 1];
        if (parameter && c->dtype == FA__F64) parameters[i - 1] = c->parameters[i - 1];
        if (parameter) call.base[i] = (char *)&parameters[i - 1];
    }
    call.base[0] = (char *)(uintptr_t)z;
    call.base[n_params + 1] = (char *)(y ? y : d);
    if (both) call.base[n_params + 2] = (char *)d;
    fa__execute(&call);
}

static void count_tile(const health_run *r, size_t row, size_t rows, size_t column, size_t columns) {
    const fa__health_call *c = r->call;
    double y[TILE_BYTES / sizeof(double)], d[TILE_BYTES / sizeof(double)];
    fa__health_tile t = {
        .rows = rows,
        .columns = columns,
        .units = c->units,
        .z = at(r, &c->z, row, column),
        .y = at(r, &c->y, row, column),
        .d = at(r, &c->derivative, row, column),
        .grad = at(r, &c->grad_y, row, column),
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
    evaluate(r, t.z, rows, columns, t.y ? 0 : y, t.d ? 0 : d);
    if (!t.y) t.y = y, t.y_row = (ptrdiff_t)columns;
    if (!t.d) t.d = d, t.d_row = (ptrdiff_t)columns;
    r->kernel(&t);
}

static void count_units(const void *context, size_t begin, size_t end) {
    const health_run *r = context;
    fa__fenv caller = fa__enter_fenv();
    for (size_t row = 0; row < r->call->rows; row += r->tile_rows) {
        const size_t left = r->call->rows - row, rows = left < r->tile_rows ? left : r->tile_rows;
        for (size_t column = begin; column < end; column += WIDTH)
            count_tile(r, row, rows, column, end - column < WIDTH ? end - column : WIDTH);
    }
    fa__leave_fenv(caller);
}

void fa__run_health(const fa__health_call *call) {
    const size_t size = call->dtype == FA__F64 ? sizeof(double) : sizeof(float);
    const size_t width = call->units < WIDTH ? call->units : WIDTH;
    const health_run r = {call, kernels[fa__active_isa()][call->dtype], size, TILE_BYTES / size / width};
    fa__parallel_for(count_units, &r, call->units, GRAIN / (call->rows + 1) + QUANTUM, QUANTUM);
}
