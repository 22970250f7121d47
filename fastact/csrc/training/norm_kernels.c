/* The kernels of normalisation. Compiled once for each instruction set and element type (platform/kernel.h).
 *
 * All is computed in double. h = (x - mean)/sqrt(variance + eps), y = h weight + bias. Where squares overflow, the results are
 * NaN, as they are for infinite elements. */
#include "rowwise/doubles.h"
#include "training/norm.h"

#define TILE_BLOCKS (FA__NORM_TILE / LANES)

/* What the statistics of an element depend on */
typedef enum { ROW, COLUMN } owner;

typedef struct {
    block mean, low, inverse;
} statistics;

/* Memory ------------------------------------------------------------------------------------------- */

/* a size that is known makes it one instruction, not a call */
INLINE block load_doubles(const double *from, size_t count) {
    block b = {{{0}}};
    if (count >= LANES)
        memcpy(&b, from, LANES * sizeof(double));
    else
        memcpy(&b, from, count * sizeof(double));
    return b;
}

INLINE void store_doubles(double *to, const block *b, size_t count) {
    if (count >= LANES)
        memcpy(to, b, LANES * sizeof(double));
    else
        memcpy(to, b, count * sizeof(double));
}

INLINE double *array_of(const fa__norm_call *c, int which) {
    return c->statistics + (size_t)which * (c->kind == FA__BATCH_NORM ? c->n : c->rows);
}

INLINE block all_lanes(double x) {
    block b;
    EACH_PART(p) b.of[p] = every(x);
    return b;
}

INLINE statistics load_statistics(const fa__norm_call *c, owner by, size_t row, size_t i) {
    const double *mean = array_of(c, FA__MEAN), *low = array_of(c, FA__MEAN_LOW);
    const double *inverse = array_of(c, FA__INVERSE);
    if (by == ROW) return (statistics){all_lanes(mean[row]), all_lanes(low[row]), all_lanes(inverse[row])};
    const size_t left = c->n - i;
    return (statistics){load_doubles(mean + i, left), load_doubles(low + i, left),
                        load_doubles(inverse + i, left)};
}

/* Statistics --------------------------------------------------------------------------------------- */

INLINE block deviation(block x, const statistics *s) {
    EACH_PART(p) x.of[p] = (x.of[p] - s->mean.of[p]) - s->low.of[p];
    return x;
}

INLINE block normalised(block x, const statistics *s) {
    x = deviation(x, s);
    EACH_PART(p) x.of[p] *= s->inverse.of[p];
    return x;
}

/* Lanes from `count` on become 0 */
INLINE void clear_beyond(block *b, size_t count) {
    double lanes[LANES];
    if (count >= LANES) return;
    memcpy(lanes, b, sizeof lanes);
    for (size_t k = count; k < LANES; k++) lanes[k] = 0;
    memcpy(b, lanes, sizeof lanes);
}

INLINE double value_of(pair p) {
    return isfinite(p.high) ? p.high + p.low : p.high;
}

/* the sum over all rows of each lane */
INLINE void read_lanes(const sums *s, pair lanes[LANES]) {
#if FA__REAL_IS_DOUBLE
    for (int k = 0; k < LANES; k++) lanes[k] = (pair){s->sum[k], s->error[k]};
#else
    for (int k = 0; k < LANES / 2; k++) {
        lanes[k] = (pair){s->low[k], 0};
        lanes[k + LANES / 2] = (pair){s->high[k], 0};
    }
#endif
}

INLINE double inverse_root(double variance, double eps) {
    return variance < INFINITY ? 1 / sqrt(variance + eps) : NAN;
}

