/* Direct formulas of square roots and quotients, for the default parameters; see direct.h. They are written in the arrays'
 * own type, with one residual for each root and quotient:
 *
 *     1 + z^2 = sum + low;  sqrt(1 + z^2) = root (1 + rest/(2 root^2));  1/a = q (1 + left),  left = 1 - q a
 *
 * The last product of each is an fma, so that results are rounded once. `low` is exact up to where the 1 is below the last
 * place of the sum: for abs z < 2^26 (float32: 2^11.99). */
#ifndef FA_FORMULAS_DIRECT_ALGEBRAIC_H
#define FA_FORMULAS_DIRECT_ALGEBRAIC_H

#include "formulas/direct.h"
#include "math/native_pair.h"

#define FA__DISH_ROOT -0x1.92826ef258d1bp-1 /* where f' is 0 */

/* x, or 0 where x^2 is negligible beside x: it would be subnormal, which is slow */
FA_INLINE fa__native fa__direct_not_tiny(fa__native x) {
    return fa__native_abs(x) < FA__NATIVE(0x1p-40f, 0x1p-300) ? 0 : x;
}

/* 1/(h + l), as q and what is left of 1 */
typedef struct {
    fa__native q, left;
} fa__direct_inverse;

FA_INLINE fa__direct_inverse fa__direct_inverse_of(fa__native_pair a) {
    fa__native q = 1 / a.h;
    return (fa__direct_inverse){q, fa__native_fma(-q, a.l, fa__native_fma(-q, a.h, 1))};
}

/* a q (1 + left) */
FA_INLINE fa__native fa__direct_by(fa__native a, fa__direct_inverse b) {
    return fa__native_fma(a, b.q, a * b.q * b.left);
}

/* 1 + z^2 */
FA_INLINE fa__native_pair fa__direct_one_and_square(fa__native z) {
    fa__native sum = fa__native_fma(z, z, 1);
    return (fa__native_pair){sum, fa__native_fma(z, z, 1 - sum)};
}

/* 1 + z^2 = sum.h + sum.l = root^2 + rest */
typedef struct {
    fa__native_pair sum;
    fa__native root, rest;
} fa__direct_root;

FA_INLINE fa__direct_root fa__direct_root_of(fa__native z) {
    fa__native_pair sum = fa__direct_one_and_square(z);
    fa__native root = FA__NATIVE(__builtin_sqrtf, __builtin_sqrt)(sum.h);
    return (fa__direct_root){sum, root, fa__native_fma(-root, root, sum.h) + sum.l};
}

/* 1/sqrt(1 + z^2) */
FA_INLINE fa__direct_inverse fa__direct_inverse_root(fa__direct_root r) {
    fa__native q = 1 / r.root, left = fa__native_fma(-q, r.root, 1);
    return (fa__direct_inverse){q, fa__native_fma(q * q, r.rest / -2, left)};
}

/* 1/a for a > 0, to 6 %: the exponent with its sign changed, the bits below it likewise */
FA_INLINE fa__native fa__direct_rough_inverse(fa__native a) {
    FA__NATIVE(uint32_t, uint64_t) bits;
    memcpy(&bits, &a, sizeof bits);
    bits = FA__NATIVE(0x7ef311c7u, 0x7fde6238502484ba) - bits;
    memcpy(&a, &bits, sizeof a);
    return a;
}

/* arctan ----------------------------------------------------------------------------------------- */

/* 1/(1 + x^2) */
FA_INLINE fa__native arctan_derivative_direct(fa__native x) {
    return fa__direct_by(1, fa__direct_inverse_of(fa__direct_one_and_square(fa__direct_not_tiny(x))));
}

/* softsign --------------------------------------------------------------------------------------- */

/* 1/(1 + a), a = abs x; `low` is exact for a < 2^53 (float32: 2^24) */
FA_INLINE fa__direct_inverse fa__direct_softsign(fa__native x) {
    fa__native a = fa__native_abs(x), sum = 1 + a;
    return fa__direct_inverse_of((fa__native_pair){sum, a - (sum - 1)});
}

FA_INLINE fa__native softsign_forward_direct(fa__native x) {
    fa__direct_inverse b = fa__direct_softsign(x);
    b.left = fa__native_rest(b.left, x);
    return fa__direct_by(x, b);
}

/* 1/(1 + a)^2 */
FA_INLINE fa__native softsign_derivative_direct(fa__native x) {
    fa__direct_inverse b = fa__direct_softsign(x);
    return fa__native_fma(b.q, b.q, b.q * b.q * (2 * b.left));
}

/* isru, isrlu ------------------------------------------------------------------------------------ */

/* x/r, r = sqrt(1 + x^2) */
FA_INLINE fa__native isru_forward_direct(fa__native x) {
    fa__direct_inverse g = fa__direct_inverse_root(fa__direct_root_of(fa__direct_not_tiny(x)));
    return fa__direct_by(x, g);
}

