/* Stacks of dense layers: which layer is where, which thread computes it, and the public functions.
 * Knows stack axes and workspaces; does not know how one layer is computed. */
#include <string.h>

#include "dense/layer.h"

enum { DONE = 0, TOO_SMALL = -1, WRONG = -2 };
/* results in the order dx, dw, db, y, saved; inputs x, w, b, grad_y, parameters */
enum { RESULTS = FA__GRADIENTS + 2, INPUTS = 4 + FA__MAX_PARAMS };
#define ALIGNMENT 64

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Stack axes --------------------------------------------------------------------------------------- */

static void list_arrays(fa_dense *l, fa_input *inputs[INPUTS], fa_result *results[RESULTS]) {
    fa_input *const in[] = {&l->x, &l->w, &l->b, &l->grad_y};
    fa_result *const out[] = {&l->dx, &l->dw, &l->db, &l->y, &l->saved};
    memcpy(inputs, in, sizeof in);
    for (int i = 0; i < FA__MAX_PARAMS; i++) inputs[4 + i] = &l->parameters[i];
    memcpy(results, out, sizeof out);
}

/* Make j the layer of that number in a stack. Gradients that are sums over stack axes are added to once an
 * earlier layer has been there. */
static void select_layer(fa__dense_job *j, const fa_dense *all, size_t number) {
    fa_input *inputs[INPUTS];
    fa_result *results[RESULTS];
    j->layer = *all;
    for (int i = 0; i < FA__GRADIENTS; i++) j->add[i] = all->accumulate;
    list_arrays(&j->layer, inputs, results);
    for (int d = all->stack_ndim - 1; d >= 0; d--) {
        ptrdiff_t here = (ptrdiff_t)(number % all->stack_shape[d]);
        number /= all->stack_shape[d];
        for (int i = 0; i < INPUTS; i++)
            if (inputs[i]->stack)
                inputs[i]->data = fa__at(inputs[i]->data, here * inputs[i]->stack[d], j->size);
        for (int i = 0; i < RESULTS; i++) {
            ptrdiff_t stride = results[i]->stack ? results[i]->stack[d] : 0;
            size_t size = results[i] == &j->layer.saved && all->saving == FA_SAVE_BIT_MASK ? 1 : j->size;
            if (results[i]->data) results[i]->data = fa__at(results[i]->data, here * stride, size);
            if (i < FA__GRADIENTS && stride == 0 && here > 0) j->add[i] = 1;
        }
    }
    j->layer.stack_ndim = 0;
}

static size_t count_layers(const fa_dense *l) {
    size_t count = 1;
    for (int d = 0; d < l->stack_ndim; d++) count *= l->stack_shape[d];
    return count;
}

/* whether layers of a stack write to different places */
static int independent(const fa_dense *l) {
    const fa_result *results[] = {&l->dx, &l->dw, &l->db};
    for (int i = 0; i < FA__GRADIENTS; i++)
        for (int d = 0; d < l->stack_ndim; d++)
            if (results[i]->data && l->stack_shape[d] > 1 &&
                (!results[i]->stack || results[i]->stack[d] == 0))
                return 0;
    return 1;
}

/* Runs --------------------------------------------------------------------------------------------- */

typedef struct {
    const fa_dense *all;
    int backward;
    size_t count, slots, slot_bytes;
    char *workspace;
    fa__dense_job first; /* layer 0, planned; its kernels are those of all, whatever is set meanwhile */
} run;

static void run_layers(const run *r, size_t begin, size_t end, char *workspace) {
    fa__dense_job j = r->first;
    for (size_t number = begin; number < end; number++) {
        if (number > 0) {
            select_layer(&j, r->all, number);
            fa__plan_dense(&j, r->backward);
        }
        fa__run_dense(&j, r->backward, workspace);
    }
}

static void run_slots(const void *context, size_t begin, size_t end) {
    const run *r = context;
    for (size_t slot = begin; slot < end; slot++)
        run_layers(r, r->count * slot / r->slots, r->count * (slot + 1) / r->slots,
                   r->workspace + slot * r->slot_bytes);
}

/* Layers that are small, or many, go to threads whole: each thread is a slot with a workspace of its own. Others
 * are shared out by rows, in one slot. */
static size_t count_slots(const run *r) {
    const fa_dense *l = r->all;
    if (r->count < 2 || (r->backward && !independent(l))) return 1;
    size_t threads = (size_t)fa_num_threads(), cost = l->rows * l->out * (l->in + 32) * (r->backward ? 2 : 1);
    if (threads < 2) return 1;
    if (cost >= 4 * FA__PRODUCT_GRAIN && r->count < 4 * threads) return 1;
    size_t most = smaller(threads, r->count);
    return cost == 0 ? 1 : smaller(most, r->count / (FA__PRODUCT_GRAIN / cost + 1) + 1);
}

