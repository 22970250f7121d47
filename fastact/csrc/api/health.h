/* What the Python extension uses of health counters, by a capsule. */
#ifndef FA_API_HEALTH_H
#define FA_API_HEALTH_H

#include "fastact.h"

typedef struct {
    int (*f32)(const fa_health *call);
    int (*f64)(const fa_health *call);
    int (*forward[2])(const fa_dense *layer, const fa_health *counters, void *workspace, size_t bytes);
    size_t (*workspace[2])(const fa_dense *layer, int backward);
} fa__health_functions;
extern const fa__health_functions fa__health_functions_for_python;

#endif
