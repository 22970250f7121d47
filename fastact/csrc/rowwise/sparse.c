/* The kernels of sparsemax, entmax15 and hardmax, probabilities of which most are 0: one row each. Compiled once for each
 * instruction set and element type (platform/kernel.h).
 *
 * With z = (x - max x)/power, y = max(z - tau, 0)^power, where tau makes the sum 1; power is 1 or 2. All is computed in
 * double, and tau is an unevaluated sum: the difference z - tau keeps its digits where it is small. */
#include <float.h>
#include <math.h>

#include "rowwise/kernels.h"
#include "rowwise/sums.h"

/* What distinguishes sparsemax and entmax15; a constant at each use */
typedef struct {
    int power;
} variant;

/* The threshold ------------------------------------------------------------------------------------ */

/* A row whose largest element is finite. Without tau, all is NaN. */
typedef struct {
    double most;
    pair tau;
} threshold;

/* d = max(z - tau, 0) at LANES elements of a row, and what its rounding lost; NaN stays */
typedef struct {
    block d, lost;
} excesses;

#define BELOW_TAU -4.0 /* as z: of no element that counts */

/* An element of sparsemax that equals tau has a share of 0, and no gradient: a d below this is what is left of tau's
 * rounding, whose error is below 2^-100. */
#define LEAST_SHARE 0x1p-90

/* `exact`, a constant: without rounding errors of differences, which a small d needs; `lost` is 0 otherwise */
INLINE excesses excesses_at(const variant v, const threshold *t, const real *x, size_t i, size_t n,
                            const int exact) {
    const block b = load_block(x + i, n - i, -INFINITY);
    excesses e;
    EACH_PART(p) {
        wide low, of_difference, z = difference_if(exact, b.of[p], every(t->most), &low);
        const mask is_below = is_less(z, every(BELOW_TAU));
        z = pick(is_below, every(BELOW_TAU), z) * (1.0 / v.power);
        low = pick(is_below, every(0), low) * (1.0 / v.power);
        const wide first = difference_if(exact, z, every(t->tau.high), &of_difference);
        const wide second = (low - t->tau.low) + of_difference, d = first + second;
        const mask is_0 = is_less(d, every(v.power == 1 ? LEAST_SHARE : 0));
        e.d.of[p] = pick(is_0, every(0), d);
        e.lost.of[p] = pick(is_0, every(0), second - (d - first));
    }
    return e;
}

/* d^2 */
INLINE wide square(wide d, wide lost) {
    return d * d + 2 * d * lost;
}

/* Of the excesses of a row: how many are not 0, their sum, and that of their squares */
typedef struct {
    double count;
    pair sum, squares;
} moments;

/* s += d^2 */
INLINE void add_square_exactly(exact_sums *s, wide d, wide lost) {
    const wide product = d * d;
    add_exactly(s, product);
    s->error += product_error(d, d, product) + 2 * d * lost;
}

/* `exact`, a constant: with rounding errors */
INLINE moments moments_of(const variant v, const threshold *t, const real *x, size_t n, const int exact) {
    sums count = {{0}, {0}}, sum = count, squares = count;
    exact_sums exact_sum = {{0}, {0}}, exact_squares = exact_sum;
    for (size_t i = 0; i < n; i += LANES) {
        const excesses e = excesses_at(v, t, x, i, n, exact);
        block one;
        EACH_PART(p) one.of[p] = pick(is_less(every(0), e.d.of[p]), every(1), every(0));
        add_block(&count, &one);
        if (exact) EACH_PART(p) {
                add_exactly(&exact_sum, e.d.of[p]);
                exact_sum.error += e.lost.of[p];
            }
        else
            add_block(&sum, &e.d);
        if (v.power == 1) continue;
        if (exact)
            EACH_PART(p) add_square_exactly(&exact_squares, e.d.of[p], e.lost.of[p]);
        else
            add_products(&squares, &e.d, &e.d);
    }
    const double counted = total_of(&count).high;
    if (exact) return (moments){counted, exact_total(&exact_sum), exact_total(&exact_squares)};
    return (moments){counted, total_of(&sum), total_of(&squares)};
}

#define CLOSE 0x1p-26

/* How much tau has to grow so that the sum of y is 1. Of sparsemax: exactly, unless elements drop out. Of entmax15: by
 * Newton's step for the root of the sum, a convex function, too; near the solution, exactly as well. Both approach tau from
 * below. A step shrinks the product of what is too much and of how many elements count to a quarter (for entmax15: of
 * the sum's root and its slope), so that there are some 26 + log2(n) steps at most, and usually fewer than 10. */
INLINE double step_of(const variant v, const moments *m, double excess) {
    if (v.power == 1) return excess / m->count;
    if (fabs(excess) > CLOSE) {
        const double norm = sqrt(m->squares.high);
        return (norm - 1) * norm / m->sum.high;
    }
    return excess / (m->sum.high + sqrt(m->sum.high * m->sum.high - m->count * excess));
}

#define MOST_STEPS 200 /* never reached; it bounds what rounding may do */

