/* What the parts of the C library share: rows, kernels, and the one entry through which all calls go.
 * Does not know how any part does its work. */
#ifndef FA_INTERNAL_H
#define FA_INTERNAL_H

#include <stddef.h>

#include "platform/parallel.h"

#define FA__MAX_PARAMS 4
#define FA__MAX_OPERANDS (2 + FA__MAX_PARAMS + 2) /* grad, x, parameters, two results */
#define FA__MAX_DIMS 64                           /* as NumPy's */

typedef enum {
    FA__FORWARD,
    FA__DERIVATIVE,
    FA__BACKWARD,
    FA__VALUE_AND_DERIVATIVE,
    FA__BACKWARD_FROM_OUTPUT,
    FA__BY_PARAMETER, /* derivative with respect to parameter 0; the others follow */
    FA__DIRECTIONS = FA__BY_PARAMETER + FA__MAX_PARAMS
} fa__direction;

/* what arrays hold; float16 is computed in float32 */
typedef enum { FA__F32, FA__F64, FA__F16, FA__DTYPES } fa__dtype;

/* what an operand that is read may hold instead: the dtypes come first, with the same numbers */
typedef enum {
    FA__I8 = FA__DTYPES,
    FA__U8,
    FA__I16,
    FA__U16,
    FA__I32,
    FA__U32,
    FA__I64,
    FA__U64,
    FA__SWAPPED_F32, /* of the other byte order */
    FA__SWAPPED_F64,
    FA__SOURCES
} fa__source;

/* Row numbers, in the order of the table */
enum {
#define FA_ACT(name, ...) FA__ROW_##name,
#include "fastact/activations.def"
#undef FA_ACT
    FA__ROWS
};

/* A row as data, for introspection */
typedef struct {
    const char *name;
    int n_params;
    const char *param_names[FA__MAX_PARAMS];
    double param_defaults[FA__MAX_PARAMS];
    const char *param_derivatives[FA__MAX_PARAMS]; /* df/dparameter, "" where it is not learned */
    const char *formula, *derivative_formula, *kinks;
    int from_output;                        /* whether f' follows from y */
    const char *output_formula, *condition; /* f'(y) and when it holds; or the reason why not, and "" */
    double ulp_f32, ulp_f64, ulp_f64_derivative;
    const char *about;
} fa__row;
extern const fa__row fa__rows[FA__ROWS];

/* the index in fa__rows of the activation with this public id, or -1 */
static inline int fa__find_entry(int id) {
    return id >= 0 && id < FA__ROWS ? id : -1;
}

/* How many operands precede the parameters, and how many results follow them */
typedef struct {
    int inputs, results;
} fa__arity;
extern const fa__arity fa__arities[FA__DIRECTIONS];

/* A kernel works on n contiguous elements, n a multiple of FA__LANES. Operands stand in the order inputs,
 * parameters, results. loop[..][0] takes one value per parameter, loop[..][1] one per element. */
#define FA__LANES 16
#define FA__LINE 64 /* bytes of a cache line */
#define FA__STEP 64 /* elements whose like in the next box are fetched before they are computed */

/* What moves while a box is computed, so that the memory is busy too: results of the box before leave their buffers
 * past the caches, inputs of the next one come into them. A loop may move some of it along with what it computes; the
 * caller moves the rest. */
typedef struct {
    struct {
        const char *from;
        char *to;
        size_t bytes;
    } leaving[2]; /* whole lines */
    int open;     /* leaving[open - 1] goes now */
    const char *coming[2];
    int inputs;
    size_t coming_bytes; /* of each input; it does no harm if there are fewer */
    size_t spared;       /* of these, what is left to the CPU where the loop fetches nothing */
} fa__traffic;

/* of each input, the line `at` bytes from its beginning */
static inline void fa__fetch_lines(const char *const *coming, int inputs, size_t at) {
    __builtin_prefetch(coming[0] + at);
    if (inputs > 1) __builtin_prefetch(coming[1] + at);
}

/* stores what is left to leave, and fetches what is left to come, less what is spared; others see the results after
 * the fence */
typedef void fa__streamer(fa__traffic *traffic);
void fa__stream_fence(void);

typedef void fa__loop(char *const *operands, size_t n, fa__traffic *traffic); /* which may be null */
typedef struct {
    fa__loop *loop[FA__DIRECTIONS][2];
} fa__kernels;

/* one instruction set's kernels, by dtype (FA__F32, FA__F64) and row */
typedef struct {
    const char *isa;
    const fa__kernels *of_dtype[2];
    const struct fa__movers *movers[2]; /* between arrays and buffers (movers.h) */
    fa__streamer *stream;
} fa__kernel_set;
const fa__kernel_set *fa__active_kernels(void);

/* Bytes of cache: what each processor has to itself, and what one may take to have of those that all share. Larger
 * results do not stay there. */
typedef struct {
    size_t own, shared;
} fa__caches;
fa__caches fa__get_caches(void);

/* An elementwise call on arrays of any layout: base address and byte strides of each operand over the
 * broadcast shape. Results may be the same memory as an input, element for element; no other overlap.
 * fa__execute puts the axes into an order of its own. */
typedef struct {
    int row;
    fa__direction direction;
    fa__dtype dtype;                     /* of the results */
    fa__source source[FA__MAX_OPERANDS]; /* of inputs and parameters */
    int ndim;
    size_t shape[FA__MAX_DIMS];
    char *base[FA__MAX_OPERANDS];
    ptrdiff_t stride[FA__MAX_OPERANDS][FA__MAX_DIMS];
} fa__call;
void fa__execute(fa__call *call);

/* the same for one dimension, as a NumPy inner loop sees it; and for contiguous arrays and scalar
 * parameters, as the C API does */
void fa__execute_1d(int row, fa__direction direction, fa__dtype dtype, char *const *base,
                    const ptrdiff_t *stride, size_t n);
void fa__execute_contiguous(int row, fa__direction direction, fa__dtype dtype, char *const *base, size_t n);

/* `value` as a float, or as a half that is widened again, rounded to nearest and without a trace in the caller's
 * floating-point state. Returns 0 where a finite value is too large; then nothing is written. */
int fa__narrow(double value, float *result);
int fa__narrow_to_half(double value, float *result);

#endif
