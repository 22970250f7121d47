/* THE KERNELS: every row's loops, in each direction, for one dtype and one instruction set. Compiled once
 * for each pair: FA_REAL is float or double, FA_TABLE the name of the resulting table (flags.mk).
 * Knows the table and the formulas; does not know threads, strides, short arrays or which CPU it is on.
 *
 * GCC reports a loop at its row's line in activations.def, so a row that fails to vectorise is named.
 */
#include <stdint.h>

#include "elementwise/internal.h"

#include "platform/kernel.h"

#define FA_COMPENSATE FA__REAL_IS_DOUBLE

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FA_HAVE_FMA
#endif

#include "fastact/table.h"
#include "formulas/formulas.h"

/* grad * d, but 0 where d is 0: a dead or saturated unit passes nothing on, not even infinity */
FA_INLINE real fa__chain(real grad, real d) {
    real product = grad * d;
    return d == 0 ? 0 : product;
}

/* A parameter is read once (scalar loops), or with each element before a result may be stored over it (vector loops) */
#define FA__BEFORE_scalar(i, parameter, default_, kind) const real parameter = *(const real *)params[i];
#define FA__WITHIN_scalar(i, parameter, default_, kind)
#define FA__BEFORE_vector(i, parameter, default_, kind) const real *parameter##_of = (const real *)params[i];
#define FA__WITHIN_vector(i, parameter, default_, kind) const real parameter = parameter##_of[k];
#define FA__ONE(i, parameter, default_, kind) , parameter
#define FA__ARGS(params) FA_EACH_PARAM(FA__ONE, params) /* with a leading comma */

/* One loop; operands are inputs, parameters, results. Iterations are independent, even in place: that is
 * what omp simd says. n is a multiple of FA__LANES, which the bound repeats, so that no tail is compiled. */
