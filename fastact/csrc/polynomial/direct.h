/* FA_DIRECT: loops of the direct formulas; loops.h says what they are given. */
#ifndef FA_POLYNOMIAL_DIRECT_H
#define FA_POLYNOMIAL_DIRECT_H

#include <math.h>

#include "formulas/direct.h"
#include "formulas/direct_algebraic.h"
#include "formulas/direct_gated.h"
#include "formulas/direct_lines.h"
#include "formulas/direct_others.h"
#include "formulas/direct_periodic.h"
#include "polynomial/blocks.h"

/* Which inputs a direct formula covers: abs x <= limit, abs(x - root) >= width */
typedef struct {
    real limit, root, width;
} fa__domain;

/* The inputs of a block that are outside the domain, and where they were */
typedef struct {
    size_t count;
    real x[FA__BLOCK + FA__LANES];
    uint16_t at[FA__BLOCK];
} fa__apart;

/* the bits of a number of the arrays' type, its sign left out: they are in the order of the numbers, a NaN's above */
typedef FA__NATIVE(uint32_t, uint64_t) fa__size_bits;
FA_INLINE fa__size_bits fa__size_of(real x) {
    fa__size_bits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & ((fa__size_bits)-1 >> 1);
}

/* as the sign bit */
#define FA__APART_BIT (8 * sizeof(fa__size_bits) - 1)
FA_INLINE fa__size_bits fa__is_apart(const fa__domain *domain, real x) {
    fa__size_bits apart = fa__size_of(domain->limit) - fa__size_of(x);
    if (domain->width > 0) apart |= fa__size_of(x - domain->root) - fa__size_of(domain->width);
    return apart;
}

/* In steps, few of which have any such input */
FA_INLINE void fa__set_apart(const fa__domain *domain, const real *x, size_t n, fa__apart *apart) {
    apart->count = 0;
    enum { STEP = 64 };
    for (size_t from = 0; from < n; from += STEP) {
        const size_t count = n - from < STEP ? n - from : STEP;
        fa__size_bits any = 0;
#pragma omp simd reduction(| : any)
        for (size_t k = 0; k < count / FA__LANES * FA__LANES; k++) any |= fa__is_apart(domain, x[from + k]);
        if (__builtin_expect(any >> FA__APART_BIT == 0, 1)) continue;
        for (size_t k = from; k < from + count; k++) { /* without a branch on the element */
            apart->x[apart->count] = x[k];
            apart->at[apart->count] = (uint16_t)k;
            apart->count += fa__is_apart(domain, x[k]) >> FA__APART_BIT;
        }
    }
}

/* Some at a time, which need little of the stack */
static __attribute__((noinline)) void fa__compute_apart(fa__apart *apart, real *y, fa__loop *formula,
                                                        char *const *params, int n_params) {
    enum { SOME = 4 * FA__LANES };
    real found[SOME];
    size_t padded = (apart->count + FA__LANES - 1) / FA__LANES * FA__LANES;
    for (size_t i = apart->count; i < padded; i++) apart->x[i] = apart->x[0];
    for (size_t from = 0; from < padded; from += SOME) {
        const size_t count = padded - from < SOME ? padded - from : SOME;
        const size_t wanted = apart->count - from < count ? apart->count - from : count;
        fa__call_loop(formula, apart->x + from, found, params, n_params, count, 0);
        for (size_t i = 0; i < wanted; i++) y[apart->at[from + i]] = found[i];
    }
}

/* f of n elements, a multiple of FA__LANES; y may be x. `formula` computes what is outside the domain. */
typedef void fa__direct_loop(const real *x, real *y, size_t n);
FA_INLINE void fa__direct_blocks(const fa__domain *domain, fa__direct_loop *direct, fa__loop *formula,
                                 char *const *operands, int n_params, size_t n) {
    char *const *params = operands + 1;
    const real *x = (const real *)operands[0];
    real *y = (real *)params[n_params];
    fa__apart apart;
    apart.count = 0;
    for (size_t done = 0; done < n; done += FA__BLOCK, x += FA__BLOCK, y += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        if (domain->limit < INFINITY) fa__set_apart(domain, x, count, &apart);
        direct(x, y, count);
        if (__builtin_expect(apart.count != 0, 0)) fa__compute_apart(&apart, y, formula, params, n_params);
    }
}

