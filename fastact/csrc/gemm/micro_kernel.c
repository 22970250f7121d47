/* The micro-kernels: blocks of a product in registers, packing, and sums of columns. Compiled once for each
 * instruction set and element type (platform/kernel.h). Must not depend on layers, activations or threads.
 *
 * A. Each element of C is one sum over k in ascending order, divided only at multiples of a fixed depth. So
 *    its bits do not depend on the numbers of rows and columns, nor on how rows are divided among threads.
 * B. A block of ROWS x (VECTORS vectors) of C stays in registers. Each step of k takes VECTORS loads of B,
 *    ROWS broadcasts of A and ROWS*VECTORS fused multiply-adds. Registers needed: 6 x 4 + 4 + 1 of 32
 *    (AVX-512, NEON); 6 x 2 + 2 + 1 of 16.
 * C. While a packed panel of B is used, the next one is prefetched into the second-level cache, a few bytes
 *    per step of k, because memory further away is too slow. Prefetching beyond the last panel is harmless.
 */
#include <stdint.h>
#include <string.h>

#include "gemm/single_rows.h"
#include "platform/vectors.h"

/* Without fused multiply-adds, a BLAS that chooses its kernels by CPU is faster */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define PREFER_BLAS 0
#else
#define PREFER_BLAS 1
#endif

#define ROWS 6
#define TALL (2 * ROWS) /* of blocks one vector wide, which need as many sums to keep the multipliers busy */
/* rows of a panel at a time, to stay in cache; fewer for panels that are not packed, whose rows may be a page
 * apart */
#define DEPTH 256
#define DEPTH_PACKED 512
/* columns of B from which on panels that are not packed begin at a cache line */
#define COLUMNS_WORTH_ALIGNING 256
#define COLUMNS (VECTORS * LANES)

/* Blocks ------------------------------------------------------------------------------------------- */

/* where a block's sums start; C itself is added at the end, since loading it may take long */
typedef enum { FROM_ZERO, FROM_BIAS, FROM_C } beginning;

typedef struct {
    size_t k, last; /* last: valid lanes of the last vector */
    const real *a, *b, *bias;
    real *c;
    const char *ahead; /* to be prefetched */
    ptrdiff_t a_row, a_column, b_row, ldc, ahead_step;
    beginning begin;
} block;

/* One m x (v vectors) block; m, v and `ragged` are constants at each call, so that sums live in registers.
 * `ragged`: the last vector has fewer than LANES columns. */
INLINE void multiply_block(const int m, const int v, const int ragged, const block *p) {
    vector sum[TALL][VECTORS];
    real *c = p->c;
    ptrdiff_t ldc = p->ldc;
    const size_t last = p->last;
    UNROLL for (int i = 0; i < m; i++) UNROLL for (int j = 0; j < v; j++) {
        const real *bias = p->bias + LANES * j;
        sum[i][j] = p->begin != FROM_BIAS  ? (vector){0}
                    : ragged && j == v - 1 ? load_first(bias, last)
                                           : *(const vector *)bias;
        if (p->begin == FROM_C) __builtin_prefetch(c + i * ldc + LANES * j);
    }
    const real *a = p->a, *b = p->b;
    const char *ahead = p->ahead;
    const ptrdiff_t a_row = p->a_row, a_column = p->a_column, b_row = p->b_row, ahead_step = p->ahead_step;
    _Pragma("GCC unroll 1") for (size_t k = p->k; k > 0; k--) {
        vector line[VECTORS];
        UNROLL for (int j = 0; j < v; j++) {
            const real *from = b + LANES * j;
            line[j] = ragged && j == v - 1 ? load_first(from, last) : *(const vector *)from;
        }
        UNROLL for (int i = 0; i < m; i++) {
            vector each = a[i * a_row] - (vector){0}; /* -0 stays -0 */
            UNROLL for (int j = 0; j < v; j++) sum[i][j] += each * line[j];
        }
        __builtin_prefetch(ahead, 0, 2);
        ahead += ahead_step;
        a += a_column;
        b += b_row;
    }
    /* otherwise GCC computes all addresses before the loop, and spills them */
    __asm__ volatile("" : "+r"(c), "+r"(ldc));
    UNROLL for (int i = 0; i < m; i++) UNROLL for (int j = 0; j < v; j++) {
        real *to = c + i * ldc + LANES * j;
        const int part = ragged && j == v - 1;
        vector total = sum[i][j];
        if (p->begin == FROM_C) total += part ? load_first(to, last) : *(const vector *)to;
        if (part)
            store_first(to, total, last);
        else
            *(vector *)to = total;
    }
}

