/* Kernels of smooth rows: a short polynomial for each piece of the line, its coefficients fetched by permutes
 * of registers, so that nothing is computed but multiply-adds. Included by piece_rows.h. Knows how a table is read;
 * does not know which function it stands for.
 *
 * Inputs beyond a table's cover are put aside, a block at a time. Where a row falls or grows like an exponential
 * there, a second table of the same kind holds the pieces of log2 |q| (float32), or exponentials themselves do
 * (float64: tails.h); all others go through the row's ordinary loop, which computes its formula.
 *
 *     k = bits(scale |x| + offset) >> shift;  d = u - centre[k];  q = value[k] + d*(slope[k] + c0[k] + c1[k] d + ...)
 */
#ifndef FA_PIECES_H
#define FA_PIECES_H

#include <math.h>
#include <string.h>

#include "polynomial/vectors.h"
#if FA_COMPENSATE
#include "polynomial/exponential_tails.h"
#endif

#define FA__BLOCK 1024 /* elements between two looks at what was put aside: 4 or 8 KiB */
#define FA__GROUP 4    /* vectors that share one look at their sizes */
#define FA__MANY 8     /* one in so many beyond a cover are many: packing them takes longer than all */

/* below, products of x become subnormal: two are rounded, and slow */
#define FA__TINY (FA_COMPENSATE ? 0x1p-900 : 0x1p-100)

/* How f follows from q: see form_of in piecewise.py */
enum { FA__SIGNED, FA__EVEN, FA__ODD, FA__LEFT, FA__REFLECTED, FA__RELU };

/* What f is from some place on: (slope + rest) x, or one number if slope is 0 */
typedef struct {
    real slope, rest, number;
} fa__end;
#define FA__END(...) {__VA_ARGS__}

typedef struct {
    int form, right, exact_sum, sloped, skips_tiny, closed, degree, shift; /* constants where they are used */
    /* pieces hold for |x| < cover; if skips_tiny, not for 0 < |x| < FA__TINY; if closed, f stays what it is at cover */
    real scale, offset, cover;
    /* where f comes to its ends: x <= low, x >= high; NaN if it does not. LEFT: the right one begins at 0 */
    real low;
    fa__end at_low;
    real high;
    fa__end at_high;
    const real *table; /* centre, value, slope, c0, c1, ...: FA__SLOTS each */
    /* what lies beyond another table, for |x| >= from: pieces of log2 |q|, or tails; the sign of q for negative and
     * for other x, 0 where there is nothing */
    int far, sign[2];
    real from;
#if FA_COMPENSATE
    fa__tails tails;
#endif
} fa__pieces;

/* Vectors ---------------------------------------------------------------------------------------- */

/* a + b = sum + error exactly (D. Knuth) */
FA_INLINE fa__reals fa__sum_error(fa__reals a, fa__reals b, fa__reals sum) {
    fa__reals back = sum - a;
    return (a - (sum - back)) + (b - back);
}

#if !FA_COMPENSATE
/* 2^(value + d*(slope + rest)): the whole part is added to the exponent, so the rest must be known to some 2^-25,
 * whatever is in front of it; hence d*slope with its rounding error. See power_of_two in piece_far.py. */
FA_INLINE fa__reals fa__power_of_two(fa__reals d, fa__reals value, fa__reals slope, fa__reals rest) {
    fa__reals product = d * slope, low = FA__FMA(rest, d, FA__FMA(d, slope, -product));
    fa__reals whole = fa__rounded_to_whole((value + product) + low);
    fa__reals r = ((value - whole) + product) + low;
    const float c[] = {FA_EXP2_POLY};
    fa__reals p = FA__ALL(c[0]), ln2 = FA__ALL((float)FA_LN2_DOUBLE), one = FA__ALL(1.0f);
#pragma GCC unroll 8
    for (size_t i = 1; i < sizeof c / sizeof *c; i++) p = FA__FMA(p, r, FA__ALL(c[i]));
    fa__reals most = FA__FMA(r, ln2, one); /* of 2^r = 1 + r ln 2 + r^2 p */
    return fa__ldexp(most + (FA__FMA(r, ln2, one - most) + (r * r) * p), whole);
}
#endif

