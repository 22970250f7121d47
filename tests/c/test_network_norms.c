/* A step of a network with norms, by another loss: the same bits as its parts one after the other, and what is refused. */
#include <fastact.h>
#include <stddef.h>
#include <string.h>

#include "checks.h"

enum { ROWS = 5, IN = 4, HIDDEN = 6, OUT = 3, W2 = IN * HIDDEN + 3 * HIDDEN, N = W2 + HIDDEN * OUT + OUT };
static char workspace[1 << 18];
static const double slope[1] = {0.25};
static const float slope_f32[1] = {0.25f};

/* Arrays of one network, and its layers: a norm and leaky_relu, then none */
#define NETWORK(T, dtype, SLOPE)                                                                             \
    typedef struct {                                                                                         \
        T p[N], g[N], x[ROWS * IN], z[ROWS * HIDDEN], between[ROWS * HIDDEN], h[ROWS * HIDDEN];              \
        T y[ROWS * OUT], t[ROWS * OUT], dh[ROWS * HIDDEN], mean[HIDDEN], variance[HIDDEN];                   \
        double losses[ROWS], statistics[5 * HIDDEN];                                                         \
        fa_dense layers[2];                                                                                  \
        fa_input slope;                                                                                      \
        fa_network_norm norms[2];                                                                            \
        fa_network_step step;                                                                                \
    } net_##dtype;                                                                                           \
    static void set_##dtype(net_##dtype *n) {                                                                \
        memset(n, 0, sizeof *n);                                                                             \
        for (int i = 0; i < N; i++) n->p[i] = (T)((i * 37 % 101 - 50) / 60.0);                               \
        for (int i = 0; i < ROWS * IN; i++) n->x[i] = (T)((i * 53 % 89 - 44) / 30.0);                        \
        for (int i = 0; i < ROWS * OUT; i++) n->t[i] = (T)((i * 31 % 7 - 3) / 2.0);                          \
        for (int i = 0; i < HIDDEN; i++) n->variance[i] = 1;                                                 \
        n->layers[0] = (fa_dense){.size = sizeof(fa_dense),                                                  \
                                  .rows = ROWS,                                                              \
                                  .n_in = IN,                                                                \
                                  .n_out = HIDDEN,                                                           \
                                  .activation = FA_identity,                                                 \
                                  .x = {n->x, IN, 1, 0},                                                     \
                                  .w = {n->p, HIDDEN, 1, 0},                                                 \
                                  .b = {n->p + IN * HIDDEN, 0, 1, 0},                                        \
                                  .grad_y = {n->dh, HIDDEN, 1, 0},                                           \
                                  .y = {n->z, HIDDEN, 0},                                                    \
                                  .dw = {n->g, HIDDEN, 0},                                                   \
                                  .db = {n->g + IN * HIDDEN, HIDDEN, 0}};                                    \
        n->layers[1] = (fa_dense){.size = sizeof(fa_dense),                                                  \
                                  .rows = ROWS,                                                              \
                                  .n_in = HIDDEN,                                                            \
                                  .n_out = OUT,                                                              \
                                  .activation = FA_identity,                                                 \
                                  .x = {n->h, HIDDEN, 1, 0},                                                 \
                                  .w = {n->p + W2, OUT, 1, 0},                                               \
                                  .b = {n->p + W2 + HIDDEN * OUT, 0, 1, 0},                                  \
                                  .grad_y = {n->y, OUT, 1, 0},                                               \
                                  .y = {n->y, OUT, 0},                                                       \
                                  .dx = {n->dh, HIDDEN, 0},                                                  \
                                  .dw = {n->g + W2, OUT, 0},                                                 \
                                  .db = {n->g + W2 + HIDDEN * OUT, OUT, 0}};                                 \
        n->slope = (fa_input){SLOPE, 0, 0, 0};                                                               \
        n->norms[1].size = sizeof(fa_network_norm);                                                          \
        n->norms[0] = (fa_network_norm){.size = sizeof(fa_network_norm),                                     \
                                        .norm = FA_BATCH_NORM,                                               \
                                        .activation = FA_leaky_relu,                                         \
                                        .parameters = &n->slope,                                             \
                                        .n_parameters = 1,                                                   \
                                        .momentum = 0.25,                                                    \
                                        .eps = 1e-3,                                                         \
                                        .weight = n->p + IN * HIDDEN + HIDDEN,                               \
                                        .bias = n->p + IN * HIDDEN + 2 * HIDDEN,                             \
                                        .grad_weight = n->g + IN * HIDDEN + HIDDEN,                          \
                                        .grad_bias = n->g + IN * HIDDEN + 2 * HIDDEN,                        \
                                        .running_mean = n->mean,                                             \
                                        .running_variance = n->variance,                                     \
                                        .between = n->between,                                               \
                                        .y = n->h,                                                           \
                                        .statistics = n->statistics};                                        \
        n->step = (fa_network_step){.size = sizeof(fa_network_step),                                         \
                                    .layers = n->layers,                                                     \
                                    .count = 2,                                                              \
                                    .losses = n->losses,                                                     \
                                    .loss = FA_huber,                                                        \
                                    .loss_parameter = 0.75,                                                  \
                                    .target = n->t,                                                          \
                                    .norms = n->norms};                                                      \
    }                                                                                                        \
    static void norm_##dtype(net_##dtype *n, const T *x, T *y) {                                             \
        const fa_network_norm *f = n->norms;                                                                 \
        if (f->norm == FA_BATCH_NORM)                                                                        \
            fa_batch_norm_##dtype(x, f->weight, f->bias, n->mean, n->variance, y, n->statistics, ROWS,       \
                                  HIDDEN, 1, 0.25, 1e-3);                                                    \
        else if (f->norm == FA_LAYER_NORM)                                                                   \
            fa_layer_norm_##dtype(x, f->weight, f->bias, y, ROWS, HIDDEN, 1e-3);                             \
        else                                                                                                 \
            fa_rms_norm_##dtype(x, f->weight, y, ROWS, HIDDEN, 1e-3);                                        \
    }                                                                                                        \
    static void norm_backward_##dtype(net_##dtype *n, const T *x) {                                          \
        const fa_network_norm *f = n->norms;                                                                 \
        T *g = n->dh, *of_weight = f->grad_weight, *of_bias = f->grad_bias;                                  \
        if (f->norm == FA_BATCH_NORM)                                                                        \
            fa_batch_norm_backward_##dtype(g, x, f->weight, 0, 0, g, of_weight, of_bias, n->statistics,      \
                                           ROWS, HIDDEN, 1, 1e-3);                                           \
        else if (f->norm == FA_LAYER_NORM)                                                                   \
            fa_layer_norm_backward_##dtype(g, x, f->weight, g, of_weight, of_bias, n->statistics, ROWS,      \
                                           HIDDEN, 1e-3);                                                    \
        else                                                                                                 \
            fa_rms_norm_backward_##dtype(g, x, f->weight, g, of_weight, n->statistics, ROWS, HIDDEN, 1e-3);  \
    }                                                                                                        \
    static void apart_##dtype(net_##dtype *n, int after) {                                                   \
        double total;                                                                                        \
        fa_dense_forward_##dtype(n->layers, workspace, sizeof workspace);                                    \
        if (after) {                                                                                         \
            fa_leaky_relu_##dtype(n->z, n->between, ROWS * HIDDEN, 0.25);                                    \
            norm_##dtype(n, n->between, n->h);                                                               \
        } else {                                                                                             \
            norm_##dtype(n, n->z, n->between);                                                               \
            fa_leaky_relu_##dtype(n->between, n->h, ROWS * HIDDEN, 0.25);                                    \
        }                                                                                                    \
        fa_dense_forward_##dtype(n->layers + 1, workspace, sizeof workspace);                                \
        fa_huber_##dtype(n->y, n->t, 0, 0, &total, n->y, 1.0 / (ROWS * OUT), ROWS * OUT, (T)0.75);           \
        n->losses[0] = total / (ROWS * OUT);                                                                 \
        fa_dense_backward_##dtype(n->layers + 1, workspace, sizeof workspace);                               \
        if (after) {                                                                                         \
            norm_backward_##dtype(n, n->between);                                                            \
            fa_leaky_relu_backward_##dtype(n->dh, n->z, n->dh, ROWS * HIDDEN, 0.25);                         \
        } else {                                                                                             \
            fa_leaky_relu_backward_##dtype(n->dh, n->between, n->dh, ROWS * HIDDEN, 0.25);                   \
            norm_backward_##dtype(n, n->z);                                                                  \
        }                                                                                                    \
        fa_dense_backward_##dtype(n->layers, workspace, sizeof workspace);                                   \
    }                                                                                                        \
    static void check_##dtype(int norm, int after) {                                                         \
        static net_##dtype one, two;                                                                         \
        set_##dtype(&one), set_##dtype(&two);                                                                \
        one.norms[0].norm = two.norms[0].norm = norm, one.norms[0].after = after;                            \
        check(fa_network_step_##dtype(&one.step, workspace, sizeof workspace) == FA_OK, "answer", #dtype,    \
              norm);                                                                                         \
        apart_##dtype(&two, after);                                                                          \
        check(!memcmp(one.g, two.g, sizeof one.g), "gradients", #dtype, norm);                               \
        check(one.losses[0] == two.losses[0], "loss", #dtype, norm);                                         \
        check(!memcmp(one.mean, two.mean, sizeof one.mean), "means", #dtype, norm);                          \
        check(!memcmp(one.variance, two.variance, sizeof one.mean), "variances", #dtype, norm);              \
        check((one.mean[0] != 0) == (norm == FA_BATCH_NORM), "running", #dtype, norm);                       \
        check(one.g[0] != 0 && one.g[IN * HIDDEN + HIDDEN] != 0, "not 0", #dtype, norm);                     \
    }                                                                                                        \
    static void refused_##dtype(void change(net_##dtype *), const char *what) {                              \
        static net_##dtype n;                                                                                \
        set_##dtype(&n);                                                                                     \
        change(&n);                                                                                          \
        check(fa_network_step_##dtype(&n.step, workspace, sizeof workspace) == FA_INVALID, what, #dtype, 0); \
        check(n.mean[0] == 0 && n.variance[0] == 1, "statistics as they were", what, 0);                     \
    }
NETWORK(float, f32, slope_f32)
NETWORK(double, f64, slope)

/* The statement done to a step makes it one that is refused */
#define CHANGE(name, ...)                \
    static void name##_f32(net_f32 *n) { \
        __VA_ARGS__;                     \
    }                                    \
    static void name##_f64(net_f64 *n) { \
        __VA_ARGS__;                     \
    }
CHANGE(kind, n->norms[0].norm = FA_BATCH_NORM + 1)
CHANGE(negative, n->norms[0].norm = -1)
CHANGE(size, n->norms[1].size = 8)
CHANGE(activation, n->norms[0].activation = 999999)
CHANGE(of_layer, n->layers[0].activation = FA_tanh)
CHANGE(saved, n->layers[0].saving = FA_SAVE_INPUT; n->layers[0].saved = n->layers[0].y)
CHANGE(no_parameters, n->norms[0].parameters = 0)
CHANGE(no_parameter, n->norms[0].n_parameters = 0)
CHANGE(no_statistics, n->norms[0].statistics = 0)
CHANGE(no_result, n->norms[0].y = 0)
CHANGE(no_between, n->norms[0].between = 0)
CHANGE(eps, n->norms[0].eps = -1)
CHANGE(momentum, n->norms[0].momentum = 1.5)
CHANGE(one_row, n->layers[0].rows = n->layers[1].rows = 1)
CHANGE(no_target, n->step.target = 0)
CHANGE(no_losses, n->step.losses = 0)
CHANGE(loss, n->step.loss = FA_gelu)
CHANGE(of_labels, n->step.loss = FA_nll)
CHANGE(delta, n->step.loss_parameter = -1)
CHANGE(elsewhere, n->layers[1].grad_y.data = n->dh)
#define REFUSED(name) refused_f32(name##_f32, #name), refused_f64(name##_f64, #name)

static void check_workspace(void) {
    static net_f64 n;
    set_f64(&n);
    check(fa_network_step_f64(&n.step, workspace, 1) == FA_TOO_SMALL, "too small", "f64", 0);
    check(n.mean[0] == 0, "statistics as they were", "f64", 0);
    n.step.loss = FA_mse, n.step.loss_parameter = 0;
    check(fa_network_step_f64(&n.step, workspace, sizeof workspace) == FA_OK, "another loss", "f64", 0);
}

int main(void) {
    for (int norm = FA_LAYER_NORM; norm <= FA_BATCH_NORM; norm++)
        for (int after = 0; after < 2; after++) check_f32(norm, after), check_f64(norm, after);
    REFUSED(kind), REFUSED(negative), REFUSED(size), REFUSED(activation), REFUSED(of_layer), REFUSED(saved);
    REFUSED(no_parameters), REFUSED(no_parameter), REFUSED(no_statistics), REFUSED(no_result);
    REFUSED(no_between), REFUSED(eps), REFUSED(momentum), REFUSED(one_row), REFUSED(no_target);
    REFUSED(no_losses), REFUSED(loss), REFUSED(of_labels), REFUSED(delta), REFUSED(elsewhere);
    check_workspace();
    return report();
}
