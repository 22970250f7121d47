# cython: boundscheck=False, wraparound=False
"""Gradient descent on a network of two layers: gelu, then no activation. One call trains it, without the GIL."""

cimport fastact
from libc.stdlib cimport free, malloc
from libc.string cimport memset


cdef fastact.fa_input reading(const float *data, size_t columns) noexcept nogil:
    cdef fastact.fa_input made
    made.data, made.row, made.column, made.stack = data, <ptrdiff_t>columns, 1, NULL
    return made


cdef fastact.fa_result writing(float *data, size_t columns) noexcept nogil:
    cdef fastact.fa_result made
    made.data, made.row, made.stack = data, <ptrdiff_t>columns, NULL
    return made


cdef void set_layer(fastact.fa_dense *layer, int activation, size_t rows, size_t inputs, size_t outputs,
                    float *w, float *b, float *results) noexcept nogil:
    """Results are y, what is saved, dw and db, one after the other."""
    memset(layer, 0, sizeof(fastact.fa_dense))
    layer.size = sizeof(fastact.fa_dense)
    layer.rows, layer.n_in, layer.n_out = rows, inputs, outputs
    layer.activation = activation
    layer.saving = fastact.FA_SAVE_NOTHING if activation == fastact.FA_identity else fastact.FA_SAVE_INPUT
    layer.w, layer.b = reading(w, outputs), reading(b, 0)
    layer.y = writing(results, outputs)
    layer.saved = writing(results + rows * outputs, outputs)
    layer.dw = writing(results + 2 * rows * outputs, outputs)
    layer.db = writing(results + 2 * rows * outputs + inputs * outputs, outputs)


cdef size_t floats_of(size_t rows, size_t inputs, size_t outputs) noexcept nogil:
    return 2 * rows * outputs + (inputs + 1) * outputs


cdef void descend(float *parameters, const float *gradients, size_t n, float rate) noexcept nogil:
    cdef size_t i
    for i in range(n):
        parameters[i] -= rate * gradients[i]


cdef int run(fastact.fa_dense *layers, const float *target, float *grad, void *workspace, size_t size, float rate,
             int steps) noexcept nogil:
    cdef int step, answer = fastact.FA_OK
    cdef size_t i, n = layers[1].rows * layers[1].n_out
    for step in range(steps):
        answer |= fastact.network_forward_f32(layers, 2, workspace, size)
        for i in range(n):
            grad[i] = (<float *>layers[1].y.data)[i] - target[i]
        answer |= fastact.network_backward_f32(layers, 2, workspace, size)
        for i in range(2):
            descend(<float *>layers[i].w.data, <float *>layers[i].dw.data, layers[i].n_in * layers[i].n_out, rate)
            descend(<float *>layers[i].b.data, <float *>layers[i].db.data, layers[i].n_out, rate)
    return answer


def train(const float[:, ::1] x, const float[:, ::1] target, float[:, ::1] w1, float[::1] b1,
          float[:, ::1] w2, float[::1] b2, float rate, int steps):
    """Change w1, b1, w2 and b2; return the library's answer, 0 if all is well."""
    cdef size_t rows = x.shape[0], inputs = x.shape[1], hidden = w1.shape[1], outputs = w2.shape[1]
    cdef size_t first = floats_of(rows, inputs, hidden), second = floats_of(rows, hidden, outputs)
    cdef float *memory = <float *>malloc(
        (first + second + rows * (hidden + outputs)) * sizeof(float))
    cdef float *delta = memory + first + second  # of the hidden layer; after it that of the result
    cdef fastact.fa_dense layers[2]
    cdef size_t size
    cdef void *workspace
    cdef int answer
    with nogil:
        set_layer(&layers[0], fastact.FA_gelu, rows, inputs, hidden, &w1[0, 0], &b1[0], memory)
        set_layer(&layers[1], fastact.FA_identity, rows, hidden, outputs, &w2[0, 0], &b2[0], memory + first)
        layers[0].x = reading(&x[0, 0], inputs)
        layers[1].x = reading(<float *>layers[0].y.data, hidden)
        layers[1].dx = writing(delta, hidden)
        layers[0].grad_y = reading(delta, hidden)
        layers[1].grad_y = reading(delta + rows * hidden, outputs)
        size = max(fastact.network_workspace_f32(layers, 2, 0), fastact.network_workspace_f32(layers, 2, 1))
        workspace = malloc(size)
        answer = run(layers, &target[0, 0], delta + rows * hidden, workspace, size, rate, steps)
        free(workspace)
        free(memory)
    return answer
