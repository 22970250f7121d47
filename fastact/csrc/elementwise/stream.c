/* Stores past the caches, for results too large to stay in them: otherwise each cache line of a result is read from memory
 * before it is written. Inputs are prefetched beside them. Compiled for each instruction set, since narrow stores lose
 * most of what streaming gains. Must not depend on what is stored. */
#include "elementwise/stream.h"

#include <string.h>

#include "platform/vectors.h"

#if defined(__AVX512F__)
#define STORE(to, v) _mm512_stream_si512((__m512i *)(void *)(to), (__m512i)(v))
#elif defined(__AVX2__)
#define STORE(to, v) _mm256_stream_si256((__m256i *)(void *)(to), (__m256i)(v))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define STORE(to, v) _mm_stream_si128((__m128i *)(void *)(to), (__m128i)(v))
#else
#define STORE(to, v) memcpy(to, &(v), sizeof(v))
#endif

/* A whole line is loaded before it is stored: between the stores of its parts, processors send it in parts. */
static void store_line(char *to, const char *from) {
    enum { PARTS = FA__LINE / sizeof(vector) };
    const vector *parts = (const vector *)(const void *)from; /* memcpy may load halves, and wait for both */
    vector line[PARTS];
    UNROLL for (int i = 0; i < PARTS; i++) line[i] = parts[i];
    UNROLL for (int i = 0; i < PARTS; i++) STORE(to + i * (int)sizeof(vector), line[i]);
}

void FA__KERNEL_NAME(fa__stream)(fa__traffic *traffic) {
    const char *coming[2] = {traffic->coming[0], traffic->coming[1]};
    int inputs = traffic->inputs;
    size_t at = 0, some = traffic->coming_bytes > traffic->spared;
    size_t prefetched = some ? traffic->coming_bytes - traffic->spared : 0;
    for (; traffic->open; traffic->open--) {
        int now = traffic->open - 1;
        char *to = traffic->leaving[now].to;
        const char *from = traffic->leaving[now].from, *end = from + traffic->leaving[now].bytes;
        for (; from < end; to += FA__LINE, from += FA__LINE) {
            store_line(to, from);
            if (at >= prefetched) continue;
            fa__prefetch_lines(coming, inputs, at);
            at += FA__LINE;
        }
    }
    for (; at < prefetched; at += FA__LINE) fa__prefetch_lines(coming, inputs, at);
    traffic->coming_bytes = 0;
}
