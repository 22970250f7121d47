/* Row-wise functions of the table rowwise.def: what their kernels are, and how many rows are computed.
 * Must not depend on axes or strides: rows are contiguous. */
#ifndef FA_ROWWISE_CALL_H
#define FA_ROWWISE_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "platform/dtype.h"

/* entries, by index */
enum {
#define FA_ROWWISE(id, name, ...) FA__ROWWISE_##name,
#include "fastact/rowwise.def"
#undef FA_ROWWISE
    FA__ROWWISE_ENTRIES
};

typedef enum {
    FA__ROWWISE_FORWARD,              /* in: x; out: y */
    FA__ROWWISE_BACKWARD,             /* grad_y and in: x; out: grad_x */
    FA__ROWWISE_BACKWARD_FROM_OUTPUT, /* grad_y and in: y; out: grad_x; null where the result is one value */
    FA__ROWWISE_DIRECTIONS
} fa__row_direction;

/* One row. `out` may be `in` or grad_y, where it has as many elements. */
typedef struct {
    size_t n;
    const void *grad_y, *in;
    void *out;
    double temperature;
    size_t pieces; /* elements of a piece */
} fa__one_row;
typedef void fa__row_kernel(const fa__one_row *row);

/* Several rows, one after the other, of which the first is given. 0, and nothing is done, for rows that only the kernel of
 * one row computes. */
typedef int fa__short_rows_kernel(const fa__one_row *first, size_t rows);

/* The loss -log(p), p the softmax of x, of one row */
typedef struct {
    size_t n;
    const void *x;
    void *grad_x;  /* weight * (p - q), or null; may be x */
    const void *q; /* probabilities that are wanted, or null: 1 at `label` */
    size_t label;
    double weight; /* 0: the row does not count, and may hold anything */
    double *loss;  /* weight * -sum(q log(p)) */
} fa__cross_entropy_row;
typedef void fa__cross_entropy_kernel(const fa__cross_entropy_row *row);

/* of one instruction set and one element type */
typedef struct {
    fa__row_kernel *of[FA__ROWWISE_ENTRIES][FA__ROWWISE_DIRECTIONS];
} fa__row_kernels;

/* Kernels of up to `group` rows of up to `longest` elements; null where there is none. Results have the same bits. */
typedef struct {
    size_t group, longest;
    fa__short_rows_kernel *of[FA__ROWWISE_ENTRIES][FA__ROWWISE_DIRECTIONS];
} fa__short_rows_kernels;

/* A call: `rows` rows of n elements, one after the other. n counts the elements of x. */
typedef struct {
    int entry;
    fa__row_direction direction;
    fa__dtype dtype;
    size_t rows, n;
    const void *grad_y, *in;
    void *out;
    double temperature;
    size_t pieces; /* which divides n */
} fa__rows_call;

/* How many values the result of a row has */
typedef enum { FA__EACH, FA__ONE, FA__TWICE, FA__PIECES } fa__row_result;

/* An entry */
typedef struct {
    int id;
    const char *name;
    fa__row_result result;
    int has_temperature;
    const char *formula, *gradient;
    double least[2];  /* an element without a share, and its result */
    double bounds[2]; /* of the error, by dtype */
    const char *about;
} fa__rowwise_entry;
extern const fa__rowwise_entry fa__rowwise_entries[];

void fa__run_rows(const fa__rows_call *call);

/* the number of values of the result of a row of n elements */
size_t fa__row_results(int entry, size_t n, size_t pieces);

typedef struct {
    fa__dtype dtype;
    size_t rows, n;
    const void *x, *q;     /* q: rows x n, or null */
    const int64_t *labels; /* where q is null */
    const double *weights; /* of the rows, or null: 1 */
    double *loss;          /* one for each row */
    void *grad_x;          /* rows x n, or null */
} fa__cross_entropy_call;

/* of one instruction set and one element type; `several`: up to `group` rows of up to `longest` elements from the row `first`
 * on, with the same bits. 0, and nothing is done, for rows that only the kernel of one row computes. */
typedef struct {
    fa__cross_entropy_kernel *one;
    int (*several)(const fa__cross_entropy_call *call, size_t first, size_t rows);
    size_t group, longest;
} fa__cross_entropy_kernels;
void fa__run_cross_entropy(const fa__cross_entropy_call *call);
/* loss = -weight x[label], of labels only */
void fa__run_nll(const fa__cross_entropy_call *call);

#endif
