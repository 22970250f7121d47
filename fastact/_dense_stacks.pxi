# The direct functions for stacks with one leading axis, which w has. Part of _dense.pyx.
# Whatever else is passed is left to fastact.dense: then they return None and have written nothing.

# Strides of the stack axis, by array
cdef struct Steps:
    ptrdiff_t x, w, b, grad_y, y, saved, dx, dw, db


cdef inline int stack_type(object w) noexcept:
    """NPY_FLOAT or NPY_DOUBLE for a plain stack of matrices with elements, else -1."""
    cdef int number = cnp.NPY_FLOAT if is_plain(w, 3, cnp.NPY_FLOAT) else cnp.NPY_DOUBLE
    if not is_plain(w, 3, number) or cnp.PyArray_SIZE(<cnp.ndarray>w) == 0:
        return -1
    return number


cdef inline bint is_matrix_of_each(object array, size_t count, size_t rows, size_t columns, int number) noexcept:
    """Whether this is a plain stack of that many matrices."""
    return (is_plain(array, 3, number) and <size_t>cnp.PyArray_DIM(<cnp.ndarray>array, 0) == count
            and ends_with(array, rows, columns))


cdef inline bint has_adjacent_columns(cnp.ndarray array) noexcept:
    cdef int ndim = cnp.PyArray_NDIM(array)
    return (cnp.PyArray_DIM(array, ndim - 1) < 2
            or cnp.PyArray_STRIDE(array, ndim - 1) == cnp.PyArray_ITEMSIZE(array))


cdef bint set_stack_bias(fa_dense *layer, object b, int number, ptrdiff_t *step) noexcept:
    """Set biases of shape (o,), (1, o) or (k, 1, o); False for others."""
    if is_bias(b, layer.n_out, number):
        layer.b.data = cnp.PyArray_DATA(<cnp.ndarray>b)
        layer.b.column = 1
        return True
    if not is_matrix_of_each(b, layer.stack_shape[0], 1, layer.n_out, number):
        return False
    if not has_adjacent_columns(<cnp.ndarray>b):
        return False
    set_input(&layer.b, <cnp.ndarray>b, 2, 1, step)
    layer.b.row, layer.b.column = 0, 1
    return True


cdef int begin_stack(fa_dense *layer, Prepared prepared, int number, object x, cnp.ndarray w, size_t *count,
                     Steps *steps) except -1:
    """Sizes, activation, x and w; returns 0 for an x that does not fit."""
    cdef size_t n_in = <size_t>cnp.PyArray_DIM(w, 1)
    cdef int ndim = 3 if is_plain(x, 3, number) else 2
    if not is_plain(x, ndim, number) or <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, ndim - 1) != n_in:
        return 0
    count[0] = <size_t>cnp.PyArray_DIM(w, 0)
    if ndim == 3 and <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 0) != count[0]:
        return 0
    begin_layer(layer, prepared, number, <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, ndim - 2), n_in,
                <size_t>cnp.PyArray_DIM(w, 2))
    layer.stack_ndim, layer.stack_shape = 1, count
    set_input(&layer.x, <cnp.ndarray>x, 2, 1, &steps.x)
    set_input(&layer.w, w, 2, 1, &steps.w)
    return layer.rows > 0


cdef forward_stack(x, w, b, activation, bint keep, save, out):
    """(y, saved) with `keep`, otherwise y; or None."""
    cdef fa_dense layer
    cdef Steps steps
    cdef Operands operands
    cdef size_t count
    cdef cnp.npy_intp shape[3]
    cdef cnp.ndarray y, array = None
    cdef Saved reuse = None
    cdef int number = stack_type(w)
    cdef tuple found = None if number < 0 else find_activation(activation)
    if found is None:
        return None
    cdef Prepared prepared = <Prepared>found[1]
    if not prepared.numbers or not (save is None or save == prepared.default):
        return None
    if not begin_stack(&layer, prepared, number, x, <cnp.ndarray>w, &count, &steps):
        return None
    if b is not None and not set_stack_bias(&layer, b, number, &steps.b):
        return None
    operands.count = 0
    note(&operands, x)
    note(&operands, w)
    note(&operands, b)
    if type(out) is tuple:
        if not keep or len(<tuple>out) != 2 or type((<tuple>out)[1]) is not Saved:
            return None
        out, reuse = out
    shape[0], shape[1], shape[2] = count, layer.rows, layer.n_out
    y = result_of(out, 3, shape, number, &operands)
    if y is None:
        return None
    set_result(&layer.y, y, 2, 1, &steps.y)
    if keep:
        layer.saving = prepared.saving
        array = saved_array(reuse, prepared, 3, shape, number, &operands)
        if array is not None:
            set_result(&layer.saved, array, 2, 1, &steps.saved)
    execute(number, &layer, False)
    if not keep:
        return y
    return y, new_saved(found[0], prepared, prepared.default, prepared.saving, array,
                        (shape[0], shape[1], shape[2]), FLOAT64 if number == cnp.NPY_DOUBLE else FLOAT32,
                        None if b is None else <tuple>b.shape, False)


