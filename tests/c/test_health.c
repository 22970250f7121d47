/* Counters of units from C: against plain loops in double, added to by several calls, and arguments that are refused. */
#include <fastact.h>
#include <math.h>
#include <string.h>

#include "checks.h"

#define ROWS 130
#define MOST 70

static int64_t counts[FA_HEALTH_COUNTS * MOST];
static double sums[2 * FA_HEALTH_SUMS * MOST], extremes[2 * MOST], low[MOST], high[MOST];

static void reset(size_t units) {
    memset(counts, 0, sizeof counts);
    memset(sums, 0, sizeof sums);
    for (size_t u = 0; u < units; u++) {
        extremes[u] = INFINITY;
        extremes[units + u] = -INFINITY;
        low[u] = -1;
        high[u] = 2;
    }
}

static fa_health call_on(const void *z, const void *grad, size_t rows, size_t units) {
    fa_health c = {
        .size = sizeof c, .rows = rows, .units = units, .activation = FA_relu, .low = low, .high = high};
    c.z = (fa_input){z, (ptrdiff_t)units, 1, 0};
    c.grad_y = (fa_input){grad, (ptrdiff_t)units, 1, 0};
    c.counts = counts;
    c.sums = sums;
    c.extremes = extremes;
    return c;
}

#define CHECK_DTYPE(T, dtype)                                                                          \
    static void check_##dtype(size_t units) {                                                          \
        static T z[ROWS * MOST], g[ROWS * MOST];                                                       \
        for (size_t i = 0; i < ROWS * units; i++) {                                                    \
            z[i] = (T)(sin(1.7 * (double)i) * 3);                                                      \
            g[i] = (T)cos(0.9 * (double)i);                                                            \
        }                                                                                              \
        z[units] = (T)NAN;                                                                             \
        z[3 * units] = (T) - INFINITY;                                                                 \
        reset(units);                                                                                  \
        fa_health c = call_on(z, g, 37, units),                                                        \
                  rest = call_on(z + 37 * units, g + 37 * units, ROWS - 37, units);                    \
        check(fa_health_##dtype(&c) == FA_OK, "first part", #dtype, units);                            \
        check(fa_health_##dtype(&rest) == FA_OK, "second part", #dtype, units);                        \
        for (size_t u = 0; u < units; u++) {                                                           \
            int64_t active = 0, saturated = 0, bad = 0;                                                \
            double sum = 0, squares = 0, gradients = 0, most = -INFINITY;                              \
            for (size_t r = 0; r < ROWS; r++) {                                                        \
                double x = (double)z[r * units + u], y = x > 0 ? x : 0;                                \
                bad += !isfinite(x);                                                                   \
                if (!isfinite(x)) continue;                                                            \
                active += x > 0;                                                                       \
                saturated += x <= -1 || x >= 2;                                                        \
                sum += y;                                                                              \
                squares += y * y;                                                                      \
                gradients += x > 0 ? fabs((double)g[r * units + u]) : 0;                               \
                most = fmax(most, y);                                                                  \
            }                                                                                          \
            check(counts[FA_HEALTH_ACTIVE * units + u] == active, "active", #dtype, units);            \
            check(counts[FA_HEALTH_SATURATED * units + u] == saturated, "saturated", #dtype, units);   \
            check(counts[FA_HEALTH_NON_FINITE * units + u] == bad, "non-finite", #dtype, units);       \
            check(counts[FA_HEALTH_ZEROS * units + u] == ROWS - bad - active, "zeros", #dtype, units); \
            const double got[] = {sums[2 * FA_HEALTH_SUM * units + u],                                 \
                                  sums[2 * FA_HEALTH_SUM_OF_SQUARES * units + u],                      \
                                  sums[2 * FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES * units + u]};         \
            const double want[] = {sum, squares, gradients};                                           \
            for (int k = 0; k < 3; k++)                                                                \
                check(fabs(got[k] - want[k]) <= 1e-13 * want[k], "sum", #dtype, units);                \
            check(extremes[u] == 0 && extremes[units + u] == most, "extremes", #dtype, units);         \
        }                                                                                              \
    }
CHECK_DTYPE(float, f32)
CHECK_DTYPE(double, f64)

static void check_refused(fa_health c, const char *what) {
    check(fa_health_f32(&c) == FA_INVALID, what, "refused", 0);
}

static void check_arguments(void) {
    static float z[8];
    const fa_health good = call_on(z, 0, 2, 4);
    fa_health c = good;
    reset(4);
    check(fa_health_f32(0) == FA_INVALID, "null", "refused", 0);
    c.size = 8, check_refused(c, "size"), c = good;
    c.activation = 9999, check_refused(c, "activation"), c = good;
    c.n_parameters = 3, check_refused(c, "parameters"), c = good;
    c.z.data = 0, check_refused(c, "z"), c = good;
    c.low = 0, check_refused(c, "low"), c = good;
    c.high = 0, check_refused(c, "high"), c = good;
    c.counts = 0, check_refused(c, "counts"), c = good;
    c.sums = 0, check_refused(c, "sums"), c = good;
    c.extremes = 0, check_refused(c, "extremes"), c = good;
    c.z.column = 2, check_refused(c, "column"), c = good;
    c.rows = SIZE_MAX, check_refused(c, "rows"), c = good;
    c.z.row = PTRDIFF_MAX, check_refused(c, "stride"), c = good;
    check(counts[0] == 0 && extremes[0] == INFINITY, "nothing written", "refused", 0);
    c.rows = 0, c.z.data = 0;
    check(fa_health_f32(&c) == FA_OK, "no rows", "empty", 0);
}

/* Forward with counters, on parts of some rows, against forward and then counting */
#define LONG 3077
static double x[LONG * 5], w[5 * 33], b[33], y[2][LONG * 33], z[2][LONG * 33];
static char workspace[1 << 20];

static fa_dense layer_of(size_t rows, size_t which) {
    fa_dense l = {.size = sizeof l, .rows = rows, .n_in = 5, .n_out = 33, .activation = FA_elu};
    l.saving = FA_SAVE_INPUT;
    l.x = (fa_input){x, 5, 1, 0};
    l.w = (fa_input){w, 33, 1, 0};
    l.b = (fa_input){b, 0, 1, 0};
    l.y = (fa_result){y[which], 33, 0};
    l.saved = (fa_result){z[which], 33, 0};
    return l;
}

static void check_forward(size_t rows) {
    const double alpha = 0.5;
    const fa_input parameter = {&alpha, 0, 0, 0};
    static int64_t first[FA_HEALTH_COUNTS * 33];
    static double first_sums[2 * FA_HEALTH_SUMS * 33], first_extremes[66];
    fa_dense l = layer_of(rows, 0), again = layer_of(rows, 1);
    l.parameters = again.parameters = &parameter;
    l.n_parameters = again.n_parameters = 1;
    reset(33);
    fa_health c = call_on(0, 0, 0, 0);
    check(fa_dense_forward_counting_f64(&l, &c, workspace, sizeof workspace) == FA_OK, "counting", "f64",
          rows);
    memcpy(first, counts, sizeof first);
    memcpy(first_sums, sums, sizeof first_sums);
    memcpy(first_extremes, extremes, sizeof first_extremes);
    reset(33);
    check(fa_dense_forward_f64(&again, workspace, sizeof workspace) == FA_OK, "forward", "f64", rows);
    c = call_on(z[1], 0, rows, 33);
    c.y = (fa_input){y[1], 33, 1, 0};
    c.activation = FA_elu;
    c.parameters = &alpha;
    c.n_parameters = 1;
    check(fa_health_f64(&c) == FA_OK, "count", "f64", rows);
    const size_t bytes = rows * 33 * sizeof(double);
    check(!memcmp(y[0], y[1], bytes) && !memcmp(z[0], z[1], bytes), "results", "f64", rows);
    check(!memcmp(first, counts, sizeof first), "counts", "f64", rows);
    check(!memcmp(first_sums, sums, sizeof first_sums), "sums", "f64", rows);
    check(!memcmp(first_extremes, extremes, sizeof first_extremes), "extremes", "f64", rows);
}

static void check_forward_refused(const fa_dense *l, const fa_health *c, size_t bytes, int expected,
                                  const char *what) {
    check(fa_dense_forward_counting_f64(l, c, workspace, bytes) == expected, what, "forward", 0);
}

static void check_forward_arguments(void) {
    const size_t all = sizeof workspace, shape = 2;
    const fa_input varying = {b, 0, 1, 0};
    const fa_dense good = layer_of(2100, 0);
    const fa_health counters = call_on(0, 0, 0, 0);
    fa_dense l = good;
    fa_health c = counters;
    reset(33);
    check_forward_refused(0, &c, all, FA_INVALID, "no layer");
    l.stack_ndim = 1, l.stack_shape = &shape;
    check_forward_refused(&l, &c, all, FA_UNSUPPORTED, "stack"), l = good;
    l.saving = FA_SAVE_NOTHING, check_forward_refused(&l, &c, all, FA_UNSUPPORTED, "saving"), l = good;
    l.parameters = &varying, l.n_parameters = 1;
    check_forward_refused(&l, &c, all, FA_UNSUPPORTED, "varying"), l = good;
    l.n_parameters = 1, check_forward_refused(&l, &c, all, FA_INVALID, "parameters"), l = good;
    l.rows = SIZE_MAX, check_forward_refused(&l, &c, all, FA_INVALID, "rows"), l = good;
    l.x.data = 0, check_forward_refused(&l, &c, all, FA_INVALID, "x"), l = good;
    l.saved.data = 0, check_forward_refused(&l, &c, all, FA_INVALID, "saved"), l = good;
    l.size = 8, check_forward_refused(&l, &c, all, FA_INVALID, "size"), l = good;
    c.size = 8, check_forward_refused(&l, &c, all, FA_INVALID, "counters"), c = counters;
    c.sums = 0, check_forward_refused(&l, &c, all, FA_INVALID, "sums"), c = counters;
    check_forward_refused(&l, &c, 1, FA_TOO_SMALL, "bytes");
    check(counts[0] == 0 && sums[0] == 0, "nothing counted", "forward", 0);
    check_forward_refused(&l, 0, all, FA_OK, "no counters");
    l.rows = 0, check_forward_refused(&l, &c, all, FA_OK, "no rows");
    check(counts[0] == 0 && extremes[0] == INFINITY, "nothing counted", "no rows", 0);
}

int main(void) {
    const size_t units[] = {1, 7, 16, 33, MOST};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        check_f32(units[i]);
        check_f64(units[i]);
    }
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = sin(1.3 * (double)i) * 2;
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = cos(0.7 * (double)i);
    for (size_t i = 0; i < 33; i++) b[i] = sin((double)i);
    const size_t rows[] = {1, 130, 1024, 2047, 2048, LONG};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) check_forward(rows[i]);
    check_arguments();
    check_forward_arguments();
    return report();
}
