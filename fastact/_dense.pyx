# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The skin over the C library's dense layer: arrays in, one C call, results filled in.

Knows how NumPy describes arrays, and SciPy's BLAS. Does not know which arrays are valid together: dense.py has
seen to that.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdlib cimport calloc, free
from libc.string cimport memset
cimport numpy as cnp

import ctypes
import re

from fastact import _core

cnp.import_array()

include "_dense_c.pxi"


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


cdef enum:
    RELEASE_GIL_ABOVE = 20000  # multiply-adds: below, giving the lock away costs more than it frees
    ON_STACK = 8192            # bytes of workspace that need no allocation


cdef int execute(int dtype, const fa_dense *layer, bint backward) except -1:
    """One call of the library, on a workspace made for it."""
    cdef char small[ON_STACK]
    cdef void *workspace
    cdef size_t bytes_
    cdef int answer
    if layer.stack_ndim == 0 and layer.rows * layer.n_in * layer.out < RELEASE_GIL_ABOVE:
        answer = library.run[dtype](layer, 1, backward, small, ON_STACK)
        if answer == 0:
            return 0
    bytes_ = library.workspace[dtype](layer, 1, backward)
    workspace = PyMem_RawMalloc(bytes_)
    if workspace == NULL and bytes_ > 0:
        raise MemoryError(f"fastact: no memory for a workspace of {bytes_} bytes")
    with nogil:
        answer = library.run[dtype](layer, 1, backward, workspace, bytes_)
    PyMem_RawFree(workspace)
    if answer != 0:
        raise RuntimeError(f"fastact: the dense layer's C function returned {answer}")
    return 0


def run(bint backward, int activation, int saving, tuple parameters, tuple stack_shape, w, bint accumulate,
        tuple bit_values, dict arrays):
    """Forward (x, b to y, saved) or backward (x, grad_y, saved to dx, dw, db), on valid arrays by name.

    `parameters` are arrays of shape (), or (..., out) with leading axes as the stack's.
    """
    cdef fa_dense layer
    cdef fa_input inputs[FA__MAX_PARAMS]
    cdef strides_of stacks[13]
    cdef size_t shape[64]
    cdef int d, i, ndim = len(stack_shape), dtype
    x, b, grad_y = arrays["x"], arrays.get("b"), arrays.get("grad_y")
    dtype = 0 if cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_FLOAT else 1
    for d in range(ndim):
        shape[d] = stack_shape[d]
    layer.size = sizeof(fa_dense)
    layer.rows = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, x.ndim - 2)
    layer.n_in = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, x.ndim - 1)
    layer.out = <size_t>cnp.PyArray_DIM(<cnp.ndarray>w, w.ndim - 1)
    layer.stack_ndim = ndim
    layer.stack_shape = shape
    layer.activation = activation
    layer.saving = saving
    layer.mask_values[0], layer.mask_values[1] = bit_values
    layer.accumulate = accumulate
    layer.blas = wanted_blas()
    layer.b.data = layer.grad_y.data = NULL
    layer.b.stack = layer.grad_y.stack = NULL
    fill_input(&layer.x, &stacks[0], x, 2, ndim)
    fill_input(&layer.w, &stacks[1], w, 2, ndim)
    if b is not None:
        fill_input(&layer.b, &stacks[2], b, 1, ndim)
    if grad_y is not None:
        fill_input(&layer.grad_y, &stacks[3], grad_y, 2, ndim)
    layer.parameters = inputs
    layer.n_parameters = len(parameters)
    for i in range(len(parameters)):
        fill_input(&inputs[i], &stacks[9 + i], parameters[i], min(1, parameters[i].ndim), ndim)
        if parameters[i].ndim and parameters[i].shape[parameters[i].ndim - 1] == 1:
            inputs[i].column = 0
    fill_result(&layer.y, &stacks[4], arrays.get("y"), 2, ndim)
    fill_result(&layer.saved, &stacks[5], arrays.get("saved"), 2, ndim)
    fill_result(&layer.dx, &stacks[6], arrays.get("dx"), 2, ndim)
    fill_result(&layer.dw, &stacks[7], arrays.get("dw"), 2, ndim)
    fill_result(&layer.db, &stacks[8], arrays.get("db"), 1, ndim)
    execute(dtype, &layer, backward)


# What is saved -------------------------------------------------------------------------------------

