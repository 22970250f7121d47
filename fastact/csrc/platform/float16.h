/* Conversions between float16 and wider types, and of single numbers. Must not depend on kernels. */
#ifndef FA_PLATFORM_FLOAT16_H
#define FA_PLATFORM_FLOAT16_H

#include <stddef.h>
#include <stdint.h>

float fa__float16_to_float32(uint16_t x);
uint16_t fa__float32_to_float16(float x); /* rounds to nearest even */
uint16_t fa__float64_to_float16(double x);

void fa__float16_to_float32_n(float *to, const uint16_t *from, size_t n);
void fa__float32_to_float16_n(uint16_t *to, const float *from, size_t n);

/* `value` rounded to nearest, to float32, or to float16 and widened again, without a trace in the caller's floating-point
 * state. Returns 0 where a finite value overflows; then nothing is written. */
int fa__round_to_float32(double value, float *result);
int fa__round_to_float16(double value, float *result);

#endif
