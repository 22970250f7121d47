/* Counters of units over a tile: a panel of LANES columns at a time, its rows in order, so that a unit's sums do not
 * depend on the width of vectors. Compiled for each instruction set and element type. */
#include "health/count.h"

#include <math.h>

#include "fastact.h"
#include "platform/loop.h"
#include "platform/vectors.h"

/* One panel ---------------------------------------------------------------------------------------- */

/* a true comparison is -1 in its lane */
typedef struct {
    lane_numbers counts[FA_HEALTH_COUNTS];
    sums added[FA_HEALTH_SUMS];
    vector least, greatest;
} panel;

/* A panel, and its limits of saturation */
typedef struct {
    panel counted;
    vector low, high;
} limited_panel;

INLINE vector magnitude(vector v) {
    return (vector)((lane_numbers)v & ~(lane_numbers)all((real)-0.0));
}

INLINE lane_numbers is_finite(vector v) {
    return v - v == 0;
}

/* The smaller and the larger of numbers */
#if defined(__AVX512F__) && FA__REAL_IS_DOUBLE
#define LESSER(a, b) ((vector)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#define GREATER(a, b) ((vector)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#elif defined(__AVX512F__)
#define LESSER(a, b) ((vector)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define GREATER(a, b) ((vector)_mm512_max_ps((__m512)(a), (__m512)(b)))
#elif defined(__AVX2__) && FA__REAL_IS_DOUBLE
#define LESSER(a, b) ((vector)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define GREATER(a, b) ((vector)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#elif defined(__AVX2__)
#define LESSER(a, b) ((vector)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define GREATER(a, b) ((vector)_mm256_max_ps((__m256)(a), (__m256)(b)))
#else
#define LESSER(a, b) choose((a) < (b), a, b)
#define GREATER(a, b) choose((a) > (b), a, b)
#endif

/* Sums of v and of its magnitudes, unless null, and of its squares; those of float32 are exact in float64 */
#if FA__REAL_IS_DOUBLE
INLINE void add_powers(sums *sum, sums *magnitudes, sums *squares, vector v) {
    if (sum) add_to_sums(sum, v);
    if (magnitudes) add_to_sums(magnitudes, magnitude(v));
    add_to_sums(squares, v * v);
}
#else
typedef int64_t wide_bits __attribute__((vector_size(VECTOR_BYTES), may_alias));

INLINE wide widened(half v) {
#if defined(__AVX512F__)
    return (wide)_mm512_cvtps_pd((__m256)v);
#else
    return __builtin_convertvector(v, wide);
#endif
}
INLINE wide wide_magnitude(wide v) {
    return (wide)((wide_bits)v & INT64_MAX);
}
INLINE void add_powers(sums *sum, sums *magnitudes, sums *squares, vector v) {
    half halves[2];
    memcpy(halves, &v, sizeof halves);
    const wide low = widened(halves[0]), high = widened(halves[1]);
    if (sum) {
        sum->low += low;
        sum->high += high;
    }
    if (magnitudes) {
        magnitudes->low += wide_magnitude(low);
        magnitudes->high += wide_magnitude(high);
    }
    squares->low += low * low;
    squares->high += high * high;
}
#endif

/* A sample counts where its input and output are `finite`; p->counts of samples that do not are the caller's */
INLINE void count_outputs(panel *p, lane_numbers finite, vector z, vector y, lane_numbers active, vector low,
                          vector high) {
    p->counts[FA_HEALTH_ACTIVE] -= finite & active;
    p->counts[FA_HEALTH_SATURATED] -= finite & ((z <= low) | (z >= high));
    p->counts[FA_HEALTH_ZEROS] -= finite & (y == 0);
    p->least = LESSER(choose(finite, y, p->least), p->least);
    p->greatest = GREATER(choose(finite, y, p->greatest), p->greatest);
    add_powers(&p->added[FA_HEALTH_SUM], &p->added[FA_HEALTH_SUM_OF_MAGNITUDES],
               &p->added[FA_HEALTH_SUM_OF_SQUARES], choose(finite, y, all(0)));
}

/* grad_y f'(z), which is 0 where f' is 0 */
INLINE void count_gradients(panel *p, lane_numbers counted, vector grad, vector d) {
    vector g = choose(d == 0, all(0), grad * d);
    const lane_numbers finite = is_finite(g);
    p->counts[FA_HEALTH_ZERO_GRADIENTS] -= counted & (g == 0);
    p->counts[FA_HEALTH_NON_FINITE_GRADIENTS] -= counted & ~finite;
    g = choose(counted & finite, g, all(0));
    add_powers(0, &p->added[FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES],
               &p->added[FA_HEALTH_SUM_OF_GRADIENT_SQUARES], g);
}

/* Totals ------------------------------------------------------------------------------------------- */

/* TwoSum (Knuth, The Art of Computer Programming, volume 2, 4.2.2) of each total, whose rounding errors are beside it */
static inline void add_to_totals(double *restrict total, double *restrict error, const double *sum,
                                 const double *sum_error, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double new = total[i] + sum[i], added = new - total[i];
        error[i] += (total[i] - (new - added)) + (sum[i] - added) + sum_error[i];
        total[i] = new;
    }
}

