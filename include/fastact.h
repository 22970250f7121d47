/* fastact: neural-network activations, forward and backward, on the CPU.
 *
 * This is the whole public C API. No function allocates memory, sets errno, raises a signal or changes the caller's
 * floating-point state. "python -m fastact config --cflags --libs" prints how to
 * compile and link with it.
 *
 * For each activation NAME of fastact/activations.def, and for _f32 (float) and _f64 (double):
 *
 *   fa_NAME_f32                      (x, y, n, ...)               y  = f(x)
 *   fa_NAME_derivative_f32           (x, d, n, ...)               d  = f'(x)
 *   fa_NAME_backward_f32             (grad_y, x, grad_x, n, ...)  grad_x = grad_y * f'(x); 0 where f'(x) is 0
 *   fa_NAME_value_and_derivative_f32 (x, y, d, n, ...)            both in one pass
 *   fa_NAME_backward_from_output_f32 (grad_y, y, grad_x, n, ...)  where f'(x) follows from y = f(x)
 *   fa_NAME_scalar_f32               (x)                          f(x) of one number, with the default parameters
 *   fa_NAME_derivative_scalar_f32    (x)                          f'(x), likewise
 *   fa_NAME_scalar_with_f64          (x, parameters)              with the numbers at `parameters`; null: the defaults
 *   fa_NAME_derivative_scalar_with_f64
 *
 * n is the number of elements; "..." are the activation's own parameters, by value, in the order of its entry. An output
 * may be the same array as an input (y == x), but may not overlap one otherwise. Arrays need the alignment of their
 * element type only. f'(x) is rounded before it is multiplied: where it overflows, grad_x is infinite. A call with a
 * null pointer, or with more elements than memory can hold, does nothing. Large calls use several threads: see
 * fa_set_num_threads. Threads that call need stacks of 40 KB, or more where a BLAS is passed that needs more.
 *
 * Functions of one number give the same bits as those of arrays; the forms with parameters, in double
 * only, are what callbacks with user data have to be.
 */
#ifndef FASTACT_H
#define FASTACT_H

#include <stddef.h>
#include <stdint.h>

#include "fastact/table.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(FA_API) /* as nothing, where the library itself is compiled to be linked statically */
#elif defined(__GNUC__)
#define FA_API __attribute__((visibility("default")))
#else
#define FA_API
#endif

/* The version of this header; fa_version is that of the library. Until 1.0 the ABI may change with the minor version. */
#define FA_VERSION_MAJOR 0
#define FA_VERSION_MINOR 1
#define FA_VERSION_PATCH 0
#define FA_VERSION (FA_VERSION_MAJOR * 10000 + FA_VERSION_MINOR * 100 + FA_VERSION_PATCH)
FA_API int fa_version(void);

/* What functions that can fail return. If it is not FA_OK, nothing has been written. */
enum {
    FA_OK = 0,
    FA_TOO_SMALL = -1,  /* the workspace has fewer bytes than the call needs */
    FA_INVALID = -2,    /* an argument, or a field of a struct, has an impossible value */
    FA_UNSUPPORTED = -3 /* this machine, or this version of the library, cannot do it */
};

/* Activations ------------------------------------------------------------------------------------ */

#define FA__DECLARE_FLOAT(i, parameter, default_, kind) , float parameter
#define FA__DECLARE_DOUBLE(i, parameter, default_, kind) , double parameter
#define FA__PROTOTYPES(name, T, dtype, args, from)                                                       \
    FA_API void fa_##name##_##dtype(const T *x, T *y, size_t n args);                                    \
    FA_API void fa_##name##_derivative_##dtype(const T *x, T *d, size_t n args);                         \
    FA_API void fa_##name##_backward_##dtype(const T *grad_y, const T *x, T *grad_x, size_t n args);     \
    FA_API void fa_##name##_value_and_derivative_##dtype(const T *x, T *y, T *d, size_t n args);         \
    FA_IF_OUTPUT(from, FA_API void fa_##name##_backward_from_output_##dtype(const T *grad_y, const T *y, \
                                                                            T *grad_x, size_t n args);)
