# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The skin over the C library's dense layer: arrays in, one C call, results filled in.

Knows how NumPy describes arrays, and SciPy's BLAS. Does not know which arrays are valid together: dense.py has
seen to that.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdlib cimport free, malloc
cimport numpy as cnp

import ctypes
import re

from scipy.linalg import cython_blas

from fastact import _core

cnp.import_array()

ctypedef void (*gemm_function)() noexcept nogil
ctypedef int (*get_function)() noexcept nogil
ctypedef void (*set_function)(int) noexcept nogil

cdef extern from "dense.h" nogil:
    enum: FA__MAX_DIMS, FA__MAX_PARAMS
    ctypedef int fa_activation
    ctypedef int fa_saving
    ctypedef int (*run_function)(const fa_dense *, int, void *, size_t) noexcept nogil
    ctypedef size_t (*size_function)(const fa_dense *, int) noexcept nogil
    ctypedef struct fa_blas:
        gemm_function sgemm, dgemm
        int integer_bits
        get_function get_threads
        set_function set_threads
    ctypedef struct fa_input:
        const void *data
        ptrdiff_t row, column
        const ptrdiff_t *stack
    ctypedef struct fa_result:
        void *data
        ptrdiff_t row
        const ptrdiff_t *stack
    ctypedef struct fa_dense:
        size_t rows
        size_t n_in "in"
        size_t out
        int stack_ndim
        const size_t *stack_shape
        fa_activation activation
        fa_input parameters[4]
        fa_saving saving
        fa_input x, w, b, grad_y
        fa_result y, saved, dx, dw, db
        int accumulate
        const fa_blas *blas
    ctypedef struct fa__dense_functions:
        run_function run[2]
        size_function workspace[2]

cdef const fa__dense_functions *library = <const fa__dense_functions *>PyCapsule_GetPointer(
    _core.dense_entries, "fastact._core.dense_entries")

# The BLAS ------------------------------------------------------------------------------------------

cdef fa_blas blas


