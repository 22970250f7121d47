/* Digests of every activation's results, one line each: the same on machines whose results have the same bits, whatever
 * their byte order. Numbers at equal steps through all bit patterns, then numbers near 0. NaNs count as equal. */
#include <fastact.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 4099, NEAR = 1021, N = STEPS + NEAR };

static float x32[N], grad32[N], y32[N];
static double x64[N], grad64[N], y64[N];

static void fill(void) {
    uint64_t state = 2463534242u;
    for (int i = 0; i < N; i++) {
        uint32_t bits32 = (uint32_t)(i * (UINT64_C(0xffffffff) / STEPS));
        uint64_t bits64 = (uint64_t)i * (UINT64_MAX / STEPS);
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double near = ((double)(state >> 11) * 0x1p-53 - 0.5) * 20;
        grad64[i] = near / 4, grad32[i] = (float)grad64[i];
        x64[i] = near, x32[i] = (float)near;
        if (i >= STEPS) continue;
        memcpy(&x32[i], &bits32, sizeof bits32);
        memcpy(&x64[i], &bits64, sizeof bits64);
    }
}

/* Fowler, Noll and Vo: FNV-1a, a byte at a time, the lowest first */
static uint64_t mix(uint64_t hash, uint64_t bits) {
    for (int i = 0; i < 8; i++) hash = (hash ^ (bits >> 8 * i & 255)) * UINT64_C(1099511628211);
    return hash;
}

static void print32(const char *name, const char *what) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &y32[i], sizeof bits);
        hash = mix(hash, isnan(y32[i]) ? 1 : bits);
    }
    printf("%s %s float32 %016" PRIx64 "\n", name, what, hash);
}

static void print64(const char *name, const char *what) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int i = 0; i < N; i++) {
        uint64_t bits;
        memcpy(&bits, &y64[i], sizeof bits);
        hash = mix(hash, isnan(y64[i]) ? 1 : bits);
    }
    printf("%s %s float64 %016" PRIx64 "\n", name, what, hash);
}

#define USUAL(i, parameter, default_, kind) , default_
#define FA_ACT(id, name, params, ...)                                               \
    static void print_##name(void) {                                                \
        fa_##name##_f32(x32, y32, N FA_EACH_PARAM(USUAL, params));                  \
        print32(#name, "forward");                                                  \
        fa_##name##_f64(x64, y64, N FA_EACH_PARAM(USUAL, params));                  \
        print64(#name, "forward");                                                  \
        fa_##name##_backward_f32(grad32, x32, y32, N FA_EACH_PARAM(USUAL, params)); \
        print32(#name, "backward");                                                 \
        fa_##name##_backward_f64(grad64, x64, y64, N FA_EACH_PARAM(USUAL, params)); \
        print64(#name, "backward");                                                 \
    }
#include "fastact/activations.def"
#undef FA_ACT

int main(void) {
    fill();
#define FA_ACT(id, name, ...) print_##name();
#include "fastact/activations.def"
#undef FA_ACT
    return 0;
}
