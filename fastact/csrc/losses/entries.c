/* The table losses.def, compiled. */
#include "fastact/table.h"
#include "losses/call.h"

#define NAMED(i, parameter, default_, kind) #parameter
#define VALUED(i, parameter, default_, kind) default_
#define KIND(i, parameter, default_, kind) FA__IS_##kind
#define FA__IS_POSITIVE 1
#define FA__IS_EACH 0
#define FA__IS_REALS 0
#define FA__IS_SIGNS 1
#define FA__ELEMENTS 0
#define FA__WEIGHTS 1
const fa__loss_entry fa__loss_entries[] = {
#define FA_LOSS(id, name, params, x, targets, f, gradient, terms, mean, bounds, about) \
    {id,                                                                               \
     #name,                                                                            \
     FA__FIRST params,                                                                 \
     "" FA_EACH_PARAM(NAMED, params),                                                  \
     0 FA_IF_PARAMS(params, +FA_EACH_PARAM(VALUED, params)),                           \
     0 FA_IF_PARAMS(params, +FA_EACH_PARAM(KIND, params)),                             \
     x,                                                                                \
     FA__IS_##targets,                                                                 \
     f,                                                                                \
     gradient,                                                                         \
     terms,                                                                            \
     FA__##mean,                                                                       \
     {FA__UNPACK bounds},                                                              \
     about},
#include "fastact/losses.def"
#undef FA_LOSS
};
