/* A step of a network in one call: the same bits as its parts one after the other, and arguments that are refused. */
#include <fastact.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { ROWS = 5, IN = 4, HIDDEN = 6, OUT = 3, W2 = IN * HIDDEN + HIDDEN, N = W2 + HIDDEN * OUT + OUT };

static char workspace[1 << 18];
static const int64_t labels[ROWS] = {0, 2, 1, 1, 0}, wrong[ROWS] = {0, 2, 3, 1, 0};
static double weights[ROWS];
static const fa_step numbers = {.size = sizeof(fa_step),
                                .step = 1,
                                .lr = 0.1,
                                .momentum = 0.5,
                                .beta1 = 0.75,
                                .beta2 = 0.5,
                                .alpha = 0.5,
                                .eps = 1e-3,
                                .centered = 1};

/* Arrays of one network, and its layers: gelu, then none */
#define NETWORK(T, dtype)                                                                                    \
    typedef struct {                                                                                         \
        T p[N], g[N], states[3][N], x[ROWS * IN], h[ROWS * HIDDEN], z[ROWS * HIDDEN], y[ROWS * OUT];         \
        T dh[ROWS * HIDDEN];                                                                                 \
        double losses[ROWS];                                                                                 \
        fa_dense layers[2];                                                                                  \
        fa_network_step step;                                                                                \
    } net_##dtype;                                                                                           \
    static void set_##dtype(net_##dtype *n) {                                                                \
        memset(n, 0, sizeof *n);                                                                             \
        for (int i = 0; i < N; i++) n->p[i] = (T)((i * 37 % 101 - 50) / 60.0);                               \
        for (int i = 0; i < ROWS * IN; i++) n->x[i] = (T)((i * 53 % 89 - 44) / 30.0);                        \
        n->layers[0] = (fa_dense){.size = sizeof(fa_dense),                                                  \
                                  .rows = ROWS,                                                              \
                                  .n_in = IN,                                                                \
                                  .n_out = HIDDEN,                                                           \
                                  .activation = FA_gelu,                                                     \
                                  .saving = FA_SAVE_INPUT,                                                   \
                                  .x = {n->x, IN, 1, 0},                                                     \
                                  .w = {n->p, HIDDEN, 1, 0},                                                 \
                                  .b = {n->p + IN * HIDDEN, 0, 1, 0},                                        \
                                  .grad_y = {n->dh, HIDDEN, 1, 0},                                           \
                                  .y = {n->h, HIDDEN, 0},                                                    \
                                  .saved = {n->z, HIDDEN, 0},                                                \
                                  .dw = {n->g, HIDDEN, 0},                                                   \
                                  .db = {n->g + IN * HIDDEN, HIDDEN, 0}};                                    \
        n->layers[1] = (fa_dense){.size = sizeof(fa_dense),                                                  \
                                  .rows = ROWS,                                                              \
                                  .n_in = HIDDEN,                                                            \
                                  .n_out = OUT,                                                              \
                                  .activation = FA_identity,                                                 \
                                  .saving = FA_SAVE_NOTHING,                                                 \
                                  .x = {n->h, HIDDEN, 1, 0},                                                 \
                                  .w = {n->p + W2, OUT, 1, 0},                                               \
                                  .b = {n->p + W2 + HIDDEN * OUT, 0, 1, 0},                                  \
                                  .grad_y = {n->y, OUT, 1, 0},                                               \
                                  .y = {n->y, OUT, 0},                                                       \
                                  .dx = {n->dh, HIDDEN, 0},                                                  \
                                  .dw = {n->g + W2, OUT, 0},                                                 \
                                  .db = {n->g + W2 + HIDDEN * OUT, OUT, 0}};                                 \
        n->step = (fa_network_step){.size = sizeof(fa_network_step),                                         \
                                    .layers = n->layers,                                                     \
                                    .count = 2,                                                              \
                                    .labels = labels,                                                        \
                                    .weights = weights,                                                      \
                                    .losses = n->losses,                                                     \
                                    .optimizer = FA_SGD,                                                     \
                                    .step = &numbers,                                                        \
                                    .parameters = n->p,                                                      \
                                    .gradients = n->g,                                                       \
                                    .states = {n->states[0], n->states[1], n->states[2]},                    \
                                    .n = N};                                                                 \
    }                                                                                                        \
    static void apart_##dtype(net_##dtype *n, int optimizer) {                                               \
        T *a = n->states[0], *b = n->states[1], *c = n->states[2];                                           \
        check(fa_network_forward_##dtype(n->layers, 2, workspace, sizeof workspace) == FA_OK, "forward",     \
              #dtype, optimizer);                                                                            \
        fa_softmax_cross_entropy_##dtype(n->y, labels, 0, weights, n->losses, n->y, ROWS, OUT);              \
        fa_network_backward_##dtype(n->layers, 2, workspace, sizeof workspace);                              \
        if (optimizer == FA_SGD) fa_sgd_##dtype(&numbers, n->p, n->g, a, N);                                 \
        if (optimizer == FA_ADAM) fa_adam_##dtype(&numbers, n->p, n->g, a, b, N);                            \
        if (optimizer == FA_RMSPROP) fa_rmsprop_##dtype(&numbers, n->p, n->g, a, b, c, N);                   \
        if (optimizer == FA_ADAGRAD) fa_adagrad_##dtype(&numbers, n->p, n->g, a, N);                         \
        if (optimizer == FA_LION) fa_lion_##dtype(&numbers, n->p, n->g, a, N);                               \
        if (optimizer == FA_AMSGRAD) fa_amsgrad_##dtype(&numbers, n->p, n->g, a, b, c, N);                   \
    }                                                                                                        \
    static void check_##dtype(void) {                                                                        \
        static net_##dtype one, two;                                                                         \
        for (int optimizer = FA_NO_OPTIMIZER; optimizer <= FA_AMSGRAD; optimizer++) {                        \
            set_##dtype(&one), set_##dtype(&two);                                                            \
            one.step.optimizer = optimizer;                                                                  \
            check(fa_network_step_##dtype(&one.step, workspace, sizeof workspace) == FA_OK, "answer",        \
                  #dtype, optimizer);                                                                        \
            apart_##dtype(&two, optimizer);                                                                  \
            check(!memcmp(one.p, two.p, sizeof one.p), "parameters", #dtype, optimizer);                     \
            check(!memcmp(one.g, two.g, sizeof one.g), "gradients", #dtype, optimizer);                      \
            check(!memcmp(one.states, two.states, sizeof one.states), "states", #dtype, optimizer);          \
            check(!memcmp(one.losses, two.losses, sizeof one.losses), "losses", #dtype, optimizer);          \
            set_##dtype(&two);                                                                               \
            check(!memcmp(one.p, two.p, sizeof one.p) == (optimizer == FA_NO_OPTIMIZER), "changed", #dtype,  \
                  optimizer);                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void refused_##dtype(int expected, void change(net_##dtype *), const char *what) {                \
        static net_##dtype one, two;                                                                         \
        set_##dtype(&one), set_##dtype(&two);                                                                \
        change(&one);                                                                                        \
        check(fa_network_step_##dtype(&one.step, workspace, sizeof workspace) == expected, what, #dtype, N); \
        check(!memcmp(one.p, two.p, sizeof one.p), "parameters as they were", what, N);                      \
    }
NETWORK(float, f32)
NETWORK(double, f64)

/* The statement done to a step makes it one that is refused */
/* Dropout of the hidden layer between calls one by one */
#define DROPOUT(T, dtype)                                                                                  \
    static void check_dropout_##dtype(void) {                                                              \
        static net_##dtype one, two;                                                                       \
        const double rates[2] = {0.5, 0};                                                                  \
        set_##dtype(&one), set_##dtype(&two);                                                              \
        one.step.dropout = rates, one.step.seed = 9, one.step.number = 4;                                  \
        check(fa_network_step_##dtype(&one.step, workspace, sizeof workspace) == FA_OK, "dropout", #dtype, \
              0);                                                                                          \
        fa_network_forward_##dtype(two.layers, 1, workspace, sizeof workspace);                            \
        fa_dropout_##dtype(two.h, two.h, ROWS * HIDDEN, 0.5, 9, 4, 0, 0);                                  \
        fa_network_forward_##dtype(two.layers + 1, 1, workspace, sizeof workspace);                        \
        fa_softmax_cross_entropy_##dtype(two.y, labels, 0, weights, two.losses, two.y, ROWS, OUT);         \
        fa_network_backward_##dtype(two.layers + 1, 1, workspace, sizeof workspace);                       \
        fa_dropout_##dtype(two.dh, two.dh, ROWS * HIDDEN, 0.5, 9, 4, 0, 0);                                \
        fa_network_backward_##dtype(two.layers, 1, workspace, sizeof workspace);                           \
        fa_sgd_##dtype(&numbers, two.p, two.g, two.states[0], N);                                          \
        check(!memcmp(one.p, two.p, sizeof one.p), "parameters", "dropout", sizeof(T));                    \
        check(!memcmp(one.g, two.g, sizeof one.g), "gradients", "dropout", sizeof(T));                     \
        int dropped = 0;                                                                                   \
        for (int i = 0; i < ROWS * HIDDEN; i++) dropped += one.h[i] == 0;                                  \
        check(dropped > 0 && dropped < ROWS * HIDDEN, "some are dropped", #dtype, dropped);                \
    }
DROPOUT(float, f32)
DROPOUT(double, f64)

#define CHANGE(name, ...)                \
    static void name##_f32(net_f32 *n) { \
        __VA_ARGS__;                     \
    }                                    \
    static void name##_f64(net_f64 *n) { \
        __VA_ARGS__;                     \
    }
CHANGE(size, n->step.size = 8)
CHANGE(no_layers, n->step.layers = 0)
CHANGE(count, n->step.count = 0)
CHANGE(wrong_label, n->step.labels = wrong)
CHANGE(no_labels, n->step.labels = 0)
CHANGE(no_losses, n->step.losses = 0)
CHANGE(unknown, n->step.optimizer = FA_AMSGRAD + 1)
CHANGE(negative, n->step.optimizer = -1)
CHANGE(no_numbers, n->step.step = 0)
CHANGE(no_state, n->step.states[0] = 0)
CHANGE(no_parameters, n->step.parameters = 0)
CHANGE(elsewhere, n->layers[1].grad_y.data = n->dh)
CHANGE(gaps, n->layers[1].y.row = n->layers[1].grad_y.row = OUT + 1;
       n->layers[1].rows = n->layers[0].rows = 3)
CHANGE(saved, n->layers[1].saving = FA_SAVE_OUTPUT)
CHANGE(layer, n->layers[0].w.data = 0)
static const double rates[2] = {0.5, 0}, of_last[2] = {0.5, 0.5}, negative_rate[2] = {-0.5, 0},
                    beyond[2] = {1.5, 0};
CHANGE(rate_of_last, n->step.dropout = of_last)
CHANGE(rate_below_0, n->step.dropout = negative_rate)
CHANGE(rate_above_1, n->step.dropout = beyond)
CHANGE(dropped_output, n->step.dropout = rates; n->layers[0].activation = FA_tanh;
       n->layers[0].saving = FA_SAVE_OUTPUT; n->layers[0].saved = n->layers[0].y)
CHANGE(dropped_gaps, n->step.dropout = rates; n->layers[0].y.row = HIDDEN + 1; n->layers[0].rows = 3)
CHANGE(dropped_size, n->step.dropout = rates; n->layers[0].size = 8)
CHANGE(number, n->step.number = (size_t)1 << 32)
#define REFUSED(name) refused_f32(FA_INVALID, name##_f32, #name), refused_f64(FA_INVALID, name##_f64, #name)

int main(void) {
    for (int i = 0; i < ROWS; i++) weights[i] = 0.25 + i;
    check_f32();
    check_f64();
    check_dropout_f32();
    check_dropout_f64();
    REFUSED(rate_of_last), REFUSED(rate_below_0), REFUSED(rate_above_1), REFUSED(dropped_output);
    REFUSED(dropped_gaps), REFUSED(dropped_size), REFUSED(number);
    REFUSED(size), REFUSED(no_layers), REFUSED(count), REFUSED(wrong_label), REFUSED(no_labels);
    REFUSED(no_losses), REFUSED(unknown), REFUSED(negative), REFUSED(no_numbers), REFUSED(no_state);
    REFUSED(no_parameters), REFUSED(elsewhere), REFUSED(gaps), REFUSED(saved), REFUSED(layer);
    check(fa_network_step_f32(0, workspace, sizeof workspace) == FA_INVALID, "no step", "f32", 0);
    static net_f64 n;
    set_f64(&n);
    check(fa_network_step_f64(&n.step, workspace, 0) == FA_TOO_SMALL, "no workspace", "f64", 0);
    n.step.size = offsetof(fa_network_step, dropout); /* the first version */
    n.step.number = (size_t)-1;
    check(fa_network_step_f64(&n.step, workspace, sizeof workspace) == FA_OK, "a shorter struct", "f64", 0);
    n.step.number = 0;
    struct {
        fa_network_step step;
        double later;
    } longer = {n.step, 1};
    longer.step.size = sizeof longer;
    check(fa_network_step_f64(&longer.step, workspace, sizeof workspace) == FA_UNSUPPORTED, "a later field",
          "f64", 0);
    longer.later = 0;
    check(fa_network_step_f64(&longer.step, workspace, sizeof workspace) == FA_OK, "a longer struct", "f64",
          0);
    return report();
}
