"""Processes and threads that are held: to an instruction set by variables, and to one CPU."""

import os
import sys
import threading

import pytest

import fastact
from fastact.commands import bench
from fastact.evaluation.speed import holding

pytestmark = pytest.mark.once

BEST = fastact.isas()[-1]


@pytest.mark.skipif("avx2" not in fastact.isas(), reason="the CPU has no AVX2")
def test_all_libraries_are_held():
    found = holding.environment("avx2", {"XLA_FLAGS": "--xla_other", "HOME": "/home"})
    assert found["FASTACT_ISA"] == "avx2"
    assert found["HOME"] == "/home"
    if BEST != "avx2":
        assert found["XLA_FLAGS"] == "--xla_other --xla_cpu_max_isa=AVX2"
        assert found["ATEN_CPU_CAPABILITY"] == "avx2"
        assert found["OPENBLAS_CORETYPE"] == "Haswell"
        assert "X86_V3" not in found["NPY_DISABLE_CPU_FEATURES"]


def test_the_best_instruction_set_holds_fastact_only():
    changed = holding.environment(BEST, {}).items()
    assert dict(changed) == {"FASTACT_ISA": BEST, "FASTACT_BENCH_HELD": BEST}
    assert not holding.below_the_best(BEST)
    assert not holding.below_the_best(None)


@pytest.mark.parametrize("isa", fastact.isas())
def test_a_process_is_held(isa, capfd):
    text = (
        "import fastact; from fastact.evaluation.speed import holding; print(fastact.isa(), holding.held())"
    )
    assert holding.run_held(isa, ["-W", "error", "-c", text]) == 0
    assert capfd.readouterr().out.split() == [isa, isa]
    assert holding.run_held(isa, ["-c", "raise SystemExit(3)"]) == 3


def test_the_command_runs_again_in_a_process_that_is_held(monkeypatch):
    ran = []
    monkeypatch.setattr(holding, "run_held", lambda isa, words: ran.append((isa, words)) or 7)
    monkeypatch.delenv("FASTACT_BENCH_HELD", raising=False)
    parser = bench.argparse.ArgumentParser()
    bench.add_arguments(parser)
    words = ["--isa", BEST, "--quick", "--activations", "relu", "--threads", "1", "--all"]
    assert bench.run(parser.parse_args(words)) == 7
    ((isa, again),) = ran
    assert isa == BEST
    assert again[:3] == ["-m", "fastact", "bench"]
    assert sorted(again[3:]) == sorted(words)


# CPUs ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system places threads by itself")
def test_all_threads_are_on_one_cpu_and_afterwards_where_they_were():
    before, seen, stop = os.sched_getaffinity(0), [], threading.Event()
    older = threading.Thread(target=stop.wait)
    older.start()
    with holding.pinned():
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(older.native_id) == os.sched_getaffinity(0)
        younger = threading.Thread(target=lambda: (seen.append(os.sched_getaffinity(0)), stop.wait()))
        younger.start()
        while not seen:
            pass
    assert seen == [{max(before)}]
    assert all(os.sched_getaffinity(one) == before for one in (0, older.native_id, younger.native_id))
    stop.set()
    older.join()
    younger.join()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system places threads by itself")
def test_a_thread_that_has_ended_is_no_error():
    holding._place(os.sched_getaffinity(0), lambda: [2**22 + 1, 0])


def test_systems_that_cannot_place_threads(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with holding.pinned():
        assert sys.version_info
