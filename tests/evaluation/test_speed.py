"""The parts of the benchmarks: every case gives the right result for every contestant, and figures follow
from times as they should. Knows no timing: how fast anything is depends on the machine.
"""

from contextlib import nullcontext

import numpy as np
import pytest

import fastact
from fastact.evaluation.speed import cases, idiom, peers, results, roofline, timing
from fastact.evaluation.speed.cases import Case
from fastact.evaluation.speed.contestants import Fastact, NumpyIdiom, PurePython

ALL = list(cases.all_cases(sizes=[10]))


# Cases ---------------------------------------------------------------------------------------------


def test_cases_cover_every_row_direction_and_dtype():
    found = {(case.activation, case.direction, case.dtype) for case in ALL}
    for row in fastact.names():
        for dtype in ("float32", "float64"):
            for direction in ("forward", "backward", "value_and_derivative"):
                assert (row, direction, dtype) in found


@pytest.mark.parametrize("name", fastact.names())
def test_from_output_is_a_case_where_it_can_be_called(name):
    function, ones = fastact.get(name), np.ones(3)
    try:
        function.backward_from_output(ones, ones)
        possible = True
    except TypeError:
        possible = False
    assert ("backward_from_output" in cases.directions(name)) == possible


def test_an_unknown_activation_is_an_error():
    with pytest.raises(ValueError, match="unknown activation 'geluu'; nearest: gelu"):
        list(cases.all_cases(["geluu"]))


def test_inputs_are_reproducible_and_protected():
    x = Case("relu", "forward", "float32", 1000).x
    cases._array.cache_clear()
    again = Case("relu", "forward", "float32", 1000).x
    assert x is not again
    assert np.array_equal(x, again)
    assert 1.8 < x.std() < 2.2
    assert not x.flags.writeable


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_tails_show_in_uniform_inputs_and_in_bits(dtype):
    uniform = Case("relu", "forward", dtype, 10_000, "uniform").x
    assert uniform.dtype == dtype
    assert -30 <= uniform.min() < -29 < 29 < uniform.max() <= 30
    bits = Case("relu", "forward", dtype, 10_000, "bits").x
    assert bits.dtype == dtype
    assert np.isfinite(bits).all()
    assert 0.4 < (np.abs(bits) < 1).mean() < 0.6
    assert 0.4 < (bits < 0).mean() < 0.6
    assert len(np.unique(np.frexp(bits)[1])) > 200
    assert not bits.flags.writeable


def test_tails_are_timed_forward_and_backward_at_one_size():
    found = list(cases.all_cases(["tanh"], [10, 100_000], ["float32"], cases.INPUTS))
    assert len(found) == len(set(found)) == 2 * 4 + 2 * 2
    tails = {(case.direction, case.n, case.inputs) for case in found if case.inputs != "normal"}
    assert tails == {(d, 100_000, i) for d in ("forward", "backward") for i in ("uniform", "bits")}
    assert {str(case) for case in found} >= {"tanh-forward-float32-10", "tanh-forward-float32-100000-bits"}


def test_gradients_are_the_same_for_all_inputs():
    first, second = (Case("relu", "backward", "float32", 100, inputs) for inputs in ("normal", "bits"))
    assert first.grad_y is second.grad_y
    assert not np.array_equal(first.x, second.x)


# Contestants ---------------------------------------------------------------------------------------


def close(got, want, dtype):
    """Equal but for the rounding of a formula that is evaluated step by step."""
    tolerance = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_contestants_compute_the_same(case):
    with np.errstate(all="ignore"):
        ours, by_numpy = Fastact().callable(case)(), NumpyIdiom().callable(case)()
    pure = PurePython().callable(case)()
    close(ours, by_numpy, case.dtype)
    close(ours, np.transpose(pure), case.dtype)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_numpy_idiom_keeps_the_dtype_and_makes_new_arrays(case):
    with np.errstate(all="ignore"):
        got = NumpyIdiom().callable(case)()
    for array in got if isinstance(got, tuple) else (got,):
        assert array.dtype == case.dtype
        assert array.shape == (case.n,)
        assert not any(np.shares_memory(array, argument) for argument in case.arguments)


def test_fastact_writes_to_the_rooms_of_the_case():
    case = Case("gelu", "value_and_derivative", "float32", 10)
    assert all(one is room for one, room in zip(Fastact().callable(case)(), case.rooms, strict=True))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("x*sqrt(4)", "x * 2.0"),
        ("where(x > 0, 1, slope)", "where(x > 0, 1, 0.5)"),
        ("x**2 + 1/slope", "x ** 2 + 2.0"),
        ("x", "x"),
        ("-slope", "-0.5"),
    ],
)
def test_constants_are_computed_beforehand(text, folded):
    assert idiom.fold_constants(text, ("x",), {"slope": 0.5}) == folded


