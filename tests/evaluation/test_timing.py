"""How the benchmarks measure: clocks are read correctly, rounds alternate, threads beyond the limit show. No
test depends on how fast anything is.
"""

import gc
import threading
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain, count

import numpy as np
import pytest

from fastact.evaluation import _measure, cases, machine
from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.speed import cells, implementations, timing
from fastact.evaluation.speed.implementations import MEMORY, Implementation, elementwise_implementations

pytestmark = pytest.mark.once


class Simulation:
    """A clock that advances only when a call says that it took time."""

    def __init__(self):
        self.now = self.worked = 0
        self.order = []

    def clock(self):
        return self.now

    def cpu_clock(self):
        return self.worked

    def call(self, name, durations, cpus=1):
        durations = iter(durations)

        def work():
            duration = next(durations)
            self.now += duration
            self.worked += cpus * duration
            self.order.append(name)

        return work


def constant(value):
    return (value for _ in count())


def test_measure_gives_the_time_of_one_call():
    simulation = Simulation()
    calls = {name: simulation.call(name, constant(ns)) for name, ns in (("a", 7), ("b", 4000))}
    plan = timing.Plan(rounds=5, batch_ns=1000, budget_ns=10**9)
    taken = timing.measure(calls, plan, simulation.clock, simulation.cpu_clock)
    assert taken == {"a": timing.Taken(7, 1), "b": timing.Taken(4000, 1)}


def test_rounds_alternate_and_each_callable_is_first_in_one():
    simulation = Simulation()
    calls = {name: simulation.call(name, constant(1000)) for name in "abc"}
    timing.measure(calls, timing.Plan(rounds=3, batch_ns=1000, budget_ns=10**9), simulation.clock)
    assert (
        "".join(simulation.order) == "abc" + "aaabbbccc" + "bbbcccaaa" + "cccaaabbb"
    )  # calibration, then three rounds


def test_measure_repeats_fast_calls_until_the_batch_is_long_enough():
    simulation = Simulation()
    calls = {"a": simulation.call("a", constant(10))}
    timing.measure(calls, timing.Plan(rounds=1, batch_ns=1000, budget_ns=0), simulation.clock)
    assert len(simulation.order) > 100


def test_measure_is_not_misled_by_one_slow_round():
    simulation = Simulation()
    durations = [1000, *[1000, 1000, 1000] * 2, 1000, 1000, 900_000, *[1000, 1000, 1000] * 2]
    calls = {"a": simulation.call("a", durations)}
    plan = timing.Plan(rounds=5, batch_ns=1000, budget_ns=10**9)
    assert timing.measure(calls, plan, simulation.clock)["a"].nanoseconds == 1000


@pytest.mark.parametrize("before", [[1000, 900_000], [2_000_000]], ids=["two short ones", "a long one"])
def test_calls_before_each_batch_are_not_measured(before):
    simulation = Simulation()
    calls = {"a": simulation.call("a", [1000, *[*before, 1000] * 5])}
    plan = timing.Plan(rounds=5, batch_ns=1000, budget_ns=10**9)
    assert timing.measure(calls, plan, simulation.clock)["a"].nanoseconds == 1000


def test_measure_stops_at_its_budget_after_five_rounds():
    simulation = Simulation()
    calls = {"a": simulation.call("a", constant(1000))}
    timing.measure(calls, timing.Plan(rounds=50, batch_ns=1000, budget_ns=2000), simulation.clock)
    assert len(simulation.order) == 1 + 3 * 5


def test_measure_collects_no_garbage_meanwhile_and_restores_that():
    seen = []
    timing.measure({"a": lambda: seen.append(gc.isenabled())}, timing.Plan(rounds=1, batch_ns=1, budget_ns=0))
    assert not any(seen)
    assert gc.isenabled()


def test_measure_counts_busy_cpus():
    simulation = Simulation()
    calls = {name: simulation.call(name, constant(1000), cpus) for name, cpus in (("one", 1), ("two", 2))}
    plan = timing.Plan(rounds=3, batch_ns=1000, budget_ns=10**9)
    taken = timing.measure(calls, plan, simulation.clock, simulation.cpu_clock)
    assert {name: one.cpus for name, one in taken.items()} == {"one": 1, "two": 2}


