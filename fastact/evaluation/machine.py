"""Facts about this machine and this process that a timing or a bug report depends on."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastact
from fastact import _core


def facts() -> dict[str, Any]:
    """Versions, CPU, instruction set, threads and libraries, as plain values.

    Examples
    --------
    >>> facts()["isa"] in facts()["isas"]
    True
    """
    limits = _core.thread_limits()
    threads = fastact.get_num_threads()
    return {
        "fastact": fastact.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": _scipy_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "isa": fastact.isa(),
        "isas": list(fastact.isas()),
        "threads": threads,
        "thread_limits": limits,
        "threads_limited_by": [source for source, limit in limits.items() if limit == threads],
        "openmp": _core.openmp_runtime(),
        "blas": blas_libraries(),
    }


def _scipy_version() -> str:
    try:
        import scipy
    except ModuleNotFoundError:
        return "not installed"
    return str(scipy.__version__)


def cpu_model() -> str:
    """The model of the CPU, or its architecture where the system does not report a model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def blas_libraries() -> list[dict[str, Any]]:
    """The BLAS libraries in this process; without threadpoolctl, the one that NumPy was built with."""
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        return [{"name": blas["name"], "version": blas["version"], "loaded": None}]
    return [
        {
            "name": library["internal_api"],
            "version": library["version"],
            "threads": library["num_threads"],
            "loaded": Path(library["filepath"]).name,
        }
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


class OtherProcesses:
    """How many CPUs other processes keep busy, counted from the construction of this object.

    Threads that share an array wait for the slowest of them, so that one busy CPU spoils timings with
    several threads.
    """

    def __init__(self) -> None:
        self._start = _clocks()

    def busy_cpus(self) -> float | None:
        """Their mean number so far; None where the system does not report it."""
        now = _clocks()
        if now is None or self._start is None:
            return None
        wall, own, every = (after - before for before, after in zip(self._start, now, strict=True))
        return max(every - own, 0.0) / wall if wall > 0 else 0.0


def _clocks() -> tuple[float, float, float] | None:
    """Seconds: of wall time, of CPU time of this process, and of CPU time of all."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal, *_ = (int(field) for field in first.split()[1:])
    ticks = user + nice + system + irq + softirq + steal
    return time.perf_counter(), time.process_time(), ticks / os.sysconf("SC_CLK_TCK")
