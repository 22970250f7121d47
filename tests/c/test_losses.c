/* Element-wise losses and nll from C: results against plain expressions, in place, and arguments that are refused. */
#include <fastact.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "checks.h"

#define MOST 600

static double x[MOST], t[MOST], w[MOST];

static int is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

static double sigmoid(double v) {
    return 1 / (1 + exp(-v));
}

/* value and derivative of element i */
typedef struct {
    double value, slope;
} both;
static both of_mse(size_t i) {
    return (both){(x[i] - t[i]) * (x[i] - t[i]), 2 * (x[i] - t[i])};
}
static both of_huber(size_t i) {
    double d = x[i] - t[i], a = fabs(d);
    return a <= 0.75 ? (both){d * d / 2, d} : (both){0.75 * (a - 0.375), d > 0 ? 0.75 : -0.75};
}
static both of_hinge(size_t i) {
    double margin = 1 - x[i] * t[i];
    return margin > 0 ? (both){margin, -t[i]} : (both){0, 0};
}
static both of_kl(size_t i) {
    return (both){t[i] > 0 ? t[i] * (log(t[i]) - x[i]) : t[i] < 0 ? NAN : 0, -t[i]};
}
static both of_poisson(size_t i) {
    return (both){exp(x[i]) - t[i] * x[i], exp(x[i]) - t[i]};
}
static both of_binary(size_t i) {
    double yes = 2 * t[i], no = 1 - t[i];
    return (both){-yes * log(sigmoid(x[i])) - no * log(sigmoid(-x[i])),
                  no * sigmoid(x[i]) - yes * sigmoid(-x[i])};
}

static void fill(int kind) {
    for (size_t i = 0; i < MOST; i++) {
        x[i] = (float)(sin(1.7 * (double)i) * 3);
        t[i] = kind == 0 ? (float)cos((double)i) : kind == 1 ? (i % 3 ? 1 : -1) : (double)(i % 5) / 4;
        w[i] = (double)(i % 4);
    }
}

#define CHECK_LOSS(name, T, dtype, tolerance, expected, ...)                                                \
    static void check_##name##_##dtype(size_t n) {                                                          \
        T in[MOST] = {0}, target[MOST] = {0}, losses[MOST], grad[MOST];                                     \
        double total, plain, sum = 0, weighted = 0;                                                         \
        for (size_t i = 0; i < n; i++) in[i] = (T)x[i], target[i] = (T)t[i];                                \
        check(fa_##name##_##dtype(in, target, w, losses, &total, grad, 0.5, n __VA_ARGS__) == FA_OK, #name, \
              #dtype, n);                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                    \
            both want = expected(i);                                                                        \
            check(is_near((double)losses[i], w[i] * want.value, tolerance), #name, "loss", n);              \
            check(is_near((double)grad[i], 0.5 * w[i] * want.slope, tolerance), #name, "gradient", n);      \
            sum += want.value, weighted += w[i] * want.value;                                               \
        }                                                                                                   \
        check(is_near(total, weighted, tolerance), #name, "total", n);                                      \
        check(fa_##name##_##dtype(in, target, 0, 0, &plain, 0, 1, n __VA_ARGS__) == FA_OK &&                \
                  is_near(plain, sum, tolerance),                                                           \
              #name, "without weights", n);                                                                 \
        check(fa_##name##_##dtype(in, target, w, 0, 0, in, 0.5, n __VA_ARGS__) == FA_OK &&                  \
                  !memcmp(in, grad, n * sizeof(T)),                                                         \
              #name, "in place", n);                                                                        \
    }
#define CHECK_BOTH(name, expected, ...)                       \
    CHECK_LOSS(name, float, f32, 1e-5, expected, __VA_ARGS__) \
    CHECK_LOSS(name, double, f64, 1e-13, expected, __VA_ARGS__)
#define COMMA ,
CHECK_BOTH(mse, of_mse, )
CHECK_BOTH(huber, of_huber, COMMA 0.75)
CHECK_BOTH(hinge, of_hinge, )
CHECK_BOTH(kl_divergence, of_kl, )
CHECK_BOTH(poisson, of_poisson, )
CHECK_BOTH(sigmoid_binary_cross_entropy, of_binary, COMMA 2)
#define RUN(name, n) (check_##name##_f32(n), check_##name##_f64(n))

static void check_nll(void) {
    const double in[] = {-1, -2, -3, -4, -5, -6}, weights[] = {1, 0.5};
    const float single[] = {-1, -2, -3, -4, -5, -6};
    const int64_t labels[] = {2, 0}, wrong[] = {0, 3};
    double loss[2], grad[6];
    float grad_f32[6];
    check(fa_nll_f64(in, labels, weights, loss, grad, 2, 3) == FA_OK && loss[0] == 3 && loss[1] == 2, "nll",
          "f64", 3);
    check(grad[0] == 0 && grad[1] == 0 && grad[2] == -1 && grad[3] == -0.5 && grad[4] == 0, "gradient", "f64",
          3);
    check(fa_nll_f32(single, labels, 0, loss, grad_f32, 2, 3) == FA_OK && loss[1] == 4, "nll", "f32", 3);
    check(grad_f32[2] == -1 && grad_f32[3] == -1 && grad_f32[5] == 0, "gradient", "f32", 3);
    loss[0] = 7;
    check(fa_nll_f64(in, wrong, 0, loss, 0, 2, 3) == FA_INVALID && loss[0] == 7, "label", "f64", 3);
    check(fa_nll_f64(in, 0, 0, loss, 0, 2, 3) == FA_INVALID, "no labels", "f64", 3);
}

static void check_refusals(void) {
    double total = 7, grad[2] = {7, 7};
    check(fa_mse_f64(0, t, 0, 0, &total, grad, 1, 2) == FA_INVALID, "null x", "f64", 2);
    check(fa_mse_f64(x, 0, 0, 0, &total, grad, 1, 2) == FA_INVALID, "null target", "f64", 2);
    check(fa_mse_f64(x, t, 0, 0, &total, grad, 1, SIZE_MAX) == FA_INVALID, "size", "f64", 2);
    check(fa_huber_f64(x, t, 0, 0, &total, grad, 1, 2, 0) == FA_INVALID, "delta of 0", "f64", 2);
    check(fa_huber_f64(x, t, 0, 0, &total, grad, 1, 2, NAN) == FA_INVALID, "delta of NaN", "f64", 2);
    check(fa_huber_f32(0, 0, 0, 0, &total, 0, 1, 0, INFINITY) == FA_INVALID, "infinite delta", "f32", 0);
    check(total == 7 && grad[0] == 7 && grad[1] == 7, "nothing is written", "f64", 2);
    check(fa_mse_f64(0, 0, 0, 0, &total, 0, 1, 0) == FA_OK && total == 0, "empty", "f64", 0);
}

int main(void) {
    const size_t sizes[] = {1, 2, 3, 7, 8, 9, 255, 256, 257, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill(0);
        RUN(mse, sizes[i]);
        RUN(huber, sizes[i]);
        fill(1);
        RUN(hinge, sizes[i]);
        fill(2);
        RUN(kl_divergence, sizes[i]);
        RUN(poisson, sizes[i]);
        RUN(sigmoid_binary_cross_entropy, sizes[i]);
    }
    check_nll();
    check_refusals();
    return report();
}
