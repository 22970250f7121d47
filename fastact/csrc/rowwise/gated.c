/* The kernels of gated pairs over a tile: y = f(a) b, and the gradients g b f'(a) and g f(a). Compiled once for each
 * instruction set and element type (platform/kernel.h).
 *
 * A. All is computed in double. Results of float32 elements are rounded once: the factors keep what float32 would lose.
 * B. sigmoid and x sigmoid(alpha x) are computed here for float32, the identity and relu; for others f and f' are given.
 * C. In float64 the rounding error of a product of two factors enters the product of three. */
#include <float.h>
#include <math.h>

#include "rowwise/exponential.h"
#include "rowwise/gated_call.h"

/* What distinguishes kernels; constants at each use */
typedef struct {
    fa__gate gate;
    int limited; /* whether there are a limit and an offset */
} variant;

/* Factors ------------------------------------------------------------------------------------------ */

/* NaN stays */
INLINE wide at_most(wide v, double limit) {
#if defined(__AVX512F__)
    return (wide)_mm512_min_pd((__m512d)every(limit), (__m512d)v);
#else
    return pick(is_less(every(limit), v), every(limit), v);
#endif
}

INLINE wide at_least(wide v, double limit) {
#if defined(__AVX512F__)
    return (wide)_mm512_max_pd((__m512d)every(limit), (__m512d)v);
#else
    return pick(is_less(v, every(limit)), every(limit), v);
#endif
}

/* max(-limit, min(b, limit)) + offset, and what its rounding lost, which matters for float64 */
INLINE wide factor_of(const variant v, const fa__gated_tile *t, wide b, wide *low) {
    *low = every(0);
    if (!v.limited) return b;
    b = at_least(at_most(b, t->limit), -t->limit);
    const wide sum = b + t->offset;
    if (FA__REAL_IS_DOUBLE) {
        const wide added = sum - b, lost = (b - (sum - added)) + (t->offset - added);
        *low = pick(is_less(sum - sum, every(1)), lost, every(0)); /* finite */
    }
    return sum;
}

/* x where `factor`, which it is a multiple of, is not 0 */
INLINE wide unless_0(wide factor, wide x) {
    return pick(is_equal(factor, every(0)), every(0), x);
}

/* The logistic function ---------------------------------------------------------------------------- */

#if !FA__REAL_IS_DOUBLE
#define FARTHEST -690.0 /* e^FARTHEST vanishes, also times two float32 numbers */

/* e^h, h <= 0; 0 below FARTHEST. Relative error: 2^-52 if `exact`, otherwise 2^-26. */
INLINE wide decay(wide h, int exact) {
    static const double long_poly[] = {POLY}, short_poly[] = {POLY_FLOAT32};
    const wide shifted = h * (STEPS * FA_LOG2_E) + ROUNDER, k = shifted - ROUNDER;
    const wide r = h - k * (FA_LN2_DOUBLE / STEPS);
    const double *poly = exact ? long_poly : short_poly;
    const size_t terms = exact ? sizeof long_poly / sizeof *poly : sizeof short_poly / sizeof *poly;
    wide p = every(poly[0]);
    UNROLL for (size_t i = 1; i < terms; i++) p = p * r + poly[i];
    const wide power = (wide)power_bits((integers)shifted), e = power + power * (r + r * r * p);
    return pick(is_less(h, every(FARTHEST)), every(0), e);
}

/* 1/d for d from 1 to 2, with a relative error of 2^-27. The cubic polynomial p has the least one, 1 - d p(d) =
 * T4(2 d - 3)/577 with Chebyshev's T4; a step of the third order follows. */
INLINE wide reciprocal(wide d) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    const wide p = ((-128 / 577.0 * d + 768 / 577.0) * d - 1696 / 577.0) * d + 1632 / 577.0;
    const wide error = 1 - d * p;
    return p + p * (error + error * error);
#else
    return 1 / d;
#endif
}

/* With z = alpha a, e = exp(-abs z), d = 1 + e: sigmoid(z) = n/d, n = 1 right of 0 and e left of it; m = e/n. */
typedef struct {
    wide z, e, d, inverse, n;
    mask left;
} logistic;