#define FA__SCALAR_PROTOTYPES(function)                \
    FA_API float fa_##function##scalar_f32(float x);   \
    FA_API double fa_##function##scalar_f64(double x); \
    FA_API double fa_##function##scalar_with_f64(double x, void *parameters);
#define FA_ACT(id, name, params, f, df, kinks, from, ...)                            \
    FA__SCALAR_PROTOTYPES(name##_)                                                   \
    FA__SCALAR_PROTOTYPES(name##_derivative_)                                        \
    FA__PROTOTYPES(name, float, f32, FA_EACH_PARAM(FA__DECLARE_FLOAT, params), from) \
    FA__PROTOTYPES(name, double, f64, FA_EACH_PARAM(FA__DECLARE_DOUBLE, params), from)
#include "fastact/activations.def"
#undef FA_ACT

/* Ids, which never change: FA_gelu, FA_relu ... */
enum {
#define FA_ACT(id, name, ...) FA_##name = id,
#include "fastact/activations.def"
#undef FA_ACT
};

/* What a dense layer keeps for its backward pass: nothing (inference, or f' is constant); its input x w + b; its output y;
 * or one bit per element, where f' has two values: (n_out + 7)/8 bytes per row, the first column in the lowest bit. */
typedef enum { FA_SAVE_NOTHING, FA_SAVE_INPUT, FA_SAVE_OUTPUT, FA_SAVE_BIT_MASK } fa_saving;

/* An activation, described. The caller sets `size`; the strings and arrays belong to the library. */
typedef struct {
    size_t size; /* sizeof(fa_activation) */
    int id;
    const char *name;
    size_t n_parameters;
    const char *const *parameter_names;
    const double *parameter_defaults;
    int from_output; /* whether fa_NAME_backward_from_output exists */
    int saves;       /* an fa_saving: the least from which f' follows exactly */
    int has_mask;    /* whether f' has two values only, so that one bit tells it */
} fa_activation;

FA_API int fa_activation_by_name(const char *name); /* its id, or FA_INVALID */
FA_API int fa_activation_info(int id, fa_activation *description);

/* The two values of f', where it has no others, for given parameters (none: the defaults). FA_INVALID otherwise. */
FA_API int fa_activation_mask_values(int id, const double *parameters, size_t n_parameters, double values[2]);

/* Row-wise functions ----------------------------------------------------------------------------- */

/* For each function NAME of fastact/rowwise.def, over the last axis of rows x n arrays; "..." are its own parameters:
 *
 *   fa_NAME_f32                      (x, y, rows, n, ...)
 *   fa_NAME_backward_f32             (grad_y, x, grad_x, rows, n, ...)
 *   fa_NAME_backward_from_output_f32 (grad_y, y, grad_x, rows, n, ...)   where the result determines the gradient
 *
 * n counts the elements of a row of x; y has as many, or 1, of crelu 2n and of maxout n/pieces. An output may be the same
 * array as an input of its shape. FA_INVALID: a null pointer to an array that has elements; a size that is impossible, or
 * not a multiple of `pieces`; a temperature that is not positive and finite. */
#define FA__ROWWISE_PROTOTYPES(name, T, dtype, args, result)                                     \
    FA_API int fa_##name##_##dtype(const T *x, T *y, size_t rows, size_t n args);                \
    FA_API int fa_##name##_backward_##dtype(const T *grad_y, const T *x, T *grad_x, size_t rows, \
                                            size_t n args);                                      \
    FA_IF_EACH(result, FA_API int fa_##name##_backward_from_output_##dtype(                      \
                           const T *grad_y, const T *y, T *grad_x, size_t rows, size_t n args);)
#define FA_ROWWISE(id, name, params, result, ...)                                                      \
    FA__ROWWISE_PROTOTYPES(name, float, f32,                                                           \
                           FA_EACH_PARAM(FA__DECLARE_FLOAT, params) FA_DECLARE_PIECES(result), result) \
    FA__ROWWISE_PROTOTYPES(name, double, f64,                                                          \
                           FA_EACH_PARAM(FA__DECLARE_DOUBLE, params) FA_DECLARE_PIECES(result), result)
