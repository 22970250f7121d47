/* Dense layers on arrays of their own, for C programs that test them: counting checks, random arrays, a call
 * on a workspace of exactly the size that is asked for. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastact.h"

static int passed, failed;

static inline void check(int holds, const char *what, const fa_dense *l) {
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s: %zu x %zu x %zu\n", what, l->rows, l->n_in, l->n_out);
    }
}

static inline int closing_line(void) {
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

/* Numbers of either type --------------------------------------------------------------------------- */

static inline double get(const void *array, size_t size, ptrdiff_t i) {
    return size == sizeof(float) ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static inline void put(void *array, size_t size, ptrdiff_t i, double value) {
    if (size == sizeof(float))
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

static inline void *random_array(size_t n, size_t size) {
    static uint64_t state = 1;
    void *array = calloc(n + 1, size);
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        put(array, size, (ptrdiff_t)i, (double)(state >> 11) * 0x1p-52 - 1);
    }
    return array;
}

/* Layers ------------------------------------------------------------------------------------------- */

enum { ARRAYS = 9, FIRST_RESULT = 4 }; /* x, w, b, grad_y, y, saved, dx, dw, db */

typedef struct {
    fa_dense layer;
    void *arrays[ARRAYS];
    size_t bytes[ARRAYS];
} owned;

static inline owned new_layer(size_t rows, size_t in, size_t out, size_t size, const fa_blas *blas) {
    const size_t sizes[ARRAYS] = {rows * in,  in * out,  out,      rows * out, rows * out,
                                  rows * out, rows * in, in * out, out};
    owned o = {.layer = {.size = sizeof(fa_dense),
                         .rows = rows,
                         .n_in = in,
                         .n_out = out,
                         .activation = FA_tanh,
                         .saving = FA_SAVE_INPUT}};
    for (int i = 0; i < ARRAYS; i++) {
        o.arrays[i] = random_array(sizes[i], size);
        o.bytes[i] = sizes[i] * size;
    }
    fa_dense *l = &o.layer;
    ptrdiff_t inputs = (ptrdiff_t)in, outputs = (ptrdiff_t)out;
    l->x = (fa_input){o.arrays[0], inputs, 1, 0};
    l->w = (fa_input){o.arrays[1], outputs, 1, 0};
    l->b = (fa_input){o.arrays[2], 0, 1, 0};
    l->grad_y = (fa_input){o.arrays[3], outputs, 1, 0};
    l->y = (fa_result){o.arrays[4], outputs, 0};
    l->saved = (fa_result){o.arrays[5], outputs, 0};
    l->dx = (fa_result){o.arrays[6], inputs, 0};
    l->dw = (fa_result){o.arrays[7], outputs, 0};
    l->db = (fa_result){o.arrays[8], 0, 0};
    l->blas = blas;
    return o;
}

static inline void free_layer(owned *o) {
    for (int i = 0; i < ARRAYS; i++) free(o->arrays[i]);
}

/* the bytes of all results, to see whether they change */
static inline uint64_t hash_results(const owned *o) {
    uint64_t hash = 14695981039346656037u;
    for (int i = FIRST_RESULT; i < ARRAYS; i++)
        for (size_t k = 0; k < o->bytes[i]; k++)
            hash = (hash ^ ((const unsigned char *)o->arrays[i])[k]) * 1099511628211u;
    return hash;
}

/* Calls -------------------------------------------------------------------------------------------- */

static inline int call(const fa_dense *l, size_t size, int backward, void *workspace, size_t bytes) {
    if (size == sizeof(float))
        return (backward ? fa_dense_backward_f32 : fa_dense_forward_f32)(l, workspace, bytes);
    return (backward ? fa_dense_backward_f64 : fa_dense_forward_f64)(l, workspace, bytes);
}

static inline size_t workspace_of(const fa_dense *l, size_t size, int backward) {
    return (size == sizeof(float) ? fa_dense_workspace_f32 : fa_dense_workspace_f64)(l, backward);
}

/* in memory of exactly the size that is asked for, with a guard behind it */
static inline int run(const fa_dense *l, size_t size, int backward) {
    size_t bytes = workspace_of(l, size, backward);
    unsigned char *workspace = malloc(bytes + 64);
    memset(workspace, 0xa5, bytes + 64);
    int answer = call(l, size, backward, workspace, bytes);
    for (int i = 0; i < 64; i++)
        check(workspace[bytes + (size_t)i] == 0xa5, "written beyond the workspace", l);
    free(workspace);
    return answer;
}
