/* What the kernels of optimisers are. */
#ifndef FA_TRAINING_UPDATE_KERNELS_H
#define FA_TRAINING_UPDATE_KERNELS_H

#include "training/optimizer.h"

typedef enum {
    FA__PLAIN_RULE,
    FA__MOMENTUM_RULE,
    FA__NESTEROV_RULE,
    FA__ADAM_RULE,
    FA__RMSPROP_RULE,
    FA__RMSPROP_MOMENTUM_RULE,
    FA__CENTERED_RULE,
    FA__CENTERED_MOMENTUM_RULE,
    FA__ADAGRAD_RULE,
    FA__LION_RULE,
    FA__AMSGRAD_RULE,
    FA__RULES
} fa__rule;

/* Of a step, for all elements. The gradient is g = limited(factor * gradient) + decay * p. */
typedef struct {
    double factor, limit;
    double decay;      /* weight decay as a part of the gradient */
    double keep;       /* by which p is multiplied first: decoupled weight decay */
    double rate;       /* of the step */
    double old1, new1; /* a mean of gradients is old1 * mean + new1 * g; of momentum likewise */
    double old2, new2; /* a mean of squares */
    double root_scale; /* of the root of the mean of squares */
    double eps;
    double momentum; /* of RMSProp */
} fa__rule_numbers;

/* Elements [0, n) */
typedef struct {
    size_t n;
    void *parameters;
    const void *gradients;
    void *states[FA__MOST_STATES];
    const fa__rule_numbers *numbers;
} fa__rule_arrays;
typedef void fa__update_kernel(const fa__rule_arrays *arrays);
typedef double fa__squares_kernel(const void *x, size_t n);

/* of one instruction set and one element type */
typedef struct {
    fa__update_kernel *of[FA__RULES];
    fa__squares_kernel *sum_of_squares;
} fa__update_kernels;

#endif
