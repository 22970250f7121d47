/* Stores that pass the caches by, for results too large to stay in them: otherwise each line of a result is read
 * from memory before it is written; and beside them inputs are fetched. One function per instruction set, from one
 * text, behind the kernel table. Does not know what it stores, nor when to. */
#include <string.h>

#include "elementwise/internal.h"

#if defined(FA__ON_x86_64)
#include <immintrin.h>

/* Wide stores matter: with 16 bytes each, most of what streaming gains is lost again. */
#define STREAM(isa, feature, vector, load, stream)                                                      \
    __attribute__((target(feature))) void fa__stream_##isa(fa__traffic *traffic) {                      \
        const char *coming[2] = {traffic->coming[0], traffic->coming[1]};                               \
        int inputs = traffic->inputs;                                                                   \
        size_t at = 0, some = traffic->coming_bytes > traffic->spared;                                  \
        size_t fetched = some ? traffic->coming_bytes - traffic->spared : 0;                            \
        for (; traffic->open; traffic->open--) {                                                        \
            int now = traffic->open - 1;                                                                \
            char *to = traffic->leaving[now].to;                                                        \
            const char *from = traffic->leaving[now].from, *end = from + traffic->leaving[now].bytes;   \
            for (; from < end; to += FA__LINE, from += FA__LINE) {                                      \
                for (size_t k = 0; k < FA__LINE; k += sizeof(vector))                                   \
                    stream((vector *)(void *)(to + k), load((const vector *)(const void *)(from + k))); \
                if (at >= fetched) continue;                                                            \
                fa__fetch_lines(coming, inputs, at);                                                    \
                at += FA__LINE;                                                                         \
            }                                                                                           \
        }                                                                                               \
        for (; at < fetched; at += FA__LINE) fa__fetch_lines(coming, inputs, at);                       \
        traffic->coming_bytes = 0;                                                                      \
    }
STREAM(sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128)
STREAM(avx2, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256)
STREAM(avx512, "avx512f", __m512i, _mm512_loadu_si512, _mm512_stream_si512)

void fa__stream_fence(void) {
    _mm_sfence();
}
#else
void fa__stream_neon(fa__traffic *traffic) {
    for (; traffic->open; traffic->open--) {
        int now = traffic->open - 1;
        memcpy(traffic->leaving[now].to, traffic->leaving[now].from, traffic->leaving[now].bytes);
    }
    traffic->coming_bytes = 0;
}

void fa__stream_fence(void) {
}
#endif
