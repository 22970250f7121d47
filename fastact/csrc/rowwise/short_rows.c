/* The kernels of softmax and its relatives for several short rows at once (columns.h). Compiled once for each instruction set
 * and element type (platform/kernel.h). Results have the bits of softmax.c, whose notes A to C apply. */
#include <float.h>

#include "rowwise/columns.h"
#include "rowwise/kernels.h"
#include "rowwise/variants.h"

/* Rows of one call */
typedef struct {
    const fa__one_row *first;
    size_t n, rows;
    block x[LONGEST], most;
    scaling s;
} group;

/* The arguments' elements and the largest; 0 if one of these is infinite: such rows are for the other kernels */
INLINE int start(group *g, const fa__one_row *first, size_t rows, const variant v) {
    g->first = first, g->n = first->n, g->rows = rows;
    g->s = scaling_of(v.sign, (double)(real)first->temperature);
    load_columns(g->x, first->in, g->n, rows);
    for (size_t i = 0; i < g->n && v.sign < 0; i++) EACH_PART(p) g->x[i].of[p] = -g->x[i].of[p];
    g->most = most_of_each(g->x, g->n);
    if (v.quiet) EACH_PART(p) g->most.of[p] = pick(is_less(g->most.of[p], every(0)), every(0), g->most.of[p]);
    return are_finite(&g->most);
}

/* The further input 0 of quiet_softmax */
INLINE void add_quiet(group_sums *sum, const group *g) {
    EACH_PART(p) {
        wide low, h = argument(every(0), g->most.of[p], &g->s, &low);
        const parts e = exponential_parts(h, low);
        const mask is_most = is_equal(h, every(0));
        sum->count[p] += pick(is_most, every(1), every(0));
        sum->rest.of[p] = add_to_pairs(sum->rest.of[p], pick(is_most, every(0), e.value * e.power));
    }
}

INLINE group_sums sums_of(const group *g, const variant v, vector *e, const block *grad) {
    group_sums sum = sum_columns(g->x, g->n, &g->most, &g->s, v.kind != SOFTMAX, e, grad);
    if (v.quiet) add_quiet(&sum, g);
    return sum;
}

/* Passes ------------------------------------------------------------------------------------------- */

INLINE void logarithms(vector *y, const group *g, const group_sums *sum) {
    wide log_sum[PARTS];
    EACH_PART(p) log_sum[p] = logarithm_of(sum->count[p], sum->rest.of[p]);
    for (size_t i = 0; i < g->n; i++) {
        block one;
        EACH_PART(p) {
            wide low, h = argument(g->x[i].of[p], g->most.of[p], &g->s, &low);
            low = pick(is_less(h, every(-DBL_MAX)), every(0), low);
            one.of[p] = (h - log_sum[p]) + low;
        }
        y[i] = narrowed(&one);
    }
}

INLINE int forward(const fa__one_row *first, size_t rows, const variant v) {
    group g;
    vector y[LONGEST];
    if (!start(&g, first, rows, v)) return 0;
    const group_sums sum = sums_of(&g, v, v.kind == SOFTMAX ? y : 0, 0);
    if (v.kind == LOGSUMEXP) {
        EACH_PART(p) g.most.of[p] += logarithm_of(sum.count[p], sum.rest.of[p]);
        store_up_to(first->out, narrowed(&g.most), rows);
        return 1;
    }
    wide_pair share[PARTS];
    EACH_PART(p) share[p] = divide_each((wide_pair){every(1), every(0)}, whole(&sum, p));
    if (v.kind == SOFTMAX)
        scale_columns(y, g.n, share);
    else
        logarithms(y, &g, &sum);
    store_columns(first->out, y, g.n, rows);
    return 1;
}

INLINE totals sums_of_columns(const block *columns, size_t n) {
    column_sums s = {.n = 0};
    for (size_t i = 0; i < n; i++) add_block(next_sum(&s), &columns[i]);
    return totals_of(&s);
}

INLINE terms terms_of(const fa__one_row *row, const variant v, wide_pair t, wide_pair share) {
    const double divisor = v.sign * (double)(real)row->temperature;
    return (terms){divide_each(share, (wide_pair){every(divisor), every(0)}), t, divisor};
}

