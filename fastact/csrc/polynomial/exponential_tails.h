/* Exponential tails: float64 f beyond the cover of a table, where f approaches a line or a constant exponentially.
 *
 *     f(x) = base + line x + sign e (A(e) + u B(e)),  e = exp(-rate u),  u = |x|
 *
 * A and B are short polynomials, fitted by tools/polynomials/exponential_tails.py. e is computed as T (1 + q) 2^n
 * with T one of sixteen powers of two, so that q is small and so are its rounding errors; the terms of A and B beyond
 * the first ones are small too. One rounding of the sum and one of the product remain, which is within the bounds of
 * float64.
 *
 * This file must not depend on any activation.
 */
#ifndef FA_POLYNOMIAL_EXPONENTIAL_TAILS_H
#define FA_POLYNOMIAL_EXPONENTIAL_TAILS_H

#include "math/coefficients.h"
#include "polynomial/vectors.h"

#define FA__TAIL_TERMS 8

typedef struct {
    int sign; /* of the exponential; 0 without a tail on this side */
    real base, line, low, a[FA__TAIL_TERMS], b[FA__TAIL_TERMS]; /* low is the rounding error of a[0] */
} fa__exponential_tail;

typedef struct {
    int a_terms, b_terms, exact_product; /* exact_product: rate u is exact */
    real rate;
    /* of negative and of other x; equal apart from signs and lines where possible */
    fa__exponential_tail side[2];
} fa__exponential_tails;

/* A number for the side of x: a constant where both sides agree. */
#define FA__OF_SIDES(x, negative, other) \
    ((negative) == (other) ? FA__ALL(other) : fa__by_sign(x, FA__ALL(negative), FA__ALL(other)))
#define FA__OF_SIDE(t, x, member) FA__OF_SIDES(x, (t)->side[0].member, (t)->side[1].member)
#define FA__EITHER(t, member) ((t)->side[0].member != 0 || (t)->side[1].member != 0)

/* 0 as an addend that leaves a term of -0 as it is: an underflown exponential keeps its sign */
FA_INLINE real fa__addend(real number) {
    return number == 0 ? (real)-0.0 : number;
}

/* e^z = (most + rest) 2^exponent. n is z log2(e) rounded to a multiple of 1/16: its fraction is in `most` and `rest`,
 * its integer part is the exponent. */
typedef struct {
    fa__reals most, rest, n;
    fa__ints exponent; /* added to the bits of a number; at least FA__LEAST_EXPONENT */
} fa__split_power;
#define FA__LEAST_EXPONENT (-1000.0)

FA_INLINE fa__split_power fa__exponential(fa__reals z, const fa__reals *z_error) {
    static const FA__ALIGNED double most[] = {FA_SIXTEENTHS_HI}, rest[] = {FA_SIXTEENTHS_LO};
    const double c[] = {FA_EXP_SIXTEENTH_POLY}, rounder = 0x1.8p48; /* the unit of its last place is 1/16 */
    fa__reals shifted = FA__FMA(z, FA__ALL(FA_LOG2_E), FA__ALL(rounder)), n = shifted - rounder;
    fa__reals r = FA__FMA(n, FA__ALL(-FA_LN2_LO), FA__FMA(n, FA__ALL(-FA_LN2_HI), z));
    if (z_error) r += *z_error;
    fa__reals square = r * r, p = FA__FMA(r, FA__ALL(c[0]), FA__ALL(c[1]));
#pragma GCC unroll 4
    for (size_t i = 2; i < sizeof c / sizeof *c; i += 2) /* two terms a step halve the dependency chain */
        p = FA__FMA(p, square, FA__FMA(r, FA__ALL(c[i]), FA__ALL(c[i + 1])));
    fa__reals q = FA__FMA(square, p, r); /* e^r - 1 */
    fa__reals power = fa__coefficient(fa__load_coefficients(most), (fa__ints)shifted, z, 0, 0);
    fa__reals low =
        FA__FMA(power, q, fa__coefficient(fa__load_coefficients(rest), (fa__ints)shifted, z, 0, 0));
    fa__ints sixteenths = (fa__ints)_mm512_max_pd(shifted, FA__ALL(FA__LEAST_EXPONENT + rounder));
    return (fa__split_power){power, low, n, (fa__ints)((fa__words)(sixteenths & -16) << 48)};
}

/* v 2^exponent, by a sum of bits modulo 2^64: v may be negative */
FA_INLINE fa__reals fa__add_exponent(fa__reals v, const fa__split_power *power) {
    return (fa__reals)((fa__words)v + (fa__words)power->exponent);
}

/* sum * by + term, or the term alone at the first step */
FA_INLINE fa__reals fa__horner_step(fa__reals sum, fa__reals by, fa__reals term, int first) {
    if (first) return term;
    return FA__FMA(sum, by, term);
}

FA_INLINE fa__reals fa__exponential_tail_value(const fa__exponential_tails *t, fa__reals x) {
    const fa__ints sign_bit = (fa__ints)FA__ALL(-0.0f);
    fa__reals u = (fa__reals)((fa__ints)x & ~sign_bit), z = u * -t->rate, none = FA__ALL(0);
    fa__reals error = FA__FMA(u, FA__ALL(-t->rate), -z);
    fa__split_power power = fa__exponential(z, t->exact_product ? 0 : &error);
    fa__reals e = fa__add_exponent(power.most + power.rest, &power), small = none, b = none;
#pragma GCC unroll 8
    for (int i = t->a_terms - 1; i > 0; i--)
        small = fa__horner_step(small, e, FA__OF_SIDE(t, x, a[i]), i == t->a_terms - 1);
#pragma GCC unroll 8
    for (int i = t->b_terms - 1; i > 0; i--)
        b = fa__horner_step(b, e, FA__OF_SIDE(t, x, b[i]), i == t->b_terms - 1);
    if (t->b_terms > 1) small = fa__horner_step(b, u, small, 0);
    small *= e;
    if (FA__EITHER(t, low)) small += FA__OF_SIDE(t, x, low);
    fa__reals large = FA__OF_SIDE(t, x, a[0]);
    if (FA__EITHER(t, b[0]))
        large = FA__FMA(u, FA__OF_SIDE(t, x, b[0]), large); /* exact if a[0] is 0 and b[0] is 1 */
    fa__reals product = FA__FMA(power.most, large, FA__FMA(power.most, small, power.rest * (large + small)));
    fa__reals found = fa__add_exponent(product, &power);
    if (__builtin_expect(fa__at_most(power.n, FA__LEAST_EXPONENT) != 0, 0))
        found = fa__scaled_by(product, power.n);
    fa__reals left = FA__ALL(t->side[0].sign < 0 ? -0.0 : 0.0),
              right = FA__ALL(t->side[1].sign < 0 ? -0.0 : 0.0);
    found = (fa__reals)((fa__ints)found ^ (fa__ints)fa__by_sign(x, left, right));
    if (FA__EITHER(t, base))
        found = FA__OF_SIDES(x, fa__addend(t->side[0].base), fa__addend(t->side[1].base)) + found;
    if (FA__EITHER(t, line)) /* x times 0 is -0 on the left, and so is x times -0 on the right */
        found = FA__FMA(x, FA__OF_SIDES(x, t->side[0].line, fa__addend(t->side[1].line)), found);
    return found;
}

#endif
