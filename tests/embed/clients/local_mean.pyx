"""A filter for scipy.ndimage.generic_filter: an activation of the mean of each neighbourhood."""

cimport fastact
from libc.stdint cimport intptr_t


cdef api int smooth_mean(double *values, intptr_t size, double *result, void *data) noexcept nogil:
    cdef double total = 0
    cdef intptr_t i
    for i in range(size):
        total += values[i]
    result[0] = fastact.gelu_scalar_f64(total / size)
    return 1
