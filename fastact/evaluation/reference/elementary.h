/* Elementary functions of enclosures. Their own errors are bounded generously: the polynomials reach 2^-100.
 *
 * An infinite hi stands for a value beyond the range of double; see beyond.h. */
#ifndef FA_EVALUATION_ELEMENTARY_H
#define FA_EVALUATION_ELEMENTARY_H

#include "evaluation/reference/enclosure.h"
#include "evaluation/reference/tables.h"

#define OWN_ERR 0x1p-96    /* of a function, relative, where nothing cancels */
#define LARGEST_EXP 600.0  /* e^600 = 2^865.6 */
#define TINY_EXP 0x1p-865  /* above e^-600 */
#define SENSITIVE 0x1p-10  /* the largest error of an argument whose effect is taken as linear */
#define SHIFTER 0x1.8p52   /* added to an abs(x) < 2^51, leaves the integer nearest to x in the lowest bits */
#define FIRST_ORDER 1.0078 /* for what is not linear in an error below SENSITIVE */

REF_INLINE int64_t bits_of(double x) {
    int64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

REF_INLINE double with_bits(int64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

REF_INLINE double clamp(double x, double low, double high) {
    x = x > low ? x : low; /* also for NaN */
    return x < high ? x : high;
}

/* A number of a table. GCC does not vectorise table[row][column] with an index that it knows to be small. */
#define ENTRY(table, row, column) \
    (((const double *)(table))[(int64_t)(sizeof *(table) / sizeof(double)) * (row) + (column)])

/* Exponentials ------------------------------------------------------------------------------------- */

typedef struct {
    pair power;      /* 2^(k/256) */
    enclosure small; /* e^r - 1 */
} exp_parts;

/* e^x = 2^(k/256) e^r, abs(r) <= ln(2)/512. For k = 0, r is x itself, and `small` loses nothing of x. */
REF_INLINE exp_parts split_exp(pair x) {
    double hi = clamp(x.hi, -LARGEST_EXP, LARGEST_EXP), shifted = hi * EXP_PER_STEP + SHIFTER;
    double k = shifted - SHIFTER;
    int64_t n = bits_of(shifted) - bits_of(SHIFTER), j = n & 255;
    double scale = with_bits((n - j) * (INT64_C(1) << 44) + bits_of(1.0));
    pair s = two_sum(__builtin_fma(-k, EXP_STEP_1, hi), -k * EXP_STEP_2);
    pair t = two_sum(s.hi, x.lo);
    pair r = fast_two_sum(t.hi, (t.lo + s.lo) - k * EXP_STEP_3);
    pair rest = pair_mul(pair_mul(r, r), SERIES(r, EXP_SERIES));
    enclosure small = add(enclose(r, OWN_ERR * fabs(rest.hi)), enclose(rest, 0));
    return (exp_parts){{ENTRY(EXP_TABLE, j, 0) * scale, ENTRY(EXP_TABLE, j, 1) * scale}, small};
}

/* value, or what it is where the argument is too large, surely too small, or not known well enough */
REF_INLINE enclosure in_exp_range(enclosure a, enclosure value, enclosure low) {
    value.hi = a.hi > LARGEST_EXP ? INFINITY : value.hi;
    value.err = a.err < SENSITIVE ? value.err : INFINITY;
    return choose(a.hi + a.err < -LARGEST_EXP, low, value);
}

/* 2^(k/256) (e^r - 1) */
REF_INLINE enclosure scaled_rest(exp_parts parts) {
    double own = parts.power.hi == 1 ? 0 : OWN_ERR * parts.power.hi;
    return enclose(pair_mul(parts.power, middle(parts.small)), parts.small.err * parts.power.hi + own);
}

REF_INLINE enclosure exponential(enclosure a) {
    exp_parts parts = split_exp(middle(a));
    enclosure value = add(enclose(parts.power, 0), scaled_rest(parts));
    value.err += parts.power.hi * 2 * a.err + UNDERFLOW_ERR;
    return in_exp_range(a, value, (enclosure){0, 0, TINY_EXP});
}

/* e^x - 1 = (2^(k/256) - 1) + 2^(k/256) (e^r - 1) */
REF_INLINE enclosure exponential_minus_1(enclosure a) {
    exp_parts parts = split_exp(middle(a));
    enclosure value = add(add(enclose(parts.power, 0), exactly(-1)), scaled_rest(parts));
    value.err += parts.power.hi * 2 * a.err + UNDERFLOW_ERR;
    return in_exp_range(a, value, (enclosure){-1, 0, TINY_EXP});
}

REF_INLINE enclosure hyperbolic_cosine(enclosure a) {
    enclosure e = exponential(absolute(a));
    enclosure value = times_power_of_two(add(e, divide(exactly(1), e)), 0.5);
    value.hi = e.hi == INFINITY ? INFINITY : value.hi;
    return value;
}

/* Near 0 x + x^3 T(x^2), elsewhere E/(E + 2) with E = e^(2 x) - 1. The slope is less than 4/(E + 1). Beyond 300,
 * or 225 in case of an error of a quarter, tanh x is within 2^-640 of 1. */
REF_INLINE enclosure hyperbolic_tangent(enclosure a) {
    enclosure x = absolute(a);
    pair square = pair_mul(middle(x), middle(x));
    pair cubic = pair_mul(pair_mul(middle(x), square), SERIES(square, TANH_SERIES));
    enclosure near = add(x, enclose(cubic, OWN_ERR * fabs(cubic.hi) + UNDERFLOW_ERR));
    int saturated = x.hi > LARGEST_EXP / 2;
    enclosure twice = {saturated ? LARGEST_EXP : 2 * x.hi, saturated ? 0 : 2 * x.lo, 0};
    enclosure e = exponential_minus_1(twice);
    enclosure far = divide(e, add(e, exactly(2)));
    double spread = 4 * FIRST_ORDER * x.err / (e.hi + 1);
    spread = x.err < SENSITIVE ? spread : INFINITY;
    far.err += (saturated & (x.err < x.hi / 4)) ? 0x1p-640 : spread;
    enclosure value = choose(x.hi < 0x1p-6, near, far);
    return choose(a.hi < 0, negative(value), value);
}

/* Logarithms --------------------------------------------------------------------------------------- */

/* log(1 + x) = m ln 2 - ln c + log1p(z), where 1 + x = 2^m v, 1 <= v < 2, c is about 1/v and z = c v - 1.
 * For abs(x) < 2^-8, z is x itself. */
REF_INLINE enclosure logarithm_plus_1(enclosure a) {
    enclosure u = add(exactly(1), a);
    int64_t b = bits_of(u.hi), biased = (int64_t)((uint64_t)b >> 52) & 2047, j = (b >> 44) & 255;
    int near = fabs(a.hi) < 0x1p-8;
    double m = with_bits(biased | bits_of(0x1p52)) - (0x1p52 + 1023);
    double scale = with_bits((2046 - biased) * (INT64_C(1) << 52));
    double c = ENTRY(LOG_TABLE, j, 0);
    pair table = {ENTRY(LOG_TABLE, j, 1), ENTRY(LOG_TABLE, j, 2)};
    table.hi = near ? 0 : table.hi;
    table.lo = near ? 0 : table.lo;
    m = near ? 0 : m;
    pair p = two_prod(c, u.hi * scale);
    pair s = two_sum(p.hi - 1, p.lo);
    pair z = fast_two_sum(s.hi, s.lo + c * (u.lo * scale));
    z.hi = near ? a.hi : z.hi;
    z.lo = near ? a.lo : z.lo;
    pair rest = pair_mul(pair_mul(z, z), SERIES(z, LOG_SERIES));
    enclosure small = add(enclose(z, OWN_ERR * fabs(rest.hi)), enclose(rest, UNDERFLOW_ERR));
    pair powers = two_sum(m * LN2_1, m * LN2_2);
    pair constant = pair_add(pair_add_double(powers, m * LN2_3), table);
    enclosure value = add(enclose(constant, near ? 0 : OWN_ERR * (1 + fabs(m))), small);
    value.err += FIRST_ORDER * a.err / u.hi;
    int known = (a.err < u.hi * SENSITIVE) & (u.hi < 0x1p1000);
    value.err = known ? value.err : INFINITY;
    return value;
}

/* Sines -------------------------------------------------------------------------------------------- */

typedef struct {
    pair sine, cosine; /* of the table's point */
    enclosure r;       /* the rest */
} reduced;

/* x = j pi/64 + r modulo 2 pi. With x = M 2^e, 2^e 64/pi modulo 128 comes from a table to 212 bits, and what
 * exceeds 128 in its product with M is dropped exactly. */
REF_INLINE reduced reduce(enclosure a) {
    int near = fabs(a.hi) < 0x1p-6;
    double x = near ? 1 : a.hi;
    int64_t b = bits_of(x), e = (int64_t)(((uint64_t)b >> 52) & 2047) - 1075;
    e = e > REDUCED_TO ? REDUCED_TO : e;
    double M = with_bits((b & ((INT64_C(1) << 52) - 1)) | bits_of(0x1p52));
    M = copysign(M, x);
    e -= REDUCED_FROM;
    pair p = two_prod(M, ENTRY(REDUCED_TABLE, e, 0)), q = two_prod(M, ENTRY(REDUCED_TABLE, e, 1));
    pair s = two_prod(M, ENTRY(REDUCED_TABLE, e, 2));
    double dropped = (p.hi + 0x1.8p61) - 0x1.8p61; /* a multiple of 512, for abs(p.hi) <= 2^60 */
    pair f = two_sum(p.hi - dropped, p.lo);
    pair g = two_sum(f.hi, q.hi);
    double j = (g.hi + SHIFTER) - SHIFTER;
    pair h = two_sum(g.hi - j, f.lo), i = two_sum(h.hi, g.lo), k = two_sum(i.hi, q.lo),
         l = two_sum(k.hi, s.hi);
    pair fraction =
        fast_two_sum(l.hi, (h.lo + i.lo) + (k.lo + l.lo) + (s.lo + M * ENTRY(REDUCED_TABLE, e, 3)));
    pair r = pair_mul(fraction, (pair){SINE_STEP[0][0], SINE_STEP[0][1]});
    r = pair_add_double(r, a.lo);
    j = near ? 0 : j;
    int64_t n = (bits_of(j + SHIFTER) - bits_of(SHIFTER)) & 127;
    double err = near ? 0 : OWN_ERR * fabs(r.hi) + 0x1p-100;
    int known = (a.err < SENSITIVE) & (fabs(a.lo) < 0x1p-8) & (fabs(a.hi) < 0x1p255);
    enclosure rest = {near ? a.hi : r.hi, near ? a.lo : r.lo, known ? a.err + err : INFINITY};
    return (reduced){{ENTRY(SINE_TABLE, n, 0), ENTRY(SINE_TABLE, n, 1)},
                     {ENTRY(SINE_TABLE, n, 2), ENTRY(SINE_TABLE, n, 3)},
                     rest};
}

/* sin(j pi/64 + r), or the cosine as sin(x + pi/2), both series being known */
REF_INLINE enclosure rotate(pair sine, pair cosine, enclosure r) {
    pair x = middle(r), square = pair_mul(x, x);
    pair cubic = pair_mul(pair_mul(x, square), SERIES(square, SINE_SERIES));
    pair rest = pair_mul(square, SERIES(square, COSINE_SERIES));
    pair sine_r = pair_add(x, cubic), cosine_r = pair_add((pair){1, 0}, rest);
    pair a = pair_mul(sine, cosine_r), b = pair_mul(cosine, sine_r);
    enclosure value = add(enclose(a, OWN_ERR * fabs(a.hi)), enclose(b, OWN_ERR * fabs(b.hi)));
    value.err += FIRST_ORDER * r.err + UNDERFLOW_ERR;
    return value;
}

REF_INLINE enclosure sine(enclosure a) {
    reduced x = reduce(a);
    return rotate(x.sine, x.cosine, x.r);
}

REF_INLINE enclosure cosine(enclosure a) {
    reduced x = reduce(a);
    return rotate(x.cosine, (pair){-x.sine.hi, -x.sine.lo}, x.r);
}

/* atan x = atan(c) + atan((x - c)/(1 + c x)), where c is a multiple of 1/64; above 1, pi/2 + atan(-1/x) */
REF_INLINE enclosure arctangent(enclosure a) {
    enclosure x = absolute(a);
    int large = x.hi > 1;
    x.hi = x.hi < 0x1p600 ? x.hi : 0x1p600;
    double ratio = large ? 1 / x.hi : x.hi, shifted = ratio * 64 + SHIFTER;
    int64_t j = (bits_of(shifted) - bits_of(SHIFTER)) & 127;
    j = j < ATAN_STEPS ? j : ATAN_STEPS;
    double c = (shifted - SHIFTER) / 64;
    enclosure one = exactly(1), c_x = mul(exactly(c), x);
    enclosure n = choose(large, sub(c_x, one), sub(x, exactly(c)));
    enclosure d = choose(large, add(x, exactly(c)), add(one, c_x));
    enclosure t = divide(n, d);
    pair square = pair_mul(middle(t), middle(t));
    pair cubic = pair_mul(pair_mul(middle(t), square), SERIES(square, ATAN_SERIES));
    enclosure small = add(t, enclose(cubic, OWN_ERR * fabs(cubic.hi) + UNDERFLOW_ERR));
    pair base = {ENTRY(ATAN_TABLE, j, 0), ENTRY(ATAN_TABLE, j, 1)};
    base.hi = large ? -base.hi : base.hi;
    base.lo = large ? -base.lo : base.lo;
    pair half = {large ? HALF_PI[0][0] : 0, large ? HALF_PI[0][1] : 0};
    enclosure constant = add(enclose(half, 0), enclose(base, j == 0 && !large ? 0 : OWN_ERR));
    enclosure value = add(constant, small);
    return choose(a.hi < 0, negative(value), value);
}

/* The error function ------------------------------------------------------------------------------- */

/* erfc x for x >= 0: e^(-x^2) times a Taylor series about the middle of an interval of 1/8; below e^(-x^2)
 * beyond ERFC_END */
REF_INLINE enclosure upper_tail(enclosure x) {
    int far = x.hi > 1000, surely = x.err < x.hi / 2; /* and x > 500 */
    x.hi = far ? 1000 : x.hi;
    x.lo = far ? 0 : x.lo;
    x.err = far ? (surely ? 0 : INFINITY) : x.err;
    enclosure bell = exponential(negative(mul(x, x)));
    double at = x.hi < ERFC_END ? x.hi : 0;
    int64_t j = (int64_t)(int32_t)(at * ERFC_PER_UNIT);
    pair t = pair_add_double(two_sum(at, -((double)(int32_t)j + 0.5) / ERFC_PER_UNIT), x.lo);
    double tail = ENTRY(ERFC_TAIL, j, 10);
#pragma GCC unroll 32
    for (int n = 9; n >= 0; n--) tail = __builtin_fma(tail, t.hi, ENTRY(ERFC_TAIL, j, n));
    pair sum = {tail, 0};
#pragma GCC unroll 32
    for (int n = 9; n >= 0; n--)
        sum =
            pair_add((pair){ENTRY(ERFC_TABLE, j, 2 * n), ENTRY(ERFC_TABLE, j, 2 * n + 1)}, pair_mul(sum, t));
    double own = 16 * OWN_ERR * sum.hi + 1.2 * x.err; /* the slope is between -2/sqrt(pi) and 0 */
    enclosure value = mul(enclose(sum, own), bell);
    return choose(x.hi < ERFC_END, value, (enclosure){0, 0, bell.hi + bell.err});
}

REF_INLINE enclosure error_function_complement(enclosure a) {
    enclosure tail = upper_tail(absolute(a));
    return choose(a.hi < 0, sub(exactly(2), tail), tail);
}

REF_INLINE enclosure error_function(enclosure a) {
    enclosure x = absolute(a);
    pair square = pair_mul(middle(x), middle(x));
    pair product = pair_mul(middle(x), SERIES(square, ERF_SERIES));
    double err = OWN_ERR * product.hi + 1.2 * a.err + UNDERFLOW_ERR;
    enclosure value = choose(x.hi < 0.5, enclose(product, err), sub(exactly(1), upper_tail(x)));
    return choose(a.hi < 0, negative(value), value);
}

#endif
