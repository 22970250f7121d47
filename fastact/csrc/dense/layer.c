/* The dense layer, forward and backward: products, bias, activation and sums of columns, tile by tile.
 * Knows the order of the steps and where their arrays are; does not know formulas, nor how a product is computed.
 *
 * A. Forward, for each tile of rows: z = x w + b, then y = f(z) while z is in cache.
 * B. Backward, for each tile: delta = grad_y * f'(z) into the workspace, then dx = delta w^T, dw += x^T delta and
 *    db += sums of delta's columns while delta is in cache. It is never as long as the batch.
 * C. Every sum is taken in one order, by one thread: over tiles of rows that depend on the sizes alone, and within
 *    a product as micro.c says. Threads share out rows of y and dx, and rows of dw; the layers of a stack where
 *    there are many.
 */
#include <string.h>

#include "dense/layer.h"
#include "platform/fenv.h"

#define ALIGNMENT 64
/* rows per tile: of y and delta, so that they stay in the second-level cache. A BLAS packs its operands again for
 * each tile or chunk of one, and wants long ones. */
#define TILE 192
#define TILE_WIDE 384
#define WIDE 1024
#define TILE_BLAS 512
#define CHUNK_BLAS 256
/* of dw, from which on a tile of x, and of delta, are packed */
#define COLUMNS_WORTH_PACKING_X 256
#define ROWS_WORTH_PACKING_DELTA 768