def test_no_batch_starts_while_threads_of_another_spin(monkeypatch):
    simulation = Simulation()
    spinning = []

    def a():
        simulation.now += 1000
        spinning[:] = [None] * 5  # threads, of which one goes to sleep during each nap

    def b():
        assert not spinning
        simulation.now += 1000

    monkeypatch.setattr(timing.time, "sleep", lambda seconds: spinning.pop())
    plan = timing.Plan(rounds=4, batch_ns=1000, budget_ns=10**9)
    timing.measure({"a": a, "b": b}, plan, simulation.clock, running=lambda: len(spinning))
    assert simulation.now == 2 * (1 + 4 * 3) * 1000


def test_threads_at_work_are_seen_and_waiting_ones_are_not():
    stop = threading.Event()

    def work():
        while not stop.is_set():
            np.exp(np.ones(100_000))

    waiting, working = threading.Thread(target=stop.wait), threading.Thread(target=work)
    try:
        waiting.start()
        timing._settle(timing.running_threads)  # threads of other tests may still spin
        assert any(timing.running_threads() == 0 for _ in range(100))
        working.start()
        assert any(timing.running_threads() == 1 for _ in range(1000))
    finally:
        stop.set()


def test_greedy_implementations_have_a_median_beyond_their_threads():
    busy = [("a", 1, 1.0), ("a", 1, 2.0), ("a", 1, 1.1), ("b", 1, 1.9), ("b", 1, 2.0), ("b", 1, 1.0)]
    assert timing.greedy([*busy, ("b", 2, 2.1)]) == [("b", 1, 1.9)]


def test_long_calls_that_are_far_behind_are_timed_twice_only():
    simulation = Simulation()
    durations = {"a": 90, "b": 100, "c": 110, "d": 310, "e": 340}
    calls = {name: simulation.call(name, constant(ns)) for name, ns in durations.items()}
    plan = timing.Plan(rounds=4, batch_ns=10, budget_ns=10**9, long_ns=50)
    taken = timing.measure(calls, plan, simulation.clock, simulation.cpu_clock)
    assert {name: one.nanoseconds for name, one in taken.items()} == durations
    assert {name: simulation.order.count(name) for name in durations} == {
        **dict.fromkeys("abcd", 1 + 4 * 3),  # two calls before each batch
        "e": 1 + 2,
    }


def test_a_call_that_was_slow_once_is_repeated():
    simulation = Simulation()
    calls = {name: simulation.call(name, constant(100)) for name in "abc"}
    calls["d"] = simulation.call("d", chain([10_000], constant(100)))
    plan = timing.Plan(rounds=4, batch_ns=10, budget_ns=10**9, long_ns=50)
    assert timing.measure(calls, plan, simulation.clock, simulation.cpu_clock)["d"].nanoseconds == 100


# Threads -------------------------------------------------------------------------------------------


def test_an_implementation_that_exceeds_its_threads_is_found(monkeypatch):
    simulation = Simulation()
    monkeypatch.setattr(
        cells, "measure", partial(timing.measure, clock=simulation.clock, cpu_clock=simulation.cpu_clock)
    )
    plan = timing.Plan(rounds=5, batch_ns=1, budget_ns=10**9)
    case = ElementwiseCase("relu", "forward", "float32", 100_000)
    calls = {name: simulation.call(name, constant(1000), cpus) for name, cpus in (("one", 1), ("two", 2))}
    busy = [Implementation(name, lambda case, call=call: call, nullcontext) for name, call in calls.items()]
    found = list(cells.measure_cells([case] * 3, busy, [1, 2], plan))
    assert [cell.cpus for cell in found] == [{"one": 1, "two": 2}] * 6
    assert timing.greedy(one for cell in found for one in cell.busy()) == [("two", 1, 2)]
    assert found[0].as_json()["cpus"].keys() == {"one", "two"}


