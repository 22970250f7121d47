# cython: language_level=3, boundscheck=False, wraparound=False
"""Dense layers between Python and the C library: arrays in, one C call, results out.

Describes NumPy arrays to C, and finds SciPy's BLAS. Which shapes and dtypes belong together is checked in
fastact.dense, except by the direct functions below, which take plain arrays that fit exactly and nothing else.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
cimport numpy as cnp

import ctypes
import re
from operator import index

import numpy as np

from fastact import _core
from fastact.arrays import is_container

cnp.import_array()

include "_dense_c.pxi"
include "_overlap.pxi"
include "_sums.pxi"
include "_dense_memory.pxi"

cdef extern from "fastact.h" nogil:
    enum: FA_SAVE_NOTHING, FA_SAVE_INPUT, FA_SAVE_OUTPUT, FA_SAVE_BIT_MASK
    enum: FA_TOO_SMALL

cdef extern from "platform/fenv.h" nogil:
    ctypedef struct fa__fenv:
        pass
    fa__fenv fa__enter_fenv()
    void fa__leave_fenv(fa__fenv caller)

SAVING = {"nothing": FA_SAVE_NOTHING, "input": FA_SAVE_INPUT, "output": FA_SAVE_OUTPUT,
          "bit_mask": FA_SAVE_BIT_MASK}
cdef object FLOAT32 = np.dtype(np.float32), FLOAT64 = np.dtype(np.float64)


cdef class Prepared:
    """An activation of the table as C takes it.

    Parameters
    ----------
    activation : int
        Its id.
    saving, hidden : str
        What a layer saves by default, and what a hidden layer of a network saves, which may be its output.
    values : tuple of float, or None
        Parameters, where all are numbers; otherwise each call brings arrays.
    mask_values : tuple of two floats
        f' where a bit is 0, and where it is 1.
    """

    cdef int activation, saving, hidden
    cdef size_t count
    cdef readonly bint numbers
    cdef readonly str default  # what a layer saves by default
    cdef double mask_values[2]
    cdef double wide[FA__MAX_PARAMS]
    cdef float narrow[FA__MAX_PARAMS]
    cdef fa_input of[2][FA__MAX_PARAMS]  # the numbers as float32 and as float64

    def __init__(self, int activation, str saving, str hidden, values, mask_values):
        cdef int i
        cdef fa__fenv caller
        self.activation = activation
        self.default = saving
        self.saving, self.hidden = SAVING[saving], SAVING[hidden]
        self.mask_values[0], self.mask_values[1] = mask_values
        self.numbers = values is not None
        self.count = len(values) if self.numbers else 0
        memset(self.of, 0, sizeof(self.of))
        for i in range(<int>self.count):
            self.wide[i] = values[i]
            caller = fa__enter_fenv()  # the rounding below is to nearest
            self.narrow[i] = <float>self.wide[i]
            fa__leave_fenv(caller)
            self.of[0][i].data = &self.narrow[i]
            self.of[1][i].data = &self.wide[i]


# Filling in a layer -----------------------------------------------------------------------------------


cdef int begin_layer(fa_dense *layer, Prepared prepared, int number, size_t rows, size_t n_in,
                     size_t out) except -1:
    """Sizes and activation; everything else is absent."""
    memset(layer, 0, sizeof(fa_dense))
    layer.size = sizeof(fa_dense)
    layer.rows = rows
    layer.n_in = n_in
    layer.n_out = out
    layer.activation = prepared.activation
    layer.parameters = prepared.of[number == cnp.NPY_DOUBLE]
    layer.n_parameters = prepared.count
    layer.mask_values[0], layer.mask_values[1] = prepared.mask_values[0], prepared.mask_values[1]
    layer.blas = wanted_blas()
    return 0


cdef inline ptrdiff_t in_elements(ptrdiff_t stride, ptrdiff_t size) noexcept:
    """A stride in bytes, in elements of 8, 4 or 1 bytes: exact, and without a division."""
    return stride >> 3 if size == 8 else stride >> 2 if size == 4 else stride


cdef void set_input(fa_input *to, cnp.ndarray array, int core, int stack_ndim=0,
                    ptrdiff_t *stack=NULL) noexcept:
    """Address and strides, in elements, of an array with `core` axes after those of the stack, to whose
    stack_ndim axes the leading ones broadcast."""
    cdef ptrdiff_t size = cnp.PyArray_ITEMSIZE(array)
    cdef int d, ndim = cnp.PyArray_NDIM(array), lead = ndim - core
    to.data = cnp.PyArray_DATA(array)
    to.column = in_elements(cnp.PyArray_STRIDE(array, ndim - 1), size) if core >= 1 else 0
    to.row = in_elements(cnp.PyArray_STRIDE(array, ndim - 2), size) if core == 2 else 0
    to.stack = stack
    for d in range(stack_ndim):
        stack[d] = 0
        if d >= stack_ndim - lead and cnp.PyArray_DIM(array, d - stack_ndim + lead) != 1:
            stack[d] = in_elements(cnp.PyArray_STRIDE(array, d - stack_ndim + lead), size)


cdef void set_result(fa_result *to, cnp.ndarray array, int core, int stack_ndim=0,
                     ptrdiff_t *stack=NULL) noexcept:
    """The same for an array to write to, whose columns are adjacent; where there is one row, its stride may be
    anything."""
    cdef fa_input as_input
    cdef int ndim = cnp.PyArray_NDIM(array)
    set_input(&as_input, array, core, stack_ndim, stack)
    to.data = <void *>as_input.data
    to.row = as_input.row
    if core == 2 and cnp.PyArray_DIM(array, ndim - 2) <= 1:
        to.row = cnp.PyArray_DIM(array, ndim - 1)
    to.stack = as_input.stack


cdef void set_parameters(fa_dense *layer, fa_input *to, tuple arrays, int stack_ndim=0,
                         ptrdiff_t *stacks=NULL) noexcept:
    """Parameters given as arrays of shape (), or (..., out) or (..., 1)."""
    cdef int i, core
    cdef cnp.ndarray array
    for i in range(len(arrays)):
        array = <cnp.ndarray>arrays[i]
        core = min(1, cnp.PyArray_NDIM(array))
        set_input(&to[i], array, core, stack_ndim, stacks + i * FA__MAX_DIMS if stacks else NULL)
        if core and cnp.PyArray_DIM(array, cnp.PyArray_NDIM(array) - 1) == 1:
            to[i].column = 0
    layer.parameters = to
    layer.n_parameters = len(arrays)


# Calling C --------------------------------------------------------------------------------------------

cdef enum:
    RELEASE_GIL_ABOVE = 20000  # multiply-adds: below, releasing the lock costs more than it gains
    ON_STACK = 8192            # bytes of workspace that need no allocation
    MOST_KEPT = 1 << 22        # bytes of a workspace that is kept for later calls: new memory costs page faults

cdef list workspaces = []


cdef int execute(int number, const fa_dense *layer, bint backward) except -1:
    """One layer, or one stack of layers, on a workspace made for it."""
    cdef char small[ON_STACK]
    cdef Block block
    cdef size_t bytes_ = 0
    cdef int answer, dtype = number == cnp.NPY_DOUBLE
    if layer.stack_ndim == 0 and layer.rows * layer.n_in * layer.n_out < RELEASE_GIL_ABOVE:
        answer = library.run[dtype](layer, 1, backward, small, ON_STACK)
        if answer == 0:
            return 0
    _core.apply_thread_limit()
    if layer.stack_ndim != 0:  # a smaller workspace would do, for fewer threads
        bytes_ = library.workspace[dtype](layer, 1, backward)
    block = take(workspaces, bytes_)
    with nogil:
        answer = library.run[dtype](layer, 1, backward, block.data, block.bytes_)
    if answer == FA_TOO_SMALL:
        block = take(workspaces, library.workspace[dtype](layer, 1, backward), block)
        with nogil:
            answer = library.run[dtype](layer, 1, backward, block.data, block.bytes_)
    if block.bytes_ <= MOST_KEPT:
        give_back(workspaces, block)
    if answer != 0:
        raise RuntimeError(f"fastact: the dense layer's C function returned {answer}")
    return 0


cdef struct strides_of:
    ptrdiff_t of[FA__MAX_DIMS]


cdef void read_from(fa_input *to, dict arrays, str name, int core, int stack_ndim, strides_of *stack) noexcept:
    array = arrays.get(name)
    if array is not None:
        set_input(to, <cnp.ndarray>array, core, stack_ndim, stack.of)


cdef void write_to(fa_result *to, dict arrays, str name, int core, int stack_ndim, strides_of *stack) noexcept:
    array = arrays.get(name)
    if array is not None:
        set_result(to, <cnp.ndarray>array, core, stack_ndim, stack.of)


def run(Prepared prepared, bint backward, str saving, tuple parameters, tuple stack_shape, dict arrays,
        bint accumulate=False):
    """Forward (x, w, b to y, saved) or backward (x, w, grad_y, saved to dx, dw, db), on arrays that have been
    checked, by name. `parameters` is empty where `prepared` has numbers; leading axes are the stack's."""
    cdef fa_dense layer
    cdef fa_input of[FA__MAX_PARAMS]
    cdef strides_of strides[9 + FA__MAX_PARAMS]
    cdef size_t shape[FA__MAX_DIMS]
    cdef int d, ndim = len(stack_shape)
    cdef cnp.ndarray x = arrays["x"], w = arrays["w"]
    cdef int number = cnp.PyArray_TYPE(x)
    begin_layer(&layer, prepared, number, <size_t>cnp.PyArray_DIM(x, x.ndim - 2),
                <size_t>cnp.PyArray_DIM(x, x.ndim - 1), <size_t>cnp.PyArray_DIM(w, w.ndim - 1))
    for d in range(ndim):
        shape[d] = stack_shape[d]
    layer.stack_ndim = ndim
    layer.stack_shape = shape
    layer.saving = SAVING[saving]
    layer.accumulate = accumulate
    read_from(&layer.x, arrays, "x", 2, ndim, &strides[0])
    read_from(&layer.w, arrays, "w", 2, ndim, &strides[1])
    read_from(&layer.b, arrays, "b", 1, ndim, &strides[2])
    layer.b.column = 1
    read_from(&layer.grad_y, arrays, "grad_y", 2, ndim, &strides[3])
    write_to(&layer.y, arrays, "y", 2, ndim, &strides[4])
    write_to(&layer.saved, arrays, "saved", 2, ndim, &strides[5])
    write_to(&layer.dx, arrays, "dx", 2, ndim, &strides[6])
    write_to(&layer.dw, arrays, "dw", 2, ndim, &strides[7])
    write_to(&layer.db, arrays, "db", 1, ndim, &strides[8])
    if parameters:
        set_parameters(&layer, of, parameters, ndim, strides[9].of)
    execute(number, &layer, backward)


include "_dense_saved.pxi"
include "_dense_direct.pxi"
include "_dense_stacks.pxi"
include "_dense_network.pxi"
include "_dense_training.pxi"
include "_dense_copies.pxi"
