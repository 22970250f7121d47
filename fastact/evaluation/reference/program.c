#include "evaluation/reference/program.h"

#include <math.h>

#include "evaluation/reference/operations.h"
#include "evaluation/ulp.h"

#define ENOUGH 0x1p-20 /* ULP of float32 */

size_t fa__reference_workspace(const fa__reference_program *program) {
    return program->register_count * sizeof(block);
}

static void fill(block *to, double hi, double lo, double err) {
    for (int i = 0; i < LANES; i++) to->hi[i] = hi, to->lo[i] = lo, to->err[i] = err;
    to->beyond = 0;
}

/* x, with 1 in place of infinities, of NaN and of what is missing in the last block */
static void load(block *to, const float *x, size_t n) {
    fill(to, 1, 0, 0);
    for (size_t i = 0; i < n; i++) to->hi[i] = isfinite(x[i]) ? x[i] : 1;
}

static void run_steps(const fa__reference_program *program, block *registers) {
    for (size_t s = 0; s < program->step_count; s++) {
        const fa__reference_step *step = program->steps + s;
        fa__reference_operations[step->operation](registers + step->a, step->b < 0 ? NULL : registers + step->b,
                                                  step->c < 0 ? NULL : registers + step->c,
                                                  registers + step->result);
    }
}

/* whether the error is small enough; any error will do where float32 overflows */
static int decided(double hi, double err) {
    return err * fa__ulps_per_unit(hi, 0) <= ENOUGH || fabs(hi) == INFINITY || fabs(hi) - err > 0x1p129;
}

size_t fa__reference_evaluate(const fa__reference_program *program, void *workspace, const float *x, size_t n,
                              double *hi, double *lo, double *err, unsigned *undecided) {
    block *registers = workspace;
    const block *result = registers + program->result;
    size_t count = 0;
    for (size_t k = 0; k < program->constant_count; k++) {
        const double *constant = program->constants + 3 * k;
        fill(registers + 1 + k, constant[0], constant[1], constant[2]);
    }
    for (size_t first = 0; first < n; first += LANES) {
        size_t some = n - first < LANES ? n - first : LANES;
        load(registers, x + first, some);
        run_steps(program, registers);
        for (size_t i = 0; i < some; i++) {
            size_t at = first + i;
            int beyond = isinf(result->hi[i]), is_nan = isnan(x[at]);
            hi[at] = is_nan ? NAN : result->hi[i];
            lo[at] = beyond || is_nan ? 0 : result->lo[i];
            err[at] = beyond || is_nan ? 0 : result->err[i];
            undecided[count] = (unsigned)at;
            count += !is_nan && (isinf(x[at]) || !decided(result->hi[i], result->err[i]));
        }
    }
    return count;
}
