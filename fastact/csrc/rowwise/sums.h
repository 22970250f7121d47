/* The sums that a softmax needs of a row: the largest element, and exponentials relative to it.
 * For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_SUMS_H
#define FA_ROWWISE_SUMS_H

#include <math.h>

#include "rowwise/exponential.h"

/* Reductions --------------------------------------------------------------------------------------- */

typedef struct {
    double high, low; /* an unevaluated sum */
} double_pair;

INLINE double_pair two_sum(double a, double b) {
    double sum = a + b, added = sum - a;
    return (double_pair){sum, (a - (sum - added)) + (b - added)};
}

INLINE double_pair add_to_pair(double_pair p, double term) {
    double_pair sum = two_sum(p.high, term);
    sum.low += p.low;
    return sum;
}

/* The total of all lanes */
INLINE double_pair total_of(const sums *s) {
    double_pair total = {0, 0};
#if FA__REAL_IS_DOUBLE
    for (int i = 0; i < LANES; i++) {
        total = add_to_pair(total, s->sum[i]);
        total.low += s->error[i];
    }
#else
    double lanes[LANES];
    memcpy(lanes, s, sizeof lanes);
    UNROLL for (int step = LANES / 2; step > 0; step /= 2) UNROLL for (int i = 0; i < step; i++) lanes[i] +=
        lanes[i + step];
    total.high = lanes[0];
#endif
    return total;
}

INLINE double total_of_lanes(vector v) {
    double total = 0;
    for (int i = 0; i < LANES; i++) total += (double)v[i];
    return total;
}

INLINE real largest_lane(vector v) {
    real lanes[LANES];
    memcpy(lanes, &v, sizeof lanes);
    UNROLL for (int step = LANES / 2; step > 0; step /= 2) UNROLL for (int i = 0; i < step; i++) lanes[i] =
        lanes[i + step] > lanes[i] ? lanes[i + step] : lanes[i];
    return lanes[0];
}

/* s += a b; products are exact, except those of float64 without fused multiply-adds */
INLINE void add_products(sums *s, vector a, vector b) {
#if FA__REAL_IS_DOUBLE
    vector ab = a * b;
    add_to_sums(s, ab);
    s->error += a * b - ab;
#else
    half left[2], right[2];
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    s->low += __builtin_convertvector(left[0], wide) * __builtin_convertvector(right[0], wide);
    s->high += __builtin_convertvector(left[1], wide) * __builtin_convertvector(right[1], wide);
#endif
}

/* Arguments of exponentials ------------------------------------------------------------------------ */

/* How elements become arguments: sign * x/temperature */
typedef struct {
    real sign, temperature;
} scaling;

/* h - q t, exactly, for q = h/t */
INLINE vector remainder_of(vector h, vector q, real t) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return h - q * t; /* one instruction, which rounds once */
#else
    const real splitter =
        FA__REAL_IS_DOUBLE ? 0x1p27 + 1 : 0x1p12 + 1; /* the product's error: Veltkamp and Dekker */
    vector q_high = q * splitter - (q * splitter - q), q_low = q - q_high, product = q * t;
    real t_high = t * splitter - (t * splitter - t), t_low = t - t_high;
    vector error = ((q_high * t_high - product) + q_high * t_low + q_low * t_high) + q_low * t_low;
    return (h - product) - error;
#endif
}

/* (v - most)/temperature, and what its rounding lost */
INLINE vector argument(vector v, real most, const scaling *s, vector *low) {
    vector h = difference(v, all(most), low);
    if (s->temperature == 1) return h;
    vector q = h / s->temperature;
    *low = (remainder_of(h, q, s->temperature) + *low) / s->temperature;
    return q;
}

/* Elements i, i + 1, ... of a row with their sign; those beyond its end are -inf */
INLINE vector signed_elements(const real *x, size_t i, size_t n, real sign) {
    vector v = load_or(x + i, n - i, sign < 0 ? INFINITY : -INFINITY);
    return sign < 0 ? -v : v;
}

/* The largest element that is not NaN; -inf without one */
INLINE real find_most(const real *x, size_t n, real sign) {
    vector most = all(-INFINITY);
    for (size_t i = 0; i < n; i += LANES) {
        vector v = signed_elements(x, i, n, sign);
        most = choose(v > most, v, most);
    }
    return largest_lane(most);
}

