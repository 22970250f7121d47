/* The exported functions of single numbers, made from the table. */
#include "elementwise/scalar.h"
#include "fastact.h"

#define FA__DEFINE(name, suffix, entry, direction)                          \
    float fa_##name##suffix##scalar_f32(float x) {                          \
        return fa__compute_float(entry, direction, x);                      \
    }                                                                       \
    double fa_##name##suffix##scalar_f64(double x) {                        \
        return fa__compute_double(entry, direction, x, 0);                  \
    }                                                                       \
    double fa_##name##suffix##scalar_with_f64(double x, void *parameters) { \
        return fa__compute_double(entry, direction, x, parameters);         \
    }
#define FA_ACT(id, name, ...)                          \
    FA__DEFINE(name, _, FA__ENTRY_##name, FA__FORWARD) \
    FA__DEFINE(name, _derivative_, FA__ENTRY_##name, FA__DERIVATIVE)
#include "fastact/activations.def"
#undef FA_ACT
