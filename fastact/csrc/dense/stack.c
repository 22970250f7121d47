#include "dense/stack.h"

#include <string.h>

#include "dense/group.h"
#include "gemm/blas.h"
#include "gemm/kernels.h"
#include "platform/float16.h"
#include "platform/parallel.h"
#include "platform/thread_limits.h"

/* One call */
typedef struct {
    const fa_dense *all;
    int backward;
    size_t count, slots, slot_bytes;
    size_t group; /* layers at a time, or 0 where they are computed one by one */
    char *workspace;
    fa_input parameters[FA__MAX_PARAMS];
    double defaults[FA__MAX_PARAMS]; /* memory for floats or doubles */
    /* layer 0, planned; all layers use its kernels, even if the instruction set changes meanwhile */
    fa__layer_job first;
} run;

/* Layers ------------------------------------------------------------------------------------------- */

/* results in the order dx, dw, db, y, saved; inputs x, w, b, grad_y, parameters */
enum { RESULTS = FA__GRADIENTS + 2, INPUTS = 4 + FA__MAX_PARAMS };

static void list_arrays(fa__layer_job *j, fa_input *inputs[INPUTS], fa_result *results[RESULTS]) {
    fa_dense *l = &j->layer;
    fa_input *const in[] = {&l->x, &l->w, &l->b, &l->grad_y};
    fa_result *const out[] = {&l->dx, &l->dw, &l->db, &l->y, &l->saved};
    memcpy(inputs, in, sizeof in);
    for (int i = 0; i < FA__MAX_PARAMS; i++) inputs[4 + i] = &j->parameters[i];
    memcpy(results, out, sizeof out);
}

/* The fields of arrays that a direction does not use may hold anything, so these arrays are taken out */
static void drop_unused_arrays(fa_dense *l, int backward) {
    if (!backward) {
        l->grad_y.data = l->dx.data = l->dw.data = l->db.data = 0;
        if (l->saving == FA_SAVE_NOTHING || l->saving == FA_SAVE_OUTPUT) l->saved.data = 0;
        return;
    }
    l->b.data = l->y.data = 0;
    if (!l->dx.data) l->w.data = 0;
    if (!l->dw.data) l->x.data = 0;
    if (l->saving == FA_SAVE_NOTHING) l->saved.data = 0;
}

/* Move the arrays of j to those of the layer of that number. Gradients that are sums over stack axes are
 * overwritten by the first layer and added to by the others. */
static void move_arrays(fa__layer_job *j, const fa_dense *all, size_t number) {
    fa_input *inputs[INPUTS];
    fa_result *results[RESULTS];
    list_arrays(j, inputs, results);
    for (size_t d = all->stack_ndim; d-- > 0;) {
        ptrdiff_t here = (ptrdiff_t)(number % all->stack_shape[d]);
        number /= all->stack_shape[d];
        for (int i = 0; i < INPUTS; i++)
            if (inputs[i]->data && inputs[i]->stack)
                inputs[i]->data = fa__at(inputs[i]->data, here * inputs[i]->stack[d], j->size);
        for (int i = 0; i < RESULTS; i++) {
            if (!results[i]->data) continue;
            ptrdiff_t stride = results[i]->stack ? results[i]->stack[d] : 0;
            size_t size = results[i] == &j->layer.saved && all->saving == FA_SAVE_BIT_MASK ? 1 : j->size;
            results[i]->data = fa__at(results[i]->data, here * stride, size);
            if (i < FA__GRADIENTS && stride == 0 && here > 0) j->add[i] = 1;
        }
    }
}

/* Make j the layer of that number in the stack */
static void select_layer(fa__layer_job *j, const run *r, size_t number) {
    j->layer = *r->all;
    drop_unused_arrays(&j->layer, r->backward);
    memcpy(j->parameters, r->parameters, sizeof j->parameters);
    for (int i = 0; i < FA__GRADIENTS; i++) j->add[i] = r->all->accumulate;
    if (number > 0) move_arrays(j, r->all, number);
}

static size_t count_layers(const fa_dense *l) {
    size_t count = 1;
    for (size_t d = 0; d < l->stack_ndim; d++) count *= l->stack_shape[d];
    return count;
}

