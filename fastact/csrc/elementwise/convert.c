/* Conversion between arrays and the buffers of kernels of FA_REAL.
 *
 * Frequent strides are compile-time constants, for which the compiler emits vector code. */
#include "elementwise/convert.h"

#include <stdint.h>
#include <string.h>

#include "platform/float16.h"
#include "platform/kernel.h"
#include "platform/vectors.h"

/* elements in memory: of any alignment, and possibly aliased */
#define ANY __attribute__((aligned(1), may_alias))
typedef ANY float any_float;
typedef ANY double any_double;
typedef ANY real any_real;
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

/* Spans ------------------------------------------------------------------------------------------ */

/* elements k apart, k a compile-time constant */
#define BY(k, COMPUTED, WIDEN)                                                        \
    if (stride == (k) * size) {                                                       \
        for (ptrdiff_t i = 0; i < count; i++) to[i] = (COMPUTED)WIDEN(from[(k) * i]); \
        return;                                                                       \
    }

#define LOADER(function, STORED, COMPUTED, WIDEN)                                  \
    static void function(char *buffer, char *memory, ptrdiff_t stride, size_t n) { \
        const ptrdiff_t size = sizeof(STORED), count = (ptrdiff_t)n;               \
        COMPUTED *restrict to = (COMPUTED *)(void *)buffer;                        \
        const STORED *restrict from = (const STORED *)(void *)memory;              \
        BY(1, COMPUTED, WIDEN)                                                     \
        BY(0, COMPUTED, WIDEN)                                                     \
        BY(2, COMPUTED, WIDEN)                                                     \
        BY(-1, COMPUTED, WIDEN)                                                    \
        BY(3, COMPUTED, WIDEN)                                                     \
        BY(4, COMPUTED, WIDEN)                                                     \
        for (ptrdiff_t i = 0; i < count; i++, memory += stride)                    \
            to[i] = (COMPUTED)WIDEN(*(const STORED *)memory);                      \
    }

#define STORER(function, STORED)                                                          \
    static void function(char *buffer, char *memory, ptrdiff_t stride, size_t n) {        \
        const STORED *restrict from = (const STORED *)(void *)buffer;                     \
        if (stride == (ptrdiff_t)sizeof(STORED))                                          \
            memcpy(memory, buffer, n * sizeof(STORED));                                   \
        else                                                                              \
            for (size_t i = 0; i < n; i++, memory += stride) *(STORED *)memory = from[i]; \
    }
STORER(store, any_real)

#if defined(FA__SMALL) /* C functions take arrays of their own type only */
#if FA__REAL_IS_DOUBLE
#define EACH_SOURCE(M) M(F64, any_double, SAME)
#else
#define EACH_SOURCE(M) M(F32, any_float, SAME)
#endif
#define FLOAT16_CONVERTERS
#else

/* float16 elements are converted in groups of so many contiguous ones; kernels of double seldom have any */
#define GROUP 64

#if FA__REAL_IS_DOUBLE
#define FLOAT16_CONVERTERS .load[FA__F16] = load_f16,
static void load_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    double *to = (double *)(void *)buffer;
    for (size_t i = 0; i < n; i++, memory += stride) to[i] = fa__float16_to_float32(*(const any_u16 *)memory);
}
#else
#define FLOAT16_CONVERTERS .load[FA__F16] = load_f16, .store_float16 = store_f16,
STORER(store_u16, any_u16)
LOADER(load_u16, any_u16, uint16_t, SAME)

static void load_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    uint16_t group[GROUP];
    for (size_t done = 0; done < n; done += GROUP, memory += GROUP * stride) {
        size_t some = n - done < GROUP ? n - done : GROUP;
        load_u16((char *)group, memory, stride, some);
        fa__float16_to_float32_n((float *)(void *)buffer + done, group, some);
    }
}