/* of one row: mean, its low part, inverse root of the variance; without a mean of the mean square */
INLINE statistics of_row(const real *x, size_t n, double eps, int has_mean, double found[3]) {
    const pair count = {(double)n, 0};
    pair mean = {0, 0};
    sums total = {{0}, {0}}, squares = {{0}, {0}};
    for (size_t i = 0; i < n && has_mean; i += LANES) {
        const block v = load_block(x + i, n - i, 0);
        add_block(&total, &v);
    }
    if (has_mean) mean = divide(total_of(&total), count);
    statistics s = {all_lanes(mean.high), all_lanes(mean.low), all_lanes(0)};
    for (size_t i = 0; i < n; i += LANES) {
        block d = deviation(load_block(x + i, n - i, 0), &s);
        clear_beyond(&d, n - i);
        add_products(&squares, &d, &d);
    }
    found[FA__MEAN] = mean.high, found[FA__MEAN_LOW] = mean.low;
    found[FA__INVERSE] = inverse_root(value_of(total_of(&squares)) / (double)n, eps);
    s.inverse = all_lanes(found[FA__INVERSE]);
    return s;
}

static void row_statistics(const fa__norm_call *c, size_t begin, size_t end) {
    const real *x = c->x;
    for (size_t row = begin; row < end; row++) {
        double found[3];
        of_row(x + row * c->n, c->n, c->eps, c->kind == FA__LAYER_NORM, found);
        for (int k = 0; k < 3; k++) array_of(c, k)[row] = found[k];
    }
}

/* Sums over all rows of the columns of a tile: of x, or of squared deviations */
INLINE void sum_tile(const fa__norm_call *c, size_t begin, size_t count, const statistics *s, sums *total) {
    for (size_t row = 0; row < c->rows; row++) {
        const real *x = (const real *)c->x + row * c->n + begin;
        for (size_t k = 0; k * LANES < count; k++) {
            block v = load_block(x + k * LANES, count - k * LANES, 0);
            if (s) {
                v = deviation(v, &s[k]);
                add_products(&total[k], &v, &v);
            } else {
                add_block(&total[k], &v);
            }
        }
    }
}

INLINE void update_running(real *running, size_t i, double value, double momentum) {
    if (running) running[i] = (real)((1 - momentum) * (double)running[i] + momentum * value);
}

/* The mean of each column of a tile */
INLINE void find_means(const fa__norm_call *c, const sums *total, statistics *s, size_t begin, size_t count) {
    const pair rows = {(double)c->rows, 0};
    for (size_t k = 0; k * LANES < count; k++) {
        pair lanes[LANES];
        double mean[LANES], low[LANES];
        read_lanes(&total[k], lanes);
        for (int l = 0; l < LANES; l++) {
            const pair quotient = divide(lanes[l], rows);
            mean[l] = quotient.high, low[l] = quotient.low;
        }
        s[k] = (statistics){load_doubles(mean, LANES), load_doubles(low, LANES), all_lanes(0)};
        const size_t first = begin + k * LANES, left = count - k * LANES;
        store_doubles(array_of(c, FA__MEAN) + first, &s[k].mean, left);
        store_doubles(array_of(c, FA__MEAN_LOW) + first, &s[k].low, left);
    }
}

/* The variance of a column from its sum of squares; running statistics get the unbiased one */
INLINE void finish_column(const fa__norm_call *c, size_t i, double squares) {
    const double rows = (double)c->rows, mean = array_of(c, FA__MEAN)[i] + array_of(c, FA__MEAN_LOW)[i];
    update_running(c->running_mean, i, mean, c->momentum);
    update_running(c->running_variance, i, squares / (rows - 1), c->momentum);
    array_of(c, FA__INVERSE)[i] = inverse_root(squares / rows, c->eps);
}

static void of_batch(const fa__norm_call *c, size_t begin, size_t count) {
    sums total[TILE_BLOCKS] = {{{0}, {0}}}, squares[TILE_BLOCKS] = {{{0}, {0}}};
    statistics s[TILE_BLOCKS];
    sum_tile(c, begin, count, 0, total);
    find_means(c, total, s, begin, count);
    sum_tile(c, begin, count, s, squares);
    for (size_t k = 0; k * LANES < count; k++) {
        pair lanes[LANES];
        read_lanes(&squares[k], lanes);
        for (size_t l = 0; l < LANES && k * LANES + l < count; l++)
            finish_column(c, begin + k * LANES + l, value_of(lanes[l]));
    }
}

