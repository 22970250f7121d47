/* THE LOOPS of every entry, in each direction, for one element type and one instruction set (platform/kernel.h).
 * Must not depend on threads, strides or short arrays.
 *
 * GCC reports a loop at the line of its entry in activations.def, so an entry that is not vectorised is named.
 */
#include <stdint.h>

#include "elementwise/kernels.h"
#include "platform/kernel.h"

#define FA_COMPENSATE FA__REAL_IS_DOUBLE

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FA_HAVE_FMA
#endif

#include "fastact/table.h"
#include "formulas/formulas.h"

/* One loop --------------------------------------------------------------------------------------- */

/* A uniform parameter is read once; a per-element one with its element, before a result may be stored over it */
#define FA__BEFORE_uniform(i, parameter, default_, kind) const real parameter = *(const real *)params[i];
#define FA__WITHIN_uniform(i, parameter, default_, kind)
#define FA__BEFORE_per_element(i, parameter, default_, kind) \
    const real *parameter##_of = (const real *)params[i];
#define FA__WITHIN_per_element(i, parameter, default_, kind) const real parameter = parameter##_of[k];
#define FA__ONE(i, parameter, default_, kind) , parameter
#define FA__ARGS(params) FA_EACH_PARAM(FA__ONE, params) /* with a leading comma */

/* Operands are inputs, parameters, results. Iterations are independent, even in place, which "omp simd" states. n is a
 * multiple of FA__LANES; the bound says so again, so that no remainder loop is compiled. */
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

/* Value and derivative --------------------------------------------------------------------------- */

#define FA__IS_CHEAP 1
#define FA__IS_COSTLY 0

/* whether a result is stored over an operand that both loops read */
static int fa__stored_over(const char *result, char *const *operands, int count) {
    for (int i = 0; i < count; i++)
        if (operands[i] == result) return 1;
    return 0;
}

/* In one loop, or in a loop for each result. Stores to two places that differ within their cache lines take longer than
 * to read x twice, where the formulas are cheap. */
