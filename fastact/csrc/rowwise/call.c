/* Rows are divided among threads; each row is computed by one of them. */
#include "rowwise/call.h"

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

/* The kernels of every instruction set of the build ------------------------------------------------- */

#define DECLARE(isa)                                                                            \
    extern const fa__row_kernels fa__row_kernels_##isa##_float, fa__row_kernels_##isa##_double; \
    fa__cross_entropy_kernel fa__cross_entropy_##isa##_float, fa__cross_entropy_##isa##_double;
FA__EACH_ISA(DECLARE)

#define KERNELS(isa) {&fa__row_kernels_##isa##_float, &fa__row_kernels_##isa##_double},
static const fa__row_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};
#define CROSS_ENTROPY(isa) {fa__cross_entropy_##isa##_float, fa__cross_entropy_##isa##_double},
static fa__cross_entropy_kernel *const cross_entropies[FA__ISAS][2] = {FA__EACH_ISA(CROSS_ENTROPY)};

/* Calls -------------------------------------------------------------------------------------------- */

/* the fewest elements that are worth a thread: some 20 microseconds */
#define GRAIN 32768

static size_t grain(size_t n) {
    return GRAIN / (n + 1) + 1;
}

static size_t size_of(fa__dtype dtype) {
    return dtype == FA__F64 ? sizeof(double) : sizeof(float);
}

/* element `index` of an array that may be null */
static void *at(const void *array, size_t index, size_t size) {
    return array ? (void *)((uintptr_t)array + index * size) : 0;
}

typedef struct {
    const fa__rows_call *call;
    fa__row_kernel *kernel;
    size_t of_grad, of_in, of_out; /* bytes of one row */
} rows_run;

static void run_rows(const void *context, size_t begin, size_t end) {
    const rows_run *r = context;
    const fa__rows_call *c = r->call;
    fa__fenv caller = fa__enter_fenv();
    for (size_t i = begin; i < end; i++) {
        fa__one_row row = {c->n,
                           at(c->grad_y, i, r->of_grad),
                           at(c->in, i, r->of_in),
                           at(c->out, i, r->of_out),
                           c->temperature,
                           c->pieces};
        r->kernel(&row);
    }
    fa__leave_fenv(caller);
}

void fa__run_rows(const fa__rows_call *call) {
    const size_t size = size_of(call->dtype), row = call->n * size;
    const size_t of_result = fa__row_results(call->entry, call->n, call->pieces) * size;
    const rows_run r = {
        call,
        kernels[fa__active_isa()][call->dtype]->of[call->entry][call->direction],
        of_result,
        call->direction == FA__ROWWISE_BACKWARD_FROM_OUTPUT ? of_result : row,
        call->direction == FA__ROWWISE_FORWARD ? of_result : row,
    };
    fa__parallel_for(run_rows, &r, call->rows, grain(call->n), 1);
}

typedef struct {
    const fa__cross_entropy_call *call;
    fa__cross_entropy_kernel *kernel;
    size_t size;
} cross_entropy_run;

static void run_cross_entropy(const void *context, size_t begin, size_t end) {
    const cross_entropy_run *r = context;
    const fa__cross_entropy_call *c = r->call;
    const size_t bytes = c->n * r->size;
    fa__fenv caller = fa__enter_fenv();
    for (size_t i = begin; i < end; i++) {
        fa__cross_entropy_row row = {
            .n = c->n,
            .x = at(c->x, i, bytes),
            .grad_x = at(c->grad_x, i, bytes),
            .q = at(c->q, i, bytes),
            .label = c->q ? 0 : (size_t)c->labels[i],
            .weight = c->weights ? c->weights[i] : 1,
            .loss = &c->loss[i],
        };
        r->kernel(&row);
    }
    fa__leave_fenv(caller);
}

void fa__run_cross_entropy(const fa__cross_entropy_call *call) {
    const cross_entropy_run r = {call, cross_entropies[fa__active_isa()][call->dtype], size_of(call->dtype)};
    fa__parallel_for(run_cross_entropy, &r, call->rows, grain(call->n), 1);
}
