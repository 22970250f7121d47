# cython: language_level=3, boundscheck=False, wraparound=False
"""Programs of double-double operations, run in C by reference/program.h."""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc

import numpy as np

cdef extern from "evaluation/reference/operations.h" nogil:
    enum: OPERATION_COUNT
    const char *const fa__reference_names[]

cdef extern from "evaluation/reference/program.h" nogil:
    ctypedef struct fa__reference_step:
        int operation, result, a, b, c
    ctypedef struct fa__reference_program:
        const fa__reference_step *steps
        size_t step_count
        const double *constants
        size_t constant_count, register_count
        int result
    size_t fa__reference_workspace(const fa__reference_program *program)
    size_t fa__reference_evaluate(const fa__reference_program *program, void *workspace, const double *x, size_t n,
                                  double *hi, double *lo, double *err, unsigned *undecided)

OPERATIONS = tuple(fa__reference_names[i].decode() for i in range(OPERATION_COUNT))


cdef class Program:
    """Steps (operation, result, a, b, c), by number, on registers: first x, then the constants.

    A constant is (hi, lo, err). A missing operand is -1, and no result is an operand of its own step.
    """

    cdef fa__reference_program program
    cdef const int[:, ::1] steps
    cdef const double[:, ::1] constants

    def __cinit__(self, steps, constants, int registers, int result):
        cdef const int[:, ::1] s = np.array(steps, np.intc).reshape(-1, 5)
        cdef const double[:, ::1] c = np.array(constants, np.float64).reshape(-1, 3)
        cdef Py_ssize_t i
        if not (c.shape[0] < registers and 0 <= result < registers):
            raise ValueError("a program needs registers for x, its constants and its result")
        for i in range(s.shape[0]):
            if not (0 <= s[i, 0] < OPERATION_COUNT and c.shape[0] < s[i, 1] < registers
                    and 0 <= s[i, 2] < registers and -1 <= s[i, 3] < registers and -1 <= s[i, 4] < registers
                    and s[i, 1] != s[i, 2] and s[i, 1] != s[i, 3] and s[i, 1] != s[i, 4]):
                raise ValueError(f"step {i}: no such operation or register")
        self.steps, self.constants = s, c  # which `program` points to
        self.program = fa__reference_program(NULL, <size_t>s.shape[0], NULL, <size_t>c.shape[0],
                                             <size_t>registers, result)
        if s.shape[0]:
            self.program.steps = <const fa__reference_step *>&s[0, 0]
        if c.shape[0]:
            self.program.constants = &c[0, 0]

    def evaluate(self, const double[::1] x, double[::1] hi, double[::1] lo, double[::1] err,
                 unsigned[::1] undecided):
        """Write values at x, within err of hi + lo, and the indices of those not known well enough.

        Returns how many these are. All arrays have the length of x.
        """
        cdef size_t n = <size_t>x.shape[0], count = 0
        cdef void *workspace
        if not x.shape[0] == hi.shape[0] == lo.shape[0] == err.shape[0] == undecided.shape[0]:
            raise ValueError("expected arrays of one length")
        if n == 0:
            return 0
        workspace = PyMem_RawMalloc(fa__reference_workspace(&self.program) + 64)
        if workspace is NULL:
            raise MemoryError
        with nogil:
            count = fa__reference_evaluate(&self.program, <void *>((<size_t>workspace + 63) & ~<size_t>63), &x[0],
                                           n, &hi[0], &lo[0], &err[0], &undecided[0])
        PyMem_RawFree(workspace)
        return count