static void of_running(const fa__norm_call *c, size_t begin, size_t end) {
    const real *mean = c->running_mean, *variance = c->running_variance;
    for (size_t i = begin; i < end; i++) {
        array_of(c, FA__MEAN)[i] = (double)mean[i];
        array_of(c, FA__MEAN_LOW)[i] = 0;
        array_of(c, FA__INVERSE)[i] = inverse_root((double)variance[i], c->eps);
    }
}

static void column_statistics(const fa__norm_call *c, size_t begin, size_t end) {
    if (!c->training) {
        of_running(c, begin, end);
        return;
    }
    for (; begin < end; begin += FA__NORM_TILE)
        of_batch(c, begin, end - begin < FA__NORM_TILE ? end - begin : FA__NORM_TILE);
}

/* Forward ------------------------------------------------------------------------------------------ */

/* y = h weight + bias; `fixed` are the statistics of the row, or null */
INLINE void forward_row(const fa__norm_call *c, size_t row, const statistics *fixed) {
    const real *x = (const real *)c->x + row * c->n, *weight = c->weight, *bias = c->bias;
    for (size_t i = 0; i < c->n; i += LANES) {
        const size_t left = c->n - i;
        const statistics s = fixed ? *fixed : load_statistics(c, COLUMN, row, i);
        block y = normalised(load_block(x + i, left, 0), &s);
        if (weight) {
            const block w = load_block(weight + i, left, 0);
            EACH_PART(p) y.of[p] *= w.of[p];
        }
        if (bias) {
            const block b = load_block(bias + i, left, 0);
            EACH_PART(p) y.of[p] += b.of[p];
        }
        store_block((real *)c->y + row * c->n + i, &y, left);
    }
}

INLINE void forward_rows(const fa__norm_call *c, size_t begin, size_t end, int has_mean) {
    for (size_t row = begin; row < end; row++) {
        double found[3];
        const statistics s = of_row((const real *)c->x + row * c->n, c->n, c->eps, has_mean, found);
        forward_row(c, row, &s);
    }
}
static void layer_forward(const fa__norm_call *c, size_t begin, size_t end) {
    forward_rows(c, begin, end, 1);
}
static void rms_forward(const fa__norm_call *c, size_t begin, size_t end) {
    forward_rows(c, begin, end, 0);
}
static void batch_forward(const fa__norm_call *c, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) forward_row(c, row, 0);
}

/* Backward: sums over rows ------------------------------------------------------------------------- */

/* the gradient of weight is the sum of grad_y h, that of bias the sum of grad_y */
INLINE void finish_sums(const fa__norm_call *c, size_t i, const sums *of_products, const sums *of_gradients) {
    pair products[LANES], gradients[LANES];
    real *grad_weight = c->grad_weight, *grad_bias = c->grad_bias;
    read_lanes(of_products, products);
    read_lanes(of_gradients, gradients);
    for (size_t l = 0; l < LANES && i + l < c->n; l++) {
        const double product = value_of(products[l]), gradient = value_of(gradients[l]);
        if (grad_weight) grad_weight[i + l] = (real)product;
        if (grad_bias) grad_bias[i + l] = (real)gradient;
        if (c->kind != FA__BATCH_NORM) continue;
        array_of(c, FA__PRODUCTS)[i + l] = product;
        array_of(c, FA__GRADIENT_SUMS)[i + l] = gradient;
    }
}

INLINE void sums_of_columns(const fa__norm_call *c, size_t begin, size_t end, owner by) {
    for (; begin < end; begin += FA__NORM_TILE) {
        const size_t count = end - begin < FA__NORM_TILE ? end - begin : FA__NORM_TILE;
        sums of_products[TILE_BLOCKS] = {{{0}, {0}}}, of_gradients[TILE_BLOCKS] = {{{0}, {0}}};
        for (size_t row = 0; row < c->rows; row++)
            for (size_t k = 0; k * LANES < count; k++) {
                const size_t i = begin + k * LANES, at = row * c->n + i, left = count - k * LANES;
                const statistics s = load_statistics(c, by, row, i);
                const block g = load_block((const real *)c->grad_y + at, left, 0);
                const block h = normalised(load_block((const real *)c->x + at, left, 0), &s);
                add_products(&of_products[k], &g, &h);
                add_block(&of_gradients[k], &g);
            }
        for (size_t k = 0; k * LANES < count; k++)
            finish_sums(c, begin + k * LANES, &of_products[k], &of_gradients[k]);
    }
}
static void sums_by_row(const fa__norm_call *c, size_t begin, size_t end) {
    sums_of_columns(c, begin, end, ROW);
}
static void sums_by_column(const fa__norm_call *c, size_t begin, size_t end) {
    sums_of_columns(c, begin, end, COLUMN);
}

