# Functions of the table as objects, which call C for plain arrays. Part of _rowwise.pyx.

cdef object run_plain(int number, direction_t direction, object grad_y, object x, object out, double temperature):
    """The result over the last axis, with one result for each element. None, and nothing is done, unless all are plain
    arrays that fit."""
    if not is_plain(x) or (direction != FA__ROWWISE_FORWARD and not is_like(grad_y, <cnp.ndarray>x)):
        return None
    cdef cnp.ndarray array = x
    cdef int ndim = cnp.PyArray_NDIM(array)
    if out is None:
        out = cnp.PyArray_EMPTY(ndim, cnp.PyArray_DIMS(array), cnp.PyArray_TYPE(array), 0)
    elif not (is_like(out, array) and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)
              and not unsafe_overlap(<cnp.ndarray>out, array)
              and (grad_y is None or not unsafe_overlap(<cnp.ndarray>out, <cnp.ndarray>grad_y))):
        return None
    cdef size_t n = <size_t>cnp.PyArray_DIM(array, ndim - 1)
    if n > 0:
        run_rows(number, direction, grad_y, x, out, <size_t>cnp.PyArray_SIZE(array) // n, n, temperature, 1)
    return out


cdef inline bint has_one_each(array, cnp.ndarray x) noexcept:
    """Whether this is a plain array of the type of x and of its shape without the last axis."""
    cdef int d, ndim = cnp.PyArray_NDIM(x) - 1
    if not is_plain(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) != ndim:
        return False
    for d in range(ndim):
        if cnp.PyArray_DIM(<cnp.ndarray>array, d) != cnp.PyArray_DIM(x, d):
            return False
    return cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.PyArray_TYPE(x)


cdef object run_plain_one(int number, direction_t direction, object grad_y, object x, object out):
    """As run_plain, where a row has one result, with a temperature of 1; x has two axes or more."""
    if not is_plain(x) or cnp.PyArray_NDIM(<cnp.ndarray>x) < 2:
        return None
    cdef cnp.ndarray array = x
    cdef bint backward = direction != FA__ROWWISE_FORWARD
    cdef int ndim = cnp.PyArray_NDIM(array) - (0 if backward else 1)
    if backward and not has_one_each(grad_y, array):
        return None
    if out is None:
        out = cnp.PyArray_EMPTY(ndim, cnp.PyArray_DIMS(array), cnp.PyArray_TYPE(array), 0)
    elif not (is_like(out, array) if backward else has_one_each(out, array)):
        return None
    elif (not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out) or unsafe_overlap(<cnp.ndarray>out, array)
          or (backward and may_overlap(<cnp.ndarray>out, <cnp.ndarray>grad_y))):
        return None
    cdef size_t n = <size_t>cnp.PyArray_DIM(array, cnp.PyArray_NDIM(array) - 1)
    if n == 0:
        return None
    run_rows(number, direction, grad_y, x, out, <size_t>cnp.PyArray_SIZE(array) // n, n, 1.0, 1)
    return out


cdef double usual_temperature(dict keywords, bint has_temperature) except -1:
    """The temperature, 1 where none is given; 0 if there are keywords for which there is other code. The last axis is as
    usual as none."""
    cdef Py_ssize_t known = 0
    cdef double found = 1
    if not keywords:
        return found
    axis, temperature = keywords.get("axis"), keywords.get("temperature")
    if axis is not None:
        if type(axis) is not int or axis != -1:
            return 0
        known += 1
    if temperature is not None:
        if not has_temperature or type(temperature) is not float or not 1e-30 < <double>temperature < 1e30:
            return 0
        found = temperature
        known += 1
    return found if known == len(keywords) else 0


cdef class Rows:
    """An entry of the table, called with plain arrays over the last axis, and without keywords but `out`, `axis` and
    `temperature`; what else there is goes to the methods of a subclass: forward_of, backward_of and
    backward_from_output_of, which are given the arrays and the keywords."""

    cdef int number
    cdef bint has_one_result, has_temperature
    cdef dict __dict__

    def __init__(self, int number, bint has_one_result, bint has_temperature):
        self.number, self.has_one_result, self.has_temperature = number, has_one_result, has_temperature

    cdef object quick(self, direction_t direction, object grad_y, object x, object out, dict keywords):
        """The result; or None, and the keywords with `out` among them."""
        cdef double temperature = usual_temperature(keywords, self.has_temperature)
        if temperature == 0:
            found = None
        elif self.has_one_result:
            found = run_plain_one(self.number, direction, grad_y, x, out)
        else:
            found = run_plain(self.number, direction, grad_y, x, out, temperature)
        if found is None and out is not None:
            keywords["out"] = out
        return found

    def __call__(self, x, /, *, out=None, **keywords):
        cdef object found = self.quick(FA__ROWWISE_FORWARD, None, x, out, keywords)
        return self.forward_of(x, keywords) if found is None else found

    def backward(self, grad_y, x, /, *, out=None, **keywords):
        """The gradient with respect to x, from that with respect to the result.

        Parameters
        ----------
        grad_y : array_like
            Of the shape of the result.
        x : array_like
            As in the forward pass; so are all keywords.

        Returns
        -------
        ndarray
            Of the shape of x. 0 where the derivative is 0, also for an infinite grad_y.
        """
        cdef object found = self.quick(FA__ROWWISE_BACKWARD, grad_y, x, out, keywords)
        return self.backward_of(grad_y, x, keywords) if found is None else found

    def backward_from_output(self, grad_y, y, /, *, out=None, **keywords):
        """The gradient with respect to x, from the result y alone; otherwise as :meth:`backward`.

        Raises
        ------
        TypeError
            If the result does not determine the gradient.
        """
        cdef object found = None
        if not self.has_one_result:
            found = self.quick(FA__ROWWISE_BACKWARD_FROM_OUTPUT, grad_y, y, out, keywords)
        return self.backward_from_output_of(grad_y, y, keywords) if found is None else found
