/* Numbers known to lie within err of hi + lo, in double-double arithmetic.
 *
 * Every operation keeps what it can in lo, however small beside hi, and adds the size of what it drops to err. So
 * sums and quotients such as 1 - 1/(1 + e^-x) keep the digits of the small term. Independent of csrc/math. */
#ifndef FA_EVALUATION_ENCLOSURE_H
#define FA_EVALUATION_ENCLOSURE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define REF_INLINE static inline __attribute__((always_inline))

typedef struct {
    double hi, lo;
} pair; /* abs(lo) <= ulp(hi)/2 */

typedef struct {
    double hi, lo, err;
} enclosure; /* err is infinite, or NaN, where nothing is known */

#define UNDERFLOW_ERR 0x1p-1000 /* more than all roundings of subnormal numbers in one operation */
#define SLACK 0x1p-50           /* for roundings in the computation of what is dropped */

/* Exact sums and products -------------------------------------------------------------------------- */

/* a + b = hi + lo exactly (Knuth) */
REF_INLINE pair two_sum(double a, double b) {
    double s = a + b, t = s - a;
    return (pair){s, (a - (s - t)) + (b - t)};
}

/* the same for abs(a) >= abs(b), or a = 0 (Dekker) */
REF_INLINE pair fast_two_sum(double a, double b) {
    double s = a + b;
    return (pair){s, b - (s - a)};
}

/* a b = hi + lo exactly, but for underflow */
REF_INLINE pair two_prod(double a, double b) {
    double p = a * b;
    return (pair){p, __builtin_fma(a, b, -p)};
}

/* Pairs: relative error below 2^-100, for polynomials ---------------------------------------------- */

REF_INLINE pair pair_mul(pair a, pair b) {
    pair p = two_prod(a.hi, b.hi);
    return fast_two_sum(p.hi, p.lo + __builtin_fma(a.hi, b.lo, a.lo * b.hi));
}

REF_INLINE pair pair_mul_double(pair a, double b) {
    pair p = two_prod(a.hi, b);
    return fast_two_sum(p.hi, __builtin_fma(a.lo, b, p.lo));
}

/* for operands whose sum does not cancel */
REF_INLINE pair pair_add(pair a, pair b) {
    pair s = two_sum(a.hi, b.hi);
    return fast_two_sum(s.hi, s.lo + (a.lo + b.lo));
}

REF_INLINE pair pair_add_double(pair a, double b) {
    pair s = two_sum(a.hi, b);
    return fast_two_sum(s.hi, s.lo + a.lo);
}

