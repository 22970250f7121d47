/* The exported dense functions. All checks of their arguments are here; the layers below rely on them. */
#include "api/dense.h"

#include <stdalign.h>

#include "dense/network.h"
#include "elementwise/entries.h"
#include "gemm/kernels.h"
#include "platform/parallel.h"

/* Sizes -------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(size_t) == 8, "sums of sizes that are within the limit below do not overflow");
/* bytes of an array, and the reach of its strides: far more than an address space has, and small enough for
 * workspaces and offsets to be computed without overflow */
#define MOST_BYTES ((size_t)1 << 55)
/* bytes of a struct that a caller passes, and of the structs' first versions */
#define MOST_STRUCT 4096
#define FIRST_DENSE (offsetof(fa_dense, blas) + sizeof(const fa_blas *))
#define FIRST_BLAS (offsetof(fa_blas, set_threads) + sizeof(void (*)(int)))
_Static_assert(FIRST_DENSE == sizeof(fa_dense) && FIRST_BLAS == offsetof(fa_blas, always) &&
                   offsetof(fa_blas, always) + sizeof(size_t) == sizeof(fa_blas),
               "a field was added: it must be read as 0 from structs whose size does not reach it");

/* A struct's size: at least that of its first version. Fields of a later version must be 0, the value that
 * changes nothing. */
static int check_size(const void *given, size_t size, size_t first, size_t present, size_t alignment) {
    if (size < first || size > MOST_STRUCT || size % alignment != 0) return FA_INVALID;
    for (size_t i = present; i < size; i++)
        if (((const char *)given)[i] != 0) return FA_UNSUPPORTED;
    return FA_OK;
}

/* Multiply *product by an extent; returns 0 if it becomes too large */
static int multiply(size_t *product, size_t extent) {
    return !__builtin_mul_overflow(*product, extent, product) && *product <= MOST_BYTES;
}

static size_t at_least_one(size_t extent) {
    return extent > 0 ? extent : 1;
}

