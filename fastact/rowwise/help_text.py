"""The help text of row-wise functions, made from the table.

Must not name any function.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

_ENTRY = """{name}{signature}

{about}

    y[i] = {formula}
    gradient with respect to x[i] = {gradient}

where x is a row: the elements along the axes. g is the gradient with respect to the result y.

Parameters
----------
x : array_like
    Real numbers, of at least one axis. Integers and booleans are converted as ``numpy.exp`` does.
axis : int, tuple of int or None
    The axes of a row; None for all.
{temperature}where : array_like of bool
    Which elements count. {masked}
{keepdims}out : ndarray, optional
    Where to store the result; may be `x`.

Returns
-------
ndarray
    {result}; float32 stays float32, and float16 is computed in float32.

Raises
------
TypeError
    For dtypes other than real numbers, {refused}, and unknown keywords.
ValueError
    For axes that the array does not have, and an `out` that is read-only or of another shape.

Notes
-----
Also ``{name}.backward(grad_y, x)``{from_output}, with the same keywords.
{kept}Error: at most {float32} ULP in float32 and {float64} ULP in float64; of the gradient, in ULP of the
largest term{also}. Results have the same bits whatever the position of a row, its stride, and the
number of threads. NaN in a row gives NaN. {special}

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> y = fa.{name}(np.zeros((2, 4), np.float32))
>>> y.shape, y.dtype
({shape}, dtype('float32'))
"""

_LOSS = """{name}{signature}

{about}

    loss = {formula}
    gradient with respect to x = {gradient}

where x is an element of `{x}` and t its target.

Parameters
----------
{x}, target : array_like
    Real numbers of the same shape.{targets} Integer targets are converted to the dtype of `{x}`.
{parameter}weight : array_like, optional
    A factor for each loss, of a shape that broadcasts to that of `{x}`. Where it is 0 the element does not
    count, and may hold anything.
reduction : {{"mean", "batchmean", "sum", "none"}}
    What is returned of all losses. "mean" divides by {divisor}, as PyTorch does;
    "batchmean" by the length of the first axis.

Returns
-------
ndarray or scalar
    The loss; float32 stays float32. ``{name}.value_and_gradient({x}, target)`` returns the gradient, too.

Raises
------
ValueError, TypeError
    For shapes that differ, dtypes other than real numbers, masked, lazy and labelled arrays, and unknown
    keywords.

Notes
-----
Error of the loss of an element and of its gradient: at most {float32} ULP in float32 and {float64} ULP in
float64{terms}. Sums are compensated, in an order that depends on the number of elements alone: they have
the same bits for any number of threads. The gradient at a kink is the one nearest to 0. NaN gives NaN.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> loss, gradient = fa.{name}.value_and_gradient(np.float32([-1, 0.5]), [1, 1])
>>> loss.dtype, gradient.shape
(dtype('float32'), (2,))
"""


def keywords_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a function, with their defaults."""
    keywords: dict[str, Any] = {"axis": -1}
    if entry["has_temperature"]:
        keywords["temperature"] = 1.0
    keywords["where"] = True
    if entry["has_one_result"]:
        keywords["keepdims"] = False
    keywords["out"] = None
    return keywords


def signature(entry: dict[str, Any]) -> inspect.Signature:
    """The signature of a function."""
    return _signature(["x"], keywords_of(entry))


def _signature(arrays: Sequence[str], keywords: Mapping[str, Any]) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in arrays]
    return inspect.Signature(
        [*positional, *(inspect.Parameter(n, kind, default=d) for n, d in keywords.items())]
    )


def of_entry(entry: dict[str, Any]) -> str:
    """The docstring of a function."""
    one = entry["has_one_result"]
    float32, float64 = entry["max_ulp"]
    return _ENTRY.format(
        name=entry["name"],
        signature=signature(entry),
        about=entry["about"],
        formula=entry["formula"],
        gradient=entry["gradient"],
        temperature="temperature : float\n    Positive.\n" if entry["has_temperature"] else "",
        keepdims="keepdims : bool\n    Whether the result keeps the axes, with length 1.\n" if one else "",
        masked="" if one else f"Others are left out, and their result is {entry['least'][1]:g}.",
        refused="masked, lazy and labelled arrays" if one else "other kinds of arrays than those below",
        kept="" if one else _KEPT,
        result="The shape of `x` without the axes" if one else "Of the shape of `x`",
        from_output="" if one else f" and\n``{entry['name']}.backward_from_output(grad_y, y)``",
        float32=f"{float32:g}",
        float64=f"{float64:g}",
        also=", as of the function itself where it is near 0" if one else "",
        special=_special(entry),
        shape="(2,)" if one else "(2, 4)",
    )


_KEPT = """Masked arrays and those of dask, pandas and xarray keep their kind, without `out`: masked elements
do not count, a row is in one chunk, labels are aligned.
"""


def _special(entry: dict[str, Any]) -> str:
    """What infinities give."""
    if entry["has_one_result"]:
        return "Where all elements are -inf\nthe result is -inf; with +inf it is +inf."
    if entry["gradient"] == "0":
        return "Infinities are elements like others."
    return "Where one element is +inf the result\nis the limit; with several of them it is NaN."


# Losses -------------------------------------------------------------------------------------------


def keywords_of_loss(entry: dict[str, Any]) -> dict[str, Any]:
    """The keywords of an element-wise loss, with their defaults."""
    own = {} if entry["parameter"] is None else {entry["parameter"]: entry["default"]}
    return {**own, "weight": None, "reduction": "mean"}


def signature_of_loss(entry: dict[str, Any]) -> inspect.Signature:
    """The signature of an element-wise loss."""
    return _signature([entry["x"], "target"], keywords_of_loss(entry))


def of_loss(entry: dict[str, Any]) -> str:
    """The docstring of an element-wise loss."""
    parameter = ""
    if entry["is_positive"]:
        parameter = f"{entry['parameter']} : float\n    Positive.\n"
    elif entry["parameter"] is not None:
        parameter = f"{entry['parameter']} : float or array_like\n    Of a shape that broadcasts to that of "
        parameter += f"`{entry['x']}`.\n"
    float32, float64 = entry["max_ulp"]
    return _LOSS.format(
        name=entry["name"],
        signature=signature_of_loss(entry),
        about=entry["about"],
        formula=entry["formula"],
        gradient=entry["gradient"],
        x=entry["x"],
        targets=" Targets are -1 or 1." if entry["has_signs"] else "",
        parameter=parameter,
        divisor="the sum of the weights"
        if entry["mean_of_weights"]
        else "the number of elements, whatever their weights",
        float32=f"{float32:g}",
        float64=f"{float64:g}",
        terms=f", of the largest of the terms {entry['terms']}" if entry["terms"] else "",
    )
