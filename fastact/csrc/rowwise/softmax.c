/* The kernels of softmax and its relatives: one row each. Compiled once for each instruction set and element type
 * (platform/kernel.h). Must not depend on how rows are arranged.
 *
 * A. x - max is not rounded: its rounding error enters the exponential, whose relative error it would be.
 * B. The maximum's own terms are counted, not summed, so that log(1 + rest) keeps its digits where rest is small.
 * C. Backward from x computes each exponential twice: a result may be stored over x or grad_y, and no memory is needed.
 */
#include <stdint.h>

#include "rowwise/call.h"
#include "rowwise/sums.h"

typedef enum { SOFTMAX, LOG_SOFTMAX, LOGSUMEXP } shape_of_result;

/* What distinguishes the entries; constants at each use */
typedef struct {
    shape_of_result kind;
    int quiet; /* whether there is one more input, 0 */
    real sign;
} variant;

/* Special rows ------------------------------------------------------------------------------------- */

/* the only one with a result where the maximum is -inf, or where there are several of +inf */
static real special_logsumexp(const real *x, size_t n, real most) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != x[i]) return NAN;
    return most;
}

static void special_forward(const fa__one_row *row, const variant v, real most) {
    const real *x = row->in;
    real *y = row->out;
    if (v.kind == LOGSUMEXP) {
        *y = special_logsumexp(x, row->n, most);
        return;
    }
    shares s = find_shares(x, row->n, v.sign);
    for (size_t i = 0; i < row->n; i++)
        y[i] = v.kind == SOFTMAX ? share(&s, x[i]) : (real)log((double)share(&s, x[i]));
}

/* The gradient for p_i that are 0 or 1 or NaN */
static void special_backward(const fa__one_row *row, const variant v) {
    const real *x = row->in, *grad = row->grad_y;
    real *out = row->out;
    shares s = find_shares(x, row->n, v.sign);
    double sum = 0, dot = 0;
    for (size_t i = 0; i < row->n && v.kind != LOGSUMEXP; i++) {
        sum += (double)grad[i];
        dot += share(&s, x[i]) == 0 ? 0 : (double)grad[i] * (double)share(&s, x[i]);
    }
    const double first = v.kind == LOGSUMEXP ? (double)*grad : 0;
    for (size_t i = 0; i < row->n; i++) {
        double p = (double)share(&s, x[i]);
        if (v.kind == LOGSUMEXP)
            out[i] = (real)(p == 0 ? 0 : first * p);
        else if (v.kind == LOG_SOFTMAX)
            out[i] = (real)((double)grad[i] - (p == 0 ? 0 : p * sum));
        else
            out[i] = (real)(p == 0 ? 0 : p * ((double)grad[i] - dot));
    }
}

/* Regular rows ------------------------------------------------------------------------------------- */

/* The largest argument times temperature, that of quiet_softmax's further input included */
INLINE real reference(const fa__one_row *row, const variant v) {
    real most = find_most(row->in, row->n, v.sign);
    return v.quiet && most < 0 ? 0 : most;
}

INLINE exponential_sums sums_of(const fa__one_row *row, const variant v, real most, real *e, const real *grad,
                                double_pair *dot) {
    const scaling s = {v.sign, (real)row->temperature};
    exponential_sums sum = sum_exponentials(row->in, row->n, most, &s, e, grad, dot);
    if (v.quiet) {
        vector low, h = argument(all(0), most, &s, &low);
        if (h[0] == 0)
            sum.count += 1;
        else
            sum.rest = add_to_pair(sum.rest, (double)exponential(h, low)[0]);
    }
    return sum;
}

INLINE void forward(const fa__one_row *row, const variant v) {
    const real most = reference(row, v);
    if (!isfinite(most)) {
        special_forward(row, v, most);
        return;
    }
    const size_t n = row->n;
    real *y = row->out;
    exponential_sums sum = sums_of(row, v, most, v.kind == SOFTMAX ? y : 0, 0, 0);
    if (v.kind == LOGSUMEXP) {
        *y = (real)((double)most + logarithm(&sum));
    } else if (v.kind == SOFTMAX) {
        const real_pair scale = share_of(1, &sum);
        for (size_t i = 0; i < n; i += LANES) {
            vector e = load_or(y + i, n - i, 0);
            store_up_to(y + i, e * scale.high + e * scale.low, n - i);
        }
    } else {
        const scaling s = {v.sign, (real)row->temperature};
        const real_pair log_sum = as_reals((double_pair){logarithm(&sum), 0});
        for (size_t i = 0; i < n; i += LANES) {
            vector low, h = argument(signed_elements(row->in, i, n, v.sign), most, &s, &low);
            low = choose(h == -INFINITY, all(0), low);
            store_up_to(y + i, (h - log_sum.high) + (low - log_sum.low), n - i);
        }
    }
}

INLINE double_pair sum_of(const real *x, size_t n) {
    sums s = {{0}, {0}};
    for (size_t i = 0; i < n; i += LANES) add_to_sums(&s, load_or(x + i, n - i, 0));
    return total_of(&s);
}

