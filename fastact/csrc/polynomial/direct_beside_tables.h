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

FA_DIRECT(tanh_shrink, forward, INFINITY, 0, 0)
FA_DIRECT(tanh_shrink, derivative, INFINITY, 0, 0)
FA_DIRECT_BACKWARD(tanh_shrink)
FA_DIRECT_BOTH(tanh_shrink)
FA_DIRECT(lisht, forward, INFINITY, 0, 0)
FA_BOTH_DIRECT(lisht)
FA_DIRECT(hard_elish, forward, INFINITY, 0, 0)
FA_DIRECT(hard_elish, derivative, INFINITY, 0, 0)
FA_DIRECT_BACKWARD(hard_elish)
FA_DIRECT_BOTH(hard_elish)
FA_DIRECT(clipped_linear, forward, INFINITY, 0, 0)
FA_DIRECT(clipped_linear, derivative, INFINITY, 0, 0)
FA_DIRECT_BACKWARD(clipped_linear)
FA_DIRECT_BOTH(clipped_linear)
FA_DIRECT(hard_sigmoid, forward, INFINITY, 0, 0)
FA_DIRECT(hard_sigmoid, derivative, INFINITY, 0, 0)
FA_DIRECT_BACKWARD(hard_sigmoid)
FA_DIRECT_BOTH(hard_sigmoid)
FA_DIRECT(star_relu, forward, 0x1p500, 0, 0)
FA_DIRECT(star_relu, derivative, INFINITY, 0, 0)
FA_DIRECT_BACKWARD(star_relu)
FA_DIRECT_BOTH(star_relu)
FA_PER_ELEMENT(star_relu, forward)
FA_PER_ELEMENT(star_relu, derivative)
FA_PER_ELEMENT(star_relu, backward)
FA_PER_ELEMENT(star_relu, value_and_derivative)
FA_FROM_OUTPUT(celu)
FA_FROM_OUTPUT(scaled_tanh)

FA_DIRECT(softsign, forward, 0x1p23, 0, 0)
FA_DIRECT(softsign, derivative, 0x1p23, 0, 0)
FA_DIRECT_BACKWARD(softsign)
FA_DIRECT_BOTH(softsign)

#if FA_COMPENSATE
FA_DIRECT(exp, forward, 708, 0, 0)
FA_DIRECT(exp, derivative, 708, 0, 0)
FA_DIRECT_BACKWARD(exp)
FA_DIRECT_BOTH(exp)
FA_DIRECT(gaussian, forward, 25, 0, 0)
FA_DIRECT(gaussian, derivative, 25, 0, 0)
FA_DIRECT_BACKWARD(gaussian)
FA_DIRECT_BOTH(gaussian)
FA_DIRECT(arctan, derivative, 0x1p26, 0, 0)
FA_DIRECT_BACKWARD(arctan)
FA_BOTH_DIRECT(arctan)
FA_DIRECT(xielu, forward, 0x1p400, 0, 0)
FA_PER_ELEMENT(xielu, forward)
FA_BOTH_DIRECT(xielu)
FA_BOTH_DIRECT_PER_ELEMENT(xielu)
FA_DIRECT(isru, forward, 0x1p26, 0, 0)
FA_DIRECT(isru, derivative, 0x1p26, 0, 0)
FA_DIRECT_BACKWARD(isru)
FA_DIRECT_BOTH(isru)
FA_PER_ELEMENT(isru, forward)
FA_PER_ELEMENT(isru, derivative)
FA_PER_ELEMENT(isru, backward)
FA_PER_ELEMENT(isru, value_and_derivative)
FA_DIRECT(isrlu, forward, 0x1p26, 0, 0)
FA_DIRECT(isrlu, derivative, 0x1p26, 0, 0)
FA_DIRECT_BACKWARD(isrlu)
FA_DIRECT_BOTH(isrlu)
FA_PER_ELEMENT(isrlu, forward)
FA_PER_ELEMENT(isrlu, derivative)
FA_PER_ELEMENT(isrlu, backward)
FA_PER_ELEMENT(isrlu, value_and_derivative)
#endif
#if !FA_COMPENSATE
FA_DIRECT(gaussian, forward, 9, 0, 0)
FA_DIRECT(gaussian, derivative, 9, 0, 0)
FA_DIRECT_BACKWARD(gaussian)
FA_DIRECT_BOTH(gaussian)
#endif
#if FA_COMPENSATE || FA__WIDTH == 8 /* for vectors of sixteen numbers there is a table of f */
FA_DIRECT(laplace, forward, 9, 0, 0)
FA_DIRECT(laplace, derivative, 9, 0, 0)
FA_DIRECT_BACKWARD(laplace)
FA_DIRECT_BOTH(laplace)
FA_PER_ELEMENT(laplace, forward)
FA_PER_ELEMENT(laplace, derivative)
FA_PER_ELEMENT(laplace, backward)
FA_PER_ELEMENT(laplace, value_and_derivative)
#endif