cdef void *address_of(str name) except NULL:
    capsule = cython_blas.__pyx_capi__[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


def _integer_bits():
    """Size of the integers that cython_blas takes, or 0 where it cannot be told: its capsules carry the C
    signature, whose third argument is the first integer."""
    signature = PyCapsule_GetName(cython_blas.__pyx_capi__["sgemm"]).decode()
    integer = re.split(r"[(,]", signature)[3].split("*")[0].strip()
    if integer == "int":
        return 32
    return 64 if integer in ("int64_t", "long", "long long") else 0


cdef int _find_thread_functions() except -1:
    """OpenBLAS's own functions in the library that cython_blas is linked to, where it has them."""
    try:
        linked = ctypes.CDLL(cython_blas.__file__)
    except OSError:
        return 0
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("", "64_"):
            try:
                getter = getattr(linked, f"{prefix}_get_num_threads{suffix}")
                setter = getattr(linked, f"{prefix}_set_num_threads{suffix}")
            except AttributeError:
                continue
            blas.get_threads = <get_function><size_t>ctypes.cast(getter, ctypes.c_void_p).value
            blas.set_threads = <set_function><size_t>ctypes.cast(setter, ctypes.c_void_p).value
            return 1
    return 0


blas.sgemm = <gemm_function>address_of("sgemm")
blas.dgemm = <gemm_function>address_of("dgemm")
blas.integer_bits = _integer_bits()
_threads_known = bool(_find_thread_functions())


def blas_facts():
    """(bits of the BLAS's integers, or 0 if they could not be told and it is not used; whether its threads can
    be limited)"""
    return blas.integer_bits, _threads_known


# One call ------------------------------------------------------------------------------------------

cdef struct strides_of:
    ptrdiff_t of[64]


cdef int fill_input(fa_input *to, strides_of *stack, cnp.ndarray array, int core, int stack_ndim) except -1:
    """Address and strides, in elements; leading axes broadcast to stack_ndim of them."""
    cdef ptrdiff_t size = cnp.PyArray_ITEMSIZE(array)
    cdef int d, ndim = cnp.PyArray_NDIM(array), lead = ndim - core
    to.data = cnp.PyArray_DATA(array)
    to.column = cnp.PyArray_STRIDE(array, ndim - 1) // size if core >= 1 and ndim >= 1 else 0
    to.row = cnp.PyArray_STRIDE(array, ndim - 2) // size if core == 2 else 0
    to.stack = stack.of
    for d in range(stack_ndim):
        stack.of[d] = 0
        if d >= stack_ndim - lead and cnp.PyArray_DIM(array, d - stack_ndim + lead) != 1:
            stack.of[d] = cnp.PyArray_STRIDE(array, d - stack_ndim + lead) // size
    return 0


cdef int fill_result(fa_result *to, strides_of *stack, object array, int core, int stack_ndim) except -1:
    cdef fa_input as_input
    to.data = NULL
    to.stack = NULL
    to.row = 0
    if array is not None:
        fill_input(&as_input, stack, array, core, stack_ndim)
        to.data = <void *>as_input.data
        to.row = as_input.row
        to.stack = as_input.stack
    return 0


def run(bint backward, int activation, int saving, tuple parameters, tuple stack_shape, w, bint accumulate,
        dict arrays):
    """Forward (x, b to y, saved) or backward (x, grad_y, saved to dx, dw, db), on valid arrays by name.

    `parameters` are arrays of shape (), or (..., out) with leading axes as the stack's.
    """
    cdef fa_dense layer
    cdef strides_of stacks[13]
    cdef size_t shape[64]
    cdef int d, i, ndim = len(stack_shape), dtype, answer
    cdef size_t bytes_
    cdef void *workspace = NULL
    x, b, grad_y = arrays["x"], arrays.get("b"), arrays.get("grad_y")
    dtype = 0 if cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_FLOAT else 1
    for d in range(ndim):
        shape[d] = stack_shape[d]
    layer.rows = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, x.ndim - 2)
    layer.n_in = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, x.ndim - 1)
    layer.out = <size_t>cnp.PyArray_DIM(<cnp.ndarray>w, w.ndim - 1)
    layer.stack_ndim = ndim
    layer.stack_shape = shape
    layer.activation = activation
    layer.saving = saving
    layer.accumulate = accumulate
    layer.blas = &blas if blas.integer_bits else NULL
    layer.b.data = layer.grad_y.data = NULL
    layer.b.stack = layer.grad_y.stack = NULL
    fill_input(&layer.x, &stacks[0], x, 2, ndim)
    fill_input(&layer.w, &stacks[1], w, 2, ndim)
    if b is not None:
        fill_input(&layer.b, &stacks[2], b, 1, ndim)
    if grad_y is not None:
        fill_input(&layer.grad_y, &stacks[3], grad_y, 2, ndim)
    for i in range(FA__MAX_PARAMS):
        layer.parameters[i].data = NULL
        layer.parameters[i].stack = NULL
        if i < len(parameters):
            fill_input(&layer.parameters[i], &stacks[9 + i], parameters[i],
                       min(1, parameters[i].ndim), ndim)
            if parameters[i].ndim and parameters[i].shape[parameters[i].ndim - 1] == 1:
                layer.parameters[i].column = 0
    fill_result(&layer.y, &stacks[4], arrays.get("y"), 2, ndim)
    fill_result(&layer.saved, &stacks[5], arrays.get("saved"), 2, ndim)
    fill_result(&layer.dx, &stacks[6], arrays.get("dx"), 2, ndim)
    fill_result(&layer.dw, &stacks[7], arrays.get("dw"), 2, ndim)
    fill_result(&layer.db, &stacks[8], arrays.get("db"), 1, ndim)
    bytes_ = library.workspace[dtype](&layer, backward)
    if bytes_:
        workspace = malloc(bytes_)
        if workspace == NULL:
            raise MemoryError(f"fastact: no memory for a workspace of {bytes_} bytes")
    with nogil:
        answer = library.run[dtype](&layer, backward, workspace, bytes_)
    free(workspace)
    if answer != 0:
        raise RuntimeError(f"fastact: the dense layer's C function returned {answer}")