/* Backward: the gradient of x ---------------------------------------------------------------------- */

/* grad_y weight */
INLINE block weighted(const fa__norm_call *c, size_t row, size_t i) {
    const real *grad_y = (const real *)c->grad_y + row * c->n, *weight = c->weight;
    block g = load_block(grad_y + i, c->n - i, 0);
    if (weight) {
        const block w = load_block(weight + i, c->n - i, 0);
        EACH_PART(p) g.of[p] *= w.of[p];
    }
    return g;
}

/* (g - mean of g - h mean of g h)/sqrt(variance + eps), g = grad_y weight; without the mean of g where no mean of x was
 * subtracted */
INLINE void gradient_of_row(const fa__norm_call *c, size_t row, int has_mean) {
    const real *x = (const real *)c->x + row * c->n;
    const statistics s = load_statistics(c, ROW, row, 0);
    sums of_products = {{0}, {0}}, of_gradients = {{0}, {0}};
    for (size_t i = 0; i < c->n; i += LANES) {
        const block g = weighted(c, row, i), h = normalised(load_block(x + i, c->n - i, 0), &s);
        add_products(&of_products, &g, &h);
        if (has_mean) add_block(&of_gradients, &g);
    }
    const double by_h = value_of(total_of(&of_products)) / (double)c->n;
    const double mean = has_mean ? value_of(total_of(&of_gradients)) / (double)c->n : 0;
    for (size_t i = 0; i < c->n; i += LANES) {
        const block h = normalised(load_block(x + i, c->n - i, 0), &s);
        block g = weighted(c, row, i);
        EACH_PART(p) g.of[p] = s.inverse.of[p] * ((g.of[p] - mean) - h.of[p] * by_h);
        store_block((real *)c->grad_x + row * c->n + i, &g, c->n - i);
    }
}
static void layer_gradient(const fa__norm_call *c, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) gradient_of_row(c, row, 1);
}
static void rms_gradient(const fa__norm_call *c, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) gradient_of_row(c, row, 0);
}

/* The same with means over the batch; with running statistics, which are constants, only weight/sqrt(variance + eps) grad_y
 */
static void batch_gradient(const fa__norm_call *c, size_t begin, size_t end) {
    const real *weight = c->weight;
    for (size_t row = begin; row < end; row++)
        for (size_t i = 0; i < c->n; i += LANES) {
            const size_t at = row * c->n + i, left = c->n - i;
            const statistics s = load_statistics(c, COLUMN, row, i);
            block g = load_block((const real *)c->grad_y + at, left, 0), w = all_lanes(1);
            if (weight) w = load_block(weight + i, left, 0);
            if (c->training) {
                const block h = normalised(load_block((const real *)c->x + at, left, 0), &s);
                const block products = load_doubles(array_of(c, FA__PRODUCTS) + i, left);
                const block gradients = load_doubles(array_of(c, FA__GRADIENT_SUMS) + i, left);
                EACH_PART(p) g.of[p] -= (gradients.of[p] + h.of[p] * products.of[p]) / (double)c->rows;
            }
            EACH_PART(p) g.of[p] *= w.of[p] * s.inverse.of[p];
            store_block((real *)c->grad_x + at, &g, left);
        }
}

extern const fa__norm_kernels FA__KERNEL_NAME(fa__norm_kernels);
const fa__norm_kernels FA__KERNEL_NAME(fa__norm_kernels) = {
    .row_statistics = row_statistics,
    .column_statistics = column_statistics,
    .forward = {layer_forward, rms_forward, batch_forward},
    .sums = {sums_by_row, sums_by_row, sums_by_column},
    .gradient = {layer_gradient, rms_gradient, batch_gradient},
};
