/* The thread limit of the calling thread. Must not depend on OpenMP or on the process-wide limits (parallel.c). */
#include "platform/parallel.h"

static _Thread_local int thread_limit;

void fa__limit_threads(int n) {
    thread_limit = n > 0 ? n : 0;
}

int fa__thread_limit(void) {
    return thread_limit;
}
