/* Which instruction set is used. The CPU and the operating system are asked once. */
#include "platform/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* __builtin_cpu_supports also checks that the operating system saves the wider registers. The features are those of
 * the x86-64 psABI levels v3 and v4, as far as compilers can ask for them. */
#define UNUSED __attribute__((unused)) /* ISAS of make leaves some out */
#define FA__ALWAYS(isa)                 \
    UNUSED static int has_##isa(void) { \
        return 1;                       \
    }
FA__ALWAYS(portable)
#if defined(FA__ON_x86_64)
FA__ALWAYS(sse2)
UNUSED static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
UNUSED static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#elif defined(FA__ON_aarch64)
FA__ALWAYS(neon)
#endif

static const struct {
    const char *name;
    int (*runs_here)(void);
} isas[FA__ISAS] = {
#define FA__DESCRIBE(isa) {#isa, has_##isa},
    FA__EACH_ISA(FA__DESCRIBE)
#undef FA__DESCRIBE
};

#define UNDECIDED (-1)
static atomic_int active = UNDECIDED;

const char *fa__isa_name(int isa) {
    return isas[isa].name;
}

int fa__isa_runs_here(int isa) {
    return isas[isa].runs_here();
}

/* the number of an instruction set that runs here, or fa__set_isa's negative answer */
static int find(const char *name) {
    for (int isa = 0; isa < FA__ISAS; isa++)
        if (strcmp(isas[isa].name, name) == 0) return isas[isa].runs_here() ? isa : -2;
    return -1;
}

int fa__set_isa(const char *name) {
    int isa = name ? find(name) : -1;
    if (isa < 0) return isa;
    atomic_store(&active, isa);
    return 0;
}

/* FASTACT_ISA, or the best one. A C library has no way to report an unusable FASTACT_ISA, so it is ignored here; the
 * Python package raises an error. A concurrent fa_set_isa takes precedence. */
static int choose(void) {
    const char *wanted = getenv("FASTACT_ISA");
    int isa = wanted && *wanted ? find(wanted) : -1, none = UNDECIDED;
    for (int best = FA__ISAS - 1; isa < 0; best--)
        if (best == 0 || isas[best].runs_here()) isa = best;
    atomic_compare_exchange_strong(&active, &none, isa);
    return atomic_load(&active);
}

int fa__active_isa(void) {
    int isa = atomic_load_explicit(&active, memory_order_acquire);
    return isa == UNDECIDED ? choose() : isa;
}