#include "fastact/rowwise.def"
#undef FA_ROWWISE

/* loss[i] = weights[i] * -sum(q log p), p the softmax of row i of the logits, and its gradient. q is 1 at labels[i], or
 * row i of `probabilities`; the other pointer is null. weights and grad_logits may be null; without weights they are 1.
 * The result is FA_INVALID, and nothing is written, if a label is not in [0, n). grad_logits may be the array logits. */
FA_API int fa_softmax_cross_entropy_f32(const float *logits, const int64_t *labels,
                                        const float *probabilities, const double *weights, double *loss,
                                        float *grad_logits, size_t rows, size_t n);
FA_API int fa_softmax_cross_entropy_f64(const double *logits, const int64_t *labels,
                                        const double *probabilities, const double *weights, double *loss,
                                        double *grad_logits, size_t rows, size_t n);

/* loss[i] = -weights[i] x[i][labels[i]], x rows of log-probabilities; otherwise as softmax_cross_entropy. */
FA_API int fa_nll_f32(const float *log_probabilities, const int64_t *labels, const double *weights,
                      double *loss, float *grad, size_t rows, size_t n);
FA_API int fa_nll_f64(const double *log_probabilities, const int64_t *labels, const double *weights,
                      double *loss, double *grad, size_t rows, size_t n);

/* Element-wise losses ---------------------------------------------------------------------------- */

/* For each loss NAME of fastact/losses.def, of n elements of x and of their targets; "..." are its own parameters:
 *
 *   fa_NAME_f32(x, target, weights, losses, total, grad_x, factor, n, ...)
 *
 * losses[i] = weights[i] f(x[i], target[i]), total is their sum, and grad_x[i] = factor weights[i] df/dx. weights may be
 * null, which is 1, and so may each result. An element whose weight is 0 does not count, and may hold anything. A result
 * may be the same array as an input. The sum is compensated, in an order that depends on n alone. FA_INVALID: a null pointer
 * to x or target with n > 0; an impossible n; a delta that is not positive and finite. */
#define FA__LOSS_PROTOTYPE(name, T, dtype, args)                                                  \
    FA_API int fa_##name##_##dtype(const T *x, const T *target, const double *weights, T *losses, \
                                   double *total, T *grad_x, double factor, size_t n args);
#define FA_LOSS(id, name, params, ...)                                             \
    FA__LOSS_PROTOTYPE(name, float, f32, FA_EACH_PARAM(FA__DECLARE_FLOAT, params)) \
    FA__LOSS_PROTOTYPE(name, double, f64, FA_EACH_PARAM(FA__DECLARE_DOUBLE, params))
#include "fastact/losses.def"
#undef FA_LOSS

/* Gated pairs ------------------------------------------------------------------------------------ */

/* y = f(min(a, limit)) * (max(-limit, min(b, limit)) + offset), f an activation, for rows x n arrays.
 *
 * a and b may be the halves of one array, x: b = x + n, and a_row = b_row = 2 n. glu is FA_sigmoid with x + n as a;
 * swiglu FA_silu (with alpha: FA_swish), geglu FA_gelu, geglu_tanh FA_gelu_tanh, reglu FA_relu, bilinear FA_identity. */
typedef struct {
    size_t size;              /* sizeof(fa_gated) */
    int activation;           /* an id: FA_silu ... */
    const double *parameters; /* of the activation, in its order */
    size_t n_parameters;      /* the activation's number of them, or 0: its defaults */
    double limit, offset;     /* a limit of 0 stands for none */
    size_t rows, n;
    ptrdiff_t a_row, b_row, y_row, grad_a_row,
        grad_b_row; /* elements from one row to the next; y_row: of grad_y, too */
} fa_gated;

