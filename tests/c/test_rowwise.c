/* Row-wise functions from C: results against plain loops in double, in place, and arguments that are refused. */
#include <fastact.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "checks.h"

#define MOST 70
#define ROWS 3

static double x[ROWS * MOST], g[ROWS * MOST];

static void fill(size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = sin(1.7 * (double)i) * 6;
        g[i] = cos(0.9 * (double)i);
    }
}

static int is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

/* p = softmax of a row; returns the logarithm of the sum of exponentials */
static double plain_softmax(const double *row, double *p, size_t n) {
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, row[i]);
    for (size_t i = 0; i < n; i++) sum += p[i] = exp(row[i] - most);
    for (size_t i = 0; i < n; i++) p[i] /= sum;
    return most + log(sum);
}

#define CHECK_DTYPE(T, dtype, tolerance)                                                                     \
    static void check_##dtype(size_t n) {                                                                    \
        T in[ROWS * MOST], grad[ROWS * MOST], y[ROWS * MOST], d[ROWS * MOST], sums[ROWS];                    \
        double p[MOST], loss[ROWS];                                                                          \
        int64_t labels[ROWS];                                                                                \
        for (size_t i = 0; i < ROWS * n; i++) {                                                              \
            in[i] = (T)x[i];                                                                                 \
            grad[i] = (T)g[i];                                                                               \
        }                                                                                                    \
        for (size_t r = 0; r < ROWS; r++) labels[r] = (int64_t)(r % n);                                      \
        check(fa_softmax_##dtype(in, y, ROWS, n, 1) == FA_OK, "softmax", #dtype, n);                         \
        check(fa_softmax_backward_##dtype(grad, in, d, ROWS, n, 1) == FA_OK, "backward", #dtype, n);         \
        check(fa_logsumexp_##dtype(in, sums, ROWS, n) == FA_OK, "logsumexp", #dtype, n);                     \
        for (size_t r = 0; r < ROWS; r++) {                                                                  \
            double dot = 0, log_sum = plain_softmax(x + r * n, p, n);                                        \
            for (size_t i = 0; i < n; i++) dot += p[i] * g[r * n + i];                                       \
            check(is_near((double)sums[r], log_sum, tolerance), "sum", #dtype, n);                           \
            for (size_t i = 0; i < n; i++) {                                                                 \
                check(is_near((double)y[r * n + i], p[i], tolerance), "share", #dtype, n);                   \
                check(is_near((double)d[r * n + i], p[i] * (g[r * n + i] - dot), tolerance), "gradient",     \
                      #dtype, n);                                                                            \
            }                                                                                                \
        }                                                                                                    \
        memcpy(d, in, sizeof in);                                                                            \
        check(fa_softmax_##dtype(d, d, ROWS, n, 1) == FA_OK && !memcmp(d, y, ROWS * n * sizeof(T)),          \
              "in place", #dtype, n);                                                                        \
        check(fa_softmax_cross_entropy_##dtype(in, labels, 0, 0, loss, d, ROWS, n) == FA_OK, "loss", #dtype, \
              n);                                                                                            \
        for (size_t r = 0; r < ROWS; r++) {                                                                  \
            double log_sum = plain_softmax(x + r * n, p, n);                                                 \
            size_t label = (size_t)labels[r];                                                                \
            check(is_near(loss[r], log_sum - x[r * n + label], tolerance), "loss", #dtype, n);               \
            check(is_near((double)d[r * n + label], p[label] - 1, tolerance), "gradient", #dtype, n);        \
        }                                                                                                    \
    }
CHECK_DTYPE(float, f32, 1e-5)
CHECK_DTYPE(double, f64, 1e-13)

/* Rows by hand: of sparsemax the threshold is (0.5 + 0.2 + 0.1 - 1)/3, of entmax15 that of two equal elements 1/2 - sqrt(1/2) */
static void check_sparse(void) {
    const double in[4] = {0.5, 0.2, -3, 0.1}, equal[3] = {1, 1, -9}, grad[4] = {1, 4, 100, 1};
    double y[4], d[4];
    check(fa_sparsemax_f64(in, y, 1, 4) == FA_OK, "sparsemax", "f64", 4);
    check(fa_sparsemax_backward_f64(grad, in, d, 1, 4) == FA_OK, "sparsemax backward", "f64", 4);
    const double threshold = (0.5 + 0.2 + 0.1 - 1) / 3, slopes[4] = {-1, 2, 0, -1};
    for (size_t i = 0; i < 4; i++) {
        check(is_near(y[i], fmax(in[i] - threshold, 0), 1e-15), "sparsemax", "value", i);
        check(is_near(d[i], slopes[i], 1e-15), "sparsemax", "gradient", i);
    }
    check(fa_entmax15_f64(equal, y, 1, 3) == FA_OK, "entmax15", "f64", 3);
    check(is_near(y[0], 0.5, 1e-15) && y[0] == y[1] && y[2] == 0, "entmax15", "value", 3);
    check(fa_hardmax_f64(in, y, 1, 4) == FA_OK, "hardmax", "f64", 4);
    check(y[0] == 1 && y[1] == 0 && y[2] == 0 && y[3] == 0, "hardmax", "value", 4);
}

/* Rows by hand: of maxout the largest of two, where equal ones share the gradient; of crelu both halves */
static void check_piecewise(void) {
    const double in[4] = {1, -2, 3, 3}, grad[2] = {5, 8}, wide[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const double slopes[4] = {5, 0, 4, 4}, halves[8] = {1, 0, 3, 3, 0, 2, 0, 0}, by_sign[4] = {1, -6, 3, 4};
    double y[8], d[4];
    check(fa_maxout_f64(in, y, 1, 4, 2) == FA_OK && y[0] == 1 && y[1] == 3, "maxout", "f64", 4);
    check(fa_maxout_backward_f64(grad, in, d, 1, 4, 2) == FA_OK, "maxout backward", "f64", 4);
    check(!memcmp(d, slopes, sizeof d), "maxout", "gradient", 4);
    check(fa_maxout_f64(in, y, 2, 2, 2) == FA_OK && y[0] == 1 && y[1] == 3, "maxout", "rows", 2);
    check(fa_crelu_f64(in, y, 1, 4) == FA_OK && !memcmp(y, halves, sizeof y), "crelu", "f64", 4);
    check(fa_crelu_backward_f64(wide, in, d, 1, 4) == FA_OK, "crelu backward", "f64", 4);
    check(!memcmp(d, by_sign, sizeof d), "crelu", "gradient", 4);
    check(fa_crelu_backward_from_output_f64(wide, y, d, 1, 4) == FA_OK, "crelu from output", "f64", 4);
    check(!memcmp(d, by_sign, sizeof d), "crelu", "gradient from output", 4);
    check(fa_maxout_f64(in, y, 1, 4, 0) == FA_INVALID, "no pieces", "f64", 4);
    check(fa_maxout_f64(in, y, 1, 4, 3) == FA_INVALID, "pieces of 3", "f64", 4);
    check(fa_crelu_f64(in, y, 1, (size_t)1 << 59) == FA_INVALID, "size of the result", "f64", 4);
    check(fa_crelu_f64(0, 0, 3, 0) == FA_OK && fa_maxout_f64(0, 0, 3, 0, 2) == FA_OK, "empty", "f64", 0);
}

static void check_refusals(void) {
    double y[4] = {7, 7, 7, 7}, loss[2] = {7, 7}, in[4] = {0};
    const int64_t wrong[2] = {0, 2}, right[2] = {0, 1};
    check(fa_softmax_f64(0, y, 2, 2, 1) == FA_INVALID, "null input", "f64", 2);
    check(fa_softmax_f64(in, 0, 2, 2, 1) == FA_INVALID, "null output", "f64", 2);
    check(fa_softmax_f64(in, y, SIZE_MAX, 2, 1) == FA_INVALID, "size", "f64", 2);
    check(fa_softmax_f64(in, y, (size_t)1 << 62, 1, 1) == FA_INVALID, "size", "f64", 1);
    check(fa_softmax_f64(in, y, 2, 2, 0) == FA_INVALID, "temperature", "f64", 2);
    check(fa_softmax_f64(in, y, 2, 2, INFINITY) == FA_INVALID, "temperature", "f64", 2);
    check(fa_softmax_f64(in, y, 2, 2, NAN) == FA_INVALID, "temperature", "f64", 2);
    check(fa_softmax_backward_f64(0, in, y, 2, 2, 1) == FA_INVALID, "null gradient", "f64", 2);
    check(fa_softmax_cross_entropy_f64(in, wrong, 0, 0, loss, y, 2, 2) == FA_INVALID, "label", "f64", 2);
    check(fa_softmax_cross_entropy_f64(in, right, in, 0, loss, y, 2, 2) == FA_INVALID, "both", "f64", 2);
    check(fa_softmax_cross_entropy_f64(in, 0, 0, 0, loss, y, 2, 2) == FA_INVALID, "neither", "f64", 2);
    check(y[0] == 7 && y[3] == 7 && loss[0] == 7, "nothing is written", "f64", 2);
    check(fa_softmax_f64(0, 0, 0, 2, 1) == FA_OK && fa_softmax_f64(0, 0, 2, 0, 1) == FA_OK, "empty", "f64",
          0);
    check(fa_logsumexp_f64(0, y, 2, 0) == FA_OK && y[0] == -INFINITY, "empty sum", "f64", 0);
}

int main(void) {
    for (size_t n = 1; n <= MOST; n++) {
        fill(ROWS * n);
        check_f32(n);
        check_f64(n);
    }
    check_sparse();
    check_piecewise();
    check_refusals();
    return report();
}
