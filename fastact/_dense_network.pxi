# A network of dense layers on arrays that are made once. Part of _dense.pyx.
# Knows which array is where; does not know how a layer is computed.

# Networks ------------------------------------------------------------------------------------------

cdef class Network:
    """Layers one after the other, on arrays made once for a number of rows; the arrays are this object's."""

    cdef fa_dense *layers
    cdef void *workspace
    cdef size_t count, bytes_
    cdef int number
    cdef tuple given  # what the pointers point to that is not made here
    cdef list made    # and what is
    cdef readonly object y, dx
    cdef readonly tuple dw, db
    cdef readonly cnp.npy_intp rows
    cdef object x, grad_y

    def __cinit__(self, tuple prepared, tuple weights, tuple biases, cnp.npy_intp rows):
        cdef size_t i
        cdef cnp.npy_intp shape[2]
        cdef list dw = [], db = []
        cdef cnp.ndarray w, array
        cdef fa_dense *layer
        self.count = len(prepared)
        self.rows = rows
        self.number = cnp.PyArray_TYPE(<cnp.ndarray>weights[0])
        self.layers = <fa_dense *>calloc(self.count, sizeof(fa_dense))
        if self.layers == NULL:
            raise MemoryError("fastact.DenseStack: no memory for its layers")
        shape[0] = rows
        shape[1] = max(w_.shape[0] for w_ in weights)
        cdef list between = [cnp.PyArray_EMPTY(2, shape, self.number, 0) for _ in range(min(2, self.count - 1))]
        self.given = prepared, weights, biases
        self.made = list(between)
        for i in range(self.count):
            layer = &self.layers[i]
            w = weights[i]
            shape[0] = rows
            shape[1] = cnp.PyArray_DIM(w, 0)
            if i == 0:
                self.dx = cnp.PyArray_EMPTY(2, shape, self.number, 0)
            # of x only the sizes are read here; its address and strides are set below, or by each call
            fill_layer(layer, prepared[i], self.dx if i == 0 else self.y, w, self.number)
            layer.saving = (<Prepared>prepared[i]).saving
            layer.x.column = 1
            if i > 0:
                layer.x.data = self.layers[i - 1].y.data
                layer.x.row = self.layers[i - 1].y.row
            if biases[i] is not None:
                layer.b.data = cnp.PyArray_DATA(<cnp.ndarray>biases[i])
                layer.b.column = 1
            shape[1] = cnp.PyArray_DIM(w, 1)
            self.y = cnp.PyArray_EMPTY(2, shape, self.number, 0)
            self.made.append(self.y)
            fill_new(&layer.y, self.y)
            layer.saved = layer.y
            if (<Prepared>prepared[i]).kind == "input":
                array = cnp.PyArray_EMPTY(2, shape, self.number, 0)
                self.made.append(array)
                fill_new(&layer.saved, array)
            shape[0] = cnp.PyArray_DIM(w, 0)
            dw.append(cnp.PyArray_EMPTY(2, shape, self.number, 0))
            fill_new(&layer.dw, dw[i])
            db.append(None)
            if biases[i] is not None:
                db[i] = cnp.PyArray_EMPTY(1, &shape[1], self.number, 0)
                fill_new(&layer.db, db[i])
            if i == 0:
                fill_new(&layer.dx, self.dx)
            else:
                fill_new(&layer.dx, between[i % 2 if len(between) > 1 else 0])
                layer.dx.row = cnp.PyArray_DIM(w, 0)
                self.layers[i - 1].grad_y.data = layer.dx.data
                self.layers[i - 1].grad_y.row = layer.dx.row
                self.layers[i - 1].grad_y.column = 1
        self.dw, self.db = tuple(dw), tuple(db)
        self.made += [self.dx, *dw, *(b for b in db if b is not None)]

    def __dealloc__(self):
        free(self.layers)
        PyMem_RawFree(self.workspace)

    def forward(self, cnp.ndarray x):
        """y, in an array that the next call overwrites; x is of the right shape and type, and is kept."""
        self.x = x
        fill_matrix(&self.layers[0].x, x)
        self.execute(False)
        return self.y

    def backward(self, cnp.ndarray grad_y, bint need_dx):
        """dx or None, and all dw and db, in arrays that the next call overwrites."""
        if self.x is None:
            raise RuntimeError("fastact.DenseStack.backward: forward has not been called")
        self.grad_y = grad_y
        fill_matrix(&self.layers[self.count - 1].grad_y, grad_y)
        self.layers[0].dx.data = cnp.PyArray_DATA(<cnp.ndarray>self.dx) if need_dx else NULL
        self.execute(True)
        return (self.dx if need_dx else None), self.dw, self.db

    cdef int execute(self, bint backward) except -1:
        cdef int dtype = 0 if self.number == cnp.NPY_FLOAT else 1
        cdef int answer
        cdef size_t wanted
        with nogil:
            answer = library.run[dtype](self.layers, self.count, backward, self.workspace, self.bytes_)
        if answer == -1:  # a first call, or another instruction set since
            PyMem_RawFree(self.workspace)
            self.bytes_ = 0
            wanted = max(library.workspace[dtype](self.layers, self.count, 0),
                         library.workspace[dtype](self.layers, self.count, 1))
            self.workspace = PyMem_RawMalloc(wanted)
            if self.workspace == NULL:
                raise MemoryError(f"fastact.DenseStack: no memory for a workspace of {wanted} bytes")
            self.bytes_ = wanted
            with nogil:
                answer = library.run[dtype](self.layers, self.count, backward, self.workspace, self.bytes_)
        if answer != 0:
            raise RuntimeError(f"fastact: the network's C function returned {answer}")
        return 0

    @property
    def nbytes(self):
        """Bytes of all arrays and of the workspace."""
        return self.bytes_ + sum(a.nbytes for a in self.made)