/* whether the layers of a stack write to different places */
static int are_independent(const fa_dense *l) {
    const fa_result *results[] = {&l->dx, &l->dw, &l->db};
    for (int i = 0; i < FA__GRADIENTS; i++)
        for (size_t d = 0; d < l->stack_ndim; d++)
            if (results[i]->data && l->stack_shape[d] > 1 &&
                (!results[i]->stack || results[i]->stack[d] == 0))
                return 0;
    return 1;
}

/* whether a layer has results; one without may have any number of rows, and its stack any size */
static int has_results(const fa_dense *l, int backward) {
    if (!backward) return l->rows > 0 && l->n_out > 0;
    return (l->dx.data && l->rows > 0 && l->n_in > 0) || (l->dw.data && l->n_in > 0 && l->n_out > 0) ||
           (l->db.data && l->n_out > 0);
}

/* Empty stacks ------------------------------------------------------------------------------------- */

/* Set a rows x columns gradient to 0, for all stack axes that it has */
static void clear_gradient(const fa_dense *l, const fa_result *gradient, size_t rows, size_t columns,
                           size_t size) {
    size_t count = 1;
    for (size_t d = 0; d < l->stack_ndim; d++)
        if (gradient->stack && gradient->stack[d] != 0) count *= l->stack_shape[d];
    if (!gradient->data || columns == 0) return;
    for (size_t number = 0; number < count; number++) {
        char *data = gradient->data;
        size_t rest = number;
        for (size_t d = l->stack_ndim; d-- > 0;) {
            if (!gradient->stack || gradient->stack[d] == 0) continue;
            data = fa__at(data, (ptrdiff_t)(rest % l->stack_shape[d]) * gradient->stack[d], size);
            rest /= l->stack_shape[d];
        }
        for (size_t row = 0; row < rows; row++)
            memset(fa__at(data, (ptrdiff_t)row * gradient->row, size), 0, columns * size);
    }
}

/* An axis of length 0 leaves gradients that are sums over it: they are 0 */
static void clear_gradients(const fa_dense *l, size_t size) {
    clear_gradient(l, &l->dx, l->rows, l->n_in, size);
    clear_gradient(l, &l->dw, l->n_in, l->n_out, size);
    clear_gradient(l, &l->db, 1, l->n_out, size);
}

/* Planning ----------------------------------------------------------------------------------------- */

/* The caller's parameters, or the activation's defaults */
static void set_parameters(run *r, fa__dtype dtype) {
    const fa__entry *entry = &fa__entries[r->first.entry];
    for (size_t i = 0; i < FA__MAX_PARAMS; i++)
        r->parameters[i] = i < r->all->n_parameters ? r->all->parameters[i] : (fa_input){0};
    for (int i = 0; i < entry->n_params && r->all->n_parameters == 0; i++) {
        r->defaults[i] = entry->param_defaults[i];
        float rounded = 0;
        fa__round_to_float32(r->defaults[i], &rounded);
        if (dtype == FA__F32) memcpy(&r->defaults[i], &rounded, sizeof rounded);
        r->parameters[i].data = &r->defaults[i];
    }
}

/* Layers that are small, or many, are divided among the threads: each thread has a slot, which is a workspace
 * of its own. Otherwise there is one slot, and the threads divide the rows of each layer. */
static size_t count_slots(const run *r) {
    const fa_dense *l = r->all;
    if (r->count < 2 || (r->backward && !are_independent(l))) return 1;
    size_t threads = (size_t)fa__num_threads(),
           cost = l->rows * l->n_out * (l->n_in + 32) * (r->backward ? 2 : 1);
    if (threads < 2) return 1;
    if (cost >= 4 * FA__GEMM_GRAIN && r->count < 4 * threads) return 1;
    size_t most = fa__smaller(threads, r->count);
    return cost == 0 ? 1 : fa__smaller(most, r->count / (FA__GEMM_GRAIN / cost + 1) + 1);
}

