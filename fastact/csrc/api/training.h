/* What the Python extension uses of training, by a capsule. */
#ifndef FA_API_TRAINING_H
#define FA_API_TRAINING_H

#include "training/dropout.h"
#include "training/norm.h"
#include "training/optimizer.h"

typedef struct {
    void (*run_update)(const fa__update *update);
    double (*sum_of_squares)(fa__dtype dtype, const void *x, size_t n);
    void (*run_dropout)(fa__dtype dtype, const void *x, void *y, size_t n, double p, fa__random_place place);
    void (*run_norm_forward)(const fa__norm_call *call);
    void (*run_norm_backward)(const fa__norm_call *call);
} fa__training_functions;
extern const fa__training_functions fa__training_functions_for_python;

#endif
