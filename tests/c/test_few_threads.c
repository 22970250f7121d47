/* Where threads cannot be started, calls go on without them: each unit of work is done once.
 *
 * omp_get_num_procs is replaced here and reports four CPUs; pthread_create fails while as many threads exist as the argument
 * says. The last line is "N passed, N failed".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <omp.h>

#include "checks.h"
#include "platform/parallel.h"

enum { UNITS = 256 };

/* in place of the runtime's own */
int omp_get_num_procs(void) {
    return 4;
}

static int count_threads(void) {
    int count = -2; /* "." and ".." */
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks)) count++;
    closedir(tasks);
    return count;
}

/* in place of libc's own */
static int most, refused;
typedef int creator(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument) {
    refused |= count_threads() >= most;
    if (count_threads() >= most) return EAGAIN;
    return ((creator *)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, function, argument);
}

static int times_done[UNITS];

static void work(const void *context, size_t begin, size_t end) {
    (void)context;
    for (size_t i = begin; i < end; i++) times_done[i]++;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    most = atoi(argv[1]);
    omp_set_num_threads(4);
    for (int call = 1; call <= 5; call++) {
        fa__parallel_for(work, 0, UNITS, 1, 1);
        for (size_t i = 0; i < UNITS; i++)
            check(times_done[i] == call, "each unit once", "fa__parallel_for", i);
    }
    if (fa__threads_to_share() == 4) check(refused, "threads were refused", "pthread_create", (size_t)most);
    return report();
}
