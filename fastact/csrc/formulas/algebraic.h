/* Formulas of square roots and quotients: softsign, squareplus, dish, isru and their relatives.
 * See formulas.h for the rules that all formulas follow. Must not use exponentials.
 *
 * Where x^2 would overflow, 1 + x^2 is x^2 and the root is abs x to the last bit of a pair. */
#ifndef FA_FORMULAS_ALGEBRAIC_H
#define FA_FORMULAS_ALGEBRAIC_H

#include "math/native_pair.h"

#define FA__ROOT_LIMIT 0x1p400
#define FA__QUOTIENT_LIMIT 0x1p900

/* a unit in which the square of a >= 0, that of b being the unit squared, neither over- nor underflows beside b */
FA_INLINE double fa__square_unit(double a, double b) {
    double tiny = fa__abs(b) < 0x1p-600 ? 1 / FA__ROOT_LIMIT : 0, unit = a < tiny ? 0x1p400 : 1;
    return a > FA__ROOT_LIMIT ? 0x1p-600 : unit;
}

/* sqrt(a^2 + b) for a >= 0 */
FA_INLINE fa__pair fa__hypotenuse(double a, double b) {
    double unit = fa__square_unit(a, b), near = fa__min(a, DBL_MAX) * unit;
    fa__pair root = fa__sqrt(fa__add_double(fa__two_prod(near, near), b * unit * unit));
    double inverse = unit < 1 ? 0x1p600 : unit > 1 ? 0x1p-400 : 1;
    return fa__select(b == 0, fa__pair_of(a), fa__times_power(root, inverse));
}

/* softsign --------------------------------------------------------------------------------------- */

/* a/(1 + a); 1 from some 2^54 on */
FA_INLINE fa__native softsign_forward(fa__native x) {
    fa__native a = fa__native_abs(x);
    a = a > 0x1p64f ? 0x1p64f : a;
    fa__native_pair sum = fa__native_sum(1, a);
    fa__native inverse = 1 / sum.h, q = a * inverse;
    fa__native left = fa__native_fma(-q, sum.h, a) - q * fa__native_rest(sum.l, a);
    return fa__native_copysign(fa__native_fma(left, inverse, q), x);
}

/* 1/(1 + a)^2. Far out 1 + a is taken in other units, so that what squares leave over is not subnormal, and results
 * that are subnormal are counted; from `limit` on they are 0 */
FA_INLINE fa__native softsign_derivative(fa__native x) {
    const fa__native limit = FA__NATIVE(0x1.8p75f, 0x1.8p538), start = FA__NATIVE(0x1p32f, 0x1p256),
                     unit = FA__NATIVE(0x1p-40f, 0x1p-300), smallest_in_units = FA__NATIVE(0x1p69f, 0x1p474);
    fa__native a = fa__native_abs(x), scale = a > start ? unit : 1;
    fa__native_pair sum = fa__native_sum(1, a > limit ? limit : a);
    fa__native_pair q =
        fa__native_inverse((fa__native_pair){sum.h * scale, fa__native_rest(sum.l, a) * scale});
    fa__native_pair square = fa__native_product(q.h, q.h);
    fa__native value = square.h + fa__native_fma(2 * q.h, q.l, square.l), units = value * smallest_in_units;
    int subnormal = (a > start) & (units < FA__NATIVE_SUBNORMAL);
    fa__native counted = fa__native_of_units(units), scaled = value * (subnormal ? 0 : scale * scale);
    return subnormal ? counted : scaled;
}

FA_INLINE fa__native softsign_derivative_from_output(fa__native y) {
    fa__native rest = 1 - fa__native_abs(y);
    return rest * rest;
}

/* squareplus ------------------------------------------------------------------------------------- */

/* b/(2 (r + a)), b taken in units of `unit`, since half of it may underflow */
FA_INLINE fa__pair fa__squareplus_left(fa__pair sum, double b, double unit) {
    return fa__div(fa__pair_of(b * unit), fa__times_power(sum, 2.0));
}

FA_INLINE double fa__squareplus_unit(double b) {
    return fa__abs(b) < 0x1p-500 ? 0x1p500 : 1;
}

