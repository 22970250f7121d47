"""``Network``: dense layers one after the other that can be trained.

The passes are those of fastact.dense.network; new weights, outputs, files and loops are beside this module.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from fastact.arrays import Array, is_container
from fastact.dense.network_layers import LayerArrays, listed, views_of
from fastact.health.monitor import diagnose
from fastact.health.report import Report
from fastact.training import files
from fastact.training.copies import NetworkCopies
from fastact.training.creation import checked_seed, checked_widths, new_layers, of_copies
from fastact.training.fitting import fit
from fastact.training.layer_passes import LayerPasses
from fastact.training.options import Options, options_of
from fastact.training.outputs import Output, output_of, shares_of
from fastact.training.steps import Steps


class Network(LayerPasses, Steps):
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
    norm : str or sequence, optional
        Normalisation in all hidden layers: ``"batch"``, ``"layer"`` or ``"rms"``, as ``fastact.batch_norm``
        and its like compute it. Or a sequence: one for each hidden layer, and maybe one for the last layer.
    norm_after : bool
        Whether it follows the activation; it precedes it otherwise, and reads ``h @ w + b``.
    dropout : float or sequence
        The probability with which an element of a hidden layer's result is dropped in training. Or a
        sequence, as for `norm`.
    learn_activations : bool
        Whether learned parameters of activations, such as prelu's weight, are trained. They are copied then,
        each to an array, of shape () where a number is given.
    seed : int or None
        Of dropout, and of the order of samples in :meth:`fit`. None: another one each time.

    Attributes
    ----------
    parameters, gradients : ndarray, shape (number of parameters,)
        All parameters in one array, layer by layer: w, b, weight and bias of the norm, learned parameters of
        the activation. And the gradients with respect to them from the last :meth:`loss_and_gradients` or
        :meth:`step`.
    layers : tuple of NetworkLayer
        Each has `w`, `b`, `activation` and `norm`. Their arrays are views of `parameters`:
        ``net.layers[0].w -= step`` and ``net.layers[0].w = array`` store values in place.
    optimizer : object or None
        With ``update(parameters, gradients)``, which changes the parameters in place. Its states belong to
        these parameters, so that each network needs its own.
    epochs : int
        How many epochs :meth:`fit` has made.
    passes : int
        How many passes of training there were: of :meth:`forward`, :meth:`loss_and_gradients` and
        :meth:`step`, where there is dropout. Layer i keeps the elements
        ``fastact.dropout.mask(shape, p, seed=net.seed, step=net.passes, layer=i)`` in the next one.

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
    as long as none changes its parameters meanwhile, as :meth:`forward` does with a batch norm's running
    statistics. A pass is one C call, during which the GIL is released, unless an activation is composite, an
    object of your own, or has parameters that vary along the batch. :meth:`step` is one C call with norms and
    dropout, too, unless activations have parameters that are learned or arrays; other passes with these go
    layer by layer, with the same results.

    :meth:`forward` is training: batch norms have the statistics of the batch, and elements are dropped.
    :meth:`predict` is evaluation. ``backward(..., need_parameters=True)`` also returns the gradients of
    learned parameters, and of ``norm_weight`` and ``norm_bias``.

    ``copy.copy`` and ``copy.deepcopy`` copy the parameters and the optimiser. A shallow copy shares other
    arrays that are bound to activations.

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
        "_options",
        "_outs_in_c",
        "_scalar",
        "_targets",
        "_training_output",
        "_trains_by_layer",
    )

    def __init__(
        self,
        layers: Sequence[tuple[Any, Any, Any]],
        *,
        output: str = "identity",
        norm: Any = None,
        norm_after: bool = False,
        dropout: Any = 0.0,
        learn_activations: bool = True,
        seed: int | None = 0,
    ) -> None:
        blame, given = "fastact.Network", listed(layers)
        options = options_of(blame, len(given), norm, norm_after, dropout, learn_activations)
        self._build(given, output_of(blame, output), options, seed)

    def _build(
        self,
        layers: Sequence[tuple[Any, Any, Any]],
        output: Output,
        options: Options,
        seed: Any,
        memory: Array | None = None,
    ) -> None:
        """What the constructor does, once its arguments are checked; parameters may be given a place."""
        self._training_output, self._options = output, options
        self._rates, self._drops = options.dropout, any(options.dropout)
        has_more = any(options.norm) or self._drops
        super().__init__(
            layers,
            output.function,
            by_layer=any(options.norm),
            trains_by_layer=self._drops,
            norms=options.norm,
            norm_after=options.norm_after,
            learns=options.learn_activations,
            memory=memory,
        )
        self._trains_by_layer = has_more or any(layer._arrays.learned for layer in self._layers)
        self._find_steps()
        self._scalar = self._parameters.dtype.type
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._optimizer: Any = None
        self._flat: Array | None = None
        self._targets: tuple[LayerArrays, ...] = ()
        self._outs_in_c: tuple[Any, ...] = ()
        self.seed = checked_seed("fastact.Network", seed)
        self.epochs = self.passes = 0

    @overload
    @classmethod
    def create(
        cls, widths: Sequence[int], activation: Any = ..., *, copies: None = ..., **options: Any
    ) -> Network: ...

    @overload
    @classmethod
    def create(
        cls, widths: Sequence[int], activation: Any = ..., *, copies: int, **options: Any
    ) -> NetworkCopies: ...

    @classmethod  # type: ignore[misc]
    def create(  # noqa: D102 - its docstring follows
        cls,
        widths: Sequence[int],
        activation: Any = "relu",
        *,
        output: str = "identity",
        init: str | Callable[..., Any] = "matched",
        norm: Any = None,
        norm_after: bool = False,
        dropout: Any = 0.0,
        learn_activations: bool = True,
        copies: int | None = None,
        dtype: Any = "float32",
        seed: Any = 0,
    ) -> Network | NetworkCopies:
        if copies is not None:
            options = {"output": output, "init": init, "norm": norm, "norm_after": norm_after, "dtype": dtype}
            options["learn_activations"] = learn_activations
            each = of_copies("fastact.Network.create", copies, dropout, seed)
            return NetworkCopies(cls.create(widths, activation, **options, **own) for own in each)
        blame = "fastact.Network.create"
        entropy = checked_seed(blame, seed)
        sizes, rng = checked_widths(blame, widths), np.random.default_rng(entropy)
        checked = options_of(blame, len(sizes) - 1, norm, norm_after, dropout, learn_activations)
        layers = new_layers(blame, sizes, activation, init, dtype, rng, checked)
        made = cls.__new__(cls)
        made._build(layers, output_of(blame, output), checked, entropy)
        return made

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
        return cls._described(*files.read("fastact.Network.load", path))

    @classmethod
    def _described(cls, layers: Any, output: str, options: Any, state: Any) -> Network:
        return _rebuilt(cls, layers, output, options, state)

    def __getstate__(self) -> dict[str, Any]:
        norms = [layer.norm and layer.norm.arrays() for layer in self._layers]
        return {
            "optimizer": copy.deepcopy(self._optimizer),
            "seed": self.seed,
            "epochs": self.epochs,
            "passes": self.passes,
            "norms": [one and {name: array.copy() for name, array in one.items()} for one in norms],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._optimizer, self.seed = state["optimizer"], state["seed"]
        self.epochs, self.passes = state["epochs"], state["passes"]
        for layer, arrays in zip(self._layers, state["norms"], strict=True):
            for name, array in (layer.norm.arrays() if layer.norm else {}).items():
                array[...] = arrays[name]

    def __reduce__(self) -> tuple[Any, ...]:
        layers = [tuple(layer) for layer in self._layers]
        return _rebuilt, (type(self), layers, self.output, self._options._asdict()), self.__getstate__()

    def __repr__(self) -> str:
        output = "" if self.output == "identity" else f", output={self.output!r}"
        dropout = f", dropout={list(self._rates)}" if any(self._rates) else ""
        return f"fastact.Network([{', '.join(map(repr, self._layers))}], {self.dtype}{output}{dropout})"

    # How ---------------------------------------------------------------------------------------------

    def _find_steps(self) -> None:
        """What steps in one C call, where C has all of it, with the arrays as they are."""
        self._in_one_call = self._steps_of(self._training_output.loss_name)

    def _own_gradients(self) -> Array:
        if self._flat is None:
            self._place_gradients(np.zeros_like(self._parameters))
        assert self._flat is not None
        return self._flat

    def _place_gradients(self, flat: Array) -> None:
        """Where gradients are stored."""
        self._targets = views_of(flat, [layer._arrays for layer in self._layers])
        listed = [(one.w, one.b, (one.norm_weight, one.norm_bias)) for one in self._targets]
        self._outs_in_c = tuple(zip(*listed, strict=True))
        self._flat = flat

    def _differentiated(
        self, method: str, x: Any, target: Any, sample_weight: Any
    ) -> tuple[np.floating[Any], Array]:
        """The loss, and the network's gradients after they have been computed."""
        gradients = self._own_gradients()
        blame = f"fastact.Network.{method}"
        if self._in_one_call is not None and isinstance(x, np.ndarray):
            shares = None if sample_weight is None else shares_of(blame, sample_weight, x.shape[:-1])
            place = (self.seed % 2**64, self.passes) if self._drops else ()
            found = self._in_one_call.differentiate(x, target, shares, self._outs_in_c, *place)
            if found is not None:
                self.passes += self._drops
                return self._scalar(found), gradients
        if self._trains_by_layer:
            return self._differentiated_by_layer(blame, x, target, sample_weight), gradients
        z, saved = self._forward_last(x)
        loss, delta = self._training_output.value_and_gradient(blame, z, target, sample_weight)
        self._backward_last(delta, saved, False, (None, *self._outs_in_c[:2]))
        return loss, gradients

    def _differentiated_by_layer(self, blame: str, x: Any, target: Any, sample_weight: Any) -> Any:
        """The loss, with gradients layer by layer."""
        batch = self._batch(blame.rpartition(".")[2], x)
        if is_container(batch):
            raise TypeError(f"{blame}: x is of type {type(x).__name__}; expected a plain array")
        with self._unchanged_by_errors():
            y, saved = self._forward_by_layer(batch.reshape(-1, batch.shape[-1]))
            z = y.reshape(*batch.shape[:-1], y.shape[1])
            loss, delta = self._training_output.value_and_gradient(blame, z, target, sample_weight)
        self._store_gradients(delta.reshape(y.shape), saved._kept, self._targets)
        return loss

    def _placed(self, parameters: Array, gradients: Array) -> Network:
        """A copy without an optimiser, whose parameters and gradients have these places."""
        made = type(self).__new__(type(self))
        layers = [tuple(layer) for layer in self._layers]
        made._build(layers, self._training_output, self._options, self.seed, parameters)
        made.__setstate__({**self.__getstate__(), "optimizer": None})
        made._place_gradients(gradients)
        return made


