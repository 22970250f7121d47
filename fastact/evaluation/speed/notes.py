"""Notes for the reader of a run: what is missing, what disturbed it, what has changed since an older run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastact.evaluation.files import markdown_table
from fastact.evaluation.speed.comparison import SLOWER, Comparison
from fastact.evaluation.speed.digits import LAYERS, Training
from fastact.evaluation.speed.document import factor
from fastact.evaluation.speed.implementations import OURS

_TOLERATED = 0.1  # CPUs that other processes may keep busy without a note


def machine_line(facts: Mapping[str, Any]) -> str:
    """What the timings belong to, in one line."""
    return (
        f"fastact {facts['fastact']} ({facts['isa']}), NumPy {facts['numpy']}, SciPy {facts['scipy']}, "
        f"Python {facts['python']}; {facts['cpu']}, {facts['cpus']} CPUs"
    )


def absent(missing: Mapping[str, str]) -> Iterator[str]:
    """The peers that are not timed, with what they need."""
    for name, needs in missing.items():
        yield f"{name} is not timed: it needs {needs}"


def busy(cpus_of_others: float | None, threads: int, cpus: int) -> Iterator[str]:
    """Whether other processes took CPUs that were needed."""
    if cpus_of_others is not None and cpus_of_others + threads > cpus + _TOLERATED:
        yield f"Other processes kept {cpus_of_others:.1f} of {cpus} CPUs busy: repeat on an idle machine"


def greedy(found: Sequence[tuple[str, int, float]]) -> Iterator[str]:
    """Implementations that exceed the thread limit, from ``timing.greedy``."""
    for name, threads, cpus in found:
        yield f"{name} kept {cpus:.1f} CPUs busy, allowed {threads}: its times are too good"


def comparison(found: Comparison) -> Iterator[str]:
    """Changes since an older run."""
    if found.mean is None:
        yield "The older run has none of these cells"
        return
    new = f"; {found.missing} cells are new" if found.missing else ""
    yield (
        f"{OURS} compared with the older run: geometric mean of the speed-up over {found.matched} cells "
        f"{factor(found.mean)}{new}"
    )
    yield f"{len(found.slower)} cells take more than {SLOWER:g} times as long as before"
    for cell, ratio in found.slower:
        yield f"  {cell}: {factor(ratio)}"


def digits(trainings: Mapping[str, Training], activation: str, epochs: int) -> str:
    """Time per epoch and accuracy of each network."""
    ours = trainings[OURS].seconds_per_epoch
    rows = [
        [
            name,
            f"{1e3 * one.seconds_per_epoch:.2f}",
            f"{one.accuracy:.2%}",
            factor(one.seconds_per_epoch / ours),
        ]
        for name, one in trainings.items()
    ]
    headings = ["activation by", "ms per epoch", "test accuracy", f"speed-up of {OURS}"]
    layers = "-".join(map(str, LAYERS))
    return (
        f"Digits: dense {layers} network, {activation}, {epochs} epochs\n\n{markdown_table(headings, rows)}"
    )
