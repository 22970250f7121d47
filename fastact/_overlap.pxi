# The library's overlap test, for NumPy arrays. Part of _core, _dense, _gated, _quantized, _rowwise and _training.

cdef extern from "platform/overlap.h" nogil:
    ctypedef struct fa__extent:
        size_t begin, end
    fa__extent fa__find_extent(const void *base, size_t item, int ndim, const size_t *shape,
                               const ptrdiff_t *stride)
    bint fa__overlap(fa__extent a, fa__extent b)


cdef inline fa__extent extent_of(cnp.ndarray a) noexcept:
    """The first byte of an array's memory and the one after its last."""
    return fa__find_extent(cnp.PyArray_DATA(a), <size_t>cnp.PyArray_ITEMSIZE(a), cnp.PyArray_NDIM(a),
                           <const size_t *>cnp.PyArray_DIMS(a), <const ptrdiff_t *>cnp.PyArray_STRIDES(a))


cdef inline bint may_overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two arrays may share memory, as far as their first and last bytes tell."""
    return fa__overlap(extent_of(a), extent_of(b))


cdef inline bint same_layout(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int d, ndim = cnp.PyArray_NDIM(a)
    if ndim != cnp.PyArray_NDIM(b):
        return False
    for d in range(ndim):
        if cnp.PyArray_DIM(a, d) != cnp.PyArray_DIM(b, d):
            return False
        if cnp.PyArray_STRIDE(a, d) != cnp.PyArray_STRIDE(b, d):
            return False
    return True


cdef inline bint unsafe_overlap(cnp.ndarray result, cnp.ndarray operand) noexcept:
    """Whether writing `result` could change an element of `operand` that is read later."""
    if not may_overlap(result, operand):
        return False
    return not (cnp.PyArray_BYTES(result) == cnp.PyArray_BYTES(operand) and same_layout(result, operand))
