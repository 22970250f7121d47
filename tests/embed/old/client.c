/* Prints "FAILED" and what failed, or nothing: a client of an older fastact, compiled with its header. */
#include "fastact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static void check(int holds, const char *what) {
    if (holds) return;
    printf("FAILED %s\n", what);
    failures++;
}

static void describe(void) {
    fa_activation found;
    memset(&found, 0, sizeof found);
    found.size = sizeof found;
    check(fa_activation_by_name("gelu") == FA_gelu, "id of gelu");
    check(fa_activation_info(FA_leaky_relu, &found) == FA_OK, "description");
    check(found.id == FA_leaky_relu && strcmp(found.name, "leaky_relu") == 0, "name");
    check(found.n_parameters == 1 && strcmp(found.parameter_names[0], "negative_slope") == 0, "parameter");
    check(found.parameter_defaults[0] == 0.01 && found.from_output == 1 && found.has_mask == 1, "fields");
}

static void run_layer(void) {
    float x[2] = {1, -2}, w[4] = {1, 2, 3, 4}, b[2] = {0.5f, 9}, y[2];
    fa_dense layer;
    memset(&layer, 0, sizeof layer);
    layer.size = sizeof layer;
    layer.rows = 1;
    layer.in = layer.out = 2;
    layer.activation = FA_relu;
    layer.saving = FA_SAVE_NOTHING;
    layer.x = (fa_input){x, 2, 1, NULL};
    layer.w = (fa_input){w, 2, 1, NULL};
    layer.b = (fa_input){b, 0, 1, NULL};
    layer.y = (fa_result){y, 2, NULL};
    size_t bytes = fa_dense_workspace_f32(&layer, 0);
    void *workspace = malloc(bytes ? bytes : 1);
    check(fa_dense_forward_f32(&layer, workspace, bytes) == FA_OK, "dense layer");
    check(y[0] == 0 && y[1] == 3, "dense results"); /* relu(1 - 6 + 1/2), relu(2 - 8 + 9) */
    free(workspace);
}

int main(void) {
    double x[2] = {-1, 1}, grad_y[2] = {3, 5}, grad_x[2];
    float zero = 0, y = 7;
    fa_gelu_f32(&zero, &y, 1);
    check(y == 0, "gelu(0)");
    fa_leaky_relu_backward_f64(grad_y, x, grad_x, 2, 0.5);
    check(grad_x[0] == 1.5 && grad_x[1] == 5, "leaky_relu backward");
    check(fa_version() >= 100, "version");
    describe();
    run_layer();
    return failures != 0;
}
