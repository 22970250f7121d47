"""Threads: the same bits for any number of them, the limits obeyed, forks and nesting survived.

Must not depend on how work is shared out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool

import helpers
import numpy as np
import oracle
import pytest
import threadpoolctl

import fastact as fa
from fastact import _core

MANY = 5 * 32768 + 77  # elements: enough for several threads, and no round number
CPUS = len(os.sched_getaffinity(0))

needs_two_cpus = pytest.mark.skipif(CPUS < 2, reason="this process may use one CPU only")


def layouts(call: helpers.Call, dtype: type) -> dict[str, list[np.ndarray]]:
    contiguous = helpers.arguments(call, MANY, dtype)
    wide = helpers.arguments(call, (MANY, 2), dtype)
    columns = helpers.arguments(call, (300, 1000), dtype)
    return {
        "contiguous": contiguous,
        "strided": [a[:, 0] for a in wide],
        "reversed": [a[::-1] for a in contiguous],
        "transposed": [a.T for a in columns],
        "broadcast": [columns[0], *(a[:1] for a in columns[1:])],
    }


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads(call: helpers.Call, dtype: type) -> None:
    rows = np.linspace(0.5, 2, 300)[:, None]
    for layout, arrays in layouts(call, dtype).items():
        keywords = {}
        if layout == "broadcast":
            parameters = helpers.activation_of(call).parameters
            keywords = {k: (v * rows).astype(dtype) for k, v in parameters.items()}
        fa.set_num_threads(1)
        want = helpers.each(call(*arrays, **keywords))
        for threads in (2, 3):
            fa.set_num_threads(threads)
            call(*arrays, **keywords)  # after a rest it may be alone; the next one is not
            for got, one in zip(helpers.each(call(*arrays, **keywords)), want, strict=True):
                oracle.assert_same_bits(got, one)


@needs_two_cpus
def test_large_arrays_start_threads_whatever_their_layout() -> None:
    """In fresh processes, where every thread beyond the first is ours. Contiguous, strided and broadcast
    operands must all be shared out; short ones must not be. Several calls, since the first may find that it
    is not worth starting threads for itself."""
    code = """
import os, numpy as np, fastact as fa
x = np.zeros((600, 1000), np.float32)
before = len(os.listdir("/proc/self/task"))
for _ in range(20):
    {}
