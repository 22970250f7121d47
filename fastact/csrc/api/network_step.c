/* The exported step of a network. All checks come first: a call that fails has changed neither parameters nor running
 * statistics. */
#include <math.h>
#include <string.h>

#include "api/dense.h"
#include "losses/call.h"
#include "training/network_copies.h"

#define MOST_STRUCT 4096 /* bytes of a struct that a caller passes */
#define FIRST_SIZE (offsetof(fa_network_step, n) + sizeof(size_t)) /* of the first version */
#define FIRST_NORM sizeof(fa_network_norm)

static int check_size(const void *given, size_t size, size_t first, size_t present) {
    if (size < first || size > MOST_STRUCT || size % sizeof(double) != 0) return FA_INVALID;
    for (size_t i = present; i < size; i++)
        if (((const char *)given)[i] != 0) return FA_UNSUPPORTED;
    return FA_OK;
}

/* Fields that the caller's version does not have are read as 0; those of a later version must be 0, the value that changes
 * nothing */
static int read_step(const fa_network_step *given, fa_network_step *s) {
    if (!given) return FA_INVALID;
    int answer = check_size(given, given->size, FIRST_SIZE, sizeof *s);
    if (answer != FA_OK) return answer;
    memset(s, 0, sizeof *s);
    memcpy(s, given, given->size < sizeof *s ? given->size : sizeof *s);
    if (s->count == 0 || !s->layers || s->optimizer < FA_NO_OPTIMIZER || s->optimizer > FA_AMSGRAD ||
        s->number > UINT32_MAX)
        return FA_INVALID;
    return FA_OK;
}

/* What is between layers --------------------------------------------------------------------------- */

static int has_contiguous_rows(const fa_dense *l) {
    return l->stack_ndim == 0 && l->y.row == (ptrdiff_t)l->n_out;
}

/* whether the gradient with respect to the last result is where that is, whose rows are contiguous and which is not
 * saved */
static int is_last(const fa_network_step *s) {
    const fa_dense *l = fa__layer_at(s->layers, s->count - 1);
    return has_contiguous_rows(l) && l->saving != FA_SAVE_OUTPUT &&
           l->grad_y.data == fa__result_of(s, s->count - 1) && l->grad_y.row == (ptrdiff_t)l->n_out &&
           l->grad_y.column == 1;
}

/* whether the result of layer i can be changed in place, and its gradient */
static int can_change(const fa_network_step *s, size_t i) {
    const fa_dense *l = fa__layer_at(s->layers, i);
    if (!has_contiguous_rows(l) || l->saving == FA_SAVE_OUTPUT) return 0;
    if (i + 1 == s->count) return 1;
    const fa_dense *next = fa__layer_at(s->layers, i + 1);
    return next->dx.data && next->dx.row == (ptrdiff_t)next->n_in && next->n_in == l->n_out &&
           next->rows == l->rows;
}

static int is_valid_rate(const fa_network_step *s, size_t i) {
    const double rate = s->dropout[i];
    if (!(rate >= 0 && rate <= 1)) return 0;
    return rate == 0 || (i + 1 < s->count && can_change(s, i));
}

static int is_valid_norm(const fa_network_step *s, size_t i) {
    const fa_network_norm *n = fa__norm_at(s, i);
    const fa_dense *l = fa__layer_at(s->layers, i);
    if (!n) return 1;
    const int entry = fa__find_entry(n->activation);
    if (n->norm < FA_NO_NORM || n->norm > FA_BATCH_NORM || entry < 0 || l->activation != FA__ID_IDENTITY)
        return 0;
    if (l->saving != FA_SAVE_NOTHING || !can_change(s, i)) return 0;
    if (n->n_parameters != (size_t)fa__entries[entry].n_params || (n->n_parameters > 0 && !n->parameters))
        return 0;
    for (size_t k = 0; k < n->n_parameters; k++)
        if (!n->parameters[k].data || n->parameters[k].row != 0) return 0;
    if (!n->statistics || !n->between || !n->y || !(n->eps >= 0 && n->eps < INFINITY)) return 0;
    return n->norm != FA_BATCH_NORM || (l->rows > 1 && n->momentum >= 0 && n->momentum <= 1);
}