static void store_f16(char *buffer, char *memory, ptrdiff_t stride, size_t n) {
    uint16_t group[GROUP];
    for (size_t done = 0; done < n; done += GROUP, memory += GROUP * stride) {
        size_t some = n - done < GROUP ? n - done : GROUP;
        fa__float32_to_float16_n(group, (const float *)(const void *)buffer + done, some);
        store_u16((char *)group, memory, stride, some);
    }
}
#endif

/* source, type in memory, and its conversion to a number */
#define EACH_SOURCE(M)                     \
    M(F32, any_float, SAME)                \
    M(F64, any_double, SAME)               \
    M(I8, any_i8, SAME)                    \
    M(U8, any_u8, SAME)                    \
    M(I16, any_i16, SAME)                  \
    M(U16, any_u16, SAME)                  \
    M(I32, any_i32, SAME)                  \
    M(U32, any_u32, SAME)                  \
    M(I64, any_i64, SAME)                  \
    M(U64, any_u64, SAME)                  \
    M(SWAPPED_F32, any_u32, swapped_float) \
    M(SWAPPED_F64, any_u64, swapped_double)
#endif /* FA__SMALL */

#define LOADER_OF(name, STORED, WIDEN) LOADER(load_##name, STORED, real, WIDEN)
EACH_SOURCE(LOADER_OF)

/* Square tiles ----------------------------------------------------------------------------------- */

/* a square of LANES elements a side, transposed in registers */
static inline void transpose_square(real *to, size_t width, const char *from, ptrdiff_t along) {
    vector rows[LANES];
    UNROLL for (int i = 0; i < LANES; i++) memcpy(&rows[i], from + i * along, sizeof rows[i]);
    ROUND(rows, 1)
    ROUND(rows, 2)
    ROUND(rows, 4)
    ROUND(rows, 8)
    UNROLL for (int j = 0; j < LANES; j++) memcpy(to + (size_t)j * width, &rows[j], sizeof rows[j]);
}

static void load_transposed(char *buffer, char *memory, ptrdiff_t along, ptrdiff_t across, size_t width,
                            size_t height) {
    real *restrict to = (real *)(void *)buffer;
    int squares = across == (ptrdiff_t)sizeof(real);
    size_t whole_width = squares ? width / LANES * LANES : 0,
           whole_height = squares ? height / LANES * LANES : 0;
    for (size_t i = 0; i < whole_width; i += LANES)
        for (size_t j = 0; j < whole_height; j += LANES)
            transpose_square(to + j * width + i, width, memory + (ptrdiff_t)i * along + (ptrdiff_t)j * across,
                             along);
    for (size_t i = 0; i < width; i++, memory += along)
        for (size_t j = i < whole_width ? whole_height : 0; j < height; j++)
            to[j * width + i] = *(const any_real *)(memory + (ptrdiff_t)j * across);
}

/* in pieces of a constant size, the last of which may overlap the one before */
#define COPY(bytes)                                                                                \
    if (span >= (bytes)) {                                                                         \
        for (size_t at = 0; at < span - (bytes); at += (bytes)) memcpy(to + at, from + at, bytes); \
        memcpy(to + span - (bytes), from + span - (bytes), bytes);                                 \
        return;                                                                                    \
    }

static inline void copy_span(char *restrict to, const char *restrict from, size_t span) {
    COPY(sizeof(vector))
    COPY(32)
    COPY(16)
    COPY(8)
    memcpy(to, from, sizeof(float));
}

static void copy_spans(char *to, ptrdiff_t to_apart, const char *from, ptrdiff_t from_apart, size_t span,
                       size_t height) {
    for (; height; height--, to += to_apart, from += from_apart) copy_span(to, from, span);
}

/* All ---------------------------------------------------------------------------------------------- */

#define LOAD(name, STORED, WIDEN) [FA__##name] = load_##name,
const fa__converters FA__KERNEL_NAME(fa__converters) = {.load = {EACH_SOURCE(LOAD)},
                                                        FLOAT16_CONVERTERS.store = store,
                                                        .load_transposed = load_transposed,
                                                        .copy_spans = copy_spans};
