/* Direct formulas in the arrays' own type, with the pairs of math/native_pair.h; see direct.h. In float32 vectors stay full,
 * which is about twice as fast as double. */
#ifndef FA_FORMULAS_DIRECT_NATIVE_H
#define FA_FORMULAS_DIRECT_NATIVE_H

#include "formulas/direct.h"

FA_INLINE fa__native fa__native_min(fa__native x, fa__native high) { /* NaN stays */
    return x > high ? high : x;
}

FA_INLINE fa__native fa__native_max(fa__native x, fa__native low) {
    return x < low ? low : x;
}

/* constant + x P(x), P by Horner's rule; the last product exactly where `exact` */
FA_INLINE fa__native_pair fa__native_series(fa__native_pair constant, fa__native x, const fa__native *c,
                                            int n, int exact) {
    fa__native y = c[0];
#pragma GCC unroll 32
    for (int i = 1; i < n - exact; i++) y = fa__native_fma(y, x, c[i]);
    fa__native_pair product = fa__native_product(x, exact ? c[n - 1] : y);
    fa__native_pair sum = fa__native_fast_sum(constant.h, product.h);
    sum.l += exact ? constant.l + fa__native_fma(x * x, y, product.l) : constant.l;
    return sum;
}
/* The polynomial of that name, FA_NAME in double and FA_NAME_FLOAT32 in float, and its constant term as a pair */
#define FA__NATIVE_SERIES(x, NAME, exact)                                                            \
    fa__native_series(                                                                               \
        FA__NATIVE(((fa__native_pair)FA__NATIVE_CONSTANT(FA_##NAME##_FLOAT32_CONSTANT_HI,            \
                                                         FA_##NAME##_FLOAT32_CONSTANT_LO)),          \
                   ((fa__native_pair){FA_##NAME##_CONSTANT_HI, FA_##NAME##_CONSTANT_LO})),           \
        x, (const fa__native[]){FA__NATIVE(FA__LISTED(FA_##NAME##_FLOAT32), FA__LISTED(FA_##NAME))}, \
        (int)(sizeof((const fa__native[]){                                                           \
                  FA__NATIVE(FA__LISTED(FA_##NAME##_FLOAT32), FA__LISTED(FA_##NAME))}) /             \
              sizeof(fa__native)),                                                                   \
        exact)
#define FA__LISTED(...) __VA_ARGS__

#if FA_COMPENSATE
typedef fa__direct_accurate fa__native_parts;
#define fa__native_exp_accurate fa__direct_exp_accurate
#endif

/* e^x and e^x - 1 */
FA_INLINE fa__native_pair fa__native_power(fa__native_parts e) {
    fa__native h = fa__native_fma(e.power, e.p, e.power);
    return (fa__native_pair){h, fa__native_fma(e.power, e.low, fa__native_fma(e.power, e.p, e.power - h))};
}

FA_INLINE fa__native_pair fa__native_m(fa__native_parts e) {
    fa__native whole = e.power - 1, h = fa__native_fma(e.power, e.p, whole);
    fa__native l = fa__native_fma(e.power, e.low, fa__native_fma(e.power, e.p, whole - h));
    return (fa__native_pair){h, l + (e.power - (whole + 1))};
}

/* a b, also rounded, 1/b^2 and a/b */
FA_INLINE fa__native_pair fa__native_times(fa__native_pair a, fa__native_pair b) {
    fa__native_pair product = fa__native_product(a.h, b.h);
    product.l += fa__native_fma(a.h, b.l, a.l * b.h);
    return product;
}

FA_INLINE fa__native_pair fa__native_inverse_square(fa__native_pair b) {
    fa__native inverse = 1 / b.h, remainder = fa__native_fma(-inverse, b.l, fa__native_fma(-inverse, b.h, 1));
    fa__native_pair square = fa__native_product(inverse, inverse);
    square.l = fa__native_fma(2 * remainder, square.h, square.l);
    return square;
}

FA_INLINE fa__native fa__native_product_of(fa__native_pair a, fa__native_pair b) {
    return fa__native_fma(a.h, b.h, fa__native_fma(a.h, b.l, a.l * b.h));
}

FA_INLINE fa__native_pair fa__native_quotient(fa__native_pair a, fa__native_pair b) {
    fa__native inverse = 1 / b.h, y = a.h * inverse;
    fa__native remainder = fa__native_fma(-y, b.h, a.h) + fa__native_fma(-y, b.l, a.l);
    return (fa__native_pair){y, remainder * inverse};
}

/* whole + a, for whole >= a */
FA_INLINE fa__native_pair fa__native_plus(fa__native whole, fa__native_pair a) {
    fa__native_pair sum = fa__native_fast_sum(whole, a.h);
    sum.l += a.l;
    return sum;
}

/* tanh ------------------------------------------------------------------------------------------- */

#define FA__TANH_IS_1 FA__NATIVE(10, 22) /* from there on, to the last bit */
#define FA__TANH_FAR FA__NATIVE(0x1p30f, 0x1p60)

/* -tanh a = m/(2 + m), m = exp(-2 a) - 1, a = abs x */
FA_INLINE fa__native_pair fa__native_tanh(fa__native a) {
    fa__native_pair m = fa__native_m(fa__native_exp_accurate(-2 * fa__native_min(a, FA__TANH_IS_1)));
    return fa__native_quotient(m, fa__native_plus(2, m));
}

FA_INLINE fa__native tanh_forward_direct(fa__native x) {
    fa__native_pair t = fa__native_tanh(fa__native_abs(x));
    return fa__native_copysign(t.h + t.l, x);
}

FA_INLINE fa__native lisht_forward_direct(fa__native x) {
    fa__native a = fa__native_abs(x);
    fa__native_pair t = fa__native_tanh(a);
    return a > FA__TANH_FAR ? a : fa__native_abs(fa__native_fma(a, t.h, a * t.l));
}

/* x - tanh x cancels near 0: there x^3 P(x^2), for tiny floats in units of which low parts are not subnormal */
#define FA__TANH_SHRINK_NEAR FA__NATIVE(0.5f, 0.75)
FA_INLINE fa__native tanh_shrink_forward_direct(fa__native x) {
    fa__native a = fa__native_abs(x), near = fa__native_min(a, FA__TANH_SHRINK_NEAR);
    int tiny = FA__NATIVE(a < 0x1p-20f, 0);
    fa__native scaled = near * (fa__native)(tiny ? 0x1p40 : 1);
    fa__native_pair square = fa__native_product(scaled, scaled), t = fa__native_tanh(a);
    fa__native_pair cube = fa__native_product(square.h, scaled);
    cube.l = fa__native_fma(square.l, scaled, cube.l);
    fa__native series = fa__native_product_of(cube, FA__NATIVE_SERIES(near * near, TANH_SHRINK, 0));
    series *= (fa__native)(tiny ? 0x1p-120 : 1);
    fa__native_pair difference = fa__native_fast_sum(a, t.h);
    fa__native far = a > FA__TANH_FAR ? a : difference.h + (difference.l + t.l);
    return fa__native_copysign(a < FA__TANH_SHRINK_NEAR ? series : far, x);
}

FA_INLINE fa__native tanh_shrink_derivative_direct(fa__native x) {
    fa__native_pair t = fa__native_tanh(fa__native_abs(x));
    return fa__native_fma(t.h, t.h, 2 * t.h * t.l);
}

/* gaussian --------------------------------------------------------------------------------------- */

/* e^(-x^2), of which float's p has the low part of x^2 */
FA_INLINE fa__native_pair fa__native_gaussian(fa__native x) {
    fa__native_pair square = fa__native_product(-x, x);
#if FA_COMPENSATE
    fa__pair e = fa__direct_pair(fa__direct_exp(square.h));
    return (fa__pair){e.h, fa__fma(e.h, square.l, e.l)};
#else
    return fa__native_power(fa__native_exp(square));
#endif
}

FA_INLINE fa__native gaussian_forward_direct(fa__native x) {
    fa__native_pair e = fa__native_gaussian(x);
    return e.h + e.l;
}

FA_INLINE fa__native gaussian_derivative_direct(fa__native x) {
    fa__native_pair e = fa__native_gaussian(x);
    return fa__native_fma(-2 * x, e.h, -2 * x * e.l);
}

/* hard_elish ------------------------------------------------------------------------------------- */

/* right x (x + 1)/2, left of 0 x (x + 1) P(x + 1/2), where P is (e^x - 1)/(2 x) */
FA_INLINE fa__native hard_elish_forward_direct(fa__native x) {
    fa__native near = fa__native_max(fa__native_min(x, 1), -1);
    fa__native_pair factor = FA__NATIVE_SERIES(near + FA__NATIVE(0.5f, 0.5), HARD_ELISH_FACTOR, 0);
    factor = (fa__native_pair){x < 0 ? factor.h : FA__NATIVE(0.5f, 0.5), x < 0 ? factor.l : 0};
    fa__native_pair gate = fa__native_times(fa__native_fast_sum(1, near), factor);
    fa__native inside = fa__native_fma(near, gate.h, near * gate.l);
    return x >= 1 ? x : x <= -1 ? 0 : inside;
}

/* between -1 and 0 (x - r) P(x - r): right through the root r */
FA_INLINE fa__native hard_elish_derivative_direct(fa__native x) {
    const fa__native_pair root = FA__NATIVE_CONSTANT(FA_HARD_ELISH_ROOT_HI, FA_HARD_ELISH_ROOT_LO);
    fa__native near = fa__native_max(fa__native_min(x, 0), -1);
    fa__native_pair d = fa__native_fast_sum(-root.h, near);
    d.l -= root.l;
    fa__native below = fa__native_product_of(d, FA__NATIVE_SERIES(d.h, HARD_ELISH_RISE, 1));
    return x >= 1 ? 1 : x <= -1 ? 0 : x < 0 ? below : x + FA__NATIVE(0.5f, 0.5);
}

/* xielu ------------------------------------------------------------------------------------------ */

#define FA__XIELU_P (real)0.8 /* the defaults */
#define FA__XIELU_N (real)0.8
#define FA__XIELU_B (real)0.5
/* r, where f is 0, n e^r, and the root of f', log(1 - b/n) */
#define FA__XIELU_ROOT \
    {FA__NATIVE(-0x1.375ba4p+1f, -0x1.375ba510ba362p+1), FA__NATIVE(-0x1.9d4b40p-25f, 0x1.5c4c2dc7078cfp-53)}
#define FA__XIELU_WEIGHT \
    {FA__NATIVE(0x1.1fc36ap-4f, 0x1.1fc368f9045ebp-4), FA__NATIVE(0x1.7b9b5ep-29f, 0x1.ece468fda9797p-58)}
#define FA__XIELU_SLOPE_ROOT \
    {FA__NATIVE(-0x1.f62f40p-1f, -0x1.f62f40794a7b8p-1), FA__NATIVE(0x1.702b66p-27f, 0x1.8ef88c8e9bd1fp-55)}

/* e^d - 1, d = max(x, -40) - root, from where on e^x is nothing */
FA_INLINE fa__native_pair fa__native_shifted_m(fa__native_pair d) {
    fa__native_pair m = fa__native_m(fa__native_exp_accurate(fa__native_max(d.h, -40)));
    m.l = fa__native_fma(d.l, m.h + 1, m.l);
    return m;
}

/* right (p x + b) x; left n (e^d - 1) + (b - n) d, d = x, or, for x < -1.2, n e^r (e^d - 1) + (b - n) d, d = x - r: the
 * terms do not cancel where f is 0 */
FA_INLINE fa__native xielu_forward_direct(fa__native x) {
    const fa__native_pair root = FA__XIELU_ROOT, far_weight = FA__XIELU_WEIGHT;
    int far = x < -FA__NATIVE(1.2f, 1.2);
    fa__native_pair weight = {far ? far_weight.h : FA__XIELU_N, far ? far_weight.l : 0};
    fa__native_pair d = fa__native_sum(fa__native_min(x, 0), far ? -root.h : 0);
    d.l -= far ? root.l : 0;
    fa__native_pair m = fa__native_shifted_m(d), bend = fa__native_times(weight, m);
    fa__native_pair line = fa__native_product(FA__XIELU_B - FA__XIELU_N, d.h);
    line.l = fa__native_fma(FA__XIELU_B - FA__XIELU_N, d.l, line.l);
    /* the larger one first */
    fa__native_pair left = fa__native_fast_sum(far ? line.h : bend.h, far ? bend.h : line.h);
    fa__native_pair rise = fa__native_product(FA__XIELU_P, x > 0 ? x : 0); /* -0 stays -0 */
    fa__native right = fa__native_fma(rise.h, x, fa__native_fma(rise.l, x, FA__XIELU_B * x));
    return x > -FA__NATIVE(0x1p-60f, 0x1p-200) ? right : left.h + (left.l + (bend.l + line.l));
}

/* right 2 p x + b, left n (e^x - 1) + b = (n - b)(e^(x - r) - 1), r = log(1 - b/n) */
FA_INLINE fa__native xielu_derivative_direct(fa__native x) {
    const fa__native_pair root = FA__XIELU_SLOPE_ROOT;
    fa__native_pair d = fa__native_sum(fa__native_max(fa__native_min(x, 0), -45), -root.h);
    d.l -= root.l;
    fa__native_pair m = fa__native_shifted_m(d);
    fa__native left = fa__native_fma(FA__XIELU_N - FA__XIELU_B, m.h, (FA__XIELU_N - FA__XIELU_B) * m.l);
    return x > 0 ? fa__native_fma(2 * FA__XIELU_P, x, FA__XIELU_B) : left;
}

#endif
