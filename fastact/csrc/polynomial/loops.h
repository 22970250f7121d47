/* The faster loops of smooth rows: tables of pieces with what lies beyond them, by direction and by how parameters come.
 * Included by loops.c for the element types and instruction sets that piece_vectors.h has. piece_tables.h and
 * piece_tables_double.h, made by scripts of those names, list the tables. Knows which loop an element goes to; does not
 * know what a table or a formula computes.
 */
#ifndef FA_POLYNOMIAL_LOOPS_H
#define FA_POLYNOMIAL_LOOPS_H

#include "polynomial/segments.h"

/* Directions --------------------------------------------------------------------------------------- */

FA_INLINE void fa__backward_over(fa__loop *derivative, int n_params, char *const *operands, size_t n,
                                 fa__traffic *traffic) {
    const real *grad = (const real *)operands[0], *x = (const real *)operands[1];
    real *out = (real *)operands[2 + n_params], d[FA__BLOCK];
    for (size_t done = 0; done < n; done += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        fa__run_some(derivative, x + done, d, operands + 2, n_params, count, traffic);
#pragma omp simd
        for (size_t i = 0; i < count / FA__LANES * FA__LANES; i++)
            out[done + i] = fa__chain(grad[done + i], d[i]);
    }
}

/* either result may be stored over x */
FA_INLINE void fa__both_over(fa__loop *forward, fa__loop *derivative, int n_params, char *const *operands,
                             size_t n, fa__traffic *traffic) {
    const real *x = (const real *)operands[0];
    real *y = (real *)operands[1 + n_params], *out = (real *)operands[2 + n_params], aside[FA__BLOCK];
    for (size_t done = 0; done < n; done += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        real *d = out == x ? aside : out + done;
        fa__run_some(derivative, x + done, d, operands + 1, n_params, count, traffic);
        fa__run_some(forward, x + done, y + done, operands + 1, n_params, count, traffic);
        if (out == x) memcpy(out + done, d, count * sizeof *d);
    }
}

/* Parameters that vary: an element whose parameters are the defaults gets what a call with the defaults would
 * give it, whatever stands beside it. `fast` takes one value per parameter, `formula` one per element. */
FA_INLINE void fa__by_element(fa__loop *fast, fa__loop *formula, const real *defaults, int inputs,
                              int n_params, int results, char *const *operands, size_t n) {
    real by_pieces[2][FA__BLOCK];
    for (size_t done = 0; done < n; done += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK, defaulted = 0;
        char *at[FA__MAX_OPERANDS], *fixed[FA__MAX_OPERANDS], is_default[FA__BLOCK];
        for (int i = 0; i < inputs + n_params + results; i++)
            at[i] = fixed[i] = operands[i] + done * sizeof(real);
        for (int i = 0; i < n_params; i++) fixed[inputs + i] = (char *)(uintptr_t)&defaults[i];
        for (int i = 0; i < results; i++) fixed[inputs + n_params + i] = (char *)by_pieces[i];
        for (size_t k = 0; k < count; k++) {
            is_default[k] = 1;
            for (int i = 0; i < n_params; i++)
                is_default[k] &= ((const real *)at[inputs + i])[k] == defaults[i];
            defaulted += (size_t)is_default[k];
        }
        if (defaulted) fast(fixed, count, 0); /* first: results may be stored over inputs */
        if (defaulted < count) formula(at, count, 0);
        for (int i = 0; defaulted && i < results; i++)
            for (size_t k = 0; k < count; k++)
                if (is_default[k]) ((real *)at[inputs + n_params + i])[k] = by_pieces[i][k];
    }
}

/* Rows --------------------------------------------------------------------------------------------- */

#if FA_COMPENSATE
#include "polynomial/tables_float64.h"
#else
#include "polynomial/tables_float32.h"
#endif

#define FA__IS_DEFAULT(i, parameter, default_, kind) &&*(const real *)params[i] == (real)(default_)
#define FA__DEFAULT(i, parameter, default_, kind) default_,
#define FA_ACT(id, name, params_, ...)                                                   \
    FA_INLINE int name##_at_defaults(char *const *params) {                          \
        (void)params;                                                                \
        return 1 FA_EACH_PARAM(FA__IS_DEFAULT, params_);                             \
    }                                                                                \
    static const real name##_defaults[] = {FA_EACH_PARAM(FA__DEFAULT, params_) 0.0}; \
    enum { name##_params = FA__FIRST params_ };
#include "fastact/activations.def"
#undef FA_ACT

/* What lies beyond a table */
#if FA_COMPENSATE
#define FA__FAR_OF(name, direction, from_, reach, sign_left, sign_right, ...)               \
    static const fa__pieces name##_##direction##_beyond = {.far = 1,                        \
                                                           .from = from_,                   \
                                                           .cover = reach,                  \
                                                           .low = NAN,                      \
                                                           .high = NAN,                     \
                                                           .sign = {sign_left, sign_right}, \
                                                           .tails = __VA_ARGS__};
