/* Training and health: the part of fastact.h that works on the parameters and units of whole networks. fastact.h includes it. */
#ifndef FASTACT_TRAINING_H
#define FASTACT_TRAINING_H

#include "fastact.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Training --------------------------------------------------------------------------------------- */

/* The numbers of one step of an optimiser. Fields that an optimiser does not have are 0, and so may those be that are not
 * wanted. */
typedef struct {
    size_t size;  /* sizeof(fa_step) */
    int64_t step; /* the number of the step, from 1 */
    double lr;
    double weight_decay;
    double momentum, dampening; /* sgd, rmsprop: momentum */
    double beta1, beta2;        /* adam, lion: in [0, 1) */
    double alpha;               /* rmsprop: in [0, 1) */
    double lr_decay;            /* adagrad */
    double eps;                 /* adam, rmsprop, adagrad: added to the root */
    double gradient_factor;     /* what gradients are multiplied by; 0: 1 */
    double clip_value;          /* the largest absolute value of these products; 0: none */
    int nesterov;               /* sgd */
    int decoupled;              /* adam: p *= 1 - lr weight_decay first, instead of g += weight_decay p */
    int eps_hat;                /* adam: eps is added to the root before the correction of its bias */
    int centered;               /* rmsprop */
} fa_step;

/* One step on n parameters, in place and in one pass: PyTorch's rules; lion's are those of its authors, with decoupled
 * decay. amsgrad is adam with the largest square so far. Arrays of states are 0 before the first step (adagrad's may be larger) and belong to the caller. velocity may be
 * null where momentum is 0, and rmsprop's mean unless `centered`. No array may overlap another. Results have the same
 * bits whatever the number of threads. FA_INVALID: a null pointer; a number that is impossible. */
#define FA__OPTIMIZERS_OF(T, dtype)                                                                          \
    FA_API int fa_sgd_##dtype(const fa_step *step, T *parameters, const T *gradients, T *velocity,           \
                              size_t n);                                                                     \
    FA_API int fa_adam_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean, T *square,   \
                               size_t n);                                                                    \
    FA_API int fa_rmsprop_##dtype(const fa_step *step, T *parameters, const T *gradients, T *square,         \
                                  T *velocity, T *mean, size_t n);                                           \
    FA_API int fa_adagrad_##dtype(const fa_step *step, T *parameters, const T *gradients, T *sum, size_t n); \
    FA_API int fa_lion_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean, size_t n);   \
    FA_API int fa_amsgrad_##dtype(const fa_step *step, T *parameters, const T *gradients, T *mean,           \
                                  T *square, T *largest, size_t n);
FA__OPTIMIZERS_OF(float, f32)
FA__OPTIMIZERS_OF(double, f64)

/* The sum of the squares of n elements, in float64 and in a fixed order: for gradient_factor, which limits their norm */
FA_API int fa_sum_of_squares_f32(const float *x, size_t n, double *sum);
FA_API int fa_sum_of_squares_f64(const double *x, size_t n, double *sum);

/* Dropout: y = x/(1 - p) for elements that are kept, and 0 for a share p of them. y may be x. Element i is dropped if its
 * random word is below floor(2^32 p): word i % 4 of Philox4x32-10, whose key is the seed (low half first), and whose
 * counter is i/4 (low half first), layer, step. The first element of x is element `first`, so that parts of an array can be
 * computed apart. The backward pass is the same function of the gradient. FA_INVALID: a null pointer; p not in [0, 1]. */
FA_API int fa_dropout_f32(const float *x, float *y, size_t n, double p, uint64_t seed, uint32_t step,
                          uint32_t layer, uint64_t first);
FA_API int fa_dropout_f64(const double *x, double *y, size_t n, double p, uint64_t seed, uint32_t step,
                          uint32_t layer, uint64_t first);

/* Normalisation of rows x n arrays: y = h weight + bias, h = (x - mean)/sqrt(variance + eps), with the biased variance, of
 * each row (layer norm), without a mean (RMS norm), or of each column (batch norm). The gradients are
 *
 *   grad_x = (g - mean(g) - h mean(g h))/sqrt(variance + eps), g = grad_y weight   (RMS norm: without mean(g))
 *   grad_weight = sum over rows of grad_y h, grad_bias = sum over rows of grad_y
 *
 * weight, bias and each gradient may be null. In training batch norm replaces running statistics, unless they are null, by
 * (1 - momentum) running + momentum of the batch, whose variance is the unbiased one; otherwise it uses them instead of
 * the batch's. `workspace` holds 3 rows elements, of batch norm 5 n. y may be x; grad_x may be x or grad_y; other arrays
 * must not overlap. Results have the same bits whatever the number of threads. FA_INVALID: a null pointer to an array that
 * is needed; an impossible size; eps that is negative or not finite; in training, one row or momentum not in [0, 1]. */