#define BLOCK(m, v)                                                                  \
    static __attribute__((noinline)) void block_##m##_##v##_whole(const block *p) {  \
        multiply_block(m, v, 0, p);                                                  \
    }                                                                                \
    static __attribute__((noinline)) void block_##m##_##v##_ragged(const block *p) { \
        multiply_block(m, v, 1, p);                                                  \
    }
#define BLOCKS(v) BLOCK(1, v) BLOCK(2, v) BLOCK(3, v) BLOCK(4, v) BLOCK(5, v) BLOCK(6, v)
#define TALL_BLOCKS(v) BLOCKS(v) BLOCK(7, v) BLOCK(8, v) BLOCK(9, v) BLOCK(10, v) BLOCK(11, v) BLOCK(12, v)
#define ENTRY(m, v) {block_##m##_##v##_whole, block_##m##_##v##_ragged}
#define ENTRIES(v) {0}, ENTRY(1, v), ENTRY(2, v), ENTRY(3, v), ENTRY(4, v), ENTRY(5, v), ENTRY(6, v)
#define TALL_ENTRIES(v) \
    ENTRIES(v), ENTRY(7, v), ENTRY(8, v), ENTRY(9, v), ENTRY(10, v), ENTRY(11, v), ENTRY(12, v)
typedef void block_function(const block *p);
#if VECTORS == 4
TALL_BLOCKS(1)
BLOCKS(2)
BLOCKS(3)
BLOCKS(4)
static block_function *const functions[VECTORS + 1][TALL + 1][2] = {
    {{0}}, {TALL_ENTRIES(1)}, {ENTRIES(2)}, {ENTRIES(3)}, {ENTRIES(4)}};
#else
TALL_BLOCKS(1)
BLOCKS(2)
static block_function *const functions[VECTORS + 1][TALL + 1][2] = {{{0}}, {TALL_ENTRIES(1)}, {ENTRIES(2)}};
#endif

/* All rows of one panel. If A is packed, the blocks are its panels, a_panel apart. If not (a_panel is 0),
 * there are as few blocks as possible, of heights as equal as possible. If B is packed, the next panel is
 * b_panel further per column. */
static void multiply_panel(block p, size_t m, size_t columns, ptrdiff_t a_panel, ptrdiff_t b_panel) {
    const size_t vectors = (columns + LANES - 1) / LANES;
    const size_t most = !a_panel && vectors == 1 ? TALL : ROWS, blocks = (m + most - 1) / most;
    p.last = columns - (vectors - 1) * LANES;
    p.ahead = (const char *)(p.b + b_panel * COLUMNS);
    p.ahead_step = b_panel > 1 ? (ptrdiff_t)(COLUMNS * sizeof(real) / blocks) : 0;
    for (size_t left = m, done = 0; done < blocks; done++) {
        size_t height = !a_panel ? m / blocks + (done < m % blocks) : left < ROWS ? left : ROWS;
        functions[vectors][height][p.last != LANES](&p);
        p.ahead += p.ahead_step * (ptrdiff_t)p.k;
        p.a += a_panel ? a_panel : (ptrdiff_t)height * p.a_row;
        p.c += (ptrdiff_t)height * p.ldc;
        left -= height;
    }
}

/* The width of the first panel, chosen so that the next ones begin at a cache line: where B is read from the
 * second-level cache, vectors that cross cache lines cost a fifth. COLUMNS where that is impossible or does
 * not pay. */
static size_t first_columns(const fa__gemm *p, ptrdiff_t b_panel) {
    size_t misplaced = (uintptr_t)p->b / sizeof(real) % LANES;
    int can = b_panel == 1 && p->b_row % LANES == 0 && p->n >= COLUMNS_WORTH_ALIGNING;
    return can && misplaced ? LANES - misplaced : COLUMNS;
}

static void multiply(const fa__gemm *p, ptrdiff_t b_panel) {
    const real *a = p->a, *b = p->b, *bias = p->bias;
    const size_t most = b_panel == 1 ? DEPTH : DEPTH_PACKED;
    size_t depth = 0;
    do {
        size_t slice = p->k - depth < most ? p->k - depth : most;
        beginning begin = depth > 0 || p->add ? FROM_C : bias ? FROM_BIAS : FROM_ZERO;
        size_t columns = first_columns(p, b_panel);
        for (size_t j = 0; j < p->n; j += columns, columns = COLUMNS) {
            if (columns > p->n - j) columns = p->n - j;
            block panel = {
                .k = slice,
                .a = a + (ptrdiff_t)depth * p->a_column,
                .b = b + (ptrdiff_t)j * b_panel + (ptrdiff_t)depth * p->b_row,
                .bias = bias ? bias + j : 0,
                .c = (real *)p->c + j,
                .a_row = p->a_row,
                .a_column = p->a_column,
                .b_row = p->b_row,
                .ldc = p->ldc,
                .begin = begin,
            };
            multiply_panel(panel, p->m, columns, p->a_panel, b_panel);
        }
        depth += slice;
    } while (depth < p->k);
}

