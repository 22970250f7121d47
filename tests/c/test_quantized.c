/* Look-up tables from C: against plain loops, at every length and offset, in place, with any strides. */
#include <fastact.h>
#include <string.h>

#include "checks.h"

#define MOST 700
#define ROWS 300 /* large enough for several threads: ROWS * COLUMNS bytes */
#define COLUMNS 2000

static uint8_t table[256], x[MOST + 8], y[MOST + 8];
static uint8_t large[ROWS * COLUMNS], found[ROWS * COLUMNS];

static void check_lengths(void) {
    for (size_t n = 0; n <= MOST; n++)
        for (size_t offset = 0; offset < 3; offset++) {
            int right = 1;
            memset(y, 7, sizeof y);
            check(fa_table_u8(table, x + offset, y + 1, n) == FA_OK, "contiguous", "status", n);
            for (size_t i = 0; i < n; i++) right = right && y[1 + i] == table[x[offset + i]];
            check(right && y[0] == 7 && y[1 + n] == 7, "contiguous", "bytes", n);
        }
    memcpy(y, x, sizeof y);
    check(fa_table_u8(table, y, y, MOST) == FA_OK, "in place", "status", MOST);
    int right = 1;
    for (size_t i = 0; i < MOST; i++) right = right && y[i] == table[x[i]];
    check(right, "in place", "bytes", MOST);
}

/* y[r, c] = table[x[r, c]], with the strides of both */
static void check_strides(const char *what, const uint8_t *from, uint8_t *to, const size_t shape[2],
                          const ptrdiff_t xs[2], const ptrdiff_t ys[2]) {
    int right = 1;
    memset(found, 0, sizeof found);
    check(fa_table_nd_u8(table, from, to, 2, shape, xs, ys) == FA_OK, what, "status", shape[0]);
    for (ptrdiff_t r = 0; r < (ptrdiff_t)shape[0]; r++)
        for (ptrdiff_t c = 0; c < (ptrdiff_t)shape[1]; c++)
            right = right && to[r * ys[0] + c * ys[1]] == table[from[r * xs[0] + c * xs[1]]];
    check(right, what, "bytes", shape[0]);
}

static void check_layouts(void) {
    const size_t shape[2] = {ROWS, COLUMNS}, half[2] = {ROWS, COLUMNS / 2}, single[2] = {1, COLUMNS};
    const ptrdiff_t rows[2] = {COLUMNS, 1}, columns[2] = {1, ROWS}, twos[2] = {COLUMNS, 2};
    const ptrdiff_t back[2] = {-COLUMNS, -1}, one_row[2] = {0, 1};
    uint8_t *last = large + sizeof large - 1;
    check_strides("rows", large, found, shape, rows, rows);
    check_strides("columns", large, found, shape, columns, columns);
    check_strides("transposed", large, found, shape, rows, columns);
    check_strides("every second", large, found, half, twos, rows);
    check_strides("into every second", large, found, half, rows, twos);
    check_strides("backwards", last, found, shape, back, rows);
    check_strides("one row again and again", large, found, shape, one_row, rows);
    check_strides("one row", large, found, single, rows, rows);
}

static void check_arguments(void) {
    const size_t one = 1, none[2] = {0, 5}, much[2] = {SIZE_MAX / 2, 3};
    const ptrdiff_t strides[2] = {1, 1};
    check(fa_table_u8(0, x, y, 1) == FA_INVALID, "no table", "refused", 0);
    check(fa_table_u8(table, 0, y, 1) == FA_INVALID, "no x", "refused", 0);
    check(fa_table_u8(table, x, 0, 1) == FA_INVALID, "no y", "refused", 0);
    check(fa_table_u8(table, x, y, SIZE_MAX) == FA_INVALID, "too many", "refused", 0);
    check(fa_table_u8(0, 0, 0, 0) == FA_OK, "nothing", "empty", 0);
    check(fa_table_nd_u8(table, x, y, -1, &one, strides, strides) == FA_INVALID, "axes", "refused", 0);
    check(fa_table_nd_u8(table, x, y, 65, &one, strides, strides) == FA_INVALID, "axes", "refused", 65);
    check(fa_table_nd_u8(table, x, y, 1, 0, strides, strides) == FA_INVALID, "no shape", "refused", 0);
    check(fa_table_nd_u8(table, x, y, 2, much, strides, strides) == FA_INVALID, "too many", "refused", 2);
    check(fa_table_nd_u8(0, 0, 0, 2, none, strides, strides) == FA_OK, "nothing", "empty", 2);
    y[0] = 1;
    check(fa_table_nd_u8(table, x, y, 0, 0, 0, 0) == FA_OK && y[0] == table[x[0]], "no axes", "byte", 0);
}

int main(void) {
    for (size_t i = 0; i < 256; i++) table[i] = (uint8_t)(i * i * 7 + i * 31 + 5);
    for (size_t i = 0; i < sizeof x; i++) x[i] = (uint8_t)(i * 37 + i / 7);
    for (size_t i = 0; i < sizeof large; i++) large[i] = (uint8_t)((i * 2654435761u) >> 13);
    check_lengths();
    check_layouts();
    check_arguments();
    return report();
}
