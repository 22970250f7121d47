"""The table of peers: other implementations of activations, none of which has to be installed.

A peer is one module with a class ``Peer``, a :class:`~fastact.evaluation.peers.base.Peer`, and one line in
:data:`MODULES`. The module says what its library calls each activation; the benchmarks and the accuracy
measurements all use it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from fastact.evaluation.extras import install_hint
from fastact.evaluation.peers.base import Peer, UnavailableError

MODULES = {
    "NumPy": "numpy",
    "Python": "python",
    "PyTorch": "torch",
    "JAX": "jax",
    "ONNX Runtime": "onnxruntime",
    "numba": "numba",
    "numexpr": "numexpr",
    "SciPy": "scipy",
    "C, libmvec": "c",
    "C, SVML": "svml",
    "oneDNN": "onednn",
}
TRAINING_ONLY = {"scikit-learn": "sklearn"}  # has no activations of its own
ALWAYS = ("NumPy", "Python")  # need nothing beside fastact's own requirements


def installed(names: Iterable[str] = MODULES) -> tuple[list[Peer], dict[str, str]]:
    """The peers that are installed, and what each of the others needs."""
    found: list[Peer] = []
    absent: dict[str, str] = {}
    for name in names:
        try:
            module = {**MODULES, **TRAINING_ONLY}[name]
            found.append(importlib.import_module(f"{__name__}.{module}").Peer())
        except ModuleNotFoundError as error:
            absent[name] = install_hint(error.name)
        except UnavailableError as error:
            absent[name] = str(error)
    return found, absent