cdef class Saved:
    """What :func:`fastact.dense_forward` keeps for :func:`fastact.dense_backward`.

    Attributes
    ----------
    activation : Activation
        Whose derivative is to be taken.
    kind : {"input", "output", "bits"}
        Whether it is taken from x w + b, from the result, or from a bit for each element.
    array : ndarray
        That array; in the second case the very result, which must not be modified before the backward pass.
        Bits lie in bytes, the first column in the lowest.
    columns : int
        Columns of the result.
    b_shape : tuple of int or None
        Shape of the biases.
    """

    cdef readonly object activation
    cdef readonly str kind
    cdef readonly object array
    cdef readonly cnp.npy_intp columns
    cdef readonly tuple b_shape

    def __init__(self, activation, str kind, array, cnp.npy_intp columns, tuple b_shape):
        self.columns = columns
        self.activation = activation
        self.kind = kind
        self.array = array
        self.b_shape = b_shape

    @property
    def nbytes(self):
        """Bytes kept beside the result."""
        return 0 if self.kind == "output" else self.array.nbytes

    def __repr__(self):
        return f"<fastact Saved: {self.kind} of {self.activation!r}, {self.array.shape} {self.array.dtype}>"


cdef class Prepared:
    """An activation whose parameters are plain numbers, as C takes it."""

    cdef object activation
    cdef str kind
    cdef int number, saving, n_params
    cdef double wide[FA__MAX_PARAMS]
    cdef float narrow[FA__MAX_PARAMS]
    cdef fa_input inputs[2][FA__MAX_PARAMS]  # of float32 and float64

    def __init__(self, activation, str kind, int saving, tuple values):
        cdef int i
        self.activation = activation
        self.kind = kind
        self.saving = saving
        self.number = activation.number
        self.n_params = len(values)
        for i in range(self.n_params):
            self.wide[i] = values[i]
            self.narrow[i] = <float>self.wide[i]
            self.inputs[0][i].data = &self.narrow[i]
            self.inputs[1][i].data = &self.wide[i]


# The direct path: one layer, plain arrays ------------------------------------------------------------

cdef inline int element_type(object array, int ndim) noexcept:
    """NPY_FLOAT or NPY_DOUBLE for a plain, native, aligned array of it with ndim axes, else -1."""
    if not cnp.PyArray_CheckExact(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) != ndim:
        return -1
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if number != cnp.NPY_FLOAT and number != cnp.NPY_DOUBLE:
        return -1
    return number if cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>array) else -1


cdef inline void fill_matrix(fa_input *to, cnp.ndarray array) noexcept:
    cdef ptrdiff_t size = cnp.PyArray_ITEMSIZE(array)
    to.data = cnp.PyArray_DATA(array)
    to.row = cnp.PyArray_STRIDE(array, 0) // size
    to.column = cnp.PyArray_STRIDE(array, 1) // size
    to.stack = NULL


cdef inline void fill_new(fa_result *to, cnp.ndarray array) noexcept:
    """A contiguous result."""
    to.data = cnp.PyArray_DATA(array)
    to.row = cnp.PyArray_DIM(array, cnp.PyArray_NDIM(array) - 1)


