"""What an experiment is, and how its result is written.

Must not depend on any experiment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import fastact as fa
from fastact.evaluation.cases import Array

CONFIRMED, REFUTED, DEPENDS = "confirmed", "refuted here", "depends"


@dataclass(frozen=True)
class Result:
    """What came out: a table, and a verdict with its reason.

    Attributes
    ----------
    columns : sequence of str
        Heads of the table.
    rows : list of list
        Its cells: texts and numbers.
    verdict : str
        One of CONFIRMED, REFUTED and DEPENDS.
    because : str
        One sentence.
    figures : dict
        The numbers on which the verdict rests, by name.
    """

    columns: Sequence[str]
    rows: list[list[Any]]
    verdict: str
    because: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A claim and its test; `run` is called with True for the quick form."""

    name: str
    claim: str
    published: str
    protocol: str
    run: Callable[[bool], Result]


def cell(value: Any) -> str:
    """A number with three digits, or a text."""
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)


def spread(found: Sequence[float]) -> str:
    """The mean over seeds, and the least and the greatest of several."""
    mean, least, most = (cell(float(value)) for value in (np.mean(found), min(found), max(found)))
    return mean if len(found) == 1 else f"{mean} ({least} to {most})"


def as_markdown(experiment: Experiment, result: Result, picture: str | None = None) -> str:
    """A section of a document, with a picture if its place is given."""
    lines = [
        f"## {experiment.name}",
        "",
        f"**Claim.** {experiment.claim}",
        "",
        f"**Published.** {experiment.published}",
        "",
        f"**Protocol.** {experiment.protocol}",
        "",
        "| " + " | ".join(result.columns) + " |",
        "|" + "---|" * len(result.columns),
        *("| " + " | ".join(map(cell, row)) + " |" for row in result.rows),
        "",
        f"**Verdict: {result.verdict}.** {result.because}",
        "",
        *([f"![{experiment.name}: the figures behind the verdict]({picture})", ""] if picture else ()),
    ]
    return "\n".join(lines)


def as_data(experiment: Experiment, result: Result) -> dict[str, Any]:
    """Plain data, as JSON has them."""
    about = {name: getattr(experiment, name) for name in ("name", "claim", "published", "protocol")}
    found = asdict(result)
    found["rows"] = [
        [value.item() if isinstance(value, np.generic) else value for value in row] for row in result.rows
    ]
    found["figures"] = {name: float(value) for name, value in result.figures.items()}
    return {**about, **found}


def network(
    sizes: Sequence[int],
    activation: Any,
    rng: np.random.Generator,
    *,
    gain: float | None = None,
    **options: Any,
) -> fa.Network:
    """A classifier: normal weights whose gain fits the activation, or is given, and zero biases."""
    chosen = float(np.mean(fa.init.gain(activation))) if gain is None else gain
    layers: list[Any] = []
    for i, (n, m) in enumerate(itertools.pairwise(sizes)):
        w = fa.init.lecun((n, m), 1.0 if i == 0 else chosen, rng=rng, dtype=np.float32)
        last = i == len(sizes) - 2
        layers.append((w, np.zeros(m, np.float32), None if last else activation))
    return fa.Network(layers, **{"output": "softmax", "learn_activations": False, **options})


def hidden(net: fa.Network, x: Array) -> list[Array]:
    """The outputs of the hidden layers."""
    found = []
    for w, b, activation in net.layers[:-1]:
        x = fa.dense(x, w, b, activation=activation)
        found.append(x)
    return found
