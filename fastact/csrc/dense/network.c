#include "dense/network.h"

const fa_dense *fa__layer_at(const fa_dense *layers, size_t index) {
    return (const fa_dense *)(const void *)((const char *)layers + index * layers->size);
}

int fa__network_fits(const fa_dense *layers, size_t count, fa__dtype dtype, int backward,
                     const void *workspace, size_t bytes) {
    for (size_t i = 0; i < count; i++)
        if (!fa__stack_fits(fa__layer_at(layers, i), dtype, backward, workspace, bytes)) return 0;
    return 1;
}

int fa__run_network(const fa_dense *layers, size_t count, fa__dtype dtype, int backward, void *workspace,
                    size_t bytes) {
    int answer = FA_OK;
    for (size_t i = 0; i < count && answer == FA_OK; i++)
        answer = fa__run_stack(fa__layer_at(layers, backward ? count - 1 - i : i), dtype, backward, workspace,
                               bytes);
    return answer;
}

size_t fa__network_workspace(const fa_dense *layers, size_t count, fa__dtype dtype, int backward) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = fa__stack_workspace(fa__layer_at(layers, i), dtype, backward);
        if (bytes > most) most = bytes;
    }
    return most;
}
