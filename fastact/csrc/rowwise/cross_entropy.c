/* The kernel of softmax_cross_entropy: loss and gradient of one row. Compiled once for each instruction set and element
 * type (platform/kernel.h). Must not depend on how rows are arranged.
 *
 * loss = weight * sum(q (log(sum(e^x)) - x)), gradient = weight * (p sum(q) - q), p the softmax of x. */
#include <stdint.h>

#include "rowwise/call.h"
#include "rowwise/sums.h"

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
                h = argument(h, (double)most, &s, &low);
                e = exponential_parts(h, low);
            }
            g.of[p] = (e.value * scale.high + e.value * scale.low) * e.power - wanted.of[p] * row->weight;
        }
        store_block(grad_x + i, &g, row->n - i);
    }
}

/* Exponentials are stored where the gradient will be. Rounding them to subnormal numbers does no harm unless a weight
 * enlarges them. */
fa__cross_entropy_kernel FA__KERNEL_NAME(fa__cross_entropy);
void FA__KERNEL_NAME(fa__cross_entropy)(const fa__cross_entropy_row *row) {
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
