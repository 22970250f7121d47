"""What is wrong with a network's layers, and what to do about it: rules with thresholds.

Must not depend on how anything is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from fastact.health.layer_health import LayerReport


class Threshold(NamedTuple):
    """A threshold, what is compared with it, and where it comes from."""

    value: float
    about: str
    source: str


THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "dead": Threshold(
            0.1,
            "share of units that are active in no sample; above 0.5 the finding is severe",
            "0.5: SageMaker Debugger, DeadRelu. 0.1: fastact; trained networks have up to 0.06",
        ),
        "dormant": Threshold(
            0.5,
            "share of units with at most 0.025 of the layer's mean magnitude",
            "0.025: ReDo. 0.5: fastact",
        ),
        "saturated": Threshold(
            0.5, "share of saturated samples, above what normal inputs have", "DeepDiagnosis (ICSE 2022)"
        ),
        "one_sided": Threshold(
            0.95, "share of the mean in the output's second moment, above what normal inputs have", "fastact"
        ),
        "variance_low": Threshold(0.01, "mean square of an activation's inputs", "fastact"),
        "variance_high": Threshold(100.0, "mean square of an activation's inputs", "fastact"),
        "vanishing_ratio": Threshold(
            1e-3, "norm of the first layer's gradient over that of the last", "AUTOTRAINER (ICSE 2021)"
        ),
        "vanishing_norm": Threshold(1e-4, "norm of the first layer's gradient", "AUTOTRAINER (ICSE 2021)"),
        "exploding_ratio": Threshold(
            70.0, "norm of the first layer's gradient over that of the last", "AUTOTRAINER (ICSE 2021)"
        ),
        "stalled": Threshold(
            0.7, "share of exact zeros in the gradient of w", "AUTOTRAINER (ICSE 2021), dying ReLU"
        ),
        "update_small": Threshold(
            1e-6, "learning rate * gradient norm / weight norm", "fastact; cs231n expects 1e-3"
        ),
        "update_large": Threshold(
            0.1, "learning rate * gradient norm / weight norm", "fastact; cs231n expects 1e-3"
        ),
    }
)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    kind : str
        `dead`, `dormant`, `saturated`, `one-sided`, `variance`, `vanishing`, `exploding`, `stalled`,
        `update too small`, `update too large` or `non-finite`.
    layer : int
        The number of the layer.
    measured, threshold : float
        What was measured, and what it was compared with.
    severity : str
        `warning` or `error`.
    advice : str
        What to do.
    """

    kind: str
    layer: int
    measured: float
    threshold: float
    severity: str
    advice: str

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.severity}: layer {self.layer} is {self.kind}: {self.measured:.3g}, "
            f"threshold {self.threshold:.3g}. {self.advice}"
        )


ADVICE = {
    "non-finite": "Lower the learning rate, scale the inputs, and look for infinite and NaN inputs.",
    "dead": "Lower the learning rate, draw the incoming weights of these units again, or use an activation "
    "that cannot die, such as leaky_relu or fastact.surrogate('relu', 'leaky_relu').",
    "dormant": "Draw the incoming weights of these units again (ReDo), or make the layer narrower.",
    "saturated": "Use initial weights that fit the activation (fastact.init), scale the inputs, or lower the "
    "learning rate.",
    "one-sided": "Use an activation whose outputs have a mean near 0, such as elu or tanh, or subtract the "
    "mean of each unit.",
    "variance": "Use initial weights that fit the activation: fastact.init.lecun with fastact.init.gain of "
    "the activation before, or fastact.init.lsuv. Scale the inputs to mean 0 and variance 1.",
    "vanishing": "Use fewer layers, an activation whose slope does not vanish, or initial weights that fit "
    "the activation (fastact.init).",
    "exploding": "Use initial weights that fit the activation (fastact.init), lower the learning rate, or "
    "limit the norm of the gradient.",
    "stalled": "Most weights do not learn: see whether units are dead or saturated, or inputs 0.",
    "update too small": "Raise the learning rate, or look for a vanishing gradient.",
    "update too large": "Lower the learning rate.",
}
_SEVERE = {"non-finite", "vanishing", "exploding"}
_SEVERELY_DEAD = 0.5


