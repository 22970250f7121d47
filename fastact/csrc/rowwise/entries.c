/* The table rowwise.def, compiled. */
#include <math.h>

#include "fastact/table.h"
#include "rowwise/call.h"

#define NAMED(i, parameter, default_, kind) +1
#define FA__ONE 1
#define FA__EACH 0
const fa__rowwise_entry fa__rowwise_entries[] = {
#define FA_ROWWISE(id, name, params, result, f, gradient, least, bounds, about) \
    {id,   #name,    FA__##result,       0 FA_EACH_PARAM(NAMED, params),        \
     f,    gradient, {FA__UNPACK least}, {FA__UNPACK bounds},                   \
     about},
#include "fastact/rowwise.def"
#undef FA_ROWWISE
};
