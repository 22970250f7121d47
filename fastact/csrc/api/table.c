/* The exported functions that describe activations. */
#include <string.h>

#include "elementwise/entries.h"
#include "fastact.h"

int fa_activation_by_name(const char *name) {
    for (int entry = 0; name && entry < FA__ENTRIES; entry++)
        if (strcmp(fa__entries[entry].name, name) == 0) return fa__entries[entry].id;
    return FA_INVALID;
}

_Static_assert(sizeof(fa_activation) == 64,
               "a field was added: it must not be written to structs whose size does not reach it");

int fa_activation_info(int id, fa_activation *found) {
    int number = fa__find_entry(id);
    if (number < 0 || !found || found->size < sizeof *found) return FA_INVALID;
    const fa__entry *entry = &fa__entries[number];
    found->id = id;
    found->name = entry->name;
    found->n_parameters = (size_t)entry->n_params;
    found->parameter_names = entry->param_names;
    found->parameter_defaults = entry->param_defaults;
    found->from_output = entry->from_output;
    found->saves = entry->saves;
    found->has_mask = entry->mask[0] != 0;
    return FA_OK;
}

int fa_activation_mask_values(int id, const double *parameters, size_t n_parameters, double values[2]) {
    int number = fa__find_entry(id);
    if (number < 0 || !values) return FA_INVALID;
    const fa__entry *entry = &fa__entries[number];
    if (n_parameters != 0 && (n_parameters != (size_t)entry->n_params || !parameters)) return FA_INVALID;
    return fa__mask_values(number, n_parameters ? parameters : entry->param_defaults, values) ? FA_OK
                                                                                              : FA_INVALID;
}
