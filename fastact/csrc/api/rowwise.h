/* What the Python extension uses of row-wise functions, by a capsule. */
#ifndef FA_API_ROWWISE_H
#define FA_API_ROWWISE_H

#include "losses/call.h"
#include "rowwise/call.h"
#include "rowwise/gated_call.h"

typedef struct {
    const fa__rowwise_entry *entries;
    int n_entries;
    void (*run_rows)(const fa__rows_call *call);
    void (*run_cross_entropy)(const fa__cross_entropy_call *call);
    void (*run_gated)(const fa__gated_call *call);
    void (*run_nll)(const fa__cross_entropy_call *call);
    const fa__loss_entry *losses;
    int n_losses;
    void (*run_loss)(const fa__loss_call *call);
} fa__rowwise_functions;
extern const fa__rowwise_functions fa__rowwise_functions_for_python;

#endif