#if !FA_COMPENSATE && FA__WIDTH == 8 /* where eight segments do not reach far */
FA_DIRECT(exp, forward, 87, 0, 0)
FA_DIRECT(exp, derivative, 87, 0, 0)
FA_DIRECT_BACKWARD(exp)
FA_DIRECT_BOTH(exp)
FA_DIRECT(elu, derivative, 87, 0, 0)
FA_DIRECT_BACKWARD(elu)
FA_PER_ELEMENT(elu, derivative)
FA_PER_ELEMENT(elu, backward)
FA_BOTH_DIRECT(elu)
FA_BOTH_DIRECT_PER_ELEMENT(elu)
FA_DIRECT(celu, derivative, 87, 0, 0)
FA_DIRECT_BACKWARD(celu)
FA_PER_ELEMENT(celu, derivative)
FA_PER_ELEMENT(celu, backward)
FA_BOTH_DIRECT(celu)
FA_BOTH_DIRECT_PER_ELEMENT(celu)
FA_DIRECT(mish, derivative, 330, FA_MISH_ROOT_HI, 0x1p-10)
FA_DIRECT_BACKWARD(mish)
FA_BOTH_DIRECT(mish)
FA_DIRECT(telu, derivative, 600, FA_TELU_ROOT_HI, 0x1p-10)
FA_DIRECT_BACKWARD(telu)
FA_BOTH_DIRECT(telu)
FA_DIRECT(bent_identity, forward, 4095, 0, 0)
FA_DIRECT(bent_identity, derivative, 4095, 0, 0)
FA_DIRECT_BACKWARD(bent_identity)
FA_DIRECT_BOTH(bent_identity)
FA_DIRECT(dish, derivative, 4095, FA__DISH_ROOT, 0x1p-12)
FA_DIRECT_BACKWARD(dish)
FA_BOTH_DIRECT(dish)
FA_DIRECT(isru, forward, 4095, 0, 0)
FA_DIRECT(isru, derivative, 4095, 0, 0)
FA_DIRECT_BACKWARD(isru)
FA_DIRECT_BOTH(isru)
FA_PER_ELEMENT(isru, forward)
FA_PER_ELEMENT(isru, derivative)
FA_PER_ELEMENT(isru, backward)
FA_PER_ELEMENT(isru, value_and_derivative)
FA_DIRECT(isrlu, forward, 4095, 0, 0)
FA_DIRECT(isrlu, derivative, 4095, 0, 0)
FA_DIRECT_BACKWARD(isrlu)
FA_DIRECT_BOTH(isrlu)
FA_PER_ELEMENT(isrlu, forward)
FA_PER_ELEMENT(isrlu, derivative)
FA_PER_ELEMENT(isrlu, backward)
FA_PER_ELEMENT(isrlu, value_and_derivative)
FA_DIRECT(arctan, derivative, 4095, 0, 0)
FA_DIRECT_BACKWARD(arctan)
FA_BOTH_DIRECT(arctan)
FA_DIRECT(sin, forward, 0x1p16, 0, 0)
FA_DIRECT(sin, derivative, 0x1p16, 0, 0)
FA_DIRECT_BACKWARD(sin)
FA_DIRECT_BOTH(sin)
FA_DIRECT(snake, forward, 0x1p15, 0, 0)
FA_PER_ELEMENT(snake, forward)
FA_DIRECT(xielu, forward, 0x1p60, 0, 0)
FA_DIRECT(xielu, derivative, 0x1p60, 0, 0)
FA_DIRECT_BACKWARD(xielu)
FA_DIRECT_BOTH(xielu)
FA_PER_ELEMENT(xielu, forward)
FA_PER_ELEMENT(xielu, derivative)
FA_PER_ELEMENT(xielu, backward)
FA_PER_ELEMENT(xielu, value_and_derivative)
FA_DIRECT(bsilu, derivative, 80, FA__BSILU_ROOT, 0x1p-8)
FA_DIRECT_BACKWARD(bsilu)
FA_PER_ELEMENT(bsilu, derivative)
FA_PER_ELEMENT(bsilu, backward)
FA_BOTH_DIRECT(bsilu)
FA_BOTH_DIRECT_PER_ELEMENT(bsilu)
#endif

/* In both types: float32 has no table of snake's derivative,
 * and its formula, whose reduction serves arguments of any
 * size, takes up to fifteen times as long. */

FA_DIRECT(snake, derivative, 0x1p15, 0, 0)
FA_DIRECT_BACKWARD(snake)
FA_PER_ELEMENT(snake, derivative)
FA_PER_ELEMENT(snake, backward)
FA_BOTH_DIRECT(snake)
FA_BOTH_DIRECT_PER_ELEMENT(snake)

#undef FA_BOTH_DIRECT
#undef FA_BOTH_DIRECT_PER_ELEMENT