INLINE logistic logistic_of(wide z, int exact) {
    logistic s = {.z = z, .left = is_less(z, every(0))};
    s.e = decay((wide)((integers)z | INT64_MIN), exact);
    s.d = 1 + s.e;
    s.inverse = reciprocal(s.d);
    s.n = pick(s.left, s.e, every(1));
    return s;
}

/* f'(a): e/d^2 of sigmoid; n (d + z m)/d^2 of x sigmoid(alpha x), whose terms cancel near its root */
INLINE wide slope_of_gate(const variant v, const logistic *s) {
    const wide square = s->inverse * s->inverse;
    if (v.gate == FA__GATE_SIGMOID) return s->e * square;
    return s->n * (s->d + s->z * pick(s->left, every(1), s->e)) * square;
}

/* f(a), and f'(a) unless it is null. Infinite a are replaced where they meet an exponential that is 0. */
INLINE wide gate_at(const variant v, const fa__gated_tile *t, wide a, wide *slope) {
    a = at_least(v.limited ? at_most(a, t->limit) : a, -FLT_MAX);
    const wide z = at_most(a, FLT_MAX) * (v.gate == FA__GATE_SIGMOID ? 1 : t->alpha);
    const logistic s = logistic_of(z, slope != 0);
    const wide share = s.n * s.inverse, product = a * share;
    if (slope) *slope = slope_of_gate(v, &s);
    return v.gate == FA__GATE_SIGMOID ? share : product;
}
#endif

/* f, and f' unless it is null, of the part p of a block that begins at element i */
INLINE wide value_of(const variant v, const fa__gated_tile *t, wide a, size_t i, int p, wide *slope) {
    if (v.gate == FA__GATE_IDENTITY || v.gate == FA__GATE_RELU) { /* NaN stays */
        a = v.limited ? at_most(a, t->limit) : a;
        const mask is_off = is_less(a, every(0)) | is_equal(a, every(0));
        const wide slope_of_a = v.gate == FA__GATE_RELU ? pick(is_off, every(0), every(1)) : every(1);
        if (slope) *slope = pick(is_equal(a, a), slope_of_a, a);
        return v.gate == FA__GATE_RELU ? pick(is_off, every(0), a) : a;
    }
#if !FA__REAL_IS_DOUBLE
    if (v.gate != FA__GATE_GIVEN) return gate_at(v, t, a, slope);
#endif
    const wide *f = (const wide *)(t->f + i) + p, *d = (const wide *)(t->d + i) + p;
    if (slope) *slope = *d;
    return *f;
}

/* Products ----------------------------------------------------------------------------------------- */

#if FA__REAL_IS_DOUBLE
#define MOST 0x1p900

INLINE int any(mask m) {
#if defined(__AVX512F__)
    return m != 0;
#else
    int64_t lanes[LANES], all_lanes = 0;
    memcpy(lanes, &m, sizeof lanes);
    UNROLL for (int i = 0; i < LANES; i++) all_lanes |= lanes[i];
    return all_lanes != 0;
#endif
}

/* g (b + low) d where b d is not moderate: the product of significands, then of powers */
static double extreme_product(double g, double b, double low, double d) {
    if (b == 0 || d == 0 || !isfinite(b) || !isfinite(d)) return b * d == 0 ? 0 : g * (b * d);
    int of_g = 0, of_b, of_d;
    if (isfinite(g)) g = frexp(g, &of_g);
    b = frexp(b, &of_b);
    d = frexp(d, &of_d);
    const double product = b * d, lost = fma(b, d, -product) + ldexp(low, -of_b) * d;
    return ldexp(g * (product + lost), of_g + of_b + of_d);
}
#endif

/* g (b + low) d; 0 where (b + low) d is */
INLINE wide slope_product(wide g, wide b, wide low, wide d) {
    const wide product = b * d;
#if FA__REAL_IS_DOUBLE
    const wide lost = product_error(b, d, product) + low * d;
    wide result = unless_0(product, g * product + g * lost);
    const wide size = (wide)((integers)product & INT64_MAX);
    const mask is_0 = is_equal(b, every(0)) | is_equal(d, every(0));
    const mask moderate = (is_less(every(1 / MOST), size) & is_less(size, every(MOST))) | is_0;
    if (__builtin_expect(any((mask)~moderate & is_equal(every(0), every(0))), 0))
        for (int i = 0; i < LANES; i++) result[i] = extreme_product(g[i], b[i], low[i], d[i]);
    return result;
#else
    (void)low;
    return unless_0(product, g * product);
#endif
}

