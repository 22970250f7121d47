# A network of dense layers in one C call for each pass. Part of _dense.pyx.
# Which memory each layer reads and writes; arguments have been checked by fastact.dense.network.

cdef enum:
    PART_BYTES = 1 << 20  # of the widest result of a part of a batch
    PART_ROWS = 1024      # of which the rows of a part are a multiple: bits are those of the whole batch


cdef inline size_t padded(size_t bytes_) noexcept:
    return (bytes_ + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef class Kept:
    """What a forward pass keeps, in a block that returns to the network's pool with the last reference."""

    cdef list pool
    cdef Block block
    cdef size_t rows

    def __del__(self):
        if self.block is not None:
            give_back(self.pool, self.block)


cdef class Passes:
    """The passes of a network whose activations C has.

    Parameters
    ----------
    prepared : tuple of Prepared
    weights, biases : tuple of ndarray
        Contiguous, of one float dtype; biases of shape (o,) or (1, o), or None.
    """

    cdef tuple prepared, weights, biases
    cdef list free, scratch  # blocks for what is kept, and for one call
    cdef size_t count, size, widest
    cdef int number

    def __init__(self, tuple prepared, tuple weights, tuple biases):
        self.prepared, self.weights, self.biases = prepared, weights, biases
        self.free, self.scratch = [], []
        self.count = len(weights)
        self.number = cnp.PyArray_TYPE(<cnp.ndarray>weights[0])
        self.size = cnp.PyArray_ITEMSIZE(<cnp.ndarray>weights[0])
        self.widest = max(max(w.shape) for w in weights)

    cdef size_t width(self, size_t i) noexcept:
        """Columns of the input of layer i, or of the result of layer i - 1."""
        if i < self.count:
            return <size_t>cnp.PyArray_DIM(<cnp.ndarray>self.weights[i], 0)
        return <size_t>cnp.PyArray_DIM(<cnp.ndarray>self.weights[i - 1], 1)

    cdef int saving(self, size_t i) noexcept:
        """The last layer's result belongs to the caller, so that it is not saved; the input is, in memory that is used
        again, since a bit mask takes longer to make."""
        cdef Prepared prepared = <Prepared>self.prepared[i]
        if prepared.hidden == FA_SAVE_OUTPUT and i == self.count - 1:
            return FA_SAVE_INPUT
        return prepared.hidden

    cdef size_t lay_out(self, size_t rows, char *data, fa_dense *layers) noexcept:
        """Bytes for what `rows` rows keep. If `layers` is not NULL, results of hidden layers and what is saved are
        set to places in `data`."""
        cdef size_t i, used = 0, columns
        cdef int saving
        for i in range(self.count):
            columns = self.width(i + 1)
            saving = self.saving(i)
            if i < self.count - 1:
                if layers != NULL:
                    layers[i].y.data = data + used
                    layers[i].y.row = columns
                used += padded(rows * columns * self.size)
            if layers != NULL:
                layers[i].saving = saving
                layers[i].saved = layers[i].y
            if saving == FA_SAVE_INPUT:
                if layers != NULL:
                    layers[i].saved.data = data + used
                    layers[i].saved.row = columns
                used += padded(rows * columns * self.size)
            elif saving == FA_SAVE_NOTHING and layers != NULL:
                layers[i].saved.data = NULL
        return used

    cdef size_t header(self) noexcept:
        """Bytes at the start of a scratch block for the layers as C takes them, and their parameters."""
        return padded(self.count * (sizeof(fa_dense) + FA__MAX_PARAMS * sizeof(fa_input)))

    cdef size_t between(self, size_t rows) noexcept:
        """Bytes that follow, twice: for what is handed from layer to layer."""
        return padded(rows * self.widest * self.size)

    cdef Block begin(self, size_t rows, cnp.ndarray x, tuple parameters, size_t workspace):
        """A scratch block in which the layers are filled in, except for what they write."""
        cdef Block block = take(self.scratch, self.header() + 2 * self.between(rows) + workspace)
        cdef fa_dense *layers = <fa_dense *>block.data
        cdef fa_input *of = <fa_input *>(layers + self.count)
        cdef size_t i
        for i in range(self.count):
            begin_layer(&layers[i], <Prepared>self.prepared[i], self.number, rows, self.width(i), self.width(i + 1))
            set_input(&layers[i].w, <cnp.ndarray>self.weights[i], 2)
            if self.biases[i] is not None:
                layers[i].b.data = cnp.PyArray_DATA(<cnp.ndarray>self.biases[i])
                layers[i].b.column = 1
            if parameters is not None and parameters[i]:
                set_parameters(&layers[i], of + i * FA__MAX_PARAMS, <tuple>parameters[i])
        set_input(&layers[0].x, x, 2)
        return block

    cdef void connect(self, fa_dense *layers) noexcept:
        """Each layer reads the result of the one before it."""
        cdef size_t i
        for i in range(1, self.count):
            layers[i].x.data = layers[i - 1].y.data
            layers[i].x.row = layers[i - 1].y.row
            layers[i].x.column = 1

    cdef int execute(self, Block block, size_t rows, bint backward) except? -9:
        """C's answer; the workspace is what remains of the block."""
        cdef size_t used = self.header() + 2 * self.between(rows), count = self.count
        cdef fa_dense *layers = <fa_dense *>block.data
        cdef int answer, dtype = self.number == cnp.NPY_DOUBLE
        _core.apply_thread_limit()
        with nogil:
            answer = library.run[dtype](layers, count, backward, block.data + used, block.bytes_ - used)
        if answer != 0 and answer != FA_TOO_SMALL:
            raise RuntimeError(f"fastact.Network: the C function returned {answer}")
        return answer

    cdef size_t workspace(self, Block block, bint backward) noexcept:
        return library.workspace[self.number == cnp.NPY_DOUBLE](<fa_dense *>block.data, self.count, backward)

    cdef bint takes(self, object array, size_t rows, size_t i) noexcept:
        """Whether this is a plain matrix of the width of layer i's input. (Arrays can be reshaped in place.)"""
        return is_plain(array, 2, self.number) and has_sizes(array, rows, self.width(i))

    def forward(self, x, tuple parameters, bint keep):
        """(y, kept), kept being None unless it is wanted; None for an x that is not a plain matrix that fits."""
        if not is_plain(x, 2, self.number) or not self.takes(x, <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 0), 0):
            return None
        cdef size_t rows = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 0)
        cdef cnp.ndarray y = self.result(rows)
        cdef Kept kept = None
        if not keep:
            self.predict(<cnp.ndarray>x, parameters, y, rows)
            return y, None
        kept = Kept()
        kept.pool, kept.rows = self.free, rows
        kept.block = take(self.free, self.lay_out(rows, NULL, NULL))
        self.forward_rows(<cnp.ndarray>x, parameters, kept, y, 0, rows)
        return y, kept

    cdef int predict(self, cnp.ndarray x, tuple parameters, cnp.ndarray y, size_t rows) except -1:
        """Rows go through all layers some at a time, so that nothing as large as the batch is needed beside y."""
        cdef size_t step = max(<size_t>1, PART_BYTES // (self.widest * self.size + 1) // PART_ROWS) * PART_ROWS
        cdef size_t start = 0
        while rows - start >= 2 * step:
            self.forward_rows(x, parameters, None, y, start, step)
            start += step
        return self.forward_rows(x, parameters, None, y, start, rows - start)

    cdef cnp.ndarray result(self, size_t rows):
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = <cnp.npy_intp>rows, <cnp.npy_intp>self.width(self.count)
        return cnp.PyArray_EMPTY(2, shape, self.number, 0)

    cdef int forward_rows(self, cnp.ndarray x, tuple parameters, Kept kept, cnp.ndarray y, size_t start,
                          size_t rows) except -1:
        """Rows [start, start + rows) of y."""
        cdef size_t workspace = 0
        while True:
            block = self.begin(rows, x, parameters, workspace)
            self.set_forward(block, kept, y, start, rows)
            if self.execute(block, rows, False) == 0:
                break
            workspace = self.workspace(block, False)  # a first call, or other settings than before
        give_back(self.scratch, block)
        return 0

    cdef void set_forward(self, Block block, Kept kept, cnp.ndarray y, size_t start, size_t rows) noexcept:
        cdef fa_dense *layers = <fa_dense *>block.data
        cdef size_t i, last = self.count - 1
        if kept is not None:
            self.lay_out(rows, kept.block.data, layers)
        else:
            for i in range(last):
                layers[i].y.data = block.data + self.header() + (i % 2) * self.between(rows)
                layers[i].y.row = self.width(i + 1)
        set_result(&layers[last].y, y, 2)
        layers[0].x.data = <char *>layers[0].x.data + <ptrdiff_t>(start * self.size) * layers[0].x.row
        layers[last].y.data = <char *>layers[last].y.data + start * self.size * self.width(self.count)
        self.connect(layers)

    def backward(self, kept_, x, grad_y, tuple parameters, tuple gradients, bint need_dx, bint accumulate=False):
        """(dx, dw, db), in new arrays or in `gradients`, which have been checked; None for an x or grad_y that is
        not a plain matrix that fits, or what another network kept."""
        cdef size_t workspace = 0
        cdef Kept kept
        if type(kept_) is not Kept:
            return None
        kept = kept_
        if kept.block is None or kept.pool is not self.free:
            return None
        if not self.takes(x, kept.rows, 0) or not self.takes(grad_y, kept.rows, self.count):
            return None
        if gradients is None:
            gradients = ((like(x, self.number) if need_dx else None),
                         tuple([like(w, self.number) for w in self.weights]),
                         tuple([None if b is None else like(b, self.number) for b in self.biases]))
        dx, dw, db = gradients
        cdef Block zeros = self.zeros(kept.rows) if accumulate else None
        while True:
            block = self.begin(kept.rows, <cnp.ndarray>x, parameters, workspace)
            self.set_backward(block, kept, <cnp.ndarray>grad_y, dx, <tuple>dw, <tuple>db, zeros)
            if self.execute(block, kept.rows, True) == 0:
                break
            workspace = self.workspace(block, True)
        give_back(self.scratch, block)
        if zeros is not None:
            give_back(self.scratch, zeros)
        return gradients

    cdef Block zeros(self, size_t rows):
        """For dx of each layer but the first: C adds to these, too, where it adds to gradients."""
        cdef size_t bytes_ = self.count * self.between(rows)
        cdef Block block = take(self.scratch, bytes_)
        memset(block.data, 0, bytes_)
        return block

    cdef void set_backward(self, Block block, Kept kept, cnp.ndarray grad_y, dx, tuple dw, tuple db,
                           Block zeros) noexcept:
        cdef fa_dense *layers = <fa_dense *>block.data
        self.lay_out(kept.rows, kept.block.data, layers)
        self.connect(layers)
        self.connect_gradients(block, kept.rows, dw, db, zeros)
        set_input(&layers[self.count - 1].grad_y, grad_y, 2)
        if dx is not None:
            set_result(&layers[0].dx, <cnp.ndarray>dx, 2)

    cdef void connect_gradients(self, Block block, size_t rows, tuple dw, tuple db, Block zeros) noexcept:
        """Each layer reads the dx of the one after it."""
        cdef fa_dense *layers = <fa_dense *>block.data
        cdef size_t i
        for i in range(self.count):
            layers[i].accumulate = zeros is not None
            set_result(&layers[i].dw, <cnp.ndarray>dw[i], 2)
            if db[i] is not None:
                layers[i].db.data = cnp.PyArray_DATA(<cnp.ndarray>db[i])
            if i > 0:
                if zeros is None:
                    layers[i].dx.data = block.data + self.header() + (i % 2) * self.between(rows)
                else:
                    layers[i].dx.data = zeros.data + i * self.between(rows)
                layers[i].dx.row = self.width(i)
                layers[i - 1].grad_y.data = layers[i].dx.data
                layers[i - 1].grad_y.row = layers[i].dx.row
                layers[i - 1].grad_y.column = 1


cdef object like(object array, int number):
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(<cnp.ndarray>array), cnp.PyArray_DIMS(<cnp.ndarray>array), number, 0)