/* Both gradients in one pass. A result may be the same memory as an input, element for element. Gradients are 0 where
 * the limit holds. FA_INVALID: a null pointer to an array that has elements; an unknown activation, or another number
 * of parameters than it has; a limit that is negative or NaN; an offset that is not finite; an impossible size, or
 * results whose rows overlap. */
FA_API int fa_gated_f32(const fa_gated *pair, const float *a, const float *b, float *y);
FA_API int fa_gated_f64(const fa_gated *pair, const double *a, const double *b, double *y);
FA_API int fa_gated_backward_f32(const fa_gated *pair, const float *grad_y, const float *a, const float *b,
                                 float *grad_a, float *grad_b);
FA_API int fa_gated_backward_f64(const fa_gated *pair, const double *grad_y, const double *a, const double *b,
                                 double *grad_a, double *grad_b);

/* Settings --------------------------------------------------------------------------------------- */

/* Instruction set: "sse2", "avx2", "avx512" or "neon". On first use the best one that this machine supports is chosen,
 * unless the environment variable FASTACT_ISA names another. fa_isas lists those that can be used here, from the least to
 * the most capable, separated by commas. fa_set_isa returns FA_INVALID for a name that this build does not have and
 * FA_UNSUPPORTED for one that this machine cannot run; then nothing changes. */
FA_API const char *fa_isa(void);
FA_API const char *fa_isas(void);
FA_API int fa_set_isa(const char *name);

/* Threads: the most that one call may use. By default the smallest of OMP_NUM_THREADS (or FASTACT_NUM_THREADS), the CPUs
 * that this process may use, and the CPU quota of its cgroup. fa_set_num_threads(0) restores that default. */
FA_API int fa_num_threads(void);
FA_API void fa_set_num_threads(int n);

/* The same for calls of the calling thread only, in place of fa_set_num_threads; 0 ends it. */
FA_API void fa_set_num_threads_here(int n);

/* Threads of the client's own. run(context, task, data, count) has to call task(data) `count` times, on any threads, at
 * once or one after the other, and to return when these calls have. It then takes the place of OpenMP's threads in the
 * process, whose limit no longer counts; null restores them. What run leaves undone is done by the thread that calls the
 * library, so run may return at once where its threads are busy; calls beyond `count` do nothing. Results have the same
 * bits in any case.
 *
 * Threads that call the library at the same time call run at the same time. A task never calls run. Calls in progress end
 * as they began, so `context` has to live as long as they do. A forked child has no run until it sets one. */
typedef void (*fa_task)(void *data);
typedef void (*fa_parallel_for)(void *context, fa_task task, void *data, size_t count);
FA_API void fa_set_parallel_for(fa_parallel_for run, void *context);

/* Dense layers ----------------------------------------------------------------------------------- */

/* A dense layer: y = f(x w + b), and back.
 *
 * x is rows x n_in, w is n_in x n_out, b holds n_out elements, y is rows x n_out; dx, dw, db have the shapes of x, w,
 * b. Leading axes ("stack") make many layers of one size a single call. fa_dense_forward_f32 reads x, w, b
 * and writes y and saved. fa_dense_backward_f32 reads x, w, saved, grad_y and writes those of dx, dw, db
 * whose data is not null:
 *
 *   delta = grad_y * f'(x w + b),   dx = delta w^T,   dw = x^T delta,   db = sum of delta's rows.
 *
 * Both compute tile by tile, in a workspace that the caller owns; fa_dense_workspace_f32 returns its size in
 * bytes. No result may overlap another array, with these exceptions: saved is y where the output is saved,
 * and dx may be x, or grad_y if n_in == n_out. Results have the same bits whatever the number of threads. */

/* sgemm and dgemm of a BLAS with Fortran's interface, cast to these types, and the size of its integers. If
 * the BLAS starts threads of its own, the last two get and set their number, and the library keeps it to one
 * during a call; they may be null. Where the library's own kernels are faster, they are used instead, unless
 * `always` is not 0; without a BLAS, and for strides that a BLAS cannot take, they are used in any case. A
 * struct whose size ends before `always` has 0 there. */
