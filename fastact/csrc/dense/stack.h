/* Stacks of dense layers: which layer has which arrays, and which thread computes it. Must not depend on
 * networks or the exported functions, which have checked the layers. */
#ifndef FA_DENSE_STACK_H
#define FA_DENSE_STACK_H

#include "dense/layer.h"

/* Bytes of workspace with which the calling thread's limit on threads can be used; 0 if none are needed */
size_t fa__stack_workspace(const fa_dense *layer, fa__dtype dtype, int backward);

/* Whether a workspace is large enough to run at all */
int fa__stack_fits(const fa_dense *layer, fa__dtype dtype, int backward, const void *workspace, size_t bytes);

/* FA_OK, or FA_TOO_SMALL; then nothing is written */
int fa__run_stack(const fa_dense *layer, fa__dtype dtype, int backward, void *workspace, size_t bytes);

#endif
