# Plain NumPy arrays: those that C takes as they are. Part of _gated, _rowwise and _training.

cdef extern from "platform/dtype.h" nogil:
    ctypedef enum dtype_t "fa__dtype":
        FA__F32, FA__F64


cdef inline void *data_of(array) noexcept:
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline dtype_t dtype_of(array) noexcept:
    return FA__F64 if cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_DOUBLE else FA__F32


cdef inline bint is_plain(array) noexcept:
    """Whether this is a C-contiguous native array of float32 or float64 with at least one axis."""
    if not cnp.PyArray_CheckExact(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) == 0:
        return False
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    return (number == cnp.NPY_FLOAT or number == cnp.NPY_DOUBLE) and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)


cdef inline bint is_like(array, cnp.ndarray other) noexcept:
    """Whether this is a plain array of the same type and shape."""
    cdef int d
    if not is_plain(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) != cnp.PyArray_NDIM(other):
        return False
    for d in range(cnp.PyArray_NDIM(other)):
        if cnp.PyArray_DIM(<cnp.ndarray>array, d) != cnp.PyArray_DIM(other, d):
            return False
    return cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.PyArray_TYPE(other)
