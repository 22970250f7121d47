/* Normalisation from C: results and gradients against plain loops in double, in place, and arguments that are refused. */
#include <fastact.h>
#include <math.h>
#include <string.h>

#include "checks.h"

#define MOST 70
#define ROWS 5

static double x[ROWS * MOST], g[ROWS * MOST], weight[MOST], bias[MOST];

static void fill(size_t n) {
    for (size_t i = 0; i < ROWS * n; i++) {
        x[i] = 3 + sin(1.7 * (double)i) * 2;
        g[i] = cos(0.9 * (double)i);
    }
    for (size_t i = 0; i < n; i++) {
        weight[i] = 1 + 0.5 * sin((double)i);
        bias[i] = cos((double)i);
    }
}

static int is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

/* Of `count` elements, `step` apart: h = (x - mean)/sqrt(variance + 0.5), without a mean if has_mean is 0; and
 * d = (w g - mean(w g) - h mean(w g h))/sqrt(variance + 0.5), where w is the weight of each */
static void plain(const double *in, const double *grad, const double *w, size_t count, size_t step,
                  size_t w_step, int has_mean, double *h, double *d) {
    double mean = 0, variance = 0, of_g = 0, of_h = 0;
    for (size_t i = 0; i < count && has_mean; i++) mean += in[i * step] / (double)count;
    for (size_t i = 0; i < count; i++) variance += pow(in[i * step] - mean, 2) / (double)count;
    const double inverse = 1 / sqrt(variance + 0.5);
    for (size_t i = 0; i < count; i++) {
        h[i * step] = (in[i * step] - mean) * inverse;
        of_g += w[i * w_step] * grad[i * step] / (double)count;
        of_h += w[i * w_step] * grad[i * step] * h[i * step] / (double)count;
    }
    for (size_t i = 0; i < count; i++)
        d[i * step] = (w[i * w_step] * grad[i * step] - has_mean * of_g - h[i * step] * of_h) * inverse;
}

typedef enum { LAYER, RMS, BATCH, KINDS } kind;

static void plain_of(kind of, size_t n, double *h, double *d) {
    if (of == BATCH)
        for (size_t i = 0; i < n; i++) plain(x + i, g + i, weight + i, ROWS, n, 0, 1, h + i, d + i);
    else
        for (size_t r = 0; r < ROWS; r++)
            plain(x + r * n, g + r * n, weight, n, 1, 1, of == LAYER, h + r * n, d + r * n);
}