typedef struct {
    size_t size; /* sizeof(fa_blas) */
    void (*sgemm)(void);
    void (*dgemm)(void);
    int integer_bits; /* 32 or 64 */
    int (*get_threads)(void);
    void (*set_threads)(int);
    size_t always;
} fa_blas;

/* Arrays to read and to write. Strides count elements; those of the stack axes may be 0 to broadcast, and
 * `stack` may be null for an array that has none of these axes. dx, dw and db are sums over the stack axes along
 * which their stride is 0, and are 0 where such an axis has length 0. Columns of results are 1 apart. */
typedef struct {
    const void *data;
    ptrdiff_t row, column;
    const ptrdiff_t *stack;
} fa_input;
typedef struct {
    void *data;
    ptrdiff_t row;
    const ptrdiff_t *stack;
} fa_result;

/* A layer. Fields that a call does not read may hold anything, and arrays without elements may be null.
 *
 * FA_INVALID: a null pointer to an array that has elements; an unknown activation or saving; another number
 * of parameters than the activation has; saving that the activation does not allow; b or parameters that have
 * rows, or b whose columns are not 1 apart; y or saved with a stride of 0 along a stack axis, or a result
 * whose rows overlap; more than 64 stack axes; an array with more than 2^55 bytes, or with strides that reach
 * as far, where arrays are counted with the stack axes that they broadcast along, and an extent of 0 counts
 * as 1; a size that is smaller than that of the first version of a struct, not a multiple of its alignment,
 * or larger than 4096. */
typedef struct {
    size_t size; /* sizeof(fa_dense) */
    size_t rows, n_in, n_out;
    size_t stack_ndim;
    const size_t *stack_shape;
    int activation;             /* an id: FA_gelu ... */
    int saving;                 /* an fa_saving */
    const fa_input *parameters; /* in the activation's order: one value (column 0), or one for each column */
    size_t n_parameters;        /* the activation's number of them, or 0: its defaults */
    double mask_values[2];      /* f' where a bit is 0, and where it is 1 */
    fa_input x, w, b, grad_y;   /* b.data may be null; the columns of b are 1 apart */
    fa_result y, saved, dx, dw, db;
    int accumulate; /* add to dx, dw, db, instead of overwriting them */
    const fa_blas *blas;
} fa_dense;

/* The workspace functions return 0 for an invalid layer. Of the pointers to data they read only which of dx,
 * dw, db are null; the other arrays need not exist yet. */
FA_API int fa_dense_forward_f32(const fa_dense *layer, void *workspace, size_t bytes);
FA_API int fa_dense_forward_f64(const fa_dense *layer, void *workspace, size_t bytes);
FA_API int fa_dense_backward_f32(const fa_dense *layer, void *workspace, size_t bytes);
FA_API int fa_dense_backward_f64(const fa_dense *layer, void *workspace, size_t bytes);
FA_API size_t fa_dense_workspace_f32(const fa_dense *layer, int backward);
FA_API size_t fa_dense_workspace_f64(const fa_dense *layer, int backward);

/* A network in one call: `count` layers one after the other, backward in descending order. The size of the
 * first layer's struct is that of all. The caller has set each layer's x to the y of the previous one, and
 * each grad_y to the dx of the next. All layers share a workspace. */
FA_API int fa_network_forward_f32(const fa_dense *layers, size_t count, void *workspace, size_t bytes);
FA_API int fa_network_forward_f64(const fa_dense *layers, size_t count, void *workspace, size_t bytes);
FA_API int fa_network_backward_f32(const fa_dense *layers, size_t count, void *workspace, size_t bytes);
FA_API int fa_network_backward_f64(const fa_dense *layers, size_t count, void *workspace, size_t bytes);
FA_API size_t fa_network_workspace_f32(const fa_dense *layers, size_t count, int backward);
FA_API size_t fa_network_workspace_f64(const fa_dense *layers, size_t count, int backward);

#ifdef __cplusplus
}
#endif

#include "fastact/quantized.h"
#include "fastact/training.h"

#endif
