# cython: language_level=3, boundscheck=False, wraparound=False
"""Row-wise functions between Python and the C library: contiguous arrays in, one C call, results out.

Which shapes and dtypes belong together is checked in fastact.rowwise.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint64_t
cimport numpy as cnp

from fastact import _core

cnp.import_array()

include "_overlap.pxi"
include "_plain.pxi"
include "_sums.pxi"

cdef extern from "platform/fenv.h" nogil:
    ctypedef struct fa__fenv:
        pass
    fa__fenv fa__enter_fenv()
    void fa__leave_fenv(fa__fenv caller)

cdef extern from "api/rowwise.h" nogil:
    ctypedef enum direction_t "fa__row_direction":
        FA__ROWWISE_FORWARD, FA__ROWWISE_BACKWARD, FA__ROWWISE_BACKWARD_FROM_OUTPUT
    ctypedef enum row_result "fa__row_result":
        FA__EACH, FA__ONE, FA__TWICE, FA__PIECES
    ctypedef struct fa__rowwise_entry:
        int id
        const char *name
        row_result result
        bint has_temperature
        const char *formula
        const char *gradient
        double least[2]
        double bounds[2]
        const char *about
    ctypedef struct fa__rows_call:
        int entry
        direction_t direction
        dtype_t dtype
        size_t rows, n
        const void *grad_y
        const void *in_ "in"
        void *out
        double temperature
        size_t pieces
    ctypedef struct fa__cross_entropy_call:
        dtype_t dtype
        size_t rows, n
        const void *x
        const void *q
        const int64_t *labels
        const double *weights
        double *loss
        void *grad_x
    ctypedef struct fa__loss_sum:
        double high, low
    ctypedef struct fa__loss_call:
        int entry
        dtype_t dtype
        size_t n
        const void *x
        const void *target
        const double *weights
        const double *parameter
        size_t period
        double factor
        void *losses
        void *grad_x
        fa__loss_sum *total
    ctypedef struct fa__loss_entry:
        const char *name
        const char *parameter
        bint has_parameter, is_positive, has_signs, mean_of_weights
        double default_value
        const char *x
        const char *formula
        const char *gradient
        const char *terms
        double bounds[2]
        const char *about
    ctypedef struct fa__rowwise_functions:
        const fa__rowwise_entry *entries
        int n_entries
        void (*run_rows)(const fa__rows_call *) noexcept nogil
        void (*run_cross_entropy)(const fa__cross_entropy_call *) noexcept nogil
        void (*run_nll)(const fa__cross_entropy_call *) noexcept nogil
        const fa__loss_entry *losses
        int n_losses
        void (*run_loss)(const fa__loss_call *) noexcept nogil

cdef const fa__rowwise_functions *library = <const fa__rowwise_functions *>PyCapsule_GetPointer(
    _core.rowwise_functions, "fastact._core.rowwise_functions")

FORWARD, BACKWARD, BACKWARD_FROM_OUTPUT = FA__ROWWISE_FORWARD, FA__ROWWISE_BACKWARD, FA__ROWWISE_BACKWARD_FROM_OUTPUT

cdef enum:
    RELEASE_GIL_ABOVE = 2048  # elements; for fewer, releasing the lock costs more than it gains


def entries():
    """The table, as one dict for each entry."""
    found = []
    for i in range(library.n_entries):
        entry = &library.entries[i]
        found.append({
            "number": i, "id": entry.id, "name": entry.name.decode(), "has_one_result": entry.result == FA__ONE,
            "keeps_length": entry.result == FA__EACH or entry.result == FA__ONE, "has_pieces": entry.result == FA__PIECES,
            "has_temperature": entry.has_temperature, "formula": entry.formula.decode(),
            "gradient": entry.gradient.decode(), "least": (entry.least[0], entry.least[1]),
            "max_ulp": (entry.bounds[0], entry.bounds[1]),
            "about": entry.about.decode(),
        })
    return found


def run(int number, direction_t direction, cnp.ndarray grad_y, cnp.ndarray x not None, cnp.ndarray out not None,
        size_t rows, size_t n, double temperature, size_t pieces=1):
    """One call on contiguous arrays of one float dtype, whose sizes have been checked. n counts the elements of x."""
    run_rows(number, direction, grad_y, x, out, rows, n, temperature, pieces)


cdef int run_rows(int number, direction_t direction, grad_y, x, out, size_t rows, size_t n, double temperature,
                  size_t pieces) except -1:
    cdef fa__rows_call call
    call.entry, call.direction, call.dtype = number, direction, dtype_of(x)
    call.rows, call.n, call.temperature = rows, n, temperature
    call.pieces = pieces
    call.grad_y, call.in_, call.out = data_of(grad_y), data_of(x), data_of(out)
    if rows * n < RELEASE_GIL_ABOVE:
        library.run_rows(&call)
        return 0
    _core.apply_thread_limit()
    with nogil:
        library.run_rows(&call)
    return 0


def can_hold(array, cnp.ndarray x):
    """Whether C can write a result of the shape of x to an array, which is x or apart from it."""
    return (is_like(array, x) and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>array)
            and not unsafe_overlap(<cnp.ndarray>array, x))


def overlaps_unsafely(cnp.ndarray out, cnp.ndarray array):
    """Whether writing to `out` could change an element of the array that is read later."""
    return unsafe_overlap(out, array)


include "_rowwise_functions.pxi"
include "_rowwise_losses.pxi"
include "_rowwise_labels.pxi"
include "_rowwise_copies.pxi"