/* f (b + low) */
INLINE wide value_product(const variant v, wide f, wide b, wide low) {
    const wide product = f * b;
    if (!v.limited || !FA__REAL_IS_DOUBLE) return product;
    return pick(is_less(f - f, every(1)), f * b + f * low, product);
}

/* Kernels ------------------------------------------------------------------------------------------ */

INLINE void forward(const fa__gated_tile *t, const variant v) {
    for (size_t i = 0; i < t->n; i += LANES) {
        const block a = load_block((const real *)t->a + i, t->n - i, 0);
        block b = load_block((const real *)t->b + i, t->n - i, 0);
        EACH_PART(p) {
            wide low;
            const wide factor = factor_of(v, t, b.of[p], &low);
            b.of[p] = value_product(v, value_of(v, t, a.of[p], i, p, 0), factor, low);
        }
        store_block((real *)t->out_a + i, &b, t->n - i);
    }
}

INLINE void backward(const fa__gated_tile *t, const variant v) {
    for (size_t i = 0; i < t->n; i += LANES) {
        block a = load_block((const real *)t->a + i, t->n - i, 0);
        block b = load_block((const real *)t->b + i, t->n - i, 0);
        const block g = load_block((const real *)t->grad_y + i, t->n - i, 0);
        EACH_PART(p) {
            wide d, low, f = value_of(v, t, a.of[p], i, p, &d);
            const wide factor = factor_of(v, t, b.of[p], &low);
            if (v.limited) { /* the limits let no gradient through, and NaN passes */
                d = pick(is_less(every(-t->limit), -a.of[p]) | ~is_equal(a.of[p], a.of[p]), d, every(0));
                const wide size = (wide)((integers)b.of[p] & INT64_MAX);
                f = pick(is_less(size, every(t->limit)) | ~is_equal(size, size), f, every(0));
            }
            a.of[p] = slope_product(g.of[p], factor, low, d);
            b.of[p] = unless_0(f, g.of[p] * f);
        }
        store_block((real *)t->out_a + i, &a, t->n - i);
        store_block((real *)t->out_b + i, &b, t->n - i);
    }
}

/* min(a, limit) in double, for the kernels of activations */
static void widened(const void *a, double *to, size_t n, double limit) {
    for (size_t i = 0; i < n; i += LANES) {
        const block b = load_block((const real *)a + i, n - i, 0);
        EACH_PART(p)((wide *)(to + i))[p] = at_most(b.of[p], limit);
    }
}

#define KERNELS(name, gate, limited)                       \
    static void name##_forward(const fa__gated_tile *t) {  \
        forward(t, (variant){gate, limited});              \
    }                                                      \
    static void name##_backward(const fa__gated_tile *t) { \
        backward(t, (variant){gate, limited});             \
    }
KERNELS(plain, FA__GATE_GIVEN, 0)
KERNELS(limited, FA__GATE_GIVEN, 1)
KERNELS(identity, FA__GATE_IDENTITY, 0)
KERNELS(limited_identity, FA__GATE_IDENTITY, 1)
KERNELS(relu, FA__GATE_RELU, 0)
KERNELS(limited_relu, FA__GATE_RELU, 1)
#if !FA__REAL_IS_DOUBLE
KERNELS(sigmoid, FA__GATE_SIGMOID, 0)
KERNELS(limited_sigmoid, FA__GATE_SIGMOID, 1)
KERNELS(silu, FA__GATE_SILU, 0)
KERNELS(limited_silu, FA__GATE_SILU, 1)
#endif

#define BOTH(name) {name##_forward, name##_backward}
const fa__gated_kernels FA__KERNEL_NAME(fa__gated_kernels) = {
    .widened = widened,
    .of[FA__GATE_GIVEN] = {BOTH(plain), BOTH(limited)},
    .of[FA__GATE_IDENTITY] = {BOTH(identity), BOTH(limited_identity)},
    .of[FA__GATE_RELU] = {BOTH(relu), BOTH(limited_relu)},
#if !FA__REAL_IS_DOUBLE
    .of[FA__GATE_SIGMOID] = {BOTH(sigmoid), BOTH(limited_sigmoid)},
    .of[FA__GATE_SILU] = {BOTH(silu), BOTH(limited_silu)},
#endif
};
