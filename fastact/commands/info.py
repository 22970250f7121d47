"""Show version, CPU, instruction set, threads and their limits, OpenMP runtime and BLAS.

For bug reports, and to see what a process would use.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from fastact.evaluation.machine import facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(options: argparse.Namespace) -> int:
    """Print the facts."""
    found = facts()
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for label, value in _lines(found):
            print(f"{label:18}{value}")
    return 0


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    tiers = ", ".join(found["isas"])
    limits = ", ".join(f"{source}: {limit or 'no limit'}" for source, limit in found["thread_limits"].items())
    by = f", limited by {' and '.join(found['threads_limited_by'])}" if found["threads_limited_by"] else ""
    return [
        ("fastact", found["fastact"]),
        ("Python", found["python"]),
        ("NumPy", found["numpy"]),
        ("SciPy", found["scipy"]),
        ("system", found["system"]),
        ("CPU", f"{found['cpu']}, {found['cpus']} CPUs"),
        ("instruction set", f"{found['isa']} (this machine can run {tiers})"),
        ("threads", f"{found['threads']}{by}"),
        ("", limits),
        ("OpenMP", found["openmp"]),
        *(("BLAS", _blas(library)) for library in found["blas"]),
    ]


def _blas(library: dict[str, Any]) -> str:
    version = f"{library['name']} {library['version'] or 'of unknown version'}"
    if library["loaded"] is None:
        return f"{version} (NumPy was built with it; threadpoolctl shows what is loaded)"
    return f"{version}, {library['threads']} threads ({library['loaded']})"
