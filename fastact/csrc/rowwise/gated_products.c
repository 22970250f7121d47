/* The products of gated pairs over a tile: y = f b, and the gradients g b f' and g f. Compiled once for each instruction
 * set and element type (platform/kernel.h). Must not depend on the activation.
 *
 * Each result is rounded once in float32. A factor that is subnormal or infinite in float32 has lost digits that the
 * product may need: such elements are listed as doubtful, and their results are computed again in float64. */
#include <float.h>
#include <math.h>

#include "platform/vectors.h"
#include "rowwise/gated_call.h"

#define SIGN_BIT all((real)-0.0)

INLINE vector magnitude(vector v) {
    return (vector)((lane_numbers)v & ~(lane_numbers)SIGN_BIT);
}

INLINE vector at_most(vector v, real limit) {
    return choose(v > limit, all(limit), v); /* NaN stays */
}

INLINE vector clamped(vector v, real limit) {
    v = at_most(v, limit);
    return choose(v < -limit, all(-limit), v);
}

/* Products ----------------------------------------------------------------------------------------- */

#if FA__REAL_IS_DOUBLE
INLINE vector with_offset(vector b, double offset) {
    return b + (real)offset;
}

/* f (b + offset) */
INLINE vector value(vector f, vector b, double offset) {
    return f * with_offset(b, offset);
}

/* put the larger magnitude first */
INLINE void exchange(vector *p, vector *q) {
    lane_numbers smaller = magnitude(*p) < magnitude(*q);
    vector larger = choose(smaller, *q, *p);
    *q = choose(smaller, *p, *q);
    *p = larger;
}

/* g (b + offset) d; factors are taken in an order in which a product overflows or underflows only if the result does */
INLINE vector slope(vector g, vector b, double offset, vector d) {
    vector most = with_offset(b, offset), middle = g, least = d;
    exchange(&most, &middle);
    exchange(&middle, &least);
    exchange(&most, &middle);
    lane_numbers is_large = magnitude(most) >= (real)0x1p511;
    return most * choose(is_large, least, middle) * choose(is_large, middle, least);
}
#else
/* In float64, where products of two float32 numbers are exact */
INLINE vector with_offset(vector b, double offset) {
    return b + (real)offset;
}

INLINE vector value(vector f, vector b, double offset) {
    if (offset == 0) return f * b;
    half factor[2], other[2];
    memcpy(factor, &f, sizeof factor);
    memcpy(other, &b, sizeof other);
    UNROLL for (int i = 0; i < 2; i++) {
        wide sum = __builtin_convertvector(other[i], wide) + offset;
        factor[i] = __builtin_convertvector(__builtin_convertvector(factor[i], wide) * sum, half);
    }
    memcpy(&f, factor, sizeof f);
    return f;
}

INLINE vector slope(vector g, vector b, double offset, vector d) {
    half grad[2], other[2], derivative[2];
    memcpy(grad, &g, sizeof grad);
    memcpy(other, &b, sizeof other);
    memcpy(derivative, &d, sizeof derivative);
    UNROLL for (int i = 0; i < 2; i++) {
        wide sum = __builtin_convertvector(other[i], wide) + offset;
        wide product = __builtin_convertvector(grad[i], wide) * sum;
        grad[i] = __builtin_convertvector(product * __builtin_convertvector(derivative[i], wide), half);
    }
    memcpy(&g, grad, sizeof g);
    return g;
}
#endif

/* 0 where a factor of the derivative is 0, also for an infinite gradient; NaN where a factor is NaN */
INLINE vector chain(vector product, vector one, vector other) {
    lane_numbers is_zero = ((one == 0) & (other == other)) | ((other == 0) & (one == one));
    return choose(is_zero, all(0), product);
}

/* Doubtful elements -------------------------------------------------------------------------------- */