static void plan_run(run *r, const fa_dense *l, fa__dtype dtype, int backward) {
    r->all = l;
    r->backward = backward;
    r->count = has_results(l, backward) ? count_layers(l) : 0;
    r->slots = 1;
    r->group = 0;
    r->slot_bytes = 0;
    if (r->count == 0) return;
    r->first.entry = fa__find_entry(l->activation);
    r->first.dtype = dtype;
    r->first.kernel = fa__active_micro_kernel(dtype);
    r->first.size = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    set_parameters(r, dtype);
    select_layer(&r->first, r, 0);
    r->slot_bytes = fa__plan_layer(&r->first, backward);
    r->group = backward && !are_independent(l) ? 0 : fa__group_size(&r->first, l, backward);
    if (r->group) r->slot_bytes = fa__group_workspace(&r->first, backward, r->group);
    r->slots = count_slots(r);
}

/* how far an address is from the next aligned one */
static size_t distance_to_aligned(const void *workspace) {
    return (FA__WORKSPACE_ALIGNMENT - (uintptr_t)workspace % FA__WORKSPACE_ALIGNMENT) %
           FA__WORKSPACE_ALIGNMENT;
}

static int fits(const run *r, const void *workspace, size_t bytes) {
    size_t skip = distance_to_aligned(workspace);
    return r->slot_bytes == 0 || (bytes >= skip && bytes - skip >= r->slot_bytes);
}

size_t fa__stack_workspace(const fa_dense *layer, fa__dtype dtype, int backward) {
    run r;
    plan_run(&r, layer, dtype, backward);
    return r.slot_bytes ? r.slot_bytes * r.slots + FA__WORKSPACE_ALIGNMENT : 0;
}

int fa__stack_fits(const fa_dense *layer, fa__dtype dtype, int backward, const void *workspace,
                   size_t bytes) {
    run r;
    plan_run(&r, layer, dtype, backward);
    return fits(&r, workspace, bytes);
}

/* Running ------------------------------------------------------------------------------------------ */

/* Layers [begin, end), in a job that is planned for layer 0 */
static void run_groups(fa__layer_job *j, const run *r, size_t begin, size_t end, char *workspace) {
    const size_t axis = r->all->stack_shape[r->all->stack_ndim - 1];
    for (size_t number = begin, count; number < end; number += count) {
        count = fa__smaller(fa__smaller(r->group, end - number), axis - number % axis);
        select_layer(j, r, number);
        fa__run_group(j, r->all, r->backward, count, workspace);
    }
}

static void run_one_by_one(fa__layer_job *j, const run *r, size_t begin, size_t end, char *workspace) {
    for (size_t number = begin; number < end; number++) {
        if (number > 0) {
            select_layer(j, r, number);
            fa__plan_layer(j, r->backward);
        }
        fa__run_layer(j, r->backward, workspace);
    }
}

static void run_layers(fa__layer_job *j, const run *r, size_t begin, size_t end, char *workspace) {
    if (r->group)
        run_groups(j, r, begin, end, workspace);
    else
        run_one_by_one(j, r, begin, end, workspace);
}

static void run_slots(const void *context, size_t begin, size_t end) {
    const run *r = context;
    for (size_t slot = begin; slot < end; slot++) {
        fa__layer_job job = r->first;
        run_layers(&job, r, r->count * slot / r->slots, r->count * (slot + 1) / r->slots,
                   fa__at(r->workspace, (ptrdiff_t)(slot * r->slot_bytes), 1));
    }
}

int fa__run_stack(const fa_dense *layer, fa__dtype dtype, int backward, void *workspace, size_t bytes) {
    run r;
    plan_run(&r, layer, dtype, backward);
    if (r.count == 0) {
        if (backward && !layer->accumulate)
            clear_gradients(layer, dtype == FA__F64 ? sizeof(double) : sizeof(float));
        return FA_OK;
    }
    if (!fits(&r, workspace, bytes)) return FA_TOO_SMALL;
    size_t skip = distance_to_aligned(workspace);
    r.workspace = fa__at(workspace, (ptrdiff_t)skip, 1);
    /* the limit on threads may have been raised since the workspace was made */
    if (r.slot_bytes > 0) r.slots = fa__smaller(r.slots, (bytes - skip) / r.slot_bytes);
    fa__blas_limit limit;
    fa__limit_blas(&limit, fa__wants_blas(r.first.kernel, layer->blas) ? layer->blas : 0);
    if (r.slots > 1)
        fa__parallel_for(run_slots, &r, r.slots, 1, 1);
    else
        run_layers(&r.first, &r, 0, r.count, r.workspace);
    fa__restore_blas(&limit);
    return FA_OK;
}
