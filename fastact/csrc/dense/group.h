/* Groups of small layers: neighbours along the last axis of a stack, whose activation is one call. Must not depend
 * on how a stack is divided. */
#ifndef FA_DENSE_GROUP_H
#define FA_DENSE_GROUP_H

#include "dense/layer.h"

/* How many layers a group may have, for a planned job and the stack that it is from; 0 where layers are computed one
 * by one. Gradients of different layers must be in different places. */
size_t fa__group_size(const fa__layer_job *job, const fa_dense *all, int backward);

/* Bytes of workspace of a group, a multiple of FA__WORKSPACE_ALIGNMENT */
size_t fa__group_workspace(const fa__layer_job *job, int backward, size_t size);

/* Run `count` layers, the first of which is the job's, in a workspace for that many */
void fa__run_group(const fa__layer_job *job, const fa_dense *all, int backward, size_t count,
                   char *workspace);

#endif
