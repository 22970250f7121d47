/* IEEE binary16 conversions in integer arithmetic, exact and with one rounding. Knows bits only. */
#include "half.h"

#include <string.h>

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Shift exponent and fraction into place and rescale by 2^112: exact, subnormals included */
float fa__float_from_half(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    if (magnitude >= 0x0f800000) return float_of(sign | 0x7f800000 | magnitude); /* inf, NaN */
    return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

uint16_t fa__half_from_float(float x) {
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff)); /* NaN */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* rounds to infinity */
    if (magnitude < 0x38800000) { /* subnormal half: let the float adder round at 2^-24 */
        uint32_t rounded = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        return (uint16_t)(sign | rounded);
    }
    uint32_t even = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + even) >> 13));
}
