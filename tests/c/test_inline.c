/* The inline functions of fastact/scalar.h against the library's functions of one number, with the default parameters. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "checks.h"
#include "fastact.h"
#include "fastact/scalar.h"

enum { STEPS = 20011, NEAR = 4001 };

static int same32(float a, float b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static int same64(double a, double b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* Numbers at equal steps through all bit patterns, then multiples of 1/256 around 0, which have all kinks */
static float number32(int i) {
    uint32_t bits = (uint32_t)i * (UINT32_MAX / STEPS);
    float x;
    memcpy(&x, &bits, sizeof x);
    return i < STEPS ? x : (float)(i - STEPS - NEAR / 2) / 256;
}

static double number64(int i) {
    uint64_t bits = (uint64_t)i * (UINT64_MAX / STEPS);
    double x;
    memcpy(&x, &bits, sizeof x);
    return i < STEPS ? x : (double)(i - STEPS - NEAR / 2) / 256;
}

static const float special32[] = {-0.0f, 0.0f, INFINITY, -INFINITY, NAN};
static const double special64[] = {-0.0, 0.0, INFINITY, -INFINITY, NAN};
enum { SPECIAL = sizeof special32 / sizeof *special32 };

#define AGAINST(name, dtype, bits, T, ...)                                                       \
    for (int i = 0; i < STEPS + NEAR + SPECIAL; i++) {                                           \
        T x = i < STEPS + NEAR ? number##bits(i) : special##bits[i - STEPS - NEAR];              \
        if (!same##bits(fa_inline_##name##_##dtype(__VA_ARGS__), fa_##name##_scalar_##dtype(x))) \
            differing++;                                                                         \
    }
#define COMPARE(name, ...)                                                   \
    do {                                                                     \
        size_t differing = 0;                                                \
        AGAINST(name, f32, 32, float, __VA_ARGS__)                           \
        AGAINST(name, f64, 64, double, __VA_ARGS__)                          \
        check(differing == 0, "inline as in the library", #name, differing); \
    } while (0)
#define SLOPE(x) (sizeof(x) == sizeof(float) ? 0.01f : 0.01)
#define BOTH(name, ...)         \
    COMPARE(name, __VA_ARGS__); \
    COMPARE(name##_derivative, __VA_ARGS__)

int main(void) {
    BOTH(relu, x);
    BOTH(relu6, x);
    BOTH(leaky_relu, x, SLOPE(x));
    BOTH(hard_tanh, x, -1, 1);
    BOTH(hard_shrink, x, 0.5f);
    BOTH(soft_shrink, x, 0.5f);
    BOTH(relu_squared, x);
    return report();
}
