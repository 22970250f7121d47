/* The exported row-wise functions, made from their table, and their checks. */
#include "api/rowwise.h"

#include <math.h>

#include "fastact.h"

/* The most elements of 8 bytes that rows x n arrays may have */
#define MOST (PTRDIFF_MAX / sizeof(double))

static int is_possible(size_t rows, size_t n) {
    size_t elements;
    return !__builtin_mul_overflow(rows, n, &elements) && elements <= MOST && rows <= MOST;
}

static int run(const fa__rows_call *call) {
    if (!is_possible(call->rows, call->n)) return FA_INVALID;
    if (call->pieces == 0 || call->n % call->pieces != 0) return FA_INVALID;
    if (!(call->temperature > 0) || isinf(call->temperature)) return FA_INVALID;
    const size_t results = fa__row_results(call->entry, call->n, call->pieces);
    if (!is_possible(call->rows, results)) return FA_INVALID;
    const int backward = call->direction != FA__ROWWISE_FORWARD, reads = call->n > 0;
    const int writes = reads || (!backward && results > 0);
    if (call->rows == 0 || !writes) return FA_OK;
    if (!call->out || (reads && !call->in) || (backward && !call->grad_y)) return FA_INVALID;
    fa__run_rows(call);
    return FA_OK;
}

/* `temperature` and `pieces` are parameters of some functions; for others they are these */
enum { temperature = 1, pieces = 1 };

#define DEFINE(name, suffix, direction_, grad_y_, in_, out_)                                             \
    {                                                                                                    \
        return run(&(fa__rows_call){FA__ROWWISE_##name, direction_, FA__##suffix, rows, n, grad_y_, in_, \
                                    out_, (double)temperature, pieces});                                 \
    }
#define FUNCTIONS(name, T, dtype, suffix, args, result)                                                      \
    int fa_##name##_##dtype(const T *x, T *y, size_t rows, size_t n args)                                    \
        DEFINE(name, suffix, FA__ROWWISE_FORWARD, 0, x, y) int fa_##name##_backward_##dtype(                 \
            const T *grad_y, const T *x, T *grad_x, size_t rows, size_t n args)                              \
            DEFINE(name, suffix, FA__ROWWISE_BACKWARD, grad_y, x, grad_x) FA_IF_EACH(                        \
                result, int fa_##name##_backward_from_output_##dtype(const T *grad_y, const T *y, T *grad_x, \
                                                                     size_t rows, size_t n args)             \
                            DEFINE(name, suffix, FA__ROWWISE_BACKWARD_FROM_OUTPUT, grad_y, y, grad_x))

#define FA_ROWWISE(id, name, params, result, ...)                                                          \
    FUNCTIONS(name, float, f32, F32, FA_EACH_PARAM(FA__DECLARE_FLOAT, params) FA_DECLARE_PIECES(result),   \
              result)                                                                                      \
    FUNCTIONS(name, double, f64, F64, FA_EACH_PARAM(FA__DECLARE_DOUBLE, params) FA_DECLARE_PIECES(result), \
              result)
#include "fastact/rowwise.def"
#undef FA_ROWWISE

/* Losses of labels --------------------------------------------------------------------------------- */

static int has_valid_labels(const fa__cross_entropy_call *c) {
    for (size_t i = 0; i < c->rows; i++)
        if (c->labels[i] < 0 || (size_t)c->labels[i] >= c->n) return 0;
    return 1;
}

static int run_with_labels(void (*run)(const fa__cross_entropy_call *), const fa__cross_entropy_call *c) {
    if (!is_possible(c->rows, c->n)) return FA_INVALID;
    if (c->rows == 0) return FA_OK;
    if (!c->x || !c->loss || !c->labels == !c->q) return FA_INVALID;
    if (c->labels && !has_valid_labels(c)) return FA_INVALID;
    run(c);
    return FA_OK;
}

#define CROSS_ENTROPY(T, dtype, suffix)                                                                    \
    int fa_softmax_cross_entropy_##dtype(const T *logits, const int64_t *labels, const T *probabilities,   \
                                         const double *weights, double *loss, T *grad_logits, size_t rows, \
                                         size_t n) {                                                       \
        return run_with_labels(fa__run_cross_entropy,                                                      \
                               &(fa__cross_entropy_call){FA__##suffix, rows, n, logits, probabilities,     \
                                                         labels, weights, loss, grad_logits});             \
    }                                                                                                      \
    int fa_nll_##dtype(const T *log_probabilities, const int64_t *labels, const double *weights,           \
                       double *loss, T *grad, size_t rows, size_t n) {                                     \
        return run_with_labels(fa__run_nll,                                                                \
                               &(fa__cross_entropy_call){FA__##suffix, rows, n, log_probabilities, 0,      \
                                                         labels, weights, loss, grad});                    \
    }
CROSS_ENTROPY(float, f32, F32)
CROSS_ENTROPY(double, f64, F64)

const fa__rowwise_functions fa__rowwise_functions_for_python = {
    .entries = fa__rowwise_entries,
    .n_entries = FA__ROWWISE_ENTRIES,
    .run_rows = fa__run_rows,
    .run_cross_entropy = fa__run_cross_entropy,
#ifndef FA__SMALL /* which has no gated pairs */
    .run_gated = fa__run_gated,
#endif
    .run_nll = fa__run_nll,
    .losses = fa__loss_entries,
    .n_losses = FA__LOSS_ENTRIES,
    .run_loss = fa__run_loss,
};
