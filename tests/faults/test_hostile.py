"""A process in which memory is short, signals arrive, environment variables are wrong, other processes are
started or pickles are damaged: right values, or an error that says what is wrong; never a crash, and right
values afterwards."""

from __future__ import annotations

import helpers
import pytest
from effort import EXAMPLES

COMMON = """
import ctypes, os, pickle, random, resource, signal, sys, threading, numpy as np, fastact as fa
N = {n}
rng = np.random.default_rng(0)
x = rng.normal(size=(N, 300)).astype("f4")
w, b = (rng.normal(size=s).astype("f4") / 20 for s in ((300, 300), (300,)))
net = fa.Network([(w, b, "gelu"), (w, None, "relu"), (w, b, None)])
by_layer = fa.Network([(w, b, fa.surrogate("relu", "gelu")), (w, b, "tanh")])
slopes = np.full(300, 0.25, "f4")
def both(layers):
    y, saved = layers.forward(x)
    return y, layers.backward(y, saved)
def dense(activation, **keywords):
    y, saved = fa.dense_forward(x, w, b, activation=activation)
    return y, fa.dense_backward(y, x, w, saved, **keywords)
CALLS = [
    lambda: fa.gelu(x),
    lambda: fa.gelu(x[:, ::2]),
    lambda: fa.gelu.backward(x, x.T.copy().T),
    lambda: fa.prelu.value_and_derivative(x, weight=slopes),
    lambda: fa.prelu.parameter_gradients(x, x, weight=slopes),
    lambda: fa.ufuncs.gelu(x.astype("f2")),
    lambda: fa.mixed(["relu"] * 150 + ["tanh"] * 150)(x),
    lambda: fa.surrogate("step", "arctan").value_and_derivative(x),
    lambda: fa.dense(x, w, b, activation="gelu"),
    lambda: fa.dense(x.astype("f8"), w[:, ::-1]),
    lambda: dense("tanh"),
    lambda: dense("relu"),
    lambda: dense(fa.get("prelu", weight=slopes), need_parameters=True),
    lambda: net.predict(x),
    lambda: both(net),
    lambda: both(by_layer),
]
def flat(result):
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return b"".join(map(flat, result))
    return b"" if result is None else np.asarray(result).tobytes()
"""

SHORT = """
def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
wants = [hash(flat(call())) for call in CALLS]  # threads are started, pools are filled
counts = dict.fromkeys(["MemoryError", "done"], 0)
for number, (call, want) in enumerate(zip(CALLS, wants)):
    for room in {rooms}:
        ctypes.CDLL(None).malloc_trim(0)
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + room, -1))
        try:
            result = call()
            counts["done"] += 1
        except MemoryError:
            result = None
            counts["MemoryError"] += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        assert result is None or hash(flat(result)) == want, (number, room)
        del result
        assert hash(flat(call())) == want, ("afterwards", number, room)
assert min(counts.values()) > 3, counts
"""


ROOMS = (0, 2**18, 2**19, 2**20, 3 * 2**20, 2**23, 2**25, 2**28) if EXAMPLES else (0, 2**20, 2**25)


@pytest.mark.parametrize("threads", [1, 2] if EXAMPLES else [2])
def test_memory_that_is_short_at_any_step(threads: int) -> None:
    code = f"{COMMON.format(n=1200)}\nfa.set_num_threads({threads})\n{SHORT.format(rooms=ROOMS)}"
    helpers.output_of(code, timeout=300, PYTHONHASHSEED="0")


SIGNALS = """
class Interruption(BaseException):
    pass
def interrupt(*_):
    raise Interruption
wants = [hash(flat(call())) for call in CALLS]
signal.signal(signal.SIGALRM, interrupt)
picked, interrupted = random.Random(0), 0
for _ in range({rounds}):
    number = picked.randrange(len(CALLS))
    delay = picked.uniform(1e-5, 3e-3)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            result = hash(flat(CALLS[number]()))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        assert result == wants[number], number
    except Interruption:
        interrupted += 1
assert interrupted > 5, interrupted
assert [hash(flat(call())) for call in CALLS] == wants
"""


def test_signals_at_any_time() -> None:
    """Handlers raise exceptions, as Ctrl-C does; nothing is left half done."""
    code = COMMON.format(n=200) + SIGNALS.format(rounds=EXAMPLES or 60)
    helpers.output_of(code, timeout=600, PYTHONHASHSEED="0")


