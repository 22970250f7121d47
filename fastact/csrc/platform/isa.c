/* Which instruction set runs: the CPU and the operating system are asked once, the answer is one pointer to
 * one kernel set. Knows instruction sets; does not know what a kernel computes. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fastact.h"
#include "elementwise/internal.h"
#include "elementwise/convert.h"

/* __builtin_cpu_supports also checks that the operating system saves the wider registers. The lists are
 * those of the x86-64 psABI levels v3 and v4 as far as compilers can ask for them. */
#if defined(FA__ON_x86_64)
static int has_sse2(void) {
    return 1;
}
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#elif defined(FA__ON_aarch64)
static int has_neon(void) {
    return 1;
}
#else
#error "fastact knows x86-64 and aarch64; define FA__ON_x86_64 or FA__ON_aarch64"
#endif

#define FA__DECLARE(isa)                                                         \
    extern const fa__kernels fa__kernels_##isa##_float[FA__ROWS];                \
    extern const fa__kernels fa__kernels_##isa##_double[FA__ROWS];               \
    extern const fa__movers fa__movers_##isa##_float, fa__movers_##isa##_double; \
    fa__streamer fa__stream_##isa;
FA__EACH_ISA(FA__DECLARE)

#define FA__SET(isa)                                          \
    {#isa,                                                    \
     {fa__kernels_##isa##_float, fa__kernels_##isa##_double}, \
     {&fa__movers_##isa##_float, &fa__movers_##isa##_double}, \
     fa__stream_##isa},
static const fa__kernel_set sets[] = {FA__EACH_ISA(FA__SET)};

#define FA__SUPPORT(isa) has_##isa,
static int (*const supported[])(void) = {FA__EACH_ISA(FA__SUPPORT)};

enum { SETS = sizeof sets / sizeof sets[0] };

static _Atomic(const fa__kernel_set *) active;

int fa_set_isa(const char *name) {
    for (int i = 0; i < SETS; i++) {
        if (strcmp(sets[i].isa, name) == 0) {
            if (!supported[i]()) return -2;
            atomic_store(&active, &sets[i]);
            return 0;
        }
    }
    return -1;
}

/* The environment's choice, else the best. A library has nobody to complain to about an unusable
 * FASTACT_ISA, so it is passed over here; the Python package reads it too, and raises. */
static const fa__kernel_set *choose(void) {
    const char *wanted = getenv("FASTACT_ISA");
    if (!wanted || !*wanted || fa_set_isa(wanted) != 0) {
        int best = SETS - 1;
        while (best > 0 && !supported[best]()) best--;
        atomic_store(&active, &sets[best]);
    }
    return atomic_load(&active);
}

const fa__kernel_set *fa__active_kernels(void) {
    const fa__kernel_set *set = atomic_load_explicit(&active, memory_order_acquire);
    return set ? set : choose();
}

const char *fa_isa(void) {
    return fa__active_kernels()->isa;
}

const char *fa_isas(void) {
    static char text[64]; /* the same bytes whoever writes them */
    char local[64] = "";
    for (int i = 0; i < SETS; i++) {
        if (!supported[i]()) continue;
        if (*local) strcat(local, ",");
        strcat(local, sets[i].isa);
    }
    memcpy(text, local, sizeof text);
    return text;
}

/* Caches ------------------------------------------------------------------------------------------ */

#if defined(FA__ON_x86_64)
#include <cpuid.h>
#include <pthread.h>

/* Intel lists caches in leaf 4, AMD, in the same format, in another one */
#define INTEL_CACHES 4
#define AMD_CACHES 0x8000001d

static unsigned leaf_of_caches(void) {
    return __get_cpuid_max(0x80000000, 0) >= AMD_CACHES ? AMD_CACHES : INTEL_CACHES;
}

/* most of a shared cache that one processor is taken to have: guests are told of all of it, which Intel's whole socket
 * shares, and eight of AMD's processors. With half of AMD's, relu and its derivative, two threads, 24 MB: 0.16 instead of
 * 0.36 ns with a quarter. */
static size_t most_of_shared(void) {
    return (size_t)(leaf_of_caches() == AMD_CACHES ? 16 : 2) << 20;
}

/* bytes of the level's data cache for each logical processor that shares it; 0 where there is none */
static size_t cache_per_processor(unsigned level) {
    unsigned leaf = leaf_of_caches(), a, b, c, d;
    for (unsigned i = 0; __get_cpuid_count(leaf, i, &a, &b, &c, &d); i++) {
        unsigned type = a & 31; /* 0 ends the list, 1 is data, 3 data and code */
        if (type == 0) break;
        if (type == 2 || (a >> 5 & 7) != level) continue;
        size_t ways = (b >> 22) + 1, partitions = (b >> 12 & 0x3ff) + 1, line = (b & 0xfff) + 1;
        return ways * partitions * line * (c + 1) / ((a >> 14 & 0xfff) + 1);
    }
    return 0;
}

static pthread_once_t caches_read = PTHREAD_ONCE_INIT;
static fa__caches caches;

static void read_caches(void) {
    size_t third = cache_per_processor(3), most = most_of_shared();
    caches.own = cache_per_processor(2);
    caches.shared = third < most && caches.own + third > 0 ? third : most;
}

/* asked once: in a virtual machine each question leaves it */
fa__caches fa__get_caches(void) {
    pthread_once(&caches_read, read_caches);
    return caches;
}
#else
fa__caches fa__get_caches(void) {
    return (fa__caches){.own = 0, .shared = (size_t)-1 >> 1}; /* not known: no result is too large */
}
#endif
