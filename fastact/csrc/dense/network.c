#include "dense/network.h"

#include <string.h>

fa_dense fa__layer_at(const fa_dense *layers, size_t index, int backward) {
    fa_dense l = {0};
    memcpy(&l, (const char *)layers + index * layers->size, fa__smaller(layers->size, sizeof l));
    if (backward) {
        l.b.data = l.y.data = 0;
        if (!l.dx.data) l.w.data = 0;
        if (!l.dw.data) l.x.data = 0;
        if (l.saving == FA_SAVE_NOTHING) l.saved.data = 0;
    } else {
        l.grad_y.data = l.dx.data = l.dw.data = l.db.data = 0;
        if (l.saving == FA_SAVE_NOTHING || l.saving == FA_SAVE_OUTPUT) l.saved.data = 0;
    }
    return l;
}

int fa__run_network(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
                    size_t bytes) {
    for (size_t i = 0; i < count && count > 1; i++) { /* fa__run_stack makes sure of it for one layer */
        fa_dense l = fa__layer_at(layers, i, backward);
        if (!fa__stack_fits(&l, dtype, backward, workspace, bytes)) return FA_TOO_SMALL;
    }
    int answer = FA_OK;
    for (size_t i = 0; i < count && answer == FA_OK; i++) {
        fa_dense l = fa__layer_at(layers, backward ? count - 1 - i : i, backward);
        answer = fa__run_stack(&l, dtype, backward, workspace, bytes);
    }
    return answer;
}

size_t fa__network_workspace(const fa_dense *layers, size_t count, fa__dtype dtype, int backward) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        fa_dense l = fa__layer_at(layers, i, backward);
        size_t bytes = fa__stack_workspace(&l, dtype, backward);
        if (bytes > most) most = bytes;
    }
    return most;
}
