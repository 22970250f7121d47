# The compiled table as Python sees it, and a ufunc for each of its entries and directions. Part of _core.pyx.

FORWARD = FA__FORWARD
DERIVATIVE = FA__DERIVATIVE
BACKWARD = FA__BACKWARD
BACKWARD_FROM_OUTPUT = FA__BACKWARD_FROM_OUTPUT
BY_PARAMETER = FA__BY_PARAMETER  # by the first parameter; the others follow


def entries():
    """Every entry of the compiled table as a dict, in the table's order."""
    found = []
    for number in range(FA__ENTRIES):
        entry = &library.entries[number]
        found.append({
            "id": entry.id,
            "number": number,
            "name": entry.name.decode(),
            "parameters": {
                entry.param_names[i].decode(): entry.param_defaults[i] for i in range(entry.n_params)
            },
            "learned": {
                entry.param_names[i].decode(): entry.param_derivatives[i].decode()
                for i in range(entry.n_params) if entry.param_derivatives[i][0]
            },
            "formula": entry.formula.decode(),
            "derivative_formula": entry.derivative_formula.decode(),
            "kinks": entry.kinks.decode(),
            "from_output": bool(entry.from_output),
            "output_formula": entry.output_formula.decode(),
            "condition": entry.condition.decode(),
            "saves": ("nothing", "input", "output")[entry.saves],
            "mask": (entry.mask[0].decode(), entry.mask[1].decode()) if entry.mask[0] != NULL else None,
            "worst": entry.worst.decode(),
            "max_ulp": {
                "float32": (entry.ulp_f32, entry.ulp_f32),
                "float64": (entry.ulp_f64, entry.ulp_f64_derivative),
            },
            "about": entry.about.decode(),
        })
    return found


ctypedef struct loop_data:
    int number
    direction_t direction
    dtype_t dtype

cdef void inner_loop(char **args, const cnp.npy_intp *dims, const cnp.npy_intp *steps,
                     void *data) noexcept nogil:
    cdef loop_data *what = <loop_data *>data
    if dims[0] > RELEASE_GIL_ABOVE and thread_limits_in_use():
        with gil:
            apply_thread_limit()
    library.execute_1d(what.number, what.direction, what.dtype, args, <const ptrdiff_t *>steps,
                   <size_t>dims[0])

cdef list _texts = []  # names and documentation: ufuncs keep bare pointers to them


def make_ufunc(int number, int direction, str name, str doc):
    """A genuine ufunc for one entry and direction, with loops for float16, float32 and float64.

    The loops are in the order e, f, d. With it, integers resolve as for ``np.exp``, and a float32 array with a
    Python float parameter stays float32.
    """
    cdef int inputs = library.arities[direction].inputs + library.entries[number].n_params
    cdef int operands = inputs + 1
    # NumPy keeps these pointers for as long as the ufunc exists, which is until the process ends
    cdef cnp.PyUFuncGenericFunction *functions = <cnp.PyUFuncGenericFunction *>malloc(
        3 * sizeof(cnp.PyUFuncGenericFunction))
    cdef void **data = <void **>malloc(3 * sizeof(void *))
    cdef loop_data *what = <loop_data *>malloc(3 * sizeof(loop_data))
    cdef char *types = <char *>malloc(3 * operands)
    if not (functions and data and what and types):
        raise MemoryError()
    cdef int i, k, type_number
    for i in range(3):
        type_number = cnp.NPY_FLOAT16 if i == 0 else cnp.NPY_FLOAT if i == 1 else cnp.NPY_DOUBLE
        what[i].number = number
        what[i].direction = <direction_t>direction
        what[i].dtype = <dtype_t>(FA__F16 if i == 0 else FA__F32 if i == 1 else FA__F64)
        functions[i] = <cnp.PyUFuncGenericFunction>inner_loop
        data[i] = &what[i]
        for k in range(operands):
            types[i * operands + k] = <char>type_number
    name_bytes, doc_bytes = name.encode(), doc.encode()
    _texts.extend((name_bytes, doc_bytes))
    return cnp.PyUFunc_FromFuncAndData(functions, data, types, 3, inputs, 1, -1, name_bytes,
                                       doc_bytes, 0)
