/* Formulas of sines and arctan: sin, snake, arctan.
 * See formulas.h for the rules that all formulas follow. */
#ifndef FA_FORMULAS_PERIODIC_H
#define FA_FORMULAS_PERIODIC_H

#include "math/trigonometry.h"

/* sin -------------------------------------------------------------------------------------------- */

FA_INLINE double sin_forward(double x) {
    double s = fa__value(fa__sin_shifted(fa__pair_of(x), 0));
    return x == 0 ? x : s; /* -0 stays -0 */
}

FA_INLINE double sin_derivative(double x) {
    return fa__value(fa__sin_shifted(fa__pair_of(x), 1));
}

/* arctan ----------------------------------------------------------------------------------------- */

FA_INLINE double arctan_forward(double x) {
    return fa__copysign(fa__atan_abs(x), x);
}

/* 1/(1 + x^2); where the square would overflow, (1/x)^2 */
FA_INLINE double arctan_derivative(double x) {
    double a = fa__min(fa__abs(x), 0x1p900), near = fa__min(a, 0x1p400);
    fa__pair square = fa__add_double(fa__two_prod(near, near), 1.0);
    fa__pair inverse = fa__div(fa__pair_of(1.0), fa__pair_of(a));
    double far = fa__value(fa__mul(inverse, inverse));
    return a > 0x1p400 ? far : fa__value(fa__div(fa__pair_of(1.0), square));
}

/* snake ------------------------------------------------------------------------------------------ */

/* sin(z)/alpha, z = alpha x; x for tiny z, and for alpha = 0 */
FA_INLINE fa__pair fa__snake_quotient(fa__pair sine, fa__pair z, double x, double alpha) {
    return fa__select(fa__abs(z.h) < 0x1p-110, fa__pair_of(x), fa__quotient(sine, alpha));
}

/* x + sin^2(z)/alpha; for |z| below 2^-110 or beyond 2^110 the wave is below the last bit of x */
FA_INLINE double snake_forward(double x, double alpha) {
    fa__pair z = fa__product(alpha, x), sine = fa__sin_shifted(z, 0);
    fa__pair wave = fa__mul(fa__snake_quotient(sine, z, x, alpha), sine);
    double size = fa__abs(z.h), sum = fa__value(fa__add_double(wave, x));
    sum = sum == sum ? sum : x + wave.h; /* it may overflow */
    return (size >= 0x1p110) | (size < 0x1p-110) | (x == 0) ? x : sum;
}

FA_INLINE double snake_derivative(double x, double alpha) {
    return fa__value(fa__one_plus_sin_twice(fa__product(alpha, x)));
}

/* x sin(2 z)/alpha - sin^2(z)/alpha^2 = 2 q (x cos z - q/2), q = sin(z)/alpha */
FA_INLINE double snake_derivative_alpha(double x, double alpha) {
    fa__pair z = fa__product(alpha, x);
    fa__pair q = fa__snake_quotient(fa__sin_shifted(z, 0), z, x, alpha);
    fa__pair slope = fa__mul_double(fa__sin_shifted(z, 1), x);
    double value = 2 * fa__value(fa__mul(q, fa__add(slope, fa__times_power(q, -0.5))));
    return alpha == 0 ? x * x : value;
}

#endif