FA_INLINE fa__reals fa__table_function(const fa__pieces *p, fa__reals x, fa__reals d, fa__reals value,
                                       fa__reals slope, fa__reals rest) {
#if !FA_COMPENSATE
    if (p->far) {
        fa__reals left = FA__ALL(p->sign[0] < 0 ? -0.0f : 0.0f),
                  right = FA__ALL(p->sign[1] < 0 ? -0.0f : 0.0f);
        fa__reals size = fa__power_of_two(d, value, slope, rest);
        return (fa__reals)((fa__ints)size ^ (fa__ints)fa__by_sign(x, left, right));
    }
#else
    (void)x; /* no far tables */
#endif
    fa__reals q = FA__FMA(rest, d, value);
    return p->sloped ? FA__FMA(d, slope, q) : q;
}

FA_INLINE fa__reals fa__at_end(const fa__end *end, fa__reals x) {
    if (end->slope == 0) return FA__ALL(end->number);
    if (end->rest == 0) return x * end->slope;
    return FA__FMA(x, FA__ALL(end->slope), x * end->rest);
}

/* f(x) from the parts of q */
FA_INLINE fa__reals fa__assembled(const fa__pieces *p, fa__reals x, fa__reals d, fa__reals value,
                                  fa__reals slope, fa__reals rest) {
    const fa__ints sign_bit = (fa__ints)FA__ALL(-0.0f);
    /* the large side of RELU and REFLECTED: the right one, unless q is f there */
    fa__reals side = p->right ? (fa__reals)((fa__ints)x ^ sign_bit) : x;
    fa__reals line = fa__by_sign(side, FA__ALL(-0.0f), x);
    if (p->form == FA__RELU && p->exact_sum) {
        fa__reals sum = line + value;
        return sum + FA__FMA(rest, d, fa__sum_error(line, value, sum));
    }
    fa__reals q = fa__table_function(p, x, d, value, slope, rest);
    if (p->form == FA__RELU) return line + q;
    if (p->form == FA__LEFT) return fa__choose(fa__at_most(x, 0), q, fa__at_end(&p->at_high, x));
    if (p->form == FA__ODD) return (fa__reals)((fa__ints)q ^ ((fa__ints)x & sign_bit));
    if (p->form == FA__REFLECTED) return fa__by_sign(side, q, 1.0f - q);
    return q;
}

/* entry k of a row */
FA_INLINE fa__reals fa__from_row(const fa__pieces *p, fa__coefficients row, fa__ints k, fa__reals x) {
    return fa__coefficient(row, k, x, p->form == FA__SIGNED, p->far);
}

FA_INLINE fa__coefficients fa__entries_of(const fa__pieces *p, int row) {
    return fa__load_entries(p->table + row * FA__SLOTS);
}

#define FA__EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)

