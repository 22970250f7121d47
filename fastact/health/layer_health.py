"""One layer of a network: what is counted of it, and what follows from the counts.

Must not judge: see findings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastact.activations.base import Activation
from fastact.activations.parameters import is_number
from fastact.arrays import Array
from fastact.health.saturation import Saturation
from fastact.health.statistics import Statistics, health

DORMANT = 0.025
"""A unit is dormant whose mean magnitude is at most this share of its layer's mean: Sokar et al. (2023), the
dormant neuron phenomenon, arXiv:2302.12902."""

_POINTS = np.linspace(-8, 8, 4097)  # more than 8 standard deviations do not count
_WEIGHTS = np.exp(-(_POINTS**2) / 2) / np.exp(-(_POINTS**2) / 2).sum()


@dataclass(frozen=True)
class LayerReport:
    """What a layer did, and how its gradients fared. Shares are between 0 and 1; None where nothing is known.

    Attributes
    ----------
    number : int
        From 0, in the order of the layers.
    activation : str
        Its description.
    is_last : bool
        Whether its output is that of the network.
    has_slope : bool
        False where f' is 0 everywhere by definition, as that of step: no gradient passes.
    stats : Statistics
        By unit.
    dead_units : ndarray of int
        Units that were active in no sample. None are where f' is 0 everywhere by definition.
    dead, dead_in_batch : float
        Share of these units; and of units that were inactive in a batch, on average.
    dormant : float
        Share of units whose mean magnitude is at most 0.025 of the layer's mean.
    saturated : float
        Share of saturated samples, above what normal inputs of variance 1 have: 0 for those, 1 if all are.
    sparsity : float
        Share of outputs that are 0.
    one_sidedness : float
        The square of the mean output over the mean square, both summed over units, above what normal inputs
        of variance 1 have.
    input_second_moment : float
        Mean square of the activation's inputs; 1 where initial weights fit the activation.
    non_finite : int
        Infinite and NaN inputs and outputs, gradients included.
    effective_rank : float or None
        The exponential of the entropy of the eigenvalues of the mean of h h^T, h the output.
    weight_norm : float
        Of w.
    gradient_norm : float or None
        Of the gradient with respect to w: root mean square over batches.
    zero_gradients : float or None
        Share of exact zeros in that gradient.
    update_ratio : float or None
        learning_rate * gradient_norm / weight_norm.
    """

    number: int
    activation: str
    is_last: bool
    has_slope: bool
    stats: Statistics
    dead_units: NDArray[np.int64]
    dead: float
    dead_in_batch: float
    dormant: float
    saturated: float
    sparsity: float
    one_sidedness: float
    input_second_moment: float
    non_finite: int
    effective_rank: float | None
    weight_norm: float
    gradient_norm: float | None
    zero_gradients: float | None
    update_ratio: float | None

    @property
    def units(self) -> int:
        """Number of units."""
        return self.stats.units

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists; without what belongs to single units, but for dead_units."""
        listed = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "stats"}
        return {**listed, "dead_units": self.dead_units.tolist(), "units": self.units, "n": self.stats.n}


class Passed(NamedTuple):
    """What passes through a layer: its input h, the product h @ w + b, what its activation reads and gives,
    and its result. A norm makes z of the product, or the result of y; others are the same. And the statistics
    of its units, where they are known."""

    h: Array
    product: Array
    z: Array
    y: Array
    out: Array
    stats: Statistics | None = None


