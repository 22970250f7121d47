/* The exported gated pairs, and their checks. */
#include <math.h>
#include <stdalign.h>

#include "api/rowwise.h"
#include "elementwise/entries.h"
#include "fastact.h"

#define MOST_BYTES ((size_t)1 << 55)
#define MOST_STRUCT 4096
_Static_assert(offsetof(fa_gated, grad_b_row) + sizeof(ptrdiff_t) == sizeof(fa_gated),
               "a field was added: it must be read as 0 from structs whose size does not reach it");

/* Fields of a later version must be 0, the value that changes nothing */
static int check_size(const fa_gated *g) {
    if (g->size < sizeof *g || g->size > MOST_STRUCT || g->size % alignof(fa_gated) != 0) return FA_INVALID;
    for (size_t i = sizeof *g; i < g->size; i++)
        if (((const char *)g)[i] != 0) return FA_UNSUPPORTED;
    return FA_OK;
}

/* rows of n elements, `step` from one to the next, lie within the largest array; rows of results do not overlap */
static int has_rows(const fa_gated *g, ptrdiff_t step, size_t size, int is_result) {
    const size_t apart = step < 0 ? 0 - (size_t)step : (size_t)step;
    size_t elements, reach;
    if (__builtin_mul_overflow(g->rows, g->n, &elements) || elements > MOST_BYTES / size) return 0;
    if (__builtin_mul_overflow(g->rows, apart, &reach) || reach > MOST_BYTES / size) return 0;
    return !is_result || g->rows <= 1 || apart >= g->n;
}

static int check(const fa_gated *g, int entry, size_t size, int backward) {
    if (entry < 0) return FA_INVALID;
    if (g->n_parameters && (g->n_parameters != (size_t)fa__entries[entry].n_params || !g->parameters))
        return FA_INVALID;
    if (!(g->limit >= 0) || !isfinite(g->offset)) return FA_INVALID;
    if (!has_rows(g, g->a_row, size, 0) || !has_rows(g, g->b_row, size, 0)) return FA_INVALID;
    if (!has_rows(g, g->y_row, size, !backward)) return FA_INVALID;
    if (backward && (!has_rows(g, g->grad_a_row, size, 1) || !has_rows(g, g->grad_b_row, size, 1)))
        return FA_INVALID;
    return FA_OK;
}

static int run(const fa_gated *g, fa__gated_call *c, int backward) {
    if (!g) return FA_INVALID;
    int wrong = check_size(g);
    if (wrong) return wrong;
    const int entry = fa__find_entry(g->activation);
    const size_t size = c->dtype == FA__F64 ? sizeof(double) : sizeof(float);
    wrong = check(g, entry, size, backward);
    if (wrong) return wrong;
    if (g->rows == 0 || g->n == 0) return FA_OK;
    if (!c->a || !c->b || !c->out_a || (backward && (!c->grad_y || !c->out_b))) return FA_INVALID;
    const double *parameters = g->n_parameters ? g->parameters : fa__entries[entry].param_defaults;
    for (int i = 0; i < fa__entries[entry].n_params; i++) c->parameters[i] = parameters[i];
    c->entry = entry;
    c->limit = g->limit == 0 ? INFINITY : g->limit;
    c->offset = g->offset;
    c->rows = g->rows;
    c->n = g->n;
    c->step_a = g->a_row * (ptrdiff_t)size;
    c->step_b = g->b_row * (ptrdiff_t)size;
    c->step_grad_y = g->y_row * (ptrdiff_t)size;
    c->step_out_a = (backward ? g->grad_a_row : g->y_row) * (ptrdiff_t)size;
    c->step_out_b = g->grad_b_row * (ptrdiff_t)size;
    fa__run_gated(c);
    return FA_OK;
}

#define GATED(T, suffix, dtype_)                                                                             \
    int fa_gated_##suffix(const fa_gated *pair, const T *a, const T *b, T *y) {                              \
        fa__gated_call call = {.dtype = dtype_, .a = a, .b = b, .out_a = y};                                 \
        return run(pair, &call, 0);                                                                          \
    }                                                                                                        \
    int fa_gated_backward_##suffix(const fa_gated *pair, const T *grad_y, const T *a, const T *b, T *grad_a, \
                                   T *grad_b) {                                                              \
        fa__gated_call call = {                                                                              \
            .dtype = dtype_, .grad_y = grad_y, .a = a, .b = b, .out_a = grad_a, .out_b = grad_b};            \
        return run(pair, &call, 1);                                                                          \
    }
GATED(float, f32, FA__F32)
GATED(double, f64, FA__F64)
