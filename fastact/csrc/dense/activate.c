#include "dense/activate.h"

#include "dense/bit_mask.h"

static int is_contiguous(const fa__operand *o, size_t rows, size_t columns) {
    return o->column == 1 && (rows == 1 || o->row == (ptrdiff_t)columns);
}

void fa__apply_activation(const fa__layer_job *j, fa__direction direction, const fa__operand *arrays,
                          size_t rows, size_t columns) {
    const int inputs = fa__arities[direction].inputs, n_params = fa__entries[j->entry].n_params;
    const ptrdiff_t size = (ptrdiff_t)j->size;
    fa__call call;
    call.entry = j->entry;
    call.direction = direction;
    call.dtype = j->dtype;
    call.ndim = 2;
    call.shape[0] = rows;
    call.shape[1] = columns;
    int contiguous = 1;
    for (int i = 0; i < inputs + n_params + 1; i++) {
        fa__operand o;
        if (i >= inputs && i < inputs + n_params) {
            const fa_input *parameter = &j->parameters[i - inputs];
            o = (fa__operand){fa__at(parameter->data, 0, 0), 0, parameter->column};
            contiguous = contiguous && o.column == 0;
        } else {
            o = arrays[i < inputs ? i : inputs];
            contiguous = contiguous && is_contiguous(&o, rows, columns);
        }
        call.base[i] = o.data;
        call.source[i] = (fa__source)j->dtype;
        call.stride[i][0] = o.row * size;
        call.stride[i][1] = o.column * size;
    }
    if (contiguous)
        fa__execute_contiguous(call.entry, direction, j->dtype, call.base, rows * columns);
    else
        fa__execute(&call);
}

/* Bit masks ---------------------------------------------------------------------------------------- */

#define MASK_BLOCK 256 /* elements at a time, a multiple of 8 */

/* whether rows of a bit mask follow each other without unused bits */
static int is_contiguous_mask(const fa_dense *l) {
    return l->n_out % 8 == 0 && l->saved.row == (ptrdiff_t)(l->n_out / 8);
}

/* Columns [column, column + columns) of rows [row, row + rows) of f', which are contiguous, as bits */
static void pack_rows(const fa__layer_job *j, const char *derivative, size_t row, size_t rows, size_t column,
                      size_t columns) {
    const fa_dense *l = &j->layer;
    unsigned char *mask = (unsigned char *)l->saved.data + column / 8;
    /* kernels return float32 values, so the value is rounded to compare with them */
    double set = j->dtype == FA__F32 ? (double)(float)l->mask_values[1] : l->mask_values[1];
    if (rows > 1 && is_contiguous_mask(l)) {
        columns *= rows;
        rows = 1;
    }
    for (size_t i = 0; i < rows; i++)
        fa__pack_bit_mask(fa__at(derivative, (ptrdiff_t)(i * columns), j->size), columns, j->size, set,
                          mask + (ptrdiff_t)(row + i) * l->saved.row);
}

/* Several rows at a time where they are short */
void fa__save_bit_mask(const fa__layer_job *j, const fa__operand *z, size_t first, size_t rows) {
    const size_t out = j->layer.n_out, step = out < MASK_BLOCK ? MASK_BLOCK / out : 1;
    _Alignas(64) char derivative[MASK_BLOCK * sizeof(double)];
    for (size_t row = 0; row < rows; row += step) {
        size_t block_rows = fa__smaller(rows - row, step);
        for (size_t column = 0; column < out; column += MASK_BLOCK) {
            size_t columns = fa__smaller(out - column, MASK_BLOCK);
            const char *from = fa__at(z->data, (ptrdiff_t)row * z->row + (ptrdiff_t)column, j->size);
            fa__operand arrays[] = {{(char *)from, z->row, 1}, {derivative, (ptrdiff_t)columns, 1}};
            fa__apply_activation(j, FA__DERIVATIVE, arrays, block_rows, columns);
            pack_rows(j, derivative, first + row, block_rows, column, columns);
        }
    }
}
