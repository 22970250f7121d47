/* Training from C: steps of optimisers against plain loops in double, the known words of dropout, and arguments that are
 * refused. */
#include <fastact.h>
#include <math.h>
#include <string.h>

#include "checks.h"

#define MOST 70

static double start[MOST], slope[MOST];

static void fill(size_t n) {
    for (size_t i = 0; i < n; i++) {
        start[i] = 2 * sin(1.7 * (double)i);
        slope[i] = cos(0.9 * (double)i);
    }
}

static int is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

static fa_step numbers(int64_t step) {
    return (fa_step){.size = sizeof(fa_step),
                     .step = step,
                     .lr = 0.1,
                     .momentum = 0.5,
                     .weight_decay = 0.25,
                     .beta1 = 0.75,
                     .beta2 = 0.5,
                     .alpha = 0.5,
                     .eps = 1e-3};
}

/* two steps with the same gradient; g is the gradient of the first one with its decay */
#define CHECK_DTYPE(T, dtype, tolerance)                                                                    \
    static void check_##dtype(size_t n) {                                                                   \
        T p[MOST], g[MOST], a[MOST], b[MOST];                                                               \
        double sum = 0, wanted = 0;                                                                         \
        for (size_t i = 0; i < n; i++) g[i] = (T)slope[i];                                                  \
        for (int rule = 0; rule < 4; rule++) {                                                              \
            memset(a, 0, sizeof a), memset(b, 0, sizeof b);                                                 \
            for (size_t i = 0; i < n; i++) p[i] = (T)start[i];                                              \
            for (int64_t t = 1; t <= 2; t++) {                                                              \
                const fa_step s = numbers(t);                                                               \
                int answer = rule == 0   ? fa_sgd_##dtype(&s, p, g, a, n)                                   \
                             : rule == 1 ? fa_adam_##dtype(&s, p, g, a, b, n)                               \
                             : rule == 2 ? fa_rmsprop_##dtype(&s, p, g, b, a, 0, n)                         \
                                         : fa_adagrad_##dtype(&s, p, g, a, n);                              \
                check(answer == FA_OK, "answer", #dtype, n);                                                \
            }                                                                                               \
            for (size_t i = 0; i < n; i++)                                                                  \
                check(is_near((double)p[i], two_steps(rule, (double)(T)start[i], (double)g[i]), tolerance), \
                      "parameter", #dtype, n);                                                              \
        }                                                                                                   \
        for (size_t i = 0; i < n; i++) p[i] = (T)start[i], a[i] = 0, wanted += (double)g[i] * (double)g[i]; \
        const fa_step s = numbers(1);                                                                       \
        check(fa_lion_##dtype(&s, p, g, a, n) == FA_OK, "answer", #dtype, n);                               \
        for (size_t i = 0; i < n; i++)                                                                      \
            check(is_near((double)p[i], (double)(T)start[i] * 0.975 - (g[i] > 0 ? 0.1 : -0.1), tolerance),  \
                  "lion", #dtype, n);                                                                       \
        check(fa_sum_of_squares_##dtype(g, n, &sum) == FA_OK && is_near(sum, wanted, 1e-14), "sum", #dtype, \
              n);                                                                                           \
    }

static double two_steps(int rule, double p, double slope_of_p) {
    double first = 0, second = 0;
    for (int t = 1; t <= 2; t++) {
        const double g = slope_of_p + 0.25 * p;
        if (rule == 0) p -= 0.1 * (first = 0.5 * first + g);
        if (rule == 1) {
            first = 0.75 * first + 0.25 * g, second = 0.5 * second + 0.5 * g * g;
            p -= 0.1 * (first / (1 - pow(0.75, t))) / (sqrt(second / (1 - pow(0.5, t))) + 1e-3);
        }
        if (rule == 2) {
            second = 0.5 * second + 0.5 * g * g;
            p -= 0.1 * (first = 0.5 * first + g / (sqrt(second) + 1e-3));
        }
        if (rule == 3) p -= 0.1 * g / (sqrt(second += g * g) + 1e-3);
    }
    return p;
}
CHECK_DTYPE(float, f32, 1e-5)
CHECK_DTYPE(double, f64, 1e-14)

static void refuse(fa_step s, const char *what) {
    double p[2] = {7, 7}, g[2] = {1, 1}, a[2] = {7, 7}, b[2] = {7, 7};
    check(fa_adam_f64(&s, p, g, a, b, 2) == FA_INVALID, what, "f64", 2);
    check(p[0] == 7 && a[1] == 7 && b[0] == 7, "nothing is written", "f64", 2);
}

static void check_refusals(void) {
    double p[2] = {7, 7}, g[2] = {1, 1};
    struct {
        fa_step now;
        double later;
    } grown = {numbers(1), 0};
    fa_step s = numbers(1);
    refuse((fa_step){.step = 1}, "size");
    refuse(numbers(0), "step");
    s.lr = -1, refuse(s, "lr"), s.lr = NAN, refuse(s, "lr"), s.lr = 1;
    s.beta1 = 1, refuse(s, "beta1"), s.beta1 = 0;
    s.eps = INFINITY, refuse(s, "eps"), s.eps = 0;
    s.gradient_factor = NAN, refuse(s, "factor"), s.gradient_factor = 0;
    check(fa_adam_f64(0, p, g, p, p, 2) == FA_INVALID, "no numbers", "f64", 2);
    check(fa_adam_f64(&s, 0, g, p, p, 2) == FA_INVALID, "no parameters", "f64", 2);
    check(fa_adam_f64(&s, p, 0, p, p, 2) == FA_INVALID, "no gradients", "f64", 2);
    check(fa_adam_f64(&s, p, g, p, 0, 2) == FA_INVALID, "no state", "f64", 2);
    check(fa_adam_f64(&s, p, g, p, p, SIZE_MAX) == FA_INVALID, "size", "f64", 2);
    check(fa_sgd_f64(&s, p, g, 0, 2) == FA_INVALID, "no velocity", "f64", 2);
    check(fa_rmsprop_f64(&s, p, g, p, 0, 0, 2) == FA_INVALID, "no velocity", "f64", 2);
    s.momentum = 0, s.centered = 1;
    check(fa_rmsprop_f64(&s, p, g, p, 0, 0, 2) == FA_INVALID, "no mean", "f64", 2);
    check(fa_sum_of_squares_f64(0, 2, p) == FA_INVALID && fa_sum_of_squares_f64(g, 2, 0) == FA_INVALID,
          "null", "f64", 2);
    check(p[0] == 7 && p[1] == 7, "nothing is written", "f64", 2);
    check(fa_sgd_f64(&s, p, g, 0, 2) == FA_OK && p[0] != 7, "no velocity is needed", "f64", 2);
    check(fa_adam_f64(&s, 0, 0, 0, 0, 0) == FA_OK, "empty", "f64", 0);
    grown.now.size = sizeof grown;
    check(fa_adagrad_f64(&grown.now, p, g, g, 0) == FA_OK, "a later version", "f64", 0);
    grown.later = 1;
    check(fa_adagrad_f64(&grown.now, p, g, g, 0) == FA_UNSUPPORTED, "a later version", "f64", 0);
}

/* the word of element i as thresholds tell it */
static uint32_t word(uint64_t first, uint64_t seed, uint32_t step, uint32_t layer) {
    double low = 0, high = 0x1p32, x = 1, y;
    for (int k = 0; k < 32; k++) {
        const double middle = floor((low + high) / 2);
        fa_dropout_f64(&x, &y, 1, middle / 0x1p32, seed, step, layer, first);
        if (y != 0)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static void check_dropout(void) {
    const uint32_t known[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    float x[200], y[200], part[200];
    for (uint64_t i = 0; i < 4; i++) check(word(i, 0, 0, 0) == known[i], "word", "f64", i);
    for (int i = 0; i < 200; i++) x[i] = (float)i + 1;
    check(fa_dropout_f32(x, y, 200, 0.25, 7, 1, 2, 5) == FA_OK, "dropout", "f32", 200);
    for (size_t i = 0; i < 200; i++)
        check(y[i] == 0 || y[i] == x[i] * (float)(1 / 0.75), "element", "f32", i);
    for (size_t first = 0; first < 200; first += 29) {
        fa_dropout_f32(x + first, part, 200 - first, 0.25, 7, 1, 2, 5 + first);
        check(!memcmp(part, y + first, (200 - first) * sizeof(float)), "part", "f32", first);
    }
    check(fa_dropout_f32(x, x, 200, 0.25, 7, 1, 2, 5) == FA_OK && !memcmp(x, y, sizeof x), "in place", "f32",
          200);
    check(fa_dropout_f32(0, 0, 0, 0.5, 0, 0, 0, 0) == FA_OK, "empty", "f32", 0);
    check(fa_dropout_f32(0, y, 2, 0.5, 0, 0, 0, 0) == FA_INVALID, "null", "f32", 2);
    check(fa_dropout_f32(x, 0, 2, 0.5, 0, 0, 0, 0) == FA_INVALID, "null", "f32", 2);
    check(fa_dropout_f32(x, y, 2, -0.5, 0, 0, 0, 0) == FA_INVALID, "p", "f32", 2);
    check(fa_dropout_f32(x, y, 2, NAN, 0, 0, 0, 0) == FA_INVALID, "p", "f32", 2);
    check(fa_dropout_f32(x, y, 2, 1, 0, 0, 0, 0) == FA_OK && y[0] == 0 && y[1] == 0, "all", "f32", 2);
}

int main(void) {
    for (size_t n = 1; n <= MOST; n++) {
        fill(n);
        check_f32(n);
        check_f64(n);
    }
    check_refusals();
    check_dropout();
    return report();
}
