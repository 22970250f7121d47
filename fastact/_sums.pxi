# Sums of losses and of weights. Part of _rowwise.pyx, _dense.pyx and _training.pyx.

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
