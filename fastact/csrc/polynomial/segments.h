/* Table kernels: f as a short polynomial on each segment of the real line.
 *
 *     k = bits(scale |x| + offset) >> shift,  d = u - centre[k]
 *     q = value[k] + d (slope[k] + c0[k] + c1[k] d + ...)
 *
 * u is x or |x|, and f follows from q by symmetry. The coefficients of a segment are fetched by permuting registers,
 * so that only multiply-adds remain to be computed.
 *
 * Inputs outside the table are collected in blocks and computed by another loop. Where f decays or grows like an
 * exponential, that loop evaluates a tail: a second table, of log2 |q| (float32), or exponentials
 * (float64: exponential_tails.h). All other inputs go to the loop of the formula.
 *
 * This file must not depend on any activation.
 */
#ifndef FA_POLYNOMIAL_SEGMENTS_H
#define FA_POLYNOMIAL_SEGMENTS_H

#include <math.h>
#include <string.h>

#include "polynomial/blocks.h"
#include "polynomial/vectors.h"
#if FA_COMPENSATE
#include "polynomial/exponential_tails.h"
#endif

#define FA__GROUP 4 /* vectors that share one test for inputs outside the table */
#define FA__MANY 8  /* if one input in so many is outside, computing the tail of all is faster than packing */

/* Below this, products of x are subnormal: they are rounded twice and are slow. */
#define FA__TINY (FA_COMPENSATE ? 0x1p-900 : 0x1p-100)

/* How f follows from q; tools/polynomials/segments.py defines the forms. */
enum { FA__SIGNED, FA__EVEN, FA__ODD, FA__LEFT, FA__REFLECTED, FA__RELU };

/* f beyond some x: (slope + rest) x, or the constant `number` if slope is 0 */
typedef struct {
    real slope, rest, number;
} fa__end;

/* A table. All members are compile-time constants where they are used. */
typedef struct {
    int form, right, exact_sum, sloped, skips_tiny, clamped, two_registers, degree, shift;
    /* Segments cover |x| < cover. If skips_tiny, 0 < |x| < FA__TINY is excluded. If clamped, f is constant from
     * `cover` on. two_registers: on AVX2, a row of coefficients has sixteen numbers, as a tail has. */
    real scale, offset, cover;
    /* f reaches its ends at x <= low and x >= high; NaN if it does not. For FA__LEFT the right end begins at 0. */
    real low, high;
    fa__end at_low, at_high;
    const real *coefficients; /* rows of FA__SLOTS numbers: centre, value, slope, c0, c1, ... */
    /* A tail covers |x| >= from; sign is that of q for negative and for other x, 0 where there is no tail. */
    int is_tail, sign[2];
    real from;
#if FA_COMPENSATE
    fa__exponential_tails exponentials;
#endif
} fa__table;

/* Evaluation ------------------------------------------------------------------------------------- */

/* The error of sum = a + b, exactly (D. Knuth). */
FA_INLINE fa__reals fa__sum_error(fa__reals a, fa__reals b, fa__reals sum) {
    fa__reals back = sum - a;
    return (a - (sum - back)) + (b - back);
}

#if !FA_COMPENSATE
/* 2^(value + d (slope + rest)). The integer part of the exponent is exact, so the fraction needs an absolute error of
 * some 2^-25 whatever the size of the exponent; hence d slope with its rounding error. tools/polynomials/log_tails.py
 * simulates this function. */
FA_INLINE fa__reals fa__power_of_two(fa__reals d, fa__reals value, fa__reals slope, fa__reals rest) {
    fa__reals product = d * slope, low = FA__FMA(rest, d, FA__FMA(d, slope, -product));
    fa__reals whole = fa__rounded_to_whole((value + product) + low);
    fa__reals r = ((value - whole) + product) + low;
    const float c[] = {FA_EXP2_POLY};
    fa__reals p = FA__ALL(c[0]), ln2 = FA__ALL((float)FA_LN2_DOUBLE), one = FA__ALL(1.0f);
#pragma GCC unroll 8
    for (size_t i = 1; i < sizeof c / sizeof *c; i++) p = FA__FMA(p, r, FA__ALL(c[i]));
    fa__reals most = FA__FMA(r, ln2, one); /* 2^r = 1 + r ln 2 + r^2 p */
    return fa__ldexp(most + (FA__FMA(r, ln2, one - most) + (r * r) * p), whole);
}
#endif

