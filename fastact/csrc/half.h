/* float16 and float32, one block at a time. Knows IEEE binary16; does not know kernels. */
#ifndef FA_HALF_H
#define FA_HALF_H

#include <stddef.h>
#include <stdint.h>

float fa__float_from_half(uint16_t half);
uint16_t fa__half_from_float(float x); /* rounds to nearest even */

#endif
