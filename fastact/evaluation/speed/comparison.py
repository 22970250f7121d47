"""A run compared with an older one: how much faster fastact has become, cell by cell.

Reads JSON files of ``bench --json``; fields that an older file lacks have their defaults.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastact.evaluation.files import read_json
from fastact.evaluation.speed.cells import Cell, geometric_mean
from fastact.evaluation.speed.implementations import OURS

SLOWER = 1.1  # times as slow: beyond, a cell is listed


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Changes of fastact's times."""

    matched: int  # cells that both runs have
    missing: int  # cells of this run that the older one lacks
    mean: float | None  # geometric mean of old over new times; None without matches
    # old over new times of cells that take over 1.1 times as long, the worst first
    slower: list[tuple[Cell, float]]


def read(path: Path, kind: str) -> list[dict[str, Any]]:
    """The cells of a JSON file, under "cells" or "dense".

    Raises
    ------
    ValueError
        If the file cannot be read, or has no such cells.
    """
    cells = read_json(path).get(kind)
    try:
        times = [(cell["threads"], cell["nanoseconds"][OURS]) for cell in cells or ()]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} holds no {kind!r} as bench --json writes them: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(cells, list) or not cells:
        raise ValueError(f"{str(path)!r} holds no {kind!r} as bench --json writes them")
    if not all(isinstance(ns, int | float) and 0 < ns <= sys.float_info.max for _, ns in times):
        raise ValueError(f"{str(path)!r} holds times that are not positive numbers")
    return cells


def compare(cells: Iterable[Cell], old: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare cells of one kind with those of an older run, from :func:`read`, by case and threads."""
    new = list(cells)
    kind = type(new[0].case)
    before = {_key(kind, one, one["threads"]): one["nanoseconds"][OURS] for one in old}
    ratios = []
    for cell in new:
        was = before.get(_key(kind, dataclasses.asdict(cell.case), cell.threads))
        if was is not None:
            ratios.append((cell, was / cell.ours))
    slower = sorted((pair for pair in ratios if pair[1] * SLOWER < 1), key=lambda pair: pair[1])
    return Comparison(len(ratios), len(new) - len(ratios), geometric_mean(r for _, r in ratios), slower)


def _key(kind: type[Any], values: Mapping[str, Any], threads: int) -> tuple[Any, ...]:
    """All fields of a case and the threads; JSON makes lists of tuples."""
    fields = (values.get(field.name, field.default) for field in dataclasses.fields(kind))
    return (*map(_hashable, fields), _hashable(threads))


def _hashable(value: Any) -> Any:
    """A value from a JSON file; one that no case has, such as an object, equals that of no case."""
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    return repr(value) if isinstance(value, dict) else value