INLINE int backward(const fa__one_row *first, size_t rows, const variant v) {
    group g;
    block grad[LONGEST];
    vector out[LONGEST];
    /* float64's sum(g p) has more terms, products that a compiler fuses as it likes: not always as in softmax.c */
    if (FA__REAL_IS_DOUBLE && v.kind == SOFTMAX) return 0;
    if (!start(&g, first, rows, v)) return 0;
    if (v.kind == LOGSUMEXP)
        grad[0] = load_each(first->grad_y, rows);
    else
        load_columns(grad, first->grad_y, g.n, rows);
    const group_sums sum = sums_of(&g, v, 0, v.kind == SOFTMAX ? grad : 0);
    const totals of_grad = sums_of_columns(grad, v.kind == LOG_SOFTMAX ? g.n : 0);
    terms c[PARTS];
    EACH_PART(p) {
        wide_pair t = {grad[0].of[p], every(0)};
        if (v.kind == SOFTMAX) t = divide_each(sum.dot.of[p], whole(&sum, p));
        if (v.kind == LOG_SOFTMAX) t = of_grad.of[p];
        c[p] = terms_of(first, v, t, divide_each((wide_pair){every(1), every(0)}, whole(&sum, p)));
    }
    for (size_t i = 0; i < g.n; i++) {
        block d = v.kind == LOGSUMEXP ? grad[0] : grad[i];
        EACH_PART(p) {
            wide low, h = argument(g.x[i].of[p], g.most.of[p], &g.s, &low);
            const parts e = exponential_parts(h, low);
            d.of[p] = gradient(v, &c[p], d.of[p], &e);
        }
        out[i] = narrowed(&d);
    }
    store_columns(first->out, out, g.n, rows);
    return 1;
}

INLINE int backward_from_output(const fa__one_row *first, size_t rows, const variant v) {
    block y[LONGEST], grad[LONGEST];
    vector out[LONGEST];
    const size_t n = first->n;
    load_columns(y, first->in, n, rows);
    load_columns(grad, first->grad_y, n, rows);
    column_sums products = {.n = 0};
    for (size_t i = 0; i < n && v.kind == SOFTMAX; i++) {
        block g = grad[i];
        EACH_PART(p) g.of[p] = pick(is_equal(y[i].of[p], every(0)), every(0), g.of[p]);
        add_products(next_sum(&products), &g, &y[i]);
    }
    const totals t = v.kind == SOFTMAX ? totals_of(&products) : sums_of_columns(grad, n);
    terms c[PARTS];
    EACH_PART(p) c[p] = terms_of(first, v, t.of[p], (wide_pair){every(1), every(0)});
    for (size_t i = 0; i < n; i++) {
        EACH_PART(p) {
            parts e = {y[i].of[p], every(0), every(1)};
            if (v.kind == LOG_SOFTMAX) e = exponential_parts(y[i].of[p], every(0));
            grad[i].of[p] = gradient(v, &c[p], grad[i].of[p], &e);
        }
        out[i] = narrowed(&grad[i]);
    }
    store_columns(first->out, out, n, rows);
    return 1;
}

/* The entries -------------------------------------------------------------------------------------- */

#define FORWARD(name, ...)                                             \
    static int name##_forward(const fa__one_row *first, size_t rows) { \
        return forward(first, rows, (variant){__VA_ARGS__});           \
    }
#define BACKWARD(name, ...)                                             \
    static int name##_backward(const fa__one_row *first, size_t rows) { \
        return backward(first, rows, (variant){__VA_ARGS__});           \
    }
#define FROM_OUTPUT(name, ...)                                                      \
    static int name##_backward_from_output(const fa__one_row *first, size_t rows) { \
        return backward_from_output(first, rows, (variant){__VA_ARGS__});           \
    }
EACH_VARIANT(FORWARD)
EACH_VARIANT(BACKWARD)
EACH_VARIANT(FROM_OUTPUT)
#define LISTED(name, ...) \
    [FA__ROWWISE_##name] = {name##_forward, name##_backward, name##_backward_from_output},

const fa__short_rows_kernels FA__KERNEL_NAME(fa__short_rows_kernels) = {
    .group = LANES, .longest = LONGEST, .of = {EACH_VARIANT(LISTED)}};
