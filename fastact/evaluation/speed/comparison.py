"""A run beside an older one: how much faster fastact has become, cell by cell.

Knows the JSON files of ``bench --json``. Does not know what a case is made of, nor how results are shown.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from fastact.evaluation.speed.contestants import Fastact

SLOWER = 1.1  # times as slow: beyond, a cell is listed


class AnyCell(Protocol):
    """What is needed of a cell, whatever its case."""

    @property
    def case(self) -> Any:
        """A dataclass."""

    @property
    def threads(self) -> int:
        """Number of threads."""

    @property
    def nanoseconds(self) -> Mapping[str, float]:
        """By contestant."""


C = TypeVar("C", bound=AnyCell)


@dataclasses.dataclass(frozen=True)
class Comparison(Generic[C]):
    """What became of fastact's times.

    Attributes
    ----------
    matched : int
        Cells that both runs have.
    missing : int
        Cells of this run that the older one lacks.
    mean : float or None
        Geometric mean of old over new times; None without matches.
    slower : list of (cell, float)
        Those that take more than 1.1 times as long, with old over new time, the worst first.
    """

    matched: int
    missing: int
    mean: float | None
    slower: list[tuple[C, float]]


def read(path: Path, kind: str) -> list[dict[str, Any]]:
    """The cells of a JSON file, under "cells" or "dense".

    Raises
    ------
    ValueError
        Where the file cannot be read, or is none of these.
    """
    try:
        cells = json.loads(path.read_text())[kind]
        times = [cell["nanoseconds"][Fastact.name] for cell in cells]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} holds no {kind!r}, as bench --json writes them: {type(error).__name__}: {error}"
        ) from error
    if not all(isinstance(time, int | float) and time > 0 for time in times):
        raise ValueError(f"{str(path)!r} holds times that are no positive numbers")
    found: list[dict[str, Any]] = cells
    return found


def compare(cells: Iterable[C], old: Iterable[Mapping[str, Any]]) -> Comparison[C]:
    """Hold cells against those of an older run, which are the same in case and threads.

    Parameters
    ----------
    cells : iterable of Cell or DenseCell
        Of one kind, at least one.
    old : iterable of dict
        From :func:`read`. A field of the case that is not there has its default.
    """
    new = list(cells)
    kind = type(new[0].case)
    before = {_key(kind, one, one["threads"]): one["nanoseconds"][Fastact.name] for one in old}
    ratios = []
    for cell in new:
        was = before.get(_key(kind, dataclasses.asdict(cell.case), cell.threads))
        if was is not None:
            ratios.append((cell, was / cell.nanoseconds[Fastact.name]))
    slower = sorted((pair for pair in ratios if pair[1] * SLOWER < 1), key=lambda pair: pair[1])
    mean = statistics.geometric_mean(ratio for _, ratio in ratios) if ratios else None
    return Comparison(len(ratios), len(new) - len(ratios), mean, slower)


def _key(kind: type[Any], values: Mapping[str, Any], threads: int) -> tuple[Any, ...]:
    """All fields of a case and the threads; JSON makes lists of tuples."""
    fields = (values.get(field.name, field.default) for field in dataclasses.fields(kind))
    return (*(tuple(value) if isinstance(value, list) else value for value in fields), threads)
