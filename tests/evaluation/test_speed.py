"""The parts of the benchmarks: all implementations compute the same, and figures follow from times. No test
depends on how fast anything is.
"""

from contextlib import nullcontext

import numpy as np
import pytest

import fastact
from fastact.evaluation import cases, expressions, peers
from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.peers.base import passes_all
from fastact.evaluation.speed import cells, implementations, timing
from fastact.evaluation.speed.implementations import Implementation

pytestmark = pytest.mark.once

ALL = list(cases.elementwise_cases(sizes=[10]))
FASTACT, *_, NUMPY, PYTHON = implementations.elementwise_implementations(peers.installed(peers.ALWAYS)[0])


# Cases ---------------------------------------------------------------------------------------------


def test_cases_cover_every_activation_direction_and_dtype():
    found = {(case.activation, case.direction, case.dtype) for case in ALL}
    for name in fastact.names():
        for dtype in ("float32", "float64"):
            for direction in ("forward", "backward", "value_and_derivative"):
                assert (name, direction, dtype) in found


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
        list(cases.elementwise_cases(["geluu"]))


def test_inputs_are_reproducible_and_protected():
    x = ElementwiseCase("relu", "forward", "float32", 1000).x
    cases._inputs.cache_clear()
    again = ElementwiseCase("relu", "forward", "float32", 1000).x
    assert x is not again
    assert np.array_equal(x, again)
    assert 1.8 < x.std() < 2.2
    assert not x.flags.writeable


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_tails_show_in_uniform_inputs_and_in_bits(dtype):
    uniform = ElementwiseCase("relu", "forward", dtype, 10_000, "uniform").x
    assert uniform.dtype == dtype
    assert -30 <= uniform.min() < -29 < 29 < uniform.max() <= 30
    bits = ElementwiseCase("relu", "forward", dtype, 10_000, "bits").x
    assert bits.dtype == dtype
    assert np.isfinite(bits).all()
    assert 0.4 < (np.abs(bits) < 1).mean() < 0.6
    assert 0.4 < (bits < 0).mean() < 0.6
    assert len(np.unique(np.frexp(bits)[1])) > 200
    assert not bits.flags.writeable


def test_tails_are_timed_forward_and_backward_at_one_size():
    found = list(cases.elementwise_cases(["tanh"], [10, 100_000], ["float32"], cases.INPUTS))
    assert len(found) == len(set(found)) == 2 * 4 + 2 * 2
    tails = {(case.direction, case.n, case.inputs) for case in found if case.inputs != "normal"}
    assert tails == {(d, 100_000, i) for d in ("forward", "backward") for i in ("uniform", "bits")}
    assert {str(case) for case in found} >= {"tanh-forward-float32-10", "tanh-forward-float32-100000-bits"}


def test_gradients_are_the_same_for_all_inputs():
    first, second = (
        ElementwiseCase("relu", "backward", "float32", 100, inputs) for inputs in ("normal", "bits")
    )
    assert first.grad_y is second.grad_y
    assert not np.array_equal(first.x, second.x)


# Implementations -----------------------------------------------------------------------------------


def close(got, want, dtype):
    """Equal but for the rounding of a formula that is evaluated step by step."""
    tolerance = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_implementations_compute_the_same(case):
    with np.errstate(all="ignore"):
        ours, by_numpy = FASTACT.call(case)(), NUMPY.call(case)()
    pure = PYTHON.call(case)()
    close(ours, by_numpy, case.dtype)
    close(ours, np.transpose(pure), case.dtype)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_numpy_keeps_the_dtype_and_makes_new_arrays(case):
    with np.errstate(all="ignore"):
        got = NUMPY.call(case)()
    for array in got if isinstance(got, tuple) else (got,):
        assert array.dtype == case.dtype
        assert array.shape == (case.n,)
        assert not any(np.shares_memory(array, argument) for argument in case.arguments)


def test_fastact_writes_to_the_results_of_the_case():
    case = ElementwiseCase("gelu", "value_and_derivative", "float32", 10)
    assert all(one is result for one, result in zip(FASTACT.call(case)(), case.results, strict=True))


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
    assert expressions.fold_constants(text, ("x",), {"slope": 0.5}) == folded


# Results -------------------------------------------------------------------------------------------


def cell(direction, **nanoseconds):
    return cells.Cell(ElementwiseCase("relu", direction, "float32", 10), 1, nanoseconds)


def test_speed_ups_and_their_geometric_means():
    found = [
        cell("forward", fastact=10, NumPy=20),
        cell("forward", fastact=10, NumPy=80),
        cell("backward", fastact=5),
    ]
    assert [one.speed_up("NumPy") for one in found] == [2, 8, None]
    means = cells.mean_speed_ups(found)
    assert means["forward"]["NumPy"] == pytest.approx(4)
    assert means["backward"]["NumPy"] is None
    assert means["all"]["NumPy"] == pytest.approx(4)


def test_slower_cells_come_worst_first():
    found = [cell("forward", fastact=10, NumPy=9), cell("backward", fastact=10, NumPy=11, Python=5)]
    assert cells.slower_cells(found) == [(found[1], 0.5), (found[0], 0.9)]
    assert [one.fastest for one in found] == ["NumPy", "Python"]


