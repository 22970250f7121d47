/* On which CPUs the threads of a team run. */
#ifndef FA_PLATFORM_AFFINITY_H
#define FA_PLATFORM_AFFINITY_H

#include <stdatomic.h>

#define FA__CPUS 1024 /* as a cpu_set_t has */

/* The CPUs of a team whose threads may have slept */
typedef struct {
    atomic_ullong taken[FA__CPUS / 64];        /* by threads of the team */
    unsigned long long callers[FA__CPUS / 64]; /* where the calling thread may run */
    int known;                                 /* whether `callers` is set */
} fa__cpus;

/* The calling thread of a call, which does not move: note where it runs and may run */
void fa__note_cpus(fa__cpus *cpus);

/* Another thread of the team: run where the caller may run, and on a CPU that no thread of the team has */
void fa__find_cpu(fa__cpus *cpus);

/* The leader, if OpenMP binds threads to places (OMP_PROC_BIND): it runs on all places, since the thread that calls is
 * bound to one and works as well */
void fa__leave_place(void);

#endif
