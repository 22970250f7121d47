"""Threads, forks, floating-point state and memory of dense layers."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import helpers
import numpy as np
import pytest
from dense_cases import forward_and_backward, layer

import fastact as fa
from fastact import _core

pytestmark = pytest.mark.usefixtures("restore_threads")
SHAPES = [
    (64, 256, 256),
    (200, 800, 300),
    (900, 777, 1100),
    (1000, 300, 200),
    (400, 64, 1100),
    (37, 500, 700),
    (2000, 130, 10),
]


@pytest.mark.parametrize("isa", fa.isas())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bits_for_any_number_of_threads(shape: tuple[int, int, int], dtype: type, isa: str) -> None:
    before = fa.isa()
    case = layer(*shape, dtype)
    fa.set_isa(isa)
    try:
        results = []
        for threads in (1, 2, 3):
            fa.set_num_threads(threads)
            results.append([a.tobytes() for a in forward_and_backward(case, "tanh")[:4]])
    finally:
        fa.set_isa(before)
    assert results[0] == results[1] == results[2]


def test_same_bits_for_stacks(dtype: type) -> None:
    case = layer(32, 64, 64, dtype, stack=(40,))
    results = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        results.append(forward_and_backward(case, "gelu")[:4])
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


def test_many_python_threads_at_once() -> None:
    case = layer(100, 200, 300, np.float32)
    want = [a.tobytes() for a in forward_and_backward(case, "gelu")[:4]]

    def same(_: int) -> bool:
        return [a.tobytes() for a in forward_and_backward(case, "gelu")[:4]] == want

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(40)))


FORK = """
import os, numpy as np, fastact as fa
x, w = np.ones((500, 300), np.float32), np.ones((300, 400), np.float32)
want = fa.dense(x, w, activation="gelu").tobytes()
child = os.fork()
if child == 0:
    os._exit(0 if fa.dense(x, w, activation="gelu").tobytes() == want else 1)
print(os.waitpid(child, 0)[1])
"""


def test_forked_child() -> None:
    assert helpers.output_of(FORK) == "0"


def test_infinite_and_tiny_values_raise_no_warnings(activation: fa.Activation, dtype: type) -> None:
    """conftest makes any floating-point flag that reaches NumPy an error."""
    x = np.array([[np.inf, 1, 1], [np.nan, 0, 0], [1e-30, 1e-30, 0], [3e30, 3e30, -3e30]], dtype)
    w = np.array([[1e-20, 1e20], [-1, 0], [1, 3e30]], dtype)
    y, saved = fa.dense_forward(x, w, activation=activation)
    fa.dense_backward(np.full_like(y, 1e30), x, w, saved)
    assert (np.float64(1) + y.shape[0]) == 5  # a flag left behind would be raised here


MEMORY = """
import resource, numpy as np, fastact as fa
fa.set_num_threads(1)
x, w = np.ones((1000, 1000), np.float32), np.ones((1000, 4000), np.float32)
y, saved = fa.dense_forward(x, w, activation="relu")
outs = (np.empty_like(x), np.empty_like(w), None)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {room}, -1))
before = y.tobytes() if {room} > 2**24 else None
try:
    fa.dense_backward(y, x, w, saved, out=outs)
    print("done")
except MemoryError:
    print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
used = int(open("/proc/self/statm").read().split()[1])
for _ in range(5):
    fa.dense_backward(y, x, w, saved, out=outs)
grown = int(open("/proc/self/statm").read().split()[1]) - used
print("leak" if grown * resource.getpagesize() > 64e6 else "no leak")
"""


def test_out_of_memory() -> None:
    """The workspace here takes 16 MB for w^T and 6 MB for a tile of delta."""
    assert helpers.output_of(MEMORY.format(room=2**20)).split("\n") == ["MemoryError", "no leak"]
    assert helpers.output_of(MEMORY.format(room=2**28)).split("\n") == ["done", "no leak"]


def test_no_temporary_as_large_as_the_batch() -> None:
    code = """
import resource, numpy as np, fastact as fa
fa.set_num_threads(1)
x, w = np.ones((200_000, 64), np.float32), np.ones((64, 64), np.float32)
y, saved = fa.dense_forward(x, w, activation="gelu")
outs = (np.ones_like(x), np.ones_like(w), None)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fa.dense_forward(x, w, activation="gelu", out=(y, saved))
fa.dense_backward(y, x, w, saved, out=outs)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
"""
    assert int(helpers.output_of(code)) < 5_000  # kilobytes; x has 51,200


@pytest.mark.once
def test_num_threads_of_asyncio_tasks() -> None:
    """The limit of a task that waits inside a block is not that of another task's dense layers."""
    x, w = np.ones((200, 100), np.float32), np.ones((100, 100), np.float32)
    net = fa.Network([(w, None, "relu")])
    y, saved = net.forward(x)
    calls = [
        lambda: fa.dense(x, w),
        lambda: fa.dense_forward(x, w, activation="tanh"),
        lambda: fa.dense(x[:, ::2], w[::2], activation=fa.leaky_relu),
        lambda: net.predict(x),
        lambda: net.backward(y, saved),
    ]

    async def task(n: int, seen: list[int]) -> None:
        with fa.num_threads(n) if n else contextlib.nullcontext():
            for call in calls:
                call()
                seen.append(_core.limit_of_thread())
                await asyncio.sleep(0)

    async def everything() -> list[list[int]]:
        seen: list[list[int]] = [[], [], []]
        await asyncio.gather(*(task(n, seen[n]) for n in range(3)))
        return seen

    assert asyncio.run(everything()) == [[n] * len(calls) for n in range(3)]