FA_INLINE fa__reals fa__table_function(const fa__table *t, fa__reals x, fa__reals d, fa__reals value,
                                       fa__reals slope, fa__reals rest) {
#if !FA_COMPENSATE
    if (t->is_tail) {
        fa__reals left = FA__ALL(t->sign[0] < 0 ? -0.0f : 0.0f),
                  right = FA__ALL(t->sign[1] < 0 ? -0.0f : 0.0f);
        fa__reals size = fa__power_of_two(d, value, slope, rest);
        return (fa__reals)((fa__ints)size ^ (fa__ints)fa__by_sign(x, left, right));
    }
#else
    (void)x; /* float64 tails have no tables */
#endif
    fa__reals q = FA__FMA(rest, d, value);
    return t->sloped ? FA__FMA(d, slope, q) : q;
}

FA_INLINE fa__reals fa__at_end(const fa__end *end, fa__reals x) {
    if (end->slope == 0) return FA__ALL(end->number);
    if (end->rest == 0) return x * end->slope;
    return FA__FMA(x, FA__ALL(end->slope), x * end->rest);
}

/* f(x) from the terms of q. */
FA_INLINE fa__reals fa__assembled(const fa__table *t, fa__reals x, fa__reals d, fa__reals value,
                                  fa__reals slope, fa__reals rest) {
    const fa__ints sign_bit = (fa__ints)FA__ALL(-0.0f);
    /* the large side of RELU and REFLECTED is the right one, unless q is f there */
    fa__reals side = t->right ? (fa__reals)((fa__ints)x ^ sign_bit) : x;
    fa__reals line = fa__by_sign(side, FA__ALL(-0.0f), x);
    if (t->form == FA__RELU && t->exact_sum) {
        fa__reals sum = line + value;
        return sum + FA__FMA(rest, d, fa__sum_error(line, value, sum));
    }
    fa__reals q = fa__table_function(t, x, d, value, slope, rest);
    if (t->form == FA__RELU) return line + q;
    if (t->form == FA__LEFT) return fa__choose(fa__at_most(x, 0), q, fa__at_end(&t->at_high, x));
    if (t->form == FA__ODD) return (fa__reals)((fa__ints)q ^ ((fa__ints)x & sign_bit));
    if (t->form == FA__REFLECTED) return fa__by_sign(side, q, 1.0f - q);
    return q;
}

FA_INLINE fa__coefficients fa__coefficient_row(const fa__table *t, int row) {
    return fa__load_coefficients(t->coefficients + row * FA__SLOTS);
}

/* Number k of a row. */
FA_INLINE fa__reals fa__look_up(const fa__table *t, fa__coefficients row, fa__ints k, fa__reals x) {
    return fa__coefficient(row, k, x, t->form == FA__SIGNED, t->is_tail | t->two_registers);
}

#define FA__EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)

/* f of several vectors, interleaved so that the multiply-adds of one hide the latency of the others. */
FA_INLINE void fa__segment_values(const fa__table *t, const fa__reals *x, fa__reals *y, int vectors) {
#if FA_COMPENSATE
    if (t->is_tail) {
        FA__EACH_VECTOR y[v] = fa__exponential_tail_value(&t->exponentials, x[v]);
        return;
    }
#endif
    const fa__ints sign_bit = (fa__ints)FA__ALL(-0.0f);
    const int by_sign = t->form == FA__SIGNED;
    fa__ints k[FA__GROUP];
    fa__reals d[FA__GROUP], rest[FA__GROUP];
    fa__coefficients centres = fa__coefficient_row(t, 0), last = fa__coefficient_row(t, 2 + t->degree);
    FA__EACH_VECTOR {
        fa__reals size = (fa__reals)((fa__ints)x[v] & ~sign_bit);
        if (t->clamped) size = FA__MIN(FA__ALL(t->cover), size); /* the second operand if it is NaN */
        fa__reals u = by_sign || t->form == FA__LEFT ? x[v] : size;
        k[v] =
            fa__index((fa__ints)((fa__words)FA__FMA(size, FA__ALL(t->scale), FA__ALL(t->offset)) >> t->shift),
                      x[v], by_sign);
        d[v] = u - fa__look_up(t, centres, k[v], x[v]);
        rest[v] = fa__look_up(t, last, k[v], x[v]);
    }
#pragma GCC unroll 32
    for (int j = t->degree - 2; j >= 0; j--) {
        fa__coefficients row = fa__coefficient_row(t, 3 + j);
        FA__EACH_VECTOR rest[v] = FA__FMA(rest[v], d[v], fa__look_up(t, row, k[v], x[v]));
    }
    fa__coefficients values = fa__coefficient_row(t, 1), slopes = fa__coefficient_row(t, 2);
    FA__EACH_VECTOR {
        fa__reals value = fa__look_up(t, values, k[v], x[v]);
        fa__reals slope = t->sloped ? fa__look_up(t, slopes, k[v], x[v]) : FA__ALL(0);
        y[v] = fa__assembled(t, x[v], d[v], value, slope, rest[v]);
    }
}

