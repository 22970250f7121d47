/* Numbers held as an unevaluated sum h + l of two doubles, and the few operations on them.
 * Must not depend on functions, activations or dtypes.
 *
 * FA_COMPENSATE 1 (float64 kernels): l holds the rounding error of h, so that a formula loses well under
 *   an ULP before its final rounding.
 * FA_COMPENSATE 0 (float32 kernels): a double has 29 bits more than the result needs; every l is
 *   omitted, and the same text compiles to plain double arithmetic.
 *
 * References: Dekker (1971), "A floating-point technique for extending the available precision";
 * Ogita, Rump and Oishi (2005), "Accurate sum and dot product".
 */
#ifndef FA_MATH_DOUBLE_DOUBLE_H
#define FA_MATH_DOUBLE_DOUBLE_H

#ifndef FA_COMPENSATE
#error "define FA_COMPENSATE as 0 or 1"
#endif
#include <float.h>

#define FA_INLINE static inline __attribute__((always_inline))

/* Plain doubles ---------------------------------------------------------------------------------- */

FA_INLINE double fa__abs(double x) {
    return __builtin_fabs(x);
}

FA_INLINE double fa__copysign(double magnitude, double sign) {
    return __builtin_copysign(magnitude, sign);
}

/* x, to be multiplied by a factor: a factor of 0 makes 0 of an infinite x too, which is the limit */
FA_INLINE double fa__under(double factor, double x) {
    return ((factor == 0) & (fa__abs(x) > DBL_MAX)) ? fa__copysign(1, x) : x;
}

FA_INLINE double fa__min(double x, double high) { /* NaN stays */
    return x > high ? high : x;
}

FA_INLINE double fa__max(double x, double low) { /* NaN stays */
    return x < low ? low : x;
}

/* Pairs ------------------------------------------------------------------------------------------- */

typedef struct {
    double h, l; /* without compensation l is never read */
} fa__pair;

/* a*b + c: one rounding where the machine has an FMA, two where it has not. Use it where both are
 * accurate enough; where the exact product matters, use fa__two_prod. */