/* right: (x + r)/2, r = sqrt(x^2 + b); left: (b/2)/(r + a), a = -x; for large a r is a */
FA_INLINE double squareplus_forward(double x, double b) {
    double a = fa__min(fa__abs(x), FA__QUOTIENT_LIMIT);
    fa__pair sum = fa__add_double(fa__hypotenuse(a, b), a);
    double unit = fa__squareplus_unit(b), far_left = b / 4 / -x;
    double left = fa__value(fa__squareplus_left(sum, b, unit)) * (unit > 1 ? 0x1p-500 : 1);
    left = b == 0 ? 0 : left;
    double right = fa__value(sum) / 2;
    return x < 0 ? (x < -FA__QUOTIENT_LIMIT ? far_left : left) : x > FA__QUOTIENT_LIMIT ? x : right;
}

/* right: (r + x)/(2 r); left: b/(2 r (r + a)); a step for b = 0 */
FA_INLINE double squareplus_derivative(double x, double b) {
    double a = fa__min(fa__abs(x), FA__QUOTIENT_LIMIT);
    fa__pair r = fa__hypotenuse(a, b), sum = fa__add_double(r, a);
    double unit = fa__squareplus_unit(b), far_left = b / 4 / x / x;
    double left = fa__value(fa__div(fa__squareplus_left(sum, b, unit), r)) * (unit > 1 ? 0x1p-500 : 1);
    double right = fa__value(fa__div(sum, r)) / 2, step = x > 0 ? 1 : 0;
    step = x == 0 ? 0.5 : step + 0 * a; /* NaN stays */
    double near = x < 0 ? left : right, found = x < -FA__QUOTIENT_LIMIT ? far_left : near;
    return b == 0 ? step : found;
}

/* 2^-k for b near 4^k, b > 0 */
FA_INLINE fa__native fa__inverse_root_unit(double b) {
    uint64_t half = ((fa__bits(b) >> 52) + 1) / 2; /* k + 512 */
    return (fa__native)fa__from_bits((1023 + 512 - half) << 52);
}

/* y^2/(y^2 + b/4), from x = y - b/(4 y); in units of which b is about 1 */
FA_INLINE fa__native squareplus_derivative_from_output(fa__native y, fa__native b) {
    const fa__native far = FA__NATIVE(0x1p30f, 0x1p300), unit = fa__inverse_root_unit(b);
    fa__native near = fa__native_abs(y) * unit,
               quarter = unit > 0 ? b * unit * unit / 4 : 1; /* infinite b: y^2 is 0 */
    near = near > far ? far : near;
    return near * near / fa__native_fma(near, near, quarter);
}

FA_INLINE double squareplus_derivative_b(double x, double b) {
    double value = fa__value(fa__div(fa__pair_of(0.25), fa__hypotenuse(fa__abs(x), b)));
    return fa__abs(x) > DBL_MAX ? 0 : value;
}

/* isru, isrlu ------------------------------------------------------------------------------------ */

/* With s = sqrt(abs alpha) and r = sqrt(1 + alpha a^2): where s a > 2^60, r is s a */
typedef struct {
    fa__pair s, steep, r; /* steep = s a */
    double far;           /* 1 or 0 */
} fa__isru_parts;

FA_INLINE fa__isru_parts fa__isru_split(double a, double alpha) {
    fa__isru_parts p = {.s = fa__root_of(fa__abs(alpha))};
    p.steep = fa__mul_double(p.s, fa__under(alpha, a));
    int far = (alpha > 0) & (p.steep.h > 0x1p60);
    p.far = far ? 1 : 0;
    double sign = alpha < 0 ? -1 : 1;
    fa__pair near = fa__select(far, fa__pair_of(1), p.steep);
    p.r = fa__sqrt(fa__add_double(fa__times_power(fa__mul(near, near), sign), 1.0));
    return p;
}

/* x/r, 1/s far out */
FA_INLINE double isru_forward(double x, double alpha) {
    double a = fa__abs(x);
    fa__isru_parts p = fa__isru_split(a, alpha);
    double value = fa__value(fa__div(fa__pair_of(p.far > 0 ? 1 : a), fa__select(p.far > 0, p.s, p.r)));
    return alpha == 0 ? x : fa__copysign(value, x);
}

/* 1/r^3 */
FA_INLINE double isru_derivative(double x, double alpha) {
    fa__isru_parts p = fa__isru_split(fa__abs(x), alpha);
    fa__pair g = fa__div(fa__pair_of(1.0), fa__select(p.far > 0, p.steep, p.r));
    return fa__value(fa__mul(fa__mul(g, g), g));
}

