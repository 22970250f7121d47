"""``NetworkCopies``: networks of one shape that are trained at once.

A step is one C call, in which a thread computes whole networks. Small networks are computed layer by layer,
as stacks of matrices; those with learned parameters, which C does not have in one call, one after the other.

Must not depend on how one network is computed.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, converted, is_container
from fastact.dense.functions import dense, dense_backward, dense_forward
from fastact.dense.network_layers import NetworkLayer, assign
from fastact.rowwise.copies import losses_of_copies
from fastact.training import files
from fastact.training.copies_in_c import as_target, copies_in_c, numbers_of_passes, outs_of
from fastact.training.copies_passes import CopiesPasses
from fastact.training.fitting import History, fit
from fastact.training.optimizer import Optimizer
from fastact.training.outputs import shares_of
from fastact.training.stacked_layers import layer_kind, share_statistics, stacked_layers, stacks_of
from fastact.training.steps import Steps

_NAME = "fastact.NetworkCopies"
_MANY = 32768  # products of numbers by one network; for fewer, many matrices at a time take less time


class NetworkCopies(CopiesPasses, Steps):
    """Networks of the same layers, each with parameters of its own, trained by the same calls.

    ``fastact.Network.create(..., copies=k)`` makes new ones.

    Parameters
    ----------
    networks : iterable of Network
        Of the same shapes, activations, norms, output and dtype, such as those of several seeds. Dropout may
        differ. Parameters and running statistics are copied.

    Attributes
    ----------
    parameters, gradients : ndarray, shape (k, number of parameters)
        Row c is what network c has.
    layers : tuple of NetworkLayer
        `w` of shape (k, i, o), `b` of shape (k, 1, o), and the arrays of `norm` and `activation` are views of
        `parameters`.
    optimizer : object or None
        As for :class:`Network`. Numbers of ``fastact.optim`` that are arrays of length k are those of each
        network; ``clip_norm`` is the limit of each network's norm in any case.

    Raises
    ------
    ValueError, TypeError
        For networks that differ in more than their parameters, for none at all, and for what is not a
        network.

    Notes
    -----
    Each network has the bits that it has when it is trained by itself, on any number of threads; one that
    diverges does no harm to others. ``nets[c]`` is a :class:`Network` with a copy of network c's parameters,
    and without an optimiser.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> nets = fa.Network.create([2, 8, 2], "tanh", output="softmax", copies=5)
    >>> nets.optimizer = fa.optim.Adam(lr=[0.01, 0.02, 0.05, 0.1, 0.2])
    >>> x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> for _ in range(100):
    ...     losses = nets.step(x, np.array([0, 1, 1, 0]))
    >>> losses.shape, nets.predict(x).shape, nets[int(losses.argmin())].predict(x).shape
    ((5,), (5, 4, 2), (4, 2))
    """

    __slots__ = (
        "__weakref__",
        "_drops",
        "_epochs",
        "_flat",
        "_in_one_call",
        "_kind",
        "_layers",
        "_lock",
        "_members",
        "_optimizer",
        "_options",
        "_outs_in_c",
        "_parameters",
        "_results",
        "_seeds",
        "_shape",
        "_targets",
        "_training_output",
        "_weights",
    )

    _name = _NAME

    def __init__(self, networks: Iterable[Any]) -> None:
        found = list(networks)
        _check(found)
        first = found[0]
        self._kind, self._training_output = type(first), first._training_output
        self._options = first._options._asdict()
        self._drops = any(network._drops for network in found)
        self._seeds = [network.seed for network in found]
        self._epochs = [network.epochs for network in found]
        self._parameters = np.stack([network._parameters for network in found])
        self._flat = np.zeros_like(self._parameters)
        targets = stacks_of(self._flat, first.layers)
        self._targets = [one.w for one in targets], [one.b for one in targets]
        self._outs_in_c = outs_of(targets)
        self._layers = stacked_layers(_NAME, self._parameters, first.layers)
        self._members: list[Any] = []  # the networks themselves, where they are computed one by one
        if any(network._trains_by_layer for network in found):
            places = zip(found, self._parameters, self._flat, strict=True)
            self._members = [network._placed(own, gradients) for network, own, gradients in places]
            share_statistics(self._layers, [member.layers for member in self._members])
            for member in self._members:
                member._find_steps()
        self._weights = sum(layer._w[0].size for layer in self._layers)
        self._in_one_call = copies_in_c(found, self._layers, self._parameters.shape[1])
        self._lock = threading.Lock()
        self._optimizer: Any = None
        self._shape: tuple[int, ...] = ()
        # of the last pass, for batches of that shape: memory of y, saved and dx of each layer
        self._results: list[tuple[Any, ...]] = []

    # Arrays ------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Array:
        """All weights and biases, by network; assigning stores values in place."""
        return self._parameters.view()

    @parameters.setter
    def parameters(self, value: Any) -> None:
        assign(_NAME, "parameters", self._parameters, value)

    @property
    def gradients(self) -> Array:
        """Gradients with respect to `parameters`; 0 before the first ones."""
        return self._flat.view()

    @property
    def layers(self) -> tuple[NetworkLayer, ...]:
        """The layers, in order."""
        return self._layers

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._parameters.dtype

    @property
    def output(self) -> str:
        """The output's name."""
        return str(self._training_output.name)

    # Passes ------------------------------------------------------------------------------------------

    def predict(self, x: Any) -> Array:
        """The results of all networks: inference.

        Parameters
        ----------
        x : array_like, shape (n, i) or (k, n, i)
            A batch for all networks, or one for each.

        Returns
        -------
        ndarray, shape (k, n, o)
        """
        if self._members:
            batches = self._of_each("predict", x)
            return np.stack([member.predict(own) for member, own in zip(self._members, batches, strict=True)])
        z, function = self._predict_last("predict", x), self._training_output.function
        return z if function is None else function(z)

    __call__ = predict

    def loss(self, x: Any, target: Any, sample_weight: Any = None) -> Array:
        """The loss of each network without gradients; arguments as for :meth:`step`."""
        if self._members:
            given = self._arguments("loss", x, target, sample_weight)
            losses = [member.loss(*own) for member, *own in zip(self._members, *given, strict=True)]
            return np.array(losses, self.dtype)
        return self._losses("loss", self._predict_last("loss", x), target, sample_weight)

    def _predict_last(self, method: str, x: Any) -> Array:
        h = self._batch(method, x)
        for layer in self._layers:
            h = dense(h, layer._w, layer._b, activation=layer.activation)
        return h

    def _differentiated(self, method: str, x: Any, target: Any, sample_weight: Any) -> tuple[Array, Array]:
        found = self._differentiated_in_c(method, x, target, sample_weight)
        if found is not None:
            return found, self._flat
        if self._members:
            return self._differentiated_one_by_one(method, x, target, sample_weight), self._flat
        h = self._batch(method, x)
        if self._shape != h.shape:
            self._shape, self._results = h.shape, [(None, None, None)] * len(self._layers)
        kept = []
        for layer, (y, earlier, _) in zip(self._layers, self._results, strict=True):
            inputs, memory = h, None if y is None else (y, earlier)
            h, saved = dense_forward(inputs, layer._w, layer._b, activation=layer.activation, out=memory)
            kept.append((inputs, h, saved))
        losses = self._losses(method, h, target, sample_weight)
        for i, (inputs, y, saved) in reversed([*enumerate(kept)]):
            out = (self._results[i][2], self._targets[0][i], self._targets[1][i])
            h = dense_backward(h, inputs, self._layers[i]._w, saved, need_dx=i > 0, out=out)[0]
            self._results[i] = y, saved, h
        return losses, self._flat

    def _differentiated_in_c(self, method: str, x: Any, target: Any, sample_weight: Any) -> Array | None:
        """The losses; None where C does not have all of it, or for a target that does not fit."""
        if self._in_one_call is None or is_container(target):
            return None
        batch, output, numbers = self._batch(method, x), self._training_output, None
        if not self._members and batch.shape[-2] * self._weights < _MANY:
            return None
        if batch.ndim == 3:
            batch = np.ascontiguousarray(batch)
        if self._drops:
            numbers = numbers_of_passes(self._members)
            if numbers is None:
                return None
        shares = None if sample_weight is None else self._shares(method, sample_weight, batch.shape[-2:-1])
        to, losses = as_target(target, output.of_classes, self.dtype), np.empty(len(self), self.dtype)
        if not self._in_one_call.differentiate_all(batch, to, shares, self._outs_in_c, losses, numbers):
            return None
        for member in self._members if self._drops else ():
            member.passes += member._drops
        return losses

    def _shares(self, method: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
        """Weights of samples over their sums, for all networks, or for each."""
        blame = f"{_NAME}.{method}"
        if np.ndim(sample_weight) < 2:
            return shares_of(blame, sample_weight, shape)
        each = self._each(blame, "sample_weight", sample_weight, 1)
        return np.stack([shares_of(blame, own, shape) for own in each])

    def _losses(self, method: str, z: Array, target: Any, sample_weight: Any) -> Array:
        """One for each network; their gradients take the place of z."""
        blame = f"{_NAME}.{method}"
        if sample_weight is None:
            found = losses_of_copies(self._training_output.loss, z, target)
            if found is not None:
                return found
        targets, weights = self._targets_of_each(blame, target, sample_weight)
        output, losses = self._training_output, np.empty(len(z), z.dtype)
        for c, each in enumerate(zip(z, targets, weights, strict=True)):
            losses[c] = output.value_and_gradient(blame, *each)[0]
        return losses

    def _targets_of_each(self, blame: str, target: Any, sample_weight: Any) -> tuple[Any, Any]:
        """The target of each network, and its weights of samples or None."""
        per_row = self._training_output.of_classes and np.asarray(target).dtype.kind in "iu"
        if sample_weight is None:
            weights = [None] * len(self)
        else:
            weights = self._each(blame, "sample_weight", sample_weight, 1)
        return self._each(blame, "target", target, 1 if per_row else 2), weights

    # Networks one after the other --------------------------------------------------------------------

    def _differentiated_one_by_one(self, method: str, x: Any, target: Any, sample_weight: Any) -> Array:
        """The losses; an error leaves the running statistics of all networks as they were."""
        given = self._arguments(method, x, target, sample_weight)
        losses = np.empty(len(self), self.dtype)
        with ExitStack() as unchanged:
            for member in self._members:
                unchanged.enter_context(member._unchanged_by_errors())
            for c, (member, *own) in enumerate(zip(self._members, *given, strict=True)):
                losses[c] = member._differentiated(method, *own)[0]
        return losses

    def _arguments(self, method: str, x: Any, target: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """The batch, the target and the weights of samples of each network."""
        return self._of_each(method, x), *self._targets_of_each(f"{_NAME}.{method}", target, sample_weight)

    def _of_each(self, method: str, x: Any) -> Any:
        """The batch of each network."""
        batch = self._batch(method, x)
        return batch if batch.ndim == 3 else [batch] * len(self)

    # Arguments ---------------------------------------------------------------------------------------

    def _each(self, blame: str, name: str, value: Any, ndim: int) -> Any:
        """One for each network: the same, or those along the first axis of an array with one axis more."""
        if is_container(value):
            raise TypeError(f"{blame}: {name} is of type {type(value).__name__}; expected a plain array")
        found = as_real(blame, name, value)
        if found.ndim <= ndim:
            return [found] * len(self)
        if len(found) != len(self):
            message = f"{blame}: {name} has shape {found.shape}"
            raise ValueError(f"{message}; expected {len(self)} along the first axis, one for each network")
        return found

    def _batch(self, method: str, x: Any) -> Array:
        blame, columns = f"{_NAME}.{method}", self._layers[0]._w.shape[1]
        if is_container(x):
            raise TypeError(f"{blame}: x is of type {type(x).__name__}; expected a plain array")
        found = as_real(blame, "x", x)
        if found.shape[-1:] != (columns,) or found.shape[:-2] not in ((), (len(self),)) or found.ndim < 2:
            message = f"{blame}: x has shape {found.shape}"
            raise ValueError(f"{message}; expected (n, {columns}) or ({len(self)}, n, {columns})")
        return found if found.dtype == self.dtype else converted(found, self.dtype)

    # Loops, files --------------------------------------------------------------------------------------

    def fit(self, x: Any, y: Any, **options: Any) -> History:
        """Train all networks for some epochs: each has the bits of :meth:`Network.fit` by itself.

        Parameters
        ----------
        x : array_like, shape (n, i)
            Samples, which all networks share. The order of each follows from its own seed.
        y : array_like, shape (n, ...)
            Their targets.
        **options
            As for :meth:`Network.fit`. With `patience` training stops when all networks would have stopped,
            and each has the parameters of its own best epoch.

        Returns
        -------
        History
            With arrays, which have one number for each network.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> x = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
        >>> nets = fa.Network.create([1, 16, 1], "tanh", copies=3)
        >>> nets.optimizer = fa.optim.Adam(lr=[0.02, 0.01, 0.0])
        >>> history = nets.fit(x, x**2, epochs=60, batch_size=20, progress=False)
        >>> history.loss[-1].shape, bool(history.loss[-1][0] < 1e-3)
        ((3,), True)
        """
        if not self._training_output.of_classes and np.ndim(y) == 1:
            y = np.reshape(y, (-1, 1))
        return fit(self, x, y, **options)

    def _orders(self) -> list[tuple[int, int]]:
        return [*zip(self._seeds, self._epochs, strict=True)]

    def _end_epoch(self) -> None:
        self._epochs = [epochs + 1 for epochs in self._epochs]

    def _running_statistics(self) -> list[Array]:
        """Those of all batch norms."""
        norms = [layer.norm for layer in self._layers if layer.norm is not None]
        return [a for norm in norms for a in (norm.running_mean, norm.running_var) if a is not None]

    def save(self, path: Any) -> None:
        """Write all networks and their optimiser to a file, as :meth:`Network.save` writes one."""
        files.write_copies("fastact.NetworkCopies.save", path, self)

    @classmethod
    def load(cls, path: Any) -> NetworkCopies:
        """The networks that :meth:`save` has written.

        Raises
        ------
        ValueError
            For another file.
        """
        from fastact.training.network import Network

        described, optimizer = files.read_copies("fastact.NetworkCopies.load", path)
        made = cls(Network._described(*one) for one in described)
        made._optimizer = optimizer
        return made

    # As a sequence, and copies -----------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._parameters)

    def _updated(self, optimizer: Any, gradients: Array) -> None:
        if isinstance(optimizer, Optimizer):
            optimizer.update(self._parameters, gradients, copies=len(self))
        else:
            optimizer.update(self._parameters, gradients)

    def __getitem__(self, index: int) -> Any:
        parameters, seed = self._parameters[index], self._seeds[index]
        if parameters.ndim != 1:
            raise TypeError(f"{_NAME}: index is {index!r}; expected an int")
        if self._members:
            made = copy.copy(self._members[index])
        else:
            layers = [
                (w[index], None if b is None else b[index], layer.activation)
                for layer in self._layers
                for w, b in [(layer._w, layer._b)]
            ]
            made = self._kind(layers, output=self.output, seed=seed, **self._options)
        made.epochs = self._epochs[index]
        return made

    def __iter__(self) -> Iterator[Any]:
        return (self[c] for c in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self)} copies of {self[0]!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),), copy.deepcopy(self._optimizer)

    def __setstate__(self, state: Any) -> None:
        self._optimizer = state


def _check(networks: list[Any]) -> None:
    if not networks:
        raise ValueError(f"{_NAME}: networks is empty; expected at least one")
    for network in networks:
        if not isinstance(network, Steps) or isinstance(network, NetworkCopies):
            raise TypeError(f"{_NAME}: a network is of type {type(network).__name__}; expected Network")
    kinds = [[network.output, network.dtype, *_kinds(network)] for network in networks]
    for number, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(f"{_NAME}: network {number} is {networks[number]!r}; expected {networks[0]!r}")


def _kinds(network: Any) -> list[Any]:
    """What layers of copies have in common: all but their parameters."""
    return [(layer_kind(layer), network._options.learn_activations) for layer in network.layers]