INLINE void store_sums(const fa__health_tile *t, const panel *p, int end, size_t column, size_t count) {
    for (int k = 0; k < end; k++) {
        double sum[LANES], error[LANES] = {0};
#if FA__REAL_IS_DOUBLE
        memcpy(sum, &p->added[k].sum, sizeof sum);
        memcpy(error, &p->added[k].error, sizeof error);
#else
        memcpy(sum, &p->added[k], sizeof sum);
#endif
        double *total = t->sums + (size_t)(2 * k) * t->units + column;
        add_to_totals(total, total + t->units, sum, error, count);
    }
}

INLINE void store_counts(const fa__health_tile *t, const panel *p, int end, size_t column, size_t count) {
    for (int k = 0; k < end; k++) {
        int64_t *restrict total = t->counts + (size_t)k * t->units + column;
        lane_number counts[LANES];
        memcpy(counts, &p->counts[k], sizeof counts);
        for (size_t i = 0; i < count; i++) total[i] += counts[i];
    }
}

INLINE void store_extremes(const fa__health_tile *t, const panel *p, size_t column, size_t count) {
    double *restrict least = t->extremes + column, *restrict greatest = least + t->units;
    real low[LANES], high[LANES];
    memcpy(low, &p->least, sizeof low);
    memcpy(high, &p->greatest, sizeof high);
    for (size_t i = 0; i < count; i++) {
        if ((double)low[i] < least[i]) least[i] = (double)low[i];
        if ((double)high[i] > greatest[i]) greatest[i] = (double)high[i];
    }
}

/* Tiles -------------------------------------------------------------------------------------------- */

/* Limits in the element type, rounded away from the inputs between them: the same inputs lie beyond */
static void load_limits(const fa__health_tile *t, size_t column, size_t count, real *low, real *high) {
    for (size_t i = 0; i < LANES; i++) {
        double below = i < count ? t->low[column + i] : -INFINITY;
        double above = i < count ? t->high[column + i] : INFINITY;
        low[i] = (real)below;
        high[i] = (real)above;
#if !FA__REAL_IS_DOUBLE
        if ((double)low[i] > below) low[i] = nextafterf(low[i], -INFINITY);
        if ((double)high[i] < above) high[i] = nextafterf(high[i], INFINITY);
#endif
    }
}

INLINE vector load(const void *array, ptrdiff_t index, size_t count) {
    const real *from = (const real *)array + index;
    return count == LANES ? *(const vector *)from : load_first(from, count);
}

/* Whether a bit of any lane is set */
INLINE int is_any(lane_numbers bits) {
    uint64_t words[VECTOR_BYTES / sizeof(uint64_t)], any = 0;
    memcpy(words, &bits, sizeof bits);
    for (size_t i = 0; i < VECTOR_BYTES / sizeof(uint64_t); i++) any |= words[i];
    return any != 0;
}

/* Whether all outputs so far were finite, unless sums of large float64 have overflowed; `check` is the sum of z - z. A
 * difference of finite numbers that are equal is 0, whose bits are 0, and otherwise NaN. */
INLINE int are_finite(const panel *p, vector check) {
    const sums *s = &p->added[FA_HEALTH_SUM_OF_MAGNITUDES];
#if FA__REAL_IS_DOUBLE
    lane_numbers bits = (lane_numbers)check | (lane_numbers)(s->sum - s->sum);
#else
    lane_numbers bits = (lane_numbers)check | (lane_numbers)((s->low - s->low) + (s->high - s->high));
#endif
    return !is_any(bits);
}

/* All rows of a panel. Unless it looks at each sample with care, it returns 0, and has counted nothing, where one of them
 * may not be finite. */
INLINE int count_panel(const fa__health_tile *t, limited_panel *state, size_t column, size_t count,
                       int with_care, int gradients) {
    panel p = state->counted; /* in registers */
    const vector low = state->low, high = state->high;
    vector check = all(0);
    for (ptrdiff_t r = 0; r < (ptrdiff_t)t->rows; r++) {
        const ptrdiff_t c = (ptrdiff_t)column;
        const vector z = load(t->z, r * t->z_row + c, count), y = load(t->y, r * t->y_row + c, count);
        const vector d = load(t->d, r * t->d_row + c, count);
        lane_numbers counted = ~(lane_numbers){0};
        if (with_care) {
            counted = is_finite(z) & is_finite(y);
            p.counts[FA_HEALTH_NON_FINITE] -= ~counted;
        } else
            check += z - z;
        count_outputs(&p, counted, z, y, d != 0, low, high);
        if (gradients) count_gradients(&p, counted, load(t->grad, r * t->grad_row + c, count), d);
    }
    if (!with_care && !are_finite(&p, check)) return 0;
    state->counted = p;
    return 1;
}

