"""Row-wise functions of arrays of other kinds: masked, lazy and labelled ones keep their kind.

Must not depend on which function is computed, and must not import any of those libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastact.activations.containers import is_labelled, without_labels
from fastact.arrays import is_container
from fastact.rowwise.rows import as_plain, axes_of, mask_of

Method = Callable[..., Any]


def are_wanted(operands: Mapping[str, Any], keywords: Mapping[str, Any]) -> bool:
    """Whether an array of a call is a container of a kind that is kept."""
    values = (*operands.values(), keywords.get("where", True))
    return any(_is_masked(a) or _is_lazy(a) or _has_labels(a) for a in values)


def run(function: str, method: Method, operands: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
    """What the method gives for these operands, of the kind of the containers among them. The last operand
    has the shape of the result."""
    if keywords.get("out") is not None:
        raise TypeError(f"{function}: out is not available for masked, lazy and labelled arrays")
    others = {name: value for name, value in keywords.items() if name not in ("where", "out")}
    where = keywords.get("where", True)
    arrays = {**operands} if where is True else {**operands, "where": where}
    masked, lazy = _names(arrays, _is_masked), _names(arrays, _is_lazy)
    labelled = _names(arrays, _has_labels)
    if masked and (lazy or labelled):
        other = (lazy or labelled)[0]
        message = f"{function}: {masked[0]} is of type {type(arrays[masked[0]]).__name__}"
        raise TypeError(f"{message} and {other} of type {type(arrays[other]).__name__}; expected one kind")
    if labelled:
        bare, relabel = without_labels(function, arrays)
        return relabel(method(*(bare[name] for name in operands), **others, where=bare.get("where", True)))
    if masked:
        return _of_masked(function, method, operands, where, others)
    return _of_lazy(function, method, arrays, others)


def _names(arrays: Mapping[str, Any], is_kind: Callable[[Any], bool]) -> list[str]:
    return [name for name, value in arrays.items() if is_kind(value)]


def _is_masked(value: Any) -> bool:
    return isinstance(value, np.ma.MaskedArray)


def _is_lazy(value: Any) -> bool:
    """dask's arrays and what has their methods."""
    return is_container(value) and not is_labelled(value) and hasattr(type(value), "map_blocks")


def _has_labels(value: Any) -> bool:
    """Those of pandas and xarray."""
    return is_labelled(value) and (
        hasattr(value, "iloc") or (hasattr(value, "dims") and hasattr(value, "data"))
    )


def _of_masked(
    function: str, method: Method, operands: Mapping[str, Any], where: Any, others: Mapping[str, Any]
) -> Any:
    """Masked elements do not count, and are masked in the result."""
    *gradients, last = operands
    mask = np.ma.getmaskarray(operands[last])
    for name in gradients:
        given = operands[name]
        if _is_masked(given) and not np.array_equal(np.ma.getmaskarray(given), mask):
            raise ValueError(f"{function}: {name} and {last} have masks that differ; expected the same mask")
    wanted = mask_of(function, where, mask.shape)
    counts = ~mask if wanted is None else ~mask & wanted
    data = (np.ma.getdata(a, subok=False) if _is_masked(a) else a for a in operands.values())
    return np.ma.array(method(*data, **others, where=counts), mask=mask)


# Lazy ---------------------------------------------------------------------------------------------


def _of_lazy(function: str, method: Method, arrays: Mapping[str, Any], others: Mapping[str, Any]) -> Any:
    """Block by block. A row lies in one block."""
    first_lazy = _names(arrays, _is_lazy)[0]
    like = arrays[first_lazy]
    found: dict[str, Any] = {
        name: a if _is_lazy(a) else np.asarray(as_plain(function, name, a), like=like)
        for name, a in arrays.items()
    }
    names = list(found)
    last = next(name for name in reversed(names) if name != "where")
    shape = found[last].shape
    if "where" in found and _are_known(shape):
        found["where"] = _broadcast(function, found["where"], shape)
    for name, array in found.items():
        if array.ndim != len(shape) or (_are_known((*array.shape, *shape)) and array.shape != shape):
            raise ValueError(f"{function}: {name} has shape {array.shape}; expected {shape}, that of {last}")
    axes = axes_of(function, others.get("axis", -1), len(shape)) if shape else ()
    for name, array in found.items():
        for axis in axes:
            _check_chunks(function, name, array, axis)
    if _are_known(shape):
        chunks = found[first_lazy].chunks
        found = {name: array.rechunk(chunks) for name, array in found.items()}
    block = partial(_of_block, method, names, {**others, "axis": axes})
    empty = (np.empty((0,) * len(shape), array.dtype) for array in found.values())
    sample = block(*empty)  # refuses wrong keywords and dtypes now
    first, *rest = found.values()
    return first.map_blocks(block, *rest, dtype=sample.dtype, meta=sample)


def _broadcast(function: str, where: Any, shape: tuple[int, ...]) -> Any:
    try:
        return np.broadcast_to(where, shape)
    except ValueError as error:
        raise ValueError(f"{function}: where does not fit: {error}") from error


def _of_block(method: Method, names: Sequence[str], keywords: Mapping[str, Any], *blocks: Any) -> Any:
    given = dict(zip(names, blocks, strict=True))
    where = given.pop("where", True)
    return method(*given.values(), **keywords, where=where)


def _are_known(shape: Sequence[Any]) -> bool:
    return all(isinstance(n, int) for n in shape)  # lazy arrays may not know theirs


def _check_chunks(function: str, name: str, array: Any, axis: int) -> None:
    count = array.numblocks[axis]
    if count > 1:
        message = f"{function}: {name} has {count} chunks along axis {axis}"
        raise ValueError(f"{message}; expected one, as {name}.rechunk({{{axis}: -1}}) has")
