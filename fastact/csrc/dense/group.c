/* For small layers a call of an activation, and planning, would take longer than the product. So z = x w + b is
 * computed layer by layer, then f(z) for all of the group while z is in cache; likewise delta for all, then the
 * products with it. Elements have the bits that they have when layers are computed one by one. */
#include "dense/group.h"

#include <string.h>

#include "dense/activate.h"
#include "gemm/micro_kernel.h"
#include "platform/fenv.h"

/* Elements of z in a group: what an activation computes without planning. Multiply-adds of a layer from which on
 * groups gain nothing. */
#define GROUP_ELEMENTS 1024
#define GROUP_MULTIPLY_ADDS 65536

/* From a layer's array to its neighbour's; 0 for arrays that are not there, whose other fields may hold anything */
static ptrdiff_t step(const void *data, const ptrdiff_t *stack, const fa_dense *all) {
    return data && stack ? stack[all->stack_ndim - 1] : 0;
}

static ptrdiff_t input_step(const fa_input *array, const fa_dense *all) {
    return step(array->data, array->stack, all);
}

static ptrdiff_t result_step(const fa_result *array, const fa_dense *all) {
    return step(array->data, array->stack, all);
}

/* Which layers are grouped ------------------------------------------------------------------------- */

/* whether the rows of neighbouring layers are the rows of one matrix */
static int is_one_matrix(const fa_dense *all, ptrdiff_t row, ptrdiff_t step) {
    return all->rows == 1 || step == (ptrdiff_t)all->rows * row;
}

static int share_parameters(const fa__layer_job *j, const fa_dense *all) {
    for (int i = 0; i < fa__entries[j->entry].n_params; i++)
        if (input_step(&j->parameters[i], all) != 0) return 0;
    return 1;
}

size_t fa__group_size(const fa__layer_job *j, const fa_dense *all, int backward) {
    const fa_dense *l = &j->layer;
    if (all->stack_ndim == 0 || l->rows == 0 || l->n_out == 0 || l->rows > j->tile) return 0;
    if (l->rows * l->n_out > GROUP_ELEMENTS || l->rows * l->n_out * l->n_in > GROUP_MULTIPLY_ADDS) return 0;
    if (j->plan.blas || (backward && (j->dw_plan.blas || j->dw_plan.packs || j->packs_x))) return 0;
    int together = !l->saved.data || is_one_matrix(all, l->saved.row, result_step(&l->saved, all));
    if (backward)
        together = together && is_one_matrix(all, l->grad_y.row, input_step(&l->grad_y, all));
    else
        together = together && is_one_matrix(all, l->y.row, result_step(&l->y, all));
    return together && share_parameters(j, all) ? GROUP_ELEMENTS / (l->rows * l->n_out) : 0;
}

/* The job with the arrays that an activation reads and writes as one matrix for all layers */
static fa__layer_job as_one_layer(const fa__layer_job *j, const fa_dense *all, size_t count) {
    fa__layer_job one = *j;
    fa_dense *l = &one.layer;
    if (l->rows == 1) {
        l->y.row = result_step(&l->y, all);
        l->saved.row = result_step(&l->saved, all);
        l->grad_y.row = input_step(&l->grad_y, all);
    }
    l->rows *= count;
    one.first = 0;
    return one;
}

/* Forward ------------------------------------------------------------------------------------------ */

static void forward(const fa__layer_job *j, const fa_dense *all, size_t count, char *workspace) {
    fa__layer_job own = *j;
    own.plan.packed = workspace;
    own.plan.group = 0;
    const fa__layer_job one = as_one_layer(j, all, count);
    const fa_dense *l = &one.layer;
    const fa_result *from = l->saving == FA_SAVE_INPUT ? &l->saved : &l->y;
    const fa__gemm_steps steps = {input_step(&l->x, all), input_step(&l->w, all), input_step(&l->b, all),
                                  result_step(from, all)};
    own.product.a = l->x.data;
    own.product.b = l->w.data;
    own.product.bias = l->b.data;
    own.product.c = from->data;
    fa__multiply_each(&own.plan, &own.product, &steps, count);
    fa__operand arrays[] = {{from->data, from->row, 1}, {l->y.data, l->y.row, 1}};
    if (l->saving == FA_SAVE_BIT_MASK) fa__save_bit_mask(&one, arrays, 0, l->rows);
    fa__apply_activation(&one, FA__FORWARD, arrays, l->rows, l->n_out);
}

