/* What the Python extensions use beyond the public functions. The shared library exports one function for it, which
 * refuses an extension that was built with another version of these headers. */
#ifndef FA_API_PRIVATE_H
#define FA_API_PRIVATE_H

#include "api/dense.h"
#include "api/health.h"
#include "api/quantized.h"
#include "api/rowwise.h"
#include "api/training.h"
#include "elementwise/call.h"
#include "platform/parallel.h"
#include "platform/thread_limits.h"

typedef struct {
    int n_entries;
    const fa__entry *entries;
    const fa__arity *arities;
    void (*execute)(fa__call *call);
    void (*execute_1d)(int entry, fa__direction direction, fa__dtype dtype, char *const *base,
                       const ptrdiff_t *stride, size_t n);
    void (*execute_contiguous)(int entry, fa__direction direction, fa__dtype dtype, char *const *base,
                               size_t n);
    int (*round_to_float32)(double value, float *result);
    int (*round_to_float16)(double value, float *result);
    fa__thread_limits (*get_thread_limits)(void);
    const char *(*openmp_runtime)(void);
    void (*limit_threads)(int n);
    int (*thread_limit)(void);
    fa__parallel_for_function *parallel_for;
    const fa__dense_functions *dense;
    const fa__rowwise_functions *rowwise;
    const fa__training_functions *training;
    const fa__health_functions *health;
    const fa__quantized_functions *quantized;
} fa__private_functions;

/* null unless the caller's FA_VERSION and sizeof(fa__private_functions) are those of the library */
FA_API const fa__private_functions *fa__private(int version, size_t size);

#endif