class LayerRecord:
    """The counters of one layer."""

    def __init__(self, layer: Any, effective_rank: bool) -> None:
        units = layer.w.shape[1]
        self.stats: Statistics | None = None
        self.inputs: Statistics | None = None  # of the activation
        self.outputs: Statistics | None = None  # of a norm that follows it
        self.batches = 0
        self.inactive = 0  # units without an active sample in a batch, summed over batches
        self.gradient_squares = 0.0  # squared norms of dw, summed over batches
        self.gradient_zeros = 0
        self.non_finite_gradients = 0
        self.products: NDArray[np.float64] | None = np.zeros((units, units)) if effective_rank else None

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.stats.n if self.stats else 0

    @property
    def has_gradients(self) -> bool:
        """Whether gradients have been counted."""
        return self.stats is not None and self.stats.has_gradients

    def update(self, layer: Any, arrays: Passed, grad_y: Array | None) -> Array | None:
        """Count a batch; returns the gradient with respect to z from that with respect to y."""
        z, out = arrays.z, arrays.out
        found = arrays.stats or health(z, layer.activation, arrays.y, grad_y)
        self.stats = _sum(self.stats, found)
        self.inputs = _sum(self.inputs, health(z, "identity"))
        if out is not arrays.y:
            self.outputs = _sum(self.outputs, health(out, "identity"))
        self.batches += 1
        self.inactive += int(((found.active == 0) & (found.counted > 0)).sum())
        if self.products is not None:
            wide = np.where(np.isfinite(out), out, 0).astype(np.float64)
            self.products += wide.T @ wide
        return None if grad_y is None else _backward(layer.activation, grad_y, z)

    def count_gradient(self, dw: NDArray[np.float64]) -> None:
        """Count the gradient with respect to w."""
        finite = np.isfinite(dw)
        self.non_finite_gradients += int(dw.size - finite.sum())
        self.gradient_zeros += int((dw == 0).sum())
        with np.errstate(under="ignore", over="ignore"):
            self.gradient_squares += float(np.square(dw[finite]).sum())

    def merged(self, other: LayerRecord) -> LayerRecord:
        """The counters of both."""
        made = object.__new__(LayerRecord)
        made.stats = _sum(self.stats, other.stats)
        made.inputs = _sum(self.inputs, other.inputs)
        made.outputs = _sum(self.outputs, other.outputs)
        made.products = _sum(self.products, other.products)
        for name in (
            "batches",
            "inactive",
            "gradient_squares",
            "gradient_zeros",
            "non_finite_gradients",
        ):
            setattr(made, name, getattr(self, name) + getattr(other, name))
        return made

    def layer_report(
        self, number: int, layer: Any, is_last: bool, learning_rate: float | None
    ) -> LayerReport:
        """What follows from the counters."""
        stats, inputs = self.stats, self.inputs
        assert stats is not None
        assert inputs is not None
        dead = _dead_units(stats)
        norm = math.sqrt(self.gradient_squares / self.batches) if stats.has_gradients else None
        weight_norm = float(np.linalg.norm(layer.w.astype(np.float64)))
        ratio = None
        if norm is not None and learning_rate is not None and weight_norm:
            ratio = learning_rate * norm / weight_norm
        has_slope = bool((stats.saturation.supremum != 0).any())
        with np.errstate(all="ignore"):
            total = max(int(stats.counted.sum()), 1)
            return LayerReport(
                number=number,
                activation=str(getattr(layer.activation, "described", layer.activation.__repr__)()),
                is_last=is_last,
                has_slope=has_slope,
                stats=stats,
                dead_units=dead,
                dead=dead.size / max(stats.units, 1),
                dead_in_batch=self.inactive / (self.batches * max(stats.units, 1)) if has_slope else 0.0,
                dormant=_dormant(stats),
                saturated=_above(stats.saturated.sum() / total, _expected_saturation(stats.saturation)),
                sparsity=float(stats.zeros.sum() / total),
                one_sidedness=_one_sidedness(layer, stats if self.outputs is None else self.outputs),
                input_second_moment=_mean_of_known(inputs.second_moment),
                non_finite=int(stats.non_finite.sum()) + self.non_finite_gradients,
                effective_rank=None if self.products is None else _effective_rank(self.products),
                weight_norm=weight_norm,
                gradient_norm=norm,
                zero_gradients=None if norm is None else self.gradient_zeros / (self.batches * layer.w.size),
                update_ratio=ratio,
            )


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _backward(activation: Any, grad_y: Array, z: Array) -> Array:
    if isinstance(activation, Activation):
        return np.asarray(activation.backward(grad_y, z), z.dtype)
    slope = np.asarray(activation.derivative(z), z.dtype)
    return np.where(slope == 0, 0, grad_y * slope)


def _mean_of_known(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


# By unit ------------------------------------------------------------------------------------------


def _dead_units(stats: Statistics) -> NDArray[np.int64]:
    inactive = (stats.active == 0) & (stats.counted > 0) & (stats.saturation.supremum != 0)
    return np.flatnonzero(inactive)


def _dormant(stats: Statistics) -> float:
    magnitude = stats.mean_magnitude
    known = magnitude[np.isfinite(magnitude)]
    if not known.size or not known.mean():
        return 1.0 if known.size else 0.0
    return float((known <= DORMANT * known.mean()).mean())


def _mean_share(stats: Statistics) -> float:
    counted = stats.counted > 0
    second = stats.second_moment[counted].sum()
    return float(np.square(stats.mean[counted]).sum() / second) if second and np.isfinite(second) else 0.0


def _effective_rank(products: NDArray[np.float64]) -> float:
    eigenvalues = np.maximum(np.linalg.eigvalsh(products), 0)
    if not eigenvalues.sum() > 0:
        return 0.0
    p = eigenvalues[eigenvalues > 0] / eigenvalues.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


# What normal inputs give ----------------------------------------------------------------------------


def _above(measured: float, expected: float) -> float:
    """0 for what is expected or less, 1 for all."""
    return float(max(0.0, measured - expected) / (1 - expected)) if expected < 1 else 0.0


def _expected_saturation(limits: Saturation) -> float:
    """The share of normal inputs of variance 1 beyond the limits, on average over units."""
    return float(
        np.mean(
            [
                (math.erfc(-low / math.sqrt(2)) + math.erfc(high / math.sqrt(2))) / 2
                for low, high in zip(limits.low, limits.high, strict=True)
            ]
        )
    )


def _one_sidedness(layer: Any, outputs: Statistics) -> float:
    """Above what normal inputs have. A norm that follows removes the mean, but for an RMS norm."""
    centred = layer.norm is not None and layer.norm.after and layer.norm.kind != "rms"
    return _above(_mean_share(outputs), 0.0 if centred else _expected_mean_share(layer.activation))


def _expected_mean_share(activation: Any) -> float:
    """E[f]^2 / E[f^2] for normal inputs of variance 1, summed over units where they differ."""
    numbers = isinstance(activation, Activation) and all(
        is_number(value) for value in activation.parameters.values()
    )
    return _cached_mean_share(activation) if numbers else _found_mean_share(activation)


@lru_cache(256)
def _cached_mean_share(activation: Any) -> float:
    return _found_mean_share(activation)


def _found_mean_share(activation: Any) -> float:
    units = getattr(activation, "units", None)
    if units is None and isinstance(activation, Activation):
        shape = activation.shape_of_parameters()
        if np.prod(shape[:-1], dtype=int) != 1:
            return 0.0  # parameters vary along the batch
        units = shape[-1] if shape else 1
    values = np.asarray(activation(np.repeat(_POINTS[:, None], units or 1, axis=1)), np.float64)
    first, second = _WEIGHTS @ values, _WEIGHTS @ np.square(values)
    return float(np.square(first).sum() / second.sum()) if second.sum() else 0.0