/* f of `vectors` at once, step by step, so that one may go on while others wait for their multiply-adds */
FA_INLINE void fa__piece_values(const fa__pieces *p, const fa__reals *x, fa__reals *y, int vectors) {
#if FA_COMPENSATE
    if (p->far) {
        FA__EACH_VECTOR y[v] = fa__tail_value(&p->tails, x[v]);
        return;
    }
#endif
    const fa__ints sign_bit = (fa__ints)FA__ALL(-0.0f);
    const int by_sign = p->form == FA__SIGNED;
    fa__ints k[FA__GROUP];
    fa__reals d[FA__GROUP], rest[FA__GROUP];
    fa__coefficients centres = fa__entries_of(p, 0), last = fa__entries_of(p, 2 + p->degree);
    FA__EACH_VECTOR {
        fa__reals size = (fa__reals)((fa__ints)x[v] & ~sign_bit);
        if (p->closed) size = FA__MIN(FA__ALL(p->cover), size); /* the second one if it is NaN */
        fa__reals u = by_sign || p->form == FA__LEFT ? x[v] : size;
        k[v] =
            fa__index((fa__ints)((fa__words)FA__FMA(size, FA__ALL(p->scale), FA__ALL(p->offset)) >> p->shift),
                      x[v], by_sign);
        d[v] = u - fa__from_row(p, centres, k[v], x[v]);
        rest[v] = fa__from_row(p, last, k[v], x[v]);
    }
#pragma GCC unroll 32
    for (int j = p->degree - 2; j >= 0; j--) {
        fa__coefficients coefficients = fa__entries_of(p, 3 + j);
        FA__EACH_VECTOR rest[v] = FA__FMA(rest[v], d[v], fa__from_row(p, coefficients, k[v], x[v]));
    }
    fa__coefficients values = fa__entries_of(p, 1), slopes = fa__entries_of(p, 2);
    FA__EACH_VECTOR {
        fa__reals value = fa__from_row(p, values, k[v], x[v]);
        fa__reals slope = p->sloped ? fa__from_row(p, slopes, k[v], x[v]) : FA__ALL(0);
        y[v] = fa__assembled(p, x[v], d[v], value, slope, rest[v]);
    }
}

/* Blocks ----------------------------------------------------------------------------------------- */

/* Inputs of a block that lie beyond the cover, packed, and where they came from */
typedef struct {
    size_t count, vectors;
    real x[FA__BLOCK + FA__WIDTH];
    uint16_t at[FA__BLOCK / FA__WIDTH];
    fa__mask mask[FA__BLOCK / FA__WIDTH];
} fa__aside;

/* which x have no piece: as sign bits */
FA_INLINE fa__ints fa__outside(const fa__pieces *p, fa__reals x) {
    fa__ints size = (fa__ints)x & ~(fa__ints)FA__ALL(-0.0f);
    fa__ints far = {0};
    if (!p->closed) far = (fa__ints)FA__ALL(p->cover) - 1 - size; /* NaN too */
    if (p->skips_tiny)
        far |= (fa__ints)((fa__words)(size - 1) < (fa__words)((fa__ints)FA__ALL(FA__TINY) - 1));
    if (p->far) far |= size - (fa__ints)FA__ALL(p->from);
    if (p->far && p->sign[0] == 0) far |= (fa__ints)x;
    if (p->far && p->sign[1] == 0) far |= ~(fa__ints)x;
    return far;
}

/* Results of a group some of whose inputs lie beyond the cover. Ends are known. Where many others lie there, what
 * `far` tells is computed for all; else, and for what it does not know, packing is cheaper: put aside. Either way an
 * element meets the same code. */
FA_INLINE void fa__beyond(const fa__pieces *p, const fa__pieces *far, const fa__reals *x, fa__reals *y,
                          int vectors, size_t at, fa__aside *aside) {
    fa__mask left[FA__GROUP];
    int count = 0;
    FA__EACH_VECTOR {
        fa__mask low = fa__at_most(x[v], p->low), high = fa__at_least(x[v], p->high);
        y[v] = fa__choose(low, fa__at_end(&p->at_low, x[v]), y[v]);
        y[v] = fa__choose(high, fa__at_end(&p->at_high, x[v]), y[v]);
        left[v] = fa__set_bits(fa__outside(p, x[v])) & (fa__mask) ~(low | high);
        count += __builtin_popcount(left[v]);
    }
    if (far && count > vectors * FA__WIDTH / FA__MANY) {
        fa__reals found[FA__GROUP];
        const int together = vectors < FA__TOGETHER ? vectors : FA__TOGETHER;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v += together) fa__piece_values(far, x + v, found + v, together);
        count = 0;
        FA__EACH_VECTOR {
            fa__mask known = left[v] & (fa__mask)~fa__set_bits(fa__outside(far, x[v]));
            y[v] = fa__choose(known, found[v], y[v]);
            left[v] &= (fa__mask)~known;
            count |= left[v];
        }
        if (count == 0) return;
    }
    FA__EACH_VECTOR { /* no branch: whether there are any is hard to foretell */
        fa__pack(aside->x + aside->count, left[v], x[v]);
        aside->at[aside->vectors] = (uint16_t)(at + (size_t)v * FA__WIDTH);
        aside->mask[aside->vectors] = left[v];
        aside->vectors += left[v] != 0;
        aside->count += (size_t)__builtin_popcount(left[v]);
    }
}

