/* A formula as a program of double-double operations on registers, run over many inputs.
 *
 * Part of the evaluation, not of the C library, and independent of its kernels: fastact/evaluation/reference/
 * program.py makes programs from the table's texts. */
#ifndef FA_EVALUATION_PROGRAM_H
#define FA_EVALUATION_PROGRAM_H

#include <stddef.h>

typedef struct {
    int operation, result, a, b, c; /* registers; a missing operand is -1 */
} fa__reference_step;

typedef struct {
    const fa__reference_step *steps;
    size_t step_count;
    const double *constants; /* hi, lo and err of each */
    size_t constant_count, register_count;
    int result;
} fa__reference_program; /* register 0 is x; the constants follow */

/* The size of the workspace in bytes; it begins at a multiple of 64 */
size_t fa__reference_workspace(const fa__reference_program *program);

/* Values at x, within err of hi + lo; NaN at NaN. `undecided` gets the indices, fewer than 2^32, of elements
 * whose error may exceed 2^-20 ULP of float32, and of infinite ones. Returns how many these are. */
size_t fa__reference_evaluate(const fa__reference_program *program, void *workspace, const double *x,
                              size_t n, double *hi, double *lo, double *err, unsigned *undecided);

#endif
