"""Mixtures for the tests of ``fa.mixed``: all activations of the table, in groups of one to three units."""

from __future__ import annotations

from typing import Any

import helpers
import numpy as np
import oracle

import fastact as fa

NAMES = fa.names()
LISTED = [name for k, name in enumerate(NAMES) for _ in range(1 + k % 3)]
UNITS = len(LISTED)
FROM_OUTPUT = [name for name in LISTED if fa.get(name).output_formula is not None]
WITH = [name for name in NAMES if fa.get(name).parameters]
DIRECTIONS = (("__call__", 1), ("derivative", 1), ("backward", 2), ("value_and_derivative", 1))


def inputs(dtype: type, shape: tuple[int, ...] = (5, UNITS), seed: int = 0) -> np.ndarray:
    return helpers.arguments(helpers.Call(NAMES[0], "forward", 1, 1), shape, dtype, seed)[0]


def by_itself(listed: list[Any], method: str, *arrays: Any, **keywords: Any) -> tuple[np.ndarray, ...]:
    """Each activation applied to its own column alone."""
    columns = [
        helpers.each(
            getattr(fa.get(one), method)(*(np.asarray(a)[..., k : k + 1] for a in arrays), **keywords)
        )
        for k, one in enumerate(listed)
    ]
    return tuple(np.concatenate(results, axis=-1) for results in zip(*columns, strict=True))


def check(got: Any, want: tuple[np.ndarray, ...]) -> None:
    for one, other in zip(helpers.each(got), want, strict=True):
        oracle.assert_same_bits(one, other)


def outs(results: list[np.ndarray]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)
