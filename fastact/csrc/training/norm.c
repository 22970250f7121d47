/* Normalisation: passes over rows and columns, divided among threads. */
#include "training/norm.h"

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) \
    extern const fa__norm_kernels fa__norm_kernels_##isa##_float, fa__norm_kernels_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {&fa__norm_kernels_##isa##_float, &fa__norm_kernels_##isa##_double},
static const fa__norm_kernels *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

/* the fewest elements that are worth a thread: some 20 microseconds */
#define GRAIN 32768

typedef struct {
    const fa__norm_call *call;
    fa__norm_kernel *kernel;
} norm_run;

static void run_range(const void *context, size_t begin, size_t end) {
    const norm_run *r = context;
    fa__fenv caller = fa__enter_fenv();
    r->kernel(r->call, begin, end);
    fa__leave_fenv(caller);
}

static void over_rows(const fa__norm_call *c, fa__norm_kernel *kernel) {
    fa__parallel_for(run_range, &(norm_run){c, kernel}, c->rows, GRAIN / (c->n + 1) + 1, 1);
}

static void over_columns(const fa__norm_call *c, fa__norm_kernel *kernel) {
    const size_t grain = GRAIN / (c->rows + 1) + 1;
    fa__parallel_for(run_range, &(norm_run){c, kernel}, c->n, grain < FA__NORM_TILE ? FA__NORM_TILE : grain,
                     FA__NORM_TILE);
}

void fa__run_norm_forward(const fa__norm_call *c) {
    const fa__norm_kernels *k = kernels[fa__active_isa()][c->dtype];
    if (c->kind == FA__BATCH_NORM) over_columns(c, k->column_statistics);
    over_rows(c, k->forward[c->kind]);
}

/* Sums come before grad_x is written, which may be x or grad_y */
void fa__run_norm_backward(const fa__norm_call *c) {
    const fa__norm_kernels *k = kernels[fa__active_isa()][c->dtype];
    if (c->kind != FA__BATCH_NORM)
        over_rows(c, k->row_statistics);
    else if (!c->has_statistics)
        over_columns(c, k->column_statistics);
    if (c->kind == FA__BATCH_NORM || c->grad_weight || c->grad_bias) over_columns(c, k->sums[c->kind]);
    if (c->grad_x) over_rows(c, k->gradient[c->kind]);
}
