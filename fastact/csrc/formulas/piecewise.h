/* Piecewise linear and quadratic formulas: relu and its relatives, shrinks, steps, clips.
 * See formulas.h for the rules that all formulas follow. Must not use exponentials.
 *
 * Selects are written one after the other, with NaN last: nested ones would take twice as many comparisons. */
#ifndef FA_FORMULAS_PIECEWISE_H
#define FA_FORMULAS_PIECEWISE_H

#include <math.h>

#include "math/coefficients.h"
#include "math/native_pair.h"

/* value inside, 0 outside; NaN where x is */
FA_INLINE real fa__inside(int condition, real value, real x) {
    real found = condition ? value : 0;
    return x == x ? found : x;
}

/* found, or the bound if that is NaN: comparisons with it, which are false, decide nothing */
FA_INLINE real fa__bounded(real found, real bound) {
    return bound == bound ? found : bound;
}

/* min(max(x, low), high), NaN staying */
FA_INLINE real fa__clip(real x, real low, real high) {
    real raised = x < low ? low : x;
    real clipped = raised > high ? high : raised;
    return fa__bounded(fa__bounded(clipped, low), high);
}

/* identity --------------------------------------------------------------------------------------- */

FA_INLINE real identity_forward(real x) {
    return x;
}

FA_INLINE real identity_derivative(real x) {
    return x == x ? 1 : x;
}

FA_INLINE real identity_derivative_from_output(real y) {
    return identity_derivative(y);
}

/* relu ------------------------------------------------------------------------------------------- */

FA_INLINE real relu_forward(real x) {
    return x <= 0 ? 0 : x;
}

FA_INLINE real relu_derivative(real x) {
    return fa__inside(x > 0, 1, x);
}

FA_INLINE real relu_derivative_from_output(real y) {
    return relu_derivative(y);
}

/* relu6, clipped_relu ---------------------------------------------------------------------------- */

FA_INLINE real clipped_relu_forward(real x, real max_value) {
    real rectified = relu_forward(x);
    return fa__bounded(rectified > max_value ? max_value : rectified, max_value);
}

FA_INLINE real clipped_relu_derivative(real x, real max_value) {
    return fa__bounded(fa__inside((x > 0) & (x < max_value), 1, x), max_value);
}

FA_INLINE real clipped_relu_derivative_from_output(real y, real max_value) {
    return clipped_relu_derivative(y, max_value);
}

FA_INLINE real relu6_forward(real x) {
    return clipped_relu_forward(x, 6);
}

FA_INLINE real relu6_derivative(real x) {
    return clipped_relu_derivative(x, 6);
}

FA_INLINE real relu6_derivative_from_output(real y) {
    return relu6_derivative(y);
}

/* leaky_relu, prelu, rrelu: a line on each side --------------------------------------------------- */

/* slope x for x <= 0: at -infinity the limit, which is 0 if the slope is */
FA_INLINE real fa__left_line(real slope, real x) {
    const real largest = sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX;
    real least = slope == 0 ? -largest : -(real)INFINITY;
    return slope * (x < least ? least : x);
}

/* one slope on each side; NaN where x is */
FA_INLINE real fa__either(int right, real left_slope, real x) {
    real found = right ? 1 : left_slope;
    return x == x ? found : x;
}

FA_INLINE real leaky_relu_forward(real x, real negative_slope) {
    return x > 0 ? x : fa__left_line(negative_slope, x);
}

FA_INLINE real leaky_relu_derivative(real x, real negative_slope) {
    return fa__either(x > 0, negative_slope, x);
}

FA_INLINE real leaky_relu_derivative_from_output(real y, real negative_slope) {
    return leaky_relu_derivative(y, negative_slope);
}

FA_INLINE real prelu_forward(real x, real weight) {
    return leaky_relu_forward(x, weight);
}

FA_INLINE real prelu_derivative(real x, real weight) {
    return leaky_relu_derivative(x, weight);
}

FA_INLINE real prelu_derivative_from_output(real y, real weight) {
    return leaky_relu_derivative(y, weight);
}

FA_INLINE real prelu_derivative_weight(real x, real weight) {
    (void)weight;
    return x > 0 ? 0 : x;
}

FA_INLINE real rrelu_forward(real x, real slope) {
    return x >= 0 ? x : fa__left_line(slope, x);
}

FA_INLINE real rrelu_derivative(real x, real slope) {
    return fa__either(x >= 0, slope, x);
}

