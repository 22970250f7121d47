/* The kernel of softmax_cross_entropy: loss and gradient of one row. Compiled once for each instruction set and element
 * type (platform/kernel.h). Must not depend on how rows are arranged.
 *
 * loss = weight * sum(q (log(sum(e^x)) - x)), gradient = weight * (p sum(q) - q), p the softmax of x. */
#include <stdint.h>

#include "rowwise/call.h"
#include "rowwise/columns.h"

/* p - 1, p the probability of the label; where it has the only maximum, p - 1 = -rest/(1 + rest) keeps its digits */
INLINE double label_gradient(double x, double most, const exponential_sums *sum) {
    const pair total = total_of_exponentials(sum);
    if (x == most && sum->count == 1) return -divide(sum->rest, total).high;
    wide low, h = difference(every(x), every(most), &low);
    const parts e = exponential_parts(h, low);
    return e.value[0] * e.power[0] / total.high - 1;
}

/* Of the probabilities q that are wanted: their sum, and that of q (most - x). Terms are 0 where q is. */
typedef struct {
    double of_q, of_distances;
} wanted_sums;

INLINE wanted_sums sum_wanted(const fa__cross_entropy_row *row, real most) {
    const real *x = row->x, *q = row->q;
    sums of_q = {{0}, {0}}, of_distances = {{0}, {0}};
    for (size_t i = 0; i < row->n; i += LANES) {
        const block wanted = load_block(q + i, row->n - i, 0);
        block distance = load_block(x + i, row->n - i, 0);
        EACH_PART(p)
        distance.of[p] = pick(is_equal(wanted.of[p], every(0)), every(0), (double)most - distance.of[p]);
        add_block(&of_q, &wanted);
        add_products(&of_distances, &wanted, &distance);
    }
    return (wanted_sums){total_of(&of_q).high, total_of(&of_distances).high};
}

static void without_weight(const fa__cross_entropy_row *row) {
    *row->loss = 0;
    if (row->grad_x) memset(row->grad_x, 0, row->n * sizeof(real));
}

/* Where the largest logit is infinite the loss is the limit, if there is one: 0 or +inf */
static void special_cross_entropy(const fa__cross_entropy_row *row) {
    const real *x = row->x, *q = row->q;
    real *grad_x = row->grad_x;
    shares s = find_shares(x, row->n, 1);
    double loss = 0, sum_of_q = q ? 0 : 1;
    for (size_t i = 0; i < row->n; i++) {
        double wanted = q ? (double)q[i] : i == row->label;
        if (wanted != 0) loss -= wanted * log(share(&s, x[i]));
        if (q) sum_of_q += wanted;
    }
    for (size_t i = 0; i < row->n && grad_x; i++) {
        double wanted = q ? (double)q[i] : i == row->label;
        grad_x[i] = (real)(row->weight * (sum_of_q * share(&s, x[i]) - wanted));
    }
    *row->loss = row->weight * loss;
}

/* weight (p sum(q) - q), but for the label's; from the exponentials in grad_x, or from x where they were not stored */
INLINE void store_gradient(const fa__cross_entropy_row *row, real most, pair scale, int stored) {
    const real *x = row->x, *q = row->q;
    real *grad_x = row->grad_x;
    const scaling s = scaling_of(1, 1);
    if (stored && !q) {
        scale_row(grad_x, row->n, scale);
        return;
    }
    for (size_t i = 0; i < row->n; i += LANES) {
        block g = load_block((stored ? grad_x : x) + i, row->n - i, stored ? 0 : -INFINITY), wanted = {0};
        if (q) wanted = load_block(q + i, row->n - i, 0);
        EACH_PART(p) {
            wide low = every(0), h = g.of[p];
            parts e = {h, every(0), every(1)};
            if (!stored) {
                h = argument(h, every((double)most), &s, &low);
                e = exponential_parts(h, low);
            }
            g.of[p] = (e.value * scale.high + e.value * scale.low) * e.power - wanted.of[p] * row->weight;
        }
        store_block(grad_x + i, &g, row->n - i);
    }
}

/* Exponentials are stored where the gradient will be. Rounding them to subnormal numbers does no harm unless a weight
 * enlarges them. */
