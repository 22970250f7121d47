/* hard_sigmoid, clipped_linear: a line between two bounds.
 * See formulas.h for the rules that all formulas follow. Must not use exponentials. */
#ifndef FA_FORMULAS_CLIPPED_LINE_H
#define FA_FORMULAS_CLIPPED_LINE_H

#include "formulas/piecewise.h"

/* an infinite sum or product has no rest */
FA_INLINE fa__pair fa__finite_rest(fa__pair u) {
    u.l = u.h - u.h == 0 ? u.l : 0;
    return u;
}

/* slope x + offset, with l kept in float32 kernels too: whether it lies inside a clip must not hang on
 * rounding */
FA_INLINE fa__pair fa__affine(double slope, double x, fa__pair offset) {
    fa__pair product = fa__two_prod(slope, fa__under(slope, x));
    fa__pair sum = fa__exact_sum(product.h, offset.h);
#if FA_COMPENSATE
    sum.l += product.l + offset.l;
#endif
    return fa__finite_rest(sum);
}

/* min(max(u, low), high) */
FA_INLINE double fa__clip_affine(fa__pair u, double low, double high) {
    double value = u.h + u.l;
    /* a comparison with NaN is false, so that each bound that is NaN is taken; selects by a bound alone would become
     * branches */
    double raised = (value >= low) | (value != value) ? value : low;
    return (raised <= high) | (raised != raised) ? raised : high;
}

/* slope where low < u < high, 0 outside, NaN where one of these is */
FA_INLINE double fa__slope_inside(fa__pair u, double slope, double low, double high) {
    double over = u.h == low ? u.l : u.h - low, under = u.h == high ? -u.l : high - u.h;
    double room = over < under ? over : under, found = room > 0 ? slope : 0;
    return (over == over) & (under == under) ? found : NAN;
}

/* `slope` where slope x + offset is between two bounds, all taken in units: where factor x + offset is */
FA_INLINE double fa__slope_of_line(double x, double factor, fa__pair offset, double slope, double low,
                                   double high) {
    fa__pair u = fa__affine(factor, x, offset);
    /* a product that underflows still says on which side of a bound u lies */
    double least = fa__min(fa__min(fa__abs(factor), fa__abs(x)), DBL_TRUE_MIN);
    double product = factor * x;
    u.l = product == 0 ? fa__copysign(least, product) : u.l;
    return fa__slope_inside(u, slope, low, high);
}

FA_INLINE double clipped_linear_forward(double x, double slope, double offset, double min_value,
                                        double max_value) {
    return fa__clip_affine(fa__affine(slope, x, fa__pair_of(offset)), min_value, max_value);
}

FA_INLINE double clipped_linear_derivative(double x, double slope, double offset, double min_value,
                                           double max_value) {
    return fa__slope_of_line(x, slope, fa__pair_of(offset), slope, min_value, max_value);
}

FA_INLINE real clipped_linear_backward(real grad, real x, real slope, real offset, real min_value,
                                       real max_value) {
    real d = (real)clipped_linear_derivative(x, slope, offset, min_value, max_value);
    return fa__chain(grad, d);
}

FA_INLINE real clipped_linear_backward_from_output(real grad, real y, real slope, real offset, real min_value,
                                                   real max_value) {
    (void)offset;
    int unordered = __builtin_isunordered(y, min_value) | (max_value != max_value);
    return fa__masked((y > min_value) & (y < max_value), fa__chain(grad, slope), unordered);
}

/* 1/6 has no float or double. Either of those nearest to it means 1/6; then the line is (x + 6 offset)/6. */
FA_INLINE int fa__is_sixth(double slope) {
    return (slope == 1.0 / 6) | (slope == (double)(1.0f / 6));
}

FA_INLINE double fa__exact_slope(double slope) {
    return fa__is_sixth(slope) ? 1.0 / 6 : slope;
}

/* offset in units of 1/6 or 1 */
FA_INLINE fa__pair fa__offset_in_units(double slope, double offset) {
    return fa__two_prod(fa__is_sixth(slope) ? 6.0 : 1.0, offset);
}

FA_INLINE double hard_sigmoid_forward(double x, double slope, double offset) {
    int sixth = fa__is_sixth(slope);
    fa__pair u = fa__affine(sixth ? 1 : slope, x, fa__offset_in_units(slope, offset));
    fa__pair unit = fa__select(sixth, (fa__pair){FA_INV_6_HI, FA_INV_6_LO}, fa__pair_of(1));
    return fa__clip_affine(fa__finite_rest(fa__mul(u, unit)), 0, 1);
}

FA_INLINE double hard_sigmoid_derivative(double x, double slope, double offset) {
    int sixth = fa__is_sixth(slope);
    return fa__slope_of_line(x, sixth ? 1 : slope, fa__offset_in_units(slope, offset), fa__exact_slope(slope),
                             0, sixth ? 6 : 1);
}

FA_INLINE real hard_sigmoid_backward(real grad, real x, real slope, real offset) {
    real d = (real)hard_sigmoid_derivative(x, slope, offset);
    return fa__chain(grad, d);
}

FA_INLINE real hard_sigmoid_backward_from_output(real grad, real y, real slope, real offset) {
    return clipped_linear_backward_from_output(grad, y, (real)fa__exact_slope(slope), offset, 0, 1);
}

#endif
