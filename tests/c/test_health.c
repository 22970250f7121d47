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

int main(void) {
    const size_t units[] = {1, 7, 16, 33, MOST};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        check_f32(units[i]);
        check_f64(units[i]);
    }
    check_arguments();
    return report();
}
