/* THE FORMULAS: for each row of activations.def, f(x) and f'(x) for one element: NAME_forward above
 * NAME_derivative. Look for a name in the files included below; each holds one family.
 * Knows mathematics; does not know arrays, loops, threads, instruction sets or Python.
 *
 * To change how an activation is computed, change it there. To add one, add its functions there and its
 * row to include/fastact/activations.def.
 *
 * A. Written once, in double: the float32 kernels widen x, evaluate and round once; the float64 kernels
 *    keep the rounding errors of the critical steps (pair.h) so that they too meet the row's bound.
 * B. A function whose every operation is exact, or that rounds once, is written in `real`, the kernel's
 *    own type: it gives the same result either way, and float32 vectors stay full. One of a few sums,
 *    products and quotients is written in `fa__own` (own.h), for the same reason.
 * C. No branches, only selects; NaN must come out of every select. Infinite x gives the limit of f.
 * D. Tails are exponentials times something tame, scaled last: never zero while the truth is not.
 * E. Where terms cancel, rewrite until they do not: near a root of f', (x - root) times a polynomial.
 */
#ifndef FA_FORMULAS_H
#define FA_FORMULAS_H

#include "formulas/piecewise.h"
#include "formulas/logistic.h"
#include "formulas/gated.h"
#include "formulas/algebraic.h"
#include "formulas/periodic.h"

#endif
