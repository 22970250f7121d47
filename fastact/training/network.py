"""``Network``: dense layers one after the other that can be trained.

The passes are those of fastact.dense.network; new weights, outputs, files and loops are beside this module.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastact.arrays import Array
from fastact.dense.network import NetworkBase
from fastact.dense.network_layers import views_of
from fastact.health.monitor import diagnose
from fastact.health.report import Report
from fastact.training import files
from fastact.training.creation import new_layers
from fastact.training.fitting import fit
from fastact.training.outputs import Output, output_of
from fastact.training.steps import Steps


class Network(NetworkBase, Steps):
    """Dense layers one after the other: h_i = f_i(h_(i-1) @ w_i + b_i), all their gradients, and training.

    Parameters
    ----------
    layers : sequence of (w, b, activation)
        `w` of shape (i, o), `b` of shape (o,) or (1, o) or None, and an activation as for :func:`dense`.
        Each o is the next layer's i. All arrays are float32, or all float64; they are copied.
    output : str
        What is applied to the last layer's result, and the loss: ``"softmax"`` with
        ``softmax_cross_entropy``, ``"sigmoid"`` with ``sigmoid_binary_cross_entropy``, ``"identity"`` with
        ``mse``. Or the name of a loss: ``poisson`` has the exponential, others that are not named here have
        the identity. :meth:`forward` and :meth:`predict` return what the output gives, such as probabilities.
    seed : int or None
        Of the order of samples in :meth:`fit`. None: another one each time.

    Attributes
    ----------
    parameters, gradients : ndarray, shape (number of parameters,)
        All weights and biases in one array, layer by layer, w before b; and the gradients with respect to
        them from the last :meth:`loss_and_gradients` or :meth:`step`.
    layers : tuple of NetworkLayer
        Each has `w`, `b` and `activation`. `w` and `b` are views of `parameters`: ``net.layers[0].w -= step``
        and ``net.layers[0].w = array`` store values in place.
    optimizer : object or None
        With ``update(parameters, gradients)``, which changes the parameters in place. Its states belong to
        these parameters, so that each network needs its own.
    epochs : int
        How many epochs :meth:`fit` has made.

    Raises
    ------
    ValueError
        For shapes that do not fit, and an unknown activation or output.
    TypeError
        For arrays that are not all of one float dtype, and what is not an activation.

    Notes
    -----
    Results belong to the caller. What a pass needs otherwise is taken from a pool of the network's own, so
    that in the steady state a pass allocates its results only. Several threads may use one network at once,
    as long as none changes its parameters meanwhile. A pass is one C call, during which the GIL is released,
    unless an activation is composite, an object of your own, or has parameters that vary along the batch;
    then it goes layer by layer, with the same results.

    Training changes weights and biases. Parameters of activations, such as prelu's weight, stay as they are;
    ``backward(..., need_parameters=True)`` returns their gradients.

    ``copy.copy`` and ``copy.deepcopy`` copy the parameters and the optimiser. A shallow copy shares the
    activations, and with them arrays that are bound to these.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w1, w2 = np.full((3, 4), 0.5), np.full((4, 1), 0.25)
    >>> net = fa.Network([(w1, None, "relu"), (w2, np.zeros(1), None)])
    >>> y, saved = net.forward(np.ones((2, 3)))
    >>> y
    array([[1.5],
           [1.5]])
    >>> dx, dw, db = net.backward(np.ones((2, 1)), saved)
    >>> dx[0], dw[1].T, db[1]
    (array([0.5, 0.5, 0.5]), array([[3., 3., 3., 3.]]), array([2.]))
    >>> net.layers[1].w -= 0.1 * dw[1]
    >>> net.predict(np.ones((2, 3)))
    array([[-0.3],
           [-0.3]])
    """

    __slots__ = (
        "_flat",
        "_in_one_call",
        "_lock",
        "_optimizer",
        "_scalar",
        "_targets",
        "_training_output",
        "epochs",
        "seed",
    )

    def __init__(
        self, layers: Sequence[tuple[Any, Any, Any]], *, output: str = "identity", seed: int | None = 0
    ) -> None:
        found = output_of("fastact.Network", output)
        super().__init__(layers, found.function)
        self._training_output: Output = found
        is_known = self._uniform and found.name in ("softmax", "softmax_cross_entropy")
        self._in_one_call = self._passes if is_known else None
        self._scalar = self._parameters.dtype.type
        self._lock = threading.Lock()
        self._optimizer: Any = None
        self._flat: Array | None = None
        self._targets: tuple[Any, ...] = ()
        self.seed = _checked_seed("fastact.Network", seed)
        self.epochs = 0

    @classmethod
    def create(
        cls,
        widths: Sequence[int],
        activation: Any = "relu",
        *,
        output: str = "identity",
        init: str | Callable[..., Any] = "matched",
        dtype: Any = "float32",
        seed: int | None = 0,
    ) -> Network:
        """A network with new weights.

        Parameters
        ----------
        widths : sequence of int
            Columns of the input, of each hidden layer's result, and of the last layer's.
        activation : str, Activation, object or sequence
            Of all hidden layers. Or a sequence: one for each hidden layer, and maybe one for the last layer,
            which otherwise has none.
        output : str
            As for :class:`Network`.
        init : str or callable
            ``"matched"``: normal, of standard deviation gain/sqrt(fan_in), where a layer that reads an
            activation's output has the gain of that activation (``fastact.init.gain``), and the first layer
            has 1. Or the name of another distribution of ``fastact.init``, or a function that is called as
            ``init(shape, rng=rng, dtype=dtype)`` and returns w, or (w, b). Other biases are 0.
        dtype : dtype
            float32 or float64.
        seed : int or None
            Of the weights, and of the order of samples in :meth:`fit`. None: other ones each time.

        Raises
        ------
        ValueError, TypeError
            For an unknown activation, output or init, and one that has no gain.

        Examples
        --------
        >>> import fastact as fa
        >>> fa.Network.create([64, 128, 10], activation="gelu", output="softmax").parameters.shape
        (9610,)
        """
        blame = "fastact.Network.create"
        entropy = _checked_seed(blame, seed)
        layers = new_layers(blame, widths, activation, init, dtype, np.random.default_rng(entropy))
        output_of(blame, output)
        return cls(layers, output=output, seed=entropy)

    # Training ----------------------------------------------------------------------------------------

    @property
    def output(self) -> str:
        """The output's name."""
        return self._training_output.name

    @property
    def gradients(self) -> Array:
        """Gradients with respect to `parameters`, in the same order; 0 before the first ones."""
        return self._own_gradients().view()

    def loss(self, x: Any, target: Any, sample_weight: Any = None) -> np.floating[Any]:
        """The loss of a batch without its gradients: evaluation.

        Parameters
        ----------
        x, target, sample_weight
            As for :meth:`loss_and_gradients`.
        """
        output, z = self._training_output, self._predict_any(x)
        found = output.value_and_gradient("fastact.Network.loss", z, target, sample_weight)
        loss: np.floating[Any] = found[0]
        return loss

    fit = fit

    def diagnose(self, x: Any, target: Any = None, **options: Any) -> Report:
        """The health of the layers over a batch: what is wrong, and what to do about it.

        Parameters
        ----------
        x, target : array_like
            As for :meth:`step`. Without a target there are no gradients to look at.
        **options
            `grad_y` and `effective_rank` as for :class:`fastact.Health`, which counts over many batches;
            `learning_rate` and `thresholds` as for its method `report`.

        Returns
        -------
        Report
            With `findings` and `layers`; it can be printed and plotted.
        """
        return diagnose(self, x, target, **options)

    def _loss_gradient(self, blame: str, z: Array, target: Any) -> Array:
        """The gradient of the loss with respect to the last layer's result z, which it overwrites."""
        return self._training_output.value_and_gradient(blame, z, target, None)[1]

    # Files and copies --------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write the network and its optimiser to a file, in NumPy's .npz format without pickles.

        Training goes on from :meth:`load` with the same bits.

        Parameters
        ----------
        path : str or path-like
            Written as it is, without a suffix added; a file of that name is replaced when the new one is
            complete.

        Raises
        ------
        TypeError
            For activations and optimisers that are not fastact's: a pickle can hold these.
        """
        files.write("fastact.Network.save", path, self)

    @classmethod
    def load(cls, path: Any) -> Network:
        """The network that :meth:`save` has written.

        Raises
        ------
        ValueError
            For another file.
        """
        layers, output, state = files.read("fastact.Network.load", path)
        found = cls(layers, output=output)
        found.__setstate__(state)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"optimizer": copy.deepcopy(self._optimizer), "seed": self.seed, "epochs": self.epochs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._optimizer, self.seed, self.epochs = state["optimizer"], state["seed"], state["epochs"]

    def __reduce__(self) -> tuple[Any, ...]:
        layers = [tuple(layer) for layer in self._layers]
        return _rebuilt, (type(self), layers, self.output), self.__getstate__()

    def __repr__(self) -> str:
        output = "" if self.output == "identity" else f", output={self.output!r}"
        return f"fastact.Network([{', '.join(map(repr, self._layers))}], {self.dtype}{output})"

    # How ---------------------------------------------------------------------------------------------

    def _own_gradients(self) -> Array:
        if self._flat is None:
            flat = np.zeros_like(self._parameters)
            self._targets = views_of(flat, self._layers)
            self._flat = flat
        return self._flat

    def _differentiated(
        self, method: str, x: Any, target: Any, sample_weight: Any
    ) -> tuple[np.floating[Any], Array]:
        """The loss, and the network's gradients after they have been computed."""
        gradients = self._own_gradients()
        if self._in_one_call is not None and sample_weight is None:
            found = self._in_one_call.cross_entropy(x, target, None, self._targets)
            if found is not None:
                return self._scalar(found), gradients
        z, saved = self._forward_last(x)
        blame = f"fastact.Network.{method}"
        loss, delta = self._training_output.value_and_gradient(blame, z, target, sample_weight)
        self._backward_last(delta, saved, False, (None, *self._targets))
        return loss, gradients


def _checked_seed(blame: str, seed: Any) -> Any:
    """A seed as NumPy takes it; another one each time for None."""
    try:
        return np.random.SeedSequence(seed).entropy
    except (TypeError, ValueError):
        raise ValueError(f"{blame}: seed is {seed!r}; expected an integer of at least 0, or None") from None


def _rebuilt(kind: type[Network], layers: Any, output: str) -> Network:
    """The network that a pickle describes."""
    return kind(layers, output=output)
