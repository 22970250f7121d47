/* The exported element-wise losses, made from their table, and their checks. */
#include <math.h>

#include "fastact.h"
#include "losses/call.h"

static int run(fa__loss_call *call, double *total) {
    const fa__loss_entry *entry = &fa__loss_entries[call->entry];
    if (call->n > PTRDIFF_MAX / sizeof(double)) return FA_INVALID;
    if (entry->is_positive && !(*call->parameter > 0 && *call->parameter < INFINITY)) return FA_INVALID;
    if (call->n > 0 && (!call->x || !call->target)) return FA_INVALID;
    fa__loss_sum sum;
    call->total = &sum;
    fa__run_loss(call);
    if (total) *total = sum.high + sum.low;
    return FA_OK;
}

#define PASS(i, parameter, default_, kind) , (double)parameter
#define DEFINE(name, params, T, dtype, suffix, args)                                                      \
    int fa_##name##_##dtype(const T *x, const T *target, const double *weights, T *losses, double *total, \
                            T *grad_x, double factor, size_t n args) {                                    \
        const double parameters[] = {0 FA_EACH_PARAM(PASS, params)};                                      \
        fa__loss_call call = {FA__LOSS_##name,                                                            \
                              FA__##suffix,                                                               \
                              n,                                                                          \
                              x,                                                                          \
                              target,                                                                     \
                              weights,                                                                    \
                              FA__FIRST params ? parameters + 1 : 0,                                      \
                              1,                                                                          \
                              factor,                                                                     \
                              losses,                                                                     \
                              grad_x,                                                                     \
                              0};                                                                         \
        return run(&call, total);                                                                         \
    }
#define FA_LOSS(id, name, params, ...)                                              \
    DEFINE(name, params, float, f32, F32, FA_EACH_PARAM(FA__DECLARE_FLOAT, params)) \
    DEFINE(name, params, double, f64, F64, FA_EACH_PARAM(FA__DECLARE_DOUBLE, params))
#include "fastact/losses.def"
#undef FA_LOSS
