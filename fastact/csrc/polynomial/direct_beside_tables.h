/* The directions that have no table, or had only the formula's loop beside one: direct formulas with the domains of
 * direct_entries.h. FA_BOTH_DIRECT(name) replaces value and derivative of an entry whose table file has it. */
#ifndef FA__OVERRIDE
#define FA_BOTH_DIRECT(name)                                                                            \
    static void name##_both_direct_fast(char *const *operands, size_t n, fa__traffic *traffic) {        \
        if (name##_at_defaults(operands + 1))                                                           \
            fa__value_and_derivative_blocks(name##_forward_fast, name##_derivative_fast, name##_params, \
                                            operands, n, traffic);                                      \
        else                                                                                            \
            FA__FORMULA(name, value_and_derivative)(operands, n, traffic);                              \
    }
#define FA_BOTH_DIRECT_PER_ELEMENT(name)                                                                     \
    static void name##_both_direct_fast_per_element(char *const *operands, size_t n, fa__traffic *traffic) { \
        (void)traffic;                                                                                       \
        fa__per_element_blocks(name##_both_direct_fast, FA__FORMULA_PER_ELEMENT(name, value_and_derivative), \
                               name##_defaults, 1, name##_params, 2, operands, n);                           \
    }
#else /* overrides.h */
#define FA_BOTH_DIRECT(name) FA__OVERRIDE(name, value_and_derivative, 0, name##_both_direct_fast)
#define FA_BOTH_DIRECT_PER_ELEMENT(name) \
    FA__OVERRIDE(name, value_and_derivative, 1, name##_both_direct_fast_per_element)
#endif

#if FA_COMPENSATE
FA_DIRECT(tanh_shrink, forward, 300, 0, 0)
FA_DIRECT(tanh_shrink, derivative, 300, 0, 0)
FA_BACKWARD(tanh_shrink)
FA_VALUE_AND_DERIVATIVE(tanh_shrink, table, table)
FA_DIRECT(lisht, forward, 300, 0, 0)
FA_BOTH_DIRECT(lisht)
FA_DIRECT(arctan, derivative, 0x1p400, 0, 0)
FA_BACKWARD(arctan)
FA_BOTH_DIRECT(arctan)
#endif

/* In both types: float32 has no table of snake's derivative,
 * and its formula, whose reduction serves arguments of any
 * size, takes up to fifteen times as long. */

FA_DIRECT(snake, derivative, 0x1p15, 0, 0)
FA_BACKWARD(snake)
FA_PER_ELEMENT(snake, derivative)
FA_PER_ELEMENT(snake, backward)
FA_BOTH_DIRECT(snake)
FA_BOTH_DIRECT_PER_ELEMENT(snake)

#undef FA_BOTH_DIRECT
#undef FA_BOTH_DIRECT_PER_ELEMENT