/* as many bytes as a group has, line by line */
FA_INLINE void fa__move_some(fa__traffic *traffic) {
    enum { BYTES = FA__GROUP * sizeof(fa__reals) };
    if (!traffic) return;
    if (traffic->coming_bytes >= BYTES) {
        for (size_t at = 0; at < BYTES; at += FA__LINE) fa__prefetch_lines(traffic->coming, traffic->inputs, at);
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

/* `vectors` of them, from x + i to y + i */
FA_INLINE void fa__piece_group(const fa__pieces *p, const fa__pieces *far, const real *x, real *y, size_t i,
                               int vectors, fa__aside *aside) {
    fa__reals in[FA__GROUP], out[FA__GROUP];
    fa__ints any = {0};
    const int together = vectors < FA__TOGETHER ? vectors : FA__TOGETHER;
#pragma GCC unroll 4
    for (int first = 0; first < vectors; first += together) {
#pragma GCC unroll 4
        for (int v = first; v < first + together; v++) {
            in[v] = fa__load(x + i + v * FA__WIDTH);
            any |= fa__outside(p, in[v]);
        }
        fa__piece_values(p, in + first, out + first, together);
    }
    if (__builtin_expect(fa__set_bits(any) != 0, 0)) fa__beyond(p, far, in, out, vectors, i, aside);
    FA__EACH_VECTOR fa__store(y + i + v * FA__WIDTH, out[v]);
}

/* A loop of one input and one result */
FA_INLINE void fa__run_some(fa__loop *loop, const real *x, real *y, char *const *params, int n_params,
                            size_t count, fa__traffic *traffic) {
    char *operands[FA__MAX_OPERANDS] = {(char *)(uintptr_t)x};
    for (int i = 0; i < n_params; i++) operands[1 + i] = params[i];
    operands[1 + n_params] = (char *)y;
    loop(operands, count, traffic);
}

/* What was put aside, by another loop, and back to where it belongs */
static __attribute__((noinline)) void fa__finish_aside(fa__aside *aside, real *y, fa__loop *beyond,
                                                       char *const *params, int n_params) {
    real found[FA__BLOCK + FA__WIDTH], *from = found;
    size_t padded = (aside->count + FA__LANES - 1) / FA__LANES * FA__LANES;
    for (size_t i = aside->count; i < padded; i++) aside->x[i] = aside->x[0];
    fa__run_some(beyond, aside->x, found, params, n_params, padded, 0);
    for (size_t i = 0; i < aside->vectors; i++) {
        fa__unpack(y + aside->at[i], aside->mask[i], from);
        from += __builtin_popcount(aside->mask[i]);
    }
}

/* n elements, a multiple of FA__LANES; y may be x */
FA_INLINE void fa__by_pieces(const fa__pieces *p, const fa__pieces *far, const real *x, real *y, size_t n,
                             fa__traffic *traffic, fa__loop *beyond, char *const *params, int n_params) {
    fa__aside aside;
    for (size_t done = 0; done < n; done += FA__BLOCK, x += FA__BLOCK, y += FA__BLOCK) {
        size_t i = 0, count = n - done < FA__BLOCK ? n - done : FA__BLOCK;
        aside.count = aside.vectors = 0;
        for (; i + FA__GROUP * FA__WIDTH <= count; i += FA__GROUP * FA__WIDTH) {
            fa__piece_group(p, far, x, y, i, FA__GROUP, &aside);
            fa__move_some(traffic);
        }
        for (; i < count; i += FA__WIDTH) fa__piece_group(p, far, x, y, i, 1, &aside);
        if (__builtin_expect(aside.count != 0, 0)) fa__finish_aside(&aside, y, beyond, params, n_params);
    }
}

#endif
