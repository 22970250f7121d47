"""Settings: the instruction set of the process, and limits on threads for the process or a ``with`` block."""

from __future__ import annotations

import operator
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from fastact import _core

_REFUSALS = {
    -2: "this build does not have it",
    -3: "this machine cannot run it",
}  # FA_INVALID, FA_UNSUPPORTED
_MOST_THREADS = 2**31 - 1  # an int of C


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
    """Names of the instruction sets that this machine can run, slowest first."""
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
        If this build does not have it, or this machine cannot run it.
    TypeError
        If the name is not a string.
    """
    if not isinstance(name, str):
        raise TypeError(f"fastact.set_isa: name is {name!r}; expected one of {', '.join(isas())}")
    _set_isa(name, "fastact.set_isa: name")


def _set_isa(name: str, blame: str) -> None:
    answer = _core.set_isa(name)
    if answer != 0:
        expected = f"expected one of {', '.join(isas())}"
        raise ValueError(f"{blame} is {name!r}: {_REFUSALS[answer]}; {expected}")


def check_environment() -> None:
    """Raise ValueError if FASTACT_ISA or FASTACT_NUM_THREADS is set to what cannot be used."""
    wanted = os.environ.get("FASTACT_ISA", "")
    if wanted:
        _set_isa(wanted, "environment variable FASTACT_ISA")
    threads = os.environ.get("FASTACT_NUM_THREADS", "")
    if threads and not (re.fullmatch("0*[1-9][0-9]{0,9}", threads.strip()) and int(threads) <= _MOST_THREADS):
        message = f"environment variable FASTACT_NUM_THREADS is {threads!r}"
        raise ValueError(f"{message}; expected a positive whole number up to {_MOST_THREADS}")


# Threads --------------------------------------------------------------------------------------------


def get_num_threads() -> int:
    """The most threads that one call may use.

    The smallest of ``OMP_NUM_THREADS``, the CPUs that this process may run on, its cgroup's CPU quota, any
    limit set by threadpoolctl, and the limit set by the innermost :func:`num_threads` block, else by
    :func:`set_num_threads`, else by ``FASTACT_NUM_THREADS``. A C client of fastact may limit the calling
    thread further, or replace OpenMP's threads by its own, for which OpenMP's limits do not count. In a
    forked child it is 1.
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
        If n is not a whole number from 1 to 2147483647.
    """
    _core.set_num_threads(0 if n is None else _count("fastact.set_num_threads", n))


def _count(function: str, n: object) -> int:
    """n as an int, or a ValueError."""
    try:
        found = 0 if isinstance(n, bool) else operator.index(n)  # type: ignore[arg-type]
    except TypeError:
        found = 0
    if not 1 <= found <= _MOST_THREADS:
        expected = f"a whole number of at least 1 and at most {_MOST_THREADS}"
        raise ValueError(f"{function}: n is {n!r}; expected {expected}")
    return found


class _Block:
    """One ``with`` block: its limit, until it is left."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = True


# Blocks that were entered in this context, innermost last. Blocks of generators and tasks overlap in any
# order, so a block that is left is marked and removed, and the innermost open one applies
_blocks: ContextVar[tuple[_Block, ...]] = ContextVar("fastact.num_threads", default=())
_lock = threading.Lock()
_open_blocks: set[_Block] = set()


def _limit_of_context() -> int:
    return next((block.limit for block in reversed(_blocks.get()) if block.open), 0)


def _renew_lock() -> None:
    """In a forked child the thread that held the lock may be missing."""
    global _lock
    _lock = threading.Lock()


_core.use_context_limit(_limit_of_context)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _keep(block: _Block, is_open: bool) -> None:
    """Enter or leave a block in the calling context."""
    block.open = is_open
    _blocks.set(tuple(other for other in _blocks.get() if other.open) + ((block,) if is_open else ()))
    with _lock:
        (_open_blocks.add if is_open else _open_blocks.discard)(block)
        _core.count_blocks(len(_open_blocks))


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Limit the threads that one call may use, within a ``with`` block.

    The limit holds for calls from the thread, or the asyncio task, that entered the block. Blocks may be
    nested; the innermost applies.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        If n is not a whole number from 1 to 2147483647.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.num_threads(1):
    ...     fa.get_num_threads()
    1
    """
    block = _Block(_count("fastact.num_threads", n))
    _keep(block, True)
    try:
        yield
    finally:
        _keep(block, False)


def get_include() -> str:
    """Path of the folder that contains ``fastact.h``, for a C compiler's include path."""
    return str(Path(__file__).parent / "include")


def get_library() -> str:
    """Path of the shared library ``libfastact.so``, which this package itself uses.

    ``python -m fastact config`` prints the options with which a C compiler includes the header and links
    to the library.
    """
    return str(Path(__file__).parent / "lib" / "libfastact.so")
