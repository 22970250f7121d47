"""Which float32 results differ from an earlier build, over all 2^32 inputs, and are they right?

    git worktree add ../before COMMIT
    (cd ../before && python setup.py build_ext --inplace)
    python tools/compare_bits.py ../before exp gelu

Where a build was measured at all inputs, a later one is proven by its results that differ: these alone are
compared with the exact values, which takes most of the time of an exhaustive run. The earlier build must
offer ``fastact.get``, and run on this interpreter. The exit status is 1 if an error exceeds the bound.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CHUNK = 1 << 18  # a part of a binade
PATTERNS = 1 << 32
DIRECTIONS = ("f", "f'")


def compute(name: str, direction: str, first: int, out: np.ndarray) -> None:
    """The results of this process's build at CHUNK bit patterns."""
    import fastact

    function = fastact.get(name)
    x = np.arange(first, first + CHUNK, dtype=np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        (function if direction == "f" else function.derivative)(x, out=out)


def work(shared: str) -> None:
    """Answer lines of standard input, each of which names a chunk, by results in the shared file."""
    import fastact

    if Path.cwd() not in Path(fastact.__file__).parents:
        raise SystemExit(f"{Path.cwd()} has no fastact of its own: {fastact.__file__} is imported")
    fastact.set_num_threads(1)
    out = np.memmap(shared, np.float32, "r+", shape=(CHUNK,))
    for line in sys.stdin:
        name, direction, first = line.split()
        compute(name, direction, int(first), out)
        print("done", flush=True)


class Before:
    """The earlier build, in a process of its own."""

    def __init__(self, folder: Path, shared: Path) -> None:
        shared.write_bytes(b"\0" * (4 * CHUNK))
        self.results = np.memmap(shared, np.float32, "r", shape=(CHUNK,))
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", shared],
            env=os.environ | {"PYTHONPATH": str(folder)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, name: str, direction: str, first: int) -> None:
        """Have a chunk computed."""
        assert self._process.stdin
        print(name, direction, first, file=self._process.stdin, flush=True)

    def wait(self) -> None:
        """Until it is.

        Raises
        ------
        RuntimeError
            If the process has ended.
        """
        assert self._process.stdout
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError("the process of the earlier build has ended; its message is above")


def compare(before: Before, name: str, direction: str, share: tuple[int, int]) -> bool:
    """Print how many results differ, and their errors; returns whether these are within the bound."""
    import fastact
    from fastact.evaluation.accuracy.errors import Errors, Exact
    from fastact.evaluation.accuracy.subjects import Subject
    from fastact.evaluation.accuracy.sweep import compared
    from fastact.evaluation.reference.values import Reference

    subject = Subject(fastact.get(name), direction).rounded("float32")
    reference = Reference(subject.text, subject.activation.parameters)
    got, errors, undecided = np.empty(CHUNK, np.float32), Errors(), 0
    k, n = share
    for first in range((k - 1) * CHUNK, PATTERNS, n * CHUNK):
        before.start(name, direction, first)
        compute(name, direction, first, got)
        before.wait()
        same = (got.view(np.uint32) == before.results.view(np.uint32)) | (
            np.isnan(got) & np.isnan(before.results)
        )
        at = np.flatnonzero(~same)
        if at.size:
            x = (at + first).astype(np.uint32).view(np.float32).astype(np.float64)
            measured = compared(reference, x, got[at], Exact.empty(at.size))
            errors, undecided = errors + measured.errors, undecided + measured.undecided
    right = errors.within(subject.bound("float32")) and undecided == 0
    verdict = "ok" if right else f"WRONG: bound {subject.bound('float32')}"
    print(f"{name} {direction}: {errors.points} differ, max {errors.max_ulp:.3f} ULP, ", end="")
    print(f"worst {errors.worst}, {undecided} undecided, {verdict}", flush=True)
    return right


def main() -> None:
    """Compare the build of this folder with an earlier one."""
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import fastact
    from fastact.commands.accuracy import share

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations; default: all")
    share_help = "the K-th of N interleaved shares"
    parser.add_argument("--slice", type=share, default=(1, 1), metavar="K/N", help=share_help)
    chosen = parser.parse_args()

    fastact.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        before = Before(chosen.before.resolve(), Path(folder, "results"))
        names = chosen.names or fastact.names()
        right = [compare(before, name, direction, chosen.slice) for name in names for direction in DIRECTIONS]
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
