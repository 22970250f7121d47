/* THE FORMULAS: for each entry of activations.def, f(x) and f'(x) for one element: NAME_forward above NAME_derivative.
 * Each file included below holds one family. Must not depend on arrays, loops, threads or instruction sets.
 *
 * A. Formulas are written once, in double: the float32 kernels widen x, evaluate and round once; the float64 kernels
 *    keep the rounding errors of the critical steps (double_double.h), so that they too meet the entry's bound.
 * B. A function whose every operation is exact, or that rounds once, is written in `real`, the kernel's type: the
 *    result is the same, and float32 vectors stay full. One of a few sums, products and quotients is written in
 *    `fa__native` (native_pair.h), for the same reason.
 * C. No branches, only selects; NaN must come out of every select. Infinite x gives the limit of f.
 * D. Tails are products of an exponential and a moderate factor, scaled last: never zero where the truth is not.
 * E. Where terms cancel, formulas are rewritten: near a root of f', as (x - root) times a polynomial.
 */
#ifndef FA_FORMULAS_FORMULAS_H
#define FA_FORMULAS_FORMULAS_H

#include "formulas/piecewise.h"
#include "formulas/clipped_line.h"
#include "formulas/logistic.h"
#include "formulas/gated.h"
#include "formulas/algebraic.h"
#include "formulas/periodic.h"

#endif
