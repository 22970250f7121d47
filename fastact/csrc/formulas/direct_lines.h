/* Direct formulas of lines between bounds and of star_relu; see direct.h. Those of lines give the bits of the formulas, which
 * serve all parameters. */
#ifndef FA_FORMULAS_DIRECT_LINES_H
#define FA_FORMULAS_DIRECT_LINES_H

#include "formulas/clipped_line.h"
#include "formulas/direct.h"

/* min(max(x, 0), 1); the formula makes 0 of -0 */
FA_INLINE real clipped_linear_forward_direct(real x) {
    real raised = x <= 0 ? 0 : x;
    return raised >= 1 ? 1 : raised;
}

FA_INLINE real clipped_linear_derivative_direct(real x) {
    return fa__inside((x > 0) & (x < 1), 1, x);
}

/* (x + 3)/6 between -3 and 3 */
FA_INLINE double hard_sigmoid_forward_direct(real x) {
    real raised = x < -3 ? -3 : x, near = raised > 3 ? 3 : raised;
    return fa__direct_value(fa__mul(fa__fast_sum(3, near), (fa__pair){FA_INV_6_HI, FA_INV_6_LO}));
}

FA_INLINE real hard_sigmoid_derivative_direct(real x) {
    return fa__inside((x > -3) & (x < 3), (real)(1.0 / 6), x);
}

#define FA__STAR_SCALE ((real)0.8944)
#define FA__STAR_OFFSET ((real) - 0.4472)

FA_INLINE double star_relu_forward_direct(real x) {
    real rectified = x <= 0 ? 0 : x;
    fa__pair scaled = fa__mul_double(fa__two_prod(rectified, rectified), FA__STAR_SCALE);
    return fa__direct_value(fa__direct_add(scaled, fa__pair_of(FA__STAR_OFFSET)));
}

FA_INLINE real star_relu_derivative_direct(real x) {
    return 2 * FA__STAR_SCALE * (x <= 0 ? 0 : x);
}

#endif