cdef bint is_beside(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether the matrices of two stacks, whose rows are contiguous, alternate in memory, as those of two weights of
    networks do whose parameters are the rows of one array."""
    cdef ptrdiff_t step = cnp.PyArray_STRIDE(a, 0), bytes_a, bytes_b, distance
    if cnp.PyArray_NDIM(b) != 3 or cnp.PyArray_STRIDE(b, 0) != step or step <= 0:
        return False
    bytes_a = cnp.PyArray_DIM(a, 1) * cnp.PyArray_DIM(a, 2) * cnp.PyArray_ITEMSIZE(a)
    bytes_b = cnp.PyArray_DIM(b, 1) * cnp.PyArray_DIM(b, 2) * cnp.PyArray_ITEMSIZE(b)
    distance = (<ptrdiff_t>cnp.PyArray_DATA(b) - <ptrdiff_t>cnp.PyArray_DATA(a)) % step
    if distance < 0:
        distance += step
    return distance >= bytes_a and distance + bytes_b <= step and has_contiguous_matrices(b)


cdef inline bint has_contiguous_matrices(cnp.ndarray array) noexcept:
    return has_adjacent_columns(array) and (
        cnp.PyArray_DIM(array, 1) < 2
        or cnp.PyArray_STRIDE(array, 1) == cnp.PyArray_DIM(array, 2) * cnp.PyArray_ITEMSIZE(array))


cdef cnp.ndarray gradient_of(given, cnp.npy_intp *shape, int number, Operands *others):
    """A new stack of matrices, or the one that is given where C can write to it and it overlaps no other; else
    None."""
    cdef int i
    if given is None or (cnp.PyArray_CheckExact(given) and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>given)):
        return result_of(given, 3, shape, number, others)
    if not is_matrix_of_each(given, shape[0], shape[1], shape[2], number):
        return None
    cdef cnp.ndarray array = given
    if not (cnp.PyArray_ISWRITEABLE(array) and has_contiguous_matrices(array)):
        return None
    if cnp.PyArray_STRIDE(array, 0) < shape[1] * shape[2] * cnp.PyArray_ITEMSIZE(array):
        return None
    for i in range(others.count):
        if may_overlap(array, <cnp.ndarray>others.of[i]) and not is_beside(array, <cnp.ndarray>others.of[i]):
            return None
    note(others, array)
    return array


cdef backward_stack(grad_y, x, w, Saved saved, activation, bint need_dx, out, bint accumulate):
    """(dx, dw, db), or None."""
    cdef fa_dense layer
    cdef Steps steps
    cdef Operands operands
    cdef size_t count
    cdef cnp.npy_intp b_shape[3]
    cdef cnp.ndarray dx = None, dw, db = None
    cdef int number = stack_type(w)
    if number < 0 or accumulate or len(saved.shape) != 3:
        return None
    if saved.prepared is None or not saved.prepared.numbers or not is_activation_of(saved, activation):
        return None
    if not begin_stack(&layer, saved.prepared, number, x, <cnp.ndarray>w, &count, &steps):
        return None
    if not is_matrix_of_each(grad_y, count, layer.rows, layer.n_out, number) or saved.shape[0] != count:
        return None
    if not fits_layer(saved, &layer, number) or (need_dx and cnp.PyArray_NDIM(<cnp.ndarray>x) != 3):
        return None
    if out is None:
        out = (None, None, None)
    elif type(out) is not tuple or len(<tuple>out) != 3:
        return None
    set_input(&layer.grad_y, <cnp.ndarray>grad_y, 2, 1, &steps.grad_y)
    if saved.array is not None:
        set_result(&layer.saved, <cnp.ndarray>saved.array, 2, 1, &steps.saved)
    operands.count = 0
    note(&operands, grad_y)
    note(&operands, x)
    note(&operands, w)
    note(&operands, saved.array)
    if need_dx:
        dx = gradient_of(out[0], cnp.PyArray_DIMS(<cnp.ndarray>x), number, &operands)
        if dx is None:
            return None
        set_result(&layer.dx, dx, 2, 1, &steps.dx)
    dw = gradient_of(out[1], cnp.PyArray_DIMS(<cnp.ndarray>w), number, &operands)
    if dw is None:
        return None
    set_result(&layer.dw, dw, 2, 1, &steps.dw)
    if saved.b_shape is not None:
        b_shape[0], b_shape[1], b_shape[2] = count, 1, layer.n_out
        if saved.b_shape != (b_shape[0], b_shape[1], b_shape[2]):
            return None
        db = gradient_of(out[2], b_shape, number, &operands)
        if db is None:
            return None
        set_result(&layer.db, db, 2, 1, &steps.db)
    execute(number, &layer, True)
    return dx, dw, db
