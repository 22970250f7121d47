/* CPU affinity.
 *
 * A thread has the affinity of the one that started it, so the pool would run for ever where its first caller could. A team
 * that may have slept runs where its present caller may run.
 *
 * The system may wake a thread on a CPU on which another thread of the team computes or spins, although other CPUs are
 * idle. So a thread that finds its CPU taken moves to another one. */
#define _GNU_SOURCE
#include "platform/affinity.h"

#include <sched.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(_OPENMP) && defined(__linux__)
_Static_assert(sizeof(cpu_set_t) == FA__CPUS / 8, "the bits of a cpu_set_t");

static int get_own(cpu_set_t *set) {
    return sched_getaffinity(0, sizeof *set, set) == 0;
}

static int set_own(const cpu_set_t *set) {
    return sched_setaffinity(0, sizeof *set, set) == 0;
}

static int is_bound(void) {
    return omp_get_proc_bind() != omp_proc_bind_false;
}

/* whether the CPU was free; one that is unknown counts as free */
static int take_cpu(fa__cpus *c, int cpu) {
    if (cpu < 0 || cpu >= FA__CPUS) return 1;
    unsigned long long bit = 1ULL << cpu % 64;
    return !(atomic_fetch_or(&c->taken[cpu / 64], bit) & bit);
}

void fa__note_cpus(fa__cpus *c) {
    cpu_set_t set;
    take_cpu(c, sched_getcpu());
    c->known = !is_bound() && get_own(&set);
    if (c->known) memcpy(c->callers, &set, sizeof set);
}

/* The caller's CPUs, unless the thread has them already: somebody else may have set others since */
static void use_callers_cpus(const fa__cpus *c) {
    static _Thread_local cpu_set_t before;
    cpu_set_t callers;
    memcpy(&callers, c->callers, sizeof callers);
    if (c->known && !CPU_EQUAL(&callers, &before) && set_own(&callers)) before = callers;
}

/* Afterwards the thread may use the same CPUs as before, or those that somebody else has set meanwhile */
void fa__find_cpu(fa__cpus *c) {
    cpu_set_t all, others, now;
    use_callers_cpus(c);
    if (take_cpu(c, sched_getcpu()) || !get_own(&all)) return;
    others = all;
    for (int cpu = 0; cpu < FA__CPUS; cpu++)
        if (atomic_load(&c->taken[cpu / 64]) >> cpu % 64 & 1) CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || !set_own(&others)) return;
    take_cpu(c, sched_getcpu());
    if (get_own(&now) && CPU_EQUAL(&now, &others)) set_own(&all);
}

/* The runtime binds a thread in its first region */
void fa__leave_place(void) {
    cpu_set_t all;
    int ids[FA__CPUS];
    CPU_ZERO(&all);
    if (!is_bound()) return;
#pragma omp parallel num_threads(1)
    {
        __asm__ volatile("");
    }
    for (int place = 0; place < omp_get_num_places(); place++) {
        int count = omp_get_place_num_procs(place);
        if (count > FA__CPUS) continue;
        omp_get_place_proc_ids(place, ids);
        for (int i = 0; i < count; i++) CPU_SET(ids[i], &all);
    }
    if (CPU_COUNT(&all) > 0) set_own(&all);
}
#else
void fa__note_cpus(fa__cpus *c) {
    (void)c;
}

void fa__find_cpu(fa__cpus *c) {
    (void)c;
}

void fa__leave_place(void) {
}
#endif
