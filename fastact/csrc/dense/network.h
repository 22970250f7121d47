/* Networks: layers one after the other. Must not depend on the exported functions, which have checked the
 * layers. */
#ifndef FA_DENSE_NETWORK_H
#define FA_DENSE_NETWORK_H

#include "dense/stack.h"

/* The layer at an index of an array whose elements are as far apart as the first one's size says */
const fa_dense *fa__layer_at(const fa_dense *layers, size_t index);

int fa__network_fits(const fa_dense *layers, size_t count, fa__dtype dtype, int backward,
                     const void *workspace, size_t bytes);

/* Forward in ascending, backward in descending order. FA_OK, or FA_TOO_SMALL at the first layer that does not fit. */
int fa__run_network(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
                    size_t bytes);

/* Bytes of workspace with which the limit on threads can be used */
size_t fa__network_workspace(const fa_dense *layers, size_t count, fa__dtype dtype, int backward);

#endif
