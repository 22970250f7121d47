"""The experiments in their quick form: what they find, with wide margins, and what the command writes."""

from __future__ import annotations

import argparse
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the data are scikit-learn's digits")

from fastact.commands import experiments
from fastact.evaluation.experiments.catalogue import EXPERIMENTS
from fastact.evaluation.experiments.experiment import REFUTED, spread
from fastact.evaluation.experiments.initialisation import born_dead, descent, dying_bounds

pytestmark = pytest.mark.once


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    experiments.add_arguments(parser)
    return experiments.run(parser.parse_args(list(words)))


@lru_cache
def figures(name: str) -> dict[str, float]:
    return EXPERIMENTS[name].run(True).figures


def test_half_of_the_outputs_are_zero() -> None:
    assert 0.45 < figures("zeros")["zeros"] < 0.55


def test_dying_lies_between_the_bounds() -> None:
    assert figures("dying")["n2_depth20"] > 0.95 > 0.1 > figures("dying")["n8_depth20"]


def test_the_bounds_where_the_probability_is_known() -> None:
    """A layer of one unit passes one sign of the input; each further one passes what it gets, or nothing."""
    rng = np.random.default_rng(0)
    shares = [born_dead(1, depth, 20000, rng) for depth in (2, 3, 4)]
    assert shares == pytest.approx([0.0, 0.5, 0.75], abs=0.02)
    for n in (2, 4, 8):
        lower, upper = dying_bounds(n, 10)
        assert 0 < lower < upper < 1


def test_deep_sigmoid_vanishes() -> None:
    assert figures("vanishing")["sigmoid"] < 1e-9
    assert figures("vanishing")["relu_fitting"] > 0.1


def test_the_mean_share_tells_sigmoid_from_tanh() -> None:
    found = figures("one-sided")
    assert found["sigmoid"] > 0.7 > 0.1 > found["tanh"]
    assert found["leaky_against_relu"] < 0.1


def test_xor() -> None:
    found = figures("xor")
    assert found["identity"] == 0
    assert found["relu"] < 0.4 < 0.6 < found["abs"]


def test_the_slope_of_tanh_is_not_one_minus_the_square_of_its_input() -> None:
    found = figures("tanh-slope")
    assert found["of_output"] < 0.1 < 0.5 < found["of_input"]


def test_high_rates_kill_units() -> None:
    found = figures("dead-units")
    assert found["low"] < 0.1 < found["high"]


def test_relu_is_not_six_times_as_fast() -> None:
    result = EXPERIMENTS["speed"].run(True)
    assert result.verdict == REFUTED
    assert 0.3 < result.figures["factor"] < 3
    assert np.isfinite(result.figures["time_factor"])


def test_batch_norm_is_good_on_both_sides() -> None:
    found = figures("batch-norm")
    assert abs(found["before"] - found["after"]) < 0.05
    assert max(found.values()) < 0.2


def test_a_leaky_gradient_helps_sick_networks_only() -> None:
    found = figures("undying")
    assert found["spread"] < 0.05
    assert found["relu"] > found["undying"] + 0.02 > found["leaky"]
    assert found["leaky"] < 0.2 < found["relu"]


def test_inputs_with_a_mean_slow_descent() -> None:
    found = figures("centred")
    assert found["mean_0"] < 10 < 60 < found["mean_3"] < 300


def test_descent_by_hand() -> None:
    """The steps of x := x - H x / greatest: the component along the other eigenvector is multiplied by
    1 - least / greatest."""
    condition, steps = descent(3.0, np.random.default_rng(5))
    assert steps == pytest.approx(np.log(1e-3) / np.log1p(-1 / condition), rel=0.05)


def test_spread() -> None:
    assert spread([0.25]) == "0.25"
    assert spread([1.0, 3.0, 5.0]) == "3 (1 to 5)"


def test_bits_are_lost_only_where_there_are_few() -> None:
    found = figures("six")
    assert -0.03 < found["lost_at_8_bits"] < 0.03
    assert found["none_at_3_bits"] < 0.6


def test_a_leak_does_not_change_overfitting() -> None:
    assert abs(figures("overfitting")["difference"]) < 0.03


def test_the_square_of_relu_is_not_better() -> None:
    found = figures("powers")
    assert found["relu"] < 0.1 < found["relu_squared"]
    assert found["relu"] < found["identity"] + 0.02


def test_several_activations_are_about_as_good_as_one() -> None:
    found = figures("several")
    assert found["best"] - 0.03 < found["several"] < found["worst"] + 0.03


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, document = tmp_path / "found.json", tmp_path / "found.md"
    assert run("dying", "--quick", "--json", str(data), "--markdown", str(document)) == 0
    printed = capsys.readouterr().out
    for part in ("**Claim.**", "**Published.**", "**Protocol.**", "**Verdict: confirmed.**"):
        assert part in printed
        assert part in document.read_text()
    (found,) = json.loads(data.read_text())["experiments"]
    assert found["name"] == "dying"
    assert found["figures"]["n2_depth20"] > 0.9


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    document = tmp_path / "found.md"
    (tmp_path / "drawn").mkdir()
    assert run("dying", "--quick", "--plot", str(tmp_path / "drawn"), "--markdown", str(document)) == 0
    assert (tmp_path / "drawn" / "dying.png").read_bytes().startswith(b"\x89PNG")
    assert "](drawn/dying.png)" in document.read_text()
    assert "drawn" not in capsys.readouterr().out
    assert run("dying", "--plot", str(tmp_path / "none")) == 2
    assert "--plot needs a folder" in capsys.readouterr().err


def test_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dieing") == 2
    assert "expected zeros, dying" in capsys.readouterr().err
