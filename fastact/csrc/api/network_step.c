/* The exported step of a network: exported functions one after the other, each of which checks its arguments. */
#include "fastact.h"

#include <string.h>

#define MOST_STRUCT 4096 /* bytes of a struct that a caller passes */
#define FIRST_SIZE (offsetof(fa_network_step, n) + sizeof(size_t)) /* of the first version */

/* Fields that the caller's version does not have are read as 0; those of a later version must be 0, the value that changes
 * nothing */
static int read_step(const fa_network_step *given, fa_network_step *s) {
    if (!given || given->size < FIRST_SIZE || given->size > MOST_STRUCT || given->size % sizeof(double) != 0)
        return FA_INVALID;
    for (size_t i = sizeof *s; i < given->size; i++)
        if (((const char *)given)[i] != 0) return FA_UNSUPPORTED;
    memset(s, 0, sizeof *s);
    memcpy(s, given, given->size < sizeof *s ? given->size : sizeof *s);
    if (s->count == 0 || !s->layers || s->optimizer < FA_NO_OPTIMIZER || s->optimizer > FA_LION ||
        s->number > UINT32_MAX)
        return FA_INVALID;
    return FA_OK;
}

static const fa_dense *layer_at(const fa_network_step *s, size_t i) {
    return (const fa_dense *)(const void *)((const char *)s->layers + i * s->layers->size);
}

/* whether the gradient with respect to y is where y is, whose rows are contiguous and which is not saved */
static int is_last(const fa_dense *l) {
    return l->stack_ndim == 0 && l->saving != FA_SAVE_OUTPUT && l->y.row == (ptrdiff_t)l->n_out &&
           l->grad_y.data == l->y.data && l->grad_y.row == l->y.row && l->grad_y.column == 1;
}

/* whether elements of the result of layer i can be dropped in place, and those of its gradient */
static int can_drop(const fa_network_step *s, size_t i) {
    if (i + 1 == s->count) return 0;
    const fa_dense *l = layer_at(s, i), *next = layer_at(s, i + 1);
    return l->stack_ndim == 0 && l->saving != FA_SAVE_OUTPUT && l->y.row == (ptrdiff_t)l->n_out &&
           next->dx.data && next->dx.row == (ptrdiff_t)next->n_in && next->n_in == l->n_out &&
           next->rows == l->rows;
}

/* before layers are read one by one: their size, as the passes require it */
static int check_dropout(const fa_network_step *s) {
    const size_t size = s->layers->size;
    if (size < sizeof(fa_dense) || size > MOST_STRUCT || size % sizeof(double) != 0 ||
        s->count > PTRDIFF_MAX / MOST_STRUCT)
        return FA_INVALID;
    for (size_t i = 0; i < s->count; i++)
        if (!(s->dropout[i] >= 0 && s->dropout[i] <= 1) || (s->dropout[i] > 0 && !can_drop(s, i)))
            return FA_INVALID;
    return FA_OK;
}

/* Passes with dropout: one layer after the other. None may be computed if one of them lacks workspace: gradients that are
 * added to would be added twice. */
#define DROPPED_PASSES(T, dtype)                                                                    \
    static int drop_##dtype(const fa_network_step *s, size_t i, T *data) {                          \
        const fa_dense *l = layer_at(s, i);                                                         \
        const double p = s->dropout[i];                                                             \
        if (p == 0) return FA_OK;                                                                   \
        return fa_dropout_##dtype(data, data, l->rows * l->n_out, p, s->seed, (uint32_t)s->number,  \
                                  (uint32_t)i, 0);                                                  \
    }                                                                                               \
    static size_t workspace_##dtype(const fa_network_step *s) {                                     \
        const size_t forward = fa_network_workspace_##dtype(s->layers, s->count, 0);                \
        const size_t backward = fa_network_workspace_##dtype(s->layers, s->count, 1);               \
        return forward > backward ? forward : backward;                                             \
    }                                                                                               \
    static int forward_##dtype(const fa_network_step *s, void *workspace, size_t bytes) {           \
        if (!s->dropout) return fa_network_forward_##dtype(s->layers, s->count, workspace, bytes);  \
        int answer = check_dropout(s);                                                              \
        for (size_t i = 0; i < s->count && answer == FA_OK; i++) {                                  \
            answer = fa_network_forward_##dtype(layer_at(s, i), 1, workspace, bytes);               \
            if (answer == FA_OK) answer = drop_##dtype(s, i, layer_at(s, i)->y.data);               \
        }                                                                                           \
        return answer;                                                                              \
    }                                                                                               \
    static int backward_##dtype(const fa_network_step *s, void *workspace, size_t bytes) {          \
        if (!s->dropout) return fa_network_backward_##dtype(s->layers, s->count, workspace, bytes); \
        int answer = FA_OK;                                                                         \
        for (size_t i = s->count; i-- > 0 && answer == FA_OK;) {                                    \
            answer = fa_network_backward_##dtype(layer_at(s, i), 1, workspace, bytes);              \
            if (answer == FA_OK && i > 0) answer = drop_##dtype(s, i - 1, layer_at(s, i)->dx.data); \
        }                                                                                           \
        return answer;                                                                              \
    }
DROPPED_PASSES(float, f32)
DROPPED_PASSES(double, f64)

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
    int fa_network_step_##dtype(const fa_network_step *given, void *workspace, size_t bytes) {              \
        fa_network_step own, *s = &own;                                                                     \
        int answer = read_step(given, s);                                                                   \
        if (answer != FA_OK) return answer;                                                                 \
        const fa_dense *last = layer_at(s, s->count - 1);                                                   \
        answer = forward_##dtype(s, workspace, bytes);                                                      \
        if (answer != FA_OK) return answer;                                                                 \
        if (!is_last(last)) return FA_INVALID;                                                              \
        T *y = last->y.data;                                                                                \
        answer = fa_softmax_cross_entropy_##dtype(y, s->labels, s->probabilities, s->weights, s->losses, y, \
                                                  last->rows, last->n_out);                                 \
        if (answer == FA_OK) answer = backward_##dtype(s, workspace, bytes);                                \
        return answer == FA_OK ? update_##dtype(s) : answer;                                                \
    }
FUNCTIONS(float, f32)
FUNCTIONS(double, f64)
