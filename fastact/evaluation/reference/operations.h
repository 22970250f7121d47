/* The operations of a program: on blocks of enclosures, one operation at a time. */
#ifndef FA_EVALUATION_OPERATIONS_H
#define FA_EVALUATION_OPERATIONS_H

/* by number of operands; Python knows them by these names */
/* clang-format off */
#define REFERENCE_OPERATIONS(UNARY, BINARY, TERNARY)                                                        \
    UNARY(negative) UNARY(absolute) UNARY(sign) UNARY(square_root)                                          \
    UNARY(exponential) UNARY(exponential_minus_1) UNARY(logarithm_plus_1)                                   \
    UNARY(hyperbolic_tangent) UNARY(hyperbolic_cosine) UNARY(sine) UNARY(cosine) UNARY(arctangent)          \
    UNARY(error_function) UNARY(error_function_complement)                                                  \
    BINARY(add) BINARY(sub) BINARY(mul) BINARY(divide) BINARY(maximum) BINARY(minimum)                      \
    TERNARY(where_positive) TERNARY(where_not_negative)
/* clang-format on */

#define ONE_OPERATION(name) OPERATION_##name,
enum { REFERENCE_OPERATIONS(ONE_OPERATION, ONE_OPERATION, ONE_OPERATION) OPERATION_COUNT };
#undef ONE_OPERATION

#define LANES 256 /* elements of a block */

typedef struct {
    double hi[LANES], lo[LANES], err[LANES];
    int beyond; /* whether a value is beyond the range of double */
} block;

/* operands that an operation does not have may be null; the result is none of the operands */
typedef void fa__reference_operation(const block *a, const block *b, const block *c, block *result);
extern fa__reference_operation *const fa__reference_operations[OPERATION_COUNT];
extern const char *const fa__reference_names[OPERATION_COUNT];

#endif