FA_INLINE real rrelu_derivative_from_output(real y, real slope) {
    return rrelu_derivative(y, slope);
}

/* threshold, thresholded_relu -------------------------------------------------------------------- */

FA_INLINE real threshold_forward(real x, real threshold, real value) {
    return fa__bounded(x <= threshold ? value : x, threshold);
}

FA_INLINE real threshold_derivative(real x, real threshold, real value) {
    (void)value;
    return fa__bounded(fa__inside(x > threshold, 1, x), threshold);
}

FA_INLINE real thresholded_relu_forward(real x, real alpha) {
    return threshold_forward(x, alpha, 0);
}

FA_INLINE real thresholded_relu_derivative(real x, real alpha) {
    return threshold_derivative(x, alpha, 0);
}

FA_INLINE real thresholded_relu_derivative_from_output(real y, real alpha) {
    return thresholded_relu_derivative(y, alpha);
}

/* hard_tanh -------------------------------------------------------------------------------------- */

FA_INLINE real hard_tanh_forward(real x, real min_value, real max_value) {
    return fa__clip(x, min_value, max_value);
}

FA_INLINE real hard_tanh_derivative(real x, real min_value, real max_value) {
    real found = fa__inside((x > min_value) & (x < max_value), 1, x);
    return fa__bounded(fa__bounded(found, min_value), max_value);
}

FA_INLINE real hard_tanh_derivative_from_output(real y, real min_value, real max_value) {
    return hard_tanh_derivative(y, min_value, max_value);
}

/* soft_shrink, hard_shrink ----------------------------------------------------------------------- */

FA_INLINE real soft_shrink_forward(real x, real lambd) {
    real above = x - lambd, below = x + lambd;
    return fa__bounded(x > lambd ? above : x < -lambd ? below : x == x ? 0 : x, lambd);
}

FA_INLINE real soft_shrink_derivative(real x, real lambd) {
    return fa__bounded(fa__inside((x > lambd) | (x < -lambd), 1, x), lambd);
}

FA_INLINE real soft_shrink_derivative_from_output(real y, real lambd) {
    return fa__bounded(fa__inside((y > 0) | (y < 0), 1, y), lambd);
}

FA_INLINE real hard_shrink_forward(real x, real lambd) {
    return fa__bounded(fa__inside((x > lambd) | (x < -lambd), x, x), lambd);
}

FA_INLINE real hard_shrink_derivative(real x, real lambd) {
    return soft_shrink_derivative(x, lambd);
}

FA_INLINE real hard_shrink_derivative_from_output(real y, real lambd) {
    return soft_shrink_derivative_from_output(y, lambd);
}

/* abs, sign, step -------------------------------------------------------------------------------- */

FA_INLINE real sign_forward(real x) {
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}

FA_INLINE real sign_derivative(real x) {
    return fa__inside(0, 0, x);
}

FA_INLINE real sign_derivative_from_output(real y) {
    return fa__inside(0, 0, y);
}

FA_INLINE real abs_forward(real x) {
    return x < 0 ? -x : x == 0 ? 0 : x;
}

FA_INLINE real abs_derivative(real x) {
    return sign_forward(x);
}

FA_INLINE real step_forward(real x) {
    return fa__inside(x > 0, 1, x);
}

FA_INLINE real step_derivative(real x) {
    return fa__inside(0, 0, x);
}

FA_INLINE real step_derivative_from_output(real y) {
    return fa__inside(0, 0, y);
}

/* hard_swish, hard_mish -------------------------------------------------------------------------- */

/* a/6: a product is four times as fast as a division */
FA_INLINE fa__native_pair fa__sixth(fa__native_pair a) {
    const fa__native_pair sixth = FA__NATIVE_CONSTANT(FA_INV_6_HI, FA_INV_6_LO);
    fa__native_pair w = fa__native_product(a.h, sixth.h);
    w.l = fa__native_fma(a.l, sixth.h, fa__native_fma(a.h, sixth.l, w.l));
    return w;
}

/* x (3 + x)/6. Sums are exact wherever they are used: 3 is a multiple of the last place of x, and of 2 x. */
FA_INLINE fa__native hard_swish_forward(fa__native x) {
    fa__native_pair gate = fa__sixth(fa__native_fast_sum(3, x));
    fa__native middle = fa__native_fma(gate.h, x, fa__native_rest(gate.l, x) * x);
    fa__native right = x >= 3 ? x : middle;
    return x <= -3 ? 0 : right;
}

