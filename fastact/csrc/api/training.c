/* The exported functions of training, and their checks. */
#include "api/training.h"

#include <math.h>

/* bytes of a struct that a caller passes, and of its first version */
#define MOST_STRUCT 4096
#define FIRST_STEP (offsetof(fa_step, centered) + sizeof(int))
_Static_assert(FIRST_STEP == sizeof(fa_step),
               "a field was added: it must be read as 0 from structs whose size does not reach it");

/* Fields of a later version must be 0, the value that changes nothing */
static int check_step(const fa_step *s) {
    if (!s || s->size < FIRST_STEP || s->size > MOST_STRUCT || s->size % sizeof(double) != 0)
        return FA_INVALID;
    for (size_t i = sizeof(fa_step); i < s->size; i++)
        if (((const char *)s)[i] != 0) return FA_UNSUPPORTED;
    return fa__is_valid_step(s) ? FA_OK : FA_INVALID;
}

/* the first `needed` states must be there */
static int run(const fa__update *u, int needed) {
    const int answer = check_step(u->steps);
    if (answer != FA_OK) return answer;
    if (u->n > PTRDIFF_MAX / sizeof(double)) return FA_INVALID;
    if (u->n == 0) return FA_OK;
    if (!u->parameters || !u->gradients) return FA_INVALID;
    for (int i = 0; i < needed; i++)
        if (!u->states[i]) return FA_INVALID;
    fa__run_update(u);
    return FA_OK;
}

#define UPDATE(name, suffix, ...) \
    (&(fa__update){name, FA__##suffix, 1, n, parameters, gradients, {__VA_ARGS__}, step})
#define FUNCTIONS(T, dtype, suffix)                                                                        \
    int fa_sgd_##dtype(const fa_step *step, T *parameters, const T *gradients, T *velocity, size_t n) {    \
        return run(UPDATE(FA__SGD, suffix, velocity), step && step->momentum != 0);                        \
    }                                                                                                      \
    int fa_adam_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean, T *square,        \
                        size_t n) {                                                                        \
        return run(UPDATE(FA__ADAM, suffix, mean, square), 2);                                             \
    }                                                                                                      \
    int fa_rmsprop_##dtype(const fa_step *step, T *parameters, const T *gradients, T *square, T *velocity, \
                           T *mean, size_t n) {                                                            \
        if (step && ((step->momentum != 0 && !velocity) || (step->centered && !mean)) && n > 0)            \
            return FA_INVALID;                                                                             \
        return run(UPDATE(FA__RMSPROP, suffix, square, velocity, mean), 1);                                \
    }                                                                                                      \
    int fa_adagrad_##dtype(const fa_step *step, T *parameters, const T *gradients, T *sum, size_t n) {     \
        return run(UPDATE(FA__ADAGRAD, suffix, sum), 1);                                                   \
    }                                                                                                      \
    int fa_lion_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean, size_t n) {       \
        return run(UPDATE(FA__LION, suffix, mean), 1);                                                     \
    }                                                                                                      \
    int fa_amsgrad_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean, T *square,     \
                           T *largest, size_t n) {                                                         \
        return run(UPDATE(FA__AMSGRAD, suffix, mean, square, largest), 3);                                 \
    }                                                                                                      \
    int fa_sum_of_squares_##dtype(const T *x, size_t n, double *sum) {                                     \
        if (!sum || (n > 0 && !x) || n > PTRDIFF_MAX / sizeof(double)) return FA_INVALID;                  \
        *sum = fa__sum_of_squares(FA__##suffix, x, n);                                                     \
        return FA_OK;                                                                                      \
    }
FUNCTIONS(float, f32, F32)
FUNCTIONS(double, f64, F64)

/* Dropout ------------------------------------------------------------------------------------------ */

