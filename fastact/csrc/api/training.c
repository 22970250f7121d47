/* The exported functions of training, and their checks. */
#include "api/training.h"

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

const fa__training_functions fa__training_functions_for_python = {
    .run_update = fa__run_update,
    .sum_of_squares = fa__sum_of_squares,
    .run_dropout = fa__run_dropout,
};