/* Backward ----------------------------------------------------------------------------------------- */

/* The workspace: packed w^T, delta of all layers, sums for db and their errors */
enum { PACKED, DELTA, SUMS, PARTS };
static size_t backward_parts(const fa__layer_job *j, size_t count, size_t parts[PARTS]) {
    const fa_dense *l = &j->layer;
    fa__gemm_plan plan = j->plan;
    plan.group = 0;
    parts[PACKED] = l->dx.data ? fa__aligned(fa__packed_size(&plan, &j->product)) : 0;
    parts[DELTA] = fa__aligned(count * l->rows * (size_t)j->dw.b_row * j->size);
    parts[SUMS] = fa__aligned(2 * l->n_out * sizeof(double));
    return parts[PACKED] + parts[DELTA] + parts[SUMS];
}

/* dw, db, dx of one layer, whose delta has been computed */
static void gradients(fa__layer_job *j) {
    const fa_dense *l = &j->layer;
    if (l->dw.data && l->n_in > 0) fa__multiply(&j->dw_plan, &j->dw);
    if (l->db.data) {
        memset(j->sums, 0, 2 * l->n_out * sizeof(double));
        j->kernel->add_columns(j->delta, j->dw.b_row, l->rows, 0, l->n_out, j->sums, j->errors);
        fa__store_sums(j);
    }
    if (l->dx.data) { /* after dw, since it may overwrite x */
        fa__pack(&j->plan, &j->product);
        fa__multiply(&j->plan, &j->product);
    }
}

static void move(fa__layer_job *j, const fa_dense *all) {
    fa_dense *l = &j->layer;
    const size_t size = j->size;
    j->delta = fa__at(j->delta, (ptrdiff_t)l->rows * j->dw.b_row, size);
    j->dw.b = j->product.a = j->delta;
    j->dw.a = fa__at(j->dw.a, input_step(&l->x, all), size);
    j->product.b = fa__at(j->product.b, input_step(&l->w, all), size);
    if (l->dw.data) j->dw.c = fa__at(j->dw.c, result_step(&l->dw, all), size);
    if (l->dx.data) j->product.c = fa__at(j->product.c, result_step(&l->dx, all), size);
    if (l->db.data) l->db.data = fa__at(l->db.data, result_step(&l->db, all), size);
}

static void backward(const fa__layer_job *j, const fa_dense *all, size_t count, char *workspace) {
    size_t parts[PARTS];
    backward_parts(j, count, parts);
    fa__layer_job own = *j;
    own.plan.packed = workspace;
    own.plan.group = 0;
    own.delta = workspace + parts[PACKED];
    own.sums = (double *)(void *)(own.delta + parts[DELTA]);
    own.errors = own.sums + own.layer.n_out;
    own.dw.a = own.layer.x.data;
    own.dw.c = own.layer.dw.data;
    own.product.b = own.layer.w.data;
    own.product.c = own.layer.dx.data;
    own.dw.b = own.product.a = own.delta;
    own.product.m = own.dw.k = own.layer.rows;
    const fa__layer_job one = as_one_layer(&own, all, count);
    fa__compute_delta(&one, one.layer.rows);
    for (size_t i = 0; i < count; i++) {
        gradients(&own);
        move(&own, all);
    }
}

/* Entry -------------------------------------------------------------------------------------------- */

size_t fa__group_workspace(const fa__layer_job *job, int is_backward, size_t size) {
    size_t parts[PARTS];
    if (is_backward) return backward_parts(job, size, parts);
    fa__gemm_plan plan = job->plan;
    plan.group = 0;
    return fa__aligned(fa__packed_size(&plan, &job->product));
}

void fa__run_group(const fa__layer_job *job, const fa_dense *all, int is_backward, size_t count,
                   char *workspace) {
    fa__fenv caller = fa__enter_fenv();
    if (is_backward)
        backward(job, all, count, workspace);
    else
        forward(job, all, count, workspace);
    fa__leave_fenv(caller);
}
