# What a dense layer keeps between its two passes. Part of _dense.pyx.
# An object made by hand or unpickled is checked here against itself, and against the activation where it is used.

cdef class Saved:
    """What :func:`fastact.dense_forward` keeps for :func:`fastact.dense_backward`.

    Attributes are read-only, and checked whenever an instance is made by hand or unpickled.

    Parameters
    ----------
    activation : Activation
        The activation of the layer.
    kind : {"input", "output", "bit_mask", "nothing"}
        What f' is computed from: x w + b, the result, one bit for each element, or nothing where f' is constant.
    array : ndarray or None
        Holds it. In a bit mask the first column is the lowest bit of the first byte. Where layers were computed
        on masked, lazy or labelled arrays, x w + b is of their kind.
    shape : tuple of int
        Shape of the result.
    dtype : dtype
        float32 or float64, in which the layer was computed.
    b_shape : tuple of int or None
        Shape of the biases.

    Raises
    ------
    ValueError, TypeError
        For an array that does not have the shape and dtype that the others imply.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> y, saved = fa.dense_forward(np.ones((2, 3)), np.ones((3, 4)), activation="relu")
    >>> saved
    <fastact.Saved: bit_mask of <fastact.relu>, shape (2, 4), float64>
    >>> saved.nbytes
    2
    """

    cdef readonly object activation
    cdef readonly str kind
    cdef readonly object array
    cdef readonly tuple shape
    cdef readonly object dtype
    cdef readonly tuple b_shape
    cdef Prepared prepared  # of what a forward pass has made; None of what was made by hand
    cdef int saving         # the kind as C knows it
    cdef bint is_result     # the array is the very result

    def __init__(self, activation, str kind not None, array, shape, dtype, b_shape=None):
        if not callable(activation):
            raise TypeError(f"fastact.Saved: activation is of type {type(activation).__name__}; "
                            "expected an activation")
        if kind not in SAVING:
            raise ValueError(f"fastact.Saved: kind is {kind!r}; expected one of {', '.join(SAVING)}")
        dtype, shape = np.dtype(dtype), sizes(shape)
        if dtype not in (np.float32, np.float64):
            raise TypeError(f"fastact.Saved: dtype is {dtype}; expected float32 or float64")
        if not (kind == "input" and is_container(array)):
            array = checked_array(kind, array, sizes(shape), dtype)
        self.prepared = None
        self.is_result = False
        self.activation, self.kind, self.saving, self.array = activation, kind, SAVING[kind], array
        self.shape, self.dtype = shape, dtype
        self.b_shape = None if b_shape is None else sizes(b_shape)

    @property
    def nbytes(self):
        """Bytes kept beside the result."""
        return 0 if self.array is None or self.is_result else self.array.nbytes

    def __repr__(self):
        return f"<fastact.Saved: {self.kind} of {self.activation!r}, shape {self.shape}, {self.dtype}>"

    def __reduce__(self):
        return Saved, (self.activation, self.kind, self.array, self.shape, self.dtype, self.b_shape)


class Omitted:
    """The default of an argument that has None as a value of its own."""

    def __repr__(self):
        return "saved.activation"


OMITTED = Omitted()


def sizes(shape):
    """A shape as a tuple of int."""
    found = tuple(index(n) for n in shape)
    if not found or min(found) < 0:
        raise ValueError(f"fastact.Saved: shape is {found}; expected sizes of at least one axis")
    return found


cdef checked_array(str kind, array, tuple shape, dtype):
    """The array, or a copy that C can read, if it has the shape and dtype that belong to the kind."""
    if kind == "nothing":
        if array is not None:
            raise ValueError("fastact.Saved: array is given; expected None for kind 'nothing'")
        return None
    if kind == "bit_mask":
        *rows, columns = shape
        shape, dtype = (*rows, (columns + 7) // 8), np.dtype(np.uint8)
    if type(array) is not np.ndarray and type(array) is not np.memmap:
        raise TypeError(f"fastact.Saved: array is of type {type(array).__name__}; expected an ndarray")
    if array.shape != shape or array.dtype.newbyteorder("=") != dtype:
        raise ValueError(f"fastact.Saved: array has shape {array.shape} and dtype {array.dtype}; "
                         f"expected {shape} and {dtype}")
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED", "ENSUREARRAY"])


cdef Saved new_saved(activation, Prepared prepared, str kind, int saving, array, tuple shape, dtype,
                     tuple b_shape, bint is_result):
    """Without checks: for what a forward pass has just made."""
    cdef Saved saved = Saved.__new__(Saved)
    saved.activation, saved.prepared, saved.kind, saved.saving = activation, prepared, kind, saving
    saved.array, saved.shape, saved.dtype, saved.b_shape = array, shape, dtype, b_shape
    saved.is_result = is_result
    return saved


def make_saved(activation, Prepared prepared, str kind, array, tuple shape, dtype, tuple b_shape,
               bint is_result=False):
    """Without checks: for forward passes that fastact.dense has planned."""
    return new_saved(activation, prepared, kind, SAVING[kind], array, shape, dtype, b_shape, is_result)
