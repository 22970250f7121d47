/* The sums that a softmax needs of a row: the largest element, and exponentials relative to it.
 * For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_SUMS_H
#define FA_ROWWISE_SUMS_H

#include "rowwise/exponential.h"

/* Arguments of exponentials ------------------------------------------------------------------------ */

/* How elements become arguments: sign * x/temperature */
typedef struct {
    double sign, temperature, inverse;
} scaling;

INLINE scaling scaling_of(double sign, double temperature) {
    return (scaling){sign, temperature, 1 / temperature};
}

/* h - q t, for q = h/t */
INLINE wide remainder_of(wide h, wide q, double t) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return h - q * t; /* one instruction, which rounds once */
#else
    const double splitter = 0x1p27 + 1; /* the product's error: Veltkamp and Dekker */
    wide q_high = q * splitter - (q * splitter - q), q_low = q - q_high, product = q * t;
    double t_high = t * splitter - (t * splitter - t), t_low = t - t_high;
    wide error = ((q_high * t_high - product) + q_high * t_low + q_low * t_high) + q_low * t_low;
    return (h - product) - error;
#endif
}

/* (v - most)/temperature, and what its rounding lost, which matters for float64 */
INLINE wide argument(wide v, wide most, const scaling *s, wide *low) {
    wide h = difference(v, most, low);
    if (!FA__REAL_IS_DOUBLE) return h * s->inverse;
    if (s->temperature == 1) return h;
    wide q = h / s->temperature;
    *low = (remainder_of(h, q, s->temperature) + *low) / s->temperature;
    return q;
}

/* Elements i, i + 1, ... of a row with their sign; those beyond its end are -inf */
INLINE block signed_elements(const real *x, size_t i, size_t n, double sign) {
    block b = load_block(x + i, n - i, sign < 0 ? INFINITY : -INFINITY);
    if (sign < 0) EACH_PART(p) b.of[p] = -b.of[p];
    return b;
}

/* The largest element that is not NaN; -inf without one */
INLINE real find_most(const real *x, size_t n, double sign) {
    vector most = all(-INFINITY), further = most;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        const vector v = *(const vector *)(x + i), w = *(const vector *)(x + i + LANES);
        most = larger(sign < 0 ? -v : v, most);
        further = larger(sign < 0 ? -w : w, further);
    }
    for (; i < n; i += LANES) {
        const vector v = load_or(x + i, n - i, sign < 0 ? INFINITY : -INFINITY);
        most = larger(sign < 0 ? -v : v, most);
    }
    return largest_lane(larger(further, most));
}

/* Sums of exponentials ----------------------------------------------------------------------------- */

/* Of e^a, a the arguments of a row: `count` arguments are 0, the others add up to `rest`. Kept apart, so that log(count +
 * rest) is accurate where it is small. */
typedef struct {
    double count;
    pair rest;
} exponential_sums;

INLINE pair total_of_exponentials(const exponential_sums *s) {
    return add_to_pair(s->rest, s->count);
}

/* weight/(count + rest) */
INLINE pair share_of(double weight, const exponential_sums *s) {
    return divide((pair){weight, 0}, total_of_exponentials(s));
}

/* log t, t = count + rest from 1 to 2^1000. t = m 2^k, m from sqrt(1/2) to sqrt(2); m - 1 is exact, and so is rest for a count
 * of 1 and a small rest. With s = f/(2 + f), log(1 + f) = f - (f^2/2 - s (f^2/2 + R)), R = (2 atanh(s) - 2 s)/s. */
INLINE wide logarithm_of(wide count, wide_pair rest) {
    static const double poly[] = {FA_ATANH_POLY};
    const uint64_t root = UINT64_C(0x3fe6a09e667f3bcd), one = UINT64_C(0x3ff)
                                                              << MANTISSA; /* sqrt(1/2) and 1 */
    const wide_pair t = add_to_pairs(rest, count);
    const naturals bits = (naturals)t.high + (one - root);
    const wide k = (wide)((bits >> MANTISSA) | (naturals)every(0x1p52)) - (0x1p52 + 1023);
    const wide m = (wide)((bits & ((UINT64_C(1) << MANTISSA) - 1)) + root);
    const wide power =
        (wide)((UINT64_C(2046) << MANTISSA) - (bits & ~((UINT64_C(1) << MANTISSA) - 1))); /* 2^-k */
    const wide f = (m - 1) + t.low * power, s = f / (f + 2), square = s * s;
    wide p = every(poly[0]);
    UNROLL for (size_t i = 1; i < sizeof poly / sizeof *poly; i++) p = p * square + poly[i];
    const wide half_square = 0.5 * f * f, log = f - (half_square - s * (half_square + square * p));
    return k * FA_LN2_HI + (log + k * FA_LN2_LO);
}

