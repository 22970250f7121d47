# Dtypes, layouts and overlaps of arrays, and numbers as the kernels read them. Part of _core.pyx.
# Must not depend on activations.

cdef inline int element_type(object array) noexcept:
    """NPY_HALF, NPY_FLOAT or NPY_DOUBLE for a plain native array of it, else -1."""
    if not cnp.PyArray_CheckExact(array):
        return -1
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if number != cnp.NPY_FLOAT and number != cnp.NPY_DOUBLE and number != cnp.NPY_FLOAT16:
        return -1
    return number if cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>array) else -1


cdef bint find_source(cnp.ndarray array, source_t *source, int *number) noexcept:
    """The type that C reads the elements as, and the number of the float type that ``np.exp`` computes them in:
    NPY_HALF, NPY_FLOAT or NPY_DOUBLE. False for dtypes that are left to the ufunc."""
    cdef int found = cnp.PyArray_TYPE(array), size = <int>cnp.PyArray_ITEMSIZE(array)
    cdef bint swapped = not cnp.PyArray_ISNOTSWAPPED(array), signed = cnp.PyTypeNum_ISSIGNED(found)
    if found == cnp.NPY_FLOAT:
        source[0] = <source_t>(FA__SWAPPED_F32 if swapped else FA__F32)
    elif found == cnp.NPY_DOUBLE:
        source[0] = <source_t>(FA__SWAPPED_F64 if swapped else FA__F64)
    elif swapped:
        return False
    elif found == cnp.NPY_FLOAT16:
        source[0] = <source_t>FA__F16
    elif found != cnp.NPY_BOOL and not cnp.PyTypeNum_ISINTEGER(found):
        return False
    elif size == 1:
        source[0] = <source_t>(FA__I8 if signed else FA__U8)
    elif size == 2:
        source[0] = <source_t>(FA__I16 if signed else FA__U16)
    elif size == 4:
        source[0] = <source_t>(FA__I32 if signed else FA__U32)
    else:
        source[0] = <source_t>(FA__I64 if signed else FA__U64)
    if found == cnp.NPY_FLOAT16 or size == 1:
        number[0] = cnp.NPY_FLOAT16
    elif found == cnp.NPY_FLOAT or size == 2:
        number[0] = cnp.NPY_FLOAT
    else:
        number[0] = cnp.NPY_DOUBLE
    return True


cdef inline dtype_t dtype_of(int number) noexcept:
    return <dtype_t>(FA__F16 if number == cnp.NPY_FLOAT16 else FA__F32 if number == cnp.NPY_FLOAT else FA__F64)


cdef inline int wider(int a, int b) noexcept:
    """Of NPY_HALF, NPY_FLOAT, NPY_DOUBLE."""
    if a == cnp.NPY_DOUBLE or b == cnp.NPY_DOUBLE:
        return cnp.NPY_DOUBLE
    return cnp.NPY_FLOAT if a == cnp.NPY_FLOAT or b == cnp.NPY_FLOAT else cnp.NPY_FLOAT16


cdef inline int packed_type(object array) noexcept:
    """NPY_FLOAT or NPY_DOUBLE for a plain C-contiguous array of it with at least one dimension, else -1."""
    if not cnp.PyArray_CheckExact(array) or cnp.PyArray_NDIM(<cnp.ndarray>array) == 0:
        return -1
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if number != cnp.NPY_FLOAT and number != cnp.NPY_DOUBLE:
        return -1
    return number if cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array) else -1


cdef inline bint same_shape(object a, object b) noexcept:
    return cnp.PyArray_SAMESHAPE(<cnp.ndarray>a, <cnp.ndarray>b)


cdef inline bint apart(object a, object b) noexcept:
    """Whether C-contiguous arrays of one size occupy the same memory or have none in common."""
    return (cnp.PyArray_BYTES(<cnp.ndarray>a) == cnp.PyArray_BYTES(<cnp.ndarray>b)
            or not may_overlap(<cnp.ndarray>a, <cnp.ndarray>b))


cdef inline bint takes_result(object out, int number, object x) noexcept:
    """Whether results of x's shape and type can be written straight to `out`, even if x is `out`."""
    return (packed_type(out) == number and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)
            and same_shape(out, x) and apart(out, x))


cdef inline object like(object x, int number):
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(<cnp.ndarray>x), cnp.PyArray_DIMS(<cnp.ndarray>x), number, 0)


from numpy import generic  # the base class of NumPy's scalars


cdef bint read_number(object value, double *to) except -1:
    """Store a Python or NumPy number; False for anything else, and for integers too large for a double."""
    if PyFloat_Check(value):  # np.float64 is a subclass
        to[0] = PyFloat_AS_DOUBLE(value)
    elif PyLong_Check(value):  # bool is a subclass
        try:
            to[0] = <double>value
        except OverflowError:
            return False
    elif isinstance(value, generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        to[0] = <double>value.item()
    else:
        return False
    return True


cdef bint fix(object value, int number, double *to) except -1:
    """Store a number, rounded to the type, as kernels for it read it; False where it is none, or too large."""
    cdef double wide
    if not read_number(value, &wide):
        return False
    if number == cnp.NPY_DOUBLE:
        to[0] = wide
        return True
    if number == cnp.NPY_FLOAT:
        return library.round_to_float32(wide, <float *>to)
    return library.round_to_float16(wide, <float *>to)