static size_t magnitude(ptrdiff_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

/* Arrays ------------------------------------------------------------------------------------------- */

/* the checks take a good part of the time of a small layer: inlined, they need no memory for the structs that
 * follow */
#define INLINE static inline __attribute__((always_inline))

/* an array of a call, for one layer of the stack */
typedef struct {
    const void *data;
    ptrdiff_t row, column;
    const ptrdiff_t *stack;
    size_t rows, columns, size;
} array;

INLINE array of_input(const fa_input *a, size_t rows, size_t columns, size_t size) {
    return (array){a->data, a->row, a->column, a->stack, rows, columns, size};
}

INLINE array of_result(const fa_result *a, size_t rows, size_t columns, size_t size) {
    return (array){a->data, a->row, 1, a->stack, rows, columns, size};
}

/* whether an array of so many rows and columns, with all stack axes, has a possible number of bytes */
static int is_possible(const fa_dense *l, size_t rows, size_t columns, size_t size) {
    for (size_t d = 0; d < l->stack_ndim; d++)
        if (!multiply(&size, at_least_one(l->stack_shape[d]))) return 0;
    return multiply(&size, at_least_one(rows)) && multiply(&size, at_least_one(columns));
}

INLINE int add_reach(size_t *reach, size_t extent, ptrdiff_t stride, size_t size) {
    size_t bytes = size;
    if (!multiply(&bytes, magnitude(stride)) || !multiply(&bytes, at_least_one(extent))) return 0;
    *reach += bytes;
    return *reach <= MOST_BYTES;
}

static int has_elements(const fa_dense *l, const array *a) {
    int any = a->rows > 0 && a->columns > 0;
    for (size_t d = 0; d < l->stack_ndim; d++) any = any && l->stack_shape[d] > 0;
    return any;
}

INLINE int is_valid(const fa_dense *l, array a, int required) {
    if (!a.data) return !required || !has_elements(l, &a);
    size_t reach = 0;
    for (size_t d = 0; d < l->stack_ndim; d++)
        if (a.stack && !add_reach(&reach, l->stack_shape[d], a.stack[d], a.size)) return 0;
    return add_reach(&reach, a.rows, a.row, a.size) && add_reach(&reach, a.columns, a.column, a.size);
}

/* rows that do not overlap, and layers of a stack in different places, unless they are summed */
INLINE int is_valid_result(const fa_dense *l, array a, int required, int summed) {
    if (!is_valid(l, a, required)) return 0;
    if (!a.data || !has_elements(l, &a)) return 1;
    if (a.rows > 1 && magnitude(a.row) < a.columns) return 0;
    for (size_t d = 0; d < l->stack_ndim && !summed; d++)
        if (l->stack_shape[d] > 1 && (!a.stack || a.stack[d] == 0)) return 0;
    return 1;
}

static int has_valid_extents(const fa_dense *l, size_t size) {
    if (l->stack_ndim > FA__MAX_DIMS || (l->stack_ndim > 0 && !l->stack_shape)) return 0;
    return is_possible(l, l->rows, l->n_in, size) && is_possible(l, l->n_in, l->n_out, size) &&
           is_possible(l, l->rows, l->n_out, size);
}

/* what both directions read of a parameter or of b: a value, or one for each column */
INLINE int is_valid_vector(const fa_dense *l, const fa_input *a, size_t columns, size_t size, int required) {
    return is_valid(l, of_input(a, 1, columns, size), required) && (!a->data || a->row == 0);
}

static int has_valid_parameters(const fa_dense *l, int entry, size_t size, int required) {
    if (l->n_parameters == 0) return 1;
    if (l->n_parameters != (size_t)fa__entries[entry].n_params || !l->parameters) return 0;
    for (size_t i = 0; i < l->n_parameters; i++) {
        const fa_input *parameter = &l->parameters[i];
        if (!is_valid_vector(l, parameter, parameter->column != 0 ? l->n_out : 1, size, required)) return 0;
    }
    return 1;
}

INLINE array saved_array(const fa_dense *l, size_t size) {
    if (l->saving == FA_SAVE_BIT_MASK) return of_result(&l->saved, l->rows, (l->n_out + 7) / 8, 1);
    return of_result(&l->saved, l->rows, l->n_out, size);
}

static int has_valid_forward_arrays(const fa_dense *l, size_t size, int required) {
    int saves = l->saving == FA_SAVE_INPUT || l->saving == FA_SAVE_BIT_MASK;
    return is_valid(l, of_input(&l->x, l->rows, l->n_in, size), required) &&
           is_valid(l, of_input(&l->w, l->n_in, l->n_out, size), required) &&
           is_valid_vector(l, &l->b, l->n_out, size, 0) && (!l->b.data || l->n_out < 2 || l->b.column == 1) &&
           is_valid_result(l, of_result(&l->y, l->rows, l->n_out, size), required, 0) &&
           (!saves || is_valid_result(l, saved_array(l, size), required, 0));
}

static int has_valid_backward_arrays(const fa_dense *l, size_t size, int required) {
    return (!l->dw.data || is_valid(l, of_input(&l->x, l->rows, l->n_in, size), required)) &&
           (!l->dx.data || is_valid(l, of_input(&l->w, l->n_in, l->n_out, size), required)) &&
           is_valid(l, of_input(&l->grad_y, l->rows, l->n_out, size), required) &&
           (l->saving == FA_SAVE_NOTHING || is_valid(l, saved_array(l, size), required)) &&
           is_valid_result(l, of_result(&l->dx, l->rows, l->n_in, size), 0, 1) &&
           is_valid_result(l, of_result(&l->dw, l->n_in, l->n_out, size), 0, 1) &&
           is_valid_result(l, of_result(&l->db, 1, l->n_out, size), 0, 1);
}

/* Layers ------------------------------------------------------------------------------------------- */

static int is_valid_saving(const fa_dense *l, int entry, int backward) {
    if (l->saving < FA_SAVE_NOTHING || l->saving > FA_SAVE_BIT_MASK) return 0;
    if (l->saving == FA_SAVE_OUTPUT) return fa__entries[entry].from_output;
    return l->saving != FA_SAVE_NOTHING || !backward || fa__entries[entry].saves == FA_SAVE_NOTHING;
}

static int check_blas(const fa_blas *blas, fa__dtype dtype) {
    if (!blas) return FA_OK;
    int answer = check_size(blas, blas->size, FIRST_BLAS, sizeof(fa_blas), alignof(fa_blas));
    if (answer != FA_OK) return answer;
    int usable = (dtype == FA__F32 ? blas->sgemm : blas->dgemm) != 0;
    return usable && (blas->integer_bits == 32 || blas->integer_bits == 64) ? FA_OK : FA_INVALID;
}

/* `required`: the arrays must be there; a workspace may be asked for without them */
static int check_layer(const fa_dense *l, fa__dtype dtype, int backward, int required) {
    const size_t size = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    int entry = fa__find_entry(l->activation);
    if (entry < 0 || !is_valid_saving(l, entry, backward) || !has_valid_extents(l, size)) return FA_INVALID;
    if (!has_valid_parameters(l, entry, size, required)) return FA_INVALID;
    int valid =
        backward ? has_valid_backward_arrays(l, size, required) : has_valid_forward_arrays(l, size, required);
    return valid ? check_blas(l->blas, dtype) : FA_INVALID;
}

static int check_layers(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, int required) {
    if (count == 0) return FA_OK;
    if (!layers || count > MOST_BYTES / MOST_STRUCT) return FA_INVALID;
    const size_t size = layers->size;
    for (size_t i = 0; i < count; i++) {
        const fa_dense *given = fa__layer_at(layers, i);
        int answer = given->size != size
                         ? FA_INVALID
                         : check_size(given, size, FIRST_DENSE, sizeof(fa_dense), alignof(fa_dense));
        if (answer != FA_OK) return answer;
        answer = check_layer(given, dtype, backward, required);
        if (answer != FA_OK) return answer;
    }
    return FA_OK;
}

int fa__check_forward(const fa_dense *layer, fa__dtype dtype) {
    return check_layers(layer, 1, dtype, 0, 1);
}

static int run(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
               size_t bytes) {
    int answer = check_layers(layers, count, dtype, backward, 1);
    if (answer != FA_OK) return answer;
    if (!workspace && bytes > 0) return FA_INVALID;
    /* fa__run_network makes sure of it for one layer; of several, none may be computed */
    if (count > 1 && !fa__network_fits(layers, count, dtype, backward, workspace, bytes)) return FA_TOO_SMALL;
    return fa__run_network(layers, count, dtype, backward, workspace, bytes);
}

int fa__check_network(const fa_dense *layers, size_t count, fa__dtype dtype, const void *workspace,
                      size_t bytes) {
    for (int backward = 0; backward < 2; backward++) {
        int answer = check_layers(layers, count, dtype, backward, 1);
        if (answer != FA_OK) return answer;
        if (!workspace && bytes > 0) return FA_INVALID;
        if (!fa__network_fits(layers, count, dtype, backward, workspace, bytes)) return FA_TOO_SMALL;
    }
    return FA_OK;
}

/* Layers that are known to be valid. Those before one that does not fit may be computed, and are computed again by the
 * next call; which would be wrong for sums. */
static int run_valid(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
                     size_t bytes) {
    int sums = count > 1 && layers->accumulate;
    if (sums && !fa__network_fits(layers, count, dtype, backward, workspace, bytes)) return FA_TOO_SMALL;
    return fa__run_network(layers, count, dtype, backward, workspace, bytes);
}

static size_t workspace_bytes(const fa_dense *layers, size_t count, fa__dtype dtype, int backward) {
    if (check_layers(layers, count, dtype, backward, 0) != FA_OK) return 0;
    return fa__network_workspace(layers, count, dtype, backward);
}

/* The exported functions, and those for the Python extension, whose layers are valid --------------- */

#define FUNCTIONS(suffix, dtype)                                                                            \
    static int run_##suffix(const fa_dense *layers, size_t count, int backward, void *workspace,            \
                            size_t bytes) {                                                                 \
        return run_valid(layers, count, dtype, backward, workspace, bytes);                                 \
    }                                                                                                       \
    int fa_dense_forward_##suffix(const fa_dense *layer, void *workspace, size_t bytes) {                   \
        return run(layer, 1, dtype, 0, workspace, bytes);                                                   \
    }                                                                                                       \
    int fa_dense_backward_##suffix(const fa_dense *layer, void *workspace, size_t bytes) {                  \
        return run(layer, 1, dtype, 1, workspace, bytes);                                                   \
    }                                                                                                       \
    size_t fa_dense_workspace_##suffix(const fa_dense *layer, int backward) {                               \
        return workspace_bytes(layer, 1, dtype, backward);                                                  \
    }                                                                                                       \
    int fa_network_forward_##suffix(const fa_dense *layers, size_t count, void *workspace, size_t bytes) {  \
        return run(layers, count, dtype, 0, workspace, bytes);                                              \
    }                                                                                                       \
    int fa_network_backward_##suffix(const fa_dense *layers, size_t count, void *workspace, size_t bytes) { \
        return run(layers, count, dtype, 1, workspace, bytes);                                              \
    }                                                                                                       \
    size_t fa_network_workspace_##suffix(const fa_dense *layers, size_t count, int backward) {              \
        return workspace_bytes(layers, count, dtype, backward);                                             \
    }
FUNCTIONS(f32, FA__F32)
FUNCTIONS(f64, FA__F64)

static size_t threads_to_share(void) {
    return (size_t)fa__threads_to_share();
}

static int prefers_blas(void) {
    return fa__active_micro_kernel(FA__F32)->prefer_blas;
}

const fa__dense_functions fa__dense_entries = {
    .run = {run_f32, run_f64},
    .workspace = {fa_network_workspace_f32, fa_network_workspace_f64},
    .step = {fa_network_step_f32, fa_network_step_f64},
    .differentiate_copies = fa__differentiate_copies,
    .threads = threads_to_share,
    .prefers_blas = prefers_blas,
};