#else
#define FA__FAR_OF(name, direction, form_, right_, degree_, shift_, scale_, offset_, cover_, from_, \
                   sign_left, sign_right)                                                           \
    static const fa__pieces name##_##direction##_beyond = {.far = 1,                                \
                                                           .form = form_,                           \
                                                           .right = right_,                         \
                                                           .sloped = 1,                             \
                                                           .degree = degree_,                       \
                                                           .shift = shift_,                         \
                                                           .scale = scale_,                         \
                                                           .offset = offset_,                       \
                                                           .cover = cover_,                         \
                                                           .from = from_,                           \
                                                           .low = NAN,                              \
                                                           .high = NAN,                             \
                                                           .sign = {sign_left, sign_right},         \
                                                           .table = name##_##direction##_far_table[0]};
#endif
FA__EACH_FAR_TABLE(FA__FAR_OF)

/* Loops at the default parameters: NAME_DIRECTION_near, of a table and what lies beyond it, puts inputs there aside where
 * they are few, for NAME_DIRECTION_far; that leaves what it does not know to the formula, NAME_DIRECTION_uniform. */
#define FA__LOOP_OF(function, name, pieces, far, aside)                                                  \
    static void function(char *const *operands, size_t n, fa__traffic *traffic) {                        \
        char *const *params = operands + 1;                                                              \
        fa__by_pieces(pieces, far, (const real *)operands[0], (real *)params[name##_params], n, traffic, \
                      aside, params, name##_params);                                                     \
    }
#define FA__FAR_LOOP(name, direction, ...) \
    FA__LOOP_OF(name##_##direction##_far, name, &name##_##direction##_beyond, 0, name##_##direction##_uniform)
FA__EACH_FAR_TABLE(FA__FAR_LOOP)

/* what a loop computes for all, where many lie beyond; in float32 packing them is faster, however many they are */
#define FA__BEYOND_uniform(name, direction) 0
#define FA__BEYOND_far(name, direction) FA_COMPENSATE ? &name##_##direction##_beyond : 0

/* NAME_DIRECTION_fast: tables are made for the default parameters; any others take the ordinary loop */
#define FA__FAST_LOOP(name, direction, beyond, ...)                                                 \
    static const fa__pieces name##_##direction##_pieces = {__VA_ARGS__,                             \
                                                           .table = name##_##direction##_table[0]}; \
    FA__LOOP_OF(name##_##direction##_near, name, &name##_##direction##_pieces,                      \
                FA__BEYOND_##beyond(name, direction), name##_##direction##_##beyond)                \
    static void name##_##direction##_fast(char *const *operands, size_t n, fa__traffic *traffic) {  \
        (name##_at_defaults(operands + 1) ? name##_##direction##_near                               \
                                          : name##_##direction##_uniform)(operands, n, traffic);     \
    }
FA__EACH_TABLE(FA__FAST_LOOP)

#define FA__PIECES_BACKWARD(name)                                                             \
    static void name##_backward_fast(char *const *operands, size_t n, fa__traffic *traffic) { \
        if (name##_at_defaults(operands + 2))                                                 \
            fa__backward_over(name##_derivative_fast, name##_params, operands, n, traffic);   \
        else                                                                                  \
            name##_backward_uniform(operands, n, traffic);                                     \
    }
FA__EACH_WITH_DERIVATIVE(FA__PIECES_BACKWARD)

/* one of the two may be an ordinary loop */
#define FA__PIECES_BOTH(name, value, derivative)                                                           \
    static void name##_value_and_derivative_fast(char *const *operands, size_t n, fa__traffic *traffic) {                  \
        if (name##_at_defaults(operands + 1))                                                              \
            fa__both_over(name##_forward_##value, name##_derivative_##derivative, name##_params, operands, \
                          n, traffic);                                                                     \
        else                                                                                               \
            name##_value_and_derivative_uniform(operands, n, traffic);                                                      \
    }
FA__EACH_WITH_BOTH(FA__PIECES_BOTH)

#define FA__PIECES_BY_ELEMENT(name, direction, inputs, results)                                         \
    static void name##_##direction##_fast_by_element(char *const *operands, size_t n,                   \
                                                     fa__traffic *traffic) {                            \
        (void)traffic;                                                                                  \
        fa__by_element(name##_##direction##_fast, name##_##direction##_per_element, name##_defaults, inputs, \
                       name##_params, results, operands, n);                                            \
    }
FA__EACH_BY_ELEMENT(FA__PIECES_BY_ELEMENT)

#endif
