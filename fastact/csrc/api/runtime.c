/* The exported functions about the library as a whole: version, instruction sets, threads. */
#include <string.h>

#include "fastact.h"
#include "platform/isa.h"
#include "platform/runner.h"
#include "platform/thread_limits.h"

int fa_version(void) {
    return FA_VERSION;
}

const char *fa_isa(void) {
    return fa__isa_name(fa__active_isa());
}

const char *fa_isas(void) {
    static char text[64]; /* the same bytes, whichever thread writes them */
    char local[64] = "";
    for (int isa = 0; isa < FA__ISAS; isa++) {
        if (!fa__isa_runs_here(isa)) continue;
        if (*local) strcat(local, ",");
        strcat(local, fa__isa_name(isa));
    }
    memcpy(text, local, sizeof text);
    return text;
}

int fa_set_isa(const char *name) {
    int answer = fa__set_isa(name);
    return answer == 0 ? FA_OK : answer == -1 ? FA_INVALID : FA_UNSUPPORTED;
}

int fa_num_threads(void) {
    return fa__num_threads();
}

void fa_set_num_threads(int n) {
    fa__set_num_threads(n);
}

void fa_set_num_threads_here(int n) {
    fa__set_num_threads_here(n);
}

void fa_set_parallel_for(fa_parallel_for run, void *context) {
    fa__set_runner(run, context);
}
