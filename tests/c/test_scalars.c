/* Functions of single numbers give the bits of arrays, whatever the caller's floating-point state, and leave it alone. */
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "checks.h"
#include "fastact.h"

static const double inputs[] = {0.0,  -0.0,  1.0,   -1.0,  0.3,      -2.7,      5.5, -17.0,     88.7,
                                -746, 1e-40, -3e-9, 1e300, INFINITY, -INFINITY, NAN, 0x1p-1074, -0x1.8p-3};
#define INPUTS (sizeof inputs / sizeof *inputs)

/* NaNs are equal, whatever their bits; a zero is not equal to the other one */
#define SAME(a, b) ((isnan(a) && isnan(b)) || memcmp(&(a), &(b), sizeof(a)) == 0)

#define DEFAULT(i, parameter, default_, kind) , default_
#define OTHER_VALUE(default_) ((default_) * 1.5 + 0.25)
#define OTHER(i, parameter, default_, kind) , OTHER_VALUE(default_)
#define LISTED(i, parameter, default_, kind) OTHER_VALUE(default_),

/* the array in the middle of which the number stands, so that it is neither alone nor the first */
#define AGAINST(T, expression, function, args, what)          \
    do {                                                      \
        T array[5] = {1, 2, (T)inputs[i], 3, 4}, expected[5]; \
        T x = array[2], got = expression;                     \
        function(array, expected, 5 args);                    \
        check(SAME(got, expected[2]), what, #function, i);    \
    } while (0)

#define FA_ACT(id, name, params, ...)                                                                       \
    static void check_##name(size_t i) {                                                                    \
        double others[] = {FA_EACH_PARAM(LISTED, params) 0};                                                \
        (void)others;                                                                                       \
        AGAINST(float, fa_##name##_scalar_f32(x), fa_##name##_f32, FA_EACH_PARAM(DEFAULT, params), "f32");  \
        AGAINST(double, fa_##name##_scalar_f64(x), fa_##name##_f64, FA_EACH_PARAM(DEFAULT, params), "f64"); \
        AGAINST(double, fa_##name##_scalar_with_f64(x, 0), fa_##name##_f64, FA_EACH_PARAM(DEFAULT, params), \
                "defaults");                                                                                \
        AGAINST(double, fa_##name##_scalar_with_f64(x, others), fa_##name##_f64,                            \
                FA_EACH_PARAM(OTHER, params), "others");                                                    \
        AGAINST(float, fa_##name##_derivative_scalar_f32(x), fa_##name##_derivative_f32,                    \
                FA_EACH_PARAM(DEFAULT, params), "f32");                                                     \
        AGAINST(double, fa_##name##_derivative_scalar_f64(x), fa_##name##_derivative_f64,                   \
                FA_EACH_PARAM(DEFAULT, params), "f64");                                                     \
        AGAINST(double, fa_##name##_derivative_scalar_with_f64(x, 0), fa_##name##_derivative_f64,           \
                FA_EACH_PARAM(DEFAULT, params), "defaults");                                                \
        AGAINST(double, fa_##name##_derivative_scalar_with_f64(x, others), fa_##name##_derivative_f64,      \
                FA_EACH_PARAM(OTHER, params), "others");                                                    \
    }
#include "fastact/activations.def"
#undef FA_ACT

static void check_all(void) {
    for (size_t i = 0; i < INPUTS; i++) {
#define FA_ACT(id, name, ...) check_##name(i);
#include "fastact/activations.def"
#undef FA_ACT
    }
}

/* Parameters that float rounds are rounded to nearest, in the caller's rounding mode too */
static void check_state(int rounding) {
    float usual = fa_leaky_relu_scalar_f32(-3);
    double usual_double = fa_gelu_scalar_f64(0.3);
    fesetround(rounding);
    feclearexcept(FE_ALL_EXCEPT);
    float here = fa_leaky_relu_scalar_f32(-3);
    double here_double = fa_gelu_scalar_f64(0.3);
    int raised = fetestexcept(FE_ALL_EXCEPT), kept = fegetround();
    feraiseexcept(FE_DIVBYZERO);
    fa_gelu_scalar_f64(0.3);
    int still = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    check(SAME(usual, here) && SAME(usual_double, here_double), "result", "rounding", (size_t)rounding);
    check(raised == 0 && still == FE_DIVBYZERO, "flags", "rounding", (size_t)rounding);
    check(kept == rounding, "mode", "rounding", (size_t)rounding);
}

int main(void) {
    check_all();
    check_state(FE_UPWARD);
    check_state(FE_DOWNWARD);
    check_state(FE_TOWARDZERO);
    return report();
}
