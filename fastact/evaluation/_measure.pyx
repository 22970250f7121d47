# cython: language_level=3, boundscheck=False, wraparound=False
"""Errors of float32 results, and traffic between caches and memory, computed in C by measure.h."""

from cpython.pycapsule cimport PyCapsule_GetPointer

from fastact import _core

cdef extern from "evaluation/measure.h" nogil:
    ctypedef struct fa__parallel_for_function:
        pass
    ctypedef struct fa__exact:
        const double *hi
        const double *lo
        const double *err
    ctypedef struct fa__ulp_stats:
        double max_ulp, sum_ulp
        size_t count, worst, over_one, wrong_nan, lost, wrong_sign
    void fa__measure_ulp_f32(const float *got, fa__exact want, size_t n, fa__ulp_stats *stats)
    ctypedef enum fa__stores:
        FA__ORDINARY_STORES
        FA__STREAMING_STORES
        FA__STREAMING_STORES_FETCHING
    void fa__measure_traffic(fa__parallel_for_function *parallel_for, const char *a, const char *b, char *y,
                             char *d, size_t bytes, fa__stores stores)

cdef fa__parallel_for_function *parallel_for = <fa__parallel_for_function *>PyCapsule_GetPointer(
    _core.parallel_for, "fastact._core.parallel_for")

STORES = {
    "ordinary stores": FA__ORDINARY_STORES,
    "streaming": FA__STREAMING_STORES,
    "streaming, fetching": FA__STREAMING_STORES_FETCHING,
}


def count_errors(const float[::1] got, const double[::1] hi, const double[::1] lo, const double[::1] err):
    """The fields of fa__ulp_stats for results `got` and exact values within err of hi + lo, by name."""
    if not got.shape[0] == hi.shape[0] == lo.shape[0] == err.shape[0]:
        raise ValueError(f"got has {got.shape[0]} elements and the exact values {hi.shape[0]}; expected as many")
    cdef fa__ulp_stats stats = fa__ulp_stats(0, 0, 0, 0, 0, 0, 0, 0)
    if got.shape[0]:
        with nogil:
            fa__measure_ulp_f32(&got[0], fa__exact(&hi[0], &lo[0], &err[0]), <size_t>got.shape[0], &stats)
    return stats


def move_memory(const char[::1] a, const char[::1] b, char[::1] y, char[::1] d, str stores):
    """Write a, or a ^ b, to y, and to d, with the `stores` of that name in STORES; b and d may be None.

    An element-wise call on arrays of these sizes moves the same bytes. All arrays begin at multiples of 64
    bytes and have the same size, a multiple of 64.
    """
    cdef Py_ssize_t bytes = a.shape[0]
    cdef fa__stores kind = STORES[stores]
    cdef const char *second = NULL
    cdef char *other = NULL
    if (y.shape[0] != bytes or (b is not None and b.shape[0] != bytes)
            or (d is not None and d.shape[0] != bytes)):
        raise ValueError(f"expected arrays of {bytes} bytes each, as the first one has")
    if bytes == 0:
        return
    if b is not None:
        second = &b[0]
    if d is not None:
        other = &d[0]
    if (<size_t>&a[0] | <size_t>second | <size_t>&y[0] | <size_t>other | <size_t>bytes) % 64:
        raise ValueError("expected arrays whose addresses and sizes are multiples of 64 bytes")
    with nogil:
        fa__measure_traffic(parallel_for, &a[0], second, &y[0], other, <size_t>bytes, kind)
