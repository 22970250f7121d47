# A step of a network's training in one C call, but for the update. Part of _dense.pyx.
# Which memory norms, losses and gradients use; arguments that do not fit are left to fastact.training.

from fastact_header cimport fa_network_norm

cdef extern from "fastact.h" nogil:
    enum: FA_identity, FA_hinge, FA_nll, FA_softmax_cross_entropy
    enum: FA_mse, FA_huber, FA_poisson, FA_kl_divergence, FA_sigmoid_binary_cross_entropy
    enum: FA_LAYER_NORM, FA_RMS_NORM, FA_BATCH_NORM

LOSSES = {"softmax_cross_entropy": FA_softmax_cross_entropy, "nll": FA_nll, "mse": FA_mse, "huber": FA_huber,
          "hinge": FA_hinge, "poisson": FA_poisson, "kl_divergence": FA_kl_divergence,
          "sigmoid_binary_cross_entropy": FA_sigmoid_binary_cross_entropy}
NORMS = {"layer": FA_LAYER_NORM, "rms": FA_RMS_NORM, "batch": FA_BATCH_NORM}


cdef struct places_t:
    # of one step, in a block
    char *last  # the product of the last layer
    char *norms  # between and y of each layer with a norm, and statistics
    double *losses
    double *weights
    int64_t *labels


cdef class Norm:
    """What follows the product of a layer: a norm, before or after the activation."""

    cdef int kind
    cdef bint after
    cdef double momentum, eps
    cdef cnp.ndarray weight, bias, running_mean, running_variance

    def __init__(self, str kind, bint after, double momentum, double eps, cnp.ndarray weight not None, cnp.ndarray bias,
                 cnp.ndarray running_mean, cnp.ndarray running_variance):
        """Arrays are contiguous, of the network's dtype, or None."""
        self.kind, self.after, self.momentum, self.eps = NORMS[kind], after, momentum, eps
        self.weight, self.bias = weight, bias
        self.running_mean, self.running_variance = running_mean, running_variance


cdef inline void *data_or_null(array) noexcept:
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)


