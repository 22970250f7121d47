"""C: plain loops over the table's formulas, compiled on the spot with GCC and glibc's vector mathematics.

``-ffast-math`` vectorises exp and its like. It is left out where the library is linked: there it would make
the whole process flush subnormal numbers to zero.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import fastact
from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, ElementwiseCase, directions
from fastact.evaluation.peers import base
from fastact.evaluation.peers.c_text import beginning, loop
from fastact.evaluation.train_cases import LEARNING_RATE, TrainCase

_COMPILER = "gcc"
_OPTIMIZED = ("-O3", "-ffast-math", "-fPIC", "-w")
_HERE = ("-march=native",)
_TARGETS = {
    "sse2": (),
    "avx2": ("-mavx2", "-mfma", "-mtune=native"),
    "avx512": ("-march=native", "-mprefer-vector-width=512"),
}

_ADAM = """\
void adam(real *restrict p, const real *restrict g, real *restrict m, real *restrict v, double rate,
          double unbiased, size_t n) {
    real r = rate, u = unbiased;
    for (size_t i = 0; i < n; i++) {
        m[i] = (real)0.9*m[i] + (real)0.1*g[i];
        v[i] = (real)0.999*v[i] + (real)0.001*g[i]*g[i];
        p[i] -= r*m[i]/(sqrt(v[i]*u) + (real)1e-8);
    }
}
"""


class Peer(base.Peer):
    """Loops with glibc's vector functions; they use one thread."""

    name = "C, libmvec"

    def __init__(self) -> None:
        """Compile an exponential function.

        Raises
        ------
        base.UnavailableError
            Unless the loop calls a vector function.
        """
        if shutil.which(_COMPILER) is None:
            raise base.UnavailableError(f"{_COMPILER}, which is not found")
        try:
            with tempfile.TemporaryDirectory() as folder:
                compiled = self._compile(Path(folder), _loops(fastact.get("exp")), "float64").read_bytes()
        except subprocess.CalledProcessError as error:
            raise base.UnavailableError(
                f"{_COMPILER} with glibc's libmvec: {error.stderr.strip()[-200:]}"
            ) from error
        if b"_ZGV" not in compiled:
            raise base.UnavailableError(f"{_COMPILER} that calls glibc's libmvec")
        self._library = cache(self._load)

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The loop with its arrays; a call by ctypes takes about a microsecond."""
        function = self._loop(case.function, case.direction, case.dtype)
        pointers = [ctypes.c_void_p(one.ctypes.data) for one in (*case.arguments, *case.results)]
        bound = partial(function, *pointers, ctypes.c_size_t(case.n))
        results = case.results if len(case.results) > 1 else case.results[0]

        def call() -> Any:
            bound()
            return results

        return call

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The loop; the derivative is what the value and derivative have."""
        function = self._loop(
            activation, "forward" if direction == "f" else "value_and_derivative", "float32"
        )

        def call(x: Array, out: Array) -> None:
            results = [out] if direction == "f" else [np.empty_like(out), out]
            arrays = [np.ascontiguousarray(x), *results]
            function(*(ctypes.c_void_p(one.ctypes.data) for one in arrays), ctypes.c_size_t(x.size))

        return call

    def train(self) -> Mapping[str, base.Way]:
        """Adam alone, in a plain loop."""
        return {"C": base.Way(self._adam)}

    def _adam(self, case: TrainCase) -> base.Call | None:
        if case.widths or case.optimizer != "Adam":
            return None
        p, g = case.states
        arrays = [p, g, np.zeros_like(p), np.zeros_like(p)]
        function = self._library_of([_ADAM], case.dtype).adam
        pointers = [ctypes.c_void_p(one.ctypes.data) for one in arrays]
        numbers = [ctypes.c_double(LEARNING_RATE), ctypes.c_double(1.0), ctypes.c_size_t(case.rows)]
        bound = partial(function, *pointers, *numbers)

        def call() -> list[Array]:
            bound()
            return arrays

        return call

    @property
    def version(self) -> str:
        """Of the compiler."""
        return compiler("-dumpfullversion").strip()

    def _loop(self, activation: Activation, direction: str, dtype: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._library(activation, dtype), direction)
        return found

    def _load(self, activation: Activation, dtype: str) -> ctypes.CDLL:
        """The library with all directions of an activation."""
        return self._library_of(_loops(activation), dtype)

    def _library_of(self, functions: list[str], dtype: str) -> ctypes.CDLL:
        with tempfile.TemporaryDirectory() as folder:
            made = self._compile(Path(folder), functions, dtype)
            library = made.with_suffix(".so")
            compiler("-shared", "-o", library, made, *self._linked(Path(folder)))
            return ctypes.CDLL(str(library))

    def _compile(self, folder: Path, functions: list[str], dtype: str) -> Path:
        """The object file with these functions."""
        source = folder / "loops.c"
        source.write_text("\n".join([beginning(dtype), *functions]))
        made = source.with_suffix(".o")
        compiler(*_OPTIMIZED, *_TARGETS.get(fastact.isa(), _HERE), "-c", source, "-o", made)
        return made

    def _linked(self, folder: Path) -> tuple[str | Path, ...]:
        """What an object is linked with."""
        return ("-lmvec", "-lm")


def _loops(activation: Activation) -> list[str]:
    return [loop(name, activation, name) for name in directions(activation.name)]


def compiler(*arguments: str | Path) -> str:
    """What the compiler prints, called with these arguments.

    Raises
    ------
    FileNotFoundError, subprocess.CalledProcessError
        If it is not found; if it fails.
    """
    return subprocess.run([_COMPILER, *arguments], check=True, capture_output=True, text=True).stdout


def shared_library(text: str, *arguments: str) -> ctypes.CDLL:
    """C code, compiled with these arguments and loaded; raises what :func:`compiler` does, or OSError."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "calls.c", Path(folder) / "calls.so"
        source.write_text(text)
        compiler("-O2", "-fPIC", "-shared", "-w", "-o", made, source, *arguments)
        return ctypes.CDLL(str(made))
