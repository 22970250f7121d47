"""The NumPy ufuncs behind the activations.

For every activation NAME there are ``NAME``, ``NAME_derivative``, ``NAME_backward`` and, where the output
determines the derivative, ``NAME_backward_from_output``; for each learned parameter also
``NAME_derivative_PARAMETER``, which is df/dPARAMETER.

Parameters are ordinary inputs that follow the arrays, without defaults. Each ufunc pickles by its name in
this module.

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


def _make(entry: dict[str, Any], suffix: str, direction: int, inputs: str, meaning: str) -> np.ufunc:
    name = entry["name"] + suffix
    arguments = ", ".join([inputs, *entry["parameters"]])
    doc = f"{name}({arguments})\n\n{meaning.format(**entry)}\n\n{entry['about']}"
    ufunc: np.ufunc = _core.make_ufunc(entry["number"], direction, name, doc)
    if hasattr(ufunc, "__dict__"):  # NumPy 2.2 and later; earlier ones find the module by searching
        ufunc.__module__ = __name__
    return ufunc


def _all() -> dict[str, np.ufunc]:
    made = {}
    for entry in _core.entries():
        for suffix in _DIRECTIONS:
            if entry["from_output"] or suffix != "_backward_from_output":
                made[entry["name"] + suffix] = _make(entry, suffix, *_DIRECTIONS[suffix])
        for i, parameter in enumerate(entry["parameters"]):
            if parameter in entry["learned"]:
                meaning = f"df/d{parameter} = {entry['learned'][parameter]}"
                suffix = f"_derivative_{parameter}"
                made[entry["name"] + suffix] = _make(entry, suffix, _core.BY_PARAMETER + i, "x", meaning)
    return made


def __getattr__(name: str) -> np.ufunc:
    raise AttributeError(f"module 'fastact.ufuncs' has no ufunc {name!r}; fastact.names() lists activations")


_made = _all()
globals().update(_made)
__all__ = list(_made)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
