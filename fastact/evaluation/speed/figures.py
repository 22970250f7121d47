"""A file with the rounded figures of many cells, by instruction set and kind: one line for each cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastact.evaluation import files
from fastact.evaluation.speed.cells import Cell

_DIGITS = 3


def add(path: Path, isa: str, kind: str, about: Mapping[str, Any], cells: Sequence[Cell]) -> None:
    """Put the cells of a run into the file, in place of those of the same instruction set and kind.

    Raises
    ------
    ValueError
        If the file exists and holds no JSON object.
    """
    content = files.read_json(path) if path.exists() and path.stat().st_size else {}
    content.setdefault(isa, {})[kind] = {**about, **_figures(cells)}
    files.write_text(path, "\n".join(_lines(content)) + "\n")


def _figures(cells: Sequence[Cell]) -> dict[str, Any]:
    """Names of columns, and a list of lists: the case, threads, and nanoseconds by implementation."""
    names = list(dict.fromkeys(name for cell in cells for name in cell.nanoseconds))
    case = list(asdict(cells[0].case)) if cells else []
    rows = [
        [*asdict(cell.case).values(), cell.threads, *(_rounded(cell.nanoseconds.get(name)) for name in names)]
        for cell in cells
    ]
    return {"columns": [*case, "threads", *(f"{name}, ns" for name in names)], "figures": rows}


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short


def _lines(content: Any, depth: int = 2) -> Iterator[str]:
    """JSON whose objects, and the lists in "figures", have a line for each item."""
    if depth < 0 or not isinstance(content, dict):
        yield _inner(content)
        return
    yield "{"
    for number, (key, value) in enumerate(content.items()):
        comma = "," if number < len(content) - 1 else ""
        if key == "figures":
            yield f"{json.dumps(key)}: ["
            yield ",\n".join(map(_inner, value))
            yield f"]{comma}"
        else:
            first, *rest = _lines(value, depth - 1)
            lines = [f"{json.dumps(key)}: {first}", *rest]
            lines[-1] += comma
            yield from lines
    yield "}"


def _inner(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