/* 1 + alpha x^2 = 1/(1 - alpha y^2) */
FA_INLINE fa__native isru_derivative_from_output(fa__native y, fa__native alpha) {
    fa__native rest = fa__native_fma(-alpha * y, y, 1);
    rest = rest < 0 ? 0 : rest;
    return rest * FA__NATIVE(__builtin_sqrtf, __builtin_sqrt)(rest);
}

/* -x^3/2 (1 + alpha x^2)^(-3/2) */
FA_INLINE double isru_derivative_alpha(double x, double alpha) {
    double y = isru_forward(x, alpha);
    return -0.5 * y * y * y;
}

FA_INLINE double isrlu_forward(double x, double alpha) {
    double below = isru_forward(x, alpha);
    return x >= 0 ? x : below;
}

FA_INLINE double isrlu_derivative(double x, double alpha) {
    double below = isru_derivative(x, alpha);
    return x >= 0 ? 1 : below;
}

FA_INLINE fa__native isrlu_derivative_from_output(fa__native y, fa__native alpha) {
    fa__native below = isru_derivative_from_output(y, alpha);
    return y >= 0 ? 1 : below;
}

FA_INLINE double isrlu_derivative_alpha(double x, double alpha) {
    double below = isru_derivative_alpha(x, alpha);
    return x >= 0 ? 0 : below;
}

/* dish ------------------------------------------------------------------------------------------- */

/* x/2 (1 + x/r), r = sqrt(1 + x^2); left, with a = -x: 1 - a/r = 1/(r (r + a)) */
FA_INLINE double dish_forward(double x) {
    double a = fa__min(fa__abs(x), FA__QUOTIENT_LIMIT);
    fa__pair r = fa__hypotenuse(a, 1.0), sum = fa__add_double(r, a), c = fa__div(fa__pair_of(a), r);
    double left = fa__value(fa__div(c, sum)) / -2, far_left = 0.25 / x;
    double right = fa__copysign(fa__value(fa__mul_double(fa__div(sum, r), a)) / 2, x);
    return x < 0 ? (x < -FA__QUOTIENT_LIMIT ? far_left : left) : x > FA__QUOTIENT_LIMIT ? x : right;
}

/* With c = a/r: left (1 - 2 c + c^3)/2 = (1 - c)(1 - c - c^2)/2, right (1 + 2 c - c^3)/2 */
FA_INLINE double dish_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__QUOTIENT_LIMIT);
    fa__pair r = fa__hypotenuse(a, 1.0), c = fa__div(fa__pair_of(a), r), square = fa__mul(c, c);
    fa__pair near = fa__div(fa__div(fa__pair_of(1.0), fa__add_double(r, a)), r); /* 1 - c */
    fa__pair left = fa__mul(near, fa__add(near, fa__negate(square)));
    fa__pair cubic = fa__mul(c, fa__add_double(fa__negate(square), 2.0));
    double right = fa__value(fa__add_double(cubic, 1.0)) / 2;
    return x < 0 ? fa__value(left) / 2 : right;
}

/* bent_identity ---------------------------------------------------------------------------------- */

/* (sqrt(x^2 + 1) - 1)/2 = x^2/(2 (r + 1)) */
FA_INLINE double bent_identity_forward(double x) {
    double a = fa__min(fa__abs(x), 0x1p1000);
    fa__pair r = fa__hypotenuse(a, 1.0);
    fa__pair bend = fa__mul_double(fa__div(fa__pair_of(a / 2), fa__add_double(r, 1.0)), a);
    double sum = fa__value(fa__add_double(bend, x < 0 ? -a : a));
    return a < 0x1p1000 ? (x == 0 ? x : sum) : x < 0 ? x / 2 : x * 1.5;
}

FA_INLINE double bent_identity_derivative(double x) {
    double a = fa__min(fa__abs(x), FA__QUOTIENT_LIMIT);
    fa__pair c = fa__times_power(fa__div(fa__pair_of(a), fa__hypotenuse(a, 1.0)), 0.5);
    return fa__value(fa__add_double(fa__select(x < 0, fa__negate(c), c), 1.0));
}

#endif
