"""Arrays of other libraries: which objects NumPy's protocols must reach unconverted, and labels.

Must not import any of those libraries: they are recognised by their protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

NUMBERS = (float, int, bool)  # they take the dtype of the arrays beside them
Relabel = Callable[[Any], Any]


def is_foreign(value: Any) -> bool:
    """Whether NumPy hands operations on the object over to its own library (dask, pandas, xarray, ...)."""
    kind = type(value)
    return not isinstance(value, np.ndarray) and (
        hasattr(kind, "__array_ufunc__") or hasattr(kind, "__array_function__")
    )


def is_labelled(value: Any) -> bool:
    """Whether ufuncs reach it but functions such as ``numpy.concatenate`` do not: pandas and xarray."""
    return is_foreign(value) and not hasattr(type(value), "__array_function__")


def as_operand(value: Any) -> Any:
    """An object with shape and dtype: the object itself, unless it is a list or the like. Numbers stay."""
    if type(value) in NUMBERS or isinstance(value, (np.ndarray, np.generic)) or is_foreign(value):
        return value
    return np.asarray(value)


def shape_of(operand: Any) -> tuple[int, ...]:
    """The shape of an operand of any kind."""
    if type(operand) in NUMBERS:
        return ()
    found: tuple[int, ...] = operand.shape if hasattr(operand, "shape") else np.shape(operand)
    return found


def dtype_of(operand: Any) -> Any:
    """What the operand means to NumPy's promotion: a dtype, the type of a Python number, or None if unknown.

    The dtype of a DataFrame is that of all its columns together. A Dataset, which computes each of its arrays
    by itself, has none.
    """
    if type(operand) in (float, int):
        return type(operand)
    found = getattr(operand, "dtype", None)
    if isinstance(found, np.dtype):
        return found
    if not is_foreign(operand):
        return np.asarray(operand).dtype
    columns = getattr(operand, "dtypes", None)
    if columns is None or isinstance(columns, Mapping):
        return None
    try:
        return np.result_type(*columns)
    except (TypeError, ValueError):  # a dtype of its own, or no columns
        return None


def detached(operand: Any, results: tuple[Any, ...]) -> Any:
    """The operand, or a copy of it where writing to one of the results could change it."""
    if isinstance(operand, np.ndarray):
        shared = any(isinstance(r, np.ndarray) and np.may_share_memory(operand, r) for r in results)
        return operand.copy() if shared else operand
    return operand.copy() if is_foreign(operand) and hasattr(operand, "copy") else operand


# Labels -------------------------------------------------------------------------------------------


def without_labels(function: str, operands: Mapping[str, Any]) -> tuple[dict[str, Any], Relabel]:
    """The operands without their labels, and a function that gives a result the labels that they all had.

    Parameters
    ----------
    function : str
        The name for error messages.
    operands : mapping
        Argument names and values.

    Raises
    ------
    TypeError
        For objects with labels other than a Series, a DataFrame or a DataArray.
    ValueError
        If the labels of two operands differ.
    """
    labelled = {argument: value for argument, value in operands.items() if is_labelled(value)}
    if not labelled:
        return dict(operands), lambda result: result
    bare = {argument: _bare(function, argument, value) for argument, value in labelled.items()}
    *others, last = labelled
    for argument in others:
        if not _same_labels(labelled[argument], labelled[last]):
            message = f"{function}: the labels of {argument} and {last} differ"
            raise ValueError(f"{message}; expected operands that are aligned")

    def relabel(result: Any) -> Any:
        if shape_of(result) != shape_of(bare[last]):
            message = f"{function}: the result has shape {shape_of(result)}, {last} {shape_of(bare[last])}"
            raise ValueError(f"{message}; labels need the same shape")
        return _with_labels_of(labelled[last], result)

    return {**operands, **bare}, relabel


def refuse_labels(function: str, argument: str, value: Any) -> None:
    """Raise a TypeError for an object with labels, where an array is needed."""
    if is_labelled(value):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; expected a number or an array")


def _bare(function: str, argument: str, value: Any) -> Any:
    if hasattr(value, "iloc"):  # pandas
        return value.to_numpy()
    if hasattr(value, "dims") and hasattr(value, "data"):  # xarray, whose data may be a dask array
        return value.data
    message = f"{function}: {argument} is a {type(value).__name__}"
    raise TypeError(f"{message}; expected an array, a Series, a DataFrame or a DataArray")


def _same_labels(a: Any, b: Any) -> bool:
    if type(a) is not type(b) or a.shape != b.shape:
        return False
    if hasattr(a, "iloc"):
        return all(left.equals(right) for left, right in zip(a.axes, b.axes, strict=True))
    return a.dims == b.dims and bool(a.coords.equals(b.coords))


def _with_labels_of(labelled: Any, result: Any) -> Any:
    if not hasattr(labelled, "iloc"):
        return labelled.copy(data=result)
    if result.ndim == 1:
        return type(labelled)(result, index=labelled.index, name=labelled.name)
    return type(labelled)(result, index=labelled.index, columns=labelled.columns)
