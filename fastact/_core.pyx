# cython: language_level=3, boundscheck=False, wraparound=False
"""The interface between Python and the C library: arguments in, one C call, result out.

Calls with plain arrays of numbers go straight to C. Everything else goes to the ufunc, so that NumPy's rules
for it hold. Must not depend on any Python module of fastact.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_Check
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport malloc
cimport numpy as cnp

cnp.import_array()
cnp.import_ufunc()

include "_core_c.pxi"
include "_core_table.pxi"
include "_core_settings.pxi"
include "_overlap.pxi"
include "_core_arrays.pxi"

# What other extension modules use of the C library
rowwise_functions = PyCapsule_New(<void *>library.rowwise, "fastact._core.rowwise_functions", NULL)
training_functions = PyCapsule_New(<void *>library.training, "fastact._core.training_functions", NULL)
health_functions = PyCapsule_New(<void *>library.health, "fastact._core.health_functions", NULL)
quantized_functions = PyCapsule_New(<void *>library.quantized, "fastact._core.quantized_functions", NULL)
dense_entries = PyCapsule_New(<void *>library.dense, "fastact._core.dense_entries", NULL)
parallel_for = PyCapsule_New(<void *>library.parallel_for, "fastact._core.parallel_for", NULL)

def c_functions():
    """The functions of the C API as Cython, SciPy and numba look them up: name -> capsule named by its signature."""
    found = {}
    for i in range(EXPORTED_BYTES // sizeof(exported_function)):
        exported = &fa__exported[i]
        found[exported.name.decode()] = PyCapsule_New(exported.function, exported.signature, NULL)
    return found


cdef class DefaultEnvironment:
    """A context with the default floating-point environment, as C kernels run in: round to nearest, subnormal
    numbers kept. Exception flags raised within are lost."""

    cdef fa__fenv caller

    def __enter__(self):
        self.caller = fa__enter_fenv()

    def __exit__(self, *_):
        fa__leave_fenv(self.caller)


cdef enum:
    RELEASE_GIL_ABOVE = 2048  # elements; for fewer, releasing the lock costs more than it gains


cdef object NOT_GIVEN = object()  # in place of *extra, for which Cython would make a tuple of all arguments


cdef class Elementwise:
    """One entry of the table with values for its parameters, and the ufuncs for what C does not take directly.

    A base class: ``fastact.activations.builtin.Builtin`` adds everything but the computation.
    """

    cdef readonly int number
    cdef readonly tuple parameter_names
    cdef readonly tuple parameter_values
    cdef readonly object ufunc
    cdef readonly object derivative_ufunc
    cdef readonly object backward_ufunc
    cdef readonly object backward_from_output_ufunc
    cdef bint output_suffices  # for parameter_values, which are numbers; set by allow_from_output
    cdef double fixed[2][FA__MAX_PARAMS]  # parameter_values as kernels read them: float32, float64
    cdef int fits_fixed[2]  # bit i: parameter i is a number that fits
    cdef dict __dict__

    def __init__(self, int number, tuple names, tuple values, tuple ufuncs):
        self.number = number
        self.parameter_names = names
        self.parameter_values = values
        (self.ufunc, self.derivative_ufunc, self.backward_ufunc,
         self.backward_from_output_ufunc) = ufuncs
        self.output_suffices = False
        cdef int i, wide, fits
        for wide in range(2):
            self.fits_fixed[wide] = 0
            for i, value in enumerate(values):
                fits = fix(value, cnp.NPY_DOUBLE if wide else cnp.NPY_FLOAT, &self.fixed[wide][i])
                self.fits_fixed[wide] |= fits << i

    def __call__(self, x, /, *extra, out=None, **kwargs):
        if extra:
            self.refuse_positional("__call__", extra)
        cdef object found = self.quick(FA__FORWARD, x, x, out, kwargs)
        if found is not None:
            return found
        return self.run(FA__FORWARD, (x,), out, kwargs, self.ufunc)

    def derivative(self, x, extra=NOT_GIVEN, more=NOT_GIVEN, /, *, out=None, **kwargs):
        """f'(x), element by element; arguments as for calling the activation itself."""
        if extra is not NOT_GIVEN:
            self.refuse_positional("derivative", (extra,) if more is NOT_GIVEN else (extra, more))
        cdef object found = self.quick(FA__DERIVATIVE, x, x, out, kwargs)
        if found is not None:
            return found
        return self.run(FA__DERIVATIVE, (x,), out, kwargs, self.derivative_ufunc)

    def backward(self, grad_y, x, extra=NOT_GIVEN, more=NOT_GIVEN, /, *, out=None, **kwargs):
        """grad_y * f'(x) in one pass: the gradient with respect to the input.

        Where f'(x) is 0 the result is 0, even for an infinite or NaN grad_y. Elsewhere it equals
        ``grad_y * derivative(x)``, bit for bit.
        """
        if extra is not NOT_GIVEN:
            self.refuse_positional("backward", (extra,) if more is NOT_GIVEN else (extra, more))
        cdef object found = self.quick(FA__BACKWARD, grad_y, x, out, kwargs)
        if found is not None:
            return found
        return self.run(FA__BACKWARD, (grad_y, x), out, kwargs, self.backward_ufunc)

    def backward_from_output(self, grad_y, y, extra=NOT_GIVEN, more=NOT_GIVEN, /, *, out=None, **kwargs):
        """grad_y * f'(x) from y = f(x) alone, where y determines f'(x).

        Near saturation y holds too few digits for an accurate f'. The error is bounded in absolute terms:
        4 eps of the dtype times the largest abs(f').

        Raises
        ------
        TypeError
            If the output does not determine the derivative, for this activation or these parameters.
        """
        cdef object found
        if extra is not NOT_GIVEN:
            self.refuse_positional("backward_from_output", (extra,) if more is NOT_GIVEN else (extra, more))
        if not kwargs and self.output_suffices:
            found = self.quick(FA__BACKWARD_FROM_OUTPUT, grad_y, y, out, kwargs)
            if found is not None:
                return found
        self.check_from_output(kwargs)
        return self.run(FA__BACKWARD_FROM_OUTPUT, (grad_y, y), out, kwargs,
                        self.backward_from_output_ufunc)

    def value_and_derivative(self, x, extra=NOT_GIVEN, more=NOT_GIVEN, /, *, out=None, **kwargs):
        """(f(x), f'(x)) in one pass; `out`, if given, is a pair of arrays."""
        if extra is not NOT_GIVEN:
            self.refuse_positional("value_and_derivative", (extra,) if more is NOT_GIVEN else (extra, more))
        cdef object found = self.quick_value_and_derivative(x, out, kwargs)
        if found is not None:
            return found
        cdef tuple results = self.run_direct(FA__VALUE_AND_DERIVATIVE, (x,), out, kwargs)
        if results is not None:
            return results
        apply_thread_limit()
        return self.value_and_derivative_by_ufuncs(x, out, kwargs)

    def allow_from_output(self):
        """Record that the output determines the derivative for the bound parameters, all of them numbers."""
        self.output_suffices = True

    # The shortest path: plain C-contiguous arrays of one shape, parameters that are numbers

    cdef object quick(self, int direction, object first, object last, object out, dict kwargs):
        """The result, or None where the arguments are anything else. `first` is `last` if there is one input."""
        cdef char *base[FA__MAX_OPERANDS]
        cdef int inputs = library.arities[direction].inputs
        cdef int number = packed_type(first)
        cdef double given[FA__MAX_PARAMS]
        if number < 0 or not self.parameters_at(kwargs, number, given, &base[inputs]):
            return None
        if inputs == 2 and not (packed_type(last) == number and same_shape(first, last)):
            return None
        cdef object result = like(first, number) if out is None else out
        if out is not None and not (takes_result(out, number, first)
                                    and (inputs == 1 or apart(out, last))):
            return None
        base[0] = cnp.PyArray_BYTES(<cnp.ndarray>first)
        base[inputs - 1] = cnp.PyArray_BYTES(<cnp.ndarray>last)
        cdef int results = inputs + library.entries[self.number].n_params
        base[results] = cnp.PyArray_BYTES(<cnp.ndarray>result)
        self.execute(direction, number, base, <size_t>cnp.PyArray_SIZE(<cnp.ndarray>first))
        return result

    cdef object quick_value_and_derivative(self, object x, object out, dict kwargs):
        """The same for value_and_derivative."""
        cdef char *base[FA__MAX_OPERANDS]
        cdef int number = packed_type(x)
        cdef double given[FA__MAX_PARAMS]
        if number < 0 or not self.parameters_at(kwargs, number, given, &base[1]):
            return None
        cdef object value, derivative
        if out is None:
            value, derivative = like(x, number), like(x, number)
        elif type(out) is tuple and len(<tuple>out) == 2:
            value, derivative = (<tuple>out)[0], (<tuple>out)[1]
            if not (takes_result(value, number, x) and takes_result(derivative, number, x)):
                return None
            if value is derivative or not apart(value, derivative):
                return None
        else:
            return None
        base[0] = cnp.PyArray_BYTES(<cnp.ndarray>x)
        cdef int results = 1 + library.entries[self.number].n_params
        base[results] = cnp.PyArray_BYTES(<cnp.ndarray>value)
        base[results + 1] = cnp.PyArray_BYTES(<cnp.ndarray>derivative)
        self.execute(FA__VALUE_AND_DERIVATIVE, number, base, <size_t>cnp.PyArray_SIZE(<cnp.ndarray>x))
        return value, derivative

    cdef bint parameters_at(self, dict kwargs, int number, double *given, char **base) except -1:
        """Addresses of the parameters, bound or given; False unless they are numbers and kwargs holds no more."""
        cdef bint wide = number == cnp.NPY_DOUBLE
        cdef int i, taken = 0
        for i in range(library.entries[self.number].n_params):
            base[i] = <char *>&self.fixed[wide][i]
            if kwargs and self.parameter_names[i] in kwargs:
                if not fix(kwargs[self.parameter_names[i]], number, &given[i]):
                    return False
                base[i] = <char *>&given[i]
                taken += 1
            elif not (self.fits_fixed[wide] & 1 << i):
                return False
        return taken == len(kwargs)

    cdef void execute(self, int direction, int number, char **base, size_t n) noexcept:
        cdef dtype_t dtype = dtype_of(number)
        if n > RELEASE_GIL_ABOVE:
            apply_thread_limit()
            with nogil:
                library.execute_contiguous(self.number, <direction_t>direction, dtype, base, n)
        else:
            library.execute_contiguous(self.number, <direction_t>direction, dtype, base, n)

    # Any strides, broadcasting, parameters given anew

    cdef object run(self, int direction, tuple inputs, object out, dict kwargs, object ufunc):
        cdef tuple results = self.run_direct(direction, inputs, out, kwargs)
        if results is not None:
            return results[0]
        apply_thread_limit()
        return self.by_ufunc(ufunc, inputs, out, kwargs)

    cdef tuple run_direct(self, int direction, tuple inputs, object out, dict kwargs):
        """The results, or None where the ufunc must take over."""
        cdef tuple results
        cdef double fixed[FA__MAX_PARAMS]
        cdef fa__call call
        cdef tuple values = self.parameter_values
        cdef size_t n
        cdef int number
        if kwargs:
            values = self.override(kwargs)
            if values is None:
                return None
        if not cnp.PyArray_CheckExact(inputs[0]) or cnp.PyArray_NDIM(<cnp.ndarray>inputs[0]) == 0:
            return None
        cdef tuple operands = inputs + values
        if not self.broadcast(operands, len(inputs), &number, &call, fixed):
            return None
        results = self.results(direction, operands, out, number, &call)
        if results is None:
            return None
        call.entry = self.number
        call.direction = <direction_t>direction
        call.dtype = dtype_of(number)
        n = 1
        for d in range(call.ndim):
            n *= call.shape[d]
        if n > RELEASE_GIL_ABOVE:
            apply_thread_limit()
            with nogil:
                library.execute(&call)
        else:
            library.execute(&call)
        return results

    cdef bint broadcast(self, tuple operands, int n_inputs, int *number, fa__call *call,
                        double *fixed) except -1:
        """Fill in shape, the operands' addresses, strides and sources, and the results' type number; False where
        the ufunc must take over."""
        cdef int i, d, offset, least, ndim = 0
        cdef size_t extent_, have
        cdef cnp.ndarray array
        number[0] = cnp.NPY_FLOAT16
        for i in range(len(operands)):
            operand = operands[i]
            if cnp.PyArray_CheckExact(operand):
                if not find_source(<cnp.ndarray>operand, &call.source[i], &least):
                    return False
                number[0] = wider(number[0], least)
                ndim = max(ndim, cnp.PyArray_NDIM(<cnp.ndarray>operand))
        if ndim > FA__MAX_DIMS:
            return False
        call.ndim = ndim
        for d in range(ndim):
            call.shape[d] = 1
        for operand in operands:
            if cnp.PyArray_CheckExact(operand):
                array = <cnp.ndarray>operand
                offset = ndim - cnp.PyArray_NDIM(array)
                for d in range(offset, ndim):
                    extent_ = <size_t>cnp.PyArray_DIM(array, d - offset)
                    have = call.shape[d]
                    if have == 1:
                        call.shape[d] = extent_
                    elif extent_ != 1 and extent_ != have:
                        return False
        for i in range(len(operands)):
            operand = operands[i]
            for d in range(ndim):
                call.stride[i][d] = 0
            if cnp.PyArray_CheckExact(operand):
                array = <cnp.ndarray>operand
                offset = ndim - cnp.PyArray_NDIM(array)
                call.base[i] = cnp.PyArray_BYTES(array)
                for d in range(offset, ndim):
                    if cnp.PyArray_DIM(array, d - offset) != 1:
                        call.stride[i][d] = cnp.PyArray_STRIDE(array, d - offset)
            elif i < n_inputs:
                return False
            else:  # a number: it takes the dtype of the arrays
                call.base[i] = <char *>&fixed[i - n_inputs]
                call.source[i] = <source_t>(FA__F64 if number[0] == cnp.NPY_DOUBLE else FA__F32)
                if not fix(operand, number[0], &fixed[i - n_inputs]):
                    return False
        return True

    cdef tuple results(self, int direction, tuple operands, object out, int number, fa__call *call):
        """New arrays, or the caller's where they fit exactly; None where the ufunc must take over."""
        cdef int count = library.arities[direction].results
        cdef int i, d
        cdef cnp.ndarray array
        cdef list made = []
        if out is not None and not isinstance(out, tuple):
            out = (out,)
        if out is not None and len(<tuple>out) != count:
            return None
        for i in range(count):
            if out is None or (<tuple>out)[i] is None:
                array = self.new_result(operands, number, call)
            else:
                if not self.fits((<tuple>out)[i], operands, number, call):
                    return None
                array = (<tuple>out)[i]
            made.append(array)
            call.base[len(operands) + i] = cnp.PyArray_BYTES(array)
            for d in range(call.ndim):
                call.stride[len(operands) + i][d] = (
                    cnp.PyArray_STRIDE(array, d) if call.shape[d] != 1 else 0)
        if count == 2 and (made[0] is made[1] or unsafe_overlap(made[0], made[1])):
            return None
        return tuple(made)

    cdef cnp.ndarray new_result(self, tuple operands, int number, fa__call *call):
        cdef cnp.npy_intp shape[FA__MAX_DIMS]
        cdef cnp.ndarray x = operands[0]
        cdef int d
        cdef bint whole = cnp.PyArray_NDIM(x) == call.ndim
        for d in range(call.ndim):
            shape[d] = <cnp.npy_intp>call.shape[d]
            whole = whole and cnp.PyArray_DIM(x, d) == shape[d]
        if whole and not cnp.PyArray_IS_C_CONTIGUOUS(x):
            descr = cnp.PyArray_DescrFromType(number)
            Py_INCREF(descr)  # which the next call takes
            return PyArray_NewLikeArray(x, cnp.NPY_KEEPORDER, <void *>descr, 0)
        return cnp.PyArray_EMPTY(call.ndim, shape, number, 0)

    cdef bint fits(self, object candidate, tuple operands, int number, fa__call *call) except -1:
        cdef int d
        cdef cnp.ndarray array
        if element_type(candidate) != number:
            return False
        array = candidate
        if not cnp.PyArray_ISWRITEABLE(array) or cnp.PyArray_NDIM(array) != call.ndim:
            return False
        for d in range(call.ndim):
            if <size_t>cnp.PyArray_DIM(array, d) != call.shape[d]:
                return False
        for operand in operands:
            if cnp.PyArray_CheckExact(operand) and unsafe_overlap(array, operand):
                return False
        return True

    cdef tuple override(self, dict kwargs):
        """Parameter values with those in kwargs replaced; None if kwargs holds anything else."""
        cdef list values = list(self.parameter_values)
        cdef int taken = 0
        for i, name in enumerate(self.parameter_names):
            if name in kwargs:
                values[i] = kwargs[name]
                taken += 1
        return tuple(values) if taken == len(kwargs) else None