/* 1/r^3 */
FA_INLINE fa__native isru_derivative_direct(fa__native x) {
    fa__direct_inverse g = fa__direct_inverse_root(fa__direct_root_of(fa__direct_not_tiny(x)));
    fa__native_pair square = fa__native_product(g.q, g.q);
    return fa__native_fma(square.h, g.q, g.q * fa__native_fma(3 * g.left, square.h, square.l));
}

FA_INLINE fa__native isrlu_forward_direct(fa__native x) {
    fa__native below = isru_forward_direct(x);
    return x >= 0 ? x : below;
}

FA_INLINE fa__native isrlu_derivative_direct(fa__native x) {
    fa__native below = isru_derivative_direct(x);
    return x >= 0 ? 1 : below;
}

/* bent_identity ---------------------------------------------------------------------------------- */

/* x + (r - 1)/2; r is its root and half of rest/root */
FA_INLINE fa__native bent_identity_forward_direct(fa__native x) {
    fa__direct_root r = fa__direct_root_of(fa__direct_not_tiny(x));
    fa__direct_inverse g = fa__direct_inverse_root(r);
    fa__native_pair sum = fa__native_fast_sum(x, (r.root - 1) / 2);
    fa__native y = sum.h + fa__native_fma(r.rest / 4, g.q, sum.l);
    return fa__native_copysign(y, x);
}

/* 1 + x/(2 r) */
FA_INLINE fa__native bent_identity_derivative_direct(fa__native x) {
    fa__direct_inverse g = fa__direct_inverse_root(fa__direct_root_of(fa__direct_not_tiny(x)));
    return 1 + fa__direct_by(x / 2, g);
}

/* squareplus, dish -------------------------------------------------------------------------------- */

/* 1/(r (r + a)) = 1 - a/r, r = sqrt(1 + a^2); r a <= r^2. The low part of r is rest/(2 r), 1/r = (r + a) q. */
FA_INLINE fa__direct_inverse fa__direct_bend(fa__native a) {
    fa__direct_root r = fa__direct_root_of(a);
    fa__native_pair side = fa__native_product(a, r.root), bottom = fa__native_fast_sum(r.sum.h, side.h);
    fa__native low = bottom.l + (r.sum.l + side.l), more = r.rest / 2 * a * (r.root + a), q = 1 / bottom.h;
    return (fa__direct_inverse){
        q, fa__native_fma(-q, fa__native_fma(q, more, low), fa__native_fma(-q, bottom.h, 1))};
}

/* f for b = 4, z = x/2, t = sqrt(1 + z^2) + abs z: right t, left 1/t */
FA_INLINE fa__native squareplus_forward_direct(fa__native x) {
    fa__native z = fa__direct_not_tiny(fa__native_abs(x) / 2);
    fa__direct_root r = fa__direct_root_of(z);
    fa__native_pair t = fa__native_fast_sum(r.root, z);
    t.l += fa__direct_rough_inverse(r.root) * (r.rest / 2);
    fa__native left = fa__direct_by(1, fa__direct_inverse_of(t)), right = t.h + t.l;
    return x < 0 ? left : right;
}

/* left (1 - a/r)/2, right 1 minus that of -x */
FA_INLINE fa__native squareplus_derivative_direct(fa__native x) {
    fa__native left = fa__direct_by(0.5f, fa__direct_bend(fa__direct_not_tiny(fa__native_abs(x) / 2)));
    return x < 0 ? left : 1 - left;
}

/* left x/2 (1 - a/r), right x minus that of -x */
FA_INLINE fa__native dish_forward_direct(fa__native x) {
    fa__native left = fa__direct_by(x / 2, fa__direct_bend(fa__direct_not_tiny(fa__native_abs(x))));
    return x <= 0 ? left : x - left;
}

/* With n = 1 - a/r = q (1 + left): left n s/2, s = n (3 - n) - 1, right 1 minus that of -x */
FA_INLINE fa__native dish_derivative_direct(fa__native x) {
    fa__direct_inverse n = fa__direct_bend(fa__direct_not_tiny(fa__native_abs(x)));
    fa__native rise = 3 - n.q, half = n.q / 2;
    fa__native_pair product = fa__native_product(n.q, rise), s = fa__native_fast_sum(-1, product.h);
    fa__native low = s.l + fa__native_fma(n.q, (3 - rise) - n.q, product.l);
    fa__native by_left = half * fa__native_fma(n.q, rise - n.q, s.h); /* s' = 3 - 2 n */
    fa__native left = fa__native_fma(half, s.h, fa__native_fma(by_left, n.left, half * low));
    return x < 0 ? left : 1 - left;
}

#endif
