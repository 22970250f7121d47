"""The help text of functions whose result has another number of elements along the axis.

Must not name any of them.
"""

from __future__ import annotations

import inspect
from typing import Any

_ENTRY = """{name}{signature}

{about}

    {result} = {formula}
    gradient with respect to x[i] = {gradient}

where x is a row: the n elements along the axis. g is the gradient with respect to the result y.

Parameters
----------
x : array_like
    Real numbers, of at least one axis. Integers and booleans are converted as ``numpy.exp`` does.
{pieces}axis : int
    The axis of a row.
out : ndarray, optional
    Where to store the result.

Returns
-------
ndarray
    Of the shape of `x`, but {length} along the axis; float32 stays float32.

Raises
------
TypeError
    For dtypes other than real numbers, masked, lazy and labelled arrays, and unknown keywords.
ValueError
    For {wrong_length}an axis that the array does not have, and an `out` that is read-only or of another
    shape.

Notes
-----
Also ``{name}.backward(grad_y, x)``{from_output}, with the same keywords.
Error: at most {float32:g} ULP in float32 and {float64:g} ULP in float64, of the gradient, too. NaN gives NaN.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> x = np.array([1.0, 3.0, -2.0, -4.0])
>>> fa.{name}(x{argument})
array({example})
>>> fa.{name}.backward(np.array({grad}), x{argument})
array({slopes})
"""


def keywords_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a function, with their defaults; `pieces` has none."""
    pieces = {"pieces": inspect.Parameter.empty} if entry["has_pieces"] else {}
    return {**pieces, "axis": -1, "out": None}


def signature(entry: dict[str, Any]) -> inspect.Signature:
    """The signature of a function."""
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)
    kind = inspect.Parameter.KEYWORD_ONLY
    others = [inspect.Parameter(name, kind, default=value) for name, value in keywords_of(entry).items()]
    return inspect.Signature([x, *others])


def of_entry(entry: dict[str, Any]) -> str:
    """The docstring of a function."""
    float32, float64 = entry["max_ulp"]
    given = {key: entry[key] for key in ("name", "about", "formula", "gradient")}
    own = _PIECES if entry["has_pieces"] else _TWICE
    return _ENTRY.format(**given, **own, signature=signature(entry), float32=float32, float64=float64)


_PIECES = {
    "result": "y",
    "pieces": "pieces : int\n    The number of elements of a piece; they follow each other along the axis.\n",
    "length": "one value for each piece",
    "wrong_length": "a number of elements along the axis that is not a multiple of `pieces`,\n    ",
    "from_output": "",
    "argument": ", pieces=2",
    "example": "[ 3., -2.]",
    "grad": "[0.5, 5.0]",
    "slopes": "[0. , 0.5, 5. , 0. ]",
}
_TWICE = {
    "result": "y[i] and y[n + i]",
    "pieces": "",
    "length": "twice as long",
    "wrong_length": "",
    "from_output": " and ``backward_from_output(grad_y, y)``",
    "argument": "",
    "example": "[1., 3., 0., 0., 0., 0., 2., 4.]",
    "grad": "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]",
    "slopes": "[ 1.,  2., -7., -8.]",
}
