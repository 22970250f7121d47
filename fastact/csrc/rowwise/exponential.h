/* Exponentials of vectors, for arguments up to 0. For kernel sources (platform/kernel.h). */
#ifndef FA_ROWWISE_EXPONENTIAL_H
#define FA_ROWWISE_EXPONENTIAL_H

#include "math/coefficients.h"
#include "platform/vectors.h"

#if FA__REAL_IS_DOUBLE
#define LEAST -760.0 /* its exponential is 0 */
#define ROUNDER 0x1.8p52
#define MANTISSA 52
#define BIAS 1023
static const real ln2[] = {FA_LN2_HI, FA_LN2_LO};
static const real exp_poly[] = {FA_EXP_POLY};
#else
#define LEAST -110.0f
#define ROUNDER 0x1.8p23f
#define MANTISSA 23
#define BIAS 127
static const real ln2[] = {FA_LN2_HI_FLOAT32, FA_LN2_LO_FLOAT32};
static const real exp_poly[] = {FA_EXP_POLY_FLOAT32};
#endif

/* a - b, and in *error what its rounding lost (TwoSum); for infinite differences *error is NaN */
INLINE vector difference(vector a, vector b, vector *error) {
    vector d = a - b, taken = a - d;
    *error = (a - (d + taken)) + (taken - b);
    return d;
}

/* 2^k, k from -BIAS + 1 to BIAS */
INLINE vector power_of_two(lane_numbers k) {
    return (vector)((k + BIAS) << MANTISSA);
}

/* An exponential: (value + low) * power, value from 2^-BIAS/2 to 1.5, low its rounding error. The power is kept apart so
 * that products with it are rounded once, to a subnormal number. */
typedef struct {
    vector value, low, power;
} parts;

/* e^(h + l) for h <= 0 and an l that is small beside it; what l is does not matter where h is infinite. NaN for a NaN.
 * e^r, r = h - k ln 2 in [-0.35, 0.35], is 1 + (r + r^2 P(r)). */
INLINE parts exponential_parts(vector h, vector l) {
    const lane_numbers below = h < LEAST;
    h = choose(below, all(LEAST), h);
    l = choose(below, all(0), l);
    vector shifted = h * (real)FA_LOG2_E + ROUNDER, k = shifted - ROUNDER;
    vector first = h - k * ln2[0]; /* exact (Cody and Waite) */
    vector r = first - k * ln2[1];
    l += (first - r) - k * ln2[1];
    vector p = all(exp_poly[0]);
    UNROLL for (size_t i = 1; i < sizeof exp_poly / sizeof *exp_poly; i++) p = p * r + exp_poly[i];
    vector rest = r * r * p, t = r + (rest + l * (1 + (r + rest))); /* e^(r + l) = e^r + l e^r */
    vector value = 1 + t, low = t - (value - 1);
    lane_numbers exponent = (lane_numbers)shifted - (lane_numbers)all(ROUNDER), half_of_it = exponent >> 1;
    vector scale = power_of_two(half_of_it);
    return (parts){value * scale, low * scale, power_of_two(exponent - half_of_it)};
}

/* The same, rounded */
INLINE vector exponential(vector h, vector l) {
    parts e = exponential_parts(h, l);
    return e.value * e.power;
}

#endif
