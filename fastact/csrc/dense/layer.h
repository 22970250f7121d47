/* One dense layer, forward and backward. Must not depend on stack axes or networks. */
#ifndef FA_DENSE_LAYER_H
#define FA_DENSE_LAYER_H

#include "elementwise/call.h"
#include "gemm/gemm.h"

#define FA__WORKSPACE_ALIGNMENT 64

/* gradients, by index */
enum { FA__DX, FA__DW, FA__DB, FA__GRADIENTS };

/* A layer and how it is computed */
typedef struct {
    /* set by the caller */
    fa_dense layer; /* its stack axes are ignored, and so are its parameters */
    fa_input parameters[FA__MAX_PARAMS];
    int entry; /* of the table of activations */
    fa__dtype dtype;
    size_t size; /* of an element */
    const fa__micro_kernel *kernel;
    int add[FA__GRADIENTS]; /* whether to add to what they hold */
    /* set by fa__plan_layer */
    fa__gemm product; /* x w, or delta w^T */
    fa__gemm_plan plan;
    fa__gemm dw; /* x^T delta */
    fa__gemm_plan dw_plan;
    int packs_x; /* whether x^T is packed, a tile at a time */
    size_t tile; /* rows per tile */
    /* set while it runs backward */
    char *delta, *packed_x;
    double *sums, *errors; /* of delta's columns; what rounding lost */
    size_t first;          /* row of the tile */
} fa__layer_job;

/* Plan a job; returns the size in bytes of its workspace, a multiple of FA__WORKSPACE_ALIGNMENT */
size_t fa__plan_layer(fa__layer_job *job, int backward);

/* Run a planned job in a workspace with that alignment */
void fa__run_layer(fa__layer_job *job, int backward, char *workspace);

/* delta = grad_y * f' for rows [first, first + rows), and db from `sums` and `errors` */
void fa__compute_delta(const fa__layer_job *job, size_t rows);
void fa__store_sums(const fa__layer_job *job);

static inline size_t fa__aligned(size_t bytes) {
    return (bytes + FA__WORKSPACE_ALIGNMENT - 1) / FA__WORKSPACE_ALIGNMENT * FA__WORKSPACE_ALIGNMENT;
}

static inline size_t fa__smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
