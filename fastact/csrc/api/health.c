/* The exported functions that count what units do, and their checks. */
#include "api/health.h"

#include "api/dense.h"
#include "dense/network.h"
#include "elementwise/entries.h"
#include "health/call.h"

/* The most elements of 8 bytes that an array may have, or its rows reach */
#define MOST ((size_t)PTRDIFF_MAX / sizeof(double))

/* Whether an array that has rows and units can exist; one without data may hold anything */
static int is_possible(const fa_input *a, const fa_health *c) {
    if (!a->data) return 1;
    const size_t step = a->row < 0 ? 0 - (size_t)a->row : (size_t)a->row;
    size_t reach;
    return a->column == 1 && !__builtin_mul_overflow(step, c->rows - 1, &reach) && reach <= MOST - c->units;
}

static int is_valid(const fa_health *c) {
    size_t elements;
    if (__builtin_mul_overflow(c->rows, c->units, &elements) || elements > MOST) return 0;
    if (c->rows > MOST || c->units > MOST) return 0;
    if (elements == 0) return 1;
    if (!c->z.data || !c->low || !c->high || !c->counts || !c->sums || !c->extremes) return 0;
    return is_possible(&c->z, c) && is_possible(&c->y, c) && is_possible(&c->derivative, c) &&
           is_possible(&c->grad_y, c);
}

static fa__health_array as_array(const fa_input *a) {
    return (fa__health_array){a->data, a->row};
}

static int check(const fa_health *c) {
    if (!c || c->size < sizeof *c) return FA_INVALID;
    const int entry = fa__find_entry(c->activation);
    if (entry < 0 || !is_valid(c)) return FA_INVALID;
    const size_t n_params = (size_t)fa__entries[entry].n_params;
    return c->n_parameters && (c->n_parameters != n_params || !c->parameters) ? FA_INVALID : FA_OK;
}

static int run(const fa_health *c, fa__dtype dtype) {
    if (check(c) != FA_OK) return FA_INVALID;
    const int entry = fa__find_entry(c->activation);
    const fa__entry *found = &fa__entries[entry];
    if (c->rows == 0 || c->units == 0) return FA_OK;
    fa__health_call call = {
        .entry = entry,
        .dtype = dtype,
        .rows = c->rows,
        .units = c->units,
        .z = as_array(&c->z),
        .y = as_array(&c->y),
        .derivative = as_array(&c->derivative),
        .grad_y = as_array(&c->grad_y),
        .low = c->low,
        .high = c->high,
        .counts = c->counts,
        .sums = c->sums,
        .extremes = c->extremes,
    };
    for (int i = 0; i < found->n_params; i++)
        call.parameters[i] = c->n_parameters ? c->parameters[i] : found->param_defaults[i];
    fa__run_health(&call);
    return FA_OK;
}

int fa_health_f32(const fa_health *call) {
    return run(call, FA__F32);
}

int fa_health_f64(const fa_health *call) {
    return run(call, FA__F64);
}

/* Beside the forward pass of a layer ---------------------------------------------------------------- */

/* Rows between two counts, whose z and y are still in cache: a multiple of the rows after which fa__run_health adds to
 * its counters, so that sums are those of one call. The last part may be twice as long. */
#define PART 1024

/* The counters with a layer's arrays; `values` are its parameters. relu is computed again sooner than it is read. */
static fa_health health_of(const fa_dense *l, const fa_health *counters, const double *values) {
    fa_health c = *counters;
    c.rows = l->rows;
    c.units = l->n_out;
    c.activation = l->activation;
    c.parameters = values;
    c.n_parameters = l->n_parameters;
    c.z = (fa_input){l->saved.data, l->saved.row, 1, 0};
    c.y = (fa_input){l->activation == FA__ID_RELU ? 0 : l->y.data, l->y.row, 1, 0};
    c.derivative = c.grad_y = (fa_input){0, 0, 1, 0};
    return c;
}

