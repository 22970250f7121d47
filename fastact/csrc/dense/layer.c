/* Order of computation: product, bias, activation and sums of columns, tile by tile.
 *
 * A. Forward, for each tile of rows: z = x w + b, then y = f(z) while z is in cache.
 * B. Backward, for each tile: delta = grad_y * f'(z) into the workspace, then dx = delta w^T, dw += x^T delta
 *    and db += sums of delta's columns while delta is in cache. So delta never has as many rows as the batch.
 * C. Every sum has one order and is taken by one thread: over tiles of rows that depend on the sizes alone,
 *    and within a product as gemm/micro_kernel.c states. Threads divide the rows of y and dx, and the rows of
 *    dw.
 */
#include "dense/layer.h"

#include <math.h>
#include <string.h>

#include "dense/activate.h"
#include "dense/bit_mask.h"
#include "gemm/micro_kernel.h"
#include "platform/fenv.h"
#include "platform/parallel.h"

/* rows per tile: of y and delta, so that they stay in the second-level cache. A BLAS packs its operands again
 * for each tile or chunk of a tile, so these are longer. */
#define TILE 192
#define TILE_WIDE 384
#define WIDE 1024
#define TILE_BLAS 512
#define CHUNK_BLAS 256
/* sizes of dw from which on a tile of x, and of delta, is packed */
#define COLUMNS_WORTH_PACKING_X 256
#define ROWS_WORTH_PACKING_DELTA 768

/* Forward ------------------------------------------------------------------------------------------ */

/* where x w + b is stored */
static const fa_result *pre_activation(const fa_dense *l) {
    return l->saving == FA_SAVE_INPUT ? &l->saved : &l->y;
}

static void forward_rows(const void *context, size_t begin, size_t end) {
    const fa__layer_job *j = context;
    const fa_dense *l = &j->layer;
    const fa_result *z = pre_activation(l);
    fa__fenv caller = fa__enter_fenv();
    for (size_t row = begin; row < end; row += j->tile) {
        size_t rows = fa__smaller(end - row, j->tile);
        fa__gemm p = j->product;
        p.m = rows;
        p.a = fa__at(p.a, (ptrdiff_t)row * p.a_row, j->size);
        p.c = fa__at(p.c, (ptrdiff_t)row * p.ldc, j->size);
        if (!j->plan.group) fa__multiply(&j->plan, &p);
        char *y = fa__at(l->y.data, (ptrdiff_t)row * l->y.row, j->size);
        fa__operand arrays[] = {{p.c, z->row, 1}, {y, l->y.row, 1}};
        if (l->saving == FA_SAVE_BIT_MASK) fa__save_bit_mask(j, arrays, row, rows);
        fa__apply_activation(j, FA__FORWARD, arrays, rows, l->n_out);
    }
    fa__leave_fenv(caller);
}

static void plan_forward(fa__layer_job *j) {
    const fa_dense *l = &j->layer;
    const fa_result *z = pre_activation(l);
    j->product = (fa__gemm){
        .m = l->rows,
        .n = l->n_out,
        .k = l->n_in,
        .a = l->x.data,
        .b = l->w.data,
        .bias = l->b.data,
        .c = z->data,
        .a_row = l->x.row,
        .a_column = l->x.column,
        .b_row = l->w.row,
        .b_column = l->w.column,
        .ldc = z->row,
    };
    fa__plan_gemm(&j->plan, &j->product, j->kernel, j->size, l->blas);
    j->tile = j->plan.blas ? CHUNK_BLAS : TILE;
    if (l->rows <= TILE_WIDE) fa__plan_groups(&j->plan, &j->product);
}

/* how many rows are worth a thread, each of which takes so many multiply-adds */
static size_t grain(size_t multiply_adds) {
    return FA__GEMM_GRAIN / (multiply_adds + 1) + 1;
}

/* what the number of a thread's rows is a multiple of: a BLAS's sums may depend on where its chunks begin */
static size_t quantum(const fa__gemm_plan *plan) {
    return plan->blas ? CHUNK_BLAS : plan->kernel->rows;
}

static void forward(fa__layer_job *j, char *workspace) {
    const fa_dense *l = &j->layer;
    j->plan.packed = workspace;
    if (j->plan.group)
        fa__multiply_groups(&j->plan, &j->product);
    else
        fa__pack(&j->plan, &j->product);
    if (l->n_out > 0)
        fa__parallel_for(forward_rows, j, l->rows, grain(l->n_out * (l->n_in + 32)), quantum(&j->plan));
}

/* Backward ----------------------------------------------------------------------------------------- */

/* rows [begin, end) of a product */
static void multiply_rows(const fa__gemm_plan *plan, fa__gemm p, size_t begin, size_t end) {
    size_t step = plan->blas ? CHUNK_BLAS : end - begin;
    for (size_t row = begin; row < end; row += step) {
        fa__gemm part = p;
        part.m = fa__smaller(end - row, step);
        part.a = fa__at(p.a, (ptrdiff_t)row * p.a_row, plan->size);
        part.c = fa__at(p.c, (ptrdiff_t)row * p.ldc, plan->size);
        fa__multiply(plan, &part);
    }
}