print(fa.get_num_threads() if fa.get_num_threads() < 2 else len(os.listdir("/proc/self/task")) - before)
"""
    some = fa.names()[0]
    for statement, started in (
        (f"fa.{some}(x)", 1),
        (f"fa.{some}(x.T)", 1),
        (f"fa.{some}(x[:, ::2])", 1),
        (f"fa.{some}.backward(x[0], x)", 1),
        (f"fa.{some}(x[:10])", 0),
    ):
        printed = helpers.output_of(code.format(statement), OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="1")
        assert int(printed) == started, statement


def test_set_num_threads() -> None:
    default = fa.get_num_threads()
    fa.set_num_threads(1)
    assert fa.get_num_threads() == 1
    fa.set_num_threads(10**6)
    assert fa.get_num_threads() <= CPUS
    fa.set_num_threads(None)
    assert fa.get_num_threads() == default


@pytest.mark.usefixtures("restore_threads")
def test_num_threads_restores_what_was_set() -> None:
    fa.set_num_threads(1)
    with fa.num_threads(2):
        assert _core.thread_limits()["num_threads"] == 2
        with pytest.raises(KeyError), fa.num_threads(3):
            raise KeyError
        assert _core.thread_limits()["num_threads"] == 2
    assert _core.thread_limits()["num_threads"] == 0
    assert fa.get_num_threads() == 1


def limit() -> int:
    """The limit of the calling context, 0 for none."""
    return _core.thread_limits()["num_threads"]


def test_whole_numbers_of_numpy_are_accepted() -> None:
    with fa.num_threads(np.int64(1)):
        assert fa.get_num_threads() == 1
    fa.set_num_threads(np.int8(1))
    assert fa.get_num_threads() == 1
    fa.set_num_threads(2**31 - 1)
    fa.set_num_threads(None)


def test_num_threads_belongs_to_its_thread() -> None:
    """Blocks of two threads that overlap: each sees its own limit, and afterwards there is none."""
    inside, leave, seen = threading.Barrier(2), threading.Event(), {}

    def work(n: int) -> None:
        with fa.num_threads(n):
            inside.wait()
            fa.gelu(np.ones(MANY, np.float32))
            seen[n] = limit()
            leave.wait() if n == 2 else leave.set()
        seen[-n] = limit()

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {1: 1, 2: 2, -1: 0, -2: 0}
    assert limit() == 0


def test_num_threads_of_generators_that_overlap() -> None:
    """Left in the order in which they were entered."""

    def generator(n: int) -> Iterator[int]:
        with fa.num_threads(n):
            yield limit()

    first, second = generator(1), generator(2)
    assert (next(first), next(second)) == (1, 2)
    first.close()
    assert limit() == 2
    second.close()
    assert limit() == 0


def test_num_threads_of_asyncio_tasks() -> None:
    """A task that waits inside a block leaves no limit to the others on its thread, and finds its own again;
    what matters is the limit that C has during a call."""
    x = np.ones(MANY, np.float32)

    async def task(n: int, seen: list[int]) -> None:
        for _ in range(3):
            with fa.num_threads(n) if n else contextlib.nullcontext():
                for call in (fa.gelu, fa.ufuncs.gelu, fa.gelu.derivative):
                    call(x)
                    seen.append(_core.limit_of_thread())
                    await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def everything() -> list[list[int]]:
        seen: list[list[int]] = [[], [], []]
        await asyncio.gather(*(task(n, seen[n]) for n in range(3)))
        return seen

    assert asyncio.run(everything()) == [[n] * 9 for n in range(3)]
    assert limit() == 0


def test_a_block_that_is_left_elsewhere_is_left() -> None:
    """Entered on one thread and left on another: no limit stays on either."""
    block = fa.num_threads(1)
    block.__enter__()
    leaver = threading.Thread(target=block.__exit__, args=(None, None, None))
    leaver.start()
    leaver.join()
    assert limit() == 0
    fa.gelu(np.ones(MANY, np.float32))
    assert _core.limit_of_thread() == 0


@needs_two_cpus
def test_num_threads_limits_calls() -> None:
    """One thread in the block, whatever is called, and several outside."""
    code = """
import os, numpy as np, fastact as fa
x, before = np.zeros((600, 1000), np.float32), len(os.listdir("/proc/self/task"))
def started():
    for _ in range(20):
        fa.gelu(x), fa.ufuncs.gelu(x), fa.prelu(x, weight=x[0])
    return len(os.listdir("/proc/self/task")) - before
with fa.num_threads(1):
    alone = started()
print(alone, started())
"""
    environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "FASTACT_NUM_THREADS": None}
    assert helpers.output_of(code, **environment) == "0 1"


def test_a_forked_child_uses_one_thread_and_says_so() -> None:
    code = """
