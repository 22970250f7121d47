#include "dense/bit_mask.h"

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Packing ------------------------------------------------------------------------------------------ */

/* compare_T: bit i is whether derivative[i] == set, for 8 elements */
#if defined(__SSE2__)
static unsigned compare_float(const float *derivative, float set) {
    __m128 all = _mm_set1_ps(set);
    unsigned low = (unsigned)_mm_movemask_ps(_mm_cmpeq_ps(_mm_loadu_ps(derivative), all));
    unsigned high = (unsigned)_mm_movemask_ps(_mm_cmpeq_ps(_mm_loadu_ps(derivative + 4), all));
    return low | high << 4;
}
static unsigned compare_double(const double *derivative, double set) {
    unsigned bits = 0;
    for (unsigned i = 0; i < 8; i += 2)
        bits |= (unsigned)_mm_movemask_pd(_mm_cmpeq_pd(_mm_loadu_pd(derivative + i), _mm_set1_pd(set))) << i;
    return bits;
}
#else
#define COMPARE(T)                                                       \
    static unsigned compare_##T(const T *derivative, T set) {            \
        unsigned bits = 0;                                               \
        for (int i = 0; i < 8; i++) bits |= (derivative[i] == set) << i; \
        return bits;                                                     \
    }
COMPARE(float)
COMPARE(double)
#endif

#define PACK(T)                                                                                   \
    static void pack_##T(const T *derivative, size_t n, T set, unsigned char *mask) {             \
        size_t i = 0;                                                                             \
        for (; i + 8 <= n; i += 8) mask[i / 8] = (unsigned char)compare_##T(derivative + i, set); \
        if (i < n) {                                                                              \
            T last[8] = {0};                                                                      \
            memcpy(last, derivative + i, (n - i) * sizeof(T));                                    \
            mask[i / 8] = (unsigned char)(compare_##T(last, set) & ((1u << (n - i)) - 1));        \
        }                                                                                         \
    }
PACK(float)
PACK(double)

void fa__pack_bit_mask(const void *derivative, size_t n, size_t size, double set, unsigned char *mask) {
    if (size == sizeof(float))
        pack_float(derivative, n, (float)set, mask);
    else
        pack_double(derivative, n, set, mask);
}

/* The product -------------------------------------------------------------------------------------- */

/* The values of f' for four bits at a time come from a table of all 16 combinations. Products that are not wanted
 * are removed by an AND with the result of a comparison, in which all bits of an element are equal. */
#define PRODUCT(T)                                                                              \
    typedef struct {                                                                            \
        T of[16][4];                                                                            \
    } table_of_##T;                                                                             \
                                                                                                \
    static table_of_##T list_values_##T(const double values[2]) {                               \
        table_of_##T table;                                                                     \
        for (int bits = 0; bits < 16; bits++)                                                   \
            for (int i = 0; i < 4; i++) table.of[bits][i] = (T)values[bits >> i & 1];           \
        return table;                                                                           \
    }                                                                                           \
                                                                                                \
    typedef T four_##T __attribute__((vector_size(4 * sizeof(T))));                             \
    static void multiply_four_##T(const T *grad_y, const T *derivative, T *delta) {             \
        four_##T g, d;                                                                          \
        memcpy(&g, grad_y, sizeof g);                                                           \
        memcpy(&d, derivative, sizeof d);                                                       \
        __typeof__(d != 0) differs = d != 0;                                                    \
        four_##T product = (four_##T)((__typeof__(differs))(g * d) & differs);                  \
        memcpy(delta, &product, sizeof product);                                                \
    }                                                                                           \
                                                                                                \
    static void multiply_row_##T(const T *grad_y, ptrdiff_t stride, const unsigned char *mask,  \
                                 const table_of_##T *table, size_t n, T *delta) {               \
        size_t i = 0;                                                                           \
        for (; i + 8 <= n && stride == 1; i += 8) {                                             \
            multiply_four_##T(grad_y + i, table->of[mask[i / 8] & 15], delta + i);              \
            multiply_four_##T(grad_y + i + 4, table->of[mask[i / 8] >> 4], delta + i + 4);      \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            T derivative = table->of[mask[i / 8] >> i % 8 & 1][0];                              \
            T product = grad_y[(ptrdiff_t)i * stride] * derivative;                             \
            delta[i] = derivative == 0 ? 0 : product;                                           \
        }                                                                                       \
    }                                                                                           \
                                                                                                \
    static void multiply_##T(const fa__masked_product *p) {                                     \
        const table_of_##T table = list_values_##T(p->values);                                  \
        for (size_t r = 0; r < p->rows; r++)                                                    \
            multiply_row_##T((const T *)p->grad_y + (ptrdiff_t)r * p->grad_row, p->grad_column, \
                             p->mask + (ptrdiff_t)r * p->mask_row, &table, p->columns,          \
                             (T *)p->delta + (ptrdiff_t)r * p->delta_row);                      \
    }
PRODUCT(float)
PRODUCT(double)

void fa__multiply_by_bit_mask(const fa__masked_product *p) {
    if (p->size == sizeof(float))
        multiply_float(p);
    else
        multiply_double(p);
}