def test_small_cells_say_nothing_about_threads():
    small = cells.Cell(ElementwiseCase("relu", "forward", "float32", 10), 1, {"a": 1.0}, cpus={"a": 2.0})
    assert list(small.busy()) == []
    scaled = replace(small, case=replace(small.case, n=10**6))
    assert list(scaled.busy()) == [("a", 1, 2.0)]
    assert list(replace(scaled, scaled_from={"a": 1000}).busy()) == []


# Memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [64, 64 * 1001, 1 << 20])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("stores", _measure.STORES)
def test_the_pass_over_memory_moves_all_of_it(n, second, other, stores):
    a, b, y, d = (implementations.whole_lines(np.ones(n + 64, np.int8)) for _ in range(4))
    random = np.random.default_rng(0)
    a[:], b[:] = random.integers(-128, 128, (2, n))
    want = a ^ b if second else a.copy()
    _measure.move_memory(a, b if second else None, y, d if other else None, stores)
    assert np.array_equal(y, want)
    assert np.array_equal(d, want if other else np.ones_like(d))


def test_the_pass_over_memory_refuses_what_it_cannot_move():
    a, y, d = (implementations.whole_lines(np.ones(192, np.int8)) for _ in range(3))
    for arrays in ((a[:64], None, y, None), (a, a[:64], y, None), (a, None, y, d[:64])):
        with pytest.raises(ValueError, match="bytes each"):
            _measure.move_memory(*arrays, "streaming")
    for arrays in (
        (a[1:65], None, y[:64], None),
        (a[:64], None, y[16:80], None),
        (a[:32], None, y[:32], None),
    ):
        with pytest.raises(ValueError, match="multiples of 64"):
            _measure.move_memory(*arrays, "streaming")


def test_unknown_stores_are_refused():
    a, y = (implementations.whole_lines(np.ones(192, np.int8)) for _ in range(2))
    with pytest.raises(KeyError, match="quick"):
        _measure.move_memory(a, None, y, None, "quick")


def test_arrays_moved():
    found = [ElementwiseCase("sigmoid", d, "float32", 10) for d in cases.DIRECTIONS]
    assert [case.arrays_moved for case in found] == [2, 3, 3, 3]
    assert [case.nbytes for case in found] == [80, 120, 120, 120]
    assert [len(case.arguments) + len(case.results) for case in found] == [2, 3, 3, 3]


def test_the_pass_has_the_memory_of_the_case():
    case = ElementwiseCase("relu", "value_and_derivative", "float32", 10**4)
    inside = [implementations.whole_lines(array) for array in (case.x, *case.results)]
    assert all(part.ctypes.data % 64 == 0 and part.size % 64 == 0 for part in inside)
    assert {part.nbytes for part in inside} == {4 * 10**4 - 64}
    assert all(np.shares_memory(*pair) for pair in zip(inside, (case.x, *case.results), strict=True))


def test_large_cells_are_compared_with_memory(monkeypatch):
    monkeypatch.setattr(implementations, "LARGE", 1000)
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    chosen = [ElementwiseCase("relu", "backward", "float32", n) for n in (10, 1003)]
    ours = elementwise_implementations([])
    small, large = cells.measure_cells(chosen, ours, [1], plan)
    assert small.over_baseline is None
    assert set(large.nanoseconds) == set(large.cpus) == {"fastact", *MEMORY}
    assert large.over_baseline == pytest.approx(
        large.nanoseconds["fastact"] / min(large.nanoseconds[name] for name in MEMORY)
    )
    assert large.fastest is None
    assert cells.others([large]) == []


# Machine -------------------------------------------------------------------------------------------


def test_other_processes_are_counted_without_this_one(monkeypatch):
    clocks = iter([(100.0, 3.0, 50.0), (110.0, 8.0, 62.0)])  # wall time, CPU time of this process and of all
    monkeypatch.setattr(machine, "_clocks", lambda: next(clocks))
    assert machine.OtherProcesses().busy_cpus() == pytest.approx(0.7)


def test_other_processes_are_unknown_where_the_system_does_not_report_them(monkeypatch):
    monkeypatch.setattr(machine, "_clocks", lambda: None)
    assert machine.OtherProcesses().busy_cpus() is None
