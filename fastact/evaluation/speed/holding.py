"""Hold all implementations to an instruction set, and one-thread runs to one CPU.

Libraries choose their instructions when they are loaded, by environment variables of their own, so that a
process which holds them is a new one.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastact

_HELD = "FASTACT_BENCH_HELD"  # set in the process that is held, to the name of the instruction set
_VARIABLES: Mapping[str, Mapping[str, str]] = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NUMBA_CPU_NAME": "haswell",
    },
    "sse2": {
        "ATEN_CPU_CAPABILITY": "default",
        "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NUMBA_CPU_NAME": "nehalem",
    },
}


def held() -> str | None:
    """The instruction set that this process is held to; None if it is not."""
    return os.environ.get(_HELD)


def below_the_best(isa: str | None) -> bool:
    """Whether a library that cannot be held would use more than the others."""
    return isa is not None and isa != fastact.isas()[-1]


def environment(isa: str, now: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a process in which fastact and the libraries use no more than `isa`."""
    found = {**now, _HELD: isa, "FASTACT_ISA": isa}
    if below_the_best(isa):
        found |= _VARIABLES.get(isa, {})
        found["XLA_FLAGS"] = f"{now.get('XLA_FLAGS', '')} {_VARIABLES[isa]['XLA_FLAGS']}".strip()
        found["NPY_DISABLE_CPU_FEATURES"] = " ".join(_numpy_features(isa))
    return found


def _numpy_features(isa: str) -> Iterator[str]:
    """NumPy's names of what it would use beyond `isa` on this CPU."""
    numpy: Any = importlib.import_module("numpy._core._multiarray_umath")
    for name in numpy.__cpu_dispatch__:
        beyond = isa == "sse2" or name.startswith(("AVX512", "X86_V4"))
        if beyond and numpy.__cpu_features__[name]:
            yield name


def run_held(isa: str, words: Sequence[str]) -> int:
    """Run Python with arguments in a process that is held; returns its exit status."""
    return subprocess.run([sys.executable, *words], env=environment(isa), check=False).returncode


# CPUs ----------------------------------------------------------------------------------------------


@contextmanager
def pinned() -> Iterator[None]:
    """Keep all threads of this process on one CPU, where the system can; afterwards, on those of before.

    Some libraries use a second CPU whatever their number of threads says.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _place({max(before)})  # the first CPU often serves interrupts
    try:
        yield
    finally:
        _place(before)  # threads that began meanwhile, too


def _threads_of_process() -> list[int]:
    try:
        return [int(task.name) for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return [0]  # the caller


def _place(cpus: Iterable[int], listed: Callable[[], list[int]] = _threads_of_process) -> None:
    for thread in listed():
        try:
            os.sched_setaffinity(thread, cpus)
        except ProcessLookupError:  # it has ended
            continue
