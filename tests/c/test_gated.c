/* Gated pairs from C: results against plain loops in double, in place, rows apart, and arguments that are refused. */
#include <fastact.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "checks.h"

#define MOST 70
#define ROWS 3

static int is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

static double gate_at(double t) {
    return 1 / (1 + exp(-t));
}

#define CHECK_DTYPE(T, dtype, tolerance)                                                                   \
    static void check_##dtype(size_t n) {                                                                  \
        T x[2 * ROWS * MOST], grad[ROWS * MOST], y[ROWS * MOST], d[2 * ROWS * MOST], other[ROWS * MOST];   \
        fa_gated pair = {.size = sizeof pair, .activation = FA_silu, .rows = ROWS, .n = n};                \
        pair.a_row = pair.b_row = pair.grad_a_row = pair.grad_b_row = (ptrdiff_t)(2 * n);                  \
        pair.y_row = (ptrdiff_t)n;                                                                         \
        for (size_t i = 0; i < 2 * ROWS * n; i++) x[i] = (T)(sin(1.7 * (double)i) * 6);                    \
        for (size_t i = 0; i < ROWS * n; i++) grad[i] = (T)cos(0.9 * (double)i);                           \
        check(fa_gated_##dtype(&pair, x, x + n, y) == FA_OK, "forward", #dtype, n);                        \
        check(fa_gated_backward_##dtype(&pair, grad, x, x + n, d, d + n) == FA_OK, "backward", #dtype, n); \
        for (size_t i = 0; i < ROWS * n; i++) {                                                            \
            size_t at = i / n * 2 * n + i % n;                                                             \
            double a = (double)x[at], b = (double)x[at + n], g = (double)grad[i], s = gate_at(a);          \
            check(is_near((double)y[i], a * s * b, tolerance), "value", #dtype, n);                        \
            check(is_near((double)d[at], g * b * s * (1 + a * (1 - s)), tolerance), "gate", #dtype, n);    \
            check(is_near((double)d[at + n], g * a * s, tolerance), "other", #dtype, n);                   \
        }                                                                                                  \
        check(fa_gated_backward_##dtype(&pair, grad, x, x + n, x, x + n) == FA_OK, "in place", #dtype, n); \
        check(!memcmp(x, d, 2 * ROWS * n * sizeof(T)), "same bits in place", #dtype, n);                   \
        const double beta = 0.5;                                                                           \
        pair.activation = FA_swish;                                                                        \
        pair.parameters = &beta;                                                                           \
        pair.n_parameters = 1;                                                                             \
        pair.limit = 1.5;                                                                                  \
        pair.offset = 1;                                                                                   \
        pair.y_row = -(ptrdiff_t)n;                                                                        \
        check(fa_gated_##dtype(&pair, x, x + n, other + (ROWS - 1) * n) == FA_OK, "reversed", #dtype, n);  \
        for (size_t i = 0; i < ROWS * n; i++) {                                                            \
            size_t at = i / n * 2 * n + i % n, to = (ROWS - 1 - i / n) * n + i % n;                        \
            double a = fmin((double)x[at], 1.5), b = fmax(-1.5, fmin((double)x[at + n], 1.5));             \
            check(is_near((double)other[to], a * gate_at(0.5 * a) * (b + 1), tolerance), "limit", #dtype,  \
                  n);                                                                                      \
        }                                                                                                  \
    }
CHECK_DTYPE(float, f32, 1e-6)
CHECK_DTYPE(double, f64, 1e-15)

static int refused(fa_gated pair) {
    const double in[4] = {0};
    double y[4] = {7, 7, 7, 7};
    int code = fa_gated_f64(&pair, in, in, y);
    check(y[0] == 7 && y[3] == 7, "nothing is written", "f64", 2);
    return code;
}

static void check_refusals(void) {
    const double in[4] = {0}, one = 1;
    double y[4], z[4];
    const fa_gated good = {.size = sizeof good,
                           .activation = FA_silu,
                           .rows = 2,
                           .n = 2,
                           .a_row = 2,
                           .b_row = 2,
                           .y_row = 2,
                           .grad_a_row = 2,
                           .grad_b_row = 2};
    fa_gated bad = good;
    check(fa_gated_f64(&good, in, in, y) == FA_OK, "good", "f64", 2);
    check(fa_gated_f64(0, in, in, y) == FA_INVALID, "null", "f64", 2);
    check(fa_gated_f64(&good, 0, in, y) == FA_INVALID, "null a", "f64", 2);
    check(fa_gated_f64(&good, in, 0, y) == FA_INVALID, "null b", "f64", 2);
    check(fa_gated_f64(&good, in, in, 0) == FA_INVALID, "null y", "f64", 2);
    check(fa_gated_backward_f64(&good, 0, in, in, y, z) == FA_INVALID, "null gradient", "f64", 2);
    check(fa_gated_backward_f64(&good, in, in, in, y, 0) == FA_INVALID, "null result", "f64", 2);
    bad.activation = 999999;
    check(refused(bad) == FA_INVALID, "activation", "f64", 2);
    bad = good;
    bad.parameters = &one;
    bad.n_parameters = 1;
    check(refused(bad) == FA_INVALID, "parameters", "f64", 2);
    bad = good;
    bad.limit = -1;
    check(refused(bad) == FA_INVALID, "limit", "f64", 2);
    bad.limit = NAN;
    check(refused(bad) == FA_INVALID, "limit", "f64", 2);
    bad = good;
    bad.offset = INFINITY;
    check(refused(bad) == FA_INVALID, "offset", "f64", 2);
    bad = good;
    bad.rows = SIZE_MAX;
    check(refused(bad) == FA_INVALID, "size", "f64", 2);
    bad = good;
    bad.y_row = 1;
    check(refused(bad) == FA_INVALID, "overlap", "f64", 2);
    bad = good;
    bad.size = 8;
    check(refused(bad) == FA_INVALID, "struct", "f64", 2);
    bad = good;
    bad.rows = 0;
    check(fa_gated_f64(&bad, 0, 0, 0) == FA_OK, "empty", "f64", 0);
}

int main(void) {
    for (size_t n = 1; n <= MOST; n++) {
        check_f32(n);
        check_f64(n);
    }
    check_refusals();
    return report();
}