static void cross_entropy(const fa__cross_entropy_row *row) {
    const real *x = row->x;
    const size_t n = row->n;
    if (row->weight == 0) {
        without_weight(row);
        return;
    }
    const real most = find_most(x, n, 1);
    if (!isfinite(most)) {
        special_cross_entropy(row);
        return;
    }
    const scaling s = scaling_of(1, 1);
    wanted_sums wanted = {1, 0};
    if (row->q)
        wanted = sum_wanted(row, most);
    else
        wanted.of_distances = (double)most - (double)x[row->label];
    const double weight = row->weight * wanted.of_q, at_label = row->q ? 0 : (double)x[row->label];
    const int stored = row->grad_x && fabs(weight) <= 1;
    exponential_sums sum = sum_exponentials(x, n, most, &s, 1, stored ? row->grad_x : 0, 0, 0);
    *row->loss = row->weight * (logarithm(&sum) * wanted.of_q + wanted.of_distances);
    if (!row->grad_x) return;
    store_gradient(row, most, share_of(weight, &sum), stored);
    if (row->q) return;
    ((real *)row->grad_x)[row->label] = (real)(row->weight * label_gradient(at_label, (double)most, &sum));
}

/* Several short rows ------------------------------------------------------------------------------- */

/* What belongs to each row, beside its elements */
typedef struct {
    block x, weight; /* x: of the label */
} of_labels;

/* 0 for rows that have other weights than those up to 1, or wanted probabilities */
INLINE int load_labels(of_labels *l, const fa__cross_entropy_call *c, size_t first, size_t rows) {
    double at[LANES], weights[LANES];
    if (c->q) return 0;
    for (size_t r = 0; r < LANES; r++) {
        const size_t i = first + (r < rows ? r : rows - 1);
        at[r] = (double)((const real *)c->x)[i * c->n + (size_t)c->labels[i]];
        weights[r] = c->weights ? c->weights[i] : 1;
        if (!(fabs(weights[r]) <= 1) || weights[r] == 0) return 0;
    }
    memcpy(&l->x, at, sizeof at);
    memcpy(&l->weight, weights, sizeof weights);
    return 1;
}

/* As label_gradient, times the weight */
INLINE wide label_gradients(wide x, wide most, wide weight, const group_sums *sum, int p) {
    const scaling s = scaling_of(1, 1);
    const wide_pair total = whole(sum, p);
    wide low, h = argument(x, most, &s, &low);
    const parts e = exponential_parts(h, low);
    const mask is_only = is_equal(x, most) & is_equal(sum->count[p], every(1));
    const wide of_most = -divide_each(sum->rest.of[p], total).high;
    return weight * pick(is_only, of_most, e.value * e.power / total.high - 1);
}

/* Rows `first` and further ones of a call; 0, and nothing is done, unless all have finite maxima and usual weights */
static int short_cross_entropies(const fa__cross_entropy_call *c, size_t first, size_t rows) {
    const size_t n = c->n;
    const scaling s = scaling_of(1, 1);
    block x[LONGEST], slopes;
    vector e[LONGEST];
    of_labels label;
    double losses[LANES];
    memset(&label, 0, sizeof label); /* GCC does not see that load_labels sets it */
    if (!load_labels(&label, c, first, rows)) return 0;
    load_columns(x, (const real *)c->x + first * n, n, rows);
    const block most = most_of_each(x, n);
    if (!are_finite(&most)) return 0;
    const group_sums sum = sum_columns(x, n, &most, &s, 1, e, 0);
    block loss;
    wide_pair scale[PARTS];
    EACH_PART(p) {
        const wide log_sum = logarithm_of(sum.count[p], sum.rest.of[p]), weight = label.weight.of[p];
        loss.of[p] = weight * (log_sum + (most.of[p] - label.x.of[p]));
        slopes.of[p] = label_gradients(label.x.of[p], most.of[p], weight, &sum, p);
        scale[p] = divide_each((wide_pair){weight, every(0)}, whole(&sum, p));
    }
    memcpy(losses, &loss, sizeof losses);
    memcpy(c->loss + first, losses, rows * sizeof(double));
    if (!c->grad_x) return 1;
    real *grad = (real *)c->grad_x + first * n, at_label[LANES];
    scale_columns(e, n, scale);
    store_columns(grad, e, n, rows);
    const vector narrow_slopes = narrowed(&slopes);
    memcpy(at_label, &narrow_slopes, sizeof at_label);
    for (size_t r = 0; r < rows; r++) grad[r * n + (size_t)c->labels[first + r]] = at_label[r];
    return 1;
}

const fa__cross_entropy_kernels FA__KERNEL_NAME(fa__cross_entropy_kernels) = {
    cross_entropy, short_cross_entropies, LANES, LONGEST};