FA_INLINE fa__native hard_swish_derivative(fa__native x) {
    fa__native_pair middle = fa__sixth(fa__native_fast_sum(3, 2 * x));
    fa__native right = x >= 3 ? 1 : middle.h + middle.l;
    return x <= -3 ? 0 : right;
}

FA_INLINE double hard_mish_forward(double x) {
    double inside = fa__min(x, 0);
    double middle = fa__value(fa__mul_double(fa__two_sum(inside, 2.0), inside)) / 2;
    double right = x >= 0 ? x : middle;
    return x <= -2 ? 0 : right;
}

FA_INLINE real hard_mish_derivative(real x) {
    real middle = x + 1;
    real right = x >= 0 ? 1 : middle;
    return x <= -2 ? 0 : right;
}

/* square, relu_squared, star_relu ---------------------------------------------------------------- */

FA_INLINE real square_forward(real x) {
    return x * x;
}

FA_INLINE real square_derivative(real x) {
    return 2 * x;
}

FA_INLINE real relu_squared_forward(real x) {
    real rectified = relu_forward(x);
    return rectified * rectified;
}

FA_INLINE real relu_squared_derivative(real x) {
    return 2 * relu_forward(x);
}

FA_INLINE double relu_squared_derivative_from_output(double y) {
    return 2 * __builtin_sqrt(y);
}

/* squares beyond this would overflow; the offset is far below their last bit */
#define FA__SQUARE_LIMIT 0x1p400

FA_INLINE double star_relu_forward(double x, double scale, double offset) {
    double rectified = x <= 0 ? 0 : x;
    double near = fa__min(rectified, FA__SQUARE_LIMIT);
    /* a tiny x meets a large scale first, a large x a tiny one last */
    fa__pair product = fa__two_prod(near, near < 1 ? scale : near);
    fa__pair square = fa__mul_double(product, near < 1 ? near : scale);
    double sum = fa__value(fa__add_double(square, offset));
    double root = fa__under(scale, rectified), far = scale * root * root + offset;
    return (rectified > FA__SQUARE_LIMIT) | (sum != sum) ? far : sum;
}

/* 2 scale x, the factor 2 where it does not overflow alone */
FA_INLINE double star_relu_derivative(double x, double scale, double offset) {
    (void)offset;
    double rectified = x <= 0 ? 0 : fa__under(scale, x);
    return (rectified < 1 ? scale : 2 * scale) * (rectified < 1 ? 2 * rectified : rectified);
}

FA_INLINE real star_relu_derivative_scale(real x, real scale, real offset) {
    (void)scale, (void)offset;
    return relu_squared_forward(x);
}

FA_INLINE real star_relu_derivative_offset(real x, real scale, real offset) {
    (void)scale, (void)offset;
    return identity_derivative(x);
}

/* sparse_plus, sparse_sigmoid: a parabola between lines, and its slope ------------------------------ */

FA_INLINE double sparse_plus_forward(double x) {
    fa__pair shifted = fa__two_sum(fa__min(x, 1), 1.0);
    double middle = fa__value(fa__mul(shifted, shifted)) / 4;
    double right = x >= 1 ? x : middle;
    return x <= -1 ? 0 : right;
}

FA_INLINE real sparse_plus_derivative(real x) {
    real middle = (x + 1) / 2, right = x >= 1 ? 1 : middle;
    return x <= -1 ? 0 : right;
}

FA_INLINE double sparse_plus_derivative_from_output(double y) {
    return y <= 0 ? 0 : y >= 1 ? 1 : __builtin_sqrt(y);
}

FA_INLINE real sparse_sigmoid_forward(real x) {
    return sparse_plus_derivative(x);
}

FA_INLINE real sparse_sigmoid_derivative(real x) {
    return fa__inside((x > -1) & (x < 1), (real)0.5, x);
}

FA_INLINE real sparse_sigmoid_derivative_from_output(real y) {
    return fa__inside((y > 0) & (y < 1), (real)0.5, y);
}

/* sqnl: x (1 - abs x/4), +-1 beyond 2 ------------------------------------------------------------- */

FA_INLINE double sqnl_forward(double x) {
    double a = fa__min(fa__abs(x), 2);
    double inside = fa__value(fa__mul_double(fa__two_sum(1.0, -a / 4), a));
    return fa__copysign(inside, x);
}

FA_INLINE real sqnl_derivative(real x) {
    real a = x < 0 ? -x : x;
    real inside = 1 - a / 2;
    return a >= 2 ? 0 : inside;
}

#endif