static void dx_rows(const void *context, size_t begin, size_t end) {
    const fa__layer_job *j = context;
    fa__fenv caller = fa__enter_fenv();
    multiply_rows(&j->plan, j->product, begin, end);
    fa__leave_fenv(caller);
}

/* rows of dw, and a proportional share of db's columns */
static void dw_rows(const void *context, size_t begin, size_t end) {
    const fa__layer_job *j = context;
    const fa__gemm *p = &j->dw;
    const size_t lanes = j->kernel->lanes;
    fa__fenv caller = fa__enter_fenv();
    if (p->c && j->packs_x) {
        fa__gemm part = *p;
        part.m = end - begin;
        part.a = fa__at(p->a, (ptrdiff_t)begin * p->a_row, j->size);
        part.c = fa__at(p->c, (ptrdiff_t)begin * p->ldc, j->size);
        part = fa__pack_left(&j->dw_plan, &part, j->packed_x + begin * p->k * j->size);
        fa__multiply(&j->dw_plan, &part);
    } else if (p->c) {
        multiply_rows(&j->dw_plan, *p, begin, end);
    }
    if (j->layer.db.data) {
        size_t from = p->n * begin / p->m / lanes * lanes;
        size_t to = end == p->m ? p->n : p->n * end / p->m / lanes * lanes;
        j->kernel->add_columns(j->delta, p->b_row, p->k, from, to, j->sums, j->errors);
    }
    fa__leave_fenv(caller);
}

static void plan_backward(fa__layer_job *j) {
    const fa_dense *l = &j->layer;
    j->tile = l->n_out >= WIDE ? TILE_WIDE : TILE;
    /* rows of delta that are a power of two apart would compete for a few lines of the cache */
    ptrdiff_t ld = (ptrdiff_t)(l->n_out * j->size % 2048 == 0 ? l->n_out + 64 / j->size : l->n_out);
    j->product = (fa__gemm){
        .m = fa__smaller(l->rows, j->tile),
        .n = l->n_in,
        .k = l->n_out,
        .b = l->w.data,
        .c = l->dx.data,
        .a_row = ld,
        .a_column = 1,
        .b_row = l->w.column,
        .b_column = l->w.row,
        .ldc = l->dx.row,
        .add = j->add[FA__DX],
    };
    fa__plan_gemm(&j->plan, &j->product, j->kernel, j->size, l->blas);
    if (j->plan.blas) j->tile = TILE_BLAS;
    if (l->rows <= j->tile) fa__plan_groups(&j->plan, &j->product);
    j->dw = (fa__gemm){
        .m = l->n_in ? l->n_in : 1, /* without inputs there is still db */
        .n = l->n_out,
        .k = fa__smaller(l->rows, j->tile),
        .a = l->x.data,
        .c = l->n_in ? l->dw.data : 0,
        .a_row = l->x.column,
        .a_column = l->x.row,
        .b_row = ld,
        .b_column = 1,
        .ldc = l->dw.row,
        .add = j->add[FA__DW],
    };
    fa__plan_gemm(&j->dw_plan, &j->dw, j->kernel, j->size, l->blas);
    /* elements of a column of x are a row apart, often a power of two: packing makes dw up to 1.4 times
     * faster where there are enough products to pay for it */
    int many = !j->dw_plan.blas && j->dw.m >= 64 && j->dw.k >= 64;
    j->packs_x = many && l->n_out >= COLUMNS_WORTH_PACKING_X;
    j->dw_plan.packs = many && l->n_in >= ROWS_WORTH_PACKING_DELTA;
}

void fa__store_sums(const fa__layer_job *j) {
    const fa_dense *l = &j->layer;
    fa__fenv caller = fa__enter_fenv();
    for (size_t o = 0; o < l->n_out; o++) {
        /* an infinite sum has a NaN for its error */
        double sum = isfinite(j->errors[o]) ? j->sums[o] + j->errors[o] : j->sums[o];
        if (j->dtype == FA__F64) {
            double *to = (double *)l->db.data + o;
            *to = j->add[FA__DB] ? *to + sum : sum;
        } else {
            float *to = (float *)l->db.data + o;
            *to = (float)(j->add[FA__DB] ? (double)*to + sum : sum);
        }
    }
    fa__leave_fenv(caller);
}

static void delta_from_bit_mask(const fa__layer_job *j, size_t rows) {
    const fa_dense *l = &j->layer;
    const ptrdiff_t first = (ptrdiff_t)j->first;
    fa__masked_product p = {
        .rows = rows,
        .columns = l->n_out,
        .size = j->size,
        .grad_y = fa__at(l->grad_y.data, first * l->grad_y.row, j->size),
        .grad_row = l->grad_y.row,
        .grad_column = l->grad_y.column,
        .mask = (const unsigned char *)l->saved.data + first * l->saved.row,
        .mask_row = l->saved.row,
        .values = {l->mask_values[0], l->mask_values[1]},
        .delta = j->delta,
        .delta_row = j->dw.b_row,
    };
    fa__fenv caller = fa__enter_fenv();
    fa__multiply_by_bit_mask(&p);
    fa__leave_fenv(caller);
}

