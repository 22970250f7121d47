/* Values beyond the range of double, such as e^1000, by bounds of their logarithms.
 *
 * An enclosure with an infinite hi is such a value: lo and err are bounds, from below and above, of log2 of its
 * size, and lo is at least LEAST. Operations on one element at a time; few elements need them. */
#ifndef FA_EVALUATION_BEYOND_H
#define FA_EVALUATION_BEYOND_H

#include "evaluation/reference/elementary.h"

#define LEAST 700.0
#define MARGIN 0x1p-6 /* more than the rounding errors of logarithms below 2^1024 */
#define ROUNDING 0x1p-40

typedef struct {
    double sign, low, high; /* bounds of log2 of the size; low is -infinity where the value may be zero */
} size;

static const enclosure UNKNOWN = {0, 0, INFINITY};

static inline size size_of(enclosure a) {
    if (isinf(a.hi)) return (size){copysign(1, a.hi), a.lo, a.err};
    double m = fabs(a.hi);
    double low = m > 2 * a.err ? log2(m - a.err) - MARGIN : -INFINITY;
    return (size){copysign(1, a.hi), low, log2(m + a.err) + MARGIN};
}

/* bounds are NaN where nothing is known */
static inline enclosure of_size(double sign, double low, double high) {
    if (low >= LEAST) return (enclosure){copysign(INFINITY, sign), low, high};
    return high < 1000 ? (enclosure){0, 0, exp2(high) + UNDERFLOW_ERR} : UNKNOWN;
}

static inline enclosure product_beyond(enclosure a, enclosure b) {
    size x = size_of(a), y = size_of(b);
    if (x.high == -INFINITY || y.high == -INFINITY) return exactly(0);
    return of_size(x.sign * y.sign, x.low + y.low - MARGIN, x.high + y.high + MARGIN);
}

static inline enclosure quotient_beyond(enclosure a, enclosure b) {
    size x = size_of(a), y = size_of(b);
    if (y.low == -INFINITY) return UNKNOWN; /* perhaps a division by 0 */
    return of_size(x.sign * y.sign, x.low - y.high - MARGIN, x.high - y.low + MARGIN);
}

/* the larger one decides, unless both are of about the same size and of opposite signs */
static inline enclosure sum_beyond(enclosure a, enclosure b) {
    size x = size_of(a), y = size_of(b);
    size large = x.low >= y.low ? x : y, other = x.low >= y.low ? y : x;
    int same_sign = large.sign == other.sign && other.low > -INFINITY;
    if (!same_sign && !(other.high <= large.low - 1)) return UNKNOWN;
    double high = large.high > other.high ? large.high : other.high;
    return of_size(large.sign, large.low - 1 - MARGIN, high + 1 + MARGIN);
}

/* e^a for a > 0, or e^a - 1, or cosh a, which differ by less than a factor of 2 */
static inline enclosure exponential_beyond(enclosure a) {
    double low = isinf(a.hi) ? exp2(a.lo < 1000 ? a.lo : 1000) : a.hi - a.err;
    double high = isinf(a.hi) ? exp2(a.err) : a.hi + a.err;
    return of_size(1, low * LOG2_E * (1 - ROUNDING) - 1 - MARGIN, high * LOG2_E * (1 + ROUNDING) + MARGIN);
}

/* an argument large enough for functions that have a limit to be there */
static inline enclosure saturated(enclosure a) {
    return isinf(a.hi) ? exactly(copysign(0x1p600, a.hi)) : a;
}

#endif