cdef bint apart(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two arrays have no byte in common, as far as their ends tell."""
    cdef char *low[2]
    cdef char *high[2]
    cdef int i, d
    cdef cnp.npy_intp reach
    for i in range(2):
        array = a if i == 0 else b
        low[i] = cnp.PyArray_BYTES(array)
        high[i] = low[i] + cnp.PyArray_ITEMSIZE(array)
        for d in range(cnp.PyArray_NDIM(array)):
            reach = (cnp.PyArray_DIM(array, d) - 1) * cnp.PyArray_STRIDE(array, d)
            if reach < 0:
                low[i] += reach
            else:
                high[i] += reach
    return high[0] <= low[1] or high[1] <= low[0]


cdef cnp.ndarray result_of(object given, int ndim, cnp.npy_intp *shape, int number, list others):
    """A new array, or the caller's where it fits exactly and lies apart from the others; else None."""
    cdef cnp.ndarray array
    cdef int d
    if given is None:
        array = cnp.PyArray_EMPTY(ndim, shape, number, 0)
    else:
        if element_type(given, ndim) != number:
            return None
        array = given
        if not (cnp.PyArray_IS_C_CONTIGUOUS(array) and cnp.PyArray_ISWRITEABLE(array)):
            return None
        for d in range(ndim):
            if cnp.PyArray_DIM(array, d) != shape[d]:
                return None
        for other in others:
            if other is not None and not apart(array, other):
                return None
    others.append(array)
    return array


cdef int fill_layer(fa_dense *layer, Prepared prepared, cnp.ndarray x, cnp.ndarray w, int number) except -1:
    memset(layer, 0, sizeof(fa_dense))
    layer.size = sizeof(fa_dense)
    layer.rows = <size_t>cnp.PyArray_DIM(x, 0)
    layer.n_in = <size_t>cnp.PyArray_DIM(x, 1)
    layer.out = <size_t>cnp.PyArray_DIM(w, 1)
    layer.activation = prepared.number
    layer.blas = wanted_blas()
    layer.parameters = prepared.inputs[0 if number == cnp.NPY_FLOAT else 1]
    layer.n_parameters = prepared.n_params
    fill_matrix(&layer.x, x)
    fill_matrix(&layer.w, w)
    return 0


def forward(x, w, b, Prepared prepared, bint save, out):
    """(y, saved) or y, or None where arguments are not plain arrays that fit: then dense.py takes over."""
    cdef fa_dense layer
    cdef int number = element_type(x, 2)
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray y, array
    cdef Saved saved = None
    if number < 0 or element_type(w, 2) != number:
        return None
    if cnp.PyArray_DIM(<cnp.ndarray>x, 1) != cnp.PyArray_DIM(<cnp.ndarray>w, 0):
        return None
    fill_layer(&layer, prepared, x, w, number)
    shape[0] = <cnp.npy_intp>layer.rows
    shape[1] = <cnp.npy_intp>layer.out
    if b is not None:
        if (element_type(b, 1) != number or cnp.PyArray_DIM(<cnp.ndarray>b, 0) != shape[1]
                or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>b)):
            return None
        layer.b.data = cnp.PyArray_DATA(<cnp.ndarray>b)
        layer.b.column = 1
    cdef list others = [x, w, b]
    reuse = None
    if type(out) is tuple:
        if not save or len(<tuple>out) != 2 or type((<tuple>out)[1]) is not Saved:
            return None
        out, saved = out
        reuse = saved.array if saved.kind == "input" else None
    y = result_of(out, 2, shape, number, others)
    if y is None:
        return None
    fill_new(&layer.y, y)
    array = y
    if save:
        layer.saving = prepared.saving
        if prepared.kind == "input":
            array = result_of(reuse, 2, shape, number, others)
            if array is None:
                return None
        fill_new(&layer.saved, array)
    execute(0 if number == cnp.NPY_FLOAT else 1, &layer, False)
    if not save:
        return y
    saved = Saved.__new__(Saved)
    saved.activation = prepared.activation
    saved.kind = prepared.kind
    saved.array = array
    saved.columns = shape[1]
    saved.b_shape = None if b is None else (shape[1],)
    return y, saved


def backward(grad_y, x, w, saved_, Prepared prepared, bint need_dx, tuple out, bint accumulate):
    """(dx, dw, db), or None where arguments are not plain arrays that fit: then dense.py takes over."""
    cdef fa_dense layer
    cdef int number = element_type(x, 2)
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray dx = None, dw, db = None
    cdef Saved saved
    if type(saved_) is not Saved:
        return None
    saved = saved_
    if number < 0 or element_type(w, 2) != number or element_type(grad_y, 2) != number:
        return None
    if element_type(saved.array, 2) != number or saved.activation is not prepared.activation:
        return None
    fill_layer(&layer, prepared, x, w, number)
    for rowed in (grad_y, saved.array):
        if (<size_t>cnp.PyArray_DIM(<cnp.ndarray>rowed, 0) != layer.rows
                or <size_t>cnp.PyArray_DIM(<cnp.ndarray>rowed, 1) != layer.out):
            return None
    if layer.n_in != <size_t>cnp.PyArray_DIM(<cnp.ndarray>w, 0):
        return None
    if not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>saved.array) or (saved.b_shape is not None and len(saved.b_shape) != 1):
        return None
    if out is None:
        out = (None, None, None)
    elif len(out) != 3:
        return None
    if accumulate and (out[1] is None or need_dx and out[0] is None or saved.b_shape and out[2] is None):
        return None
    layer.saving = 2 if saved.kind == "output" else 1
    layer.accumulate = accumulate
    fill_matrix(&layer.grad_y, grad_y)
    fill_new(&layer.saved, saved.array)
    cdef list others = [grad_y, x, w, saved.array]
    if need_dx:
        shape[0] = <cnp.npy_intp>layer.rows
        shape[1] = <cnp.npy_intp>layer.n_in
        dx = result_of(out[0], 2, shape, number, others)
        if dx is None:
            return None
        fill_new(&layer.dx, dx)
    shape[0] = <cnp.npy_intp>layer.n_in
    shape[1] = <cnp.npy_intp>layer.out
    dw = result_of(out[1], 2, shape, number, others)
    if dw is None:
        return None
    fill_new(&layer.dw, dw)
    if saved.b_shape is not None:
        db = result_of(out[2], 1, &shape[1], number, others)
        if db is None:
            return None
        fill_new(&layer.db, db)
    execute(0 if number == cnp.NPY_FLOAT else 1, &layer, True)
    return dx, dw, db


include "_dense_network.pxi"
