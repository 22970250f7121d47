/* The kernels of softmax and its relatives, and the table of all row kernels: one row each. Compiled once for each instruction set and element type
 * (platform/kernel.h). Must not depend on how rows are arranged.
 *
 * A. All is computed in double. The rounding error of x - max, which float32 elements do not have there, enters the
 *    exponential, whose relative error it would be.
 * B. The maximum's own terms are counted, not summed, so that log(1 + rest) keeps its digits where rest is small.
 * C. Backward from x computes each exponential twice: a result may be stored over x or grad_y, and no memory is needed.
 */
#include <float.h>
#include <stdint.h>

#include "rowwise/call.h"
#include "rowwise/kernels.h"
#include "rowwise/sums.h"
#include "rowwise/variants.h"

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
        y[i] = (real)(v.kind == SOFTMAX ? share(&s, x[i]) : log(share(&s, x[i])));
}

/* The gradient for p_i that are 0 or 1 or NaN */
static void special_backward(const fa__one_row *row, const variant v) {
    const real *x = row->in, *grad = row->grad_y;
    real *out = row->out;
    shares s = find_shares(x, row->n, v.sign);
    double sum = 0, dot = 0;
    for (size_t i = 0; i < row->n && v.kind != LOGSUMEXP; i++) {
        sum += (double)grad[i];
        dot += share(&s, x[i]) == 0 ? 0 : (double)grad[i] * share(&s, x[i]);
    }
    const double first = v.kind == LOGSUMEXP ? (double)*grad : 0;
    for (size_t i = 0; i < row->n; i++) {
        const double p = share(&s, x[i]);
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

INLINE exponential_sums sums_of(const fa__one_row *row, const variant v, real most, const scaling *s, real *e,
                                const real *grad, pair *dot) {
    exponential_sums sum = sum_exponentials(row->in, row->n, most, s, v.kind != SOFTMAX, e, grad, dot);
    if (v.quiet) {
        wide low, h = argument(every(0), every((double)most), s, &low);
        const parts e_of_0 = exponential_parts(h, low);
        if (h[0] == 0)
            sum.count += 1;
        else
            sum.rest = add_to_pair(sum.rest, e_of_0.value[0] * e_of_0.power[0]);
    }
    return sum;
}

INLINE void store_logarithms(const fa__one_row *row, real most, const scaling *s, double log_sum) {
    for (size_t i = 0; i < row->n; i += LANES) {
        block y = signed_elements(row->in, i, row->n, s->sign);
        EACH_PART(p) {
            wide low, h = argument(y.of[p], every((double)most), s, &low);
            low = pick(is_less(h, every(-DBL_MAX)), every(0), low);
            y.of[p] = (h - log_sum) + low;
        }
        store_block((real *)row->out + i, &y, row->n - i);
    }
}

INLINE void forward(const fa__one_row *row, const variant v) {
    const real most = reference(row, v);
    if (!isfinite(most)) {
        special_forward(row, v, most);
        return;
    }
    real *y = row->out;
    const scaling s = scaling_of(v.sign, (double)(real)row->temperature);
    exponential_sums sum = sums_of(row, v, most, &s, v.kind == SOFTMAX ? y : 0, 0, 0);
    if (v.kind == LOGSUMEXP)
        *y = (real)((double)most + logarithm(&sum));
    else if (v.kind == SOFTMAX)
        scale_row(y, row->n, share_of(1, &sum));
    else
        store_logarithms(row, most, &s, logarithm(&sum));
}

INLINE pair sum_of(const real *x, size_t n) {
    sums s = {{0}, {0}};
    for (size_t i = 0; i < n; i += LANES) {
        const block b = load_block(x + i, n - i, 0);
        add_block(&s, &b);
    }
    return total_of(&s);
}

INLINE terms find_terms(const fa__one_row *row, const variant v, pair t, pair share) {
    const double divisor = v.sign * (double)(real)row->temperature;
    const pair scale = divide(share, (pair){divisor, 0});
    return (terms){{every(scale.high), every(scale.low)}, {every(t.high), every(t.low)}, divisor};
}

INLINE void backward(const fa__one_row *row, const variant v) {
    const real most = reference(row, v);
    if (!isfinite(most)) {
        special_backward(row, v);
        return;
    }
    const size_t n = row->n;
    const real *grad = row->grad_y;
    const scaling s = scaling_of(v.sign, (double)(real)row->temperature);
    pair dot = {0, 0}, t = {0, 0};
    exponential_sums sum = sums_of(row, v, most, &s, 0, v.kind == SOFTMAX ? grad : 0, &dot);
    if (v.kind == SOFTMAX)
        t = divide(dot, total_of_exponentials(&sum));
    else if (v.kind == LOG_SOFTMAX)
        t = sum_of(grad, n);
    else
        t.high = (double)*grad;
    const terms c = find_terms(row, v, t, share_of(1, &sum));
    for (size_t i = 0; i < n; i += LANES) {
        block x = signed_elements(row->in, i, n, v.sign), g = {0};
        if (v.kind != LOGSUMEXP) g = load_block(grad + i, n - i, 0);
        EACH_PART(p) {
            wide low, h = argument(x.of[p], every((double)most), &s, &low);
            const parts e = exponential_parts(h, low);
            g.of[p] = gradient(v, &c, g.of[p], &e);
        }
        store_block((real *)row->out + i, &g, n - i);
    }
}

INLINE void backward_from_output(const fa__one_row *row, const variant v) {
    const size_t n = row->n;
    const real *grad = row->grad_y, *y = row->in;
    sums products = {{0}, {0}};
    for (size_t i = 0; i < n && v.kind == SOFTMAX; i += LANES) {
        const block value = load_block(y + i, n - i, 0);
        block g = load_block(grad + i, n - i, 0);
        EACH_PART(p) g.of[p] = pick(is_equal(value.of[p], every(0)), every(0), g.of[p]);
        add_products(&products, &g, &value);
    }
    const pair t = v.kind == SOFTMAX ? total_of(&products) : sum_of(grad, n);
    const terms c = find_terms(row, v, t, (pair){1, 0});
    for (size_t i = 0; i < n; i += LANES) {
        const block value = load_block(y + i, n - i, 0);
        block g = load_block(grad + i, n - i, 0);
        EACH_PART(p) {
            parts e = {value.of[p], every(0), every(1)};
            if (v.kind == LOG_SOFTMAX) e = exponential_parts(value.of[p], every(0));
            g.of[p] = gradient(v, &c, g.of[p], &e);
        }
        store_block((real *)row->out + i, &g, n - i);
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
           {FORWARD_AND_BACKWARD(logsumexp), 0},
           FA__KERNELS_OF(sparsemax),
           FA__KERNELS_OF(entmax15),
           FA__KERNELS_OF(hardmax),
           {FA__KERNEL_OF(maxout, forward), FA__KERNEL_OF(maxout, backward), 0},
           FA__KERNELS_OF(crelu)},
};
