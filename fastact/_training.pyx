# cython: language_level=3, boundscheck=False, wraparound=False
"""Training between Python and the C library: contiguous arrays in, one C call, results in place.

Which shapes and dtypes belong together is checked in fastact.training.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
cimport numpy as cnp

from fastact import _core

cnp.import_array()

include "_overlap.pxi"
include "_plain.pxi"
include "_sums.pxi"

cdef extern from "api/training.h" nogil:
    ctypedef enum optimizer_t "fa__optimizer":
        FA__SGD, FA__ADAM, FA__RMSPROP, FA__ADAGRAD, FA__LION, FA__AMSGRAD
    ctypedef struct fa_step:
        size_t size
        int64_t step
        double lr, weight_decay, momentum, dampening, beta1, beta2, alpha, lr_decay, eps
        double gradient_factor, clip_value
        int nesterov, decoupled, eps_hat, centered
    ctypedef struct fa__update:
        optimizer_t optimizer
        dtype_t dtype
        size_t copies, n
        void *parameters
        const void *gradients
        void *states[3]
        const fa_step *steps
    ctypedef struct fa__random_place:
        uint64_t seed
        uint32_t step, layer
        uint64_t first
    ctypedef enum norm_kind_t "fa__norm_kind":
        FA__LAYER_NORM, FA__RMS_NORM, FA__BATCH_NORM
    ctypedef struct fa__norm_call:
        norm_kind_t kind
        dtype_t dtype
        size_t rows, n
        const void *grad_y
        const void *x
        const void *weight
        const void *bias
        void *y
        void *grad_x
        void *grad_weight
        void *grad_bias
        void *running_mean
        void *running_variance
        int training
        double momentum, eps
        double *statistics
    ctypedef struct fa__training_functions:
        void (*run_update)(const fa__update *) noexcept nogil
        double (*sum_of_squares)(dtype_t, const void *, size_t) noexcept nogil
        void (*run_norm_forward)(const fa__norm_call *) noexcept nogil
        void (*run_norm_backward)(const fa__norm_call *) noexcept nogil
        void (*run_dropout)(dtype_t, const void *, void *, size_t, double, fa__random_place) noexcept nogil

cdef const fa__training_functions *library = <const fa__training_functions *>PyCapsule_GetPointer(
    _core.training_functions, "fastact._core.training_functions")

LAYER_NORM, RMS_NORM, BATCH_NORM = FA__LAYER_NORM, FA__RMS_NORM, FA__BATCH_NORM
SGD, ADAM, RMSPROP, ADAGRAD, LION, AMSGRAD = FA__SGD, FA__ADAM, FA__RMSPROP, FA__ADAGRAD, FA__LION, FA__AMSGRAD

cdef enum:
    RELEASE_GIL_ABOVE = 2048  # elements; for fewer, releasing the lock costs more than it gains


cdef class Steps:
    """The numbers of a step, as C reads them: one set for all parameters, or one for each copy."""

    cdef fa_step *of
    cdef readonly size_t count
    cdef int optimizer

    def __cinit__(self, int optimizer, list numbers):
        """`numbers` has a dict for each copy, or one for all."""
        self.optimizer, self.count = optimizer, len(numbers)
        self.of = <fa_step *>calloc(len(numbers), sizeof(fa_step))
        if self.of == NULL:
            raise MemoryError()
        for i, given in enumerate(numbers):
            self.fill(&self.of[i], given)

    cdef fill(self, fa_step *step, dict given):
        step.size = sizeof(fa_step)
        step.lr, step.weight_decay = given["lr"], given["weight_decay"]
        step.momentum, step.dampening = given.get("momentum", 0), given.get("dampening", 0)
        step.beta1, step.beta2 = given.get("beta1", 0), given.get("beta2", 0)
        step.alpha, step.lr_decay = given.get("alpha", 0), given.get("lr_decay", 0)
        step.eps, step.clip_value = given.get("eps", 0), given["clip_value"]
        step.nesterov, step.centered = given.get("nesterov", 0), given.get("centered", 0)
        step.decoupled, step.eps_hat = given.get("decoupled", 0), given.get("eps_hat", 0)

    def __dealloc__(self):
        free(self.of)

    def set_factors(self, factors):
        """What gradients are multiplied by, of each copy."""
        for i in range(<Py_ssize_t>self.count):
            self.of[i].gradient_factor = factors[i]

    def run(self, int64_t number, parameters, gradients, list states):
        """Step `number` on contiguous arrays of one float dtype, whose shapes have been checked."""
        cdef fa__update update
        cdef size_t i, size = <size_t>cnp.PyArray_SIZE(<cnp.ndarray>parameters)
        for i in range(self.count):
            self.of[i].step = number
        update.optimizer, update.dtype = <optimizer_t>self.optimizer, dtype_of(parameters)
        update.copies, update.n, update.steps = self.count, size // self.count, self.of
        update.parameters, update.gradients = data_of(parameters), data_of(gradients)
        for i in range(3):
            update.states[i] = data_of(states[i]) if i < <size_t>len(states) else NULL
        if size < RELEASE_GIL_ABOVE:
            library.run_update(&update)
            return
        _core.apply_thread_limit()
        with nogil:
            library.run_update(&update)

    def run_plain(self, int64_t number, parameters, gradients, list states):
        """The same, if all are plain arrays that fit; otherwise False, and nothing is done."""
        if not is_plain(parameters) or not is_like(gradients, <cnp.ndarray>parameters):
            return False
        cdef cnp.ndarray array = parameters
        if not cnp.PyArray_ISWRITEABLE(array) or may_overlap(array, <cnp.ndarray>gradients):
            return False
        if self.count != 1 and <size_t>cnp.PyArray_DIM(array, 0) != self.count:
            return False
        for state in states:
            if state is not None and (not is_like(state, array) or may_overlap(<cnp.ndarray>state, array)):
                return False
        self.run(number, parameters, gradients, states)
        return True


def sum_of_squares(cnp.ndarray array not None):
    """Of a contiguous array of float32 or float64, in float64 and in a fixed order."""
    cdef double found
    cdef dtype_t dtype = dtype_of(array)
    cdef const void *data = data_of(array)
    cdef size_t n = <size_t>cnp.PyArray_SIZE(<cnp.ndarray>array)
    _core.apply_thread_limit()
    with nogil:
        found = library.sum_of_squares(dtype, data, n)
    return found


def shares_of(cnp.ndarray weights not None, cnp.ndarray to not None):
    """Store each weight over their sum, of contiguous arrays of float64. False, and nothing is stored, unless all are
    at least 0, and their sum is positive and finite."""
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(weights)
    cdef const double *given = <const double *>data_of(weights)
    cdef double *shares = <double *>data_of(to)
    cdef double sum
    for i in range(n):
        if not given[i] >= 0:
            return False
    sum = compensated_sum(given, n)
    if not (sum > 0 and sum <= 1.7976931348623157e308):
        return False
    for i in range(n):
        shares[i] = given[i] / sum
    return True


def may_share_bytes(cnp.ndarray a, cnp.ndarray b):
    """Whether the ranges from the first to the last byte of two arrays overlap."""
    return may_overlap(a, b)


def dropout(cnp.ndarray x not None, cnp.ndarray out not None, double p, uint64_t seed, uint32_t step, uint32_t layer):
    """On contiguous arrays of one float dtype and size, which have been checked."""
    cdef fa__random_place place
    cdef dtype_t dtype = dtype_of(x)
    cdef const void *data = data_of(x)
    cdef void *to = data_of(out)
    cdef size_t n = <size_t>cnp.PyArray_SIZE(<cnp.ndarray>x)
    place.seed, place.step, place.layer, place.first = seed, step, layer, 0
    if n < RELEASE_GIL_ABOVE:
        library.run_dropout(dtype, data, to, n, p, place)
        return
    _core.apply_thread_limit()
    with nogil:
        library.run_dropout(dtype, data, to, n, p, place)


cdef run_norm(fa__norm_call *call, bint backward, x, size_t n):
    call.dtype, call.n, call.x = dtype_of(x), n, data_of(x)
    call.rows = <size_t>cnp.PyArray_SIZE(<cnp.ndarray>x) // n
    if call.rows * n >= RELEASE_GIL_ABOVE:
        _core.apply_thread_limit()
    with nogil:
        if backward:
            library.run_norm_backward(call)
        else:
            library.run_norm_forward(call)


def norm(norm_kind_t kind, cnp.ndarray x not None, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray y,
         cnp.ndarray statistics, size_t n, double eps, cnp.ndarray running_mean=None, cnp.ndarray running_variance=None,
         bint training=True, double momentum=0):
    """The forward pass, on contiguous arrays of one float dtype with rows of n elements, which have been checked."""
    cdef fa__norm_call call
    memset(&call, 0, sizeof(call))
    call.kind, call.eps, call.training, call.momentum = kind, eps, training, momentum
    call.weight, call.bias, call.y = data_of(weight), data_of(bias), data_of(y)
    call.running_mean, call.running_variance = data_of(running_mean), data_of(running_variance)
    call.statistics = <double *>data_of(statistics)
    run_norm(&call, False, x, n)


def norm_backward(norm_kind_t kind, cnp.ndarray grad_y, cnp.ndarray x not None, cnp.ndarray weight, cnp.ndarray grad_x,
                  cnp.ndarray grad_weight, cnp.ndarray grad_bias, cnp.ndarray statistics, size_t n, double eps,
                  cnp.ndarray running_mean=None, cnp.ndarray running_variance=None, bint training=True):
    """The backward pass, likewise."""
    cdef fa__norm_call call
    memset(&call, 0, sizeof(call))
    call.kind, call.eps, call.training = kind, eps, training
    call.grad_y, call.weight, call.grad_x = data_of(grad_y), data_of(weight), data_of(grad_x)
    call.grad_weight, call.grad_bias = data_of(grad_weight), data_of(grad_bias)
    call.running_mean, call.running_variance = data_of(running_mean), data_of(running_variance)
    call.statistics = <double *>data_of(statistics)
    run_norm(&call, True, x, n)
