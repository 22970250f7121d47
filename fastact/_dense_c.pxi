# The C library's dense layer as Cython declares it, the way to it, and SciPy's BLAS. Part of _dense.pyx.
# Knows structs and capsules; does not know arrays.

from fastact_header cimport fa_blas, fa_dense, fa_input, fa_network_step, fa_result

ctypedef void (*fa_gemm_function)() noexcept nogil
ctypedef int (*fa_get_threads_function)() noexcept nogil
ctypedef void (*fa_set_threads_function)(int) noexcept nogil

cdef extern from "elementwise/call.h" nogil:
    enum: FA__MAX_DIMS, FA__MAX_PARAMS

cdef extern from "training/network_copies.h" nogil:
    ctypedef struct fa__passes:
        const fa_network_step *step
        int dtype
        void *workspace
        size_t bytes
    ctypedef struct fa__copies:
        fa__passes first
        size_t copies, parameters, x, target, weights, losses
        const double *dropout
        const uint64_t *seeds
        const size_t *numbers
        size_t threads, memory

cdef extern from "api/dense.h" nogil:
    ctypedef int (*copies_function)(const fa__copies *) noexcept nogil
    ctypedef size_t (*threads_function)() noexcept nogil
    ctypedef int (*run_function)(const fa_dense *, size_t, int, void *, size_t) noexcept nogil
    ctypedef size_t (*size_function)(const fa_dense *, size_t, int) noexcept nogil
    ctypedef int (*step_function)(const fa_network_step *, void *, size_t) noexcept nogil
    ctypedef int (*prefers_function)() noexcept nogil
    ctypedef struct fa__dense_functions:
        run_function run[2]
        size_function workspace[2]
        step_function step[2]
        copies_function differentiate_copies
        threads_function threads
        prefers_function prefers_blas

cdef const fa__dense_functions *library = <const fa__dense_functions *>PyCapsule_GetPointer(
    _core.dense_entries, "fastact._core.dense_entries")

# The BLAS ------------------------------------------------------------------------------------------

cdef fa_blas found
cdef const fa_blas *blas = NULL  # NULL until it is first wanted, and where it cannot be used
cdef bint looked_for = False


cdef void *address_of(object capsule) except NULL:
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


def integer_bits(str signature):
    """Size of the integers that a BLAS function takes, from the C signature that its capsule carries: the third
    argument is the first integer. 0 where it cannot be told."""
    integer = re.split(r"[(,]", signature)[3].split("*")[0].strip()
    return 32 if integer == "int" else 64 if integer in ("int64_t", "long", "long long") else 0


cdef void find_thread_functions(str path) except *:
    """OpenBLAS's own functions in the library that cython_blas is linked to, where it has them."""
    try:
        linked = ctypes.CDLL(path)
    except OSError:
        return
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("", "64_"):
            try:
                getter = getattr(linked, f"{prefix}_get_num_threads{suffix}")
                setter = getattr(linked, f"{prefix}_set_num_threads{suffix}")
            except AttributeError:
                continue
            found.get_threads = <fa_get_threads_function><size_t>ctypes.cast(getter, ctypes.c_void_p).value
            found.set_threads = <fa_set_threads_function><size_t>ctypes.cast(setter, ctypes.c_void_p).value
            return


cdef int find_blas() except -1:
    """SciPy's BLAS, whose integers may have either size, and which is slow to import. Without SciPy there is none,
    and the library's own kernels are used."""
    global blas, looked_for
    try:
        from scipy.linalg import cython_blas
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "scipy":
            raise
        looked_for = True
        return 0
    capsules = cython_blas.__pyx_capi__
    found.size = sizeof(fa_blas)
    found.sgemm = <fa_gemm_function>address_of(capsules["sgemm"])
    found.dgemm = <fa_gemm_function>address_of(capsules["dgemm"])
    found.integer_bits = integer_bits(PyCapsule_GetName(capsules["sgemm"]).decode())
    find_thread_functions(cython_blas.__file__)
    if found.integer_bits:
        blas = &found
    looked_for = True
    return 0


cdef inline const fa_blas *wanted_blas() except? NULL:
    """For instruction sets whose own kernels are slower."""
    if not looked_for and library.prefers_blas():
        find_blas()
    return blas
