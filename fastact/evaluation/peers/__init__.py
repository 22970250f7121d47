"""Other libraries as contestants: one module each, none of which has to be installed.

Knows which modules there are. A module knows its library's own names for activations, and has a class
``Peer`` that is a ``contestants.Contestant``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib import metadata

from fastact.evaluation.speed.contestants import Contestant

MODULES = {
    "PyTorch": "pytorch",
    "JAX": "jax_nn",
    "ONNX Runtime": "onnx_runtime",
    "numba": "numba_loops",
    "numexpr": "numexpr_text",
    "SciPy": "scipy_special",
}
_PACKAGES = {"PyTorch": "torch", "JAX": "jax", "ONNX Runtime": "onnxruntime"}  # where the name is another


def versions(names: Iterable[str]) -> dict[str, str]:
    """The versions of those peers that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(_PACKAGES.get(name, name))
        except metadata.PackageNotFoundError:
            continue
    return found


def installed() -> tuple[list[Contestant], dict[str, str]]:
    """The peers that are installed, and for each of the others the package that is missing."""
    found: list[Contestant] = []
    absent: dict[str, str] = {}
    for name, module in MODULES.items():
        try:
            found.append(importlib.import_module(f"{__name__}.{module}").Peer())
        except ModuleNotFoundError as error:
            absent[name] = str(error.name)
    return found, absent