FA_INLINE void fa__value_and_derivative(fa__loop *fused, fa__loop *forward, fa__loop *derivative,
                                        int n_params, int cheap, char *const *operands, size_t n) {
    char *const *results = operands + 1 + n_params;
    int first = fa__stored_over(results[0], operands, 1 + n_params); /* then the value comes last */
    int split = ((uintptr_t)results[0] ^ (uintptr_t)results[1]) % FA__LINE != 0;
    if (!cheap || !split || (first && fa__stored_over(results[1], operands, 1 + n_params))) {
        fused(operands, n, 0);
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

#define FA__VALUE_AND_DERIVATIVE_LOOP(name, way, params, cost)                                             \
    static void name##_value_and_derivative_##way(char *const *operands, size_t n, fa__traffic *traffic) { \
        (void)traffic;                                                                                     \
        fa__value_and_derivative(name##_fused_##way, name##_forward_##way, name##_derivative_##way,        \
                                 FA__FIRST params, FA__IS_##cost, operands, n);                            \
    }

/* Prefetching ------------------------------------------------------------------------------------ */

/* Run a loop in steps, each of which prefetches the same part of the next tile; returns 0 where that cannot be */
FA_INLINE int fa__by_steps(fa__loop *loop, int inputs, int n_params, int results, char *const *operands,
                           size_t n, fa__traffic *traffic) {
    char *at[FA__MAX_OPERANDS];
    if (!traffic || traffic->coming_bytes != n * sizeof(real) || traffic->spared || n % FA__STEP) return 0;
    for (int i = 0; i < inputs + n_params + results; i++) at[i] = operands[i];
    for (size_t done = 0; done < n; done += FA__STEP) {
        for (size_t k = done; k < done + FA__STEP; k += FA__LINE / sizeof(real))
            fa__prefetch_lines(traffic->coming, traffic->inputs, k * sizeof(real));
        loop(at, FA__STEP, 0);
        for (int i = 0; i < inputs; i++) at[i] += FA__STEP * sizeof(real);
        for (int i = 0; i < results; i++) at[inputs + n_params + i] += FA__STEP * sizeof(real);
    }
    traffic->coming_bytes = 0;
    return 1;
}

/* Steps pay for costly entries, which take as long as memory does (float64, 16 MB read: hard_swish backward 0.28 ns instead
 * of 0.41, softsign 0.55 instead of 0.73); for cheap ones as long as no results are streamed (leaky_relu backward 0.28
 * instead of 0.32; with streaming, relu 0.57 instead of 0.50). Otherwise the caller prefetches between tiles. */
#define FA__STEPPED(name, direction, inputs, params, results, cost)                                     \
    static void name##_##direction##_stepped(char *const *operands, size_t n, fa__traffic *traffic) {   \
        if ((FA__IS_##cost && traffic && traffic->open) ||                                              \
            !fa__by_steps(name##_##direction##_uniform, inputs, FA__FIRST params, results, operands, n, \
                          traffic))                                                                     \
            name##_##direction##_uniform(operands, n, traffic);                                         \
    }

/* Gradients -------------------------------------------------------------------------------------- */

/* grad f', by what the table says of f': where it has two values, or is constant, there is a formula of it */
#define FA__FROM_X_OUTPUT_MASK(low, high) FA__BY_FORMULA, backward
#define FA__FROM_X_INPUT_MASK(low, high) FA__BY_FORMULA, backward
#define FA__FROM_X_NOTHING_NO_MASK FA__BY_FORMULA, backward
#define FA__FROM_X_OUTPUT_NO_MASK FA__BY_CHAIN, derivative
#define FA__FROM_X_INPUT_NO_MASK FA__BY_CHAIN, derivative
#define FA__FROM_Y_OUTPUT_MASK(low, high) FA__BY_FORMULA, backward
#define FA__FROM_Y_INPUT_MASK(low, high) FA__BY_FORMULA, backward_from_output
#define FA__FROM_Y_NOTHING_NO_MASK FA__BY_FORMULA, backward
#define FA__FROM_Y_OUTPUT_NO_MASK FA__BY_CHAIN, derivative_from_output
#define FA__FROM_Y_INPUT_NO_MASK FA__BY_CHAIN, derivative_from_output

#define FA__BY_FORMULA(name, function, params) name##_##function(in0[k], in1[k] FA__ARGS(params))
#define FA__BY_CHAIN(name, function, params) fa__chain(in0[k], name##_##function(in1[k] FA__ARGS(params)))

#define FA__GRADIENT(source, name, params, saves) \
    FA__GRADIENT_BY(FA__SAVED(source, FA__UNPACK saves), name, params)
#define FA__SAVED(...) FA__SAVED_PASTED(__VA_ARGS__)
#define FA__SAVED_PASTED(source, what, ...) FA__##source##_##what##_##__VA_ARGS__
#define FA__GRADIENT_BY(...) FA__GRADIENT_PASTED(__VA_ARGS__)
#define FA__GRADIENT_PASTED(way, function, name, params) way(name, function, params)

/* All loops of an entry -------------------------------------------------------------------------- */

/* for uniform or per-element parameters */
#define FA__ENTRY_LOOPS(name, way, params, from, saves, cost)                                               \
    FA__LOOP(name##_forward_##way, 1, params, way, out0[k] = name##_forward(in0[k] FA__ARGS(params)))       \
    FA__LOOP(name##_derivative_##way, 1, params, way, out0[k] = name##_derivative(in0[k] FA__ARGS(params))) \
    FA__LOOP(name##_backward_##way, 2, params, way, out0[k] = FA__GRADIENT(FROM_X, name, params, saves))    \
    FA__LOOP(name##_fused_##way, 1, params, way, const real x = in0[k];                                     \
             out0[k] = name##_forward(x FA__ARGS(params)); out1[k] = name##_derivative(x FA__ARGS(params))) \
    FA__VALUE_AND_DERIVATIVE_LOOP(name, way, params, cost)                                                  \
    FA__PASTE(FA__FROM_, FA__FIRST from)(name, way, params, saves)                                          \
        FA_EACH_LEARNED(FA__BY_PARAMETER_LOOP, (name, way, params), params)

#define FA__FROM_INPUT(name, way, params, saves)
#define FA__FROM_OUTPUT(name, way, params, saves)               \
    FA__LOOP(name##_backward_from_output_##way, 2, params, way, \
             out0[k] = FA__GRADIENT(FROM_Y, name, params, saves))

/* df/dparameter */
#define FA__BY_PARAMETER_LOOP(i, parameter, context) FA__BY_PARAMETER_UNPACKED(parameter, FA__UNPACK context)
#define FA__BY_PARAMETER_UNPACKED(...) FA__BY_PARAMETER_NAMED(__VA_ARGS__)
#define FA__BY_PARAMETER_NAMED(parameter, name, way, params) \
    FA__LOOP(name##_by_##parameter##_##way, 1, params, way,  \
             out0[k] = name##_derivative_##parameter(in0[k] FA__ARGS(params)))

/* by number of parameters: per-element loops where there are any */
#define FA__PER_ELEMENT_0(...)
#define FA__PER_ELEMENT_1 FA__ENTRY_LOOPS
#define FA__PER_ELEMENT_2 FA__ENTRY_LOOPS
#define FA__PER_ELEMENT_3 FA__ENTRY_LOOPS
#define FA__PER_ELEMENT_4 FA__ENTRY_LOOPS

#define FA_ACT(id, name, params, f, df, kinks, from, saves, cost, ...)              \
    FA__ENTRY_LOOPS(name, uniform, params, from, saves, cost)                       \
    FA__STEPPED(name, forward, 1, params, 1, cost)                                  \
    FA__STEPPED(name, backward, 2, params, 1, cost)                                 \
    FA__STEPPED(name, value_and_derivative, 1, params, 2, cost)                     \
    FA_IF_OUTPUT(from, FA__STEPPED(name, backward_from_output, 2, params, 1, cost)) \
    FA__PASTE(FA__PER_ELEMENT_, FA__FIRST params)(name, per_element, params, from, saves, cost)
#include "fastact/activations.def"
#undef FA_ACT

/* Faster kernels, NAME_DIRECTION_fast: of tables, or float64's direct formulas where there are none but an FMA.
 * FA_NO_POLYNOMIALS leaves them out. */
#if defined(__AVX512F__) || (defined(__AVX2__) && !FA_COMPENSATE)
#define FA__TABLES 1
#else
#define FA__TABLES 0
#endif
#if !defined(FA_NO_POLYNOMIALS) && (FA__TABLES || (FA_COMPENSATE && defined(FA_HAVE_FMA)))
#include "polynomial/loops.h"
#endif

/* The table of loops ----------------------------------------------------------------------------- */

#define FA__LOOPS_OF(name, direction, way, params) \
    {name##_##direction##_##way, FA_IF_PARAMS(params, name##_##direction##_per_element)}
#define FA__BY_PARAMETER_SLOT(i, parameter, name) \
    [FA__BY_PARAMETER + i] = {name##_by_##parameter##_uniform, name##_by_##parameter##_per_element},

#pragma GCC diagnostic ignored "-Woverride-init" /* overrides, at the end, replace loops of the formulas */
const fa__loops FA__KERNEL_NAME(fa__loops)[FA__ENTRIES] = {
#define FA_ACT(id, name, params, f, df, kinks, from, ...)                                                 \
    {{[FA__FORWARD] = FA__LOOPS_OF(name, forward, stepped, params),                                       \
      [FA__DERIVATIVE] = FA__LOOPS_OF(name, derivative, uniform, params),                                 \
      [FA__BACKWARD] = FA__LOOPS_OF(name, backward, stepped, params),                                     \
      [FA__VALUE_AND_DERIVATIVE] = FA__LOOPS_OF(name, value_and_derivative, stepped, params),             \
      FA_IF_OUTPUT(                                                                                       \
          from, [FA__BACKWARD_FROM_OUTPUT] = FA__LOOPS_OF(name, backward_from_output, stepped, params), ) \
          FA_EACH_LEARNED(FA__BY_PARAMETER_SLOT, name, params)}},
#include "fastact/activations.def"
#undef FA_ACT
#ifdef FA_POLYNOMIAL_LOOPS_H
#define FA__DIRECTION_forward FA__FORWARD
#define FA__DIRECTION_derivative FA__DERIVATIVE
#define FA__DIRECTION_backward FA__BACKWARD
#define FA__DIRECTION_backward_from_output FA__BACKWARD_FROM_OUTPUT
#define FA__DIRECTION_value_and_derivative FA__VALUE_AND_DERIVATIVE
#define FA__OVERRIDE(name, direction, per_element, function) \
    [FA__ENTRY_##name].loop[FA__DIRECTION_##direction][per_element] = function,
#include "polynomial/overrides.h"
#endif
};