static int check_between(const fa_network_step *s) {
    for (size_t i = 0; i < s->count && s->norms; i++) {
        const fa_network_norm *n = (const void *)((const char *)s->norms + i * s->norms->size);
        int answer = n->size != s->norms->size ? FA_INVALID
                                               : check_size(n, n->size, FIRST_NORM, sizeof(fa_network_norm));
        if (answer != FA_OK) return answer;
        if (!is_valid_norm(s, i)) return FA_INVALID;
    }
    for (size_t i = 0; i < s->count && s->dropout; i++)
        if (!is_valid_rate(s, i)) return FA_INVALID;
    return is_last(s) ? FA_OK : FA_INVALID;
}

/* The loss ----------------------------------------------------------------------------------------- */

static int is_valid_loss(const fa_network_step *s) {
    const fa_dense *last = fa__layer_at(s->layers, s->count - 1);
    const int entry = fa__entry_of_loss(s);
    if (last->rows == 0) return 1;
    if (!s->losses) return 0;
    if (!fa__has_loss_of_labels(s)) {
        if (entry < 0 || (!s->target && last->n_out > 0)) return 0;
        return s->loss_parameter == 0 || !fa__loss_entries[entry].is_positive ||
               (s->loss_parameter > 0 && s->loss_parameter < INFINITY);
    }
    if (s->loss == FA_nll ? !s->labels || s->probabilities : !s->labels == !s->probabilities) return 0;
    for (size_t i = 0; s->labels && i < last->rows; i++)
        if (s->labels[i] < 0 || (size_t)s->labels[i] >= last->n_out) return 0;
    return 1;
}

/* The update --------------------------------------------------------------------------------------- */

#define UPDATE(T, dtype)                                                               \
    static int update_##dtype(const fa_network_step *s) {                              \
        T *p = s->parameters, *a = s->states[0], *b = s->states[1], *c = s->states[2]; \
        const T *g = s->gradients;                                                     \
        switch (s->optimizer) {                                                        \
        case FA_SGD:                                                                   \
            return fa_sgd_##dtype(s->step, p, g, a, s->n);                             \
        case FA_ADAM:                                                                  \
            return fa_adam_##dtype(s->step, p, g, a, b, s->n);                         \
        case FA_RMSPROP:                                                               \
            return fa_rmsprop_##dtype(s->step, p, g, a, b, c, s->n);                   \
        case FA_ADAGRAD:                                                               \
            return fa_adagrad_##dtype(s->step, p, g, a, s->n);                         \
        case FA_LION:                                                                  \
            return fa_lion_##dtype(s->step, p, g, a, s->n);                            \
        case FA_AMSGRAD:                                                               \
            return fa_amsgrad_##dtype(s->step, p, g, a, b, c, s->n);                   \
        default:                                                                       \
            return FA_OK;                                                              \
        }                                                                              \
    }
UPDATE(float, f32)
UPDATE(double, f64)

static int read_and_check(const fa_network_step *given, fa_network_step *s, fa__dtype dtype,
                          const void *workspace, size_t bytes) {
    int answer = read_step(given, s);
    if (answer == FA_OK) answer = fa__check_network(s->layers, s->count, dtype, workspace, bytes);
    if (answer == FA_OK) answer = check_between(s);
    return answer == FA_OK && !is_valid_loss(s) ? FA_INVALID : answer;
}

static int run(const fa_network_step *given, fa__dtype dtype, void *workspace, size_t bytes) {
    fa_network_step s;
    int answer = read_and_check(given, &s, dtype, workspace, bytes);
    if (answer != FA_OK) return answer;
    fa__differentiate(&(fa__passes){&s, dtype, workspace, bytes});
    return dtype == FA__F64 ? update_f64(&s) : update_f32(&s);
}

int fa__differentiate_copies(const fa__copies *c) {
    fa_network_step s;
    fa__copies own = *c;
    int answer = read_and_check(c->first.step, &s, c->first.dtype, c->first.workspace, c->first.bytes);
    if (answer != FA_OK) return answer;
    own.first.step = &s;
    fa__run_copies(&own);
    return FA_OK;
}

int fa_network_step_f32(const fa_network_step *step, void *workspace, size_t bytes) {
    return run(step, FA__F32, workspace, bytes);
}
int fa_network_step_f64(const fa_network_step *step, void *workspace, size_t bytes) {
    return run(step, FA__F64, workspace, bytes);
}
