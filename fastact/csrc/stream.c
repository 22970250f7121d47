/* Stores that pass the caches by, for results too large to stay in them: otherwise each line of a result is read
 * from memory before it is written. One function per instruction set, from one text, behind the kernel table.
 * Does not know what it stores, nor when to. */
#include <stdint.h>
#include <string.h>

#include "internal.h"

#define LINE 64 /* bytes of a cache line */

#if defined(FA__ON_x86_64)
#include <immintrin.h>

/* Whole lines are streamed; what stands before the first and after the last is copied. Wide stores matter: with
 * 16 bytes each, most of what streaming gains is lost again. */
#define STREAM(isa, feature, vector, load, stream)                                                     \
    __attribute__((target(feature))) void fa__stream_##isa(char *to, const char *from, size_t bytes) { \
        size_t head = (size_t)(-(uintptr_t)to % LINE);                                                 \
        if (head > bytes) head = bytes;                                                                \
        memcpy(to, from, head);                                                                        \
        for (to += head, from += head, bytes -= head; bytes >= LINE; to += LINE, from += LINE) {       \
            for (size_t i = 0; i < LINE; i += sizeof(vector))                                          \
                stream((vector *)(void *)(to + i), load((const vector *)(const void *)(from + i)));    \
            bytes -= LINE;                                                                             \
        }                                                                                              \
        memcpy(to, from, bytes);                                                                       \
    }
STREAM(sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128)
STREAM(avx2, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256)
STREAM(avx512, "avx512f", __m512i, _mm512_loadu_si512, _mm512_stream_si512)

void fa__stream_fence(void) {
    _mm_sfence();
}
#else
void fa__stream_neon(char *to, const char *from, size_t bytes) {
    memcpy(to, from, bytes);
}

void fa__stream_fence(void) {
}
#endif