INLINE double logarithm(const exponential_sums *s) {
    return logarithm_of(every(s->count), (wide_pair){every(s->rest.high), every(s->rest.low)})[0];
}

/* Adds exponentials e of arguments h to `rest`, and counts in `ones` those whose argument is 0 */
INLINE void add_apart(sums *rest, sums *ones, const block *h, const block *e) {
    block others, first;
    EACH_PART(p) {
        const mask is_most = is_equal(h->of[p], every(0));
        first.of[p] = pick(is_most, every(1), every(0));
        others.of[p] = pick(is_most, every(0), e->of[p]);
    }
    add_block(rest, &others);
    add_block(ones, &first);
}

/* Of a row whose largest element, `most`, is finite. `apart`: whether the largest are counted. If `e` is not null the
 * exponentials are stored there; it may be x. If `grad` is not null, *dot is the sum of grad e. */
INLINE exponential_sums sum_exponentials(const real *x, size_t n, real most, const scaling *s, int apart,
                                         real *e, const real *grad, pair *dot) {
    sums rest = {{0}, {0}}, ones = {{0}, {0}}, products = {{0}, {0}};
    for (size_t i = 0; i < n; i += LANES) {
        const block v = signed_elements(x, i, n, s->sign);
        block h, value, low_part;
        EACH_PART(p) {
            wide low;
            h.of[p] = argument(v.of[p], every((double)most), s, &low);
            const parts of_e = exponential_parts(h.of[p], low);
            value.of[p] = of_e.value * of_e.power;
            low_part.of[p] = of_e.low * of_e.power;
        }
        if (apart)
            add_apart(&rest, &ones, &h, &value);
        else
            add_block(&rest, &value);
        if (e) store_block(e + i, &value, n - i);
        if (grad) { /* terms are 0 for an infinite g, too */
            block g = load_block(grad + i, n - i, 0);
            EACH_PART(p) g.of[p] = pick(is_equal(value.of[p], every(0)), every(0), g.of[p]);
            add_products(&products, &g, &value);
            if (FA__REAL_IS_DOUBLE) {
                EACH_PART(p) low_part.of[p] *= g.of[p];
                add_block(&products, &low_part);
            }
        }
    }
    if (grad) *dot = total_of(&products);
    return (exponential_sums){total_of(&ones).high, total_of(&rest)};
}

/* Products ----------------------------------------------------------------------------------------- */

/* e, in place, times a number: what is stored of exponentials becomes probabilities */
INLINE void scale_row(real *e, size_t n, pair scale) {
    const real high = (real)scale.high, low = (real)((scale.high - (double)high) + scale.low);
    for (size_t i = 0; i < n; i += LANES) {
        vector v = load_or(e + i, n - i, 0);
        store_up_to(e + i, v * high + v * low, n - i);
    }
}

/* Special rows ------------------------------------------------------------------------------------- */

/* The limit of the softmax where the largest element is infinite: all of it belongs to +inf. NaN where there are two of
 * these, or none, or a NaN. */
typedef struct {
    double sign, of_others, of_infinity;
} shares;

INLINE shares find_shares(const real *x, size_t n, double sign) {
    size_t infinities = 0, nans = 0;
    for (size_t i = 0; i < n; i++) {
        infinities += sign * (double)x[i] == INFINITY;
        nans += x[i] != x[i];
    }
    int defined = infinities == 1 && nans == 0;
    return (shares){sign, defined ? 0 : NAN, defined ? 1 : NAN};
}

INLINE double share(const shares *s, real x) {
    return s->sign * (double)x == INFINITY ? s->of_infinity : s->of_others;
}

#endif
