"""Errors that name the argument, what it was and what was expected, in place of NumPy's.

Must not depend on any activation.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Any, NoReturn

import numpy as np

REAL_NUMBERS = "float16, float32 or float64, or integers or booleans"


def scipy_module(name: str, user: str) -> ModuleType:
    """A module of SciPy, which is optional and slow to import, for the function that needs it.

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed.

    Examples
    --------
    >>> scipy_module("special", "fastact.init").__name__
    'scipy.special'
    """
    try:
        return importlib.import_module(f"scipy.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "scipy":
            raise
        message = f"{user} needs SciPy, which is not installed; pip install scipy"
        raise ModuleNotFoundError(message, name="scipy") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "; nearest: gelu, selu", or nothing."""
    import difflib  # slow to import

    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"; nearest: {', '.join(close)}" if close else ""


def only_by_keyword(function: str, data: Sequence[str], extra: int, keywords: Sequence[str]) -> TypeError:
    """For positional arguments beyond the data arrays.

    Examples
    --------
    >>> print(only_by_keyword("fastact.prelu", ["x"], 1, ["weight", "out"]))
    fastact.prelu takes 1 positional argument (x) but 2 were given; expected weight= or out= by keyword
    """
    plural = "s" if len(data) > 1 else ""
    taken = f"{function} takes {len(data)} positional argument{plural} ({', '.join(data)})"
    listed = " or ".join(f"{name}=" for name in keywords)
    return TypeError(f"{taken} but {len(data) + extra} were given; expected {listed} by keyword")


def _describe(operand: Any) -> np.dtype[Any] | None:
    dtype = getattr(operand, "dtype", None)
    if dtype is None:
        try:
            dtype = np.asarray(operand).dtype
        except (ValueError, TypeError):
            return None
    return dtype if isinstance(dtype, np.dtype) else None


def _check_dtypes(function: str, operands: Mapping[str, Any], error: Exception) -> None:
    for argument, operand in operands.items():
        if isinstance(operand, int) and not -(2**63) <= operand < 2**64:
            message = f"{function}: {argument} is an integer of {operand.bit_length()} bits"
            raise TypeError(f"{message}; expected at most 64, or a float") from error
        dtype = _describe(operand)
        if dtype is None:
            message = f"{function}: {argument} is not an array of numbers; expected {REAL_NUMBERS}"
            raise TypeError(message) from error
        if dtype.kind not in "biuf" or dtype.itemsize > 8:
            raise TypeError(f"{function}: {argument} has dtype {dtype}; expected {REAL_NUMBERS}") from error


def common_shape(
    function: str, shapes: Mapping[str, tuple[int, ...]], error: Exception | None = None
) -> tuple[int, ...]:
    """The shape to which the shapes broadcast, or a ValueError that prints them all."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{argument} {shape}" for argument, shape in shapes.items())
        raise ValueError(f"{function}: shapes do not broadcast together: {listed}") from error


def check_out(function: str, out: Any, shape: tuple[int, ...], error: Exception | None = None) -> None:
    """Raise unless every `out` is None or an array to which results of this shape can be written."""
    for one in out if isinstance(out, tuple) else (out,):
        if one is None:
            continue
        if not isinstance(one, np.ndarray):
            message = f"{function}: out is a {type(one).__name__}; expected an array to write to"
            raise TypeError(message) from error
        if not one.flags.writeable:
            raise ValueError(f"{function}: out is read-only; expected a writeable array") from error
        if one.shape != shape:
            raise ValueError(f"{function}: out has shape {one.shape}; expected {shape}") from error
        if one.dtype.kind != "f":
            raise TypeError(f"{function}: out has dtype {one.dtype}; expected a float dtype") from error


def check_pair(function: str, out: Any) -> None:
    """Raise unless `out` is a pair."""
    if not (isinstance(out, tuple) and len(out) == 2):
        raise TypeError(f"{function}: out is {type(out).__name__}; expected a pair of arrays")


_LAYOUTS = ("K", "A", "C", "F")
_CASTING = ("no", "equiv", "safe", "same_kind", "unsafe")


def _check_keywords(function: str, keywords: Mapping[str, Any], error: Exception) -> None:
    for name, known, meaning in (
        ("order", _LAYOUTS, "a memory layout, as for ufuncs"),
        ("casting", _CASTING, "a casting rule"),
    ):
        value = keywords.get(name, known[0])
        if value not in known and str(value).upper() not in known:
            listed = ", ".join(map(repr, known))
            message = f"{function}: {name} is {value!r}; expected {meaning}: one of {listed}"
            raise (ValueError if isinstance(value, str) else TypeError)(message) from error


def explain(
    function: str,
    operands: Mapping[str, Any],
    out: Any,
    error: Exception,
    keywords: Mapping[str, Any] = MappingProxyType({}),
) -> NoReturn:
    """Raise a clearer error in place of `error`, where the cause is clear; else `error` itself.

    Parameters
    ----------
    function : str
        The name for the message, such as ``"fastact.gelu.backward"``.
    operands : mapping
        Argument names and values, in order.
    out : array, tuple of arrays or None
        As passed by the caller.
    error : Exception
        What NumPy raised.
    keywords : mapping
        The ufunc keywords that the caller passed.
    """
    _check_keywords(function, keywords, error)
    if any(hasattr(type(o), "__array_ufunc__") and not isinstance(o, np.ndarray) for o in operands.values()):
        raise error  # from the library to which NumPy gave the call
    _check_dtypes(function, operands, error)
    shape = common_shape(function, {k: np.shape(v) for k, v in operands.items()}, error)
    if out is not None:
        check_out(function, out, shape, error)
    raise error
