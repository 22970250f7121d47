#include "training/network_passes.h"

#include <string.h>

#include "dense/activate.h"
#include "losses/call.h"
#include "rowwise/call.h"
#include "training/dropout.h"
#include "training/norm.h"

const fa_network_norm *fa__norm_at(const fa_network_step *s, size_t i) {
    if (!s->norms) return 0;
    const fa_network_norm *n =
        (const fa_network_norm *)(const void *)((const char *)s->norms + i * s->norms->size);
    return n->norm == FA_NO_NORM ? 0 : n;
}

void *fa__result_of(const fa_network_step *s, size_t i) {
    const fa_network_norm *n = fa__norm_at(s, i);
    return n ? n->y : fa__layer_at(s->layers, i)->y.data;
}

/* One layer ---------------------------------------------------------------------------------------- */

static void drop(const fa__passes *p, size_t i, void *data) {
    const fa_network_step *s = p->step;
    const fa_dense *l = fa__layer_at(s->layers, i);
    const double rate = s->dropout ? s->dropout[i] : 0;
    if (rate > 0)
        fa__run_dropout(p->dtype, data, data, l->rows * l->n_out, rate,
                        (fa__random_place){s->seed, (uint32_t)s->number, (uint32_t)i, 0});
}

static fa__norm_call call_of(const fa__passes *p, const fa_network_norm *n, const fa_dense *l,
                             const void *x) {
    static const fa__norm_kind kinds[] = {0, FA__LAYER_NORM, FA__RMS_NORM, FA__BATCH_NORM};
    return (fa__norm_call){.kind = kinds[n->norm],
                           .dtype = p->dtype,
                           .rows = l->rows,
                           .n = l->n_out,
                           .x = x,
                           .weight = n->weight,
                           .bias = n->norm == FA_RMS_NORM ? 0 : n->bias,
                           .training = 1,
                           .momentum = n->momentum,
                           .eps = n->eps,
                           .statistics = n->statistics};
}

static void normalise(const fa__passes *p, const fa_network_norm *n, const fa_dense *l, const void *x,
                      void *y) {
    fa__norm_call call = call_of(p, n, l, x);
    call.y = y, call.running_mean = n->running_mean, call.running_variance = n->running_variance;
    fa__run_norm_forward(&call);
}

/* the gradient with respect to x takes the place of that with respect to the result */
static void normalise_backward(const fa__passes *p, const fa_network_norm *n, const fa_dense *l,
                               const void *x, void *gradient) {
    fa__norm_call call = call_of(p, n, l, x);
    call.grad_y = call.grad_x = gradient, call.grad_weight = n->grad_weight;
    call.grad_bias = n->norm == FA_RMS_NORM ? 0 : n->grad_bias;
    call.has_statistics = n->norm == FA_BATCH_NORM; /* from the forward pass */
    fa__run_norm_backward(&call);
}

/* y = f(x), or with a gradient, which is then overwritten, gradient f'(x) */
static void activate(const fa__passes *p, const fa_network_norm *n, const fa_dense *l, void *x, void *y,
                     void *gradient) {
    fa__layer_job job = {.entry = fa__find_entry(n->activation),
                         .dtype = p->dtype,
                         .size = p->dtype == FA__F64 ? sizeof(double) : sizeof(float)};
    for (size_t i = 0; i < n->n_parameters; i++) job.parameters[i] = n->parameters[i];
    const fa__operand from = {x, (ptrdiff_t)l->n_out, 1}, of_y = {y, (ptrdiff_t)l->n_out, 1};
    const fa__operand of_gradient = {gradient, (ptrdiff_t)l->n_out, 1};
    if (gradient)
        fa__apply_activation(&job, FA__BACKWARD, (fa__operand[]){of_gradient, from, of_gradient}, l->rows,
                             l->n_out);
    else
        fa__apply_activation(&job, FA__FORWARD, (fa__operand[]){from, of_y}, l->rows, l->n_out);
}

static void forward_with_norm(const fa__passes *p, const fa_network_norm *n, const fa_dense *l) {
    if (n->after) {
        activate(p, n, l, l->y.data, n->between, 0);
        normalise(p, n, l, n->between, n->y);
    } else {
        normalise(p, n, l, l->y.data, n->between);
        activate(p, n, l, n->between, n->y, 0);
    }
}

