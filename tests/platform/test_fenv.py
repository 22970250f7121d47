"""The caller's floating-point state: neither used nor changed. x86-64, where that state is MXCSR.

Knows MXCSR's bits; does not know any activation.
"""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="MXCSR is x86's")

DEFAULT = 0x1F80
FLUSH_AND_DENORMALS_ARE_ZERO = DEFAULT | 0x8000 | 0x0040
ROUND_UP = DEFAULT | 0x4000
FLAGS = 0x003F

SOURCE = """
#include <xmmintrin.h>
unsigned get(void) { return _mm_getcsr(); }
void set(unsigned state) { _mm_setcsr(state); }
"""


class State:
    """Reads and writes MXCSR of the calling thread."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.get, self._set = library.get, library.set
        self.get.restype = ctypes.c_uint

    @contextmanager
    def held(self, value: int) -> Iterator[None]:
        """Without garbage collections, whose observers (hypothesis times them) leave flags of their own."""
        before, collects = self.get(), gc.isenabled()
        gc.disable()
        self._set(ctypes.c_uint(value))
        try:
            yield
        finally:
            self._set(ctypes.c_uint(before))
            if collects:
                gc.enable()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    folder: Path = tmp_path_factory.mktemp("state")
    (folder / "state.c").write_text(SOURCE)
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", "state.so", "state.c"]
    subprocess.run(command, cwd=folder, check=True)
    return State(ctypes.CDLL(str(folder / "state.so")))


def subnormals(call: helpers.Call, dtype: type, n: int) -> list[np.ndarray]:
    """Arguments rich in subnormal numbers, for which flushing makes a difference."""
    arrays = helpers.arguments(call, n, dtype)
    for array in arrays:
        tiny = np.finfo(dtype).smallest_subnormal
        array[::3] = np.arange(array[::3].size).astype(dtype) * tiny
    return arrays


@pytest.mark.parametrize("mode", [FLUSH_AND_DENORMALS_ARE_ZERO, ROUND_UP])
@pytest.mark.parametrize("n", [37, 100_000])
def test_same_bits_whatever_the_state(
    state: State, call: helpers.Call, dtype: type, mode: int, n: int
) -> None:
    """On the calling thread and, for the longer array, on all others too."""
    arrays = subnormals(call, dtype, n)
    want = helpers.each(call(*arrays))
    out = tuple(np.zeros(n, dtype) for _ in want)
    keyword = out if len(out) == 2 else out[0]
    with state.held(mode):
        call(*arrays, out=keyword)
        after = state.get()
    assert after & ~FLAGS == mode
    for got, one in zip(out, want, strict=True):
        oracle.assert_same_bits(got, one)


def test_no_flag_leaves(state: State, call: helpers.Call, dtype: type) -> None:
    """Inputs that overflow, underflow, are invalid or inexact on the way raise nothing."""
    arrays = subnormals(call, dtype, 4096)
    function, out = call.function, tuple(np.zeros(4096, dtype) for _ in range(call.results))
    keyword = out if len(out) == 2 else out[0]
    with state.held(DEFAULT):
        function(*arrays, out=keyword)
        after = state.get()
    assert after == DEFAULT, f"flags {after & FLAGS:#x}"


def test_float16_in_any_state(state: State, activation: fa.Activation) -> None:
    half = np.arange(2048, dtype=np.uint16).view(np.float16)
    want = activation(half)
    with state.held(FLUSH_AND_DENORMALS_ARE_ZERO):
        got = activation(half)
    oracle.assert_same_bits(got, want)


@pytest.mark.parametrize("value", [FLUSH_AND_DENORMALS_ARE_ZERO, ROUND_UP], ids=hex)
def test_rows(state: State, dtype: type, value: int) -> None:
    """Row-wise functions, subnormal probabilities and tiny losses among their results."""
    x = np.random.default_rng(6).normal(0, 40, (3, 50)).astype(dtype)
    labels = [0, 1, 2]

    def results() -> list[bytes]:
        loss, gradient = fa.softmax_cross_entropy.value_and_gradient(x, labels, label_smoothing=0.1)
        y = fa.softmax(x, temperature=0.7)
        return [np.asarray(a).tobytes() for a in (y, fa.log_softmax(x.T, axis=0), loss, gradient)]

    want = results()
    with state.held(value):
        got = results()
        assert state.get() & ~FLAGS == value
    assert got == want