#define DROPOUT(T, dtype, suffix)                                                                           \
    int fa_dropout_##dtype(const T *x, T *y, size_t n, double p, uint64_t seed, uint32_t step,              \
                           uint32_t layer, uint64_t first) {                                                \
        if ((n > 0 && (!x || !y)) || n > PTRDIFF_MAX / sizeof(double) || !(p >= 0 && p <= 1))               \
            return FA_INVALID;                                                                              \
        if (n > 0) fa__run_dropout(FA__##suffix, x, y, n, p, (fa__random_place){seed, step, layer, first}); \
        return FA_OK;                                                                                       \
    }
DROPOUT(float, f32, F32)
DROPOUT(double, f64, F64)

/* Normalisation ------------------------------------------------------------------------------------ */

static int is_possible(const fa__norm_call *c) {
    size_t elements;
    if (__builtin_mul_overflow(c->rows, c->n, &elements) || elements > PTRDIFF_MAX / sizeof(double)) return 0;
    return c->rows < PTRDIFF_MAX / 64 && c->n < PTRDIFF_MAX / 64 && c->eps >= 0 && c->eps < INFINITY;
}

static int is_possible_batch(const fa__norm_call *c) {
    if (c->kind != FA__BATCH_NORM) return 1;
    if (c->training) return c->rows > 1 && c->momentum >= 0 && c->momentum <= 1;
    return c->running_mean && c->running_variance;
}

static int run_norm(const fa__norm_call *c, void (*run_call)(const fa__norm_call *)) {
    if (!is_possible(c)) return FA_INVALID;
    const int backward = run_call == fa__run_norm_backward;
    if (c->n == 0 || (c->rows == 0 && !backward)) return FA_OK;
    const int needs_workspace = backward || c->kind == FA__BATCH_NORM;
    if (!is_possible_batch(c) || (needs_workspace && !c->statistics)) return FA_INVALID;
    if (c->rows > 0 && (!c->x || (backward ? !c->grad_y : !c->y))) return FA_INVALID;
    run_call(c);
    return FA_OK;
}

/* Running statistics are not written in the backward pass: pointers to constants lose their const there */
#define LAYER_NORMS(T, width, suffix)                                                                        \
    int fa_layer_norm_##width(const T *x, const T *weight, const T *bias, T *y, size_t rows, size_t n,       \
                              double eps) {                                                                  \
        return run_norm(&(fa__norm_call){.kind = FA__LAYER_NORM,                                             \
                                         .dtype = FA__##suffix,                                              \
                                         .rows = rows,                                                       \
                                         .n = n,                                                             \
                                         .x = x,                                                             \
                                         .weight = weight,                                                   \
                                         .bias = bias,                                                       \
                                         .y = y,                                                             \
                                         .eps = eps},                                                        \
                        fa__run_norm_forward);                                                               \
    }                                                                                                        \
    int fa_layer_norm_backward_##width(const T *grad_y, const T *x, const T *weight, T *grad_x,              \
                                       T *grad_weight, T *grad_bias, double *workspace, size_t rows,         \
                                       size_t n, double eps) {                                               \
        return run_norm(&(fa__norm_call){.kind = FA__LAYER_NORM,                                             \
                                         .dtype = FA__##suffix,                                              \
                                         .rows = rows,                                                       \
                                         .n = n,                                                             \
                                         .grad_y = grad_y,                                                   \
                                         .x = x,                                                             \
                                         .weight = weight,                                                   \
                                         .grad_x = grad_x,                                                   \
                                         .grad_weight = grad_weight,                                         \
                                         .grad_bias = grad_bias,                                             \
                                         .statistics = workspace,                                            \
                                         .eps = eps},                                                        \
                        fa__run_norm_backward);                                                              \
    }                                                                                                        \
    int fa_rms_norm_##width(const T *x, const T *weight, T *y, size_t rows, size_t n, double eps) {          \
        return run_norm(&(fa__norm_call){.kind = FA__RMS_NORM,                                               \
                                         .dtype = FA__##suffix,                                              \
                                         .rows = rows,                                                       \
                                         .n = n,                                                             \
                                         .x = x,                                                             \
                                         .weight = weight,                                                   \
                                         .y = y,                                                             \
                                         .eps = eps},                                                        \
                        fa__run_norm_forward);                                                               \
    }                                                                                                        \
    int fa_rms_norm_backward_##width(const T *grad_y, const T *x, const T *weight, T *grad_x,                \
                                     T *grad_weight, double *workspace, size_t rows, size_t n, double eps) { \
        return run_norm(&(fa__norm_call){.kind = FA__RMS_NORM,                                               \
                                         .dtype = FA__##suffix,                                              \
                                         .rows = rows,                                                       \
                                         .n = n,                                                             \
                                         .grad_y = grad_y,                                                   \
                                         .x = x,                                                             \
                                         .weight = weight,                                                   \
                                         .grad_x = grad_x,                                                   \
                                         .grad_weight = grad_weight,                                         \
                                         .statistics = workspace,                                            \
                                         .eps = eps},                                                        \
                        fa__run_norm_backward);                                                              \
    }
#define BATCH_NORM(T, width, suffix)                                                                         \
    int fa_batch_norm_##width(const T *x, const T *weight, const T *bias, T *running_mean,                   \
                              T *running_variance, T *y, double *workspace, size_t rows, size_t n,           \
                              int training, double momentum, double eps) {                                   \
        return run_norm(&(fa__norm_call){.kind = FA__BATCH_NORM,                                             \
                                         .dtype = FA__##suffix,                                              \
                                         .rows = rows,                                                       \
                                         .n = n,                                                             \
                                         .x = x,                                                             \
                                         .weight = weight,                                                   \
                                         .bias = bias,                                                       \
                                         .y = y,                                                             \
                                         .running_mean = running_mean,                                       \
                                         .running_variance = running_variance,                               \
                                         .training = training,                                               \
                                         .momentum = momentum,                                               \
                                         .statistics = workspace,                                            \
                                         .eps = eps},                                                        \
                        fa__run_norm_forward);                                                               \
    }                                                                                                        \
    int fa_batch_norm_backward_##width(const T *grad_y, const T *x, const T *weight, const T *running_mean,  \
                                       const T *running_variance, T *grad_x, T *grad_weight, T *grad_bias,   \
                                       double *workspace, size_t rows, size_t n, int training, double eps) { \
        return run_norm(                                                                                     \
            &(fa__norm_call){.kind = FA__BATCH_NORM,                                                         \
                             .dtype = FA__##suffix,                                                          \
                             .rows = rows,                                                                   \
                             .n = n,                                                                         \
                             .grad_y = grad_y,                                                               \
                             .x = x,                                                                         \
                             .weight = weight,                                                               \
                             .grad_x = grad_x,                                                               \
                             .grad_weight = grad_weight,                                                     \
                             .grad_bias = grad_bias,                                                         \
                             .running_mean = training ? 0 : (void *)(uintptr_t)running_mean,                 \
                             .running_variance = training ? 0 : (void *)(uintptr_t)running_variance,         \
                             .training = training,                                                           \
                             .statistics = workspace,                                                        \
                             .eps = eps},                                                                    \
            fa__run_norm_backward);                                                                          \
    }
LAYER_NORMS(float, f32, F32)
LAYER_NORMS(double, f64, F64)
BATCH_NORM(float, f32, F32)
BATCH_NORM(double, f64, F64)

const fa__training_functions fa__training_functions_for_python = {
    .run_update = fa__run_update,
    .sum_of_squares = fa__sum_of_squares,
    .run_dropout = fa__run_dropout,
    .run_norm_forward = fa__run_norm_forward,
    .run_norm_backward = fa__run_norm_backward,
};
