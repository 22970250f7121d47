# Mean losses of copies of a network, whose results are matrices along the first axis. Part of _rowwise.pyx.
# Gradients take the place of the results. None, and nothing is done, unless all are plain arrays that fit.

cdef inline cnp.ndarray new_losses(cnp.ndarray z):
    cdef cnp.npy_intp count = cnp.PyArray_DIM(z, 0)
    return cnp.PyArray_EMPTY(1, &count, cnp.NPY_DOUBLE, 0)


def copies_of_labels(int loss, z, labels):
    """Of losses with labels, one for each row: those of each copy, or the same for all."""
    if not is_plain(z) or cnp.PyArray_NDIM(<cnp.ndarray>z) != 3 or not cnp.PyArray_CheckExact(labels):
        return None
    cdef cnp.ndarray array = z, given = labels
    cdef int ndim = cnp.PyArray_NDIM(given), d
    cdef Py_ssize_t count = cnp.PyArray_DIM(array, 0), rows = cnp.PyArray_DIM(array, 1)
    if not (cnp.PyArray_TYPE(given) == cnp.NPY_INT64 and 1 <= ndim <= 2 and cnp.PyArray_ISCARRAY_RO(given) and rows > 0):
        return None
    for d in range(ndim):
        if cnp.PyArray_DIM(given, d) != cnp.PyArray_DIM(array, 2 - ndim + d):
            return None
    cdef cnp.ndarray losses = new_losses(array)
    if not run_label_copies(loss, array, <const int64_t *>cnp.PyArray_DATA(given), rows if ndim == 2 else 0, count,
                            data_of(array), <double *>cnp.PyArray_DATA(losses)):
        return None
    return losses


cdef inline bint is_for_all(target, cnp.ndarray z) noexcept:
    """Whether this is a plain matrix of the type of z, and of the shape of one of its matrices."""
    if not is_plain(target) or cnp.PyArray_NDIM(<cnp.ndarray>target) != 2:
        return False
    return (cnp.PyArray_TYPE(<cnp.ndarray>target) == cnp.PyArray_TYPE(z)
            and cnp.PyArray_DIM(<cnp.ndarray>target, 0) == cnp.PyArray_DIM(z, 1)
            and cnp.PyArray_DIM(<cnp.ndarray>target, 1) == cnp.PyArray_DIM(z, 2))


def copies_of_loss(int number, z, target, cnp.ndarray parameter):
    """Of element-wise losses; targets of each copy, or the same for all."""
    cdef fa__loss_call call
    cdef fa__loss_sum total
    cdef cnp.ndarray array
    if not is_plain(z) or cnp.PyArray_NDIM(<cnp.ndarray>z) != 3 or cnp.PyArray_SIZE(<cnp.ndarray>z) == 0:
        return None
    array = z
    cdef bint shared = is_for_all(target, array)
    if not (shared or is_like(target, array)) or may_overlap(array, <cnp.ndarray>target):
        return None
    cdef cnp.ndarray losses = new_losses(array)
    cdef double *means = <double *>cnp.PyArray_DATA(losses)
    cdef size_t c, count = <size_t>cnp.PyArray_DIM(array, 0), n = <size_t>cnp.PyArray_SIZE(array) // count
    cdef size_t bytes_ = n * <size_t>cnp.PyArray_ITEMSIZE(array)
    cdef char *x = <char *>data_of(array)
    cdef char *to = <char *>data_of(target)
    call.entry, call.dtype, call.n = number, dtype_of(array), n
    call.parameter, call.weights, call.losses, call.total = <double *>data_of(parameter), NULL, NULL, &total
    call.period = 1 if parameter is None else <size_t>cnp.PyArray_SIZE(parameter)
    call.factor = 1 / <double>n
    _core.apply_thread_limit()
    with nogil:
        for c in range(count):
            call.x, call.grad_x = x + c * bytes_, x + c * bytes_
            call.target = to if shared else to + c * bytes_
            library.run_loss(&call)
            means[c] = (total.high + total.low) / <double>n
    return losses
