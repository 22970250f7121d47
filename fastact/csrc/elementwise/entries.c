/* The entries of activations.def as data. Must not depend on how anything is computed. */
#include "elementwise/entries.h"

#include "fastact.h"
#include "fastact/table.h"

#if !defined(FA__SMALL)
_Static_assert((int)FA__ID_IDENTITY == (int)FA_identity && (int)FA__ID_RELU == (int)FA_relu,
               "ids of the table");
#endif

#define NAME(i, parameter, default_, kind) #parameter,
#define DEFAULT(i, parameter, default_, kind) default_,
#define DERIVATIVE(i, parameter, default_, kind) FA_LEARNED_TEXT(kind),

/* (OUTPUT, "f'(y)", "condition") or (INPUT, "reason", "") */
#define FROM(kind, text, condition) FROM_##kind, text, condition
#define FROM_OUTPUT 1
#define FROM_INPUT 0

/* (OUTPUT, MASK(0, slope)), say, or (INPUT, NO_MASK) */
#define SAVES(kind, mask) FA_SAVE_##kind, TEXTS_##mask
#define TEXTS_MASK(low, high) {#low, #high}
#define TEXTS_NO_MASK {0, 0}

const fa__entry fa__entries[FA__ENTRIES] = {
#define FA_ACT(id, name, params, f, df, kinks, from, saves, cost, ulp32, ulp64, ulp64d, worst, about) \
    {id,                                                                                              \
     #name,                                                                                           \
     FA__FIRST params,                                                                                \
     {FA_EACH_PARAM(NAME, params)},                                                                   \
     {FA_EACH_PARAM(DEFAULT, params)},                                                                \
     {FA_EACH_PARAM(DERIVATIVE, params)},                                                             \
     f,                                                                                               \
     df,                                                                                              \
     kinks,                                                                                           \
     FROM from,                                                                                       \
     SAVES saves,                                                                                     \
     ulp32,                                                                                           \
     ulp64,                                                                                           \
     ulp64d,                                                                                          \
     #worst,                                                                                          \
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

/* a switch, so that an id used twice does not compile */
int fa__find_entry(int id) {
    switch (id) {
#define FA_ACT(id, name, ...) \
    case id:                  \
        return FA__ENTRY_##name;
#include "fastact/activations.def"
#undef FA_ACT
    default:
        return -1;
    }
}

/* As in the texts: p/q if the value is that, rounded to double or float; otherwise the value. A library of some activations
 * may have no use for it, nor for parameters. */
__attribute__((unused)) static double unrounded(double value, double p, double q) {
    return value == p / q || value == (double)(float)(p / q) ? p / q : value;
}

#define READ(i, parameter, default_, kind)  \
    const double parameter = parameters[i]; \
    (void)parameter;
#define VALUES(kind, mask) VALUES_##mask
#define VALUES_MASK(low, high) \
    values[0] = low;           \
    values[1] = high;          \
    return 1;
#define VALUES_NO_MASK return 0;

int fa__mask_values(int entry, const double *parameters, double values[2]) {
    (void)parameters;
    switch (entry) {
#define FA_ACT(id, name, params, f, df, kinks, from, saves, ...) \
    case FA__ENTRY_##name: {                                     \
        FA_EACH_PARAM(READ, params)                              \
        VALUES saves                                             \
    }
#include "fastact/activations.def"
#undef FA_ACT
    default:
        return 0;
    }
}