_CREATE = """A network with new weights.

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
    activation's output has the gain of that activation (``fastact.init.gain``); the first layer, and
    one that reads a norm's output, have 1. Or the name of another distribution of ``fastact.init``,
    or a function that is called as ``init(shape, rng=rng, dtype=dtype)`` and returns w, or (w, b).
    Other biases are 0.
norm, norm_after, dropout, learn_activations
    As for :class:`Network`.
copies : int, optional
    Create that many networks, which are trained at once. `dropout` may then be an array with one
    number for each copy, or one of shape (copies, number of hidden layers).
dtype : dtype
    float32 or float64.
seed : int, array_like or None
    Of the weights, of dropout, and of the order of samples in :meth:`fit`. None: other ones each
    time. Copies have the seeds `seed`, `seed` + 1, ..., or those of an array.

Returns
-------
Network, or NetworkCopies where `copies` is given

Raises
------
ValueError, TypeError
    For an unknown activation, output or init, and one that has no gain.

Examples
--------
>>> import fastact as fa
>>> fa.Network.create([64, 128, 10], activation="gelu", output="softmax").parameters.shape
(9610,)
>>> fa.Network.create([64, 128, 10], output="softmax", copies=5).parameters.shape
(5, 9610)
"""
Network.create.__func__.__doc__ = _CREATE  # type: ignore[attr-defined]


def _rebuilt(
    kind: type[Network], layers: Any, output: str, options: dict[str, Any], state: Any = None
) -> Network:
    """The network that a pickle or a file describes."""
    found = kind(layers, output=output, **options)
    if state is not None:
        found.__setstate__(state)
    return found
