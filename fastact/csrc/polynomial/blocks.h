/* Faster loops of a direction, from those of f and f', block by block. Must not depend on activations, or on how f
 * is computed. */
#ifndef FA_POLYNOMIAL_BLOCKS_H
#define FA_POLYNOMIAL_BLOCKS_H

#include <stdint.h>
#include <string.h>

#include "platform/loop.h"

#define FA__BLOCK 512 /* elements after which the deferred inputs are computed: up to 4 KiB of the stack */

/* Calls a loop of one input and one result. */
FA_INLINE void fa__call_loop(fa__loop *loop, const real *x, real *y, char *const *params, int n_params,
                             size_t count, fa__traffic *traffic) {
    char *operands[FA__MAX_OPERANDS] = {(char *)(uintptr_t)x};
    for (int i = 0; i < n_params; i++) operands[1 + i] = params[i];
    operands[1 + n_params] = (char *)y;
    loop(operands, count, traffic);
}

FA_INLINE void fa__backward_blocks(fa__loop *derivative, int n_params, char *const *operands, size_t n,
                                   fa__traffic *traffic) {
    const real *grad = (const real *)operands[0], *x = (const real *)operands[1];
    real *out = (real *)operands[2 + n_params], d[FA__BLOCK];
    for (size_t done = 0; done < n; done += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        fa__call_loop(derivative, x + done, d, operands + 2, n_params, count, traffic);
#pragma omp simd
        for (size_t i = 0; i < count / FA__LANES * FA__LANES; i++)
            out[done + i] = fa__chain(grad[done + i], d[i]);
    }
}

/* Either result may be stored over x. */
FA_INLINE void fa__value_and_derivative_blocks(fa__loop *forward, fa__loop *derivative, int n_params,
                                               char *const *operands, size_t n, fa__traffic *traffic) {
    const real *x = (const real *)operands[0];
    real *y = (real *)operands[1 + n_params], *out = (real *)operands[2 + n_params], buffer[FA__BLOCK];
    for (size_t done = 0; done < n; done += FA__BLOCK) {
        size_t count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        real *d = out == x ? buffer : out + done;
        fa__call_loop(derivative, x + done, d, operands + 1, n_params, count, traffic);
        fa__call_loop(forward, x + done, y + done, operands + 1, n_params, count, traffic);
        if (out == x) memcpy(out + done, d, count * sizeof *d);
    }
}

/* Parameters that are arrays. An element whose parameters are the defaults gets the bits of a call with the defaults,
 * whatever its neighbours are. `fast` takes one value per parameter, `formula` one per element. */
FA_INLINE void fa__per_element_blocks(fa__loop *fast, fa__loop *formula, const real *defaults, int inputs,
                                      int n_params, int results, char *const *operands, size_t n) {
    enum { MOST = FA__BLOCK / 4 };
    real from_table[2][MOST];
    for (size_t done = 0; done < n; done += MOST) {
        size_t count = n - done < MOST ? n - done : MOST, defaulted = 0;
        char *at[FA__MAX_OPERANDS], *fixed[FA__MAX_OPERANDS], is_default[MOST];
        for (int i = 0; i < inputs + n_params + results; i++)
            at[i] = fixed[i] = operands[i] + done * sizeof(real);
        for (int i = 0; i < n_params; i++) fixed[inputs + i] = (char *)(uintptr_t)&defaults[i];
        for (int i = 0; i < results; i++) fixed[inputs + n_params + i] = (char *)from_table[i];
        for (size_t k = 0; k < count; k++) {
            is_default[k] = 1;
            for (int i = 0; i < n_params; i++)
                is_default[k] &= ((const real *)at[inputs + i])[k] == defaults[i];
            defaulted += (size_t)is_default[k];
        }
        if (defaulted) fast(fixed, count, 0); /* before `formula`, which may store results over inputs */
        if (defaulted < count) formula(at, count, 0);
        for (int i = 0; defaulted && i < results; i++)
            for (size_t k = 0; k < count; k++)
                if (is_default[k]) ((real *)at[inputs + n_params + i])[k] = from_table[i][k];
    }
}

#endif
