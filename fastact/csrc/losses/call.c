/* Element-wise losses of arrays: chunks are divided among threads, and their sums added up in the order of the chunks, so
 * that a loss has the same bits for any number of threads. */
#include "losses/call.h"

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) fa__loss_kernel fa__loss_##isa##_float, fa__loss_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {fa__loss_##isa##_float, fa__loss_##isa##_double},
static fa__loss_kernel *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

/* CHUNKS: the most chunks of a call, whose sums are on the stack; CHUNK: elements of a small one, some 10 microseconds */
enum { CHUNKS = 256, CHUNK = 8192, GRAIN = 32768 };

typedef struct {
    const fa__loss_call *call;
    fa__loss_kernel *kernel;
    size_t chunk; /* elements */
    fa__loss_sum *sums;
} loss_run;

static void run_chunks(const void *context, size_t begin, size_t end) {
    const loss_run *r = context;
    fa__fenv caller = fa__enter_fenv();
    for (size_t i = begin; i < end; i++) {
        const size_t first = i * r->chunk, rest = r->call->n - first;
        r->kernel(r->call, first, first + (rest < r->chunk ? rest : r->chunk), &r->sums[i]);
    }
    fa__leave_fenv(caller);
}

void fa__run_loss(const fa__loss_call *call) {
    fa__loss_sum sums[CHUNKS]; /* set as far as they are used, since calls may be short */
    /* depends on n alone */
    const size_t chunk = (call->n / CHUNKS + CHUNK) / CHUNK * CHUNK, chunks = (call->n + chunk - 1) / chunk;
    for (size_t i = 0; i < chunks; i++) sums[i] = (fa__loss_sum){0, 0};
    const loss_run r = {call, kernels[fa__active_isa()][call->dtype], chunk, sums};
    fa__parallel_for(run_chunks, &r, chunks, (GRAIN + chunk - 1) / chunk, 1);
    fa__fenv caller = fa__enter_fenv();
    *call->total = (fa__loss_sum){0, 0};
    for (size_t i = 0; i < chunks; i++) {
        fa__add_to_loss(call->total, sums[i].high);
        call->total->low += sums[i].low;
    }
    fa__leave_fenv(caller);
}
