# The direct functions: one layer on plain arrays that fit exactly. Part of _dense.pyx.
# Whatever else is passed is left to fastact.dense: then they return None and have written nothing.

cdef inline bint is_plain(object array, int ndim, int number) noexcept:
    """Whether this is an ndarray of that type, native and aligned, with ndim axes."""
    return (cnp.PyArray_CheckExact(array) and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim
            and cnp.PyArray_TYPE(<cnp.ndarray>array) == number and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>array))


cdef inline int float_type(object array) noexcept:
    """NPY_FLOAT or NPY_DOUBLE for a plain matrix of it, else -1."""
    if is_plain(array, 2, cnp.NPY_FLOAT):
        return cnp.NPY_FLOAT
    return cnp.NPY_DOUBLE if is_plain(array, 2, cnp.NPY_DOUBLE) else -1


cdef inline bint has_sizes(object array, size_t rows, size_t columns) noexcept:
    return (<size_t>cnp.PyArray_DIM(<cnp.ndarray>array, 0) == rows
            and <size_t>cnp.PyArray_DIM(<cnp.ndarray>array, 1) == columns)


cdef inline bint ends_with(object array, size_t rows, size_t columns) noexcept:
    cdef int ndim = cnp.PyArray_NDIM(<cnp.ndarray>array)
    return (<size_t>cnp.PyArray_DIM(<cnp.ndarray>array, ndim - 2) == rows
            and <size_t>cnp.PyArray_DIM(<cnp.ndarray>array, ndim - 1) == columns)


cdef inline bint is_bias(object b, size_t out, int number) noexcept:
    """Whether this is a plain contiguous array of shape (out,) or (1, out)."""
    if not (cnp.PyArray_CheckExact(b) and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>b)):
        return False
    if is_plain(b, 1, number):
        return <size_t>cnp.PyArray_DIM(<cnp.ndarray>b, 0) == out
    return is_plain(b, 2, number) and has_sizes(b, 1, out)


def overlap(array, others):
    """Whether an array may share memory with one of the others, as far as their first and last bytes tell."""
    for other in others:
        if other is not None and may_overlap(array, other):
            return True
    return False


# Arrays that a call reads or writes, for as long as the caller holds them

cdef struct Operands:
    PyObject *of[8]
    int count


cdef inline void note(Operands *operands, object array) noexcept:
    """Add an array, or None."""
    if array is not None:
        operands.of[operands.count] = <PyObject *>array
        operands.count += 1


cdef bint is_apart(cnp.ndarray array, const Operands *operands) noexcept:
    """Whether an array shares no memory with any of them."""
    cdef int i
    for i in range(operands.count):
        if may_overlap(array, <cnp.ndarray>operands.of[i]):
            return False
    return True


cdef cnp.ndarray result_of(object given, int ndim, cnp.npy_intp *shape, int number, Operands *others):
    """A new array, or the one that is given where C can write to it and it overlaps no other; else None."""
    cdef cnp.ndarray array
    cdef int d
    if given is None:
        array = cnp.PyArray_EMPTY(ndim, shape, number, 0)
    else:
        if not is_plain(given, ndim, number):
            return None
        array = given
        if not (cnp.PyArray_IS_C_CONTIGUOUS(array) and cnp.PyArray_ISWRITEABLE(array)):
            return None
        for d in range(ndim):
            if cnp.PyArray_DIM(array, d) != shape[d]:
                return None
        if not is_apart(array, others):
            return None
    note(others, array)
    return array


# Activations

cdef enum:
    MOST_NAMES = 1024

cdef object prepare = None  # a function of an activation, a name or None: (activation, Prepared), or None
cdef dict by_name = {}      # its answers


def use_preparation(function):
    """Take what C needs of activations from this function."""
    global prepare
    prepare = function


cdef tuple find_activation(activation):
    """(activation, Prepared), or None where C does not have it."""
    if not (activation is None or type(activation) is str):
        return prepare(activation)
    found = by_name.get(activation)
    if found is None:
        found = prepare(activation)
        if found is not None and len(by_name) < MOST_NAMES:
            by_name[activation] = found
    return found


# The two passes

cdef cnp.ndarray saved_array(Saved reuse, Prepared prepared, int ndim, const cnp.npy_intp *result, int number,
                             Operands *others):
    """An array for what is saved of a result of that shape, that of an earlier pass where it can be used again; None
    for nothing."""
    cdef cnp.npy_intp shape[3]
    cdef cnp.ndarray array = None
    cdef int d
    if prepared.saving == FA_SAVE_NOTHING:
        return None
    for d in range(ndim):
        shape[d] = result[d]
    if prepared.saving == FA_SAVE_BIT_MASK:
        shape[ndim - 1], number = (shape[ndim - 1] + 7) // 8, cnp.NPY_UINT8
    if reuse is not None and not reuse.is_result and reuse.array is not None:
        array = result_of(reuse.array, ndim, shape, number, others)
    return result_of(None, ndim, shape, number, others) if array is None else array


