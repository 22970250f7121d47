"""What several tests need: the calls an activation offers, arguments for them, other processes.

Does not know any activation, nor the truth about one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fastact as fa

ROOT = Path(__file__).resolve().parent.parent
DTYPES = (np.float32, np.float64)


@dataclass(frozen=True)
class Call:
    """One way to call one activation: how many arrays it takes and gives."""

    name: str
    direction: str
    inputs: int
    results: int

    def __str__(self) -> str:
        return f"{self.name}-{self.direction}"

    @property
    def function(self) -> Callable[..., Any]:
        activation = fa.get(self.name)
        return activation if self.direction == "forward" else getattr(activation, self.direction)

    def __call__(self, *arrays: Any, **keywords: Any) -> Any:
        return self.function(*arrays, **keywords)


def calls() -> list[Call]:
    """Every direction of every activation."""
    shapes = (("forward", 1, 1), ("derivative", 1, 1), ("backward", 2, 1), ("value_and_derivative", 1, 2))
    every = [Call(name, *shape) for name in fa.names() for shape in shapes]
    from_output = [n for n in fa.names() if fa.get(n).output_formula is not None]
    return every + [Call(name, "backward_from_output", 2, 1) for name in from_output]


def activation_of(call: Call) -> fa.Activation:
    return fa.get(call.name)


def each(result: Any) -> tuple[Any, ...]:
    """One array or a pair, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def arguments(call: Call, shape: Any, dtype: type, seed: int = 0) -> list[np.ndarray]:
    """Random inputs for a call: mostly moderate, some large, tiny, zero, infinite and NaN."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(call.inputs):
        values = np.asarray(generator.normal(0, 3, shape))
        rare = generator.random(values.shape)
        for share, value in (
            (0.97, 0.0),
            (0.975, -0.0),
            (0.98, np.inf),
            (0.985, -np.inf),
            (0.99, np.nan),
            (0.993, 1e-40),
            (0.996, -3e30),
            (0.998, 1e30),
        ):
            values[rare > share] = value
        with np.errstate(under="ignore"):  # 1e-40 becomes subnormal
            made.append(values.astype(dtype))
    return made


def c_client(*source: str) -> list[str]:
    """Options and sources for a C compiler, so that what it makes uses the library of the package."""
    library = Path(fa.get_library())
    return [f"-I{fa.get_include()}", *source, str(library), f"-Wl,-rpath,{library.parent}"]


Done = subprocess.CompletedProcess[str]


def run(command: Sequence[str], timeout: float, **environment: str | None) -> Done:
    """Run a command beside the tests, with environment variables set, or removed where None."""
    merged = {**os.environ, **environment}
    return subprocess.run(
        command,
        env={key: value for key, value in merged.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=Path(__file__).parent,
        check=False,
    )


def python(code: str, timeout: float = 120, **environment: str | None) -> Done:
    """Run code in a fresh interpreter."""
    return run([sys.executable, "-W", "error", "-c", code], timeout, **environment)


def checks_passed(*command: str, **environment: str | None) -> int:
    """How many, as a program of checks tells in its closing line; none may fail."""
    done = run(command, 600, **environment)
    closing = done.stdout.strip().splitlines()[-1]
    assert re.fullmatch(r"\d+ passed, 0 failed", closing), done.stdout[-3000:]
    assert done.returncode == 0
    return int(closing.split()[0])


def output_of(code: str, timeout: float = 120, **environment: str | None) -> str:
    """What code that must succeed prints."""
    done = python(code, timeout, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
