/* The exported functions that count what units do, and their checks. */
#include "api/health.h"

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

static int run(const fa_health *c, fa__dtype dtype) {
    if (!c || c->size < sizeof *c) return FA_INVALID;
    const int entry = fa__find_entry(c->activation);
    if (entry < 0 || !is_valid(c)) return FA_INVALID;
    const fa__entry *found = &fa__entries[entry];
    if (c->n_parameters && (c->n_parameters != (size_t)found->n_params || !c->parameters)) return FA_INVALID;
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

const fa__health_functions fa__health_functions_for_python = {fa_health_f32, fa_health_f64};