/* What the gradient of a row is made of: probabilities p/temperature are e * scale * power; t is sum(g p) of softmax, sum(g)
 * of its logarithm, and g of logsumexp. The divisor is the temperature with the sign of the variant. */
typedef struct {
    real_pair scale, t;
    real divisor;
} terms;

/* softmax: p (g - t)/temperature; its logarithm: g/temperature - t p/temperature; logsumexp: t p */
INLINE vector gradient(const variant v, const terms *c, vector g, const parts *e) {
    vector p = product(e, c->scale);
    vector factor = all(c->t.high);
    if (v.kind == SOFTMAX) factor = (g - c->t.high) - c->t.low;
    vector d = choose(e->value * e->power == 0, all(0), p * factor * e->power);
    if (v.kind != LOG_SOFTMAX) return d;
    if (c->divisor != 1) g = g / c->divisor;
    return g - (d + choose(d == 0, all(0), p * c->t.low * e->power));
}

INLINE terms find_terms(const fa__one_row *row, const variant v, double_pair t, double_pair share) {
    const double divisor = (double)v.sign * (double)(real)row->temperature;
    return (terms){as_reals(divide(share, (double_pair){divisor, 0})), as_reals(t), (real)divisor};
}

INLINE void backward(const fa__one_row *row, const variant v) {
    const real most = reference(row, v);
    if (!isfinite(most)) {
        special_backward(row, v);
        return;
    }
    const size_t n = row->n;
    const real *grad = row->grad_y;
    const scaling s = {v.sign, (real)row->temperature};
    double_pair dot = {0, 0}, t = {0, 0};
    exponential_sums sum = sums_of(row, v, most, 0, v.kind == SOFTMAX ? grad : 0, &dot);
    double_pair total = add_to_pair(sum.rest, sum.count);
    if (v.kind == SOFTMAX)
        t = divide(dot, total);
    else if (v.kind == LOG_SOFTMAX)
        t = sum_of(grad, n);
    else
        t.high = (double)*grad;
    const terms c = find_terms(row, v, t, divide((double_pair){1, 0}, total));
    for (size_t i = 0; i < n; i += LANES) {
        vector low, h = argument(signed_elements(row->in, i, n, v.sign), most, &s, &low);
        vector g = v.kind == LOGSUMEXP ? all(0) : load_or(grad + i, n - i, 0);
        parts e = exponential_parts(h, low);
        store_up_to((real *)row->out + i, gradient(v, &c, g, &e), n - i);
    }
}

INLINE void backward_from_output(const fa__one_row *row, const variant v) {
    const size_t n = row->n;
    const real *grad = row->grad_y, *y = row->in;
    sums products = {{0}, {0}};
    for (size_t i = 0; i < n && v.kind == SOFTMAX; i += LANES) {
        vector p = load_or(y + i, n - i, 0), g = load_or(grad + i, n - i, 0);
        add_products(&products, choose(p == 0, all(0), g), p);
    }
    const double_pair t = v.kind == SOFTMAX ? total_of(&products) : sum_of(grad, n);
    const terms c = find_terms(row, v, t, (double_pair){1, 0});
    for (size_t i = 0; i < n; i += LANES) {
        vector p = load_or(y + i, n - i, 0), g = load_or(grad + i, n - i, 0);
        parts e = {p, all(0), all(1)};
        if (v.kind == LOG_SOFTMAX) e = exponential_parts(p, all(0));
        store_up_to((real *)row->out + i, gradient(v, &c, g, &e), n - i);
    }
}

/* The entries -------------------------------------------------------------------------------------- */

#define ENTRY(name, ...)                                  \
    static void name##_forward(const fa__one_row *row) {  \
        forward(row, (variant){__VA_ARGS__});             \
    }                                                     \
    static void name##_backward(const fa__one_row *row) { \
        backward(row, (variant){__VA_ARGS__});            \
    }
#define ENTRY_FROM_OUTPUT(name, ...)                                  \
    ENTRY(name, __VA_ARGS__)                                          \
    static void name##_backward_from_output(const fa__one_row *row) { \
        backward_from_output(row, (variant){__VA_ARGS__});            \
    }
ENTRY_FROM_OUTPUT(softmax, SOFTMAX, 0, 1)
ENTRY_FROM_OUTPUT(softmin, SOFTMAX, 0, -1)
ENTRY_FROM_OUTPUT(quiet_softmax, SOFTMAX, 1, 1)
ENTRY_FROM_OUTPUT(log_softmax, LOG_SOFTMAX, 0, 1)
ENTRY(logsumexp, LOGSUMEXP, 0, 1)

#define FORWARD_AND_BACKWARD(name) name##_forward, name##_backward
const fa__row_kernels FA__KERNEL_NAME(fa__row_kernels) = {
    .of = {{FORWARD_AND_BACKWARD(softmax), softmax_backward_from_output},
           {FORWARD_AND_BACKWARD(softmin), softmin_backward_from_output},
           {FORWARD_AND_BACKWARD(quiet_softmax), quiet_softmax_backward_from_output},
           {FORWARD_AND_BACKWARD(log_softmax), log_softmax_backward_from_output},
           {FORWARD_AND_BACKWARD(logsumexp), 0}},
};
