"""A plugin with threads and a BLAS of its own: they serve Python's calls too, and change no bits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from types import ModuleType

import building
import numpy as np
import pytest
from scipy.linalg.blas import sgemm

import fastact as fa

pytestmark = pytest.mark.once
X = np.linspace(-9, 9, 10**6, dtype=np.float32)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    source = building.CLIENTS / "own_threads.pyx"
    return building.imported(building.compiled(source, tmp_path_factory.mktemp("plugin")))


@pytest.fixture
def installed(plugin: ModuleType) -> Iterator[ModuleType]:
    plugin.install()
    yield plugin
    plugin.remove()


def gelu_on_one_thread() -> np.ndarray:
    with fa.num_threads(1):
        return fa.gelu(X)


several = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this process may use one CPU only")


@several
def test_calls_of_python_use_the_pool(installed: ModuleType, restore_threads: None) -> None:
    if fa.get_num_threads() < 2:
        pytest.skip("a quota allows one thread")
    loops, tasks, _ = installed.counts()
    want = gelu_on_one_thread()
    assert installed.counts()[:2] == (loops, tasks)
    assert fa.gelu(X).tobytes() == want.tobytes()
    loops_after, tasks_after, _ = installed.counts()
    assert loops_after > loops
    assert tasks_after > tasks
    callers = [threading.Thread(target=lambda: results.append(fa.gelu(X))) for _ in range(4)]
    results: list[np.ndarray] = []
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all(result.tobytes() == want.tobytes() for result in results)


def test_removed(plugin: ModuleType) -> None:
    plugin.install()
    plugin.remove()
    before = plugin.counts()
    assert fa.gelu(X).tobytes() == gelu_on_one_thread().tobytes()
    assert plugin.counts() == before


@several
def test_limit_of_a_thread(plugin: ModuleType) -> None:
    """A limit that a library sets for a thread outlasts blocks of Python, and the smaller one holds."""
    usual = fa.get_num_threads()
    if usual < 2:
        pytest.skip("a quota allows one thread")
    plugin.limit_here(1)
    try:
        with fa.num_threads(2):
            assert fa.get_num_threads() == 1
            fa.gelu(X)
        assert fa.get_num_threads() == 1
        elsewhere: list[int] = []
        thread = threading.Thread(target=lambda: elsewhere.append(fa.get_num_threads()))
        thread.start()
        thread.join()
        assert elsewhere == [usual]
    finally:
        plugin.limit_here(0)
    plugin.limit_here(2)
    try:
        with fa.num_threads(1):
            assert fa.get_num_threads() == 1
        assert fa.get_num_threads() == 2
    finally:
        plugin.limit_here(0)
    assert fa.get_num_threads() == usual


def test_products_of_every_size(plugin: ModuleType) -> None:
    rng = np.random.default_rng(5)
    for rows, inputs, outputs in ((1, 1, 1), (3, 5, 7), (8, 64, 32)):
        x = rng.normal(size=(rows, inputs)).astype(np.float32)
        w = rng.normal(size=(inputs, outputs)).astype(np.float32)
        y = np.empty((rows, outputs), np.float32)
        before = plugin.counts()[2]
        assert plugin.relu_layer(x, w, y) == 0
        assert plugin.counts()[2] > before
        assert y.tobytes() == fa.relu(sgemm(1, w.T, x.T).T).tobytes()