# Results -------------------------------------------------------------------------------------------


def cell(direction, **nanoseconds):
    return results.Cell(Case("relu", direction, "float32", 10), 1, nanoseconds)


def test_speed_ups_and_their_geometric_means():
    found = [
        cell("forward", fastact=10, NumPy=20),
        cell("forward", fastact=10, NumPy=80),
        cell("backward", fastact=5),
    ]
    assert [one.speed_up("NumPy") for one in found] == [2, 8, None]
    means = results.mean_speed_ups(found)
    assert means["forward"]["NumPy"] == pytest.approx(4)
    assert means["backward"]["NumPy"] is None
    assert means["all"]["NumPy"] == pytest.approx(4)


def test_slower_cells_come_worst_first():
    found = [cell("forward", fastact=10, NumPy=9), cell("backward", fastact=10, NumPy=11, Python=5)]
    assert results.slower_cells(found) == [(found[1], 0.5), (found[0], 0.9)]
    assert [one.fastest for one in found] == ["NumPy", "Python"]


class Overflowing:
    """A contestant that cannot finish, and one that has no such function."""

    limit = None

    def __init__(self, name):
        self.name = name

    def threads(self, n):
        return nullcontext()

    def callable(self, case):
        return (lambda: 1e308**2) if self.name == "overflows" else None


def test_contestants_that_fail_or_lack_a_function_are_told_apart():
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    who = [Fastact(), Overflowing("overflows"), Overflowing("lacks it")]
    (found,) = results.measure_cells([Case("relu", "forward", "float32", 10)], who, [1], plan)
    assert set(found.nanoseconds) == {"fastact"}
    assert "OverflowError" in found.failed["overflows"]
    assert "lacks it" not in found.failed


def test_slow_contestants_are_timed_on_fewer_elements():
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    case = Case("relu", "forward", "float32", 100 * PurePython.limit)
    (found,) = results.measure_cells([case], [Fastact(), PurePython()], [1], plan)
    assert found.scaled_from == {"Python": PurePython.limit}
    assert found.nanoseconds["Python"] > found.nanoseconds["fastact"] > 0


class Slow:
    """A contestant of a given time per element, on a clock of its own."""

    limit = None

    def __init__(self, name, each):
        self.name, self.each, self.sizes = name, each, []

    def threads(self, n):
        return nullcontext()

    def callable(self, case):
        self.sizes.append(case.n)
        return lambda: self.each * case.n


def test_large_arrays_are_for_the_fast_ones(monkeypatch):
    """`measure` is told by the call what it takes."""
    monkeypatch.setattr(roofline, "LARGE", 1000)
    monkeypatch.setattr(roofline, "memory_pass", lambda case: None)
    monkeypatch.setattr(
        results, "measure", lambda calls, plan: {n: timing.Taken(call(), 1) for n, call in calls.items()}
    )
    who = [Slow("fastact", 1000), Slow("a", 1), Slow("b", 2), Slow("c", 3), Slow("d", 8), Slow("e", 10)]
    chosen = [Case("relu", d, "float32", n) for d in ("forward", "backward") for n in (10, 100, 1000, 5000)]
    cells = list(results.measure_cells(chosen, who, [1], timing.Plan()))
    assert all(one.sizes == [10, 100, 1000, 5000] * 2 for one in who[:-1])
    assert who[-1].sizes == [10, 100] * 2
    for cell in cells:
        assert cell.nanoseconds["e"] == 10 * cell.case.n
        assert cell.scaled_from == ({"e": 100} if cell.case.n >= 1000 else {})


def test_measuring_leaves_the_number_of_threads_as_it_was():
    fastact.set_num_threads(None)
    before = fastact._core.thread_limits()
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    list(results.measure_cells([Case("relu", "forward", "float32", 10)], [Fastact()], [1], plan))
    assert fastact._core.thread_limits() == before


# Peers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=peers.MODULES)
def peer(request):
    found, absent = peers.installed()
    if request.param in absent:
        pytest.skip(f"{request.param} needs {absent[request.param]}, which is not installed")
    return next(one for one in found if one.name == request.param)


@pytest.mark.filterwarnings("ignore")  # those of the peers are theirs
def test_peers_compute_the_same(peer):
    compared = 0
    with peer.threads(1):
        for case in ALL:
            call = peer.callable(case)
            if call is None:
                continue
            with np.errstate(all="ignore"):
                want = NumpyIdiom().callable(case)()
            got = call()
            for one, wanted in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
                one = one.numpy() if hasattr(one, "numpy") else np.asarray(one)
                assert one.dtype == case.dtype
                np.testing.assert_allclose(one, wanted, rtol=2e-4, atol=2e-5, err_msg=f"{peer.name} {case}")
            compared += 1
    assert compared > 0
