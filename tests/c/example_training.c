/* An example: a network of 2, 8 and 2 units learns the exclusive or. Each step is one call of fa_network_step_f32: forward,
 * loss, backward, and Adam's update. Prints the loss before the last step, and the parameters. */
#include <fastact.h>
#include <stdio.h>

enum { ROWS = 4, IN = 2, HIDDEN = 8, OUT = 2, STEPS = 300 };
enum {
    B1 = IN * HIDDEN,
    W2 = B1 + HIDDEN,
    B2 = W2 + HIDDEN * OUT,
    PARAMETERS = B2 + OUT
}; /* where each begins */

static const float x[ROWS * IN] = {0, 0, 0, 1, 1, 0, 1, 1};
static const int64_t labels[ROWS] = {0, 1, 1, 0};
static const double weights[ROWS] = {0.25, 0.25, 0.25, 0.25}; /* the loss is a mean */

static float parameters[PARAMETERS], gradients[PARAMETERS], mean[PARAMETERS], square[PARAMETERS];
static float hidden[ROWS * HIDDEN], before[ROWS * HIDDEN], grad_hidden[ROWS * HIDDEN], y[ROWS * OUT];
static double losses[ROWS];
static char workspace[1 << 16];

/* w begins at `first` and b at `second`, and so do their gradients */
static fa_dense layer(size_t n_in, size_t n_out, size_t first, size_t second) {
    fa_dense made = {0};
    made.size = sizeof made;
    made.rows = ROWS;
    made.n_in = n_in;
    made.n_out = n_out;
    made.w = (fa_input){parameters + first, (ptrdiff_t)n_out, 1, NULL};
    made.b = (fa_input){parameters + second, 0, 1, NULL};
    made.dw = (fa_result){gradients + first, (ptrdiff_t)n_out, NULL};
    made.db = (fa_result){gradients + second, (ptrdiff_t)n_out, NULL};
    return made;
}

static void connect(fa_dense *net) {
    net[0] = layer(IN, HIDDEN, 0, B1);
    net[0].activation = FA_gelu;
    net[0].saving = FA_SAVE_INPUT;
    net[0].x = (fa_input){x, IN, 1, NULL};
    net[0].y = (fa_result){hidden, HIDDEN, NULL};
    net[0].saved = (fa_result){before, HIDDEN, NULL};
    net[0].grad_y = (fa_input){grad_hidden, HIDDEN, 1, NULL};
    net[1] = layer(HIDDEN, OUT, W2, B2);
    net[1].activation = FA_identity;
    net[1].saving = FA_SAVE_NOTHING;
    net[1].x = (fa_input){hidden, HIDDEN, 1, NULL};
    net[1].y = (fa_result){y, OUT, NULL};
    net[1].grad_y = (fa_input){y, OUT, 1, NULL}; /* takes the place of y */
    net[1].dx = (fa_result){grad_hidden, HIDDEN, NULL};
}

int main(void) {
    fa_dense net[2];
    connect(net);
    for (int i = 0; i < PARAMETERS; i++) parameters[i] = (float)(i * 37 % 101 - 50) / 64;
    fa_step numbers = {.size = sizeof numbers, .lr = 0.05, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    fa_network_step step = {
        .size = sizeof step,
        .layers = net,
        .count = 2,
        .labels = labels,
        .weights = weights,
        .losses = losses,
        .optimizer = FA_ADAM,
        .step = &numbers,
        .parameters = parameters,
        .gradients = gradients,
        .states = {mean, square, NULL},
        .n = PARAMETERS,
    };
    for (numbers.step = 1; numbers.step <= STEPS; numbers.step++)
        if (fa_network_step_f32(&step, workspace, sizeof workspace) != FA_OK) return 1;
    printf("%a\n", losses[0] + losses[1] + losses[2] + losses[3]);
    for (int i = 0; i < PARAMETERS; i++) printf("%a\n", parameters[i]);
    return 0;
}
