/* Several short rows at once: a block holds one element of each of LANES rows, so that nothing is added up across lanes. Sums
 * are added in the order of a single row's (doubles.h), and have its bits. For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_COLUMNS_H
#define FA_ROWWISE_COLUMNS_H

#include "rowwise/sums.h"

#define LONGEST (2 * LANES) /* elements of such a row */

/* Memory ------------------------------------------------------------------------------------------- */

INLINE void transpose(vector *square){ROUND(square, 1) ROUND(square, 2) ROUND(square, 4) ROUND(square, 8)}

INLINE block widened(vector v) {
    block b;
#if FA__REAL_IS_DOUBLE
    b.of[0] = v;
#else
    half halves[PARTS];
    memcpy(halves, &v, sizeof halves);
    EACH_PART(p) b.of[p] = widen(halves[p]);
#endif
    return b;
}

INLINE vector narrowed(const block *b) {
#if FA__REAL_IS_DOUBLE
    return b->of[0];
#else
    half halves[PARTS];
    vector v;
    EACH_PART(p) halves[p] = narrow(b->of[p]);
    memcpy(&v, halves, sizeof v);
    return v;
#endif
}

/* The n columns of up to LANES rows. Lanes beyond the last row repeat it. */
INLINE void load_columns(block *to, const real *from, size_t n, size_t rows) {
    for (size_t start = 0; start < n; start += LANES) {
        const size_t width = n - start < LANES ? n - start : LANES;
        vector square[LANES];
        UNROLL for (size_t r = 0; r < LANES; r++) {
            const real *row = from + (r < rows ? r : rows - 1) * n + start;
            square[r] = width < LANES ? load_first(row, width) : *(const vector *)row;
        }
        transpose(square);
        for (size_t i = 0; i < width; i++) to[start + i] = widened(square[i]);
    }
}

INLINE void store_columns(real *to, const vector *columns, size_t n, size_t rows) {
    for (size_t start = 0; start < n; start += LANES) {
        const size_t width = n - start < LANES ? n - start : LANES;
        vector square[LANES];
        UNROLL for (size_t i = 0; i < LANES; i++) square[i] = columns[start + (i < width ? i : 0)];
        transpose(square);
        for (size_t r = 0; r < rows; r++) store_up_to(to + r * n + start, square[r], width);
    }
}

/* One number for each row */
INLINE block load_each(const real *from, size_t rows) {
    return widened(load_or(from, rows, 0));
}

/* Sums --------------------------------------------------------------------------------------------- */

/* Element i of a row belongs to sum i mod LANES */
typedef struct {
    sums of[LANES];
    size_t n; /* elements that have been added */
} column_sums;

/* The sum that the next element belongs to */
INLINE sums *next_sum(column_sums *s) {
    sums *next = &s->of[s->n % LANES];
    if (s->n < LANES) *next = (sums){{0}, {0}};
    s->n++;
    return next;
}

/* The total of each row: `of` by part */
typedef struct {
    wide_pair of[PARTS];
} totals;

INLINE totals totals_of(column_sums *s) {
    size_t count = s->n < LANES ? s->n : LANES;
    totals t;
#if FA__REAL_IS_DOUBLE
    t.of[0] = (wide_pair){every(0), every(0)};
    for (size_t i = 0; i < count; i++) {
        t.of[0] = add_to_pairs(t.of[0], s->of[i].sum);
        t.of[0].low += s->of[i].error;
    }
#else
    UNROLL for (size_t step = LANES / 2; step > 0; step /= 2) {
        for (size_t i = 0; i + step < count; i++) {
            s->of[i].low += s->of[i + step].low;
            s->of[i].high += s->of[i + step].high;
        }
        count = count < step ? count : step;
    }
    t.of[0] = (wide_pair){s->of[0].low, every(0)};
    t.of[1] = (wide_pair){s->of[0].high, every(0)};
#endif
    return t;
}

/* Exponentials times a number for each row, as scale_row */
INLINE void scale_columns(vector *e, size_t n, const wide_pair *scale) {
    block high, low;
    EACH_PART(p) high.of[p] = scale[p].high;
    const vector narrow_high = narrowed(&high);
    const block rounded = widened(narrow_high);
    EACH_PART(p) low.of[p] = (scale[p].high - rounded.of[p]) + scale[p].low;
    const vector narrow_low = narrowed(&low);
    for (size_t i = 0; i < n; i++) e[i] = e[i] * narrow_high + e[i] * narrow_low;
}

/* Arguments of exponentials ------------------------------------------------------------------------ */

/* The largest element of each row that is not NaN, as find_most */
INLINE block most_of_each(const block *x, size_t n) {
    block most;
    EACH_PART(p) most.of[p] = every(-INFINITY);
    for (size_t i = 0; i < n; i++)
        EACH_PART(p) most.of[p] = pick(is_less(most.of[p], x[i].of[p]), x[i].of[p], most.of[p]);
    return most;
}

INLINE int are_finite(const block *b) {
    double rest = 0;
    EACH_PART(p) {
        const wide zeros = b->of[p] - b->of[p];
        for (size_t k = 0; k < sizeof zeros / sizeof(double); k++) rest += zeros[k];
    }
    return rest == 0;
}

/* Sums of exponentials ----------------------------------------------------------------------------- */

/* As exponential_sums, for each row; dot: the sum of grad e */
typedef struct {
    wide count[PARTS];
    totals rest, dot;
} group_sums;

INLINE wide_pair whole(const group_sums *sum, int p) {
    return add_to_pairs(sum->rest.of[p], sum->count[p]);
}

/* As sum_exponentials, but without the low parts in products of float64. e: where exponentials go, or null */
INLINE group_sums sum_columns(const block *x, size_t n, const block *most, const scaling *s, int apart,
                              vector *e, const block *grad) {
    column_sums rest = {.n = 0}, ones = {.n = 0}, products = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        block value, first, others;
        EACH_PART(p) {
            wide low, h = argument(x[i].of[p], most->of[p], s, &low);
            const parts of_e = exponential_parts(h, low);
            const mask is_most = is_equal(h, every(0));
            value.of[p] = of_e.value * of_e.power;
            first.of[p] = pick(is_most, every(1), every(0));
            others.of[p] = pick(is_most, every(0), value.of[p]);
        }
        add_block(next_sum(&rest), apart ? &others : &value);
        if (apart) add_block(next_sum(&ones), &first);
        if (e) e[i] = narrowed(&value);
        if (!grad) continue;
        block factor = grad[i];
        EACH_PART(p) factor.of[p] = pick(is_equal(value.of[p], every(0)), every(0), factor.of[p]);
        add_products(next_sum(&products), &factor, &value);
    }
    group_sums sum = {.rest = totals_of(&rest)};
    if (grad) sum.dot = totals_of(&products);
    if (!apart) return sum;
    const totals counted = totals_of(&ones);
    EACH_PART(p) sum.count[p] = counted.of[p].high;
    return sum;
}

#endif
