/* Both passes of a network with norms and dropout between its products. The step and its layers, norms and rates have been
 * checked. */
#ifndef FA_TRAINING_NETWORK_PASSES_H
#define FA_TRAINING_NETWORK_PASSES_H

#include "dense/network.h"

typedef struct {
    const fa_network_step *step;
    fa__dtype dtype;
    void *workspace; /* in which each layer fits */
    size_t bytes;
} fa__passes;

/* The norm of a layer, or null */
const fa_network_norm *fa__norm_at(const fa_network_step *step, size_t index);

/* What the next layer reads, or the loss */
void *fa__result_of(const fa_network_step *step, size_t index);

/* Of labels, or probabilities, with one loss for each row; otherwise the number of an element-wise loss, or -1 */
int fa__has_loss_of_labels(const fa_network_step *step);
int fa__entry_of_loss(const fa_network_step *step);

/* Forward, the loss, and backward. Gradients take the place of those that were handed on: of the dx of later layers, and
 * of the last result. */
void fa__differentiate(const fa__passes *passes);

#endif
