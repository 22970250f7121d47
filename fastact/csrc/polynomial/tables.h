/* FA_TAIL and FA_SEGMENTS: loops from tables; loops.h says what they are given. */
#ifndef FA_POLYNOMIAL_TABLES_H
#define FA_POLYNOMIAL_TABLES_H

#include "polynomial/segments.h"

/* A loop at the default parameters: `table` and `tail`, and `outside` for the inputs that neither covers */
#define FA__TABLE_LOOP(function, name, table, tail, outside)                                              \
    static void function(char *const *operands, size_t n, fa__traffic *traffic) {                         \
        char *const *params = operands + 1;                                                               \
        fa__table_loop(table, tail, (const real *)operands[0], (real *)params[name##_params], n, traffic, \
                       outside, params, name##_params);                                                   \
    }

#define FA__COEFFICIENTS(name, ...) static FA__ALIGNED const real name[][FA__SLOTS] = {__VA_ARGS__};

/* NAME_DIRECTION_tail_table and NAME_DIRECTION_tail, the loop of the inputs outside a table */
#if FA_COMPENSATE
#define FA__TAIL_COEFFICIENTS(name, ...) 0
#define FA__TAIL_ARRAY(name, ...)
#else
#define FA__TAIL_COEFFICIENTS(name, ...) name[0]
#define FA__TAIL_ARRAY FA__COEFFICIENTS
#endif
#define FA_TAIL(name, direction, members, ...)                                           \
    FA__TAIL_ARRAY(name##_##direction##_tail_coefficients, __VA_ARGS__)                  \
    static const fa__table name##_##direction##_tail_table = {                           \
        FA__UNPACK members, .is_tail = 1, .low = NAN, .high = NAN,                       \
        .coefficients = FA__TAIL_COEFFICIENTS(name##_##direction##_tail_coefficients)};  \
    FA__TABLE_LOOP(name##_##direction##_tail, name, &name##_##direction##_tail_table, 0, \
                   FA__FORMULA(name, direction))

/* What is computed for a whole group if many of its inputs are outside the table. In float32 packing is always faster. */
#define FA__TAIL_formula(name, direction) 0
#define FA__TAIL_tail(name, direction) FA_COMPENSATE ? &name##_##direction##_tail_table : 0
#define FA__OUTSIDE_formula(name, direction) FA__FORMULA(name, direction)
#define FA__OUTSIDE_tail(name, direction) name##_##direction##_tail

#define FA_SEGMENTS(name, direction, outside, members, ...)                                        \
    FA__COEFFICIENTS(name##_##direction##_coefficients, __VA_ARGS__)                               \
    static const fa__table name##_##direction##_table = {                                          \
        FA__UNPACK members, .coefficients = name##_##direction##_coefficients[0]};                 \
    FA__TABLE_LOOP(name##_##direction##_from_table, name, &name##_##direction##_table,             \
                   FA__TAIL_##outside(name, direction), FA__OUTSIDE_##outside(name, direction))    \
    static void name##_##direction##_fast(char *const *operands, size_t n, fa__traffic *traffic) { \
        (name##_at_defaults(operands + 1) ? name##_##direction##_from_table                        \
                                          : FA__FORMULA(name, direction))(operands, n, traffic);   \
    }

#endif