PROCESSES = """
import multiprocessing, warnings
from concurrent.futures import ThreadPoolExecutor
if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forking with threads
    want = net.predict(x)
    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(lambda: [both(net) for _ in range(5)]) for _ in range(3)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for found in pool.map(net.predict, [x] * 4):
                assert np.array_equal(found, want)
        [one.result() for one in busy]
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert np.array_equal(pool.apply(net.predict, (x,)), want)
            y, saved = fa.dense_forward(x, w, b, activation="relu")
            for got, one in zip(pool.apply(fa.dense_backward, (y, x, w, saved)), dense("relu")[1]):
                assert np.array_equal(got, one)
"""


def test_other_processes_while_threads_compute(tmp_path: object) -> None:
    file = tmp_path / "program.py"
    file.write_text(COMMON.format(n=200) + PROCESSES)
    done = helpers.run([helpers.sys.executable, str(file)], 120)
    assert done.returncode == 0, done.stderr[-2000:]


# Environment ----------------------------------------------------------------------------------------

WORKS = "import numpy as np, fastact as fa; x = np.ones(100_000); print((fa.relu(x) == 1).all())"
HOSTILE = {
    "FASTACT_ISA": ["none such", "AVX2", "sse2 ", "²", "x" * 5000, "%s%n", "sse2,avx2", "\n"],
    "FASTACT_NUM_THREADS": ["²", "٣", "4294967297", "-1", "0", "1e3", "9" * 400, "2 2", "0x2", "%s", "\n"],
    "OMP_NUM_THREADS": ["²", "-1", "0", "99999999999999999999", "2,3", "abc", " 2 ", "1" * 3000],
    "OMP_THREAD_LIMIT": ["-1", "abc", "1"],
    "OMP_SCHEDULE": ["abc"],
    "FASTACT_NONE_SUCH": ["1"],
}


@pytest.mark.parametrize("variable", HOSTILE)
def test_environment_variables(variable: str) -> None:
    """The package works, or the error names the variable."""
    values = HOSTILE[variable] if EXAMPLES else HOSTILE[variable][:2]
    for value in values:
        done = helpers.python(WORKS, 60, **{variable: value})
        if done.returncode == 0:
            assert done.stdout.strip() == "True", value
        else:
            assert done.returncode == 1, (value, done.returncode, done.stderr)
            assert f"ValueError: environment variable {variable}" in done.stderr, (value, done.stderr)


# Pickles ----------------------------------------------------------------------------------------------

PICKLES = """
resource.setrlimit(resource.RLIMIT_AS, (2**34, -1))
small, wide = np.ones((3, 4), "f4"), np.ones((4, 2), "f4")
y, saved = fa.dense_forward(small, wide, activation="relu")
objects = [
    (saved, lambda s: fa.dense_backward(y, small, wide, s)),
    (fa.dense_forward(small, wide, activation="tanh")[1], lambda s: fa.dense_backward(y, small, wide, s)),
    (fa.Network([(wide, None, "gelu")]), lambda n: both_of(n)),
    (fa.get("prelu", weight=np.ones(4, "f4")), lambda f: f.backward(small, small)),
    (fa.mixed(["relu", "relu", "gelu", "prelu"]), lambda f: f.backward(small, small)),
    (fa.surrogate("step", "elu"), lambda f: f.value_and_derivative(small)),
]
def both_of(network):
    h, kept = network.forward(small)
    return network.backward(h, kept)
picked = random.Random({seed})
sys.stderr = open(os.devnull, "w")
for _ in range({rounds}):
    made, use = picked.choice(objects)
    data = bytearray(pickle.dumps(made, protocol=picked.randrange(2, 6)))
    for _ in range(picked.randrange(1, 4)):
        at = picked.randrange(len(data))
        data[at] = picked.choice([picked.randrange(256), data[at] ^ (1 << picked.randrange(8)), 0, 255])
    if picked.random() < 0.2:
        del data[picked.randrange(len(data)):]
    try:
        with np.errstate(all="ignore"):
            use(pickle.loads(bytes(data)))
    except Exception:
        pass
assert all(use(made) is not None for made, use in objects)
print("survived")
"""


def test_damaged_pickles() -> None:
    """Whatever is loaded can be used without a crash, or is refused."""
    rounds = 20 * EXAMPLES or 1000
    code = COMMON.format(n=2) + PICKLES.format(seed=rounds, rounds=rounds)
    done = helpers.run([helpers.sys.executable, "-W", "ignore", "-c", code], 1200)
    assert done.stdout.strip().endswith("survived"), (done.returncode, done.stderr[-500:])
