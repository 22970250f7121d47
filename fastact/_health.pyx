# cython: language_level=3, boundscheck=False, wraparound=False
"""Counters of units between Python and the C library: matrices in, one C call, counters added to.

Which shapes and dtypes belong together is checked in fastact.health.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
cimport numpy as cnp

from fastact import _core
from fastact_header cimport fa_dense, fa_input, fa_result

cnp.import_array()

cdef extern from "fastact.h" nogil:
    enum: FA_OK
    ctypedef struct fa_health:
        size_t size
        size_t rows, units
        int activation
        const double *parameters
        size_t n_parameters
        fa_input z, y, derivative, grad_y
        const double *low
        const double *high
        int64_t *counts
        double *sums
        double *extremes
    enum:
        FA_HEALTH_ACTIVE, FA_HEALTH_SATURATED, FA_HEALTH_ZEROS, FA_HEALTH_NON_FINITE, FA_HEALTH_ZERO_GRADIENTS
        FA_HEALTH_NON_FINITE_GRADIENTS, FA_HEALTH_COUNTS
        FA_HEALTH_SUM, FA_HEALTH_SUM_OF_MAGNITUDES, FA_HEALTH_SUM_OF_SQUARES
        FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES, FA_HEALTH_SUM_OF_GRADIENT_SQUARES, FA_HEALTH_SUMS
    enum: FA_SAVE_INPUT

cdef extern from "elementwise/call.h" nogil:
    enum: FA__MAX_PARAMS

cdef extern from "api/health.h" nogil:
    ctypedef struct fa__health_functions:
        int (*f32)(const fa_health *call) noexcept nogil
        int (*f64)(const fa_health *call) noexcept nogil
        int (*forward[2])(const fa_dense *layer, const fa_health *counters, void *workspace, size_t bytes) noexcept nogil
        size_t (*workspace[2])(const fa_dense *layer, int backward) noexcept nogil

cdef const fa__health_functions *library = <const fa__health_functions *>PyCapsule_GetPointer(
    _core.health_functions, "fastact._core.health_functions")

# Rows of the counters
COUNTS = {
    "active": FA_HEALTH_ACTIVE, "saturated": FA_HEALTH_SATURATED, "zeros": FA_HEALTH_ZEROS,
    "non_finite": FA_HEALTH_NON_FINITE, "zero_gradients": FA_HEALTH_ZERO_GRADIENTS,
    "non_finite_gradients": FA_HEALTH_NON_FINITE_GRADIENTS,
}
SUMS = {
    "sum": FA_HEALTH_SUM, "magnitudes": FA_HEALTH_SUM_OF_MAGNITUDES, "squares": FA_HEALTH_SUM_OF_SQUARES,
    "gradient_magnitudes": FA_HEALTH_SUM_OF_GRADIENT_MAGNITUDES,
    "gradient_squares": FA_HEALTH_SUM_OF_GRADIENT_SQUARES,
}


cdef inline fa_input as_input(array) noexcept:
    cdef fa_input found
    found.data, found.row, found.column, found.stack = NULL, 0, 1, NULL
    if array is not None:
        found.data = cnp.PyArray_DATA(<cnp.ndarray>array)
        found.row = cnp.PyArray_STRIDE(<cnp.ndarray>array, 0) // cnp.PyArray_ITEMSIZE(<cnp.ndarray>array)
    return found


cdef inline void set_counters(fa_health *call, cnp.ndarray low, cnp.ndarray high, cnp.ndarray counts, cnp.ndarray sums,
                              cnp.ndarray extremes) noexcept:
    call.size = sizeof(fa_health)
    call.low, call.high = <double *>cnp.PyArray_DATA(low), <double *>cnp.PyArray_DATA(high)
    call.counts, call.sums = <int64_t *>cnp.PyArray_DATA(counts), <double *>cnp.PyArray_DATA(sums)
    call.extremes = <double *>cnp.PyArray_DATA(extremes)


def count(int activation, cnp.ndarray parameters, cnp.ndarray z, y, derivative, grad_y,
          cnp.ndarray low, cnp.ndarray high, cnp.ndarray counts, cnp.ndarray sums, cnp.ndarray extremes):
    """Add to counters what the matrices hold: of one float dtype and shape, with contiguous rows, that have been checked."""
    cdef fa_health call
    cdef int status
    cdef bint is_double = cnp.PyArray_TYPE(z) == cnp.NPY_DOUBLE
    set_counters(&call, low, high, counts, sums, extremes)
    call.rows, call.units = <size_t>cnp.PyArray_DIM(z, 0), <size_t>cnp.PyArray_DIM(z, 1)
    call.activation = activation
    call.parameters, call.n_parameters = <double *>cnp.PyArray_DATA(parameters), <size_t>cnp.PyArray_SIZE(parameters)
    call.z, call.y, call.derivative, call.grad_y = as_input(z), as_input(y), as_input(derivative), as_input(grad_y)
    _core.apply_thread_limit()
    with nogil:
        status = library.f64(&call) if is_double else library.f32(&call)
    if status != FA_OK:
        raise ValueError(f"fastact.health: the library refused the call, with status {status}")


def forward(int activation, cnp.ndarray parameters, cnp.ndarray x, cnp.ndarray w, b, cnp.ndarray z, cnp.ndarray y,
            cnp.ndarray low, cnp.ndarray high, cnp.ndarray counts, cnp.ndarray sums, cnp.ndarray extremes):
    """z = x w + b and y = f(z), and add to counters what they hold. All arrays, parameters included, are contiguous and of
    one float dtype, and have been checked."""
    cdef fa_dense layer
    cdef fa_health counters
    cdef fa_input values[FA__MAX_PARAMS]
    cdef int status, i, is_double = cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE
    cdef size_t size = <size_t>cnp.PyArray_ITEMSIZE(x)
    memset(&layer, 0, sizeof(layer))
    memset(&counters, 0, sizeof(counters))
    layer.size, layer.activation, layer.saving = sizeof(layer), activation, FA_SAVE_INPUT
    layer.rows, layer.n_in = <size_t>cnp.PyArray_DIM(x, 0), <size_t>cnp.PyArray_DIM(x, 1)
    layer.n_out = <size_t>cnp.PyArray_DIM(w, 1)
    layer.x, layer.w = as_input(x), as_input(w)
    if b is not None:
        layer.b = fa_input(cnp.PyArray_DATA(<cnp.ndarray>b), 0, 1, NULL)
    layer.saved = fa_result(cnp.PyArray_DATA(z), <ptrdiff_t>layer.n_out, NULL)
    layer.y = fa_result(cnp.PyArray_DATA(y), <ptrdiff_t>layer.n_out, NULL)
    layer.parameters, layer.n_parameters = values, <size_t>cnp.PyArray_SIZE(parameters)
    for i in range(<int>layer.n_parameters):
        values[i] = fa_input(<char *>cnp.PyArray_DATA(parameters) + <size_t>i * size, 0, 0, NULL)
    set_counters(&counters, low, high, counts, sums, extremes)
    _core.apply_thread_limit()
    cdef size_t needed = library.workspace[is_double](&layer, 0)
    cdef void *workspace = malloc(needed + 1)
    if workspace == NULL:
        raise MemoryError
    with nogil:
        status = library.forward[is_double](&layer, &counters, workspace, needed)
    free(workspace)
    if status != FA_OK:
        raise ValueError(f"fastact.Health: the library refused the call, with status {status}")