def test_implementations_that_fail_differ_from_those_without_a_function():
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    overflows = Implementation("overflows", lambda case: lambda: 1e308**2, nullcontext, limit=5)
    listed = [FASTACT, overflows, Implementation("lacks it", lambda case: None, nullcontext, limit=5)]
    (found,) = cells.measure_cells([ElementwiseCase("relu", "forward", "float32", 10)], listed, [1], plan)
    assert set(found.nanoseconds) == {"fastact"}
    assert "OverflowError" in found.failed["overflows"]
    assert "lacks it" not in found.failed
    assert found.scaled_from == {}


def test_an_error_of_fastact_is_raised():
    def fails(case):
        raise RuntimeError("wrong")

    ours = Implementation("fastact", fails, nullcontext)
    with pytest.raises(RuntimeError, match="wrong"):
        list(cells.measure_cells(ALL[:1], [ours], [1], timing.QUICK))


def test_slow_implementations_are_timed_on_fewer_elements():
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    case = ElementwiseCase("relu", "forward", "float32", 100 * PYTHON.limit)
    (found,) = cells.measure_cells([case], [FASTACT, PYTHON], [1], plan)
    assert found.scaled_from == {"Python": PYTHON.limit}
    assert found.nanoseconds["Python"] > found.nanoseconds["fastact"] > 0


def test_large_arrays_are_for_fast_implementations(monkeypatch):
    """Each call returns its time."""
    monkeypatch.setattr(implementations, "LARGE", 1000)
    monkeypatch.setattr(
        cells, "measure", lambda calls, plan: {n: timing.Taken(call(), 1) for n, call in calls.items()}
    )
    each = {"fastact": 1000, "memory, streaming": 0.1, "a": 1, "b": 2, "c": 3, "d": 8, "e": 10}
    sizes = {name: [] for name in each}

    def implementation(name):
        def call(case):
            sizes[name].append(case.n)
            return lambda: each[name] * case.n

        return Implementation(name, call, nullcontext)

    listed = [implementation(name) for name in each]
    chosen = [
        ElementwiseCase("relu", d, "float32", n)
        for d in ("forward", "backward")
        for n in (10, 100, 1000, 5000)
    ]
    found = list(cells.measure_cells(chosen, listed, [1], timing.Plan()))
    assert sizes.pop("e") == [10, 100] * 2
    assert all(timed == [10, 100, 1000, 5000] * 2 for timed in sizes.values())
    for cell in found:
        assert cell.nanoseconds["e"] == 10 * cell.case.n
        assert cell.scaled_from == ({"e": 100} if cell.case.n >= 1000 else {})


def test_measuring_leaves_the_number_of_threads_as_it_was():
    fastact.set_num_threads(None)
    before = fastact._core.thread_limits()
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    list(cells.measure_cells([ElementwiseCase("relu", "forward", "float32", 10)], [FASTACT], [1], plan))
    assert fastact._core.thread_limits() == before


# Peers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[name for name in peers.MODULES if name not in peers.ALWAYS])
def peer(request):
    found, absent = peers.installed()
    if request.param in absent:
        pytest.skip(f"{request.param} needs {absent[request.param]}")
    return next(one for one in found if one.name == request.param)


def names_for(peer):
    """All activations; the usual ones where each takes a compiler a quarter of a second."""
    return cases.USUAL if peer.name.startswith("C, ") else fastact.names()


@pytest.mark.filterwarnings("ignore")  # the libraries' own
def test_peers_compute_the_same(peer):
    compared = 0
    with peer.threads(1):
        for case in cases.elementwise_cases(names_for(peer), sizes=[10]):
            call = peer.elementwise(case)
            if call is None:
                continue
            with np.errstate(all="ignore"):
                want = NUMPY.call(case)()
            got = call()
            for one, wanted in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
                one = one.numpy() if hasattr(one, "numpy") else np.asarray(one)
                assert one.dtype == case.dtype
                np.testing.assert_allclose(one, wanted, rtol=2e-4, atol=2e-5, err_msg=f"{peer.name} {case}")
            compared += 1
    assert compared > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("direction", ["f", "f'"])
def test_functions_of_peers_compute_the_same(peer, direction):
    """At default and other parameters: passed on, or no function at all."""
    x = np.linspace(-3.3, 4.1, 50, dtype=np.float32)
    for name in names_for(peer):
        default = fastact.get(name)
        other = {key: float(np.float32(1.25 * value)) for key, value in default.parameters.items()}
        for activation in (default, default.bind(**other)) if other else (default,):
            with peer.sequential(), np.errstate(all="ignore"):
                function, out = peer.function(activation, direction), np.empty_like(x)
                if function is not None:
                    function(x, out)
                    want = activation(x) if direction == "f" else activation.derivative(x)
                    np.testing.assert_allclose(
                        out, want, rtol=2e-4, atol=2e-5, err_msg=f"{peer.name} {activation}"
                    )


def test_parameters_that_are_not_passed_must_have_their_defaults():
    assert passes_all(fastact.softplus, [])
    assert not passes_all(fastact.softplus.bind(beta=2.0), [])
    assert passes_all(fastact.softplus.bind(beta=2.0), ["beta"])
    rounded = float(np.float32(fastact.hard_sigmoid.parameters["slope"]))
    assert passes_all(fastact.hard_sigmoid.bind(slope=rounded), [])