def checked_thresholds(given: Mapping[str, float] | None) -> dict[str, float]:
    """All thresholds, with those that are given instead of the defaults."""
    values = {name: threshold.value for name, threshold in THRESHOLDS.items()}
    for name, value in (given or {}).items():
        if name not in values:
            raise ValueError(f"fastact.Health: unknown threshold {name!r}; expected {', '.join(values)}")
        values[name] = float(value)
    return values


def find(layers: Sequence[LayerReport], thresholds: Mapping[str, float]) -> list[Finding]:
    """All findings, layer by layer. No gradient reaches layers up to one whose f' is 0 by definition."""
    flat = max((layer.number for layer in layers if not layer.has_slope), default=-1)
    found: list[_Found] = []
    for layer in layers:
        found += _of_layer(layer, thresholds)
        found += _of_gradients(layer, thresholds) if layer.number > flat else ()
    found += _of_depth(layers, thresholds) if flat < 0 else ()
    return sorted((_made(*each) for each in found), key=lambda finding: finding.layer)


_Found = tuple[str, int, float, float]


def _made(kind: str, layer: int, measured: float, threshold: float) -> Finding:
    severe = kind in _SEVERE or (kind == "dead" and measured > _SEVERELY_DEAD)
    return Finding(kind, layer, measured, threshold, "error" if severe else "warning", ADVICE[kind])


def _of_layer(layer: LayerReport, t: Mapping[str, float]) -> Iterator[_Found]:
    """What is wrong with one layer. The last one may be saturated: a classifier that is sure of itself is."""
    if layer.non_finite:
        yield "non-finite", layer.number, float(layer.non_finite), 0.0
    if layer.dead > t["dead"]:
        yield "dead", layer.number, layer.dead, t["dead"]
    if not layer.is_last:
        yield from _of_hidden_layer(layer, t)


def _of_gradients(layer: LayerReport, t: Mapping[str, float]) -> Iterator[_Found]:
    if layer.zero_gradients is not None and layer.zero_gradients >= t["stalled"]:
        yield "stalled", layer.number, layer.zero_gradients, t["stalled"]
    if layer.update_ratio is not None:
        if layer.update_ratio < t["update_small"]:
            yield "update too small", layer.number, layer.update_ratio, t["update_small"]
        if layer.update_ratio > t["update_large"]:
            yield "update too large", layer.number, layer.update_ratio, t["update_large"]


def _of_hidden_layer(layer: LayerReport, t: Mapping[str, float]) -> Iterator[_Found]:
    if layer.dormant > max(t["dormant"], layer.dead):
        yield "dormant", layer.number, layer.dormant, t["dormant"]
    if layer.saturated > t["saturated"]:
        yield "saturated", layer.number, layer.saturated, t["saturated"]
    if layer.one_sidedness > t["one_sided"]:
        yield "one-sided", layer.number, layer.one_sidedness, t["one_sided"]
    if layer.input_second_moment < t["variance_low"]:
        yield "variance", layer.number, layer.input_second_moment, t["variance_low"]
    if layer.input_second_moment > t["variance_high"]:
        yield "variance", layer.number, layer.input_second_moment, t["variance_high"]


def _of_depth(layers: Sequence[LayerReport], t: Mapping[str, float]) -> Iterator[_Found]:
    """Gradients of the first layer against those of the last one."""
    first, last = layers[0].gradient_norm, layers[-1].gradient_norm
    if len(layers) < 2 or first is None or last is None or math.isnan(first + last):
        return
    if last == 0:  # nothing comes in: there is nothing to compare
        return
    if first / last < t["vanishing_ratio"] and first < t["vanishing_norm"]:
        yield "vanishing", 0, first / last, t["vanishing_ratio"]
    if first / last > t["exploding_ratio"]:
        yield "exploding", 0, first / last, t["exploding_ratio"]
