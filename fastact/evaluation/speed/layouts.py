"""Arrays of other layouts compared with contiguous ones: the time of a call on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import fastact
from fastact.evaluation.cases import Array
from fastact.evaluation.speed import holding
from fastact.evaluation.speed.timing import Plan, measure

_BY_LAYOUT = ("relu", "silu")  # one bound by memory, one by computation
NAMES = (*_BY_LAYOUT, "prelu")  # the last one with per-element parameters
ROWS, COLUMNS = 1000, 1000
_CONTIGUOUS = "contiguous"
_SEED = 20_261_127
Call = Callable[[], Any]


@dataclass(frozen=True)
class LayoutTimes:
    """Times of calls on arrays of all layouts."""

    activation: str
    dtype: str  # of the result
    threads: int
    nanoseconds: dict[str, float]  # of one call, by layout

    @property
    def per_element(self) -> float:
        """Nanoseconds per element of contiguous arrays."""
        return self.nanoseconds[_CONTIGUOUS] / (ROWS * COLUMNS)

    def over_contiguous(self) -> dict[str, float]:
        """By layout, the time over that of the same call on contiguous arrays."""
        return {
            layout: ns / self.nanoseconds[_CONTIGUOUS]
            for layout, ns in self.nanoseconds.items()
            if layout != _CONTIGUOUS
        }

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def inputs(dtype: str) -> dict[str, Array]:
    """Arrays of ROWS x COLUMNS elements by layout, all with a contiguous result of the dtype.

    Examples
    --------
    >>> {x.shape for x in inputs("float32").values()} == {(ROWS, COLUMNS)}
    True
    """
    random = np.random.default_rng(_SEED)
    x = random.normal(0.0, 2.0, (ROWS, COLUMNS)).astype(dtype)
    wide = random.normal(0.0, 2.0, (ROWS, 2 * COLUMNS)).astype(dtype)
    integers = np.rint(x).astype("int16" if dtype == "float32" else "int32")
    return {
        _CONTIGUOUS: x,
        "every second element": wide[:, ::2],
        "slices of rows": wide[:, 3 : 3 + COLUMNS],
        "reversed": x[:, ::-1],
        "transposed": np.ascontiguousarray(x.T).T,
        "one row for all": np.broadcast_to(x[0], x.shape),
        "one column for all": np.broadcast_to(x[:, :1], x.shape),
        "of the other byte order": x.astype(x.dtype.newbyteorder()),
        f"cast from {integers.dtype}": integers,
    }


def _calls(activation: str, dtype: str) -> Iterator[tuple[str, Call]]:
    """A call for each layout; of prelu, with weights for each channel, the last axis or the first."""
    function = fastact.get(activation)
    if activation in _BY_LAYOUT:
        for layout, x in inputs(dtype).items():
            yield layout, partial(function, x, out=np.empty(x.shape, dtype))
        return
    x = inputs(dtype)[_CONTIGUOUS]
    slopes = np.linspace(0.1, 0.3, max(ROWS, COLUMNS)).astype(dtype)
    weights: Mapping[str, Any] = {
        _CONTIGUOUS: 0.25,
        "a weight for each column": slopes[:COLUMNS],
        "a weight for each row": slopes[:ROWS, None],
    }
    for layout, weight in weights.items():
        yield layout, partial(function, x, out=np.empty_like(x), weight=weight)


def measure_layouts(dtypes: Sequence[str], threads: Sequence[int], plan: Plan) -> Iterator[LayoutTimes]:
    """Time all layouts of an activation against each other."""
    for count, dtype, activation in product(threads, dtypes, NAMES):
        with fastact.num_threads(count), holding.pinned() if count == 1 else nullcontext():
            taken = measure(dict(_calls(activation, dtype)), plan)
        nanoseconds = {layout: one.nanoseconds for layout, one in taken.items()}
        yield LayoutTimes(activation, dtype, count, nanoseconds)
