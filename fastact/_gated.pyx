# cython: language_level=3, boundscheck=False, wraparound=False
"""Gated pairs between Python and the C library: contiguous arrays in, one C call, results out.

Which shapes and dtypes belong together is checked in fastact.rowwise.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
cimport numpy as cnp

from fastact import _core

cnp.import_array()

include "_overlap.pxi"
include "_plain.pxi"

cdef extern from "api/rowwise.h" nogil:
    ctypedef struct fa__gated_call:
        int entry
        dtype_t dtype
        double parameters[4]
        double limit, offset
        size_t rows, n
        const void *grad_y
        const void *a
        const void *b
        void *out_a
        void *out_b
        ptrdiff_t step_grad_y, step_a, step_b, step_out_a, step_out_b
    ctypedef struct fa__rowwise_functions:
        void (*run_gated)(const fa__gated_call *) noexcept nogil

cdef const fa__rowwise_functions *library = <const fa__rowwise_functions *>PyCapsule_GetPointer(
    _core.rowwise_functions, "fastact._core.rowwise_functions")

cdef enum:
    RELEASE_GIL_ABOVE = 2048  # elements; for fewer, releasing the lock costs more than it gains


cdef class Formula:
    """What a pair computes: the activation's number in the table, its parameters, limit and offset."""

    cdef fa__gated_call call

    def __init__(self, int number, parameters, double limit, double offset):
        self.call.entry, self.call.limit, self.call.offset = number, limit, offset
        for i, value in enumerate(parameters):
            self.call.parameters[i] = value


cdef int run(fa__gated_call *call, cnp.ndarray like) except -1:
    call.dtype = dtype_of(like)
    if call.rows * call.n < RELEASE_GIL_ABOVE:
        library.run_gated(call)
        return 0
    _core.apply_thread_limit()
    with nogil:
        library.run_gated(call)
    return 0


def run_halves(Formula formula, bint gate_is_second, cnp.ndarray grad_y, cnp.ndarray x, cnp.ndarray out,
               size_t rows, size_t n):
    """Of rows of 2 n elements, halves. `out` is y; or, where grad_y is not None, the gradient, also in halves."""
    cdef fa__gated_call call = formula.call
    cdef ptrdiff_t half = n * cnp.PyArray_ITEMSIZE(x)
    cdef ptrdiff_t to_a = half if gate_is_second else 0
    cdef ptrdiff_t to_b = half - to_a
    cdef char *data = <char *>cnp.PyArray_DATA(x)
    cdef char *result = <char *>cnp.PyArray_DATA(out)
    call.rows, call.n = rows, n
    call.a, call.b, call.step_a, call.step_b = data + to_a, data + to_b, 2 * half, 2 * half
    if grad_y is None:
        call.grad_y, call.out_a, call.out_b, call.step_out_a = NULL, result, NULL, half
    else:
        call.grad_y, call.step_grad_y = cnp.PyArray_DATA(grad_y), half
        call.out_a, call.out_b = result + to_a, result + to_b
        call.step_out_a, call.step_out_b = 2 * half, 2 * half
    run(&call, x)


def run_two(Formula formula, cnp.ndarray grad_y, cnp.ndarray a, cnp.ndarray b, cnp.ndarray out_a,
            cnp.ndarray out_b):
    """Of two contiguous arrays of one size, the gate first."""
    cdef fa__gated_call call = formula.call
    call.rows, call.n = 1, cnp.PyArray_SIZE(a)
    call.a, call.b, call.out_a = cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_DATA(out_a)
    call.grad_y = NULL if grad_y is None else cnp.PyArray_DATA(grad_y)
    call.out_b = NULL if out_b is None else cnp.PyArray_DATA(out_b)
    call.step_a = call.step_b = call.step_grad_y = call.step_out_a = call.step_out_b = (
        cnp.PyArray_SIZE(a) * cnp.PyArray_ITEMSIZE(a))
    run(&call, a)