def forward(x, w, b, activation, bint keep, save, out):
    """(y, saved) with `keep`, otherwise y; or None."""
    cdef fa_dense layer
    cdef int number = float_type(x)
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray y, array = None
    cdef Saved reuse = None
    cdef Operands operands
    cdef tuple b_shape = None
    if number < 0 or not is_plain(w, 2, number):
        return forward_stack(x, w, b, activation, keep, save, out)
    cdef tuple found = find_activation(activation)
    if found is None:
        return None
    cdef Prepared prepared = <Prepared>found[1]
    if not prepared.numbers or not (save is None or save == prepared.default):
        return None
    if cnp.PyArray_DIM(<cnp.ndarray>x, 1) != cnp.PyArray_DIM(<cnp.ndarray>w, 0):
        return None
    shape[0] = cnp.PyArray_DIM(<cnp.ndarray>x, 0)
    shape[1] = cnp.PyArray_DIM(<cnp.ndarray>w, 1)
    begin_layer(&layer, prepared, number, <size_t>shape[0], <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 1),
                <size_t>shape[1])
    set_input(&layer.x, <cnp.ndarray>x, 2)
    set_input(&layer.w, <cnp.ndarray>w, 2)
    if b is not None:
        if not is_bias(b, layer.n_out, number):
            return None
        layer.b.data = cnp.PyArray_DATA(<cnp.ndarray>b)
        layer.b.column = 1
        b_shape = <tuple>b.shape
    operands.count = 0
    note(&operands, x)
    note(&operands, w)
    note(&operands, b)
    if type(out) is tuple:
        if not keep or len(<tuple>out) != 2 or type((<tuple>out)[1]) is not Saved:
            return None
        out, reuse = out
    y = result_of(out, 2, shape, number, &operands)
    if y is None:
        return None
    set_result(&layer.y, y, 2)
    if keep:
        layer.saving = prepared.saving
        array = saved_array(reuse, prepared, 2, shape, number, &operands)
        if array is not None:
            set_result(&layer.saved, array, 2)
    execute(number, &layer, False)
    if not keep:
        return y
    return y, new_saved(found[0], prepared, prepared.default, prepared.saving, array, (shape[0], shape[1]),
                        FLOAT64 if number == cnp.NPY_DOUBLE else FLOAT32, b_shape, False)


cdef bint is_activation_of(Saved saved, activation) except -1:
    """Whether an activation is the very one of the forward pass."""
    if activation is OMITTED or activation is saved.activation:
        return True
    cdef tuple found = find_activation(activation)
    return found is not None and saved.activation is found[0]


def backward(grad_y, x, w, saved_, activation, bint need_dx, out, bint accumulate):
    """(dx, dw, db), or None."""
    cdef fa_dense layer
    cdef int number = float_type(x)
    cdef cnp.ndarray dx = None, dw, db = None
    cdef cnp.npy_intp b_shape[2]
    cdef Saved saved
    cdef Operands operands
    if type(saved_) is not Saved:
        return None
    saved = saved_
    if number < 0 or not (is_plain(w, 2, number) and is_plain(grad_y, 2, number)):
        return backward_stack(grad_y, x, w, saved, activation, need_dx, out, accumulate)
    if saved.prepared is None or not saved.prepared.numbers or not is_activation_of(saved, activation):
        return None
    begin_layer(&layer, saved.prepared, number, <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 0),
                <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 1), <size_t>cnp.PyArray_DIM(<cnp.ndarray>w, 1))
    if not has_sizes(w, layer.n_in, layer.n_out) or not has_sizes(grad_y, layer.rows, layer.n_out):
        return None
    if len(saved.shape) != 2 or not fits_layer(saved, &layer, number):
        return None
    if out is None:
        out = (None, None, None)
    elif type(out) is not tuple or len(<tuple>out) != 3:
        return None
    if accumulate and (out[1] is None or need_dx and out[0] is None or saved.b_shape and out[2] is None):
        return None
    layer.accumulate = accumulate
    set_input(&layer.x, <cnp.ndarray>x, 2)
    set_input(&layer.w, <cnp.ndarray>w, 2)
    set_input(&layer.grad_y, <cnp.ndarray>grad_y, 2)
    operands.count = 0
    note(&operands, grad_y)
    note(&operands, x)
    note(&operands, w)
    note(&operands, saved.array)
    if need_dx:
        dx = result_of(out[0], 2, cnp.PyArray_DIMS(<cnp.ndarray>x), number, &operands)
        if dx is None:
            return None
        set_result(&layer.dx, dx, 2)
    dw = result_of(out[1], 2, cnp.PyArray_DIMS(<cnp.ndarray>w), number, &operands)
    if dw is None:
        return None
    set_result(&layer.dw, dw, 2)
    if saved.b_shape is not None:
        b_shape[0] = b_shape[1] = <cnp.npy_intp>layer.n_out
        if len(saved.b_shape) == 2:
            b_shape[0] = 1
        db = result_of(out[2], len(saved.b_shape), b_shape, number, &operands)
        if db is None:
            return None
        layer.db.data = cnp.PyArray_DATA(db)
    execute(number, &layer, True)
    return dx, dw, db


cdef bint fits_layer(Saved saved, fa_dense *layer, int number) except -1:
    """Whether what is saved belongs to a layer of these sizes; if so it is set. Arrays can be reshaped in place,
    so that shapes are looked at again."""
    cdef cnp.ndarray array
    cdef size_t columns = layer.n_out
    layer.saving = saved.saving
    cdef int ndim = len(saved.shape)
    if saved.shape[ndim - 2] != layer.rows or saved.shape[ndim - 1] != layer.n_out:
        return False
    if saved.dtype is not (FLOAT64 if number == cnp.NPY_DOUBLE else FLOAT32):
        return False
    if layer.saving == FA_SAVE_NOTHING:
        return True
    if layer.saving == FA_SAVE_BIT_MASK:
        columns, number = (columns + 7) // 8, cnp.NPY_UINT8
    if not is_plain(saved.array, ndim, number) or not ends_with(saved.array, layer.rows, columns):
        return False
    array = saved.array
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        return False
    set_result(&layer.saved, array, 2)
    return True