#if !FA__REAL_IS_DOUBLE
/* where `factor`, f or f' at a, may be too small or too large for float32, and its product with `other` need not be */
INLINE lane_numbers is_doubtful(vector factor, vector a, vector other, int is_costly) {
    vector size = magnitude(factor);
    lane_numbers small = (size < FLT_MIN) & (magnitude(other) > 1) & (a != 0);
    if (!is_costly) small &= (factor != 0) | (magnitude(a) < 0x1p-50f);
    return (small | (size == INFINITY)) & (magnitude(a) < INFINITY);
}

INLINE int any_lane(lane_numbers lanes) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)lanes, (__m512i)lanes) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps((__m256)lanes) != 0;
#else
    int64_t words[2];
    memcpy(words, &lanes, sizeof words);
    return (words[0] | words[1]) != 0;
#endif
}

static void list_doubtful(const fa__gated_tile *t, size_t from, lane_numbers where) {
    const real *g = t->grad_y, *a = t->a, *b = t->b, limit = (real)t->limit;
    fa__gated_doubtful *list = t->doubtful;
    for (size_t i = from; i < t->n && i < from + LANES; i++) {
        if (!where[i - from]) continue;
        size_t at = list->count++;
        list->index[at] = (uint16_t)i;
        list->a[at] = (double)(a[i] > limit ? limit : a[i]);
        list->b[at] = (double)(b[i] > limit ? limit : b[i] < -limit ? -limit : b[i]) + t->offset;
        list->grad_y[at] = g ? (double)g[i] : 0;
        list->passes_a[at] = a[i] < limit;
        list->passes_b[at] = b[i] < limit && b[i] > -limit;
    }
}
#endif

/* Kernels ------------------------------------------------------------------------------------------ */

static void limited(const void *a, void *to, size_t n, double limit) {
    for (size_t i = 0; i < n; i += LANES)
        store_up_to((real *)to + i, at_most(load_or((const real *)a + i, n - i, 0), (real)limit), n - i);
}

INLINE vector load(const void *from, size_t i, size_t n) {
    return load_or((const real *)from + i, n - i, 0);
}

static void forward(const fa__gated_tile *t) {
    const real limit = (real)t->limit;
    for (size_t i = 0; i < t->n; i += LANES) {
        vector b = clamped(load(t->b, i, t->n), limit), f = load(t->f, i, t->n);
#if !FA__REAL_IS_DOUBLE
        vector a = at_most(load(t->a, i, t->n), limit);
        lane_numbers doubtful = is_doubtful(f, a, with_offset(b, t->offset), t->is_costly);
        if (__builtin_expect(any_lane(doubtful), 0)) list_doubtful(t, i, doubtful);
#endif
        store_up_to((real *)t->out_a + i, value(f, b, t->offset), t->n - i);
    }
}

static void backward(const fa__gated_tile *t) {
    const real limit = (real)t->limit;
    const lane_numbers has_limit = all(limit) < INFINITY;
    for (size_t i = 0; i < t->n; i += LANES) {
        vector g = load(t->grad_y, i, t->n), a = load(t->a, i, t->n), b_given = load(t->b, i, t->n);
        vector f = load(t->f, i, t->n), d = load(t->d, i, t->n), b = clamped(b_given, limit);
        vector sum = with_offset(b, t->offset);
        d = choose(has_limit & (a >= limit), all(0), d);
        vector to_a = chain(slope(g, b, t->offset, d), d, sum), to_b = chain(g * f, f, f);
        to_b = choose(has_limit & (magnitude(b_given) >= limit), all(0), to_b);
#if !FA__REAL_IS_DOUBLE
        lane_numbers doubtful = is_doubtful(d, at_most(a, limit), g * sum, t->is_costly) |
                                is_doubtful(f, at_most(a, limit), g, t->is_costly);
        if (__builtin_expect(any_lane(doubtful), 0)) list_doubtful(t, i, doubtful);
#endif
        store_up_to((real *)t->out_a + i, to_a, t->n - i);
        store_up_to((real *)t->out_b + i, to_b, t->n - i);
    }
}

const fa__gated_kernels FA__KERNEL_NAME(fa__gated_kernels) = {forward, backward, limited};
