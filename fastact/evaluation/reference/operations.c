/* Loops over blocks, compiled for several instruction sets. What a loop cannot do, values beyond the range of
 * double, is done again element by element. */
#include "evaluation/reference/operations.h"

#include "evaluation/reference/beyond.h"
#include "evaluation/vectors.h"

/* Elements beyond the range of double -------------------------------------------------------------- */

static enclosure beyond(int operation, enclosure a, enclosure b) {
    switch (operation) {
    case OPERATION_add:
        return sum_beyond(a, b);
    case OPERATION_sub:
        return sum_beyond(a, negative(b));
    case OPERATION_mul:
        return product_beyond(a, b);
    case OPERATION_divide:
        return quotient_beyond(a, b);
    case OPERATION_exponential:
        return a.hi > 0 ? exponential_beyond(a) : exponential(saturated(a));
    case OPERATION_exponential_minus_1:
        return a.hi > 0 ? exponential_beyond(a) : exponential_minus_1(saturated(a));
    case OPERATION_hyperbolic_cosine:
        return exponential_beyond(absolute(a));
    case OPERATION_hyperbolic_tangent:
        return hyperbolic_tangent(saturated(a));
    case OPERATION_arctangent:
        return arctangent(saturated(a));
    case OPERATION_error_function:
        return error_function(saturated(a));
    case OPERATION_error_function_complement:
        return error_function_complement(saturated(a));
    default:
        return UNKNOWN;
    }
}

/* operations that copy an operand, or compare, are right for infinite hi too */
static int copies(int operation) {
    return operation == OPERATION_negative || operation == OPERATION_absolute ||
           operation == OPERATION_sign || operation == OPERATION_maximum || operation == OPERATION_minimum ||
           operation == OPERATION_where_positive || operation == OPERATION_where_not_negative;
}

static enclosure element(const block *a, int i) {
    return a ? (enclosure){a->hi[i], a->lo[i], a->err[i]} : exactly(0);
}

static void repeat_beyond(int operation, const block *a, const block *b, block *r) {
    r->beyond = 0;
    for (int i = 0; i < LANES; i++) {
        enclosure x = element(a, i), y = element(b, i);
        if (!copies(operation) && !(isfinite(x.hi) && isfinite(y.hi) && isfinite(r->hi[i]))) {
            enclosure z = beyond(operation, x, y);
            r->hi[i] = z.hi, r->lo[i] = z.lo, r->err[i] = z.err;
        }
        r->beyond |= isinf(r->hi[i]);
    }
}

/* Loops -------------------------------------------------------------------------------------------- */

#define AT(a) ((enclosure){a->hi[i], a->lo[i], a->err[i]})

#define LOOP(name, value, second, third)                                                              \
    WIDEST_VECTORS static void run_##name(const block *a, const block *b, const block *c,             \
                                          block *restrict r) {                                        \
        int64_t infinite = (a->beyond) | (second) | (third);                                          \
        _Pragma("omp simd reduction(| : infinite)") for (int i = 0; i < LANES; i++) {                 \
            enclosure v = value;                                                                      \
            r->hi[i] = v.hi;                                                                          \
            r->lo[i] = v.lo;                                                                          \
            r->err[i] = v.err;                                                                        \
            infinite |= (bits_of(v.hi) & INT64_C(0x7ff0000000000000)) == INT64_C(0x7ff0000000000000); \
        }                                                                                             \
        r->beyond = 0;                                                                                \
        if (infinite) repeat_beyond(OPERATION_##name, a, b, r);                                       \
        (void)b, (void)c;                                                                             \
    }
#define UNARY(name) LOOP(name, name(AT(a)), 0, 0)
#define BINARY(name) LOOP(name, name(AT(a), AT(b)), b->beyond, 0)
#define TERNARY(name) LOOP(name, name(AT(a), AT(b), AT(c)), b->beyond, c->beyond)

REFERENCE_OPERATIONS(UNARY, BINARY, TERNARY)

#define FUNCTION(name) run_##name,
fa__reference_operation *const fa__reference_operations[OPERATION_COUNT] = {
    REFERENCE_OPERATIONS(FUNCTION, FUNCTION, FUNCTION)};

#define NAME(name) #name,
const char *const fa__reference_names[OPERATION_COUNT] = {REFERENCE_OPERATIONS(NAME, NAME, NAME)};
