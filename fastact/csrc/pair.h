/* Numbers held as an unevaluated sum h + l of two doubles, and the few operations on them.
 * Does not know any function, activation, dtype or instruction set beyond "is there an FMA".
 *
 * FA_COMPENSATE 1 (float64 kernels): l carries what h rounded away, so that a formula loses well under
 *   an ULP before its one final rounding.
 * FA_COMPENSATE 0 (float32 kernels): a double has 29 bits more than the result needs; every l is left
 *   out and the same formula text compiles to plain double arithmetic.
 *
 * References: Dekker (1971), "A floating-point technique for extending the available precision";
 * Ogita, Rump and Oishi (2005), "Accurate sum and dot product".
 */
#ifndef FA_PAIR_H
#define FA_PAIR_H

#ifndef FA_COMPENSATE
#error "define FA_COMPENSATE as 0 or 1"
#endif
#ifdef __FAST_MATH__
#error "fastact must not be compiled with -ffast-math: NaN, infinities and error terms would be lost"
#endif

#define FA_INLINE static inline __attribute__((always_inline))

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

/* the sum, rounded; -0 + 0 would lose the sign of a product that underflowed */
FA_INLINE double fa__value(fa__pair a) {
#if FA_COMPENSATE
    return a.h == 0 ? a.h : a.h + a.l;
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

/* a + b, exactly */
FA_INLINE fa__pair fa__two_sum(double a, double b) {
    fa__pair s = {a + b, 0.0};
#if FA_COMPENSATE
    double t = s.h - a;
    s.l = (a - (s.h - t)) + (b - t);
#endif
    return s;
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
    p.l = ((ah * bh - p.h) + ah * bl + al * bh) + al * bl;
#endif
#endif
    return p;
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

#endif
