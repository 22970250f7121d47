/* The exported step of a network: exported functions one after the other, each of which checks its arguments. */
#include "fastact.h"

#define MOST_STRUCT 4096 /* bytes of a struct that a caller passes */
_Static_assert(offsetof(fa_network_step, n) + sizeof(size_t) == sizeof(fa_network_step),
               "a field was added: it must be read as 0 from structs whose size does not reach it");

/* Fields of a later version must be 0, the value that changes nothing */
static int check_step(const fa_network_step *s) {
    if (!s || s->size < sizeof(fa_network_step) || s->size > MOST_STRUCT || s->size % sizeof(double) != 0)
        return FA_INVALID;
    for (size_t i = sizeof(fa_network_step); i < s->size; i++)
        if (((const char *)s)[i] != 0) return FA_UNSUPPORTED;
    if (s->count == 0 || !s->layers || s->optimizer < FA_NO_OPTIMIZER || s->optimizer > FA_LION)
        return FA_INVALID;
    return FA_OK;
}

/* whether the gradient with respect to y is where y is, whose rows are contiguous and which is not saved */
static int is_last(const fa_dense *l) {
    return l->stack_ndim == 0 && l->saving != FA_SAVE_OUTPUT && l->y.row == (ptrdiff_t)l->n_out &&
           l->grad_y.data == l->y.data && l->grad_y.row == l->y.row && l->grad_y.column == 1;
}

#define FUNCTIONS(T, dtype)                                                                                 \
    static int update_##dtype(const fa_network_step *s) {                                                   \
        T *p = s->parameters, *a = s->states[0], *b = s->states[1], *c = s->states[2];                      \
        const T *g = s->gradients;                                                                          \
        switch (s->optimizer) {                                                                             \
        case FA_SGD:                                                                                        \
            return fa_sgd_##dtype(s->step, p, g, a, s->n);                                                  \
        case FA_ADAM:                                                                                       \
            return fa_adam_##dtype(s->step, p, g, a, b, s->n);                                              \
        case FA_RMSPROP:                                                                                    \
            return fa_rmsprop_##dtype(s->step, p, g, a, b, c, s->n);                                        \
        case FA_ADAGRAD:                                                                                    \
            return fa_adagrad_##dtype(s->step, p, g, a, s->n);                                              \
        case FA_LION:                                                                                       \
            return fa_lion_##dtype(s->step, p, g, a, s->n);                                                 \
        default:                                                                                            \
            return FA_OK;                                                                                   \
        }                                                                                                   \
    }                                                                                                       \
    int fa_network_step_##dtype(const fa_network_step *s, void *workspace, size_t bytes) {                  \
        int answer = check_step(s);                                                                         \
        if (answer != FA_OK) return answer;                                                                 \
        const fa_dense *last =                                                                              \
            (const fa_dense *)(const void *)((const char *)s->layers + (s->count - 1) * s->layers->size);   \
        answer = fa_network_forward_##dtype(s->layers, s->count, workspace, bytes);                         \
        if (answer != FA_OK) return answer;                                                                 \
        if (!is_last(last)) return FA_INVALID;                                                              \
        T *y = last->y.data;                                                                                \
        answer = fa_softmax_cross_entropy_##dtype(y, s->labels, s->probabilities, s->weights, s->losses, y, \
                                                  last->rows, last->n_out);                                 \
        if (answer == FA_OK) answer = fa_network_backward_##dtype(s->layers, s->count, workspace, bytes);   \
        return answer == FA_OK ? update_##dtype(s) : answer;                                                \
    }
FUNCTIONS(float, f32)
FUNCTIONS(double, f64)