cdef inline bint has_shape(array, cnp.ndarray like, cnp.npy_intp *shape) noexcept:
    """Whether this is a plain array of this shape, with the type and number of axes of `like`."""
    cdef int d
    if not is_plain(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) != cnp.PyArray_NDIM(like):
        return False
    for d in range(cnp.PyArray_NDIM(like)):
        if cnp.PyArray_DIM(<cnp.ndarray>array, d) != shape[d]:
            return False
    return cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.PyArray_TYPE(like)


cdef inline bint is_result(out, cnp.ndarray like, cnp.npy_intp *shape) noexcept:
    """Whether C can write a result of this shape, and of the type of `like`, to an array."""
    return has_shape(out, like, shape) and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)


def run_plain_halves(Formula formula, bint gate_is_second, grad_y, x, Py_ssize_t axis, out):
    """The result for plain arrays that fit, x with an even number of elements along the axis; None for all else."""
    cdef int d, ndim
    cdef cnp.npy_intp shape[64]
    cdef size_t rows = 1, n = 1
    if not is_plain(x):
        return None
    ndim = cnp.PyArray_NDIM(<cnp.ndarray>x)
    if axis < 0:
        axis += ndim
    if axis < 0 or axis >= ndim or cnp.PyArray_DIM(<cnp.ndarray>x, axis) % 2:
        return None
    for d in range(ndim):
        shape[d] = cnp.PyArray_DIM(<cnp.ndarray>x, d) // (2 if d == axis else 1)
        if d < axis:
            rows *= <size_t>shape[d]
        else:
            n *= <size_t>shape[d]
    if grad_y is not None and not has_shape(grad_y, <cnp.ndarray>x, shape):
        return None
    cdef cnp.npy_intp *of_result = &shape[0] if grad_y is None else cnp.PyArray_DIMS(<cnp.ndarray>x)
    if out is None:
        out = cnp.PyArray_EMPTY(ndim, of_result, cnp.PyArray_TYPE(<cnp.ndarray>x), 0)
    elif not (is_result(out, <cnp.ndarray>x, of_result) and not unsafe_overlap(<cnp.ndarray>out, <cnp.ndarray>x)
              and (grad_y is None or not may_overlap(<cnp.ndarray>out, <cnp.ndarray>grad_y))):
        return None
    run_halves(formula, gate_is_second, <cnp.ndarray>grad_y, <cnp.ndarray>x, <cnp.ndarray>out, rows, n)
    return out


cdef inline bint is_result_of_two(out, grad_y, cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether C can write a result to an array, which is one of the inputs or apart from them."""
    return (is_result(out, a, cnp.PyArray_DIMS(a)) and not unsafe_overlap(<cnp.ndarray>out, a)
            and not unsafe_overlap(<cnp.ndarray>out, b)
            and (grad_y is None or not unsafe_overlap(<cnp.ndarray>out, <cnp.ndarray>grad_y)))


def run_plain_two(Formula formula, grad_y, a, b, first, second):
    """The result, or both gradients, for plain arrays that fit, the gate first; None for all else. Results are stored in
    `first` and `second` unless these are None."""
    if not is_plain(a):
        return None
    cdef cnp.ndarray like = a
    cdef int ndim = cnp.PyArray_NDIM(like), number = cnp.PyArray_TYPE(like)
    if not has_shape(b, like, cnp.PyArray_DIMS(like)):
        return None
    if grad_y is not None and not has_shape(grad_y, like, cnp.PyArray_DIMS(like)):
        return None
    if first is None:
        first = cnp.PyArray_EMPTY(ndim, cnp.PyArray_DIMS(like), number, 0)
    elif not is_result_of_two(first, grad_y, like, <cnp.ndarray>b):
        return None
    if grad_y is None:
        run_two(formula, None, like, b, first, None)
        return first
    if second is None:
        second = cnp.PyArray_EMPTY(ndim, cnp.PyArray_DIMS(like), number, 0)
    elif not is_result_of_two(second, grad_y, like, <cnp.ndarray>b) or may_overlap(<cnp.ndarray>first, <cnp.ndarray>second):
        return None
    run_two(formula, grad_y, like, b, first, second)
    return first, second