/* Blocks ----------------------------------------------------------------------------------------- */

/* The inputs of a block that its table does not cover, packed, and the vectors they came from. */
typedef struct {
    size_t count, vectors;
    real x[FA__BLOCK + FA__WIDTH];
    uint16_t at[FA__BLOCK / FA__WIDTH];
    fa__mask mask[FA__BLOCK / FA__WIDTH];
} fa__deferred;

/* Whether no segment covers x: as sign bits. */
FA_INLINE fa__ints fa__outside(const fa__table *t, fa__reals x) {
    fa__ints size = (fa__ints)x & ~(fa__ints)FA__ALL(-0.0f);
    fa__ints outside = {0};
    if (!t->clamped) outside = (fa__ints)FA__ALL(t->cover) - 1 - size; /* NaN too */
    if (t->skips_tiny)
        outside |= (fa__ints)((fa__words)(size - 1) < (fa__words)((fa__ints)FA__ALL(FA__TINY) - 1));
    if (t->is_tail) outside |= size - (fa__ints)FA__ALL(t->from);
    if (t->is_tail && t->sign[0] == 0) outside |= (fa__ints)x;
    if (t->is_tail && t->sign[1] == 0) outside |= ~(fa__ints)x;
    return outside;
}

/* The results of a group with inputs outside the table. Ends are constants or lines. If many other inputs are outside,
 * the tail, if there is one, is computed for the whole group; otherwise, and for what the tail does not cover, inputs
 * are deferred. Both ways compute an element by the same code. */
FA_INLINE void fa__resolve_outside(const fa__table *t, const fa__table *tail, const fa__reals *x,
                                   fa__reals *y, int vectors, size_t at, fa__deferred *deferred) {
    fa__mask left[FA__GROUP];
    int count = 0;
    FA__EACH_VECTOR {
        fa__mask low = fa__at_most(x[v], t->low), high = fa__at_least(x[v], t->high);
        y[v] = fa__choose(low, fa__at_end(&t->at_low, x[v]), y[v]);
        y[v] = fa__choose(high, fa__at_end(&t->at_high, x[v]), y[v]);
        left[v] = fa__set_bits(fa__outside(t, x[v])) & (fa__mask) ~(low | high);
        count += __builtin_popcount(left[v]);
    }
    if (tail && count > vectors * FA__WIDTH / FA__MANY) {
        fa__reals found[FA__GROUP];
        const int step = vectors < FA__INTERLEAVED ? vectors : FA__INTERLEAVED;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v += step) fa__segment_values(tail, x + v, found + v, step);
        count = 0;
        FA__EACH_VECTOR {
            fa__mask covered = left[v] & (fa__mask)~fa__set_bits(fa__outside(tail, x[v]));
            y[v] = fa__choose(covered, found[v], y[v]);
            left[v] &= (fa__mask)~covered;
            count |= left[v];
        }
        if (count == 0) return;
    }
    FA__EACH_VECTOR { /* without a branch, which would often be mispredicted */
        fa__pack(deferred->x + deferred->count, left[v], x[v]);
        deferred->at[deferred->vectors] = (uint16_t)(at + (size_t)v * FA__WIDTH);
        deferred->mask[deferred->vectors] = left[v];
        deferred->vectors += left[v] != 0;
        deferred->count += (size_t)__builtin_popcount(left[v]);
    }
}