import os, fastact as fa
child = os.fork()
if child == 0:
    fa.set_num_threads(2)
    os._exit(fa.get_num_threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert helpers.output_of(code) == "1"


def test_blocks_in_a_child_forked_while_other_threads_enter_blocks() -> None:
    code = """
import os, threading, warnings, fastact as fa
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forking with threads
stop = threading.Event()
def work():
    while not stop.is_set():
        with fa.num_threads(1):
            pass
worker = threading.Thread(target=work)
worker.start()
try:
    for _ in range(200):
        child = os.fork()
        if child == 0:
            with fa.num_threads(1):
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
finally:
    stop.set()
    worker.join()
"""
    helpers.output_of(code, timeout=60)


@pytest.mark.parametrize("value", ["2147483647", " 2 ", "0002"])
def test_environment_of_threads_that_is_accepted(value: str) -> None:
    assert int(helpers.output_of(COUNT, FASTACT_NUM_THREADS=value)) >= 1


def test_threadpoolctl_limits_are_honoured() -> None:
    before = fa.get_num_threads()
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert fa.get_num_threads() == 1
    assert fa.get_num_threads() == before


COUNT = "import fastact as fa; print(fa.get_num_threads())"


@pytest.mark.parametrize("variable", ["FASTACT_NUM_THREADS", "OMP_NUM_THREADS"])
def test_environment_limits(variable: str) -> None:
    other = {"FASTACT_NUM_THREADS": None, "OMP_NUM_THREADS": None}
    assert helpers.output_of(COUNT, **{**other, variable: "1"}) == "1"
    unlimited = int(helpers.output_of(COUNT, **other))
    assert int(helpers.output_of(COUNT, **{**other, variable: "64"})) <= CPUS
    assert 1 <= unlimited <= CPUS


def test_importing_and_calling_does_not_change_openmp_settings() -> None:
    code = f"""
import threadpoolctl, numpy as np, fastact as fa
def pools(): return sorted((p["user_api"], p["num_threads"]) for p in threadpoolctl.threadpool_info())
before = pools()
fa.set_num_threads(1)
fa.{fa.names()[0]}(np.zeros(400000, np.float32))
assert pools() == before, (before, pools())
"""
    helpers.output_of(code)


@needs_two_cpus
def test_affinity_is_obeyed() -> None:
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n" + COUNT
    assert helpers.output_of(code, FASTACT_NUM_THREADS=None, OMP_NUM_THREADS=None) == "1"


@needs_two_cpus
def test_affinity_is_obeyed_when_it_changes_later() -> None:
    code = (
        "import os, fastact as fa; before = fa.get_num_threads()\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nprint(before, fa.get_num_threads())"
    )
    assert helpers.output_of(code, FASTACT_NUM_THREADS=None, OMP_NUM_THREADS="2").endswith(" 1")


FORK = """
import os, sys, threading, numpy as np, fastact as fa
x = np.linspace(-9, 9, 500000, dtype=np.float32)
want = [fa.get(name)(x) for name in fa.names()]
child = os.fork()
if child == 0:
    same = all(np.array_equal(fa.get(name)(x), w) for name, w in zip(fa.names(), want))
    os._exit(0 if same else 3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, status
assert all(np.array_equal(fa.get(name)(x), w) for name, w in zip(fa.names(), want))
"""


def test_fork_after_use() -> None:
    """The child must neither hang nor differ, and the parent must go on working."""
    helpers.output_of(FORK, timeout=60)


def test_fork_while_another_thread_is_computing() -> None:
    code = """
import os, threading, warnings, numpy as np, fastact as fa
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forking with threads
x = np.linspace(-9, 9, 500000, dtype=np.float32)
act = fa.get(fa.names()[-1])
want, stop = act(x), threading.Event()
def work():
    while not stop.is_set():
        act(x)
worker = threading.Thread(target=work)
worker.start()
try:
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(act(x), want) else 3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
finally:
    stop.set()
    worker.join()
"""
    helpers.output_of(code, timeout=60)


def test_multiprocessing_fork_pool_after_use() -> None:
    code = """
import multiprocessing, warnings, numpy as np, fastact as fa
warnings.simplefilter("ignore", DeprecationWarning)
x = np.linspace(-9, 9, 500000)
act = fa.get(fa.names()[-1])
want = act(x)
with multiprocessing.get_context("fork").Pool(2) as pool:
    for got in pool.map(act, [x, x, x]):
        assert np.array_equal(got, want)
"""
    helpers.output_of(code, timeout=60)


def test_many_python_threads_at_once(call: helpers.Call) -> None:
    """Several callers: one may have the threads, the others run alone; all get the same bits."""
    arrays = helpers.arguments(call, MANY, np.float32)
    want = helpers.each(call(*arrays))
    with ThreadPool(4) as pool:
        for result in pool.map(lambda _: call(*arrays), range(24)):
            for got, one in zip(helpers.each(result), want, strict=True):
                oracle.assert_same_bits(got, one)


def cpus_of_threads() -> dict[str, set[int]]:
    return {task: os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")}


@pytest.mark.usefixtures("restore_threads")
def test_threads_may_run_where_they_could_before() -> None:
    """A thread that is woken on another one's CPU moves, but only for once; it happens after pauses."""
    x = np.ones(10**6, np.float32)
    fa.set_num_threads(2)
    fa.gelu(x)
    fa.gelu(x)
    before = cpus_of_threads()
    for _ in range(5):
        time.sleep(0.1)
        fa.gelu(x)  # may be alone, and not wake anybody
        fa.gelu(x)
    after = cpus_of_threads()
    assert all(after[task] == before[task] for task in before.keys() & after.keys())