static void plan_run(run *r, const fa_dense *l, fa__dtype dtype, int backward) {
    r->all = l;
    r->backward = backward;
    r->count = count_layers(l);
    r->slots = 1;
    r->slot_bytes = 0;
    r->first.dtype = dtype;
    r->first.micro = fa__micro_of(dtype);
    r->first.size = dtype == FA__F64 ? sizeof(double) : sizeof(float);
    if (r->count == 0) return;
    select_layer(&r->first, l, 0);
    r->slot_bytes = fa__plan_dense(&r->first, backward);
    r->slots = count_slots(r);
}

static int is_wrong(const fa_dense *l, int backward) {
    if ((unsigned)l->activation >= FA__ENTRIES || (unsigned)l->saving > FA_SAVE_BIT_MASK || l->stack_ndim < 0)
        return 1;
    const fa__entry *row = &fa__entries[l->activation];
    for (int i = 0; i < row->n_params; i++)
        if (!l->parameters[i].data) return 1;
    if (l->saving == FA_SAVE_OUTPUT && !row->from_output) return 1;
    return backward && l->saving == FA_SAVE_NOTHING;
}

static int execute(const fa_dense *l, fa__dtype dtype, int backward, void *workspace, size_t bytes) {
    if (is_wrong(l, backward)) return WRONG;
    run r;
    plan_run(&r, l, dtype, backward);
    if (r.count == 0) return DONE;
    size_t skip = (ALIGNMENT - (uintptr_t)workspace % ALIGNMENT) % ALIGNMENT;
    r.workspace = (char *)workspace + skip;
    if (r.slot_bytes > 0) {
        if (bytes < skip + r.slot_bytes) return TOO_SMALL;
        r.slots =
            smaller(r.slots, (bytes - skip) / r.slot_bytes); /* the thread limit may have been raised since */
    }
    const fa_blas *blas = r.first.micro->prefer_blas ? l->blas : 0;
    fa__quiet_blas(blas);
    if (r.slots > 1)
        fa__parallel_for(run_slots, &r, r.slots, 1, 1);
    else
        run_layers(&r, 0, r.count, r.workspace);
    fa__wake_blas(blas);
    return DONE;
}

static size_t workspace_bytes(const fa_dense *l, fa__dtype dtype, int backward) {
    if (is_wrong(l, backward)) return 0;
    run r;
    plan_run(&r, l, dtype, backward);
    return r.slot_bytes ? r.slot_bytes * r.slots + ALIGNMENT : 0;
}

/* Networks ----------------------------------------------------------------------------------------- */

static int execute_all(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
                       size_t bytes) {
    for (size_t i = 0; i < count; i++)
        if (is_wrong(&layers[i], backward)) return WRONG;
    for (size_t i = 0; i < count; i++) {
        int answer = execute(&layers[backward ? count - 1 - i : i], dtype, backward, workspace, bytes);
        if (answer != DONE) return answer;
    }
    return DONE;
}

static size_t most_workspace(const fa_dense *layers, size_t count, fa__dtype dtype, int backward) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = workspace_bytes(&layers[i], dtype, backward);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* The public functions ----------------------------------------------------------------------------- */

#define FUNCTIONS(suffix, dtype)                                                                            \
    static int run_##suffix(const fa_dense *layers, size_t count, int backward, void *workspace,            \
                            size_t bytes) {                                                                 \
        return execute_all(layers, count, dtype, backward, workspace, bytes);                               \
    }                                                                                                       \
    int fa_dense_forward_##suffix(const fa_dense *layer, void *workspace, size_t bytes) {                   \
        return execute(layer, dtype, 0, workspace, bytes);                                                  \
    }                                                                                                       \
    int fa_dense_backward_##suffix(const fa_dense *layer, void *workspace, size_t bytes) {                  \
        return execute(layer, dtype, 1, workspace, bytes);                                                  \
    }                                                                                                       \
    size_t fa_dense_workspace_##suffix(const fa_dense *layer, int backward) {                               \
        return workspace_bytes(layer, dtype, backward);                                                     \
    }                                                                                                       \
    int fa_network_forward_##suffix(const fa_dense *layers, size_t count, void *workspace, size_t bytes) {  \
        return execute_all(layers, count, dtype, 0, workspace, bytes);                                      \
    }                                                                                                       \
    int fa_network_backward_##suffix(const fa_dense *layers, size_t count, void *workspace, size_t bytes) { \
        return execute_all(layers, count, dtype, 1, workspace, bytes);                                      \
    }                                                                                                       \
    size_t fa_network_workspace_##suffix(const fa_dense *layers, size_t count, int backward) {              \
        return most_workspace(layers, count, dtype, backward);                                              \
    }
FUNCTIONS(f32, FA__F32)
FUNCTIONS(f64, FA__F64)

static int prefers_blas(void) {
    return fa__micro_of(FA__F32)->prefer_blas;
}

const fa__dense_functions fa__dense_entries = {
    .run = {run_f32, run_f64},
    .workspace = {fa_network_workspace_f32, fa_network_workspace_f64},
    .prefers_blas = prefers_blas,
};