/* Prefetches and streams as many bytes as a group has, line by line. */
FA_INLINE void fa__move_traffic(fa__traffic *traffic) {
    enum { BYTES = FA__GROUP * sizeof(fa__reals) };
    if (!traffic) return;
    if (traffic->coming_bytes >= BYTES) {
        for (size_t at = 0; at < BYTES; at += FA__LINE)
            fa__prefetch_lines(traffic->coming, traffic->inputs, at);
        for (int i = 0; i < traffic->inputs; i++) traffic->coming[i] += BYTES;
        traffic->coming_bytes -= BYTES;
    }
    if (!traffic->open) return;
    int now = traffic->open - 1;
    size_t bytes = traffic->leaving[now].bytes < BYTES ? traffic->leaving[now].bytes : BYTES;
    for (size_t i = 0; i < bytes; i += FA__LINE)
        fa__stream_line(traffic->leaving[now].to + i, traffic->leaving[now].from + i);
    traffic->leaving[now].to += bytes;
    traffic->leaving[now].from += bytes;
    traffic->leaving[now].bytes -= bytes;
    traffic->open -= traffic->leaving[now].bytes == 0;
}

/* `vectors` vectors from x + i to y + i. */
FA_INLINE void fa__segment_group(const fa__table *t, const fa__table *tail, const real *x, real *y, size_t i,
                                 int vectors, fa__deferred *deferred) {
    fa__reals in[FA__GROUP], out[FA__GROUP];
    fa__ints any = {0};
    const int step = vectors < FA__INTERLEAVED ? vectors : FA__INTERLEAVED;
#pragma GCC unroll 4
    for (int first = 0; first < vectors; first += step) {
#pragma GCC unroll 4
        for (int v = first; v < first + step; v++) {
            in[v] = fa__load(x + i + v * FA__WIDTH);
            any |= fa__outside(t, in[v]);
        }
        fa__segment_values(t, in + first, out + first, step);
    }
    if (__builtin_expect(fa__set_bits(any) != 0, 0))
        fa__resolve_outside(t, tail, in, out, vectors, i, deferred);
    FA__EACH_VECTOR fa__store(y + i + v * FA__WIDTH, out[v]);
}

/* Computes the deferred inputs by another loop and stores the results where they belong. */
static __attribute__((noinline)) void fa__compute_deferred(fa__deferred *deferred, real *y, fa__loop *outside,
                                                           char *const *params, int n_params) {
    const real *from = deferred->x;
    size_t padded = (deferred->count + FA__LANES - 1) / FA__LANES * FA__LANES;
    for (size_t i = deferred->count; i < padded; i++) deferred->x[i] = deferred->x[0];
    fa__call_loop(outside, deferred->x, deferred->x, params, n_params, padded, 0);
    for (size_t i = 0; i < deferred->vectors; i++) {
        fa__unpack(y + deferred->at[i], deferred->mask[i], from);
        from += __builtin_popcount(deferred->mask[i]);
    }
}

/* f of n elements, a multiple of FA__LANES; y may be x. `outside` computes what neither table covers. */
FA_INLINE void fa__table_loop(const fa__table *t, const fa__table *tail, const real *x, real *y, size_t n,
                              fa__traffic *traffic, fa__loop *outside, char *const *params, int n_params) {
    fa__deferred deferred;
    for (size_t done = 0; done < n; done += FA__BLOCK, x += FA__BLOCK, y += FA__BLOCK) {
        size_t i = 0, count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        deferred.count = deferred.vectors = 0;
        for (; i + FA__GROUP * FA__WIDTH <= count; i += FA__GROUP * FA__WIDTH) {
            fa__segment_group(t, tail, x, y, i, FA__GROUP, &deferred);
            fa__move_traffic(traffic);
        }
        for (; i < count; i += FA__WIDTH) fa__segment_group(t, tail, x, y, i, 1, &deferred);
        if (__builtin_expect(deferred.count != 0, 0))
            fa__compute_deferred(&deferred, y, outside, params, n_params);
    }
}

#endif