/* Parameters as numbers; FA_UNSUPPORTED where one varies by column */
static int read_parameters(const fa_dense *l, fa__dtype dtype, double values[FA__MAX_PARAMS]) {
    if (l->n_parameters > FA__MAX_PARAMS || (l->n_parameters && !l->parameters)) return FA_INVALID;
    for (size_t i = 0; i < l->n_parameters; i++) {
        const fa_input *p = &l->parameters[i];
        if (!p->data) return FA_INVALID;
        if (p->column != 0) return FA_UNSUPPORTED;
        values[i] = dtype == FA__F64 ? *(const double *)p->data : (double)*(const float *)p->data;
    }
    return FA_OK;
}

/* The functions of one dtype */
typedef struct {
    int (*forward)(const fa_dense *layer, void *workspace, size_t bytes);
    fa__dtype dtype;
} counting;

static int run_part(const counting *f, const fa_dense *layer, const fa_health *all, size_t first, size_t rows,
                    void *workspace, size_t bytes) {
    const ptrdiff_t size = f->dtype == FA__F64 ? sizeof(double) : sizeof(float), row = (ptrdiff_t)first;
    fa_dense l = *layer;
    fa_health c = *all;
    l.rows = c.rows = rows;
    if (first) {
        l.x.data = l.x.data ? (const char *)l.x.data + row * l.x.row * size : 0;
        l.y.data = l.y.data ? (char *)l.y.data + row * l.y.row * size : 0;
        l.saved.data = l.saved.data ? (char *)l.saved.data + row * l.saved.row * size : 0;
        c.z.data = l.saved.data;
        c.y.data = c.y.data ? l.y.data : 0;
    }
    const int answer = f->forward(&l, workspace, bytes);
    return answer == FA_OK ? run(&c, f->dtype) : answer;
}

static int run_counting(const counting *f, const fa_dense *l, const fa_health *counters, void *workspace,
                        size_t bytes) {
    if (!counters) return f->forward(l, workspace, bytes);
    if (!l || l->size < sizeof *l || counters->size < sizeof *counters) return FA_INVALID;
    if (l->stack_ndim || l->saving != FA_SAVE_INPUT) return FA_UNSUPPORTED;
    double values[FA__MAX_PARAMS];
    int answer = read_parameters(l, f->dtype, values);
    if (answer == FA_OK) answer = fa__check_forward(l, f->dtype);
    if (answer != FA_OK) return answer;
    const fa_health all = health_of(l, counters, values);
    if ((answer = check(&all)) != FA_OK) return answer;
    const size_t last = l->rows < (size_t)2 * PART ? l->rows : PART + l->rows % PART, parts[] = {PART, last};
    for (int i = l->rows == last; i < 2; i++) { /* before anything is counted */
        fa_dense part = *l;
        part.rows = parts[i];
        if (!fa__network_fits(&part, 1, f->dtype, 0, workspace, bytes)) return FA_TOO_SMALL;
    }
    for (size_t first = 0; answer == FA_OK && first + last < l->rows; first += PART)
        answer = run_part(f, l, &all, first, PART, workspace, bytes);
    return answer == FA_OK ? run_part(f, l, &all, l->rows - last, last, workspace, bytes) : answer;
}

#define FORWARD(suffix, dtype)                                                               \
    int fa_dense_forward_counting_##suffix(const fa_dense *layer, const fa_health *counters, \
                                           void *workspace, size_t bytes) {                  \
        static const counting f = {fa_dense_forward_##suffix, dtype};                        \
        return run_counting(&f, layer, counters, workspace, bytes);                          \
    }
FORWARD(f32, FA__F32)
FORWARD(f64, FA__F64)

const fa__health_functions fa__health_functions_for_python = {
    .f32 = fa_health_f32,
    .f64 = fa_health_f64,
    .forward = {fa_dense_forward_counting_f32, fa_dense_forward_counting_f64},
    .workspace = {fa_dense_workspace_f32, fa_dense_workspace_f64},
};
