"""Facts about this machine and process that a timing or a bug report depends on.

Knows where to ask for them. Does not know how they are shown.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import scipy

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
        "scipy": scipy.__version__,
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


def cpu_model() -> str:
    """The CPU's name, as precisely as the system tells it."""
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
