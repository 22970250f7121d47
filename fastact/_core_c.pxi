# The C library as Cython declares it. Part of _core.pyx.
# Knows names and types; does not know Python.

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray like, cnp.NPY_ORDER order, void *descr, bint subok)

cdef extern from "fastact.h" nogil:
    const char *fa_isa()
    const char *fa_isas()
    int fa_set_isa(const char *name)
    int fa_num_threads()
    void fa_set_num_threads(int n)

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
    const fa__entry fa__entries[1]
    ctypedef struct fa__arity:
        int inputs, results
    const fa__arity fa__arities[1]
    ctypedef struct fa__call:
        int entry
        direction_t direction
        dtype_t dtype
        source_t source[8]
        int ndim
        size_t shape[64]
        char *base[8]
        ptrdiff_t stride[8][64]
    void fa__execute(fa__call *call)
    void fa__execute_1d(int entry, direction_t direction, dtype_t dtype, char **base,
                        const ptrdiff_t *stride, size_t n)
    void fa__execute_contiguous(int entry, direction_t direction, dtype_t dtype, char **base, size_t n)

cdef extern from "platform/float16.h" nogil:
    int fa__round_to_float32(double value, float *result)
    int fa__round_to_float16(double value, float *result)

cdef extern from "platform/thread_limits.h" nogil:
    ctypedef struct fa__thread_limits:
        int set, environment, openmp, affinity, cgroup
    fa__thread_limits fa__get_thread_limits()
    const char *fa__openmp_runtime()
    void fa__limit_threads(int n)
    int fa__thread_limit()

cdef extern from "platform/parallel.h" nogil:
    void fa__parallel_for(void *body, const void *context, size_t n, size_t grain, size_t quantum)

cdef extern from "api/dense.h" nogil:
    ctypedef struct fa__dense_functions:
        pass
    const fa__dense_functions fa__dense_entries

cdef extern from "api/rowwise.h" nogil:
    ctypedef struct fa__rowwise_functions:
        pass
    const fa__rowwise_functions fa__rowwise_functions_for_python

cdef extern from "api/training.h" nogil:
    ctypedef struct fa__training_functions:
        pass
    const fa__training_functions fa__training_functions_for_python
cdef extern from "api/health.h" nogil:
    ctypedef struct fa__health_functions:
        pass
    const fa__health_functions fa__health_functions_for_python

cdef extern from "platform/fenv.h" nogil:
    ctypedef struct fa__fenv:
        pass
    fa__fenv fa__enter_fenv()
    void fa__leave_fenv(fa__fenv caller)