enum { AHEAD = 8 }; /* rows */
INLINE void prefetch_row(const fa__health_tile *t, ptrdiff_t row) {
    const uintptr_t begin = (uintptr_t)t->z + (uintptr_t)(row * t->z_row) * sizeof(real);
    for (size_t line = 0; line < FA__HEALTH_WIDTH_BYTES; line += FA__LINE)
        __builtin_prefetch((const char *)(begin + line));
}

/* The same of relu, whose y = max(z, 0) is its own magnitude, and whose f' is not 0 where z > 0. With care, or 0 where a
 * sample may not be finite, or where limits are not relu's: then an output is 0, and saturated, where it is not active. */
INLINE int count_relu_panel(const fa__health_tile *t, limited_panel *state, size_t column, size_t count,
                            int with_care) {
    panel *to = &state->counted;
    const vector low = state->low, high = state->high, zero = all(0);
    if (!with_care && is_any((low != zero) | (high != all(INFINITY)))) return 0;
    sums sum = to->added[FA_HEALTH_SUM], squares = to->added[FA_HEALTH_SUM_OF_SQUARES];
    lane_numbers active = {0}, saturated = {0}, bad = {0};
    vector least = to->least, greatest = to->greatest, check = zero;
    for (ptrdiff_t r = 0; r < (ptrdiff_t)t->rows; r++) {
        const vector z = load(t->z, r * t->z_row + (ptrdiff_t)column, count);
        if (column == 0) prefetch_row(t, r + AHEAD);
        vector y = GREATER(z, zero);
        lane_numbers counted = ~(lane_numbers){0};
        if (with_care) {
            counted = is_finite(z);
            bad -= ~counted;
            y = choose(counted, y, zero);
            saturated -= counted & ((z <= low) | (z >= high));
        } else
            check += z - z;
        active -= counted & (z > 0);
        least = LESSER(choose(counted, y, least), least);
        greatest = GREATER(choose(counted, y, greatest), greatest);
        add_powers(&sum, 0, &squares, y);
    }
    if (!with_care && is_any((lane_numbers)check)) return 0;
    const lane_numbers zeros = (lane_number)t->rows - active - bad;
    to->counts[FA_HEALTH_ACTIVE] += active;
    to->counts[FA_HEALTH_SATURATED] += with_care ? saturated : zeros;
    to->counts[FA_HEALTH_ZEROS] += zeros;
    to->counts[FA_HEALTH_NON_FINITE] += bad;
    to->least = least;
    to->greatest = greatest;
    to->added[FA_HEALTH_SUM] = to->added[FA_HEALTH_SUM_OF_MAGNITUDES] = sum;
    to->added[FA_HEALTH_SUM_OF_SQUARES] = squares;
    return 1;
}

static void begin(const fa__health_tile *t, void *state) {
    limited_panel *p = state;
    for (size_t column = 0; column < t->columns; column += LANES, p++) {
        real limits[2][LANES];
        const size_t left = t->columns - column;
        load_limits(t, column, left < LANES ? left : LANES, limits[0], limits[1]);
        *p = (limited_panel){{.least = all(INFINITY), .greatest = all(-INFINITY)},
                             *(const vector *)limits[0],
                             *(const vector *)limits[1]};
    }
}

static void count_tile(const fa__health_tile *t, void *state) {
    limited_panel *p = state;
    for (size_t column = 0; column < t->columns; column += LANES, p++) {
        const size_t left = t->columns - column;
        if (left < LANES)
            count_panel(t, p, column, left, 1, t->grad != 0);
        else if (t->grad)
            count_panel(t, p, column, LANES, 1, 1);
        else if (!count_panel(t, p, column, LANES, 0, 0))
            count_panel(t, p, column, LANES, 1, 0);
    }
}

static void count_relu_tile(const fa__health_tile *t, void *state) {
    limited_panel *p = state;
    for (size_t column = 0; column < t->columns; column += LANES, p++) {
        const size_t left = t->columns - column;
        if (left < LANES)
            count_relu_panel(t, p, column, left, 1);
        else if (!count_relu_panel(t, p, column, LANES, 0))
            count_relu_panel(t, p, column, LANES, 1);
    }
}

static void finish(const fa__health_tile *t, const void *state) {
    const limited_panel *p = state;
    const int counts = t->grad ? FA_HEALTH_COUNTS : FA_HEALTH_ZERO_GRADIENTS;
    const int added = t->grad ? FA_HEALTH_SUMS : FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES;
    for (size_t column = 0; column < t->columns; column += LANES, p++) {
        const size_t count = t->columns - column < LANES ? t->columns - column : LANES;
        store_counts(t, &p->counted, counts, column, count);
        store_sums(t, &p->counted, added, column, count);
        store_extremes(t, &p->counted, column, count);
    }
}

_Static_assert(sizeof(limited_panel) * (FA__HEALTH_WIDTH_BYTES / VECTOR_BYTES) <= FA__HEALTH_STATE_BYTES,
               "it fits");

extern const fa__health_kernels FA__KERNEL_NAME(fa__health);
const fa__health_kernels FA__KERNEL_NAME(fa__health) = {begin, count_tile, count_relu_tile, finish};