/* sum of series[n] x^n: the tail in double, then the leading terms as pairs */
REF_INLINE pair polynomial(pair x, const double (*leading)[2], int pairs, const double *tail, int doubles) {
    double t = tail[doubles - 1];
#pragma GCC unroll 32
    for (int n = doubles - 2; n >= 0; n--) t = __builtin_fma(t, x.hi, tail[n]);
    pair sum = {t, 0};
#pragma GCC unroll 32
    for (int n = pairs - 1; n >= 0; n--) {
        pair term = n == pairs - 1 ? two_prod(sum.hi, x.hi) : pair_mul(sum, x);
        sum = pair_add((pair){leading[n][0], leading[n][1]}, term);
    }
    return sum;
}
#define SERIES(x, name) \
    polynomial(x, name, sizeof name / sizeof *name, name##_TAIL, sizeof name##_TAIL / sizeof *name##_TAIL)

/* Enclosures --------------------------------------------------------------------------------------- */

REF_INLINE enclosure exactly(double x) {
    return (enclosure){x, 0, 0};
}

REF_INLINE enclosure enclose(pair x, double err) {
    return (enclosure){x.hi, x.lo, err};
}

REF_INLINE pair middle(enclosure a) {
    return (pair){a.hi, a.lo};
}

/* a + b; what two additions of the lower parts drop is known exactly */
REF_INLINE enclosure add(enclosure a, enclosure b) {
    pair s = two_sum(a.hi, b.hi), t = two_sum(a.lo, b.lo);
    pair c = two_sum(s.lo, t.hi);
    pair v = two_sum(s.hi, c.hi);
    pair w = two_sum(t.lo, c.lo);
    pair d = two_sum(v.lo, w.hi);
    return enclose(two_sum(v.hi, d.hi), a.err + b.err + (fabs(d.lo) + fabs(w.lo)));
}

REF_INLINE enclosure negative(enclosure a) {
    return (enclosure){-a.hi, a.hi - a.hi == 0 ? -a.lo : a.lo, a.err}; /* see beyond.h for infinite hi */
}

REF_INLINE enclosure sub(enclosure a, enclosure b) {
    return add(a, negative(b));
}

REF_INLINE enclosure times_power_of_two(enclosure a, double power) {
    return (enclosure){a.hi * power, a.lo * power, a.err * power + UNDERFLOW_ERR};
}

/* a b: products of parts are exact, and so are the sums of the largest of them */
REF_INLINE enclosure mul(enclosure a, enclosure b) {
    pair p = two_prod(a.hi, b.hi), c = two_prod(a.hi, b.lo), d = two_prod(a.lo, b.hi);
    pair s = two_sum(p.lo, c.hi), t = two_sum(s.hi, d.hi);
    double q = a.lo * b.lo;
    double rest = (s.lo + t.lo) + (q + (c.lo + d.lo));
    double size = (fabs(s.lo) + fabs(t.lo)) + (fabs(q) + (fabs(c.lo) + fabs(d.lo)));
    pair u = fast_two_sum(p.hi, t.hi);
    pair v = two_sum(u.lo, rest);
    double spread = fabs(a.hi) * b.err + fabs(b.hi) * a.err + a.err * b.err;
    return enclose(fast_two_sum(u.hi, v.hi),
                   spread * (1 + 0x1p-40) + (fabs(v.lo) + SLACK * size) + UNDERFLOW_ERR);
}

/* a/b by long division: two digits of 53 bits and a rest. The first remainder is exact. */
REF_INLINE enclosure divide(enclosure a, enclosure b) {
    double q0 = a.hi / b.hi;
    pair p = two_prod(q0, b.lo);
    pair s = two_sum(__builtin_fma(-q0, b.hi, a.hi), a.lo), t = two_sum(s.hi, -p.hi);
    double rest = (s.lo + t.lo) - p.lo;
    double q1 = (t.hi + rest) / b.hi;
    double m = __builtin_fma(-q1, b.hi, t.hi), n = q1 * b.lo;
    double q2 = (m + (rest - n)) / b.hi;
    double size = 0x1p-1010 + fabs(m) + fabs(n) + (fabs(s.lo) + fabs(t.lo) + fabs(p.lo));
    pair u = fast_two_sum(q0, q1);
    pair v = two_sum(u.lo, q2);
    double dropped = fabs(v.lo) + SLACK * (fabs(q2) + size / fabs(b.hi));
    double spread = (a.err + fabs(q0) * b.err) * (1 + 0x1p-40) / (fabs(b.hi) - b.err);
    spread = b.err < fabs(b.hi) / 2 ? spread : INFINITY;
    return enclose(fast_two_sum(u.hi, v.hi), spread + dropped + UNDERFLOW_ERR);
}

/* sqrt(a), in the same way */
REF_INLINE enclosure square_root(enclosure a) {
    double s0 = __builtin_sqrt(a.hi), twice = 2 * s0;
    pair r = two_sum(__builtin_fma(-s0, s0, a.hi), a.lo);
    double s1 = (r.hi + r.lo) / twice;
    double m = __builtin_fma(-twice, s1, r.hi), n = s1 * s1;
    double s2 = (m + (r.lo - n)) / twice;
    pair u = fast_two_sum(s0, s1);
    pair v = two_sum(u.lo, s2);
    double dropped = fabs(v.lo) + SLACK * (fabs(s2) + (0x1p-1010 + fabs(m) + fabs(n) + fabs(r.lo)) / twice);
    enclosure found = enclose(fast_two_sum(u.hi, v.hi), a.err / s0 + dropped + UNDERFLOW_ERR);
    int zero = (a.hi == 0) & (a.err == 0), sure = a.err < a.hi / 2;
    found.hi = (a.hi > 0) ? found.hi : 0;
    found.lo = (a.hi > 0) ? found.lo : 0;
    found.err = zero ? 0 : sure ? found.err : INFINITY;
    return found;
}

/* Comparisons -------------------------------------------------------------------------------------- */

/* whether the sign of a, positive, zero or negative, is that of hi */
REF_INLINE int sign_known(enclosure a) {
    return (fabs(a.hi) > a.err * (1 + 0x1p-40) + fabs(a.lo)) | (fabs(a.hi) == INFINITY) |
           ((a.hi == 0) & (a.err == 0));
}

REF_INLINE enclosure unless(int undecided, enclosure a) {
    a.hi = undecided ? 0 : a.hi;
    a.lo = undecided ? 0 : a.lo;
    a.err = undecided ? INFINITY : a.err;
    return a;
}

REF_INLINE enclosure choose(int first, enclosure a, enclosure b) {
    return (enclosure){first ? a.hi : b.hi, first ? a.lo : b.lo, first ? a.err : b.err};
}

REF_INLINE enclosure where_positive(enclosure difference, enclosure a, enclosure b) {
    return unless(!sign_known(difference), choose(difference.hi > 0, a, b));
}

REF_INLINE enclosure where_not_negative(enclosure difference, enclosure a, enclosure b) {
    return unless(!sign_known(difference), choose(difference.hi >= 0, a, b));
}

/* the larger one; if that is not known, the error of either */
REF_INLINE enclosure maximum(enclosure a, enclosure b) {
    enclosure d = sub(a, b);
    d.hi = d.hi - d.hi == 0 ? d.hi : a.hi - b.hi; /* infinite ones, see beyond.h */
    enclosure found = choose(d.hi > 0, a, b);
    double either = a.err > b.err ? a.err : b.err;
    int known = sign_known(d), both_finite = (fabs(a.hi) < INFINITY) & (fabs(b.hi) < INFINITY);
    found.err = known ? found.err : either;
    return unless(!known & !both_finite, found);
}

REF_INLINE enclosure minimum(enclosure a, enclosure b) {
    return negative(maximum(negative(a), negative(b)));
}

REF_INLINE enclosure absolute(enclosure a) {
    return choose(a.hi < 0, negative(a), a);
}

REF_INLINE enclosure sign(enclosure a) {
    return unless(!sign_known(a), exactly((a.hi > 0) - (a.hi < 0)));
}

#endif
