/* Piecewise linear and quadratic formulas: relu and its relatives, shrinks, steps, clips.
 * See formulas.h for the rules that all formulas follow. Must not use exponentials.
 *
 * Selects are written one after the other, with NaN last: nested ones would take twice as many comparisons.
 *
 * Where f' has two values, or is constant, NAME_backward is grad f'(x), 0 where f' is 0; NAME_backward_from_output is the same
 * for y, where it differs. */
#ifndef FA_FORMULAS_PIECEWISE_H
#define FA_FORMULAS_PIECEWISE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "math/coefficients.h"
#include "math/native_pair.h"

#if FA__REAL_IS_DOUBLE
typedef uint64_t fa__real_bits;
#else
typedef uint32_t fa__real_bits;
#endif

FA_INLINE fa__real_bits fa__bits_of_real(real x) {
    fa__real_bits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

FA_INLINE real fa__real_of_bits(fa__real_bits bits) {
    real x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* value where the condition holds, 0 elsewhere; NaN where `unordered` is true: by masks, but for float64 on SSE2 */
FA_INLINE real fa__masked(int condition, real value, int unordered) {
#if FA__REAL_IS_DOUBLE && !defined(FA_HAVE_FMA)
    real found = condition ? value : 0;
    return unordered ? (real)NAN : found;
#else
    return fa__real_of_bits((fa__bits_of_real(value) & -(fa__real_bits)condition) |
                            -(fa__real_bits)unordered);
#endif
}

/* value inside, 0 outside; NaN where x is */
FA_INLINE real fa__inside(int condition, real value, real x) {
    return fa__masked(condition, value, x != x);
}

/* grad * d, but 0 where d is 0: a dead or saturated unit passes nothing on, not even infinity */
FA_INLINE real fa__chain(real grad, real d) {
    real product = grad * d;
    return d == 0 ? 0 : product;
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

FA_INLINE real identity_backward(real grad, real x) {
    return fa__inside(1, grad, x);
}

FA_INLINE real identity_derivative(real x) {
    return identity_backward(1, x);
}

/* relu ------------------------------------------------------------------------------------------- */

FA_INLINE real relu_forward(real x) {
    return x <= 0 ? 0 : x;
}

FA_INLINE real relu_backward(real grad, real x) {
    return fa__inside(x > 0, grad, x);
}

FA_INLINE real relu_derivative(real x) {
    return relu_backward(1, x);
}

/* relu6, clipped_relu ---------------------------------------------------------------------------- */

FA_INLINE real clipped_relu_forward(real x, real max_value) {
    real rectified = relu_forward(x);
    return fa__bounded(rectified > max_value ? max_value : rectified, max_value);
}

FA_INLINE real clipped_relu_backward(real grad, real x, real max_value) {
    return fa__masked((x > 0) & (x < max_value), grad, __builtin_isunordered(x, max_value));
}

FA_INLINE real clipped_relu_derivative(real x, real max_value) {
    return clipped_relu_backward(1, x, max_value);
}

FA_INLINE real relu6_forward(real x) {
    return clipped_relu_forward(x, 6);
}

FA_INLINE real relu6_backward(real grad, real x) {
    return clipped_relu_backward(grad, x, 6);
}

FA_INLINE real relu6_derivative(real x) {
    return relu6_backward(1, x);
}

/* leaky_relu, prelu, rrelu: a line on each side --------------------------------------------------- */

/* slope x for x <= 0: at -infinity the limit, which is 0 if the slope is */
FA_INLINE real fa__left_line(real slope, real x) {
    const real largest = sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX;
    real least = slope == 0 ? -largest : -(real)INFINITY;
    return slope * (x < least ? least : x);
}

/* grad times 1 on the right and the slope on the left; 0 where the slope is; NaN where x is */
FA_INLINE real fa__either(int right, real grad, real slope, real x) {
    real left = grad * slope, found = right ? grad : slope == 0 ? 0 : left;
    return fa__masked(1, found, x != x);
}

FA_INLINE real leaky_relu_forward(real x, real negative_slope) {
    real left = fa__left_line(negative_slope, x);
    return x > 0 ? x : left;
}

FA_INLINE real leaky_relu_backward(real grad, real x, real negative_slope) {
    return fa__either(x > 0, grad, negative_slope, x);
}

FA_INLINE real leaky_relu_derivative(real x, real negative_slope) {
    return leaky_relu_backward(1, x, negative_slope);
}

FA_INLINE real prelu_forward(real x, real weight) {
    return leaky_relu_forward(x, weight);
}

FA_INLINE real prelu_backward(real grad, real x, real weight) {
    return leaky_relu_backward(grad, x, weight);
}

FA_INLINE real prelu_derivative(real x, real weight) {
    return leaky_relu_derivative(x, weight);
}

FA_INLINE real prelu_derivative_weight(real x, real weight) {
    (void)weight;
    return x > 0 ? 0 : x;
}

FA_INLINE real rrelu_forward(real x, real slope) {
    real left = fa__left_line(slope, x);
    return x >= 0 ? x : left;
}

FA_INLINE real rrelu_backward(real grad, real x, real slope) {
    return fa__either(x >= 0, grad, slope, x);
}

FA_INLINE real rrelu_derivative(real x, real slope) {
    return rrelu_backward(1, x, slope);
}

FA_INLINE real rrelu_backward_from_output(real grad, real y, real slope) {
    return rrelu_backward(grad, y, slope);
}

/* threshold, thresholded_relu -------------------------------------------------------------------- */

FA_INLINE real threshold_forward(real x, real threshold, real value) {
    return fa__bounded(x <= threshold ? value : x, threshold);
}

FA_INLINE real threshold_backward(real grad, real x, real threshold, real value) {
    (void)value;
    return fa__masked(x > threshold, grad, __builtin_isunordered(x, threshold));
}

FA_INLINE real threshold_derivative(real x, real threshold, real value) {
    return threshold_backward(1, x, threshold, value);
}

FA_INLINE real thresholded_relu_forward(real x, real alpha) {
    return threshold_forward(x, alpha, 0);
}

FA_INLINE real thresholded_relu_backward(real grad, real x, real alpha) {
    return threshold_backward(grad, x, alpha, 0);
}

FA_INLINE real thresholded_relu_derivative(real x, real alpha) {
    return threshold_derivative(x, alpha, 0);
}

/* hard_tanh -------------------------------------------------------------------------------------- */

FA_INLINE real hard_tanh_forward(real x, real min_value, real max_value) {
    return fa__clip(x, min_value, max_value);
}

FA_INLINE real hard_tanh_backward(real grad, real x, real min_value, real max_value) {
    int unordered = __builtin_isunordered(x, min_value) | (max_value != max_value);
    return fa__masked((x > min_value) & (x < max_value), grad, unordered);
}

FA_INLINE real hard_tanh_derivative(real x, real min_value, real max_value) {
    return hard_tanh_backward(1, x, min_value, max_value);
}

/* soft_shrink, hard_shrink ----------------------------------------------------------------------- */

FA_INLINE real soft_shrink_forward(real x, real lambd) {
    real above = x - lambd, below = x + lambd, left = x < -lambd ? below : 0;
    real found = x > lambd ? above : left;
    return fa__masked(1, found, __builtin_isunordered(x, lambd));
}

FA_INLINE real soft_shrink_backward(real grad, real x, real lambd) {
    return fa__masked((x > lambd) | (x < -lambd), grad, __builtin_isunordered(x, lambd));
}

FA_INLINE real soft_shrink_derivative(real x, real lambd) {
    return soft_shrink_backward(1, x, lambd);
}

FA_INLINE real soft_shrink_backward_from_output(real grad, real y, real lambd) {
    return fa__masked(y != 0, grad, __builtin_isunordered(y, lambd));
}

FA_INLINE real hard_shrink_forward(real x, real lambd) {
    return soft_shrink_backward(x, x, lambd);
}

FA_INLINE real hard_shrink_backward(real grad, real x, real lambd) {
    return soft_shrink_backward(grad, x, lambd);
}

FA_INLINE real hard_shrink_derivative(real x, real lambd) {
    return soft_shrink_derivative(x, lambd);
}

FA_INLINE real hard_shrink_backward_from_output(real grad, real y, real lambd) {
    return soft_shrink_backward_from_output(grad, y, lambd);
}

/* abs, sign, step -------------------------------------------------------------------------------- */

FA_INLINE real sign_forward(real x) {
    return fa__inside(
        x != 0, fa__real_of_bits(fa__bits_of_real(1) | (fa__bits_of_real(x) & fa__bits_of_real(-(real)0))),
        x);
}

FA_INLINE real sign_backward(real grad, real x) {
    return fa__inside(0, grad, x);
}

FA_INLINE real sign_derivative(real x) {
    return sign_backward(1, x);
}

FA_INLINE real abs_forward(real x) {
    return fa__real_of_bits(fa__bits_of_real(x) & ~fa__bits_of_real(-(real)0));
}

FA_INLINE real abs_derivative(real x) {
    return sign_forward(x);
}

FA_INLINE real step_forward(real x) {
    return fa__inside(x > 0, 1, x);
}

FA_INLINE real step_backward(real grad, real x) {
    return sign_backward(grad, x);
}

FA_INLINE real step_derivative(real x) {
    return sign_derivative(x);
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

/* x (2 + x)/2, halved last: half of a subnormal x may be rounded */
FA_INLINE fa__native hard_mish_forward(fa__native x) {
    fa__native_pair sum = fa__native_fast_sum(2, x); /* exact where it is used */
    fa__native middle = fa__native_fma(sum.h, x, fa__native_rest(sum.l, x) * x) / 2;
    fa__native right = x >= 0 ? x : middle;
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

FA_INLINE real fa__real_sqrt(real x) {
    return FA__REAL_IS_DOUBLE ? (real)__builtin_sqrt(x) : (real)__builtin_sqrtf((float)x);
}

FA_INLINE real relu_squared_derivative_from_output(real y) {
    return 2 * fa__real_sqrt(y);
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

/* ((1 + x)/2)^2 */
FA_INLINE fa__native sparse_plus_forward(fa__native x) {
    fa__native_pair sum = fa__native_fast_sum(1, x); /* exact where it is used */
    fa__native root = sum.h / 2;
    fa__native middle = fa__native_fma(root, root, root * fa__native_rest(sum.l, x));
    fa__native right = x >= 1 ? x : middle;
    return x <= -1 ? 0 : right;
}

FA_INLINE real sparse_plus_derivative(real x) {
    real middle = (x + 1) / 2, right = x >= 1 ? 1 : middle;
    return x <= -1 ? 0 : right;
}

FA_INLINE real sparse_plus_derivative_from_output(real y) {
    real root = fa__real_sqrt(y), right = y >= 1 ? 1 : root;
    return y <= 0 ? 0 : right;
}

FA_INLINE real sparse_sigmoid_forward(real x) {
    return sparse_plus_derivative(x);
}

FA_INLINE real sparse_sigmoid_backward(real grad, real x) {
    return fa__inside((x > -1) & (x < 1), grad / 2, x);
}

FA_INLINE real sparse_sigmoid_derivative(real x) {
    return sparse_sigmoid_backward(1, x);
}

FA_INLINE real sparse_sigmoid_backward_from_output(real grad, real y) {
    return fa__inside((y > 0) & (y < 1), grad / 2, y);
}

/* sqnl: x (1 - abs x/4), +-1 beyond 2 ------------------------------------------------------------- */

FA_INLINE fa__native sqnl_forward(fa__native x) {
    fa__native a = fa__native_abs(x);
    a = a >= 2 ? 2 : a;
    fa__native_pair rest = fa__native_fast_sum(1, -a / 4);
    fa__native inside = fa__native_fma(rest.h, a, fa__native_rest(rest.l, a) * a);
    return fa__native_copysign(inside, x);
}

FA_INLINE real sqnl_derivative(real x) {
    real a = abs_forward(x);
    real inside = 1 - a / 2;
    return a >= 2 ? 0 : inside;
}

#endif