static void backward_with_norm(const fa__passes *p, const fa_network_norm *n, const fa_dense *l,
                               void *gradient) {
    if (n->after) {
        normalise_backward(p, n, l, n->between, gradient);
        activate(p, n, l, l->y.data, 0, gradient);
    } else {
        activate(p, n, l, n->between, 0, gradient);
        normalise_backward(p, n, l, l->y.data, gradient);
    }
}

/* All layers --------------------------------------------------------------------------------------- */

static void run_forward(const fa__passes *p) {
    const fa_network_step *s = p->step;
    if (!s->dropout && !s->norms) {
        fa__run_network(s->layers, s->count, p->dtype, 0, p->workspace, p->bytes);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        const fa_dense *l = fa__layer_at(s->layers, i);
        const fa_network_norm *n = fa__norm_at(s, i);
        fa__run_network(l, 1, p->dtype, 0, p->workspace, p->bytes);
        if (n) forward_with_norm(p, n, l);
        drop(p, i, fa__result_of(s, i));
    }
}

static void run_backward(const fa__passes *p) {
    const fa_network_step *s = p->step;
    if (!s->dropout && !s->norms) {
        fa__run_network(s->layers, s->count, p->dtype, 1, p->workspace, p->bytes);
        return;
    }
    for (size_t i = s->count; i-- > 0;) {
        const fa_dense *l = fa__layer_at(s->layers, i);
        const fa_network_norm *n = fa__norm_at(s, i);
        void *gradient = i + 1 < s->count ? fa__layer_at(s->layers, i + 1)->dx.data : fa__result_of(s, i);
        drop(p, i, gradient);
        if (n) backward_with_norm(p, n, l, gradient);
        fa__run_network(l, 1, p->dtype, 1, p->workspace, p->bytes);
    }
}

/* The loss ----------------------------------------------------------------------------------------- */

int fa__has_loss_of_labels(const fa_network_step *s) {
    return s->loss == 0 || s->loss == FA_softmax_cross_entropy || s->loss == FA_nll;
}

int fa__entry_of_loss(const fa_network_step *s) {
    for (int i = 0; i < FA__LOSS_ENTRIES; i++)
        if ((size_t)fa__loss_entries[i].id == s->loss) return i;
    return -1;
}

static void run_of_labels(const fa__passes *p, const fa_dense *last, void *y) {
    const fa_network_step *s = p->step;
    const fa__cross_entropy_call call = {p->dtype,  last->rows, last->n_out, y, s->probabilities,
                                         s->labels, s->weights, s->losses,   y};
    if (s->loss == FA_nll)
        fa__run_nll(&call);
    else
        fa__run_cross_entropy(&call);
}

static void run_of_elements(const fa__passes *p, const fa_dense *last, void *y) {
    const fa_network_step *s = p->step;
    const size_t n = last->rows * last->n_out;
    const double divisor = s->weights ? 1 : (double)n;
    fa__loss_sum sum;
    fa__loss_call call = {fa__entry_of_loss(s), p->dtype, n,           y, s->target, s->weights,
                          &s->loss_parameter,   1,        1 / divisor, 0, y,         &sum};
    const fa__loss_entry *entry = &fa__loss_entries[call.entry];
    if (s->loss_parameter == 0) call.parameter = &entry->default_value;
    if (!entry->has_parameter) call.parameter = 0;
    fa__run_loss(&call);
    s->losses[0] = (sum.high + sum.low) / divisor;
}

static void run_loss(const fa__passes *p) {
    const fa_network_step *s = p->step;
    const fa_dense *last = fa__layer_at(s->layers, s->count - 1);
    if (last->rows == 0) return;
    void *y = fa__result_of(s, s->count - 1);
    if (fa__has_loss_of_labels(s))
        run_of_labels(p, last, y);
    else
        run_of_elements(p, last, y);
}

void fa__differentiate(const fa__passes *p) {
    run_forward(p);
    run_loss(p);
    run_backward(p);
}
