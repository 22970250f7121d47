# The library's overlap test, for NumPy arrays. Part of _core.pyx and of _dense.pyx.

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
