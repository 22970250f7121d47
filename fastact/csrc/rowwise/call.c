/* Rows are divided among threads; each row is computed by one of them. */
#include "rowwise/call.h"

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

/* The kernels of every instruction set of the build ------------------------------------------------- */

#define DECLARE(isa)                                                                            \
    extern const fa__row_kernels fa__row_kernels_##isa##_float, fa__row_kernels_##isa##_double; \
    extern const fa__short_rows_kernels fa__short_rows_kernels_##isa##_float,                   \
        fa__short_rows_kernels_##isa##_double;                                                  \
    extern const fa__cross_entropy_kernels fa__cross_entropy_kernels_##isa##_float,             \
        fa__cross_entropy_kernels_##isa##_double;
FA__EACH_ISA(DECLARE)

#define KERNELS(isa) {&fa__row_kernels_##isa##_float, &fa__row_kernels_##isa##_double},
static const fa__row_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};
#define SHORT_ROWS(isa) {&fa__short_rows_kernels_##isa##_float, &fa__short_rows_kernels_##isa##_double},
static const fa__short_rows_kernels *const short_rows[FA__ISAS][2] = {FA__EACH_ISA(SHORT_ROWS)};
#define CROSS_ENTROPY(isa) \
    {&fa__cross_entropy_kernels_##isa##_float, &fa__cross_entropy_kernels_##isa##_double},
static const fa__cross_entropy_kernels *const cross_entropies[FA__ISAS][2] = {FA__EACH_ISA(CROSS_ENTROPY)};

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
    fa__short_rows_kernel *several; /* null: rows are computed one at a time */
    size_t group;
    size_t of_grad, of_in, of_out; /* bytes of one row */
} rows_run;

static fa__one_row row_of(const rows_run *r, size_t i) {
    const fa__rows_call *c = r->call;
    return (fa__one_row){c->n,
                         at(c->grad_y, i, r->of_grad),
                         at(c->in, i, r->of_in),
                         at(c->out, i, r->of_out),
                         c->temperature,
                         c->pieces};
}

#define FEWEST 4 /* rows that take no longer together than one at a time */

static void run_rows(const void *context, size_t begin, size_t end) {
    const rows_run *r = context;
    fa__fenv caller = fa__enter_fenv();
    for (size_t i = begin; i < end;) {
        const size_t group = end - i < r->group ? end - i : r->group, last = i + group;
        const fa__one_row first = row_of(r, i);
        if (group < FEWEST || !r->several(&first, group))
            for (; i < last; i++) {
                const fa__one_row row = row_of(r, i);
                r->kernel(&row);
            }
        i = last;
    }
    fa__leave_fenv(caller);
}

void fa__run_rows(const fa__rows_call *call) {
    const size_t size = size_of(call->dtype), row = call->n * size;
    const size_t of_result = fa__row_results(call->entry, call->n, call->pieces) * size;
    const fa__short_rows_kernels *together = short_rows[fa__active_isa()][call->dtype];
    fa__short_rows_kernel *several =
        call->n <= together->longest ? together->of[call->entry][call->direction] : 0;
    const rows_run r = {
        call,
        kernels[fa__active_isa()][call->dtype]->of[call->entry][call->direction],
        several,
        several ? together->group : 1,
        of_result,
        call->direction == FA__ROWWISE_BACKWARD_FROM_OUTPUT ? of_result : row,
        call->direction == FA__ROWWISE_FORWARD ? of_result : row,
    };
    fa__parallel_for(run_rows, &r, call->rows, grain(call->n), 1);
}

typedef struct {
    const fa__cross_entropy_call *call;
    const fa__cross_entropy_kernels *kernels;
    size_t size;
} cross_entropy_run;

static void run_one_cross_entropy(const cross_entropy_run *r, size_t i) {
    const fa__cross_entropy_call *c = r->call;
    const size_t bytes = c->n * r->size;
    const fa__cross_entropy_row row = {
        .n = c->n,
        .x = at(c->x, i, bytes),
        .grad_x = at(c->grad_x, i, bytes),
        .q = at(c->q, i, bytes),
        .label = c->q ? 0 : (size_t)c->labels[i],
        .weight = c->weights ? c->weights[i] : 1,
        .loss = &c->loss[i],
    };
    r->kernels->one(&row);
}

static void run_cross_entropy(const void *context, size_t begin, size_t end) {
    const cross_entropy_run *r = context;
    const size_t most = r->call->n <= r->kernels->longest ? r->kernels->group : 1;
    fa__fenv caller = fa__enter_fenv();
    for (size_t i = begin; i < end;) {
        const size_t group = end - i < most ? end - i : most, last = i + group;
        if (group < FEWEST || !r->kernels->several(r->call, i, group))
            for (; i < last; i++) run_one_cross_entropy(r, i);
        i = last;
    }
    fa__leave_fenv(caller);
}

void fa__run_cross_entropy(const fa__cross_entropy_call *call) {
    const cross_entropy_run r = {call, cross_entropies[fa__active_isa()][call->dtype], size_of(call->dtype)};
    fa__parallel_for(run_cross_entropy, &r, call->rows, grain(call->n), 1);
}