/* tau of a row with a finite largest element; NaN if there is a NaN */
INLINE threshold find_threshold(const variant v, const real *x, size_t n, real most) {
    threshold t = {(double)most, {-1, 0}};
    double last = 0;
    int exact = FA__REAL_IS_DOUBLE; /* of float32 near the solution only */
    for (int step = 0, close = 0; step < MOST_STEPS && close < 2; step++) {
        const moments m = exact ? moments_of(v, &t, x, n, 1) : moments_of(v, &t, x, n, 0);
        const pair total = add_to_pair(v.power == 1 ? m.sum : m.squares, -1);
        const double excess = total.high + total.low;
        t.tau = add_to_pair(t.tau, step_of(v, &m, excess));
        const int is_close = v.power == 1 ? m.count == last : fabs(excess) <= CLOSE;
        if (v.power == 1)
            close = is_close && exact ? 2 : 0; /* this step corrects what rounding left */
        else
            close += is_close;
        exact |= is_close;
        last = m.count;
        if (excess != excess) break;
    }
    return t;
}

/* Whether the largest element is finite, and no element is NaN; otherwise, fills the row: *scale times the limit */
static int is_regular(const fa__one_row *row, const threshold *t, double scale) {
    if (isfinite(t->most) && t->tau.high == t->tau.high) return 1;
    const real *x = row->in;
    real *out = row->out;
    const shares s = find_shares(x, row->n, 1);
    for (size_t i = 0; i < row->n; i++) out[i] = (real)(scale * share(&s, x[i]));
    return 0;
}

INLINE threshold threshold_of(const variant v, const fa__one_row *row) {
    const real most = find_most(row->in, row->n, 1);
    return isfinite(most) ? find_threshold(v, row->in, row->n, most) : (threshold){(double)most, {0, 0}};
}

/* Passes ------------------------------------------------------------------------------------------- */

INLINE void forward(const fa__one_row *row, const variant v) {
    const threshold t = threshold_of(v, row);
    if (!is_regular(row, &t, 1)) return;
    for (size_t i = 0; i < row->n; i += LANES) {
        excesses e = excesses_at(v, &t, row->in, i, row->n, 1);
        if (v.power == 2) EACH_PART(p) e.d.of[p] = square(e.d.of[p], e.lost.of[p]);
        store_block((real *)row->out + i, &e.d, row->n - i);
    }
}

/* A block of the slopes s of y by z/2: 1 or 0 of sparsemax, sqrt(y) of entmax15 */
INLINE block slopes_at(const variant v, const threshold *t, const fa__one_row *row, size_t i) {
    block s =
        t ? excesses_at(v, t, row->in, i, row->n, 1).d : load_block((const real *)row->in + i, row->n - i, 0);
    EACH_PART(p) {
        if (v.power == 1)
            s.of[p] = pick(is_less(every(0), s.of[p]), every(1), s.of[p]);
        else if (!t)
            UNROLL for (size_t k = 0; k < sizeof s.of[p] / sizeof s.of[p][0]; k++) s.of[p][k] =
                sqrt(s.of[p][k]);
    }
    return s;
}

/* s (g - sum(s g)/sum(s)), from x with its threshold or, without it, from y */
INLINE void backward(const fa__one_row *row, const variant v, const threshold *t) {
    const real *grad = row->grad_y;
    sums products = {{0}, {0}}, slopes = products;
    for (size_t i = 0; i < row->n; i += LANES) {
        const block s = slopes_at(v, t, row, i);
        block g = load_block(grad + i, row->n - i, 0);
        EACH_PART(p) g.of[p] = pick(is_equal(s.of[p], every(0)), every(0), g.of[p]);
        add_products(&products, &g, &s);
        add_block(&slopes, &s);
    }
    const pair mean = divide(total_of(&products), total_of(&slopes));
    for (size_t i = 0; i < row->n; i += LANES) {
        const block s = slopes_at(v, t, row, i);
        block g = load_block(grad + i, row->n - i, 0);
        EACH_PART(p) {
            const wide product = s.of[p] * ((g.of[p] - mean.high) - mean.low);
            g.of[p] = pick(is_equal(s.of[p], every(0)), every(0), product);
        }
        store_block((real *)row->out + i, &g, row->n - i);
    }
}

#define ENTRY(name, power)                                                   \
    void FA__KERNEL_OF(name, forward)(const fa__one_row *row) {              \
        forward(row, (variant){power});                                      \
    }                                                                        \
    void FA__KERNEL_OF(name, backward)(const fa__one_row *row) {             \
        const threshold t = threshold_of((variant){power}, row);             \
        if (is_regular(row, &t, 0)) backward(row, (variant){power}, &t);     \
    }                                                                        \
    void FA__KERNEL_OF(name, backward_from_output)(const fa__one_row *row) { \
        backward(row, (variant){power}, 0);                                  \
    }
ENTRY(sparsemax, 1)
ENTRY(entmax15, 2)

/* hardmax ------------------------------------------------------------------------------------------ */

/* 0 in all elements, or NaN if the row has one */
static int fill(const fa__one_row *row) {
    const real *x = row->in;
    real *out = row->out;
    int has_nan = 0;
    for (size_t i = 0; i < row->n; i++) has_nan |= x[i] != x[i];
    for (size_t i = 0; i < row->n; i++) out[i] = has_nan ? (real)NAN : 0;
    return !has_nan;
}

void FA__KERNEL_OF(hardmax, forward)(const fa__one_row *row) {
    const real *x = row->in, most = find_most(x, row->n, 1);
    size_t first = 0;
    while (first < row->n && x[first] != most) first++;
    if (fill(row) && first < row->n) ((real *)row->out)[first] = 1;
}

void FA__KERNEL_OF(hardmax, backward)(const fa__one_row *row) {
    fill(row);
}

void FA__KERNEL_OF(hardmax, backward_from_output)(const fa__one_row *row) {
    fill(row);
}
