/* Activations of single numbers. */
#ifndef FA_ELEMENTWISE_SCALAR_H
#define FA_ELEMENTWISE_SCALAR_H

#include "elementwise/entries.h"

/* f(x) or f'(x), by direction, with the same bits as an element of an array; parameters are null for the defaults */
float fa__compute_float(int entry, fa__direction direction, float x);
double fa__compute_double(int entry, fa__direction direction, double x, const double *parameters);

#endif
