# Losses of rows and their labels between Python and the C library. Part of _rowwise.pyx.

CROSS_ENTROPY, NLL = 0, 1


cdef void run_label_call(int loss, const fa__cross_entropy_call *call):
    if call.rows * call.n < RELEASE_GIL_ABOVE:
        (library.run_nll if loss else library.run_cross_entropy)(call)
        return
    _core.apply_thread_limit()
    with nogil:
        (library.run_nll if loss else library.run_cross_entropy)(call)


def run_labels(int loss, cnp.ndarray x not None, cnp.ndarray labels, cnp.ndarray probabilities, cnp.ndarray weights,
               cnp.ndarray losses, cnp.ndarray grad_x, size_t rows, size_t n):
    """Losses and, unless grad_x is None, gradients, on contiguous arrays that have been checked."""
    cdef fa__cross_entropy_call call
    call.dtype, call.rows, call.n = dtype_of(x), rows, n
    call.x, call.q, call.labels = data_of(x), data_of(probabilities), <int64_t *>data_of(labels)
    call.weights, call.loss, call.grad_x = <double *>data_of(weights), <double *>data_of(losses), data_of(grad_x)
    run_label_call(loss, &call)


def sum_of(cnp.ndarray losses not None):
    """The sum of a contiguous array of float64."""
    return compensated_sum(<const double *>data_of(losses), cnp.PyArray_SIZE(<cnp.ndarray>losses))


cdef inline bint has_default_options(axis, reduction, label_smoothing, ignore_index, weight):
    """Whether these are the options of a call without options."""
    return (weight is None and ignore_index is None and type(label_smoothing) is float and label_smoothing == 0
            and type(axis) is int and axis == -1 and type(reduction) is str and reduction == "mean")


cdef bint run_label_copies(int loss, cnp.ndarray x, const int64_t *labels, Py_ssize_t step, Py_ssize_t count, void *grad_x,
                           double *means) except -1:
    """The mean loss of the rows of each of `count` matrices, which x has one after the other; their labels are `step`
    apart. False, and nothing is done, for a label that is not a column. Labels are copied: others may change them
    meanwhile."""
    cdef Py_ssize_t rows = cnp.PyArray_DIM(x, cnp.PyArray_NDIM(x) - 2), n = cnp.PyArray_DIM(x, cnp.PyArray_NDIM(x) - 1), c, i
    cdef double *losses = <double *>PyMem_Malloc(<size_t>(count * rows) * 24)
    if losses == NULL:
        raise MemoryError
    cdef double *weights = losses + count * rows
    cdef int64_t *copied = <int64_t *>(weights + count * rows)
    cdef bint wrong = False
    for c in range(count):
        for i in range(rows):
            copied[c * rows + i] = labels[c * step + i]
            wrong |= <uint64_t>copied[c * rows + i] >= <uint64_t>n
            weights[c * rows + i] = 1.0 / rows
    cdef fa__cross_entropy_call call
    call.dtype, call.rows, call.n = dtype_of(x), <size_t>(count * rows), <size_t>n
    call.x, call.q, call.labels, call.weights = data_of(x), NULL, copied, weights
    call.loss, call.grad_x = losses, grad_x
    if not wrong:
        run_label_call(loss, &call)
        for c in range(count):
            means[c] = compensated_sum(losses + c * rows, rows)
    PyMem_Free(losses)
    return not wrong


def run_plain_labels(int loss, x, labels, bint wants_gradient, out, tuple options):
    """The mean loss of the rows of a matrix, and the gradient, which may be None. None, and nothing is done, unless all
    are plain arrays that fit, each label is a column, and the options are those of a call without options."""
    cdef object axis, reduction, label_smoothing, ignore_index, weight
    axis, reduction, label_smoothing, ignore_index, weight = options
    if not has_default_options(axis, reduction, label_smoothing, ignore_index, weight):
        return None
    cdef fa__fenv caller = fa__enter_fenv()
    try:
        return mean_of_labels(loss, x, labels, wants_gradient, out)
    finally:
        fa__leave_fenv(caller)


cdef object mean_of_labels(int loss, object x, object labels, bint wants_gradient, object out):
    if not is_plain(x) or cnp.PyArray_NDIM(<cnp.ndarray>x) != 2 or not cnp.PyArray_CheckExact(labels):
        return None
    cdef cnp.ndarray array = x, given = labels
    cdef Py_ssize_t rows = cnp.PyArray_DIM(array, 0)
    cdef double mean
    if not (cnp.PyArray_TYPE(given) == cnp.NPY_INT64 and cnp.PyArray_NDIM(given) == 1 and rows > 0
            and cnp.PyArray_DIM(given, 0) == rows and cnp.PyArray_ISCARRAY_RO(given)):
        return None
    if not wants_gradient:
        out = None
    elif out is None:
        out = cnp.PyArray_EMPTY(2, cnp.PyArray_DIMS(array), cnp.PyArray_TYPE(array), 0)
    elif not can_hold(out, array):
        return None
    if not run_label_copies(loss, array, <const int64_t *>cnp.PyArray_DATA(given), 0, 1, data_of(out), &mean):
        return None
    return rounded(mean, array), out