#define FA__NORMS_OF(T, dtype)                                                                              \
    FA_API int fa_layer_norm_##dtype(const T *x, const T *weight, const T *bias, T *y, size_t rows,         \
                                     size_t n, double eps);                                                 \
    FA_API int fa_layer_norm_backward_##dtype(const T *grad_y, const T *x, const T *weight, T *grad_x,      \
                                              T *grad_weight, T *grad_bias, double *workspace, size_t rows, \
                                              size_t n, double eps);                                        \
    FA_API int fa_rms_norm_##dtype(const T *x, const T *weight, T *y, size_t rows, size_t n, double eps);   \
    FA_API int fa_rms_norm_backward_##dtype(const T *grad_y, const T *x, const T *weight, T *grad_x,        \
                                            T *grad_weight, double *workspace, size_t rows, size_t n,       \
                                            double eps);                                                    \
    FA_API int fa_batch_norm_##dtype(const T *x, const T *weight, const T *bias, T *running_mean,           \
                                     T *running_variance, T *y, double *workspace, size_t rows, size_t n,   \
                                     int training, double momentum, double eps);                            \
    FA_API int fa_batch_norm_backward_##dtype(const T *grad_y, const T *x, const T *weight,                 \
                                              const T *running_mean, const T *running_variance, T *grad_x,  \
                                              T *grad_weight, T *grad_bias, double *workspace, size_t rows, \
                                              size_t n, int training, double eps);
FA__NORMS_OF(float, f32)
FA__NORMS_OF(double, f64)

/* One step of training: forward, the loss of the last result, backward, and an optimiser's step.
 *
 * The layers are those of both passes: fa_network_forward_f32 and fa_network_backward_f32 read and write the same. The last
 * layer has no stack axes, rows of y are contiguous, and its grad_y is its y: the gradient takes the place of the result,
 * so that FA_SAVE_OUTPUT is not possible there. The workspace is as large as the larger one of both passes.
 *
 * The loss is the softmax's cross-entropy, or that of an id below. Losses of labels, softmax_cross_entropy and nll, have
 * `labels`, or cross-entropy `probabilities`; `weights` and `losses`, of rows, are those of fa_softmax_cross_entropy_f32:
 * weights of 1/rows make the loss a mean. Other losses have `target`, as contiguous as y, and `weights` of elements;
 * without weights the loss is the mean over all elements. It is stored in losses[0]; their parameter is
 * `loss_parameter`, its default where that is 0.
 *
 * Dropout, if it is not null, has a probability for each layer, 0 for the last one, with which an element of its result is
 * dropped, as fa_dropout_f32 does it with the given seed, `number` as its step and the number of the layer. Rows of such a y,
 * and of the next layer's dx, are contiguous, and FA_SAVE_OUTPUT is not possible there.
 *
 * Norms, if they are not null, are one for each layer, some of which may be FA_NO_NORM. A layer with a norm is the product
 * alone, with FA_identity and FA_SAVE_NOTHING: the norm and the activation in fa_network_norm follow, in one of both
 * orders, and the next layer reads, or the loss, and the last layer's grad_y is, the result of these. All rows are
 * contiguous, those of the next layer's dx, too.
 *
 * FA_NO_OPTIMIZER leaves the parameters alone: the gradients are in dw and db. Other optimisers change n parameters, by
 * gradients in an array to which the caller made dw and db point. FA_INVALID, FA_TOO_SMALL and FA_UNSUPPORTED leave
 * parameters and running statistics as they were; the results of the passes may have been written. */
enum {
#define FA_LOSS(id, name, ...) FA_##name = id,
#include "losses.def"
#undef FA_LOSS
    FA_softmax_cross_entropy = 3101,
    FA_nll = 3102
};
typedef enum { FA_NO_OPTIMIZER, FA_SGD, FA_ADAM, FA_RMSPROP, FA_ADAGRAD, FA_LION, FA_AMSGRAD } fa_optimizer;
typedef enum { FA_NO_NORM, FA_LAYER_NORM, FA_RMS_NORM, FA_BATCH_NORM } fa_norm;

