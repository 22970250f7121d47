/* Networks of one shape, which differ in their parameters: each is computed by one thread, in memory that the thread uses
 * for all of its networks. */
#ifndef FA_TRAINING_NETWORK_COPIES_H
#define FA_TRAINING_NETWORK_COPIES_H

#include "training/network_passes.h"

/* Distances are in bytes, from one copy's array to the next one's; 0 where all share one */
typedef struct {
    fa__passes first; /* of the first copy, by the first thread; its layers and norms are changed */
    size_t copies;
    size_t parameters; /* of w, b, norms' weight and bias, and of gradients with respect to them */
    size_t x, target, weights, losses;
    const double *dropout; /* copies x layers, or null */
    const uint64_t *seeds; /* of dropout, one of each copy, as the next ones are */
    const size_t *numbers;
    size_t threads,
        memory; /* the memory of a thread is so many bytes after that of the one before it: layers, norms,
                               all that they write but gradients, and the workspace */
} fa__copies;

void fa__run_copies(const fa__copies *copies);

#endif
