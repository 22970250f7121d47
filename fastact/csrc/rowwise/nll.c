/* The negative log-likelihood of labels, for rows of log-probabilities: loss = -weight x[label]. */
#include <string.h>

#include "platform/fenv.h"
#include "platform/parallel.h"
#include "rowwise/call.h"

enum { GRAIN = 32768 }; /* elements of the gradient that are worth a thread */

/* A row whose weight is 0 does not count, and may hold anything, or nothing. A loss of 0 is +0. */
#define DEFINE_ROWS(T, run_rows)                                                                             \
    static void run_rows(const void *context, size_t begin, size_t end) {                                    \
        const fa__cross_entropy_call *c = context;                                                           \
        fa__fenv caller = fa__enter_fenv();                                                                  \
        for (size_t i = begin; i < end; i++) {                                                               \
            const size_t at = i * c->n + (size_t)c->labels[i];                                               \
            const double weight = c->weights ? c->weights[i] : 1;                                            \
            T *grad_x = c->grad_x;                                                                           \
            const int counts = weight != 0;                                                                  \
            c->loss[i] =                                                                                     \
                counts ? 0 - weight * (double)((const T *)c->x)[at] : 0; /* before grad_x, which may be x */ \
            if (grad_x) memset(grad_x + i * c->n, 0, c->n * sizeof(T));                                      \
            if (grad_x && counts) grad_x[at] = (T)(0 - weight);                                              \
        }                                                                                                    \
        fa__leave_fenv(caller);                                                                              \
    }
DEFINE_ROWS(float, run_float)
DEFINE_ROWS(double, run_double)

void fa__run_nll(const fa__cross_entropy_call *call) {
    const size_t grain = call->grad_x ? GRAIN / (call->n + 1) + 1 : GRAIN;
    fa__parallel_for(call->dtype == FA__F64 ? run_double : run_float, call, call->rows, grain, 1);
}