#define CHECK_DTYPE(T, dtype, tolerance)                                                                    \
    static int forward_##dtype(kind of, const T *in, const T *w, const T *b, T *y, double *space,           \
                               size_t n) {                                                                  \
        if (of == LAYER) return fa_layer_norm_##dtype(in, w, b, y, ROWS, n, 0.5);                           \
        if (of == RMS) return fa_rms_norm_##dtype(in, w, y, ROWS, n, 0.5);                                  \
        return fa_batch_norm_##dtype(in, w, b, 0, 0, y, space, ROWS, n, 1, 0, 0.5);                         \
    }                                                                                                       \
    static int backward_##dtype(kind of, const T *grad, const T *in, const T *w, T *dx, T *dw, T *db,       \
                                double *space, size_t n) {                                                  \
        if (of == LAYER)                                                                                    \
            return fa_layer_norm_backward_##dtype(grad, in, w, dx, dw, db, space, ROWS, n, 0.5);            \
        if (of == RMS) return fa_rms_norm_backward_##dtype(grad, in, w, dx, dw, space, ROWS, n, 0.5);       \
        return fa_batch_norm_backward_##dtype(grad, in, w, 0, 0, dx, dw, db, space, ROWS, n, 1, 0.5);       \
    }                                                                                                       \
    static void check_##dtype(size_t n) {                                                                   \
        T in[ROWS * MOST], grad[ROWS * MOST], y[ROWS * MOST], dx[ROWS * MOST], w[MOST], b[MOST], dw[MOST],  \
            db[MOST];                                                                                       \
        double space[5 * MOST], h[ROWS * MOST], d[ROWS * MOST];                                             \
        for (size_t i = 0; i < ROWS * n; i++) in[i] = (T)x[i], grad[i] = (T)g[i];                           \
        for (size_t i = 0; i < n; i++) w[i] = (T)weight[i], b[i] = (T)bias[i];                              \
        for (kind of = LAYER; of < KINDS; of++) {                                                           \
            plain_of(of, n, h, d);                                                                          \
            check(forward_##dtype(of, in, w, b, y, space, n) == FA_OK, "forward", #dtype, n);               \
            check(backward_##dtype(of, grad, in, w, dx, dw, db, space, n) == FA_OK, "backward", #dtype, n); \
            for (size_t i = 0; i < ROWS * n; i++) {                                                         \
                const double want = h[i] * weight[i % n] + (of == RMS ? 0 : bias[i % n]);                   \
                check(is_near((double)y[i], want, tolerance), "y", #dtype, n);                              \
                check(is_near((double)dx[i], d[i], tolerance), "grad_x", #dtype, n);                        \
            }                                                                                               \
            for (size_t i = 0; i < n; i++) {                                                                \
                double products = 0, gradients = 0;                                                         \
                for (size_t r = 0; r < ROWS; r++) products += g[r * n + i] * h[r * n + i];                  \
                for (size_t r = 0; r < ROWS; r++) gradients += g[r * n + i];                                \
                check(is_near((double)dw[i], products, tolerance), "grad_weight", #dtype, n);               \
                check(of == RMS || is_near((double)db[i], gradients, tolerance), "grad_bias", #dtype, n);   \
            }                                                                                               \
            T again[ROWS * MOST];                                                                           \
            memcpy(again, in, sizeof in);                                                                   \
            forward_##dtype(of, again, w, b, again, space, n);                                              \
            check(!memcmp(again, y, ROWS * n * sizeof(T)), "in place", #dtype, n);                          \
            memcpy(again, grad, sizeof grad);                                                               \
            backward_##dtype(of, again, in, w, again, 0, 0, space, n);                                      \
            check(!memcmp(again, dx, ROWS * n * sizeof(T)), "in place", #dtype, n);                         \
        }                                                                                                   \
    }
CHECK_DTYPE(float, f32, 1e-4)
CHECK_DTYPE(double, f64, 1e-12)

static void check_running(void) {
    const double in[4] = {1, 10, 3, 30}, gradient[4] = {1, 2, 3, 4};
    double mean[2] = {0, 0}, variance[2] = {1, 1}, y[4], dx[4], space[10];
    check(fa_batch_norm_f64(in, 0, 0, mean, variance, y, space, 2, 2, 1, 0.25, 0) == FA_OK, "batch", "f64",
          2);
    check(mean[0] == 0.5 && mean[1] == 5 && variance[0] == 1.25 && variance[1] == 50.75, "running", "f64", 2);
    check(y[0] == -1 && y[1] == -1 && y[2] == 1 && y[3] == 1, "training", "f64", 2);
    mean[0] = 1, mean[1] = 2, variance[0] = 4, variance[1] = 16;
    check(fa_batch_norm_f64(in, 0, 0, mean, variance, y, space, 2, 2, 0, 0, 0) == FA_OK, "batch", "f64", 2);
    check(y[0] == 0 && y[1] == 2 && y[2] == 1 && y[3] == 7, "evaluation", "f64", 2);
    check(fa_batch_norm_backward_f64(gradient, in, 0, mean, variance, dx, 0, 0, space, 2, 2, 0, 0) == FA_OK,
          "backward", "f64", 2);
    check(dx[0] == 0.5 && dx[1] == 0.5 && dx[2] == 1.5 && dx[3] == 1, "evaluation", "f64", 2);
    check(mean[0] == 1 && variance[1] == 16, "evaluation changes nothing", "f64", 2);
}

static void check_refusals(void) {
    double y[4] = {7, 7, 7, 7}, in[4] = {0}, space[10];
    check(fa_layer_norm_f64(0, 0, 0, y, 2, 2, 0) == FA_INVALID, "x", "f64", 2);
    check(fa_layer_norm_f64(in, 0, 0, 0, 2, 2, 0) == FA_INVALID, "y", "f64", 2);
    check(fa_layer_norm_f64(in, 0, 0, y, 2, 2, -1) == FA_INVALID, "eps", "f64", 2);
    check(fa_layer_norm_f64(in, 0, 0, y, 2, 2, NAN) == FA_INVALID, "eps", "f64", 2);
    check(fa_rms_norm_f64(in, 0, y, SIZE_MAX, 2, 0) == FA_INVALID, "size", "f64", 2);
    check(fa_rms_norm_f64(in, 0, y, (size_t)1 << 62, 1, 0) == FA_INVALID, "size", "f64", 1);
    check(fa_rms_norm_backward_f64(0, in, 0, y, 0, space, 2, 2, 0) == FA_INVALID, "grad_y", "f64", 2);
    check(fa_rms_norm_backward_f64(in, in, 0, y, 0, 0, 2, 2, 0) == FA_INVALID, "workspace", "f64", 2);
    check(fa_batch_norm_f64(in, 0, 0, 0, 0, y, 0, 2, 2, 1, 0, 0) == FA_INVALID, "workspace", "f64", 2);
    check(fa_batch_norm_f64(in, 0, 0, 0, 0, y, space, 1, 2, 1, 0, 0) == FA_INVALID, "one row", "f64", 2);
    check(fa_batch_norm_f64(in, 0, 0, 0, 0, y, space, 2, 2, 1, 2, 0) == FA_INVALID, "momentum", "f64", 2);
    check(fa_batch_norm_f64(in, 0, 0, in, 0, y, space, 2, 2, 0, 0, 0) == FA_INVALID, "running", "f64", 2);
    check(y[0] == 7 && y[3] == 7, "nothing is written", "f64", 2);
    check(fa_layer_norm_f64(0, 0, 0, 0, 0, 2, 0) == FA_OK && fa_rms_norm_f64(0, 0, 0, 2, 0, 0) == FA_OK,
          "empty", "f64", 0);
    check(fa_layer_norm_backward_f64(0, 0, 0, 0, y, y + 2, space, 0, 2, 0) == FA_OK && y[0] == 0 && y[3] == 0,
          "sums over no rows", "f64", 2);
}

int main(void) {
    for (size_t n = 1; n <= MOST; n++) {
        fill(n);
        check_f32(n);
        check_f64(n);
    }
    check_running();
    check_refusals();
    return report();
}
