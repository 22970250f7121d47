/* The exponential tails by themselves, to be compiled with sanitizers: bits are added without overflow, also for inputs whose
 * results are not used. Prints "N passed, N failed". */
#define FA_COMPENSATE 1
#define FA_REAL double
#define FA_ISA avx512
#include <math.h>

#include "checks.h"
#include "fastact/table.h"
#include "math/double_double.h"
#include "platform/kernel.h"
#include "polynomial/exponential_tails.h"

/* -e^(-2 u) */
static const fa__exponential_tails tails = {
    .a_terms = 2, .b_terms = 1, .rate = 1, .side = {{.sign = 1, .a = {0, -1}}, {.sign = 1, .a = {0, -1}}}};

int main(void) {
    double x[FA__WIDTH], y[FA__WIDTH];
    for (int i = 0; i < FA__WIDTH; i++) x[i] = 90 * i + 1;
    fa__store(y, fa__exponential_tail_value(&tails, fa__load(x)));
    for (size_t i = 0; x[i] < 300; i++) check(fabs(y[i] / -exp(-2 * x[i]) - 1) < 1e-14, "value", "tails", i);
    return report();
}