static size_t aligned(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Elementwise -------------------------------------------------------------------------------------- */

static int is_dense(const fa__operand *o, size_t rows, size_t columns) {
    return o->column == 1 && (rows == 1 || o->row == (ptrdiff_t)columns);
}

void fa__dense_elementwise(const fa__dense_job *j, fa__direction direction, const fa__operand *arrays,
                           size_t rows, size_t columns) {
    const fa_dense *l = &j->layer;
    const int inputs = fa__arities[direction].inputs, n_params = fa__entries[l->activation].n_params;
    const ptrdiff_t size = (ptrdiff_t)j->size;
    fa__call call;
    call.entry = (int)l->activation;
    call.direction = direction;
    call.dtype = j->dtype;
    call.ndim = 2;
    call.shape[0] = rows;
    call.shape[1] = columns;
    int linear = 1;
    for (int i = 0; i < inputs + n_params + 1; i++) {
        fa__operand o;
        if (i >= inputs && i < inputs + n_params) {
            const fa_input *parameter = &l->parameters[i - inputs];
            o = (fa__operand){fa__at(parameter->data, 0, 0), 0, parameter->column};
            linear = linear && o.column == 0;
        } else {
            o = arrays[i < inputs ? i : inputs];
            linear = linear && is_dense(&o, rows, columns);
        }
        call.base[i] = o.data;
        call.source[i] = (fa__source)j->dtype;
        call.stride[i][0] = o.row * size;
        call.stride[i][1] = o.column * size;
    }
    if (linear)
        fa__execute_contiguous(call.entry, direction, j->dtype, call.base, rows * columns);
    else
        fa__execute(&call);
}

/* Forward ------------------------------------------------------------------------------------------ */

/* where x w + b goes */
static const fa_result *pre_activation(const fa_dense *l) {
    return l->saving == FA_SAVE_INPUT ? &l->saved : &l->y;
}

static void forward_rows(const void *context, size_t begin, size_t end) {
    const fa__dense_job *j = context;
    const fa_dense *l = &j->layer;
    const fa_result *z = pre_activation(l);
    fa__fenv caller = fa__enter_fenv();
    for (size_t row = begin; row < end; row += j->tile) {
        size_t rows = smaller(end - row, j->tile);
        fa__product p = j->product;
        p.m = rows;
        p.a = fa__at(p.a, (ptrdiff_t)row * p.a_row, j->size);
        p.c = fa__at(p.c, (ptrdiff_t)row * p.ldc, j->size);
        if (!j->plan.group) fa__multiply(&j->plan, &p);
        char *y = fa__at(l->y.data, (ptrdiff_t)row * l->y.row, j->size);
        fa__operand arrays[] = {{p.c, z->row, 1}, {y, l->y.row, 1}};
        if (l->saving == FA_SAVE_BIT_MASK) fa__save_bits(j, arrays, row, rows);
        fa__dense_elementwise(j, FA__FORWARD, arrays, rows, l->out);
    }
    fa__leave_fenv(caller);
}

static void plan_forward(fa__dense_job *j) {
    const fa_dense *l = &j->layer;
    const fa_result *z = pre_activation(l);
    j->product = (fa__product){
        .m = l->rows,
        .n = l->out,
        .k = l->in,
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
    j->plan = fa__plan_product(&j->product, j->micro, j->size, l->blas);
    j->tile = j->plan.blas ? CHUNK_BLAS : TILE;
    if (l->rows <= TILE_WIDE) fa__plan_groups(&j->plan, &j->product);
}

/* rows that are worth a thread of their own, each costing so many multiply-adds */
static size_t grain(size_t multiply_adds) {
    return FA__PRODUCT_GRAIN / (multiply_adds + 1) + 1;
}

/* what a thread's share of rows is a multiple of: a BLAS's sums may depend on where its chunks begin */
static size_t quantum(const fa__product_plan *plan) {
    return plan->blas ? CHUNK_BLAS : plan->micro->rows;
}

static void forward(fa__dense_job *j, char *workspace) {
    const fa_dense *l = &j->layer;
    j->plan.packed = workspace;
    if (j->plan.group)
        fa__multiply_groups(&j->plan, &j->product);
    else
        fa__pack(&j->plan, &j->product);
    if (l->out > 0)
        fa__parallel_for(forward_rows, j, l->rows, grain(l->out * (l->in + 32)), quantum(&j->plan));
}

/* Backward ----------------------------------------------------------------------------------------- */

/* rows [begin, end) of a product */
static void multiply_rows(const fa__product_plan *plan, fa__product p, size_t begin, size_t end) {
    size_t step = plan->blas ? CHUNK_BLAS : end - begin;
    for (size_t row = begin; row < end; row += step) {
        fa__product part = p;
        part.m = smaller(end - row, step);
        part.a = fa__at(p.a, (ptrdiff_t)row * p.a_row, plan->size);
        part.c = fa__at(p.c, (ptrdiff_t)row * p.ldc, plan->size);
        fa__multiply(plan, &part);
    }
}

static void dx_rows(const void *context, size_t begin, size_t end) {
    const fa__dense_job *j = context;
    fa__fenv caller = fa__enter_fenv();
    multiply_rows(&j->plan, j->product, begin, end);
    fa__leave_fenv(caller);
}

/* rows of dw, and as large a share of db's columns */
static void dw_rows(const void *context, size_t begin, size_t end) {
    const fa__dense_job *j = context;
    const fa__product *p = &j->dw;
    const size_t lanes = j->micro->lanes;
    fa__fenv caller = fa__enter_fenv();
    if (p->c && j->packs_x) {
        fa__product part = *p;
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
        j->micro->add_columns(j->delta, p->b_row, p->k, from, to, j->sums);
    }
    fa__leave_fenv(caller);
}

static void plan_backward(fa__dense_job *j) {
    const fa_dense *l = &j->layer;
    j->tile = l->out >= WIDE ? TILE_WIDE : TILE;
    /* rows of delta a power of two apart would share a few lines of the cache */
    ptrdiff_t ld = (ptrdiff_t)(l->out * j->size % 2048 == 0 ? l->out + 64 / j->size : l->out);
    j->product = (fa__product){
        .m = smaller(l->rows, j->tile),
        .n = l->in,
        .k = l->out,
        .b = l->w.data,
        .c = l->dx.data,
        .a_row = ld,
        .a_column = 1,
        .b_row = l->w.column,
        .b_column = l->w.row,
        .ldc = l->dx.row,
        .add = j->add[FA__DX],
    };
    j->plan = fa__plan_product(&j->product, j->micro, j->size, l->blas);
    if (j->plan.blas) j->tile = TILE_BLAS;
    if (l->rows <= j->tile) fa__plan_groups(&j->plan, &j->product);
    j->dw = (fa__product){
        .m = l->in ? l->in : 1, /* without inputs there still is db */
        .n = l->out,
        .k = smaller(l->rows, j->tile),
        .a = l->x.data,
        .c = l->in ? l->dw.data : 0,
        .a_row = l->x.column,
        .a_column = l->x.row,
        .b_row = ld,
        .b_column = 1,
        .ldc = l->dw.row,
        .add = j->add[FA__DW],
    };
    j->dw_plan = fa__plan_product(&j->dw, j->micro, j->size, l->blas);
    /* columns of x are apart by rows, often of a power of two: packed, dw is up to 1.4 times faster, if there are
     * enough products to pay for it */
    int many = !j->dw_plan.blas && j->dw.m >= 64 && j->dw.k >= 64;
    j->packs_x = many && l->out >= COLUMNS_WORTH_PACKING_X;
    j->dw_plan.packs = many && l->in >= ROWS_WORTH_PACKING_DELTA;
}

static void store_sums(const fa__dense_job *j) {
    const fa_dense *l = &j->layer;
    fa__fenv caller = fa__enter_fenv();
    for (size_t o = 0; o < l->out; o++) {
        if (j->dtype == FA__F64) {
            double *to = (double *)l->db.data + o;
            *to = j->add[FA__DB] ? *to + j->sums[o] : j->sums[o];
        } else {
            float *to = (float *)l->db.data + o;
            *to = (float)(j->add[FA__DB] ? (double)*to + j->sums[o] : j->sums[o]);
        }
    }
    fa__leave_fenv(caller);
}

static void backward_tile(fa__dense_job *j, size_t rows) {
    const fa_dense *l = &j->layer;
    const ptrdiff_t ld = j->dw.b_row;
    const fa__operand arrays[] = {
        {fa__at(l->grad_y.data, (ptrdiff_t)j->first * l->grad_y.row, j->size), l->grad_y.row,
         l->grad_y.column},
        {fa__at(l->saved.data, (ptrdiff_t)j->first * l->saved.row, j->size), l->saved.row, 1},
        {j->delta, ld, 1},
    };
    if (l->saving == FA_SAVE_BIT_MASK)
        fa__delta_from_bits(j, rows);
    else
        fa__dense_elementwise(j, l->saving == FA_SAVE_OUTPUT ? FA__BACKWARD_FROM_OUTPUT : FA__BACKWARD,
                              arrays, rows, l->out);
    if (l->dw.data || l->db.data) { /* before dx, which may be stored over x */
        j->dw.k = rows;
        if (j->dw.c) fa__pack(&j->dw_plan, &j->dw);
        fa__parallel_for(dw_rows, j, j->dw.m, grain(rows * (l->out + 1)), quantum(&j->dw_plan));
        j->dw.a = fa__at(j->dw.a, (ptrdiff_t)rows * j->dw.a_column, j->size);
        j->dw.add = 1;
    }
    if (l->dx.data) {
        j->product.m = rows;
        if (j->plan.group)
            fa__multiply_groups(&j->plan, &j->product);
        else
            fa__parallel_for(dx_rows, j, rows, grain(l->in * l->out), quantum(&j->plan));
        j->product.c = fa__at(j->product.c, (ptrdiff_t)rows * j->product.ldc, j->size);
    }
}

/* The workspace of a backward pass: packed w^T, delta, sums for db, x^T and delta packed */
enum { PARTS = 5 };
static size_t backward_parts(const fa__dense_job *j, size_t parts[PARTS]) {
    const fa_dense *l = &j->layer;
    parts[0] = l->dx.data ? aligned(fa__packed_size(&j->plan, &j->product)) : 0;
    parts[1] = aligned(smaller(l->rows, j->tile) * (size_t)j->dw.b_row * j->size);
    parts[2] = aligned(l->out * sizeof(double));
    size_t panels = (j->dw.m + j->micro->rows - 1) / j->micro->rows;
    parts[3] = j->packs_x ? aligned(panels * j->micro->rows * j->dw.k * j->size) : 0;
    parts[4] = aligned(fa__packed_size(&j->dw_plan, &j->dw));
    return parts[0] + parts[1] + parts[2] + parts[3] + parts[4];
}

static void backward(fa__dense_job *j, char *workspace) {
    const fa_dense *l = &j->layer;
    size_t parts[PARTS];
    backward_parts(j, parts);
    j->plan.packed = workspace;
    j->delta = workspace + parts[0];
    j->sums = (double *)(void *)(j->delta + parts[1]);
    j->packed_x = (char *)j->sums + parts[2];
    j->dw_plan.packed = j->packed_x + parts[3];
    memset(j->sums, 0, l->out * sizeof(double));
    if (l->dx.data && !j->plan.group) fa__pack(&j->plan, &j->product);
    j->dw.b = j->product.a = j->delta;
    j->first = 0;
    do { /* once for an empty batch, too: then the gradients are 0 */
        size_t rows = smaller(l->rows - j->first, j->tile);
        backward_tile(j, rows);
        j->first += rows;
    } while (j->first < l->rows);
    if (l->db.data) store_sums(j);
}

/* The way in --------------------------------------------------------------------------------------- */

size_t fa__plan_dense(fa__dense_job *job, int backward) {
    size_t parts[PARTS];
    if (backward) {
        plan_backward(job);
        return backward_parts(job, parts);
    }
    plan_forward(job);
    return aligned(fa__packed_size(&job->plan, &job->product));
}

void fa__run_dense(fa__dense_job *job, int backward_, char *workspace) {
    if (backward_)
        backward(job, workspace);
    else
        forward(job, workspace);
}
