/* libgomp ends the process where it cannot start a thread. So as many threads, with stacks as large, are started before it
 * is asked to. What remains is a race: another thread or process may use up memory or process ids between the two. */
#include "platform/probe.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* The size of the runtime's stacks: digits and a unit, KB without one. 0 for the default, as after anything else. */
static size_t stack_size(void) {
    const char *text = getenv("OMP_STACKSIZE");
    if (!text) text = getenv("GOMP_STACKSIZE");
    if (!text) return 0;
    char *end;
    unsigned long long size = strtoull(text, &end, 10);
    while (isspace((unsigned char)*end)) end++;
    const int unit = tolower((unsigned char)*end), shift = unit == 'b'   ? 0
                                                           : unit == 'm' ? 20
                                                           : unit == 'g' ? 30
                                                                         : 10;
    if (size > SIZE_MAX >> shift) return 0;
    return (size_t)size << shift;
}

/* Those that ended may still count where the system limits threads, so as many again must be possible */
#define SPARE 2

typedef struct {
    pthread_mutex_t hold; /* locked until all threads exist */
    pthread_attr_t attributes;
} probe;

static void *wait_for_the_others(void *p) {
    pthread_mutex_lock(&((probe *)p)->hold);
    pthread_mutex_unlock(&((probe *)p)->hold);
    return 0;
}

/* recursive, so that the threads' handles need no memory but the stack's */
static int start_and_end(probe *p, int count) {
    pthread_t thread;
    int started = 1;
    if (count == 0) {
        pthread_mutex_unlock(&p->hold);
        return 1;
    }
    if (pthread_create(&thread, &p->attributes, wait_for_the_others, p) != 0) {
        pthread_mutex_unlock(&p->hold);
        return 0;
    }
    started = start_and_end(p, count - 1);
    pthread_join(thread, 0);
    return started;
}

int fa__can_start_threads(int count) {
    probe p = {.hold = PTHREAD_MUTEX_INITIALIZER};
    size_t size = stack_size();
    if (count <= 0) return 1;
    if (pthread_attr_init(&p.attributes) != 0) return 0;
    if (size) pthread_attr_setstacksize(&p.attributes, size); /* not less than the least, as in the runtime */
    pthread_mutex_lock(&p.hold);
    int can = start_and_end(&p, SPARE * count);
    pthread_attr_destroy(&p.attributes);
    return can;
}
