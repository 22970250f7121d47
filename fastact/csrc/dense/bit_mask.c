/* One bit per element in place of what f' is taken from, for rows whose f' has only two values.
 * Knows how bits lie in bytes; does not know which row this is. */
#include "dense/layer.h"
#include "platform/fenv.h"

#define BLOCK 256 /* elements at a time, a multiple of 8 */

static double read(const char *array, size_t i, size_t size) {
    return size == sizeof(float) ? (double)((const float *)(const void *)array)[i]
                                 : ((const double *)(const void *)array)[i];
}

void fa__save_bits(const fa__dense_job *job, const fa__operand *z, size_t first, size_t rows) {
    const fa_dense *l = &job->layer;
    _Alignas(64) char derivative[BLOCK * sizeof(double)];
    /* a value with more digits than a float has reaches the kernel rounded, and comes back so */
    double set = job->dtype == FA__F32 ? (double)(float)l->bit_values[1] : l->bit_values[1];
    for (size_t row = 0; row < rows; row++) {
        unsigned char *bytes = (unsigned char *)l->saved.data + (ptrdiff_t)(first + row) * l->saved.row;
        const char *from = fa__at(z->data, (ptrdiff_t)row * z->row, job->size);
        for (size_t column = 0; column < l->out; column += BLOCK) {
            size_t count = l->out - column < BLOCK ? l->out - column : BLOCK;
            fa__operand arrays[] = {{fa__at(from, (ptrdiff_t)column, job->size), 0, 1}, {derivative, 0, 1}};
            fa__dense_elementwise(job, FA__DERIVATIVE, arrays, 1, count);
            for (size_t i = 0; i < count; i += 8) {
                unsigned byte = 0;
                for (size_t bit = 0; bit < 8 && i + bit < count; bit++)
                    byte |= (unsigned)(read(derivative, i + bit, job->size) == set) << bit;
                bytes[(column + i) / 8] = (unsigned char)byte;
            }
        }
    }
}

/* grad * f', but 0 where f' is 0, as everywhere */
#define DELTA(T)                                                                                           \
    static void delta_##T(const fa_dense *l, const char *grad_row, const unsigned char *bytes, T *delta) { \
        const T values[2] = {(T)l->bit_values[0], (T)l->bit_values[1]};                                    \
        for (size_t o = 0; o < l->out; o++) {                                                              \
            T d = values[bytes[o / 8] >> o % 8 & 1];                                                       \
            T grad = ((const T *)(const void *)grad_row)[(ptrdiff_t)o * l->grad_y.column];                 \
            delta[o] = d == 0 ? 0 : grad * d;                                                              \
        }                                                                                                  \
    }
DELTA(float)
DELTA(double)

void fa__delta_from_bits(const fa__dense_job *job, size_t rows) {
    const fa_dense *l = &job->layer;
    fa__fenv caller = fa__enter_fenv();
    for (size_t row = 0; row < rows; row++) {
        ptrdiff_t there = (ptrdiff_t)(job->first + row);
        const char *grad = fa__at(l->grad_y.data, there * l->grad_y.row, job->size);
        const unsigned char *bytes = (const unsigned char *)l->saved.data + there * l->saved.row;
        char *delta = fa__at(job->delta, (ptrdiff_t)row * job->dw.b_row, job->size);
        if (job->dtype == FA__F32)
            delta_float(l, grad, bytes, (float *)(void *)delta);
        else
            delta_double(l, grad, bytes, (double *)(void *)delta);
    }
    fa__leave_fenv(caller);
}
