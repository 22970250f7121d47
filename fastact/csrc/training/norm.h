/* Normalisation of rows (layer norm, RMS norm) or of columns over all rows (batch norm), forward and backward.
 * Arrays are rows x n and contiguous; must not depend on axes. */
#ifndef FA_TRAINING_NORM_H
#define FA_TRAINING_NORM_H

#include <stddef.h>

#include "platform/dtype.h"

typedef enum { FA__LAYER_NORM, FA__RMS_NORM, FA__BATCH_NORM, FA__NORMS } fa__norm_kind;

/* Statistics in `statistics`, one after the other, each of rows or columns: mean, what rounding it lost, and
 * 1/sqrt(variance + eps). Backward of batch norm: also the sums of grad_y times the normalised x, and of grad_y. */
enum { FA__MEAN, FA__MEAN_LOW, FA__INVERSE, FA__PRODUCTS, FA__GRADIENT_SUMS, FA__NORM_STATISTICS };

/* Null: weight, bias, running_mean and running_variance that do not exist, and gradients that are not wanted. y may be x;
 * grad_x may be x or grad_y. */
typedef struct {
    fa__norm_kind kind;
    fa__dtype dtype;
    size_t rows, n;
    const void *grad_y, *x, *weight, *bias;
    void *y;
    void *grad_x, *grad_weight, *grad_bias;
    void *running_mean, *running_variance; /* batch norm: changed in training, used otherwise */
    int training;
    double momentum, eps;
    double *statistics; /* not for forward passes of rows */
    int has_statistics; /* backward: whether they are there already, from the forward pass of the same batch */
} fa__norm_call;

/* The same bits for any number of threads */
void fa__run_norm_forward(const fa__norm_call *call);
void fa__run_norm_backward(const fa__norm_call *call);

/* Rows or columns [begin, end); ranges of columns begin at multiples of FA__NORM_TILE */
enum { FA__NORM_TILE = 64 };
typedef void fa__norm_kernel(const fa__norm_call *call, size_t begin, size_t end);
typedef struct {
    fa__norm_kernel *row_statistics, *column_statistics, *forward[FA__NORMS], *sums[FA__NORMS],
        *gradient[FA__NORMS];
} fa__norm_kernels;

#endif
