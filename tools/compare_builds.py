"""Is any cell slower than in an earlier build? Two builds, each timed in a process of its own, by turns.

    git worktree add ../before COMMIT
    (cd ../before && python setup.py build_ext --inplace)
    taskset -c 1 python tools/compare_builds.py ../before .

A machine whose speed drifts changes both of two times that are taken one after the other, and hardly
their ratio. Each cell is the median of such ratios; cells beyond the limit are measured once more,
with more rounds. Both builds must offer what is called here, and run on this interpreter.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DIRECTIONS = ("forward", "new array", "backward", "value_and_derivative", "every second")
DTYPES = ("float32", "float64")
SIZES = (10, 1_000, 100_000)
SHAPES = ((1, 8, 8), (4, 100, 100), (32, 64, 64), (64, 256, 256))  # rows, inputs, outputs
LAYERS = ("identity", "relu", "tanh", "gelu")
ROUNDS = 5
MORE_ROUNDS = 15
BATCH = 0.002  # seconds
BATCHES = 3

Cell = tuple[str, str, str, tuple[int, ...]]


def cells(activations: list[str], sizes: list[int]) -> Iterator[Cell]:
    """What is timed: activation, direction, dtype, and either a length or a layer's shape."""
    for name, direction, dtype, n in itertools.product(activations, DIRECTIONS, DTYPES, sizes):
        yield name, direction, dtype, (n,)
    for name, direction, dtype, shape in itertools.product(LAYERS, ("dense", "layer"), DTYPES, SHAPES):
        if name in activations:
            yield name, direction, dtype, shape


def elementwise_call(name: str, direction: str, dtype: str, n: int) -> Callable[[], Any]:
    """One call of an activation, on inputs of scale 2."""
    import fastact as fa

    activation, generator = fa.get(name), np.random.default_rng(0)
    x, grad_y = (generator.normal(0, scale, n).astype(dtype) for scale in (2, 1))
    out, derivative, strided = np.empty_like(x), np.empty_like(x), np.repeat(x, 2)[::2]
    return {
        "forward": lambda: activation(x, out=out),
        "new array": lambda: activation(x),
        "backward": lambda: activation.backward(grad_y, x, out=out),
        "value_and_derivative": lambda: activation.value_and_derivative(x, out=(out, derivative)),
        "every second": lambda: activation(strided, out=out),
    }[direction]


def dense_call(name: str, direction: str, dtype: str, shape: tuple[int, ...]) -> Callable[[], Any]:
    """The inference, or the forward and the backward, of one dense layer."""
    import fastact as fa

    rows, inputs, outputs = shape
    generator = np.random.default_rng(0)
    sizes = ((rows, inputs), (inputs, outputs), (outputs,), (rows, outputs))
    x, w, b, grad_y = (generator.normal(0, 0.2, size).astype(dtype) for size in sizes)
    if direction == "dense":
        return lambda: fa.dense(x, w, b, activation=name)

    def layer() -> None:
        _, saved = fa.dense_forward(x, w, b, activation=name)
        fa.dense_backward(grad_y, x, w, saved, activation=name)

    return layer


def seconds(call: Callable[[], Any]) -> float:
    """The least mean time of a call among a few batches."""
    call()
    start = time.perf_counter()
    call()
    repeats = max(1, int(BATCH / max(time.perf_counter() - start, 1e-7)))
    best = math.inf
    for _ in range(BATCHES):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


def serve() -> None:
    """Answer each cell on standard input with its time: the process that has one of the builds."""
    import fastact as fa

    fa.set_num_threads(1)
    for line in sys.stdin:
        name, direction, dtype, shape = json.loads(line)
        elementwise = len(shape) == 1
        call = (
            elementwise_call(name, direction, dtype, *shape)
            if elementwise
            else dense_call(name, direction, dtype, shape)
        )
        print(seconds(call), flush=True)


class Build:
    """A process that has loaded one of the builds."""

    def __init__(self, folder: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.path.abspath(folder)}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )

    def __call__(self, cell: Cell) -> float:
        """The time of a cell, in seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(cell) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"compare_builds: the build in {self._process.args!r} ended at {cell}")
        return float(answer)


def ratio(old: Build, new: Build, cell: Cell, rounds: int) -> float:
    """The median ratio of the new time to the old one."""
    return statistics.median([new(cell) / old(cell) for _ in range(rounds)])


def names(folder: str) -> list[str]:
    """The activations that a build has."""
    code = "import fastact as fa; print(*fa.names())"
    environment = {**os.environ, "PYTHONPATH": os.path.abspath(folder)}
    return subprocess.check_output(
        [sys.executable, "-c", code], text=True, env=environment, cwd=folder
    ).split()


def report(ratios: dict[Cell, float], limit: float) -> None:
    """Means by direction and size, then each cell beyond the limit."""
    groups: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for (_, direction, _, shape), value in ratios.items():
        groups.setdefault((direction, shape), []).append(value)
    mean = statistics.geometric_mean
    print(f"{len(ratios)} cells, new over old: geometric mean {mean(ratios.values()):.3f}")
    for (direction, shape), values in groups.items():
        print(f"  {mean(values):.2f}  {direction} {'x'.join(map(str, shape))}")
    slower = sorted(((value, cell) for cell, value in ratios.items() if value > limit), reverse=True)
    print(f"{len(slower)} cells are slower by more than {limit - 1:.0%}")
    for value, (*words, shape) in slower:
        print(f"  {value:.2f}  {' '.join(words)} {'x'.join(map(str, shape))}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", nargs="?", help="folder of the earlier build")
    parser.add_argument("new", nargs="?", help="folder of the later build")
    parser.add_argument("--activations", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument(
        "--sizes", nargs="+", metavar="N", type=int, default=SIZES, help="default: 10 1000 100000"
    )
    parser.add_argument(
        "--limit", type=float, default=1.1, help="report cells slower than this (default: %(default)s)"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.new is None:
        parser.error("two folders are needed: those of the earlier and of the later build")
    old, new = Build(options.old), Build(options.new)
    chosen = cells(options.activations or names(options.old), options.sizes)
    ratios = {cell: ratio(old, new, cell, ROUNDS) for cell in chosen}
    for cell in [cell for cell, value in ratios.items() if value > options.limit]:
        ratios[cell] = ratio(old, new, cell, MORE_ROUNDS)
    report(ratios, options.limit)


if __name__ == "__main__":
    main()