/* Packing ------------------------------------------------------------------------------------------ */

/* pack a panel of B whose columns are 1 apart: copy rows */
static void pack_rows(const real *b, ptrdiff_t b_row, size_t k, size_t columns, real *to) {
    size_t vectors = (columns + LANES - 1) / LANES, last = columns - (vectors - 1) * LANES;
    for (; k > 0; k--, b += b_row, to += COLUMNS) {
        for (size_t j = 0; j + 1 < vectors; j++)
            *(vector *)(to + j * LANES) = *(const vector *)(b + j * LANES);
        const real *end = b + (vectors - 1) * LANES;
        *(vector *)(to + (vectors - 1) * LANES) =
            last == LANES ? *(const vector *)end : load_first(end, last);
    }
}

/* pack up to LANES columns of B whose rows are 1 apart: transpose squares */
static void pack_square_columns(const real *b, ptrdiff_t b_column, size_t k, size_t count, real *to) {
    while (k > 0) {
        size_t height = k < LANES ? k : LANES;
        vector rows[LANES];
        if (height == LANES && count == LANES) {
            UNROLL for (int i = 0; i < LANES; i++) rows[i] = *(const vector *)(b + i * b_column);
        } else {
            UNROLL for (int i = 0; i < LANES; i++) rows[i] =
                (size_t)i < count ? load_first(b + i * b_column, height) : (vector){0};
        }
        ROUND(rows, 1)
        ROUND(rows, 2)
        ROUND(rows, 4)
        ROUND(rows, 8)
        UNROLL for (int i = 0; i < LANES; i++) if ((size_t)i < height) * (vector *)(to + i * COLUMNS) =
            rows[i];
        b += height;
        to += height * COLUMNS;
        k -= height;
    }
}

static void pack_any(const real *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t k, size_t columns, real *to) {
    for (; k > 0; k--, b += b_row, to += COLUMNS)
        for (size_t j = 0; j < COLUMNS; j++) to[j] = j < columns ? b[(ptrdiff_t)j * b_column] : 0;
}

static void pack(const fa__gemm *p, void *packed, size_t first, size_t last) {
    for (size_t panel = first; panel < last; panel++) {
        size_t start = panel * COLUMNS, columns = p->n - start < COLUMNS ? p->n - start : COLUMNS;
        const real *b = (const real *)p->b + (ptrdiff_t)start * p->b_column;
        real *to = (real *)packed + start * p->k;
        if (p->b_column == 1) {
            pack_rows(b, p->b_row, p->k, columns, to);
        } else if (p->b_row == 1) {
            for (size_t j = 0; j < columns; j += LANES)
                pack_square_columns(b + (ptrdiff_t)j * p->b_column, p->b_column, p->k,
                                    columns - j < LANES ? columns - j : LANES, to + j);
        } else {
            pack_any(b, p->b_row, p->b_column, p->k, columns, to);
        }
    }
}

/* rows of A that are packed at a time; the elements of so many rows fill whole cache lines */
#define GROUP (16 * ROWS)

static void pack_left(const fa__gemm *p, void *packed) {
    for (size_t first = 0; first < p->m; first += GROUP) {
        size_t rows = p->m - first < GROUP ? p->m - first : GROUP;
        const real *a = (const real *)p->a + (ptrdiff_t)first * p->a_row;
        real *to = (real *)packed + first * p->k;
        for (size_t k = 0; k < p->k; k++, a += p->a_column, to += ROWS) {
            size_t row = 0;
            if (p->a_row == 1)
                for (; row + ROWS <= rows; row += ROWS) memcpy(to + row * p->k, a + row, ROWS * sizeof(real));
            for (; row < rows; row++)
                to[row / ROWS * ROWS * p->k + row % ROWS] = a[(ptrdiff_t)row * p->a_row];
        }
    }
}

/* Dot products ------------------------------------------------------------------------------------- */

/* A rows x columns block of C with rows*columns = LANES sums in registers, each over all k, a vector at a
 * time. Columns that B lacks are computed from its last one and not stored. */
