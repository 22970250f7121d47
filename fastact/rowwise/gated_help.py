"""The help text of gated pairs.

Must not name any of them.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastact.rowwise.gated import Gated

_PAIR = """{call}{signature}

{about}

    y = {formula}
    grad_{gate} = {to_gate}
    grad_{other} = {to_other}

where a and b are the halves of an array along an axis, or two arrays, and g is the gradient with respect
to y. f(t) = {activation}.

Parameters
----------
a : array_like
    Real numbers: both halves, or, if `b` is given, the first array.
b : array_like, optional
    Of the shape of `a`.
axis : int
    The axis along which one array is split.
swapped : bool
    Whether a and b change their roles.
{parameters}out : ndarray, optional
    Where to store the result; may be an input.

Returns
-------
ndarray
    float32 stays float32, and float16 is computed in float32.

Raises
------
TypeError
    For dtypes other than real numbers, masked, lazy and labelled arrays, and unknown keywords.
ValueError
    For an odd number of elements along the axis, shapes that do not fit, and an `out` that is read-only.

Notes
-----
Also ``{call}.backward(grad_y, a)`` and ``{call}.backward(grad_y, a, b)``, with the same keywords: both
gradients in one pass.
Error of results and gradients: at most {float32:g} ULP in float32, which is computed in float64 and rounded
once, and {float64:g} ULP in float64. There f and f' are rounded before they are multiplied: where they
overflow or are subnormal, so is what the result is made of. Results have the same bits whatever the position
of an element, its stride, and the number of threads. Gradients are 0 where a derivative is 0, also for an
infinite g.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> y = fa.{call}(np.zeros((2, 6), np.float32))
>>> y.shape, y.dtype
((2, 3), dtype('float32'))
"""
_PARAMETERS = """alpha : float
    f(t) = t/(1 + exp(-alpha*t)). Rounded to float32 in float32, except for 1.702.
limit : float, optional
    Positive. The argument of f is at most `limit`, the other factor is kept from -limit to limit; gradients
    are 0 where an input is not below its limit.
offset : float
    Added to the factor that is not the gate. gpt-oss has alpha=1.702, limit=7, offset=1.
"""


def signature(defaults: dict[str, Any]) -> inspect.Signature:
    """The signature of a pair with these parameters."""
    keywords = {"axis": -1, "swapped": False, **defaults, "out": None}
    data = [
        inspect.Parameter("a", inspect.Parameter.POSITIONAL_ONLY),
        inspect.Parameter("b", inspect.Parameter.POSITIONAL_ONLY, default=None),
    ]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([*data, *(inspect.Parameter(n, kind, default=d) for n, d in keywords.items())])


def of_pair(pair: Gated, about: str, defaults: dict[str, Any]) -> str:
    """The docstring of a pair."""
    gate, other = ("b", "a") if pair.gate_is_second else ("a", "b")
    bound = pair.max_ulp
    return _PAIR.format(
        call=pair.name if about else f'gated("{pair.activation.name}")',
        signature=signature(defaults),
        about=about
        or f"{pair.activation.name} of one factor times the other. Shazeer (2020), arXiv:2002.05202.",
        formula=f"f({gate})*{other}",
        gate=gate,
        other=other,
        to_gate=f"g*{other}*f'({gate})",
        to_other=f"g*f({gate})",
        activation=pair.activation.formula.replace("\n", " "),
        parameters=_PARAMETERS if defaults else "",
        float32=bound["float32"],
        float64=bound["float64"],
    )
