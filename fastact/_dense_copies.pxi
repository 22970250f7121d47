# Steps of networks of one shape in one C call, but for the update. Part of _dense.pyx.
# Each thread computes whole networks, in memory that it uses for all of its own.


cdef class CopiesPasses(TrainingPasses):
    """Steps of networks of one shape. Arrays are those of the first network; those of the next ones follow.

    Parameters
    ----------
    prepared, weights, biases, rates, norms, loss
        As for TrainingPasses; `rates` has the largest of all networks.
    stride : int
        The number of parameters of a network: what is between arrays of one network and those of the next.
    own_rates : ndarray, shape (networks, layers)
        float64.
    seeds : ndarray, shape (networks,)
        uint64, of dropout.
    """

    cdef size_t stride, copies
    cdef cnp.ndarray own_rates, seeds

    def __init__(self, tuple prepared, tuple weights, tuple biases, tuple rates, tuple norms, size_t loss, size_t stride,
                 cnp.ndarray own_rates not None, cnp.ndarray seeds not None):
        TrainingPasses.__init__(self, prepared, weights, biases, rates, norms, loss)
        self.stride, self.own_rates, self.seeds = stride, own_rates, seeds
        self.copies = <size_t>cnp.PyArray_DIM(seeds, 0)

    cdef bint set_targets(self, fa_network_step *step, fa__copies *all_, target, size_t rows, places_t *places) noexcept:
        """As set_target, for a target that all share, or one with an axis more."""
        cdef bint is_own
        cdef cnp.ndarray of
        cdef size_t c, elements = rows * self.width(self.count)
        if self.of_labels and is_plain(target, 2, cnp.NPY_INT64):
            of = target
            if not has_sizes(of, self.copies, rows):
                return False
            step.labels, all_.target = places.labels, rows * sizeof(int64_t)
            for c in range(self.copies):
                if not self.copy_labels(<const char *>cnp.PyArray_DATA(of) + <ptrdiff_t>c * cnp.PyArray_STRIDE(of, 0),
                                        cnp.PyArray_STRIDE(of, 1), rows, places.labels + c * rows):
                    return False
            return True
        is_own = self.loss != FA_nll and is_plain(target, 3, self.number)
        if not is_own:
            return self.set_target(step, target, rows, places)
        of = target
        if not cnp.PyArray_ISCARRAY_RO(of) or <size_t>cnp.PyArray_DIM(of, 0) != self.copies:
            return False
        if <size_t>cnp.PyArray_DIM(of, 1) != rows or <size_t>cnp.PyArray_DIM(of, 2) != self.width(self.count):
            return False
        step.target = step.probabilities = cnp.PyArray_DATA(of)
        all_.target = elements * self.size
        return self.loss != FA_hinge or are_all_signs(of, self.copies * elements)

    cdef void set_all_weights(self, fa_network_step *step, fa__copies *all_, shares, size_t rows, places_t *places) noexcept:
        """Of all networks together, or of each: shares are None, or of shape (rows,) or (networks, rows)."""
        cdef size_t c, n = rows * (1 if self.of_labels else self.width(self.count))
        cdef bint is_own = shares is not None and cnp.PyArray_NDIM(<cnp.ndarray>shares) == 2
        cdef const double *given = <const double *>data_or_null(shares)
        if not self.of_labels and given == NULL:
            return
        step.weights, all_.weights = places.weights, n * sizeof(double) if is_own else 0
        for c in range(self.copies if is_own else 1):
            self.set_weights(given, rows, places.weights + c * n)
            given = given + rows if is_own else given

    cdef size_t rows_of(self, x) noexcept:
        """Of the batch of each network; 0 for what is not a plain array that fits."""
        cdef cnp.ndarray array
        if is_plain(x, 2, self.number):
            array = x
            return <size_t>cnp.PyArray_DIM(array, 0) if <size_t>cnp.PyArray_DIM(array, 1) == self.width(0) else 0
        if not is_plain(x, 3, self.number):
            return 0
        array = x
        if <size_t>cnp.PyArray_DIM(array, 0) != self.copies or <size_t>cnp.PyArray_DIM(array, 2) != self.width(0):
            return 0
        return <size_t>cnp.PyArray_DIM(array, 1)

    def differentiate_all(self, x, target, shares, tuple gradients, cnp.ndarray losses not None, cnp.ndarray numbers):
        """Store the losses of all networks, and their gradients, as `differentiate` does. False, and nothing is done, for
        arguments that are not plain arrays that fit. `numbers` are those of the passes, of uint64, below 2^32."""
        cdef Block kept
        cdef places_t places
        cdef fa_network_step step
        cdef fa__copies all_
        cdef fa__fenv caller
        cdef size_t rows = self.rows_of(x)
        cdef int answer = -1
        if rows == 0 or self.width(self.count) == 0:
            return False
        memset(&step, 0, sizeof(step))
        memset(&all_, 0, sizeof(all_))
        kept = take(self.free, self.lay_out_targets(rows, self.copies, NULL, &places))
        self.lay_out_targets(rows, self.copies, kept.data, &places)
        if self.set_targets(&step, &all_, target, rows, &places):
            caller = fa__enter_fenv()  # divisions are to nearest
            self.set_all_weights(&step, &all_, shares, rows, &places)
            fa__leave_fenv(caller)
            self.set_rest(&step, &all_, x, rows, &places, numbers)
            answer = self.run_all(&step, &all_, <cnp.ndarray>x, rows, gradients)
        if answer == 0:
            self.store_losses(places.losses, rows, losses)
        give_back(self.free, kept)
        return answer == 0

    cdef void set_rest(self, fa_network_step *step, fa__copies *all_, cnp.ndarray x, size_t rows, places_t *places,
                       cnp.ndarray numbers) noexcept:
        step.size, step.count, step.losses, step.loss = sizeof(step[0]), self.count, places.losses, self.loss
        all_.copies, all_.parameters = self.copies, self.stride * self.size
        all_.losses = rows * sizeof(double)
        all_.x = <size_t>cnp.PyArray_STRIDE(x, 0) if cnp.PyArray_NDIM(x) == 3 else 0
        if self.drops:
            step.dropout = self.rates
            all_.dropout = <const double *>cnp.PyArray_DATA(self.own_rates)
            all_.seeds = <const uint64_t *>cnp.PyArray_DATA(self.seeds)
            all_.numbers = <const size_t *>cnp.PyArray_DATA(numbers)

    cdef int run_all(self, fa_network_step *step, fa__copies *all_, cnp.ndarray x, size_t rows,
                     tuple gradients) except? -9:
        """C's answer. The memory of a thread: what Passes.begin fills in, the workspace, and what layers write."""
        cdef Block block
        cdef places_t places
        cdef size_t start = self.header() + 2 * self.between(rows), workspace = 0, before
        cdef size_t written = self.lay_out_step(rows, NULL, NULL, &places)
        cdef int answer
        _core.apply_thread_limit()
        all_.threads = min(library.threads(), self.copies)
        while True:
            before = padded(start + workspace)
            all_.memory = before + written
            block = self.begin(rows, x, None, all_.threads * all_.memory - start)
            self.lay_out_step(rows, block.data + before, <fa_dense *>block.data, &places)
            self.connect_step(block, rows, &places, gradients)
            step.layers, step.norms = <fa_dense *>block.data, self.norms_of(block) if self.has_norms else NULL
            all_.first.step, all_.first.dtype = step, self.number == cnp.NPY_DOUBLE
            all_.first.workspace, all_.first.bytes = block.data + start, workspace
            with nogil:
                answer = library.differentiate_copies(all_)
            if answer != FA_TOO_SMALL:
                break
            workspace = max(self.workspace(block, False), self.workspace(block, True))
        give_back(self.scratch, block)
        return answer

    cdef void store_losses(self, const double *of_rows, size_t rows, cnp.ndarray losses) noexcept:
        cdef fa__fenv caller = fa__enter_fenv()
        cdef double loss
        cdef size_t c
        for c in range(self.copies):
            loss = compensated_sum(of_rows + c * rows, <Py_ssize_t>rows) if self.of_labels else of_rows[c * rows]
            if self.number == cnp.NPY_DOUBLE:
                (<double *>cnp.PyArray_DATA(losses))[c] = loss
            else:
                (<float *>cnp.PyArray_DATA(losses))[c] = <float>loss
        fa__leave_fenv(caller)
