"""Threads: the same bits for any number of them, the limits obeyed, forks and nesting survived.

Knows what limits exist; does not know how work is shared out, nor any activation.
"""

from __future__ import annotations

import os
import time
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
