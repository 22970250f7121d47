/* The rows of activations.def as data, for introspection. Does not know what they compute. */
#include "elementwise/internal.h"

#include "fastact/table.h"

#define FA__NAME(i, parameter, default_, kind) #parameter,
#define FA__DEFAULT(i, parameter, default_, kind) default_,
#define FA__DERIVATIVE_TEXT(i, parameter, default_, kind) FA_LEARNED_TEXT(kind),
#define FA__SOURCE(from) FA__SOURCE_UNPACKED(FA__UNPACK from)
#define FA__SOURCE_UNPACKED(...) FA__SOURCE_FIELDS(__VA_ARGS__)
#define FA__SOURCE_FIELDS(kind, formula, condition) FA__IS_##kind, formula, condition
#define FA__IS_OUTPUT 1
#define FA__IS_INPUT 0

const fa__row fa__rows[FA__ROWS] = {
#define FA_ACT(name, params, f, df, kinks, from, ulp32, ulp64, ulp64d, about) \
    {#name,                                                                   \
     FA__FIRST params,                                                        \
     {FA_EACH_PARAM(FA__NAME, params)},                                       \
     {FA_EACH_PARAM(FA__DEFAULT, params)},                                    \
     {FA_EACH_PARAM(FA__DERIVATIVE_TEXT, params)},                            \
     f,                                                                       \
     df,                                                                      \
     kinks,                                                                   \
     FA__SOURCE(from),                                                        \
     ulp32,                                                                   \
     ulp64,                                                                   \
     ulp64d,                                                                  \
     about},
#include "fastact/activations.def"
#undef FA_ACT
};

const fa__arity fa__arities[FA__DIRECTIONS] = {
    [FA__FORWARD] = {1, 1},
    [FA__DERIVATIVE] = {1, 1},
    [FA__BACKWARD] = {2, 1},
    [FA__VALUE_AND_DERIVATIVE] = {1, 2},
    [FA__BACKWARD_FROM_OUTPUT] = {2, 1},
    [FA__BY_PARAMETER] = {1, 1},
    {1, 1},
    {1, 1},
    {1, 1},
};