#define FA_DIRECT(name, direction, ...)                                                            \
    static const fa__domain name##_##direction##_domain = {__VA_ARGS__};                           \
    static void name##_##direction##_direct_loop(const real *x, real *y, size_t n) {               \
        _Pragma("omp simd") for (size_t k = 0; k < n / FA__LANES * FA__LANES; k++) y[k] =          \
            (real)name##_##direction##_direct(x[k]);                                               \
    }                                                                                              \
    static void name##_##direction##_fast(char *const *operands, size_t n, fa__traffic *traffic) { \
        if (name##_at_defaults(operands + 1))                                                      \
            fa__direct_blocks(&name##_##direction##_domain, name##_##direction##_direct_loop,      \
                              FA__FORMULA(name, direction), operands, name##_params, n);           \
        else                                                                                       \
            FA__FORMULA(name, direction)(operands, n, traffic);                                    \
    }

/* Value and derivative ----------------------------------------------------------------------------- */

/* what both formulas cover */
FA_INLINE fa__domain fa__common_domain(const fa__domain *value, const fa__domain *derivative) {
    fa__domain common = value->width > 0 ? *value : *derivative;
    common.limit = value->limit < derivative->limit ? value->limit : derivative->limit;
    return common;
}

/* The two results have the bits of the loops of f and f', which compute what is outside the common domain. Either may be
 * stored over x. */
typedef void fa__direct_pair_loop(const real *x, real *y, real *d, size_t n);
FA_INLINE void fa__direct_pair_blocks(const fa__domain *domain, fa__direct_pair_loop *direct, fa__loop *value,
                                      fa__loop *derivative, char *const *operands, int n_params, size_t n) {
    char *const *params = operands + 1;
    const real *x = (const real *)operands[0];
    real *y = (real *)params[n_params], *d = (real *)params[n_params + 1];
    fa__apart apart;
    apart.count = 0;
    for (size_t done = 0; done < n; done += FA__BLOCK, x += FA__BLOCK, y += FA__BLOCK, d += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        if (domain->limit < INFINITY) fa__set_apart(domain, x, count, &apart);
        direct(x, y, d, count);
        if (__builtin_expect(apart.count == 0, 1)) continue;
        fa__compute_apart(&apart, y, value, params, n_params);
        fa__compute_apart(&apart, d, derivative, params, n_params);
    }
}

/* Both formulas in one loop, in which the compiler computes once what they share */
#define FA_DIRECT_BOTH(name)                                                                              \
    static void name##_direct_pair_loop(const real *x, real *y, real *d, size_t n) {                      \
        _Pragma("omp simd") for (size_t k = 0; k < n / FA__LANES * FA__LANES; k++) {                      \
            const real at = x[k];                                                                         \
            y[k] = (real)name##_forward_direct(at);                                                       \
            d[k] = (real)name##_derivative_direct(at);                                                    \
        }                                                                                                 \
    }                                                                                                     \
    static void name##_value_and_derivative_fast(char *const *operands, size_t n, fa__traffic *traffic) { \
        const fa__domain domain = fa__common_domain(&name##_forward_domain, &name##_derivative_domain);   \
        if (name##_at_defaults(operands + 1))                                                             \
            fa__direct_pair_blocks(&domain, name##_direct_pair_loop, name##_forward_fast,                 \
                                   name##_derivative_fast, operands, name##_params, n);                   \
        else                                                                                              \
            FA__FORMULA(name, value_and_derivative)(operands, n, traffic);                                \
    }

/* Backward ----------------------------------------------------------------------------------------- */

/* grad f'(x); the result may be stored over either */
typedef void fa__direct_backward_loop(const real *grad, const real *x, real *out, size_t n);
FA_INLINE void fa__direct_backward_blocks(const fa__domain *domain, fa__direct_backward_loop *direct,
                                          fa__loop *derivative, char *const *operands, int n_params,
                                          size_t n) {
    char *const *params = operands + 2;
    const real *grad = (const real *)operands[0], *x = (const real *)operands[1];
    real *out = (real *)params[n_params], held[FA__BLOCK];
    fa__apart apart;
    apart.count = 0;
    for (size_t done = 0; done < n; done += FA__BLOCK, grad += FA__BLOCK, x += FA__BLOCK, out += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        if (domain->limit < INFINITY) fa__set_apart(domain, x, count, &apart);
        for (size_t i = 0; i < apart.count; i++) held[i] = grad[apart.at[i]];
        direct(grad, x, out, count);
        if (__builtin_expect(apart.count == 0, 1)) continue;
        fa__compute_apart(&apart, out, derivative, params, n_params);
        for (size_t i = 0; i < apart.count; i++) out[apart.at[i]] = fa__chain(held[i], out[apart.at[i]]);
    }
}

#define FA_DIRECT_BACKWARD(name)                                                                         \
    static void name##_backward_direct_loop(const real *grad, const real *x, real *out, size_t n) {      \
        _Pragma("omp simd") for (size_t k = 0; k < n / FA__LANES * FA__LANES; k++) out[k] =              \
            fa__chain(grad[k], (real)name##_derivative_direct(x[k]));                                    \
    }                                                                                                    \
    /* a function of its own: its stack is not added to that of the formula */                           \
    static __attribute__((noinline)) void name##_backward_at_defaults(char *const *operands, size_t n) { \
        fa__direct_backward_blocks(&name##_derivative_domain, name##_backward_direct_loop,               \
                                   FA__FORMULA(name, derivative), operands, name##_params, n);           \
    }                                                                                                    \
    static void name##_backward_fast(char *const *operands, size_t n, fa__traffic *traffic) {            \
        if (name##_at_defaults(operands + 2))                                                            \
            name##_backward_at_defaults(operands, n);                                                    \
        else                                                                                             \
            FA__FORMULA(name, backward)(operands, n, traffic);                                           \
    }

/* grad f' from y, by name_from_output_direct. Prefetches as other cheap loops do. */
#define FA_FROM_OUTPUT(name)                                                                               \
    static void name##_from_output_direct_loop(char *const *operands, size_t n, fa__traffic *traffic) {    \
        const real *grad = (const real *)operands[0], *y = (const real *)operands[1];                      \
        real *out = (real *)operands[2 + name##_params];                                                   \
        (void)traffic;                                                                                     \
        _Pragma("omp simd") for (size_t k = 0; k < n / FA__LANES * FA__LANES; k++) out[k] =                \
            fa__chain(grad[k], name##_from_output_direct(y[k]));                                           \
    }                                                                                                      \
    static void name##_backward_from_output_fast(char *const *operands, size_t n, fa__traffic *traffic) {  \
        if (!name##_at_defaults(operands + 2))                                                             \
            name##_backward_from_output_stepped(operands, n, traffic);                                     \
        else if ((traffic && traffic->open) ||                                                             \
                 !fa__by_steps(name##_from_output_direct_loop, 2, name##_params, 1, operands, n, traffic)) \
            name##_from_output_direct_loop(operands, n, traffic);                                          \
    }                                                                                                      \
    FA_PER_ELEMENT(name, backward_from_output)

#endif
