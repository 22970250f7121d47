/* A part of fastact.h as it was in November 2026, without macros and with a struct as long as it was then. It is never
 * edited: a client that was compiled with it must go on working with every later library, from 1.0 on; before, an edit
 * says that the ABI changed. */
#ifndef OLD_FASTACT_H
#define OLD_FASTACT_H

#include <stddef.h>

enum { FA_OK = 0, FA_relu = 1, FA_leaky_relu = 4, FA_gelu = 42, FA_SAVE_NOTHING = 0, FA_SAVE_INPUT = 1 };

typedef struct {
    size_t size;
    int id;
    const char *name;
    size_t n_parameters;
    const char *const *parameter_names;
    const double *parameter_defaults;
    int from_output;
    int saves;
    int has_mask;
} fa_activation;

typedef struct {
    const void *data;
    ptrdiff_t row, column;
    const ptrdiff_t *stack;
} fa_input;
typedef struct {
    void *data;
    ptrdiff_t row;
    const ptrdiff_t *stack;
} fa_result;

typedef struct {
    size_t size;
    size_t rows, in, out;
    size_t stack_ndim;
    const size_t *stack_shape;
    int activation;
    int saving;
    const fa_input *parameters;
    size_t n_parameters;
    double mask_values[2];
    fa_input x, w, b, grad_y;
    fa_result y, saved, dx, dw, db;
    int accumulate;
    const void *blas;
} fa_dense;

int fa_version(void);
void fa_gelu_f32(const float *x, float *y, size_t n);
void fa_leaky_relu_backward_f64(const double *grad_y, const double *x, double *grad_x, size_t n,
                                double negative_slope);
int fa_activation_by_name(const char *name);
int fa_activation_info(int id, fa_activation *description);
int fa_dense_forward_f32(const fa_dense *layer, void *workspace, size_t bytes);
size_t fa_dense_workspace_f32(const fa_dense *layer, int backward);

#endif