/* Sums of exponentials ----------------------------------------------------------------------------- */

/* Of e^a, a the arguments of a row: `count` arguments are 0, the others add up to `rest`. Kept apart, so that log(count +
 * rest) is accurate where it is small. */
typedef struct {
    double count;
    double_pair rest;
} exponential_sums;

/* An unevaluated sum of reals */
typedef struct {
    real high, low;
} real_pair;

INLINE real_pair as_reals(double_pair p) {
    real high = (real)p.high;
    return (real_pair){high, (real)((p.high - (double)high) + p.low)};
}

/* A quotient of pairs, to about 2^-100 */
INLINE double_pair divide(double_pair p, double_pair q) {
    double quotient = p.high / q.high;
    double rest = fma(-quotient, q.high, p.high) + (p.low - quotient * q.low);
    return (double_pair){quotient, rest / q.high};
}

/* weight/(count + rest) */
INLINE real_pair share_of(double weight, const exponential_sums *s) {
    return as_reals(divide((double_pair){weight, 0}, add_to_pair(s->rest, s->count)));
}

/* (value + low) * scale, without the power, rounded once: by fused multiply-adds, or float32 in float64 */
INLINE vector product(const parts *e, real_pair scale) {
#if FA__REAL_IS_DOUBLE || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return e->value * scale.high + (e->value * scale.low + e->low * scale.high);
#else
    const double factor = (double)scale.high + (double)scale.low;
    half value[2], low[2];
    memcpy(value, &e->value, sizeof value);
    memcpy(low, &e->low, sizeof low);
    UNROLL for (int i = 0; i < 2; i++) {
        wide exact = __builtin_convertvector(value[i], wide) + __builtin_convertvector(low[i], wide);
        value[i] = __builtin_convertvector(exact * factor, half);
    }
    vector found;
    memcpy(&found, value, sizeof found);
    return found;
#endif
}

INLINE double logarithm(const exponential_sums *s) {
    double rest = s->rest.high + s->rest.low;
    return s->count == 1 ? log1p(rest) : log(s->count) + log1p(rest / s->count);
}

/* Of a row whose largest element, `most`, is finite. If `e` is not null the exponentials are stored there; if `grad` is
 * not null, *dot is the sum of grad e. */
INLINE exponential_sums sum_exponentials(const real *x, size_t n, real most, const scaling *s, real *e,
                                         const real *grad, double_pair *dot) {
    sums rest = {{0}, {0}}, products = {{0}, {0}};
    vector count = {0};
    for (size_t i = 0; i < n; i += LANES) {
        vector low, h = argument(signed_elements(x, i, n, s->sign), most, s, &low);
        const parts parts_of_e = exponential_parts(h, low);
        const vector value = parts_of_e.value * parts_of_e.power;
        lane_numbers at_most = h == 0;
        count += choose(at_most, all(1), all(0));
        add_to_sums(&rest, choose(at_most, all(0), value));
        if (e) store_up_to(e + i, value, n - i);
        if (grad) { /* terms are 0 for an infinite g, too */
            vector g = choose(value == 0, all(0), load_or(grad + i, n - i, 0));
            add_products(&products, g, value);
            add_to_sums(&products, g * (parts_of_e.low * parts_of_e.power));
        }
    }
    if (grad) *dot = total_of(&products);
    return (exponential_sums){total_of_lanes(count), total_of(&rest)};
}

/* Special rows ------------------------------------------------------------------------------------- */

/* The limit of the softmax where the largest element is infinite: all of it belongs to +inf. NaN where there are two of
 * these, or none, or a NaN. */
typedef struct {
    real sign, of_others, of_infinity;
} shares;

INLINE shares find_shares(const real *x, size_t n, real sign) {
    size_t infinities = 0, nans = 0;
    for (size_t i = 0; i < n; i++) {
        infinities += sign * x[i] == INFINITY;
        nans += x[i] != x[i];
    }
    int defined = infinities == 1 && nans == 0;
    return (shares){sign, defined ? 0 : NAN, defined ? 1 : NAN};
}

INLINE real share(const shares *s, real x) {
    return s->sign * x == INFINITY ? s->of_infinity : s->of_others;
}

#endif
