/* The exported functions of look-up tables, and their checks. */
#include "api/quantized.h"

#include "quantized/table.h"

static const ptrdiff_t contiguous = 1;

/* Whether an array of this shape can exist; one of the lengths may be 0 */
static int is_possible(int ndim, const size_t *shape, size_t *n) {
    int fits = 1;
    *n = 1;
    for (int d = 0; d < ndim; d++)
        if (shape[d] == 0) {
            *n = 0;
            return 1;
        }
    for (int d = 0; d < ndim; d++) fits = fits && !__builtin_mul_overflow(*n, shape[d], n);
    return fits && *n <= PTRDIFF_MAX;
}

int fa_table_nd_u8(const uint8_t *table, const uint8_t *x, uint8_t *y, int ndim, const size_t *shape,
                   const ptrdiff_t *x_strides, const ptrdiff_t *y_strides) {
    size_t n;
    if (ndim < 0 || ndim > FA__MAX_AXES || (ndim > 0 && (!shape || !x_strides || !y_strides)))
        return FA_INVALID;
    if (!is_possible(ndim, shape, &n)) return FA_INVALID;
    if (n == 0) return FA_OK;
    if (!table || !x || !y) return FA_INVALID;
    fa__run_table(&(fa__table_call){table, x, y, ndim, shape, x_strides, y_strides});
    return FA_OK;
}

int fa_table_u8(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n) {
    return fa_table_nd_u8(table, x, y, 1, &n, &contiguous, &contiguous);
}

const fa__quantized_functions fa__quantized_functions_for_python = {fa_table_nd_u8};
