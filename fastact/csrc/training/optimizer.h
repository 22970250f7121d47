/* One step of an optimiser on arrays of parameters, in place and in one pass over memory.
 * Must not depend on layers. */
#ifndef FA_TRAINING_OPTIMIZER_H
#define FA_TRAINING_OPTIMIZER_H

#include <stddef.h>

#include "fastact.h"
#include "platform/dtype.h"

typedef enum {
    FA__SGD,
    FA__ADAM,
    FA__RMSPROP,
    FA__ADAGRAD,
    FA__LION,
    FA__AMSGRAD,
    FA__OPTIMIZERS
} fa__optimizer;
#define FA__MOST_STATES 3

/* `copies` arrays of n parameters, one after the other; gradients and states likewise. States that an optimiser does not
 * have, or does not need with the numbers of a step, are null. */
typedef struct {
    fa__optimizer optimizer;
    fa__dtype dtype;
    size_t copies, n;
    void *parameters;
    const void *gradients;
    void *states[FA__MOST_STATES];
    const fa_step *steps; /* one for each copy, valid */
} fa__update;

int fa__is_valid_step(const fa_step *step);

/* Divided among threads; the same bits for any number of them, and for a copy alone */
void fa__run_update(const fa__update *update);

/* In a fixed order; may overflow */
double fa__sum_of_squares(fa__dtype dtype, const void *x, size_t n);

#endif
