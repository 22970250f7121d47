#include "evaluation/reference/program.h"

#include <math.h>

#include "evaluation/reference/operations.h"
#include "evaluation/ulp.h"
#include "evaluation/vectors.h"

#define ENOUGH 0x1p-20           /* ULP of float32 */
#define ROUNDED_UP (1 + 0x1p-40) /* for the roundings of errors on their way */

size_t fa__reference_workspace(const fa__reference_program *program) {
    return program->register_count * sizeof(block);
}

static void fill(block *to, double hi, double lo, double err) {
    for (int i = 0; i < LANES; i++) to->hi[i] = hi, to->lo[i] = lo, to->err[i] = err;
    to->beyond = isinf(hi);
}

/* x, with 1 in place of infinities, of NaN and of what is missing in the last block */
WIDEST_VECTORS static void load(block *to, const double *x, size_t n) {
    if (n < LANES) fill(to, 1, 0, 0);
    for (size_t i = 0; i < n; i++) {
        to->hi[i] = fabs(x[i]) < INFINITY ? x[i] : 1;
        to->lo[i] = to->err[i] = 0;
    }
    to->beyond = 0;
}

static void run_steps(const fa__reference_program *program, block *registers) {
    for (size_t s = 0; s < program->step_count; s++) {
        const fa__reference_step *step = program->steps + s;
        fa__reference_operations[step->operation](
            registers + step->a, step->b < 0 ? NULL : registers + step->b,
            step->c < 0 ? NULL : registers + step->c, registers + step->result);
    }
}

/* Copies results; `open` says which of them are not known well enough. Any error will do where float32
 * overflows. Returns whether there are open ones. */
WIDEST_VECTORS static int store(const block *result, const double *x, size_t n, double *hi, double *lo,
                                double *err, double *open) {
    double any = 0;
#pragma omp simd reduction(max : any)
    for (size_t i = 0; i < n; i++) {
        double h = result->hi[i], size = fabs(h);
        int number = x[i] == x[i], here = number & (size < INFINITY);
        double l = here ? result->lo[i] : 0, e = here ? result->err[i] * ROUNDED_UP : 0;
        int decided = (e * fa__ulps_per_unit(h, 0) <= ENOUGH) | (size - e > 0x1p129);
        hi[i] = number ? h : NAN;
        lo[i] = l;
        err[i] = e;
        open[i] = (fabs(x[i]) == INFINITY) | (number & !decided) ? 1 : 0;
        any = open[i] > any ? open[i] : any;
    }
    return any > 0;
}

size_t fa__reference_evaluate(const fa__reference_program *program, void *workspace, const double *x,
                              size_t n, double *hi, double *lo, double *err, unsigned *undecided) {
    block *registers = workspace;
    const block *result = registers + program->result;
    double open[LANES];
    size_t count = 0;
    for (size_t k = 0; k < program->constant_count; k++) {
        const double *constant = program->constants + 3 * k;
        fill(registers + 1 + k, constant[0], constant[1], constant[2]);
    }
    for (size_t first = 0; first < n; first += LANES) {
        size_t some = n - first < LANES ? n - first : LANES;
        load(registers, x + first, some);
        run_steps(program, registers);
        if (store(result, x + first, some, hi + first, lo + first, err + first, open))
            for (size_t i = 0; i < some; i++)
                if (open[i] > 0) undecided[count++] = (unsigned)(first + i);
    }
    return count;
}