INLINE void dot_block(const int rows, const int columns, const fa__gemm *p, size_t row, size_t column) {
    const real *a[LANES], *b[LANES];
    vector sum[LANES];
    UNROLL for (int i = 0; i < rows; i++) a[i] = (const real *)p->a + (ptrdiff_t)(row + (size_t)i) * p->a_row;
    UNROLL for (int j = 0; j < columns; j++) {
        size_t there = column + (size_t)j < p->n ? column + (size_t)j : p->n - 1;
        b[j] = (const real *)p->b + (ptrdiff_t)there * p->b_column;
    }
    UNROLL for (int i = 0; i < LANES; i++) sum[i] = (vector){0};
    size_t k = 0;
    for (; k + LANES <= p->k; k += LANES) UNROLL for (int i = 0; i < rows; i++) {
            vector left = *(const vector *)(a[i] + k);
            UNROLL for (int j = 0; j < columns; j++) sum[i * columns + j] +=
                left * *(const vector *)(b[j] + k);
        }
    if (k < p->k) UNROLL for (int i = 0; i < rows; i++) {
            vector left = load_first(a[i] + k, p->k - k);
            UNROLL for (int j = 0; j < columns; j++) sum[i * columns + j] +=
                left * load_first(b[j] + k, p->k - k);
        }
    real total[LANES];
    *(vector *)total = sum_each(sum);
    const real *bias = p->bias;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns && column + (size_t)j < p->n; j++) {
            real *to = (real *)p->c + (ptrdiff_t)(row + (size_t)i) * p->ldc + column + j;
            real before = p->add ? *to : bias ? bias[column + (size_t)j] : 0;
            *to = before + total[i * columns + j];
        }
}

#define DOT_ROWS (LANES >= 16 ? 4 : LANES >= 8 ? 2 : 1)
static void dot(const fa__gemm *p) {
    size_t row = 0;
    for (; row + DOT_ROWS <= p->m; row += DOT_ROWS)
        for (size_t column = 0; column < p->n; column += LANES / DOT_ROWS)
            dot_block(DOT_ROWS, LANES / DOT_ROWS, p, row, column);
    for (; row < p->m; row++)
        for (size_t column = 0; column < p->n; column += LANES) dot_block(1, LANES, p, row, column);
}

/* Sums of columns ---------------------------------------------------------------------------------- */

#if FA__REAL_IS_DOUBLE
INLINE sums load_sums(const double *from, const double *errors, size_t count) {
    return (sums){load_first(from, count), load_first(errors, count)};
}
INLINE void store_sums(const sums *s, double *to, double *errors, size_t count) {
    store_first(to, s->sum, count);
    store_first(errors, s->error, count);
}
#else
INLINE sums load_sums(const double *from, const double *errors, size_t count) {
    (void)errors;
    sums s = {{0}, {0}};
    memcpy(&s, from, count * sizeof(double));
    return s;
}
INLINE void store_sums(const sums *s, double *to, double *errors, size_t count) {
    (void)errors;
    memcpy(to, s, count * sizeof(double));
}
#endif

/* even and odd rows are summed separately, in ascending order */
static void add_columns(const void *array, ptrdiff_t ld, size_t m, size_t first, size_t last, double *totals,
                        double *errors) {
    for (size_t j = first; j < last; j += LANES) {
        const size_t count = last - j < LANES ? last - j : LANES;
        const real *from = (const real *)array + j;
        sums even = load_sums(totals + j, errors + j, count), odd = {{0}, {0}};
        size_t i = 0;
        for (; i + 2 <= m; i += 2, from += 2 * ld) {
            add_to_sums(&even, count == LANES ? *(const vector *)from : load_first(from, count));
            add_to_sums(&odd, count == LANES ? *(const vector *)(from + ld) : load_first(from + ld, count));
        }
        if (i < m) add_to_sums(&even, load_first(from, count));
        add_sums(&even, &odd);
        store_sums(&even, totals + j, errors + j, count);
    }
}

const fa__micro_kernel FA__KERNEL_NAME(fa__micro_kernel) = {
    .rows = ROWS,
    .columns = COLUMNS,
    .lanes = LANES,
    .prefer_blas = PREFER_BLAS,
    .multiply = multiply,
    .dot = dot,
    .multiply_single_rows = FA__KERNEL_NAME(fa__multiply_single_rows),
    .depth = DEPTH,
    .pack = pack,
    .pack_left = pack_left,
    .add_columns = add_columns,
};
