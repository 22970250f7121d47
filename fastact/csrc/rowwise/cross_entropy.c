/* The kernel of softmax_cross_entropy: loss and gradient of one row. Compiled once for each instruction set and element
 * type (platform/kernel.h). Must not depend on how rows are arranged.
 *
 * loss = weight * sum(q (log(sum(e^x)) - x)), gradient = weight * (p sum(q) - q), p the softmax of x. */
#include <stdint.h>

#include "rowwise/call.h"
#include "rowwise/sums.h"

/* p - 1, p the probability of the label; where it has the only maximum, p - 1 = -rest/(1 + rest) keeps its digits */
static double label_gradient(double h, double e, const exponential_sums *sum) {
    double_pair total = add_to_pair(sum->rest, sum->count);
    if (h == 0 && sum->count == 1) return -divide(sum->rest, total).high;
    return e / total.high - 1;
}

/* the loss, and the sum of q */
INLINE double sum_losses(const fa__cross_entropy_row *row, real most, double log_sum, double *sum_of_q) {
    const real *x = row->x, *q = row->q;
    double loss = 0;
    *sum_of_q = 0;
    for (size_t i = 0; i < row->n; i++) {
        if (q[i] == 0) continue;
        loss += (double)q[i] * (log_sum - ((double)x[i] - (double)most));
        *sum_of_q += (double)q[i];
    }
    return loss;
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
        if (wanted != 0) loss -= wanted * log((double)share(&s, x[i]));
        if (q) sum_of_q += wanted;
    }
    for (size_t i = 0; i < row->n && grad_x; i++) {
        double wanted = q ? (double)q[i] : i == row->label;
        grad_x[i] = (real)(row->weight * (sum_of_q * (double)share(&s, x[i]) - wanted));
    }
    *row->loss = row->weight * loss;
}

fa__cross_entropy_kernel FA__KERNEL_NAME(fa__cross_entropy);
void FA__KERNEL_NAME(fa__cross_entropy)(const fa__cross_entropy_row *row) {
    const real *x = row->x, *q = row->q;
    const size_t n = row->n;
    const scaling s = {1, 1};
    if (row->weight == 0) {
        without_weight(row);
        return;
    }
    const real most = find_most(x, n, 1);
    if (!isfinite(most)) {
        special_cross_entropy(row);
        return;
    }
    real *grad_x = row->grad_x;
    const double at_label = q ? 0 : (double)x[row->label] - (double)most;
    exponential_sums sum = sum_exponentials(x, n, most, &s, 0, 0, 0);
    const double log_sum = logarithm(&sum);
    double sum_of_q = 1, loss = q ? sum_losses(row, most, log_sum, &sum_of_q) : log_sum - at_label;
    *row->loss = row->weight * loss;
    if (!grad_x) return;
    double of_label = 0;
    if (!q) {
        vector low, h = difference(all(x[row->label]), all(most), &low);
        of_label = row->weight * label_gradient((double)h[0], (double)exponential(h, low)[0], &sum);
    }
    const real_pair scale = share_of(row->weight * sum_of_q, &sum);
    for (size_t i = 0; i < n; i += LANES) {
        vector low, h = argument(load_or(x + i, n - i, -INFINITY), most, &s, &low);
        parts e = exponential_parts(h, low);
        vector p = product(&e, scale) * e.power;
        if (q) p = p - load_or(q + i, n - i, 0) * (real)row->weight;
        store_up_to(grad_x + i, p, n - i);
    }
    if (!q) grad_x[row->label] = (real)of_label;
}
