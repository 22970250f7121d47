/* The table of activations, compiled: its entries as data. */
#ifndef FA_ELEMENTWISE_ENTRIES_H
#define FA_ELEMENTWISE_ENTRIES_H

#include "platform/loop.h"

typedef enum {
    FA__FORWARD,
    FA__DERIVATIVE,
    FA__BACKWARD,
    FA__VALUE_AND_DERIVATIVE,
    FA__BACKWARD_FROM_OUTPUT,
    FA__BY_PARAMETER, /* derivative with respect to parameter 0; the others follow */
    FA__DIRECTIONS = FA__BY_PARAMETER + FA__MAX_PARAMS
} fa__direction;

/* How many operands precede the parameters, and how many results follow them */
typedef struct {
    int inputs, results;
} fa__arity;
extern const fa__arity fa__arities[FA__DIRECTIONS];

/* Entries are numbered in the order of the table; ids, which are public, need not follow it */
enum {
#define FA_ACT(id, name, ...) FA__ENTRY_##name,
#include "fastact/activations.def"
#undef FA_ACT
    FA__ENTRIES
};

typedef struct {
    int id;
    const char *name;
    int n_params;
    const char *param_names[FA__MAX_PARAMS];
    double param_defaults[FA__MAX_PARAMS];
    const char *param_derivatives[FA__MAX_PARAMS]; /* df/dparameter, "" where it is not learned */
    const char *formula, *derivative_formula, *kinks;
    int from_output;                        /* whether f' follows from y */
    const char *output_formula, *condition; /* f'(y) and when it holds; or the reason why not, and "" */
    int saves;                              /* an fa_saving: the least from which f' follows exactly */
    const char *mask[2];                    /* the two values of f', as formulas; null where it has more */
    double ulp_f32, ulp_f64, ulp_f64_derivative;
    const char *worst; /* the worst inputs known, as the table writes them */
    const char *about;
} fa__entry;
extern const fa__entry fa__entries[FA__ENTRIES];

/* Ids of entries that other code names, also in a library of some activations, whose header lacks the others */
enum { FA__ID_IDENTITY = 0, FA__ID_RELU = 1 };

int fa__find_entry(int id); /* its number, or -1 */

/* The two values of an entry's f' for given parameters; returns 0 where f' has more than two */
int fa__mask_values(int entry, const double *parameters, double values[2]);

#endif