void fa__compute_delta(const fa__layer_job *j, size_t rows) {
    const fa_dense *l = &j->layer;
    if (rows == 0 || l->n_out == 0) return;
    if (l->saving == FA_SAVE_BIT_MASK) {
        delta_from_bit_mask(j, rows);
        return;
    }
    const ptrdiff_t first = (ptrdiff_t)j->first;
    fa__operand grad_y = {fa__at(l->grad_y.data, first * l->grad_y.row, j->size), l->grad_y.row,
                          l->grad_y.column};
    fa__operand arrays[] = {grad_y, grad_y, {j->delta, j->dw.b_row, 1}}; /* a constant f' does not read x */
    if (l->saving != FA_SAVE_NOTHING)
        arrays[1] = (fa__operand){fa__at(l->saved.data, first * l->saved.row, j->size), l->saved.row, 1};
    fa__apply_activation(j, l->saving == FA_SAVE_OUTPUT ? FA__BACKWARD_FROM_OUTPUT : FA__BACKWARD, arrays,
                         rows, l->n_out);
}

static void backward_tile(fa__layer_job *j, size_t rows) {
    const fa_dense *l = &j->layer;
    fa__compute_delta(j, rows);
    if (l->dw.data || l->db.data) { /* before dx, which may overwrite x */
        j->dw.k = rows;
        if (j->dw.c) fa__pack(&j->dw_plan, &j->dw);
        fa__parallel_for(dw_rows, j, j->dw.m, grain(rows * (l->n_out + 1)), quantum(&j->dw_plan));
        if (j->dw.c) j->dw.a = fa__at(j->dw.a, (ptrdiff_t)rows * j->dw.a_column, j->size);
        j->dw.add = 1;
    }
    if (l->dx.data) {
        j->product.m = rows;
        if (j->plan.group)
            fa__multiply_groups(&j->plan, &j->product);
        else
            fa__parallel_for(dx_rows, j, rows, grain(l->n_in * l->n_out), quantum(&j->plan));
        j->product.c = fa__at(j->product.c, (ptrdiff_t)rows * j->product.ldc, j->size);
    }
}

/* The workspace of a backward pass: packed w^T, delta, sums for db and their errors, x^T and delta packed */
enum { PARTS = 5 };
static size_t backward_parts(const fa__layer_job *j, size_t parts[PARTS]) {
    const fa_dense *l = &j->layer;
    parts[0] = l->dx.data ? fa__aligned(fa__packed_size(&j->plan, &j->product)) : 0;
    parts[1] = fa__aligned(fa__smaller(l->rows, j->tile) * (size_t)j->dw.b_row * j->size);
    parts[2] = fa__aligned(2 * l->n_out * sizeof(double));
    size_t panels = (j->dw.m + j->kernel->rows - 1) / j->kernel->rows;
    parts[3] = j->packs_x ? fa__aligned(panels * j->kernel->rows * j->dw.k * j->size) : 0;
    parts[4] = fa__aligned(fa__packed_size(&j->dw_plan, &j->dw));
    return parts[0] + parts[1] + parts[2] + parts[3] + parts[4];
}

static void backward(fa__layer_job *j, char *workspace) {
    const fa_dense *l = &j->layer;
    size_t parts[PARTS];
    backward_parts(j, parts);
    j->plan.packed = workspace;
    j->delta = workspace + parts[0];
    j->sums = (double *)(void *)(j->delta + parts[1]);
    j->errors = j->sums + l->n_out;
    j->packed_x = (char *)j->sums + parts[2];
    j->dw_plan.packed = j->packed_x + parts[3];
    memset(j->sums, 0, 2 * l->n_out * sizeof(double));
    if (l->dx.data && !j->plan.group) fa__pack(&j->plan, &j->product);
    j->dw.b = j->product.a = j->delta;
    j->first = 0;
    do { /* once for an empty batch, too: then the gradients are 0 */
        size_t rows = fa__smaller(l->rows - j->first, j->tile);
        backward_tile(j, rows);
        j->first += rows;
    } while (j->first < l->rows);
    if (l->db.data) fa__store_sums(j);
}

/* Entry -------------------------------------------------------------------------------------------- */

size_t fa__plan_layer(fa__layer_job *job, int is_backward) {
    size_t parts[PARTS];
    if (is_backward) {
        plan_backward(job);
        return backward_parts(job, parts);
    }
    plan_forward(job);
    return fa__aligned(fa__packed_size(&job->plan, &job->product));
}

void fa__run_layer(fa__layer_job *job, int is_backward, char *workspace) {
    if (is_backward)
        backward(job, workspace);
    else
        forward(job, workspace);
}
