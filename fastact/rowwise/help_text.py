"""The help text of row-wise functions, made from the table.

Must not name any function.
"""

from __future__ import annotations

import inspect
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
    For dtypes other than real numbers, masked, lazy and labelled arrays, and unknown keywords.
ValueError
    For axes that the array does not have, and an `out` that is read-only or of another shape.

Notes
-----
Also ``{name}.backward(grad_y, x)``{from_output}, with the same keywords.
Error: at most {float32} ULP in float32 and {float64} ULP in float64; of the gradient, in ULP of the largest
term{also}. Results have the same bits whatever the position of a row, its stride, and the number of threads.
NaN in a row gives NaN. {special}

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> y = fa.{name}(np.zeros((2, 4), np.float32))
>>> y.shape, y.dtype
({shape}, dtype('float32'))
"""


def signature(entry: dict[str, Any]) -> inspect.Signature:
    """The signature of a function."""
    keywords: dict[str, Any] = {"axis": -1}
    if entry["has_temperature"]:
        keywords["temperature"] = 1.0
    keywords["where"] = True
    if entry["has_one_result"]:
        keywords["keepdims"] = False
    keywords["out"] = None
    kind = inspect.Parameter.KEYWORD_ONLY
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)
    return inspect.Signature([x, *(inspect.Parameter(n, kind, default=d) for n, d in keywords.items())])


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
        result="The shape of `x` without the axes" if one else "Of the shape of `x`",
        from_output="" if one else f" and\n``{entry['name']}.backward_from_output(grad_y, y)``",
        float32=f"{float32:g}",
        float64=f"{float64:g}",
        also=", as of the function itself where it is near 0" if one else "",
        special=_special(entry),
        shape="(2,)" if one else "(2, 4)",
    )


def _special(entry: dict[str, Any]) -> str:
    """What infinities give."""
    if entry["has_one_result"]:
        return "Where all elements are -inf\nthe result is -inf; with +inf it is +inf."
    if entry["gradient"] == "0":
        return "Infinities are elements like others."
    return "Where one element is +inf the result\nis the limit; with several of them it is NaN."
