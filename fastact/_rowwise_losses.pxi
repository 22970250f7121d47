# Element-wise losses between Python and the C library. Part of _rowwise.pyx.

cdef extern from "numpy/arrayobject.h":
    object PyArray_Scalar(void *data, cnp.dtype dtype, object base)


def losses():
    """The table of element-wise losses, as one dict for each entry."""
    found = []
    for i in range(library.n_losses):
        entry = &library.losses[i]
        found.append({
            "number": i, "name": entry.name.decode(), "x": entry.x.decode(), "formula": entry.formula.decode(),
            "parameter": entry.parameter.decode() if entry.has_parameter else None, "default": entry.default_value,
            "has_signs": entry.has_signs, "is_positive": entry.is_positive, "gradient": entry.gradient.decode(), "terms": entry.terms.decode(),
            "mean_of_weights": entry.mean_of_weights, "max_ulp": (entry.bounds[0], entry.bounds[1]),
            "about": entry.about.decode(),
        })
    return found


def run_loss(int number, cnp.ndarray x not None, cnp.ndarray target not None, cnp.ndarray weights, cnp.ndarray parameter,
             cnp.ndarray each, cnp.ndarray grad_x, double factor):
    """The sum of the losses, on contiguous arrays that have been checked. Those that are None are not written; weights
    and the parameter, float64, are not read."""
    cdef fa__loss_call call
    cdef fa__loss_sum total
    call.entry, call.dtype, call.n = number, dtype_of(x), <size_t>cnp.PyArray_SIZE(<cnp.ndarray>x)
    call.x, call.target, call.weights = data_of(x), data_of(target), <double *>data_of(weights)
    call.parameter = <double *>data_of(parameter)
    call.period = 1 if parameter is None else <size_t>cnp.PyArray_SIZE(<cnp.ndarray>parameter)
    call.factor, call.losses, call.grad_x, call.total = factor, data_of(each), data_of(grad_x), &total
    if call.n < RELEASE_GIL_ABOVE:
        library.run_loss(&call)
    else:
        _core.apply_thread_limit()
        with nogil:
            library.run_loss(&call)
    return total.high + total.low


cdef rounded(double value, cnp.ndarray like):
    """A NumPy scalar of the type of a float32 or float64 array."""
    cdef float single = <float>value
    cdef int number = cnp.PyArray_TYPE(like)
    return PyArray_Scalar(<void *>&value if number == cnp.NPY_DOUBLE else <void *>&single,
                          like.dtype, None)


def are_signs(target):
    """Whether this is a plain array of -1, 1 and NaN."""
    if not is_plain(target):
        return False
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(<cnp.ndarray>target)
    cdef const double *doubles = <const double *>data_of(target)
    cdef const float *floats = <const float *>data_of(target)
    cdef bint wrong = False
    if dtype_of(target) == FA__F64:
        for i in range(n):
            wrong |= (doubles[i] != 1) & (doubles[i] != -1) & (doubles[i] == doubles[i])
    else:
        for i in range(n):
            wrong |= (floats[i] != 1) & (floats[i] != -1) & (floats[i] == floats[i])
    return not wrong


def run_plain_loss(int number, x, target, parameter, bint wants_gradient, out):
    """The mean of the losses, and the gradient, which may be None. None, and nothing is done, unless all are plain arrays
    that fit."""
    if not is_plain(x) or not is_like(target, <cnp.ndarray>x):
        return None
    cdef cnp.ndarray array = x
    cdef double n = cnp.PyArray_SIZE(array)
    if n == 0:
        return None
    if not wants_gradient:
        out = None
    elif out is None:
        out = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array), cnp.PyArray_TYPE(array), 0)
    elif not can_hold(out, array) or unsafe_overlap(<cnp.ndarray>out, <cnp.ndarray>target):
        return None
    cdef double total = run_loss(number, x, target, None, parameter, None, out, 1 / n)
    return rounded(total / n, array), out
