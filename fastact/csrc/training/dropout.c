/* Dropout, divided among threads. */
#include "training/dropout.h"

#include <string.h>

#include "platform/fenv.h"
#include "platform/isa.h"
#include "platform/parallel.h"

#define DECLARE(isa) fa__dropout_kernel fa__dropout_##isa##_float, fa__dropout_##isa##_double;
FA__EACH_ISA(DECLARE)
#define KERNELS(isa) {fa__dropout_##isa##_float, fa__dropout_##isa##_double},
static fa__dropout_kernel *const kernels[FA__ISAS][2] = {FA__EACH_ISA(KERNELS)};

/* the fewest elements that are worth a thread: some 20 microseconds */
#define GRAIN 32768
#define QUANTUM 128 /* elements whose words are computed together */

typedef struct {
    fa__dropout all;
    fa__dropout_kernel *kernel;
    size_t size;
} dropout_run;

static void run_range(const void *context, size_t begin, size_t end) {
    const dropout_run *r = context;
    fa__dropout part = r->all;
    part.n = end - begin;
    part.x = (const char *)part.x + begin * r->size;
    part.y = (char *)part.y + begin * r->size;
    part.place.first += begin;
    fa__fenv caller = fa__enter_fenv();
    r->kernel(&part);
    fa__leave_fenv(caller);
}

void fa__run_dropout(fa__dtype dtype, const void *x, void *y, size_t n, double p, fa__random_place place) {
    const size_t size = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    if (p == 1) { /* its threshold would be 2^32 */
        memset(y, 0, n * size);
        return;
    }
    const dropout_run r = {
        {n, x, y, (uint32_t)(p * 0x1p32), 1 / (1 - p), place}, kernels[fa__active_isa()][dtype], size};
    fa__parallel_for(run_range, &r, n, GRAIN, QUANTUM);
}
