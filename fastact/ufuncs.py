"""The genuine NumPy ufuncs of every activation: NAME, NAME_derivative, NAME_backward and, where the
output determines the derivative, NAME_backward_from_output; for each learned parameter also
NAME_derivative_PARAMETER, which is df/dPARAMETER.

Parameters are ordinary inputs that follow the arrays, without defaults. Each ufunc pickles by its name
in this module. Knows how ufuncs are named and documented; does not know any activation.

Examples
--------
>>> import numpy as np
>>> from fastact import ufuncs
>>> ufuncs.leaky_relu(np.float32([-1, 2]), 0.5)
array([-0.5,  2. ], dtype=float32)
>>> isinstance(ufuncs.gelu, np.ufunc)
True
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import _core

_DIRECTIONS = {
    "": (_core.FORWARD, "x", "f(x) = {formula}"),
    "_derivative": (_core.DERIVATIVE, "x", "f'(x) = {derivative_formula}"),
    "_backward": (_core.BACKWARD, "grad_y, x", "grad_y * f'(x), f'(x) = {derivative_formula}"),
    "_backward_from_output": (
        _core.BACKWARD_FROM_OUTPUT,
        "grad_y, y",
        "grad_y * f'(x), from y = f(x): f' = {output_formula}",
    ),
}


def _make(row: dict[str, Any], suffix: str, direction: int, inputs: str, meaning: str) -> np.ufunc:
    name = row["name"] + suffix
    arguments = ", ".join([inputs, *row["parameters"]])
    doc = f"{name}({arguments})\n\n{meaning.format(**row)}\n\n{row['about']}"
    ufunc: np.ufunc = _core.make_ufunc(row["number"], direction, name, doc)
    if hasattr(ufunc, "__dict__"):  # NumPy 2.2 and later; earlier ones find the module by searching
        ufunc.__module__ = __name__
    return ufunc


def _all() -> dict[str, np.ufunc]:
    made = {}
    for row in _core.rows():
        for suffix in _DIRECTIONS:
            if row["from_output"] or suffix != "_backward_from_output":
                made[row["name"] + suffix] = _make(row, suffix, *_DIRECTIONS[suffix])
        for i, parameter in enumerate(row["parameters"]):
            if parameter in row["learned"]:
                meaning = f"df/d{parameter} = {row['learned'][parameter]}"
                suffix = f"_derivative_{parameter}"
                made[row["name"] + suffix] = _make(row, suffix, _core.BY_PARAMETER + i, "x", meaning)
    return made


def __getattr__(name: str) -> np.ufunc:
    raise AttributeError(f"module 'fastact.ufuncs' has no ufunc {name!r}; fastact.names() lists activations")


_made = _all()
globals().update(_made)
__all__ = list(_made)
