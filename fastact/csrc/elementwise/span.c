/* A kernel over a span.
 *
 * Kernels compute multiples of FA__LANES elements only. The rest goes through short buffers, not through scalar code,
 * so that an element's bits do not depend on its position. All operands are read before the results are written, so
 * that in-place calls are safe. */
#include "elementwise/span.h"

#include <string.h>

/* one vector of elements; the compiler knows both sizes */
static void copy_vector(char *to, const char *from, size_t size) {
    if (size == sizeof(float))
        memcpy(to, from, FA__LANES * sizeof(float));
    else
        memcpy(to, from, FA__LANES * sizeof(double));
}

/* fewer elements than a vector holds, the last one repeated */
static void copy_padded(char *to, const char *from, size_t size, size_t count) {
    memcpy(to, from, count * size);
    for (size_t k = count * size; k < FA__LANES * size; k += size) memcpy(to + k, to + k - size, size);
}

/* Whole vectors are computed in place. If that leaves some elements, the last vector of them is computed from a copy
 * of its inputs, which is made first because results may be stored over inputs. */
void fa__run_span(const fa__plan *p, char *const *operand, size_t count, fa__traffic *traffic) {
    size_t whole = count / FA__LANES * FA__LANES, size = p->computed;
    size_t last = whole ? (count - FA__LANES) * size : 0;
    int results = p->inputs + p->params;
    _Alignas(FA__LINE) char vector[FA__MAX_OPERANDS][FA__LANES * sizeof(double)];
    char *copied[FA__MAX_OPERANDS];
    if (whole == count) {
        p->loop(operand, whole, traffic);
        return;
    }
    for (int i = 0; i < p->operands; i++) {
        copied[i] = p->uniform[i] ? operand[i] : vector[i];
        if (p->uniform[i] || i >= results) continue;
        if (whole)
            copy_vector(vector[i], operand[i] + last, size);
        else
            copy_padded(vector[i], operand[i], size, count);
    }
    if (whole) p->loop(operand, whole, traffic);
    p->loop(copied, FA__LANES, 0);
    for (int i = results; i < p->operands; i++) {
        if (whole)
            copy_vector(operand[i] + last, vector[i], size);
        else
            memcpy(operand[i], vector[i], count * size);
    }
}
