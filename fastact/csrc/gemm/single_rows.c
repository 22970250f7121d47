/* Products of single rows with matrices of their own: C_i = A_i B_i + bias_i, A_i a row. Compiled once for each
 * instruction set and element type.
 *
 * A row alone leaves the multipliers waiting for one sum after the other, so that several products are computed side
 * by side. Each element has the bits of multiply in micro_kernel.c: one sum over k in ascending order. */
#include "gemm/single_rows.h"
#include "platform/vectors.h"

#define COLUMNS (VECTORS * LANES)
#define SIDE 4 /* products of one vector; products of several keep the multipliers busy by two */

typedef struct {
    size_t k, last; /* last: valid lanes of the last vector */
    const real *a, *b, *bias;
    real *c;
    ptrdiff_t a_column, b_row;
    fa__gemm_steps step;
} rows;

/* `side` products of v vectors each; side, v and `ragged` are constants at each call, so that sums live in
 * registers */
INLINE void multiply_rows(const int side, const int v, const int ragged, const rows *p) {
    vector sum[SIDE][VECTORS];
    const size_t last = p->last;
    UNROLL for (int i = 0; i < side; i++) UNROLL for (int j = 0; j < v; j++) {
        const real *bias = p->bias + i * p->step.bias + LANES * j;
        sum[i][j] = !p->bias               ? (vector){0}
                    : ragged && j == v - 1 ? load_first(bias, last)
                                           : *(const vector *)bias;
    }
    const real *a[SIDE], *b[SIDE];
    UNROLL for (int i = 0; i < side; i++) {
        a[i] = p->a + i * p->step.a;
        b[i] = p->b + i * p->step.b;
    }
    for (size_t k = 0; k < p->k; k++) UNROLL for (int i = 0; i < side; i++) {
            vector each = all(a[i][(ptrdiff_t)k * p->a_column]);
            const real *from = b[i] + (ptrdiff_t)k * p->b_row;
            UNROLL for (int j = 0; j < v; j++) sum[i][j] +=
                each * (ragged && j == v - 1 ? load_first(from + LANES * j, last)
                                             : *(const vector *)(from + LANES * j));
        }
    UNROLL for (int i = 0; i < side; i++) UNROLL for (int j = 0; j < v; j++) {
        real *to = p->c + i * p->step.c + LANES * j;
        if (ragged && j == v - 1)
            store_first(to, sum[i][j], last);
        else
            *(vector *)to = sum[i][j];
    }
}

INLINE void advance(rows *p, const int products) {
    p->a += products * p->step.a;
    p->b += products * p->step.b;
    p->c += products * p->step.c;
    if (p->bias) p->bias += products * p->step.bias;
}

/* All products, for v vectors of columns */
INLINE void multiply_all(const int side, const int v, const int ragged, rows p, size_t count) {
    for (; count >= (size_t)side; count -= (size_t)side, advance(&p, side))
        multiply_rows(side, v, ragged, &p);
    for (; count > 0; count--, advance(&p, 1)) multiply_rows(1, v, ragged, &p);
}

#define ALL(side, v)                        \
    if (p.last == LANES)                    \
        multiply_all(side, v, 0, p, count); \
    else                                    \
        multiply_all(side, v, 1, p, count); \
    break

static void multiply_panel(rows p, size_t columns, size_t count) {
    const size_t vectors = (columns + LANES - 1) / LANES;
    p.last = columns - (vectors - 1) * LANES;
    switch (vectors) {
    case 1:
        ALL(SIDE, 1);
    case 2:
        ALL(2, 2);
#if VECTORS == 4
    case 3:
        ALL(2, 3);
    case 4:
        ALL(2, 4);
#endif
    }
}

void FA__KERNEL_NAME(fa__multiply_single_rows)(const fa__gemm *p, const fa__gemm_steps *step, size_t count) {
    for (size_t j = 0; j < p->n; j += COLUMNS) {
        rows panel = {
            .k = p->k,
            .a = p->a,
            .b = (const real *)p->b + j,
            .bias = p->bias ? (const real *)p->bias + j : 0,
            .c = (real *)p->c + j,
            .a_column = p->a_column,
            .b_row = p->b_row,
            .step = *step,
        };
        multiply_panel(panel, p->n - j < COLUMNS ? p->n - j : COLUMNS, count);
    }
}
