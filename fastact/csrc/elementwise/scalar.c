/* Single numbers: one vector of them, all alike, goes through the loop that arrays go through. */
#include "elementwise/scalar.h"

#include <stdint.h>
#include <string.h>

#include "elementwise/kernels.h"
#include "platform/fenv.h"

static inline void compute(int entry, fa__direction direction, fa__dtype dtype, void *x, char **operands) {
    _Alignas(FA__LINE) char vector[2][FA__LANES * sizeof(double)];
    const fa__kernels *kernels = fa__active_kernels();
    operands[0] = vector[0];
    operands[1 + fa__entries[entry].n_params] = vector[1];
    /* vector stores: a vector load has to wait for narrower ones */
    fa__loader(kernels, (fa__source)dtype, dtype)(vector[0], x, 0, FA__LANES);
    kernels->loops[dtype == FA__F64][entry].loop[direction][0](operands, FA__LANES, 0);
    memcpy(x, vector[1], dtype == FA__F64 ? sizeof(double) : sizeof(float));
}

float fa__compute_float(int entry, fa__direction direction, float x) {
    char *operands[FA__MAX_OPERANDS];
    float parameters[FA__MAX_PARAMS];
    fa__fenv caller = fa__enter_fenv_of_one();
    for (int i = 0; i < fa__entries[entry].n_params; i++) {
        parameters[i] = (float)fa__entries[entry].param_defaults[i];
        operands[1 + i] = (char *)&parameters[i];
    }
    compute(entry, direction, FA__F32, &x, operands);
    fa__leave_fenv_of_one(caller);
    return x;
}

double fa__compute_double(int entry, fa__direction direction, double x, const double *parameters) {
    char *operands[FA__MAX_OPERANDS];
    const double *given = parameters ? parameters : fa__entries[entry].param_defaults;
    for (int i = 0; i < fa__entries[entry].n_params; i++) operands[1 + i] = (char *)(uintptr_t)&given[i];
    fa__fenv caller = fa__enter_fenv_of_one();
    compute(entry, direction, FA__F64, &x, operands);
    fa__leave_fenv_of_one(caller);
    return x;
}
