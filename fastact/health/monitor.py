"""``Health``: what the layers of a network do over batches, and ``diagnose``, the same for one batch.

Uses a network's `layers`, and the gradient of its loss. Must not depend on what is found wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, common_dtype, converted, is_container
from fastact.dense.functions import dense
from fastact.health.layer_health import LayerRecord, Passed
from fastact.health.report import Report
from fastact.health.statistics import forward_counting

_NAME = "fastact.Health"


class Health:
    """Health of a network over many batches: counters that are added to, merged, and reported.

    Parameters
    ----------
    network : Network
        Its parameters may change between batches; its layers may not.
    effective_rank : bool
        Whether to find the effective rank of each layer's output, which takes a matrix of units x units for
        each layer.

    Notes
    -----
    A health counts over all batches: a unit is dead if it is active in none of their samples. A unit that is
    inactive in one batch need not be dead, and the report has both shares.

    The network computes as in training, but drops no elements, and batch norms' running statistics stay as
    they are. A norm before an activation changes what that reads, and so what is counted; for one after it,
    `one_sidedness` and `effective_rank` are of the norm's result, which the next layer reads.

    Objects can be pickled and merged: count in several processes or over the blocks of a stream, and merge.
    Counts and extremes are then exactly those of one pass; sums differ by rounding only.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> rng = np.random.default_rng(0)
    >>> w1, w2 = fa.init.lecun((4, 8), rng=rng), fa.init.lecun((8, 2), fa.init.gain("relu"), rng=rng)
    >>> b = np.zeros(8)
    >>> b[:2] = -10  # two units that cannot be active
    >>> health = fa.Health(fa.Network([(w1, b, "relu"), (w2, None, None)], output="softmax"))
    >>> for _ in range(3):
    ...     health.update(rng.normal(size=(64, 4)), target=rng.integers(0, 2, 64))
    >>> report = health.report()
    >>> report.layers[0].dead_units
    array([0, 1])
    >>> [finding.kind for finding in report.findings]
    ['dead']
    """

    def __init__(self, network: Any, *, effective_rank: bool = False) -> None:
        self._network = network
        self._records = [LayerRecord(layer, effective_rank) for layer in network.layers]
        if not self._records:
            raise ValueError(f"{_NAME}: network has no layers")

    @property
    def network(self) -> Any:
        """The network."""
        return self._network

    @property
    def n(self) -> int:
        """Number of samples so far."""
        return self._records[0].n

    def update(self, x: Any, target: Any = None, *, grad_y: Any = None) -> None:
        """Count a batch.

        Parameters
        ----------
        x : array_like, shape (..., i)
            The batch.
        target : array_like, optional
            As for :meth:`Network.step`: gradients of the network's loss are counted, too.
        grad_y : array_like, optional
            Instead of `target`, the gradient of another loss with respect to the last layer's result.

        Raises
        ------
        ValueError, TypeError
            For shapes that do not fit, for `target` and `grad_y` together, and for gradients in some batches
            only.
        """
        if target is not None and grad_y is not None:
            raise ValueError(f"{_NAME}.update: target and grad_y are both given; expected one of them")
        records, network = self._records, self._network
        batch = self._matrix("x", x, network.layers[0].w.shape[0])
        passed: list[Passed] = []
        h = batch
        for layer in network.layers:
            passed.append(self._pass(layer, h, counting=target is None and grad_y is None))
            h = passed[-1].out
        gradient = None
        if target is not None:
            gradient = self._gradient(h, target, np.shape(x))
        elif grad_y is not None:
            gradient = self._matrix("grad_y", grad_y, h.shape[1])
            if gradient.shape != h.shape:
                message = f"{_NAME}.update: grad_y has {gradient.shape[0]} rows"
                raise ValueError(f"{message}; expected {h.shape[0]}, as x has")
        if self.n and (gradient is not None) != records[0].has_gradients:
            raise ValueError(f"{_NAME}.update: gradients in some batches only; expected in all or in none")
        for record, layer, arrays in reversed(list(zip(records, network.layers, passed, strict=True))):
            gradient = self._count(record, layer, arrays, gradient)

    def _pass(self, layer: Any, h: Array, *, counting: bool) -> Passed:
        """Through a layer; without gradients, which are counted with the rest, C counts meanwhile."""
        norm = layer.norm
        if counting and not norm and (found := forward_counting(h, layer.w, layer.b, layer.activation)):
            z, y, stats = found
            return Passed(h, z, z, y, y, stats)
        product = dense(h, layer.w, layer.b)
        z = self._network._normalised_apart(norm, product) if norm and not norm.after else product
        y = np.asarray(layer.activation(z), z.dtype)
        return Passed(
            h, product, z, y, self._network._normalised_apart(norm, y) if norm and norm.after else y
        )

    def _count(self, record: LayerRecord, layer: Any, arrays: Passed, gradient: Array | None) -> Array | None:
        """Count what a layer did; from the gradient with respect to its result to that with respect to its
        input."""
        norm = layer.norm
        if gradient is not None and norm and norm.after:
            gradient = self._network._before_norm(norm, gradient, arrays.y)
        delta = record.update(layer, arrays, gradient)
        if delta is None:
            return None
        if norm and not norm.after:
            delta = self._network._before_norm(norm, delta, arrays.product)
        record.count_gradient(dense(arrays.h.T, delta).astype(np.float64))
        return dense(delta, layer.w.T)

    def merge(self, other: Health) -> None:
        """Add what another one has counted, of the same network or of a copy.

        Raises
        ------
        TypeError, ValueError
            For another kind of object, and another network.
        """
        if not isinstance(other, Health):
            raise TypeError(f"{_NAME}.merge: other is of type {type(other).__name__}; expected Health")
        shapes = [[layer.w.shape for layer in health.network.layers] for health in (self, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{_NAME}.merge: other belongs to a network of another shape")
        merged = [a.merged(b) for a, b in zip(self._records, other._records, strict=True)]
        self._records = merged

    def report(
        self, *, learning_rate: float | None = None, thresholds: Mapping[str, float] | None = None
    ) -> Report:
        """What has been found so far.

        Parameters
        ----------
        learning_rate : float, optional
            To compare the step of plain gradient descent with the weights.
        thresholds : mapping of str to float, optional
            In place of some values of :data:`fastact.health.findings.THRESHOLDS`.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            If there is no batch yet, and for an unknown threshold.
        """
        if not self.n:
            raise ValueError(f"{_NAME}.report: no samples; expected update to be called first")
        pairs = list(zip(self._records, self._network.layers, strict=True))
        last = len(pairs) - 1
        layers = [r.layer_report(i, layer, i == last, learning_rate) for i, (r, layer) in enumerate(pairs)]
        return Report(layers, thresholds)

    def __repr__(self) -> str:
        return f"<health of a network of {len(self._records)} layers over {self.n} samples>"

    def _matrix(self, name: str, value: Any, columns: int) -> Array:
        if is_container(value):
            message = f"{_NAME}.update: {name} is of type {type(value).__name__}"
            raise TypeError(f"{message}; expected an array of NumPy's own")
        array = as_real(f"{_NAME}.update", name, value)
        if not array.ndim or array.shape[-1] != columns:
            message = f"{_NAME}.update: {name} has shape {array.shape}"
            raise ValueError(f"{message}; expected a last axis of {columns}")
        dtype = common_dtype([self._network.layers[0].w.dtype])
        return converted(array.reshape(-1, columns), dtype)

    def _gradient(self, y: Array, target: Any, shape: tuple[int, ...]) -> Array:
        """The gradient of the network's loss with respect to its last layer's result y; x has this shape."""
        target = np.asarray(target)
        lead = shape[:-1]
        if target.shape[: len(lead)] == lead:
            target = target.reshape(len(y), *target.shape[len(lead) :])
        found: Array = self._network._loss_gradient(f"{_NAME}.update", y.copy(), target)
        return found


def diagnose(
    network: Any,
    x: Any,
    target: Any = None,
    *,
    grad_y: Any = None,
    learning_rate: float | None = None,
    effective_rank: bool = False,
    thresholds: Mapping[str, float] | None = None,
) -> Report:
    """The report of :class:`Health` for one batch, with the arguments of its methods."""
    health = Health(network, effective_rank=effective_rank)
    health.update(x, target, grad_y=grad_y)
    return health.report(learning_rate=learning_rate, thresholds=thresholds)