FA_INLINE double fa__fma(double a, double b, double c) {
#ifdef FA_HAVE_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

FA_INLINE fa__pair fa__pair_of(double h) {
    return (fa__pair){h, 0.0};
}

FA_INLINE double fa__value(fa__pair a) {
#if FA_COMPENSATE
    double sum = a.h + a.l; /* -0 + 0 would be +0; where h is infinite, l is no number */
    return (a.h == 0) | (sum != sum) ? a.h : sum;
#else
    return a.h;
#endif
}

/* a + b, exactly, where abs(a) >= abs(b) or a == 0 */
FA_INLINE fa__pair fa__fast_sum(double a, double b) {
    fa__pair s = {a + b, 0.0};
#if FA_COMPENSATE
    s.l = b - (s.h - a);
#endif
    return s;
}

/* a + b, exactly, whatever FA_COMPENSATE: for the few sums that float32 needs exact too */
FA_INLINE fa__pair fa__exact_sum(double a, double b) {
    double h = a + b, t = h - a;
    return (fa__pair){h, (a - (h - t)) + (b - t)};
}

/* a + b, exactly */
FA_INLINE fa__pair fa__two_sum(double a, double b) {
#if FA_COMPENSATE
    return fa__exact_sum(a, b);
#else
    return fa__pair_of(a + b);
#endif
}

/* a * b, exactly (barring over- and underflow); without an FMA by splitting both factors */
FA_INLINE fa__pair fa__two_prod(double a, double b) {
    fa__pair p = {a * b, 0.0};
#if FA_COMPENSATE
#ifdef FA_HAVE_FMA
    p.l = __builtin_fma(a, b, -p.h);
#else
    double ca = 134217729.0 * a, ah = ca - (ca - a), al = a - ah; /* 2^27 + 1 */
    double cb = 134217729.0 * b, bh = cb - (cb - b), bl = b - bh;
    double rest = ((ah * bh - p.h) + ah * bl + al * bh) + al * bl;
    double sound = rest - rest == 0 ? rest : 0; /* splitting beyond 2^996 overflows */
    p.l = fa__abs(p.h) > 0x1p-960 ? sound : 0;  /* and near underflow its parts are rounded away */
#endif
#endif
    return p;
}

/* a x, 0 for a = 0 even where x is infinite */
FA_INLINE fa__pair fa__product(double a, double x) {
#if FA_COMPENSATE && !defined(FA_HAVE_FMA)
    /* in other units where a factor is too large to be split */
    double to_a = fa__abs(x) > 0x1p900 ? 0x1p200 : 1, to_x = fa__abs(a) > 0x1p900 ? 0x1p200 : 1;
    fa__pair z = fa__two_prod(to_x > 1 ? a * 0x1p-200 : a * to_a, to_a > to_x ? x * 0x1p-200 : x * to_x);
#else
    fa__pair z = fa__two_prod(a, x);
#endif
    double none = x == x ? 0 : x;
    return (fa__pair){a == 0 ? none : z.h, a == 0 ? 0 : z.l};
}

/* 2^k times a, for a power of two that neither over- nor underflows */
FA_INLINE fa__pair fa__times_power(fa__pair a, double power) {
    return (fa__pair){a.h * power, a.l * power};
}

/* (abs a, at most `limit`); the sign is the caller's to keep */
FA_INLINE fa__pair fa__abs_to(fa__pair a, double limit) {
    double h = fa__min(fa__abs(a.h), limit);
    return (fa__pair){h, a.h == h ? a.l : a.h == -h ? -a.l : 0.0};
}

FA_INLINE fa__pair fa__negate(fa__pair a) {
    return (fa__pair){-a.h, -a.l};
}

FA_INLINE fa__pair fa__select(int condition, fa__pair a, fa__pair b) {
    return (fa__pair){condition ? a.h : b.h, condition ? a.l : b.l};
}

/* a + b to about 2^-104 of max(abs(a), abs(b)) */
FA_INLINE fa__pair fa__add(fa__pair a, fa__pair b) {
#if FA_COMPENSATE
    fa__pair s = fa__two_sum(a.h, b.h);
    return fa__fast_sum(s.h, s.l + (a.l + b.l));
#else
    return fa__pair_of(a.h + b.h);
#endif
}

FA_INLINE fa__pair fa__add_double(fa__pair a, double b) {
#if FA_COMPENSATE
    fa__pair s = fa__two_sum(a.h, b);
    return fa__fast_sum(s.h, s.l + a.l);
#else
    return fa__pair_of(a.h + b);
#endif
}

/* a * b to about 2^-102 */
FA_INLINE fa__pair fa__mul(fa__pair a, fa__pair b) {
    fa__pair p = fa__two_prod(a.h, b.h);
#if FA_COMPENSATE
    p.l += fa__fma(a.h, b.l, a.l * b.h);
#endif
    return p;
}

FA_INLINE fa__pair fa__mul_double(fa__pair a, double b) {
    fa__pair p = fa__two_prod(a.h, b);
#if FA_COMPENSATE
    p.l = fa__fma(a.l, b, p.l);
#endif
    return p;
}

/* a / b to about 2^-98, by one division and one correction */
FA_INLINE fa__pair fa__div(fa__pair a, fa__pair b) {
#if FA_COMPENSATE
    double inverse = 1.0 / b.h;
    double q = a.h * inverse;
    fa__pair back = fa__two_prod(q, b.h);
    double rest = ((a.h - back.h) - back.l) + (a.l - q * b.l);
    return (fa__pair){q, rest * inverse};
#else
    return fa__pair_of(a.h / b.h);
#endif
}

/* a / b, also where b is so small that its inverse would overflow; 0/0 is 0 */
FA_INLINE fa__pair fa__quotient(fa__pair a, double b) {
    double unit = fa__abs(b) < 0x1p-900 ? 0x1p200 : 1;
    fa__pair q = fa__div(fa__times_power(a, unit), fa__pair_of(b * unit));
    return fa__select((a.h == 0) & (b == 0), fa__pair_of(0), q);
}

/* square root to about 2^-100 */
FA_INLINE fa__pair fa__sqrt(fa__pair a) {
    fa__pair root = {__builtin_sqrt(a.h), 0.0};
#if FA_COMPENSATE
    fa__pair back = fa__two_prod(root.h, root.h);
    double rest = ((a.h - back.h) - back.l) + a.l;
    root.l = root.h > 0 ? rest / (2 * root.h) : 0.0;
#endif
    return root;
}

/* the same of a number that may be subnormal */
FA_INLINE fa__pair fa__root_of(double a) {
    int small = a < 0x1p-900;
    return fa__times_power(fa__sqrt(fa__pair_of(small ? a * 0x1p200 : a)), small ? 0x1p-100 : 1);
}

/* Polynomials ------------------------------------------------------------------------------------- */

/* Horner's rule: c[0] x^(n-1) + ... + c[n-1]; the loop is unrolled because n is a constant */
FA_INLINE double fa__horner(double x, const double *c, int n) {
    double y = c[0];
#pragma GCC unroll 32
    for (int i = 1; i < n; i++) y = fa__fma(y, x, c[i]);
    return y;
}
#define FA_POLY(x, ...) \
    fa__horner(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* constant + x * rest, for a polynomial that must be better than one double: `rest` is its other terms */
FA_INLINE fa__pair fa__with_constant(double high, double low, double x, double rest) {
    fa__pair y = fa__fast_sum(high, x * rest);
#if FA_COMPENSATE
    y.l += low;
#else
    (void)low;
#endif
    return y;
}

/* A derivative near its root r, as (x - r) P(x - r): right through zero, where sums of terms cancel.
 * FA_NEAR_ROOT says where it holds. */
FA_INLINE double fa__through_root(fa__pair x, double root_high, double root_low, double slope_high,
                                  double slope_low, const double *c, int n) {
    fa__pair d = fa__fast_sum(x.h - root_high, -root_low);
#if FA_COMPENSATE
    d.l += x.l;
#endif
    return fa__value(fa__mul(d, fa__with_constant(slope_high, slope_low, d.h, fa__horner(d.h, c, n))));
}
#define FA_THROUGH_ROOT(x, NAME)                                                        \
    fa__through_root(x, FA_##NAME##_ROOT_HI, FA_##NAME##_ROOT_LO, FA_##NAME##_SLOPE_HI, \
                     FA_##NAME##_SLOPE_LO, (const double[]){FA_##NAME##_ROOT_POLY},     \
                     sizeof((const double[]){FA_##NAME##_ROOT_POLY}) / sizeof(double))
#define FA_NEAR_ROOT(x, NAME) (fa__abs(x - FA_##NAME##_ROOT_HI) < FA_##NAME##_ROOT_WIDTH)

#endif