#define FA__LOOP(function, n_inputs, params_, way, BODY)                               \
    static void function(char *const *operands, size_t n, fa__traffic *traffic) {      \
        char *const *params = operands + n_inputs;                                     \
        char *const *results = params + (FA__FIRST params_);                           \
        const real *in0 = (const real *)operands[0], *in1 = (const real *)operands[1]; \
        real *out0 = (real *)results[0], *out1 = (real *)results[1];                   \
        FA_EACH_PARAM(FA__BEFORE_##way, params_)                                       \
        (void)in1, (void)out1, (void)traffic;                                          \
        _Pragma("omp simd") for (size_t k = 0; k < n / FA__LANES * FA__LANES; k++) {   \
            FA_EACH_PARAM(FA__WITHIN_##way, params_)                                   \
            BODY;                                                                      \
        }                                                                              \
    }

/* whether a result is stored over an operand that both loops of two read */
static int fa__stored_over(const char *result, char *const *operands, int count) {
    for (int i = 0; i < count; i++)
        if (operands[i] == result) return 1;
    return 0;
}

/* Value and derivative by a loop each, or if `together` is better by that. Stores to two places that differ within
 * their cache lines take longer than to read x twice, where the formulas are cheap: those that round once at most. */
FA_INLINE void fa__both(fa__loop *together, fa__loop *forward, fa__loop *derivative, int n_params, int cheap,
                        char *const *operands, size_t n) {
    char *const *results = operands + 1 + n_params;
    int first = fa__stored_over(results[0], operands, 1 + n_params); /* the other one is the last then */
    int split = ((uintptr_t)results[0] ^ (uintptr_t)results[1]) % FA__LINE != 0;
    if (!cheap || !split || (first && fa__stored_over(results[1], operands, 1 + n_params))) {
        together(operands, n, 0);
        return;
    }
    char *one[FA__MAX_OPERANDS];
    fa__loop *loops[2] = {forward, derivative};
    for (int i = 0; i < 1 + n_params; i++) one[i] = operands[i];
    for (int i = 0; i < 2; i++) {
        one[1 + n_params] = results[first ^ i];
        loops[first ^ i](one, n, 0);
    }
}

#define FA__BOTH(name, way, params, ulp32)                                                               \
    static void name##_both_##way(char *const *operands, size_t n, fa__traffic *traffic) {               \
        (void)traffic;                                                                                   \
        fa__both(name##_together_##way, name##_forward_##way, name##_derivative_##way, FA__FIRST params, \
                 (ulp32) <= 0.5, operands, n);                                                           \
    }

/* Whether a loop was run step by step, what comes next being fetched along with what is computed */
FA_INLINE int fa__by_steps(fa__loop *loop, int inputs, int n_params, int results, char *const *operands,
                           size_t n, fa__traffic *traffic) {
    char *at[FA__MAX_OPERANDS];
    if (!traffic || traffic->coming_bytes != n * sizeof(real) || traffic->spared || n % FA__STEP) return 0;
    for (int i = 0; i < inputs + n_params + results; i++) at[i] = operands[i];
    for (size_t done = 0; done < n; done += FA__STEP) {
        for (size_t k = done; k < done + FA__STEP; k += FA__LINE / sizeof(real))
            fa__fetch_lines(traffic->coming, traffic->inputs, k * sizeof(real));
        loop(at, FA__STEP, 0);
        for (int i = 0; i < inputs; i++) at[i] += FA__STEP * sizeof(real);
        for (int i = 0; i < results; i++) at[inputs + n_params + i] += FA__STEP * sizeof(real);
    }
    traffic->coming_bytes = 0;
    return 1;
}

/* A loop in steps, where that is worth it: in rows that round more than once, which takes as long as memory does (float64,
 * 16 MB read: hard_swish backward 0.28 instead of 0.41 ns, softsign 0.55 instead of 0.73); in others as long as no results
 * are on their way past the caches (leaky_relu backward 0.28 instead of 0.32; but relu 0.57 instead of 0.50 if some are).
 * Else all is fetched between boxes, by the caller. */
#define FA__STEPPED(name, loop, inputs, params, results, ulp32)                                             \
    static void name##_##loop##_stepped(char *const *operands, size_t n, fa__traffic *traffic) {            \
        if (((ulp32) <= 0.5 && traffic && traffic->open) ||                                                 \
            !fa__by_steps(name##_##loop##_scalar, inputs, FA__FIRST params, results, operands, n, traffic)) \
            name##_##loop##_scalar(operands, n, traffic);                                                   \
    }

/* All loops of a row, for parameters read in one of the two ways */
#define FA__ROW_LOOPS(name, way, params, from, ulp32)                                                        \
    FA__LOOP(name##_forward_##way, 1, params, way, out0[k] = name##_forward(in0[k] FA__ARGS(params)))        \
    FA__LOOP(name##_derivative_##way, 1, params, way, out0[k] = name##_derivative(in0[k] FA__ARGS(params)))  \
    FA__LOOP(name##_backward_##way, 2, params, way,                                                          \
             out0[k] = fa__chain(in0[k], name##_derivative(in1[k] FA__ARGS(params))))                        \
    FA__LOOP(name##_together_##way, 1, params, way, const real x = in0[k];                                   \
             out0[k] = name##_forward(x FA__ARGS(params)); out1[k] = name##_derivative(x FA__ARGS(params)))  \
    FA__BOTH(name, way, params, ulp32)                                                                       \
    FA_IF_OUTPUT(                                                                                            \
        from, FA__LOOP(name##_from_output_##way, 2, params, way,                                             \
                       out0[k] = fa__chain(in0[k], name##_derivative_from_output(in1[k] FA__ARGS(params))))) \
    FA_EACH_LEARNED(FA__LEARN_LOOP, (name, way, params), params)

/* df/dparameter */
#define FA__LEARN_LOOP(i, parameter, row) FA__LEARN_LOOP_ARGS(parameter, FA__UNPACK row)
#define FA__LEARN_LOOP_ARGS(...) FA__LEARN_LOOP_NAMED(__VA_ARGS__)
#define FA__LEARN_LOOP_NAMED(parameter, name, way, params)  \
    FA__LOOP(name##_by_##parameter##_##way, 1, params, way, \
             out0[k] = name##_derivative_##parameter(in0[k] FA__ARGS(params)))

#define FA_ACT(name, params, f, df, kinks, from, ulp32, ulp64, ulp64d, about) \
    FA__ROW_LOOPS(name, scalar, params, from, ulp32)                          \
    FA__STEPPED(name, forward, 1, params, 1, ulp32)                           \
    FA__STEPPED(name, backward, 2, params, 1, ulp32)                          \
    FA__STEPPED(name, both, 1, params, 2, ulp32)                              \
    FA_IF_OUTPUT(from, FA__STEPPED(name, from_output, 2, params, 1, ulp32))   \
    FA_IF_PARAMS(params, FA__ROW_LOOPS(name, vector, params, from, ulp32))
#include "fastact/activations.def"
#undef FA_ACT

/* Table kernels, NAME_DIRECTION_fast; FA_NO_POLYNOMIALS leaves them out */
#if !defined(FA_NO_POLYNOMIALS) && (defined(__AVX512F__) || (defined(__AVX2__) && !FA_COMPENSATE))
#include "polynomial/loops.h"
#endif

#define FA__ENTRY(name, loop, way, params) \
    {name##_##loop##_##way, FA_IF_PARAMS(params, name##_##loop##_vector)}
#define FA__LEARN_ENTRY(i, parameter, name) \
    [FA__BY_PARAMETER + i] = {name##_by_##parameter##_scalar, name##_by_##parameter##_vector},

#pragma GCC diagnostic ignored "-Woverride-init" /* faster loops, at the end, replace ordinary ones */
const fa__kernels FA__KERNEL_NAME(fa__kernels)[FA__ROWS] = {
#define FA_ACT(name, params, f, df, kinks, from, ulp32, ulp64, ulp64d, about)                          \
    {{[FA__FORWARD] = FA__ENTRY(name, forward, stepped, params),                                       \
      [FA__DERIVATIVE] = FA__ENTRY(name, derivative, scalar, params),                                  \
      [FA__BACKWARD] = FA__ENTRY(name, backward, stepped, params),                                     \
      [FA__VALUE_AND_DERIVATIVE] = FA__ENTRY(name, both, stepped, params),                             \
      FA_IF_OUTPUT(from, [FA__BACKWARD_FROM_OUTPUT] = FA__ENTRY(name, from_output, stepped, params), ) \
          FA_EACH_LEARNED(FA__LEARN_ENTRY, name, params)}},
#include "fastact/activations.def"
#undef FA_ACT
#ifdef FA_POLYNOMIAL_LOOPS_H
#define FA__DIRECTION_forward FA__FORWARD
#define FA__DIRECTION_derivative FA__DERIVATIVE
#define FA__DIRECTION_backward FA__BACKWARD
#define FA__DIRECTION_value_and_derivative FA__VALUE_AND_DERIVATIVE
#define FA__OVERRIDE(name, direction, per_element, function) \
    [FA__ROW_##name].loop[FA__DIRECTION_##direction][per_element] = function,
#include "polynomial/overrides.h"
#endif
};
