/* The dense functions as a table, for another extension module that shares this library. */
#ifndef FA_API_DENSE_H
#define FA_API_DENSE_H

#include "fastact.h"
#include "platform/dtype.h"
#include "training/network_copies.h"

/* By dtype, FA__F32 or FA__F64. `run` does not check the layers: they must be valid, and if one accumulates, all do. */
typedef struct {
    int (*run[2])(const fa_dense *layers, size_t count, int backward, void *workspace, size_t bytes);
    size_t (*workspace[2])(const fa_dense *layers, size_t count, int backward);
    int (*step[2])(const fa_network_step *step, void *workspace, size_t bytes);
    int (*differentiate_copies)(const fa__copies *copies);
    size_t (*threads)(void);   /* how many would share the work of copies */
    int (*prefers_blas)(void); /* whether a BLAS would be used */
} fa__dense_functions;
extern const fa__dense_functions fa__dense_entries;

/* What fa_dense_forward_f32 answers to a layer, before it looks at the workspace */
int fa__check_forward(const fa_dense *layer, fa__dtype dtype);

/* A step of copies but for the update: all checks of the first copy, whose labels alone are checked. FA_OK, or what
 * fa_network_step_f32 returns; then nothing has been written. */
int fa__differentiate_copies(const fa__copies *copies);

/* Whether both passes over the layers are possible, before anything is computed */
int fa__check_network(const fa_dense *layers, size_t count, fa__dtype dtype, const void *workspace,
                      size_t bytes);

#endif
