"""Process-wide settings: instruction set and threads.

Knows their names and checks them; does not know how either is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastact import _core

ISAS = ("sse2", "avx2", "avx512", "neon")


def isa() -> str:
    """Name of the instruction set in use.

    The best one that this machine supports, unless the environment variable ``FASTACT_ISA`` names
    another.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.isa() in fa.isas()
    True
    """
    return str(_core.isa())


def isas() -> tuple[str, ...]:
    """Names of the instruction sets that this machine can run, worst first."""
    found: tuple[str, ...] = _core.isas()
    return found


def set_isa(name: str) -> None:
    """Use another instruction set from now on, in the whole process.

    Parameters
    ----------
    name : str
        One of :func:`isas`.

    Raises
    ------
    ValueError
        If this build does not know the name, or this machine cannot run it.
    """
    _set_isa(name, "fastact.set_isa: name")


def _set_isa(name: str, blame: str) -> None:
    answer = _core.set_isa(name)
    if answer != 0:
        reason = "this machine cannot run it" if name in ISAS else "unknown"
        raise ValueError(f"{blame} is {name!r}: {reason}; expected one of {', '.join(isas())}")


def check_environment() -> None:
    """Raise ValueError if FASTACT_ISA or FASTACT_NUM_THREADS is set to what cannot be used."""
    wanted = os.environ.get("FASTACT_ISA", "")
    if wanted:
        _set_isa(wanted, "environment variable FASTACT_ISA")
    threads = os.environ.get("FASTACT_NUM_THREADS", "")
    if threads and not (threads.strip().isdigit() and int(threads) > 0):
        message = f"environment variable FASTACT_NUM_THREADS is {threads!r}"
        raise ValueError(f"{message}; expected a positive whole number")


def get_num_threads() -> int:
    """The most threads that one call may use.

    The smallest of ``OMP_NUM_THREADS``, ``FASTACT_NUM_THREADS`` or what :func:`set_num_threads` set, the
    CPUs this process may run on, its cgroup's CPU quota, and any limit set by threadpoolctl.
    """
    return int(_core.num_threads())


def set_num_threads(n: int | None) -> None:
    """Limit the threads that one call may use, in the whole process.

    Parameters
    ----------
    n : int or None
        At least 1; None returns to the default.

    Raises
    ------
    ValueError
        If n is not a whole number of at least 1.
    """
    if n is None:
        _core.set_num_threads(0)
        return
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"fastact.set_num_threads: n is {n!r}; expected a whole number of at least 1")
    _core.set_num_threads(n)


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Limit the threads within a ``with`` block.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.num_threads(1):
    ...     fa.get_num_threads()
    1
    """
    before = _core.thread_limits()["set_num_threads"]
    set_num_threads(n)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def get_include() -> str:
    """The folder to put on a C compiler's include path for ``fastact.h``."""
    return str(Path(__file__).parent / "include")


def get_library() -> str:
    """Path of the static library ``libfastact.a``; link it with ``-fopenmp -lm -lpthread``."""
    return str(Path(__file__).parent / "lib" / "libfastact.a")