cdef class TrainingPasses(Passes):
    """Steps of a network whose activations and loss C has.

    Parameters
    ----------
    prepared, weights, biases
        As for Passes. All parameters of activations are numbers.
    rates : tuple of float
        Of dropout.
    norms : tuple of Norm or None
        One for each layer.
    loss : int
        Its id.
    """

    cdef double *rates
    cdef tuple norms
    cdef bint drops, has_norms, of_labels
    cdef size_t loss

    def __init__(self, tuple prepared, tuple weights, tuple biases, tuple rates, tuple norms, size_t loss):
        Passes.__init__(self, prepared, weights, biases)
        self.rates = <double *>malloc(len(rates) * sizeof(double))
        if self.rates == NULL:
            raise MemoryError()
        for i, rate in enumerate(rates):
            self.rates[i] = rate
        self.norms, self.loss = norms, loss
        self.drops, self.has_norms = any(rates), any([norm is not None for norm in norms])
        self.of_labels = loss in (FA_softmax_cross_entropy, FA_nll)

    def __dealloc__(self):
        free(self.rates)

    cdef int saving(self, size_t i) noexcept:
        """A layer with a norm is its product alone. What dropout changes is not saved."""
        cdef int found = Passes.saving(self, i)
        if self.norms[i] is not None:
            return FA_SAVE_NOTHING
        return FA_SAVE_INPUT if found == FA_SAVE_OUTPUT and self.rates[i] > 0 else found

    # Memory ---------------------------------------------------------------------------------------

    cdef size_t norm_bytes(self, size_t i, size_t rows) noexcept:
        """Of one of both arrays, and of statistics."""
        return padded(rows * self.width(i + 1) * self.size)

    cdef size_t statistics_bytes(self, size_t i, size_t rows) noexcept:
        return padded(max(3 * rows, 5 * self.width(i + 1)) * sizeof(double))

    cdef size_t lay_out_step(self, size_t rows, char *data, fa_dense *layers, places_t *places) noexcept:
        """As lay_out, with places for the last product and for norms."""
        cdef size_t i, columns = self.width(self.count), used = self.lay_out(rows, data, layers)
        places.last = data + used
        used += padded(rows * columns * self.size)
        places.norms = data + used
        for i in range(self.count):
            if self.norms[i] is not None:
                used += 2 * self.norm_bytes(i, rows) + self.statistics_bytes(i, rows)
        return used

    cdef size_t lay_out_targets(self, size_t rows, size_t copies, char *data, places_t *places) noexcept:
        """Places for what is copied of targets and weights, and for losses, of so many networks."""
        cdef size_t used = padded(copies * rows * sizeof(double))
        places.losses = <double *>data
        places.weights = <double *>(data + used)
        used += padded(copies * rows * (1 if self.of_labels else self.width(self.count)) * sizeof(double))
        places.labels = <int64_t *>(data + used)
        return used + padded(copies * rows * sizeof(int64_t))

    cdef size_t header(self) noexcept:
        """As of Passes, and the norms."""
        return Passes.header(self) + padded(self.count * sizeof(fa_network_norm) if self.has_norms else 0)

    # Layers ---------------------------------------------------------------------------------------

    cdef void connect_step(self, Block block, size_t rows, places_t *places, tuple gradients) noexcept:
        """All that the layers read and write; gradients are dw, db, and the pairs of norms."""
        cdef fa_dense *layers = <fa_dense *>block.data
        cdef fa_dense *last = &layers[self.count - 1]
        cdef fa_network_norm *norms = self.norms_of(block)
        cdef size_t i, columns = self.width(self.count)
        last.y.data, last.y.row = places.last, columns
        self.connect(layers)
        self.connect_gradients(block, rows, <tuple>gradients[0], <tuple>gradients[1], None)
        last.grad_y.data, last.grad_y.row, last.grad_y.column = last.y.data, columns, 1
        if not self.has_norms:
            return
        cdef char *data = places.norms
        for i in range(self.count):
            memset(&norms[i], 0, sizeof(fa_network_norm))
            norms[i].size = sizeof(fa_network_norm)
            if self.norms[i] is None:
                continue
            self.set_norm(&norms[i], &layers[i], <Norm>self.norms[i], <tuple>(<tuple>gradients[2])[i])
            norms[i].between = data
            norms[i].y = data + self.norm_bytes(i, rows)
            norms[i].statistics = <double *>(data + 2 * self.norm_bytes(i, rows))
            data += 2 * self.norm_bytes(i, rows) + self.statistics_bytes(i, rows)
            if i + 1 < self.count:
                layers[i + 1].x.data = norms[i].y
            else:
                last.grad_y.data = norms[i].y

    cdef fa_network_norm *norms_of(self, Block block) noexcept:
        return <fa_network_norm *>(block.data + Passes.header(self))

    cdef void set_norm(self, fa_network_norm *to, fa_dense *layer, Norm norm, tuple gradients) noexcept:
        """The activation moves from the layer to the norm."""
        to.norm, to.after, to.momentum, to.eps = norm.kind, norm.after, norm.momentum, norm.eps
        to.activation, to.parameters, to.n_parameters = layer.activation, layer.parameters, layer.n_parameters
        layer.activation, layer.n_parameters = FA_identity, 0
        to.weight, to.bias = data_or_null(norm.weight), data_or_null(norm.bias)
        to.running_mean = data_or_null(norm.running_mean)
        to.running_variance = data_or_null(norm.running_variance)
        to.grad_weight, to.grad_bias = data_or_null(gradients[0]), data_or_null(gradients[1])

    # Targets --------------------------------------------------------------------------------------

    cdef bint set_target(self, fa_network_step *step, target, size_t rows, places_t *places) noexcept:
        """Whether it is a plain array that fits. Labels are copied: others may change them meanwhile."""
        cdef size_t columns = self.width(self.count)
        cdef bint one_axis = is_plain(target, 1, self.number) and columns == 1
        if self.of_labels and is_plain(target, 1, cnp.NPY_INT64):
            step.labels = places.labels
            return <size_t>cnp.PyArray_DIM(<cnp.ndarray>target, 0) == rows and self.copy_labels(
                <const char *>cnp.PyArray_DATA(<cnp.ndarray>target), cnp.PyArray_STRIDE(<cnp.ndarray>target, 0), rows,
                places.labels)
        if self.loss == FA_nll or not (one_axis or is_plain(target, 2, self.number)):
            return False
        if one_axis and self.of_labels or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>target):
            return False
        if <size_t>cnp.PyArray_DIM(<cnp.ndarray>target, 0) != rows:
            return False
        if not one_axis and not has_sizes(target, rows, columns):
            return False
        step.target = step.probabilities = cnp.PyArray_DATA(<cnp.ndarray>target)
        return self.loss != FA_hinge or are_all_signs(target, rows * columns)

    cdef bint copy_labels(self, const char *data, ptrdiff_t stride, size_t rows, int64_t *labels) noexcept:
        """Whether each is a column."""
        cdef size_t i, columns = self.width(self.count)
        cdef bint wrong = False
        for i in range(rows):
            labels[i] = (<const int64_t *>(data + <ptrdiff_t>i * stride))[0]
            wrong |= <size_t>labels[i] >= columns
        return not wrong

    cdef void set_weights(self, const double *given, size_t rows, double *weights) noexcept:
        """Of rows, or of elements, among which the weight of a row is divided; equal ones for NULL."""
        cdef size_t i, k, columns = 1 if self.of_labels else self.width(self.count)
        cdef double weight = 1.0 / rows
        for i in range(rows):
            if given != NULL:
                weight = given[i]
            if not self.of_labels:
                weight /= columns
            for k in range(columns):
                weights[i * columns + k] = weight

    # The step -------------------------------------------------------------------------------------

    def differentiate(self, x, target, shares, tuple gradients, uint64_t seed=0, size_t number=0):
        """The loss, whose gradients are stored in `gradients`: dw, db and pairs of norms, of contiguous arrays. None, and
        nothing is done, for arguments that are not plain arrays that fit. `shares` is None for a mean, or has the
        weight of each sample, of float64. Seed and number of the pass are those of dropout."""
        cdef Block block, kept
        cdef places_t places
        cdef fa_network_step step
        cdef size_t workspace = 0, rows, used
        cdef double loss = 0
        if not is_plain(x, 2, self.number):
            return None
        rows = <size_t>cnp.PyArray_DIM(<cnp.ndarray>x, 0)
        if rows == 0 or self.width(self.count) == 0 or not self.takes(x, rows, 0):
            return None
        memset(&step, 0, sizeof(step))
        used = self.lay_out_step(rows, NULL, NULL, &places)
        kept = take(self.free, used + self.lay_out_targets(rows, 1, NULL, &places))
        self.lay_out_targets(rows, 1, kept.data + used, &places)
        if not self.set_target(&step, target, rows, &places):
            give_back(self.free, kept)
            return None
        if self.of_labels or shares is not None:
            caller = fa__enter_fenv()  # divisions are to nearest
            self.set_weights(<const double *>data_or_null(shares), rows, places.weights)
            fa__leave_fenv(caller)
            step.weights = places.weights
        step.size, step.count, step.losses, step.loss = sizeof(step), self.count, places.losses, self.loss
        step.dropout, step.seed, step.number = self.rates if self.drops else NULL, seed, number
        while True:
            block = self.begin(rows, <cnp.ndarray>x, None, workspace)
            self.lay_out_step(rows, kept.data, <fa_dense *>block.data, &places)
            self.connect_step(block, rows, &places, gradients)
            answer = self.execute_step(block, rows, &step)
            if answer != FA_TOO_SMALL:
                break
            workspace = max(self.workspace(block, False), self.workspace(block, True))
        if answer == 0:
            caller = fa__enter_fenv()
            loss = compensated_sum(places.losses, <Py_ssize_t>rows) if self.of_labels else places.losses[0]
            fa__leave_fenv(caller)
        give_back(self.scratch, block)
        give_back(self.free, kept)
        return loss if answer == 0 else None

    cdef int execute_step(self, Block block, size_t rows, fa_network_step *step) except? -9:
        """C's answer, without an update."""
        cdef size_t used = self.header() + 2 * self.between(rows)
        cdef int answer, dtype = self.number == cnp.NPY_DOUBLE
        step.layers = <fa_dense *>block.data
        step.norms = self.norms_of(block) if self.has_norms else NULL
        _core.apply_thread_limit()
        with nogil:
            answer = library.step[dtype](step, block.data + used, block.bytes_ - used)
        return answer


cdef bint are_all_signs(cnp.ndarray target, size_t n) noexcept:
    """Whether each element is -1 or 1."""
    cdef size_t i
    cdef const double *wide = <const double *>cnp.PyArray_DATA(target)
    cdef const float *narrow = <const float *>cnp.PyArray_DATA(target)
    cdef bint is_wide = cnp.PyArray_TYPE(target) == cnp.NPY_DOUBLE
    cdef double value
    for i in range(n):
        value = wide[i] if is_wide else narrow[i]
        if value != 1 and value != -1 and value == value:
            return False
    return True
