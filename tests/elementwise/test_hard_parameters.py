"""The bounds of float64 at parameters and inputs that a search made hard, near roots above all.

Knows the search, tools/hard_parameters.py; does not know the kernels.
"""

from __future__ import annotations

import hard_parameters
import numpy as np
import pytest

import fastact as fa
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject
from fastact.evaluation.accuracy.truth import truth

ROUNDS = {"xielu": 30, "bsilu": 30}  # whose roots move with learned parameters
FEW = 6


@pytest.mark.parametrize("name", [name for name in fa.names() if fa.get(name).parameters])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_bound_holds_at_the_hardest_parameters_found(name: str, direction: str) -> None:
    case = hard_parameters.search(name, direction, ROUNDS.get(name, FEW))
    assert case.error <= 1, case


@pytest.mark.parametrize(
    ("activation", "x"),
    [
        (
            fa.xielu.bind(alpha_p=0.072, alpha_n=-30.750608450613424, beta=-0.04330121526488323),
            -0.00281893556736,
        ),
        (fa.xielu.bind(alpha_n=1.0, beta=0.15), -0.33),
        (fa.bsilu.bind(alpha=-1.6859398611769612), -0.3324460177289325),
        (fa.bsilu.bind(alpha=-2.5), 1.3),
    ],
)
def test_values_around_a_root_off_zero(activation: fa.Activation, x: float) -> None:
    """f itself has one for these parameters, where its terms cancel; nearer than 2^-18 nothing is asked."""
    low, high = 0.5 * x, 1.5 * x
    grid = np.linspace(low, high, 4001)
    change = np.flatnonzero(np.diff(np.sign(activation(grid))))
    root = grid[change[0]] if change.size else x
    points = root * (1 + np.concatenate([s * np.exp2(-np.arange(1, 20, 0.125)) for s in (1, -1)]))
    want = truth(activation.formula, activation.parameters, points).near()
    errors = np.abs(activation(points) - want) / np.spacing(np.abs(want))
    away = np.abs(want) > 2.0**-18 * np.abs(points)
    assert away.sum() > 100
    assert errors[away].max() <= 2


def test_the_search_finds_a_wrong_claim() -> None:
    """Of a function that rounds its terms: the search must see what cancels."""

    class Rounding(Subject):
        def __call__(self, x: np.ndarray, out: object = None) -> np.ndarray:
            alpha_p, alpha_n, beta = self.activation.parameters.values()
            with np.errstate(all="ignore"):
                left = np.minimum(x, 0)
                return np.where(x > 0, alpha_p * x * x, alpha_n * (np.expm1(left) - left)) + beta * x

    rng, activation = np.random.default_rng(0), fa.xielu.bind(alpha_n=2.0, beta=0.1)
    case = hard_parameters.worst_input(Rounding(activation, "f"), hard_parameters.inputs(activation, rng))
    assert case.error > 10
