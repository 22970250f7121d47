/* float16 and float32, one block at a time. Knows IEEE binary16; does not know kernels. */
#ifndef FA_HALF_H
#define FA_HALF_H

#include <stddef.h>
#include <stdint.h>

float fa__float_from_half(uint16_t half);
uint16_t fa__half_from_float(float x); /* rounds to nearest even */
uint16_t fa__half_from_double(double x);

void fa__floats_from_halves(float *to, const uint16_t *from, size_t n);
void fa__halves_from_floats(uint16_t *to, const float *from, size_t n);

#endif
