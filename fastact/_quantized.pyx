# cython: language_level=3, boundscheck=False, wraparound=False
"""Look-ups in tables of 256 bytes, between Python and the C library.

Which dtypes and shapes belong together is checked in fastact.quantized.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint8_t
cimport numpy as cnp

from fastact import _core

cnp.import_array()

cdef extern from "fastact.h" nogil:
    enum: FA_OK

cdef extern from "api/quantized.h" nogil:
    ctypedef struct fa__quantized_functions:
        int (*look_up)(const uint8_t *table, const uint8_t *x, uint8_t *y, int ndim, const size_t *shape,
                       const ptrdiff_t *x_strides, const ptrdiff_t *y_strides) noexcept nogil

cdef const fa__quantized_functions *library = <const fa__quantized_functions *>PyCapsule_GetPointer(
    _core.quantized_functions, "fastact._core.quantized_functions")

include "_overlap.pxi"


def look_up(cnp.ndarray table, cnp.ndarray x, cnp.ndarray y):
    """y = table[x], of arrays of bytes whose shapes are equal and that have been checked: a contiguous table of 256
    entries, and y that can be written to."""
    cdef int status, ndim = cnp.PyArray_NDIM(x)
    if unsafe_overlap(y, x):
        x = x.copy()
    if may_overlap(y, table):
        table = table.copy()
    cdef const uint8_t *entries = <const uint8_t *>cnp.PyArray_DATA(table)
    cdef const uint8_t *read = <const uint8_t *>cnp.PyArray_DATA(x)
    cdef uint8_t *written = <uint8_t *>cnp.PyArray_DATA(y)
    _core.apply_thread_limit()
    with nogil:
        status = library.look_up(entries, read, written, ndim, <const size_t *>cnp.PyArray_DIMS(x),
                                 <const ptrdiff_t *>cnp.PyArray_STRIDES(x), <const ptrdiff_t *>cnp.PyArray_STRIDES(y))
    if status != FA_OK:
        raise ValueError(f"fastact.quantized.apply: the library refused the call, with status {status}")
