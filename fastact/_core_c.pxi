# The C library as Cython declares it, and the way to it. Part of _core.pyx.
# Knows names and types; does not know arrays.

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray like, cnp.NPY_ORDER order, void *descr, bint subok)

cdef extern from "fastact.h" nogil:
    enum: FA_VERSION
    int fa_version()
    const char *fa_isa()
    const char *fa_isas()
    int fa_set_isa(const char *name)
    int fa_num_threads()
    void fa_set_num_threads(int n)

cdef extern from "c_api.h" nogil:
    ctypedef struct exported_function "struct fa__exported":
        const char *name
        const char *signature
        void *function
    const exported_function fa__exported[1]
    enum: EXPORTED_BYTES "sizeof fa__exported"

cdef extern from "elementwise/call.h" nogil:
    enum: FA__ENTRIES, FA__MAX_OPERANDS, FA__MAX_DIMS, FA__MAX_PARAMS
    enum: FA__F32, FA__F64, FA__F16
    ctypedef int direction_t "fa__direction"
    ctypedef int dtype_t "fa__dtype"
    ctypedef int source_t "fa__source"
    enum: FA__I8, FA__U8, FA__I16, FA__U16, FA__I32, FA__U32, FA__I64, FA__U64
    enum: FA__SWAPPED_F32, FA__SWAPPED_F64
    enum: FA__FORWARD, FA__DERIVATIVE, FA__BACKWARD, FA__VALUE_AND_DERIVATIVE, FA__BACKWARD_FROM_OUTPUT
    enum: FA__BY_PARAMETER
    ctypedef struct fa__entry:
        int id
        const char *name
        int n_params
        const char *param_names[4]
        double param_defaults[4]
        const char *param_derivatives[4]
        const char *formula
        const char *derivative_formula
        const char *kinks
        int from_output
        const char *output_formula
        const char *condition
        int saves
        const char *mask[2]
        double ulp_f32, ulp_f64, ulp_f64_derivative
        const char *worst
        const char *about
    ctypedef struct fa__arity:
        int inputs, results
    ctypedef struct fa__call:
        int entry
        direction_t direction
        dtype_t dtype
        source_t source[8]
        int ndim
        size_t shape[64]
        char *base[8]
        ptrdiff_t stride[8][64]

cdef extern from "platform/thread_limits.h" nogil:
    ctypedef struct fa__thread_limits:
        int set, here, environment, openmp, affinity, cgroup

cdef extern from "platform/fenv.h" nogil:
    ctypedef struct fa__fenv:
        pass
    fa__fenv fa__enter_fenv()
    void fa__leave_fenv(fa__fenv caller)

cdef extern from "api/private.h" nogil:
    ctypedef struct fa__private_functions:
        int n_entries
        const fa__entry *entries
        const fa__arity *arities
        void (*execute)(fa__call *) noexcept nogil
        void (*execute_1d)(int entry, direction_t, dtype_t, char **base, const ptrdiff_t *stride, size_t n) noexcept nogil
        void (*execute_contiguous)(int entry, direction_t, dtype_t, char **base, size_t n) noexcept nogil
        int (*round_to_float32)(double, float *) noexcept nogil
        int (*round_to_float16)(double, float *) noexcept nogil
        fa__thread_limits (*get_thread_limits)() noexcept nogil
        const char *(*openmp_runtime)() noexcept nogil
        void (*limit_threads)(int) noexcept nogil
        int (*thread_limit)() noexcept nogil
        void *parallel_for
        void *dense
        void *rowwise
        void *training
        void *health
        void *quantized
    const fa__private_functions *fa__private(int version, size_t size)

cdef fa__private_functions library  # a copy, so that a call reads one pointer


cdef int find_library() except -1:
    """Take the functions from libfastact.so, if it was built together with this module."""
    global library
    cdef const fa__private_functions *found = fa__private(FA_VERSION, sizeof(fa__private_functions))
    if found == NULL or found.n_entries != FA__ENTRIES:
        raise ImportError(
            f"fastact: libfastact.so (version {fa_version()}) was not built together with this extension module "
            f"(version {FA_VERSION}); reinstall fastact, and look for another libfastact.so in LD_LIBRARY_PATH and "
            f"LD_PRELOAD"
        )
    library = found[0]
    return 0


find_library()