/* What follows the product z of a layer: y = f(norm(z)), or norm(f(z)) with `after` */
typedef struct {
    size_t size; /* sizeof(fa_network_norm), the same for all layers */
    int norm;    /* an fa_norm; the fields below may hold anything without one */
    int after;
    int activation;             /* an id */
    const fa_input *parameters; /* of the activation, as those of fa_dense */
    size_t n_parameters;
    double momentum, eps;
    const void *weight; /* n_out elements; this and the next one may be null */
    const void *bias;
    void *grad_weight;  /* or null */
    void *grad_bias;    /* or null */
    void *running_mean; /* both of batch norm, or null */
    void *running_variance;
    void *between;      /* rows x n_out: what comes first */
    void *y;            /* rows x n_out: the result */
    double *statistics; /* 3 rows elements, of batch norm 5 n_out */
} fa_network_norm;

typedef struct {
    size_t size; /* sizeof(fa_network_step) */
    const fa_dense *layers;
    size_t count;
    const int64_t *labels; /* or */
    const void *probabilities;
    const double *weights;
    double *losses;
    int optimizer; /* an fa_optimizer; the fields below may hold anything without one */
    const fa_step *step;
    void *parameters;
    const void *gradients;
    void *states[3]; /* in the order of the arguments of the optimiser's own function */
    size_t n;
    const double *dropout;
    uint64_t seed;
    size_t number; /* below 2^32 */
    size_t loss;   /* 0: softmax_cross_entropy */
    const void *target;
    double loss_parameter;
    const fa_network_norm *norms;
} fa_network_step;
FA_API int fa_network_step_f32(const fa_network_step *step, void *workspace, size_t bytes);
FA_API int fa_network_step_f64(const fa_network_step *step, void *workspace, size_t bytes);

/* Health ----------------------------------------------------------------------------------------- */

/* What the units of a layer do over a batch, by unit: sums and counts over the samples whose input and output are
 * finite. A unit is active where f' is not 0. */
enum {
    FA_HEALTH_ACTIVE,
    FA_HEALTH_SATURATED, /* z <= low or z >= high */
    FA_HEALTH_ZEROS,     /* of y */
    FA_HEALTH_NON_FINITE,
    FA_HEALTH_ZERO_GRADIENTS, /* the last two of grad_y f'(z), where grad_y is given */
    FA_HEALTH_NON_FINITE_GRADIENTS,
    FA_HEALTH_COUNTS
};
enum {
    FA_HEALTH_SUM,
    FA_HEALTH_SUM_OF_MAGNITUDES,
    FA_HEALTH_SUM_OF_SQUARES,
    FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES, /* the last two as above */
    FA_HEALTH_SUM_OF_GRADIENT_SQUARES,
    FA_HEALTH_SUMS
};

/* A call adds to counters: counts[k * units + u]; sums[2 k * units + u], with their rounding error, to be added, at
 * sums[(2 k + 1) * units + u]; extremes[u], the least y so far, and extremes[units + u], the greatest one. The caller
 * begins with zeros, and with extremes of +INFINITY and -INFINITY. z, y, derivative and grad_y are rows x units, with
 * columns 1 apart. Results have the same bits whatever the number of threads.
 *
 * FA_INVALID: a null pointer, y, derivative and grad_y excepted, where there are rows and units; an unknown activation;
 * another number of parameters than it has; columns that are not 1 apart; an impossible size. */
typedef struct {
    size_t size; /* sizeof(fa_health) */
    size_t rows, units;
    int activation;                    /* an id: FA_gelu ... */
    const double *parameters;          /* in the activation's order */
    size_t n_parameters;               /* the activation's number of them, or 0: its defaults */
    fa_input z, y, derivative, grad_y; /* y = f(z) and f'(z) are computed where their data is null */
    const double *low, *high;          /* one for each unit */
    int64_t *counts;
    double *sums, *extremes;
} fa_health;
FA_API int fa_health_f32(const fa_health *call);
FA_API int fa_health_f64(const fa_health *call);

/* fa_dense_forward_f32 that counts what its units do while z = x w + b, which it saves, is in cache: the results of the
 * layer, and then those of fa_health_f32 with its z, y, activation and parameters. Of `counters` only low, high, counts,
 * sums and extremes are read; where it is null, nothing is counted. After an error nothing has been counted.
 *
 * FA_UNSUPPORTED, where there are counters: stack axes; another saving than FA_SAVE_INPUT; parameters that vary by
 * column. Other codes as those of both functions. */
FA_API int fa_dense_forward_counting_f32(const fa_dense *layer, const fa_health *counters, void *workspace,
                                         size_t bytes);
FA_API int fa_dense_forward_counting_f64(const fa_dense *layer, const fa_health *counters, void *workspace,
                                         size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
