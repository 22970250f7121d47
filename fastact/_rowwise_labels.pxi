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


cdef double compensated_sum(const double *values, Py_ssize_t n) noexcept:
    """In the order of the values, with the rounding errors added at the end (TwoSum)."""
    cdef double sum = 0, low = 0, next_sum, added
    cdef Py_ssize_t i
    for i in range(n):
        next_sum = sum + values[i]
        added = next_sum - sum
        low += (sum - (next_sum - added)) + (values[i] - added)
        sum = next_sum
    return sum + low if low == low else sum


def sum_of(cnp.ndarray losses not None):
    """The sum of a contiguous array of float64."""
    return compensated_sum(<const double *>data_of(losses), cnp.PyArray_SIZE(<cnp.ndarray>losses))


def has_default_options(axis, reduction, label_smoothing, ignore_index, weight):
    """Whether these are the options of a call without options."""
    return (weight is None and ignore_index is None and type(label_smoothing) is float and label_smoothing == 0
            and type(axis) is int and axis == -1 and type(reduction) is str and reduction == "mean")


def run_plain_labels(int loss, x, labels, bint wants_gradient, out):
    """The mean loss of the rows of a matrix, and the gradient, which may be None. None, and nothing is done, unless all
    are plain arrays that fit, and each label is a column. The labels are copied: others may change them meanwhile."""
    if not is_plain(x) or cnp.PyArray_NDIM(<cnp.ndarray>x) != 2 or not cnp.PyArray_CheckExact(labels):
        return None
    cdef cnp.ndarray array = x, given = labels
    cdef Py_ssize_t rows = cnp.PyArray_DIM(array, 0), n = cnp.PyArray_DIM(array, 1), i
    if not (cnp.PyArray_TYPE(given) == cnp.NPY_INT64 and cnp.PyArray_NDIM(given) == 1 and rows > 0
            and cnp.PyArray_DIM(given, 0) == rows and cnp.PyArray_ISCARRAY_RO(given)):
        return None
    if not wants_gradient:
        out = None
    elif out is None:
        out = cnp.PyArray_EMPTY(2, cnp.PyArray_DIMS(array), cnp.PyArray_TYPE(array), 0)
    elif not can_hold(out, array):
        return None
    cdef double *losses = <double *>PyMem_Malloc(<size_t>rows * 24)
    if losses == NULL:
        raise MemoryError
    cdef double *weights = losses + rows
    cdef int64_t *copied = <int64_t *>(losses + 2 * rows)
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(given)
    cdef bint wrong = False
    for i in range(rows):
        copied[i] = label[i]
        wrong |= <uint64_t>copied[i] >= <uint64_t>n
        weights[i] = 1.0 / rows
    cdef fa__cross_entropy_call call
    call.dtype, call.rows, call.n = dtype_of(x), <size_t>rows, <size_t>n
    call.x, call.q, call.labels, call.weights = data_of(x), NULL, copied, weights
    call.loss, call.grad_x = losses, data_of(out)
    if not wrong:
        run_label_call(loss, &call)
    cdef double total = 0 if wrong else compensated_sum(losses, rows)
    PyMem_Free(losses)
    return None if wrong else (rounded(total, array), out)
