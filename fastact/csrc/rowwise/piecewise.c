/* maxout and crelu: piecewise linear, and with another number of results than elements. Compiled once for each instruction
 * set and element type (platform/kernel.h). */
#include "rowwise/doubles.h"
#include "rowwise/kernels.h"

/* maxout ------------------------------------------------------------------------------------------- */

/* the largest element of a piece, or NaN if it has one */
INLINE real largest(const real *x, size_t pieces) {
    real most = x[0];
    for (size_t k = 1; k < pieces; k++) most = x[k] > most || x[k] != x[k] ? x[k] : most;
    return most;
}

INLINE void maxout(const fa__one_row *row, const size_t pieces) {
    const real *x = row->in;
    real *y = row->out;
    for (size_t i = 0; i < row->n / pieces; i++) y[i] = largest(x + i * pieces, pieces);
}

/* g/count where an element is the largest, 0 elsewhere; NaN for a piece with a NaN */
INLINE void maxout_backward(const fa__one_row *row, const size_t pieces) {
    const real *in = row->in, *grad = row->grad_y;
    real *out = row->out;
    for (size_t i = 0; i < row->n / pieces; i++) {
        const real *x = in + i * pieces, most = largest(x, pieces);
        size_t count = 0;
        for (size_t k = 0; k < pieces; k++) count += x[k] == most;
        const real others = count > 0 ? 0 : (real)NAN;
        const real share = count > 0 ? (real)((double)grad[i] / (double)count) : (real)NAN;
        for (size_t k = 0; k < pieces; k++) out[i * pieces + k] = x[k] == most ? share : others;
    }
}

/* Vectors hold elements of several pieces where their number is a constant */
#define FOR_PIECES(function, row)         \
    do {                                  \
        switch ((row)->pieces) {          \
        case 2:                           \
            function(row, 2);             \
            break;                        \
        case 3:                           \
            function(row, 3);             \
            break;                        \
        case 4:                           \
            function(row, 4);             \
            break;                        \
        default:                          \
            function(row, (row)->pieces); \
            break;                        \
        }                                 \
    } while (0)

void FA__KERNEL_OF(maxout, forward)(const fa__one_row *row) {
    FOR_PIECES(maxout, row);
}

void FA__KERNEL_OF(maxout, backward)(const fa__one_row *row) {
    FOR_PIECES(maxout_backward, row);
}

/* crelu -------------------------------------------------------------------------------------------- */

void FA__KERNEL_OF(crelu, forward)(const fa__one_row *row) {
    const real *x = row->in;
    real *y = row->out, *behind = y + row->n;
    for (size_t i = 0; i < row->n; i++) {
        const real v = x[i];
        y[i] = v <= 0 ? 0 : v; /* NaN stays */
        behind[i] = v >= 0 ? 0 : -v;
    }
}

INLINE real slope(real g, real g_behind, int is_positive, int is_negative, real nan_or_0) {
    return is_positive ? g : is_negative ? -g_behind : nan_or_0;
}

void FA__KERNEL_OF(crelu, backward)(const fa__one_row *row) {
    const real *x = row->in, *grad = row->grad_y, *behind = grad + row->n;
    real *out = row->out;
    for (size_t i = 0; i < row->n; i++)
        out[i] = slope(grad[i], behind[i], x[i] > 0, x[i] < 0, x[i] == 0 ? 0 : x[i]);
}

void FA__KERNEL_OF(crelu, backward_from_output)(const fa__one_row *row) {
    const real *y = row->in, *y_behind = y + row->n, *grad = row->grad_y, *behind = grad + row->n;
    real *out = row->out;
    for (size_t i = 0; i < row->n; i++)
        out[i] = slope(grad[i], behind[i], y[i] > 0, y_behind[i] > 0, y[i] + y_behind[i]);
}
