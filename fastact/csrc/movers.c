/* Moving elements between arrays and buffers: any stride, any alignment, numbers of any kind into float or double.
 * Does not know kernels, axes or threads.
 *
 * Common strides are compile-time constants, for which the compiler makes vector code. */
#include "movers.h"

#include <stdint.h>
#include <string.h>

#include "half.h"

/* elements in memory: of any alignment, and possibly part of anything */
#define ANY __attribute__((aligned(1), may_alias))
typedef ANY float any_float;
typedef ANY double any_double;
typedef ANY int8_t any_i8;
typedef ANY uint8_t any_u8;
typedef ANY int16_t any_i16;
typedef ANY uint16_t any_u16;
typedef ANY int32_t any_i32;
typedef ANY uint32_t any_u32;
typedef ANY int64_t any_i64;
typedef ANY uint64_t any_u64;

#define SAME(value) (value)

static inline float swapped_float(uint32_t bits) {
    float value;
    bits = __builtin_bswap32(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double swapped_double(uint64_t bits) {
    double value;
    bits = __builtin_bswap64(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Runs ------------------------------------------------------------------------------------------- */

/* elements k apart, where k is known to the compiler */
#define BY(k, COMPUTED, WIDEN)                                                        \
    if (stride == (k) * size) {                                                       \
        for (ptrdiff_t i = 0; i < count; i++) to[i] = (COMPUTED)WIDEN(from[(k) * i]); \
        return;                                                                       \
    }

#define LOADER(function, STORED, COMPUTED, WIDEN) LOADER_FOR(, function, STORED, COMPUTED, WIDEN)
#define LOADER_FOR(attribute, function, STORED, COMPUTED, WIDEN)                             \
    attribute static void function(char *buffer, char *memory, ptrdiff_t stride, size_t n) { \
        const ptrdiff_t size = sizeof(STORED), count = (ptrdiff_t)n;                         \
        COMPUTED *restrict to = (COMPUTED *)(void *)buffer;                                  \
        const STORED *restrict from = (const STORED *)(void *)memory;                        \
        BY(1, COMPUTED, WIDEN)                                                               \
        BY(0, COMPUTED, WIDEN)                                                               \
        BY(2, COMPUTED, WIDEN)                                                               \
        BY(-1, COMPUTED, WIDEN)                                                              \
        BY(3, COMPUTED, WIDEN)                                                               \
        BY(4, COMPUTED, WIDEN)                                                               \
        for (ptrdiff_t i = 0; i < count; i++, memory += stride)                              \
            to[i] = (COMPUTED)WIDEN(*(const STORED *)memory);                                \
    }

#define STORER(function, STORED)                                                          \
    static void function(char *buffer, char *memory, ptrdiff_t stride, size_t n) {        \
        const STORED *restrict from = (const STORED *)(void *)buffer;                     \
        if (stride == (ptrdiff_t)sizeof(STORED))                                          \
            memcpy(memory, buffer, n * sizeof(STORED));                                   \
        else                                                                              \
            for (size_t i = 0; i < n; i++, memory += stride) *(STORED *)memory = from[i]; \
    }
STORER(store_f32, any_float)
STORER(store_f64, any_double)
STORER(store_u16, any_u16)
LOADER(load_u16, any_u16, uint16_t, SAME)

/* Halves are converted a few at a time, next to each other */
#define HALVES 64

static void load_f16_float(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    uint16_t halves[HALVES];
    for (size_t done = 0; done < n; done += HALVES, memory += HALVES * stride) {
        size_t some = n - done < HALVES ? n - done : HALVES;
        load_u16((char *)halves, memory, stride, some);
        fa__floats_from_halves((float *)(void *)buffer + done, halves, some);
    }
}

static void load_f16_double(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    double *to = (double *)(void *)buffer;
    for (size_t i = 0; i < n; i++, memory += stride) to[i] = fa__float_from_half(*(const any_u16 *)memory);
}

static void store_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    uint16_t halves[HALVES];
    for (size_t done = 0; done < n; done += HALVES, memory += HALVES * stride) {
        size_t some = n - done < HALVES ? n - done : HALVES;
        fa__halves_from_floats(halves, (const float *)(const void *)buffer + done, some);
        store_u16((char *)halves, memory, stride, some);
    }
}

/* source, type in memory, and what makes a number of it; each read as float and as double */
#define EACH_SOURCE(M)                     \
    M(f32, any_float, SAME)                \
    M(f64, any_double, SAME)               \
    M(i8, any_i8, SAME)                    \
    M(u8, any_u8, SAME)                    \
    M(i16, any_i16, SAME)                  \
    M(u16, any_u16, SAME)                  \
    M(i32, any_i32, SAME)                  \
    M(u32, any_u32, SAME)                  \
    M(i64, any_i64, SAME)                  \
    M(u64, any_u64, SAME)                  \
    M(swapped_f32, any_u32, swapped_float) \
    M(swapped_f64, any_u64, swapped_double)
#define LOADERS(name, STORED, WIDEN)                  \
    LOADER(load_##name##_float, STORED, float, WIDEN) \
    LOADER(load_##name##_double, STORED, double, WIDEN)
EACH_SOURCE(LOADERS)

#define BOTH(name) {load_##name##_float, load_##name##_double}

static fa__mover *const loaders[FA__SOURCES][2] = {[FA__F32] = BOTH(f32),
                                                   [FA__F64] = BOTH(f64),
                                                   [FA__F16] = BOTH(f16),
                                                   [FA__I8] = BOTH(i8),
                                                   [FA__U8] = BOTH(u8),
                                                   [FA__I16] = BOTH(i16),
                                                   [FA__U16] = BOTH(u16),
                                                   [FA__I32] = BOTH(i32),
                                                   [FA__U32] = BOTH(u32),
                                                   [FA__I64] = BOTH(i64),
                                                   [FA__U64] = BOTH(u64),
                                                   [FA__SWAPPED_F32] = BOTH(swapped_f32),
                                                   [FA__SWAPPED_F64] = BOTH(swapped_f64)};

#if defined(__x86_64__)
/* bytes are swapped by one shuffle, if there is one */
#define SHUFFLES __attribute__((target("avx2")))
LOADER_FOR(SHUFFLES, shuffle_f32_float, any_u32, float, swapped_float)
LOADER_FOR(SHUFFLES, shuffle_f32_double, any_u32, double, swapped_float)
LOADER_FOR(SHUFFLES, shuffle_f64_float, any_u64, float, swapped_double)
LOADER_FOR(SHUFFLES, shuffle_f64_double, any_u64, double, swapped_double)
static fa__mover *const shufflers[2][2] = {{shuffle_f32_float, shuffle_f32_double},
                                           {shuffle_f64_float, shuffle_f64_double}};

fa__mover *fa__loader(fa__source source, fa__dtype dtype) {
    if (source >= FA__SWAPPED_F32 && __builtin_cpu_supports("avx2"))
        return shufflers[source - FA__SWAPPED_F32][dtype == FA__F64];
    return loaders[source][dtype == FA__F64];
}
#else
fa__mover *fa__loader(fa__source source, fa__dtype dtype) {
    return loaders[source][dtype == FA__F64];
}
#endif

fa__mover *fa__storer(fa__dtype dtype) {
    return dtype == FA__F32 ? store_f32 : dtype == FA__F64 ? store_f64 : store_f16;
}

/* Tiles ------------------------------------------------------------------------------------------ */

#define LINE 64

/* ask for all lines of a tile at once: they lie in as many places as it is wide, where no hardware looks ahead */
static void prefetch_tile(const char *memory, ptrdiff_t along, ptrdiff_t across, size_t width,
                          size_t height) {
    ptrdiff_t reach = across * (ptrdiff_t)(height - 1), step = reach < 0 ? -LINE : LINE;
    for (size_t i = 0; i < width; i++, memory += along)
        for (ptrdiff_t at = 0; step < 0 ? at >= reach : at <= reach; at += step)
            __builtin_prefetch(memory + at);
}

/* PATCH is the side of a square that is transposed in registers */
#define TRANSPOSER(function, STORED, COMPUTED, PATCH, TRANSPOSE_PATCH)                                \
    static void function(char *buffer, char *memory, ptrdiff_t along, ptrdiff_t across, size_t width, \
                         size_t height) {                                                             \
        COMPUTED *restrict to = (COMPUTED *)(void *)buffer;                                           \
        int patches = across == (ptrdiff_t)sizeof(STORED);                                            \
        size_t whole_width = patches ? width / PATCH * PATCH : 0,                                     \
               whole_height = patches ? height / PATCH * PATCH : 0;                                   \
        prefetch_tile(memory, along, across, width, height);                                          \
        for (size_t i = 0; i < whole_width; i += PATCH)                                               \
            for (size_t j = 0; j < whole_height; j += PATCH)                                          \
                TRANSPOSE_PATCH(to + j * width + i, width,                                            \
                                memory + (ptrdiff_t)i * along + (ptrdiff_t)j * across, along);        \
        for (size_t i = 0; i < width; i++, memory += along)                                           \
            for (size_t j = i < whole_width ? whole_height : 0; j < height; j++)                      \
                to[j * width + i] = *(const STORED *)(memory + (ptrdiff_t)j * across);                \
    }

typedef float __attribute__((vector_size(16))) four_floats;
typedef int __attribute__((vector_size(16))) four_ints;
typedef double __attribute__((vector_size(16))) two_doubles;
typedef long long __attribute__((vector_size(16))) two_longs;

/* elements of a and b by number, those of b after those of a */
#if defined(__clang__)
#define MIX(a, b, numbers, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MIX(a, b, numbers, ...) __builtin_shuffle(a, b, (numbers){__VA_ARGS__})
#endif

static inline void transpose_floats(float *to, size_t width, const char *from, ptrdiff_t along) {
    four_floats a, b, c, d;
    memcpy(&a, from, sizeof a);
    memcpy(&b, from + along, sizeof b);
    memcpy(&c, from + 2 * along, sizeof c);
    memcpy(&d, from + 3 * along, sizeof d);
    four_floats ab_low = MIX(a, b, four_ints, 0, 4, 1, 5), ab_high = MIX(a, b, four_ints, 2, 6, 3, 7),
                cd_low = MIX(c, d, four_ints, 0, 4, 1, 5), cd_high = MIX(c, d, four_ints, 2, 6, 3, 7);
    four_floats rows[] = {
        MIX(ab_low, cd_low, four_ints, 0, 1, 4, 5), MIX(ab_low, cd_low, four_ints, 2, 3, 6, 7),
        MIX(ab_high, cd_high, four_ints, 0, 1, 4, 5), MIX(ab_high, cd_high, four_ints, 2, 3, 6, 7)};
    for (int j = 0; j < 4; j++) memcpy(to + (size_t)j * width, &rows[j], sizeof rows[j]);
}

static inline void transpose_doubles(double *to, size_t width, const char *from, ptrdiff_t along) {
    two_doubles a, b;
    memcpy(&a, from, sizeof a);
    memcpy(&b, from + along, sizeof b);
    two_doubles first = MIX(a, b, two_longs, 0, 2), second = MIX(a, b, two_longs, 1, 3);
    memcpy(to, &first, sizeof first);
    memcpy(to + width, &second, sizeof second);
}

TRANSPOSER(load_transposed_f32, any_float, float, 4, transpose_floats)
TRANSPOSER(load_transposed_f64, any_double, double, 2, transpose_doubles)

fa__transposer *fa__transposing_loader(fa__source source, fa__dtype dtype) {
    if ((int)source != (int)dtype || dtype == FA__F16) return 0;
    return dtype == FA__F32 ? load_transposed_f32 : load_transposed_f64;
}
