/* The table rowwise.def, compiled. */
#include <math.h>

#include "fastact/table.h"
#include "rowwise/call.h"

#define NAMED(i, parameter, default_, kind) +1
const fa__rowwise_entry fa__rowwise_entries[] = {
#define FA_ROWWISE(id, name, params, result, f, gradient, least, bounds, about) \
    {id,   #name,    FA__##result,       0 FA_EACH_PARAM(NAMED, params),        \
     f,    gradient, {FA__UNPACK least}, {FA__UNPACK bounds},                   \
     about},
#include "fastact/rowwise.def"
#undef FA_ROWWISE
};

size_t fa__row_results(int entry, size_t n, size_t pieces) {
    switch (fa__rowwise_entries[entry].result) {
    case FA__ONE:
        return 1;
    case FA__TWICE:
        return 2 * n;
    case FA__PIECES:
        return n / pieces;
    default:
        return n;
    }
}
