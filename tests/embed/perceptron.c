/* Trains a network of two layers by gradient descent: perceptron INPUT OUTPUT. The input holds four sizes (samples,
 * inputs, hidden units, results) and the number of steps as 64-bit integers, then x, the targets, w1, b1, w2 and b2 as
 * floats; the output receives w1, b1, w2 and b2. */
#include <fastact.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES, INPUTS, HIDDEN, RESULTS, STEPS, SIZES };

typedef struct {
    float *x, *target, *parameters, *gradients, *hidden, *before, *y, *grad_y, *grad_hidden;
} arrays;

static float *allocated(size_t count) {
    float *made = calloc(count ? count : 1, sizeof(float));
    if (!made) exit(2);
    return made;
}

static float *read_from(FILE *file, size_t count) {
    float *made = allocated(count);
    if (fread(made, sizeof(float), count, file) != count) exit(3);
    return made;
}

static fa_input input(const float *data, size_t columns) {
    fa_input made = {data, (ptrdiff_t)columns, 1, NULL};
    return made;
}

static fa_result result(float *data, size_t columns) {
    fa_result made = {data, (ptrdiff_t)columns, NULL};
    return made;
}

/* a layer whose weights, and after them biases, begin at `parameters`, and their gradients at `gradients` */
static fa_dense layer(size_t rows, size_t n_in, size_t n_out, float *parameters, float *gradients) {
    fa_dense made = {0};
    made.size = sizeof made;
    made.rows = rows;
    made.n_in = n_in;
    made.n_out = n_out;
    made.w = input(parameters, n_out);
    made.b = input(parameters + n_in * n_out, 0);
    made.dw = result(gradients, n_out);
    made.db = result(gradients + n_in * n_out, 0);
    return made;
}

static void check(int answer) {
    if (answer != FA_OK) {
        fprintf(stderr, "fastact answered %d\n", answer);
        exit(4);
    }
}

static void train(const size_t *s, arrays a, size_t n_parameters, size_t of_first) {
    fa_dense net[2];
    net[0] = layer(s[SAMPLES], s[INPUTS], s[HIDDEN], a.parameters, a.gradients);
    net[1] = layer(s[SAMPLES], s[HIDDEN], s[RESULTS], a.parameters + of_first, a.gradients + of_first);
    net[0].activation = FA_gelu;
    net[0].saving = FA_SAVE_INPUT;
    net[0].x = input(a.x, s[INPUTS]);
    net[0].y = result(a.hidden, s[HIDDEN]);
    net[0].saved = result(a.before, s[HIDDEN]);
    net[0].grad_y = input(a.grad_hidden, s[HIDDEN]);
    net[1].activation = FA_identity;
    net[1].x = input(a.hidden, s[HIDDEN]);
    net[1].y = result(a.y, s[RESULTS]);
    net[1].grad_y = input(a.grad_y, s[RESULTS]);
    net[1].dx = result(a.grad_hidden, s[HIDDEN]);

    size_t forward = fa_network_workspace_f32(net, 2, 0), backward = fa_network_workspace_f32(net, 2, 1);
    size_t bytes = forward > backward ? forward : backward;
    void *workspace = malloc(bytes ? bytes : 1);
    if (!workspace) exit(2);
    for (size_t step = 0; step < s[STEPS]; step++) {
        check(fa_network_forward_f32(net, 2, workspace, bytes));
        for (size_t i = 0; i < s[SAMPLES] * s[RESULTS]; i++) a.grad_y[i] = a.y[i] - a.target[i];
        check(fa_network_backward_f32(net, 2, workspace, bytes));
        for (size_t i = 0; i < n_parameters; i++) {
            float change = 0.001f * a.gradients[i];
            a.parameters[i] -= change;
        }
    }
    free(workspace);
}

int main(int count, char **arguments) {
    int64_t sizes[SIZES];
    size_t s[SIZES];
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : NULL;
    if (!file || fread(sizes, sizeof *sizes, SIZES, file) != SIZES) return 1;
    for (int i = 0; i < SIZES; i++) s[i] = (size_t)sizes[i];
    const size_t of_first = (s[INPUTS] + 1) * s[HIDDEN];
    const size_t n_parameters = of_first + (s[HIDDEN] + 1) * s[RESULTS];
    arrays a;
    a.x = read_from(file, s[SAMPLES] * s[INPUTS]);
    a.target = read_from(file, s[SAMPLES] * s[RESULTS]);
    a.parameters = read_from(file, n_parameters);
    fclose(file);
    a.gradients = allocated(n_parameters);
    a.hidden = allocated(s[SAMPLES] * s[HIDDEN]);
    a.before = allocated(s[SAMPLES] * s[HIDDEN]);
    a.grad_hidden = allocated(s[SAMPLES] * s[HIDDEN]);
    a.y = allocated(s[SAMPLES] * s[RESULTS]);
    a.grad_y = allocated(s[SAMPLES] * s[RESULTS]);
    train(s, a, n_parameters, of_first);
    file = fopen(arguments[2], "wb");
    if (!file || fwrite(a.parameters, sizeof(float), n_parameters, file) != n_parameters) return 5;
    return fclose(file) ? 5 : 0;
}
