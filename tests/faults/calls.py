"""One call of the campaign: arguments, and what NumPy says of each result. Runs it and compares."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from operands import Operands, Subclass

EPS = {2: 4e-3, 4: 3e-5, 8: 1e-9}  # by bytes of the dtype
LARGEST = {2: 2e4, 4: 1e37, 8: 1e300}
POOL = ThreadPoolExecutor(3)


@dataclass
class Want:
    """A result: its values in float64 and dtype, and where they are not known."""

    values: np.ndarray
    dtype: Any
    unknown: Any = False  # elements that are not compared
    scale: float = 1.0  # of the largest term
    mask: Any = None  # of a masked array
    kind: type | None = None
    precision: int = 8  # bytes of the least precise dtype on the way


@dataclass
class Call:
    """A function with its arguments."""

    text: str
    function: Callable[..., Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]
    wants: Sequence[Want | None]
    operands: Operands
    containers: Sequence[tuple[Any, Any]] = field(default_factory=list)  # and copies of their values
    narrowed: bool = False  # whether `out` cannot hold all numbers of the result: NumPy itself then warns

    def run(self) -> list[Any]:
        with warnings.catch_warnings(), np.errstate(all="ignore" if self.narrowed else "raise"):
            warnings.simplefilter("error")
            return flattened(self.function(*self.arguments, **self.keywords))


def flattened(result: Any) -> list[Any]:
    """Results one after the other, those of dictionaries by name."""
    if isinstance(result, dict):
        return [result[name] for name in sorted(result)]
    if isinstance(result, (tuple, list)):
        return [one for each in result for one in flattened(each)]
    return [result]


def described(value: Any) -> str:
    """An argument, for messages."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(described, value))})"
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        text = np.array2string(value, threshold=40, separator=",").replace("\n", "")
        return f"{type(value).__name__}({value.dtype}, {value.shape}, strides {value.strides}: {text})"
    return f"{type(value).__name__} {value!r}"


def check(call: Call, threads: bool = False) -> list[Any]:
    """Run it; results, inputs and all other memory must be as expected."""
    try:
        return checked(call, threads)
    except Exception as error:
        call.operands.restore()
        with np.errstate(all="ignore"):
            listed = [
                *map(described, call.arguments),
                *(f"{k}={described(v)}" for k, v in call.keywords.items()),
            ]
        message = "\n  ".join([f"{type(error).__name__}: {error}", call.text, *listed])
        raise AssertionError(message) from error


def checked(call: Call, threads: bool) -> list[Any]:
    call.operands.freeze()
    if threads and not call.operands.shared.writeable.any() and "out" not in call.keywords:
        several = [POOL.submit(call.run) for _ in range(3)]
        for one in several:
            compare(call, one.result())
    results = call.run()
    compare(call, results)
    call.operands.check_unchanged()
    for container, copy in call.containers:
        assert np.array_equal(plain(container), copy, equal_nan=True), "a container was changed"
    return results


def compare(call: Call, results: list[Any]) -> None:
    assert len(results) == len(call.wants), f"{call.text}: {len(results)} results"
    for number, (got, want) in enumerate(zip(results, call.wants, strict=True)):
        if want is None:
            assert got is None, f"{call.text}: result {number} is not None"
        else:
            assert_result(f"{call.text}: result {number}", got, want)


def plain(value: Any) -> np.ndarray:
    """Values of any container."""
    if hasattr(value, "compute"):
        with np.errstate(invalid="ignore", under="ignore"):  # dask's own sums, and its products by NumPy
            value = value.compute()
    return np.asarray(np.ma.getdata(value))


def assert_result(text: str, got: Any, want: Want) -> None:
    if want.kind is not None:
        assert isinstance(got, want.kind), f"{text} is of type {type(got)}, not {want.kind}"
    elif isinstance(got, np.ndarray):
        assert not isinstance(got, (Subclass, np.ma.MaskedArray)), f"{text} is of type {type(got)}"
    unknown = np.broadcast_to(want.unknown, want.values.shape).copy()
    if want.mask is not None:
        mask = np.broadcast_to(want.mask, want.values.shape)
        assert np.array_equal(np.ma.getmaskarray(got), mask), f"{text}: another mask"
        unknown |= mask
    array = plain(got)
    assert array.dtype.newbyteorder("=") == want.dtype, f"{text} has dtype {array.dtype}, not {want.dtype}"
    assert array.shape == want.values.shape, f"{text} has shape {array.shape}, not {want.values.shape}"
    bytes_ = min(array.dtype.itemsize, want.precision)
    unknown |= np.abs(want.values) > LARGEST[bytes_]
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64)
        close = np.abs(wide - want.values) <= EPS[bytes_] * (want.scale + np.abs(want.values))
    same = close | (wide == want.values) | (np.isnan(wide) & np.isnan(want.values))
    wrong = np.flatnonzero(~(same | unknown))
    if wrong.size:
        first = np.unravel_index(wrong[0], array.shape)
        message = f"{text}: {wrong.size} of {array.size} wrong, first at {first}: "
        raise AssertionError(f"{message}{wide[first]!r}, expected {want.values[first]!r}")
