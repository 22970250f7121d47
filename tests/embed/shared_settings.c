/* A library of another project: what it sees of the settings, and a computation of its own. */
#include <fastact.h>

const char *client_isa(void) {
    return fa_isa();
}

int client_threads(void) {
    return fa_num_threads();
}

void client_mish(const float *x, float *y, size_t n) {
    fa_mish_f32(x, y, n);
}
