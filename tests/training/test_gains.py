"""Moments and gains against 20 digits (made by tools/moments.py), closed forms and what others publish.

Does not know how the integrals are computed.
"""

from __future__ import annotations

import json
import math

import helpers
import moments
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

TRUTH = json.loads((helpers.ROOT / "tests/data/moments.json").read_text())


def test_the_truth_covers_everything() -> None:
    sets = {}
    for name, parameters, variance, *_ in TRUTH:
        sets.setdefault((name, variance), []).append(parameters)
    assert {name for name, _ in sets} == set(fa.names())
    assert {variance for _, variance in sets} == {0.1, 1.0, 10.0}
    assert all(len(found) == (3 if fa.get(name).parameters else 1) for (name, _), found in sets.items())


@pytest.mark.parametrize("name", fa.names())
def test_moments_to_ten_digits(name: str) -> None:
    for _, parameters, variance, *texts in (case for case in TRUTH if case[0] == name):
        mean, second, slopes, by_square = map(float, texts)
        found = fa.init.moments(fa.get(name, **parameters), variance)
        assert found.mean == pytest.approx(mean, rel=1e-10, abs=1e-13 * math.sqrt(second))
        assert found.second == pytest.approx(second, rel=1e-10)
        assert found.derivative_second == pytest.approx(slopes, rel=1e-10)
        assert found.slope == pytest.approx((by_square - second) / (2 * second), abs=1e-10)
        assert found.chi == pytest.approx(variance * slopes / second, rel=1e-10)


@pytest.mark.parametrize("parameters", [{}, {"negative_slope": 0.3}, {"negative_slope": -2.0}])
def test_the_truth_is_the_closed_form_of_leaky_relu(parameters: dict[str, float]) -> None:
    a = {"negative_slope": 0.01, **parameters}["negative_slope"]
    found = fa.init.moments(fa.get("leaky_relu", **parameters))
    assert found.second == pytest.approx((1 + a * a) / 2, rel=1e-13)
    assert found.derivative_second == pytest.approx((1 + a * a) / 2, rel=1e-13)
    assert found.mean == pytest.approx((1 - a) / math.sqrt(2 * math.pi), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("relu", 1 / 2),
        ("gelu", 1 / 3 + 1 / (2 * math.pi * math.sqrt(3))),
        ("exp", math.exp(2)),
        ("square", 3),
        ("relu_squared", 3 / 2),
        ("sin", (1 - math.exp(-2)) / 2),
        ("gaussian", 1 / math.sqrt(5)),
        ("selu", 1),
        ("abs", 1),
        ("sign", 1),
        ("step", 1 / 2),
    ],
)
def test_closed_forms(name: str, second: float) -> None:
    assert fa.init.moments(name).second == pytest.approx(second, rel=1e-13)
    assert fa.init.gain(name) == pytest.approx(1 / math.sqrt(second), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "gamma"),
    [
        ("gelu", 1.7015043497085571),
        ("relu", 1.7139588594436646),
        ("silu", 1.7881293296813965),
        ("elu", 1.2716004848480225),
        ("celu", 1.270926833152771),
        ("selu", 1.0008515119552612),
        ("sigmoid", 4.803835391998291),
        ("tanh", 1.5939117670059204),
        ("softsign", 2.338853120803833),
        ("softplus", 1.9203323125839233),
        ("log_sigmoid", 1.9193484783172607),
        ("relu6", 1.7131484746932983),
        ("leaky_relu", 1.70590341091156),
    ],
)
def test_gammas_of_normaliser_free_networks(name: str, gamma: float) -> None:
    assert fa.init.gain(name, "std") == pytest.approx(gamma, rel=2e-3)


def test_the_table_of_torch() -> None:
    wanted = {"identity": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    assert {name: fa.init.gain(name, "torch") for name in wanted} == wanted
    slopes = np.array([0.01, 0.2])
    expected = [math.sqrt(2 / (1 + a**2)) for a in slopes]
    assert fa.init.gain(fa.leaky_relu.bind(negative_slope=slopes), "torch").tolist() == expected
    with pytest.raises(ValueError, match=r"PyTorch has no gain for gelu; it has those of .*tanh"):
        fa.init.gain("gelu", "torch")
    with pytest.raises(ValueError, match="no gain for mixed"):
        fa.init.gain(fa.mixed(["relu", "tanh"]), "torch")


def test_array_parameters_give_arrays() -> None:
    slopes = np.array([[0.1, 0.5], [0.0, -1.0]])
    found = fa.init.gain(fa.leaky_relu.bind(negative_slope=slopes))
    assert found == pytest.approx(np.sqrt(2 / (1 + slopes**2)), rel=1e-13)
    slopes[0, 0] = 1.0  # arrays are used as they are at each call
    assert fa.init.gain(fa.leaky_relu.bind(negative_slope=slopes))[0, 0] == pytest.approx(1, rel=1e-13)
    for value in fa.init.moments(fa.leaky_relu.bind(negative_slope=slopes)):
        assert value.shape == slopes.shape


def test_composites() -> None:
    spike = fa.surrogate("step", fa.leaky_relu.bind(negative_slope=0.5))
    found = fa.init.moments(spike)
    assert (found.second, found.mean) == pytest.approx((0.5, 0.5), rel=1e-13)
    assert found.derivative_second == pytest.approx(0.625, rel=1e-13)
    both = fa.mixed(["relu"] * 3 + ["abs"])
    assert fa.init.moments(both).second == pytest.approx((3 * 0.5 + 1) / 4, rel=1e-13)
    assert fa.init.gain(both) == pytest.approx((0.625) ** -0.5, rel=1e-13)
    units = fa.mixed([fa.leaky_relu.bind(negative_slope=np.array([0.0, 1.0]))] * 2 + ["abs"])
    assert fa.init.moments(units).second == pytest.approx((0.5 + 1 + 1) / 3, rel=1e-13)


def test_objects_of_ones_own() -> None:
    class Shifted:
        def __call__(self, x: np.ndarray) -> np.ndarray:
            return np.where(x > 0.3, x, 0.0)

        def derivative(self, x: np.ndarray) -> np.ndarray:
            return np.where(x > 0.3, 1.0, 0.0)

    wanted = fa.init.moments(fa.thresholded_relu.bind(alpha=0.3))
    assert fa.init.moments(Shifted()) == pytest.approx(wanted, rel=1e-11)


def test_gains_that_do_not_exist() -> None:
    for name in ("sign", "step"):
        with pytest.raises(ValueError, match="no gradient passes"):
            fa.init.gain(name, "backward")
    constant = fa.clipped_linear.bind(min_value=2.0, max_value=2.0)
    with pytest.raises(ValueError, match="does not vary"):
        fa.init.gain(constant, "std")
    with pytest.raises(ValueError, match="does not vary"):
        fa.init.gain(fa.clipped_linear.bind(min_value=0.0, max_value=0.0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nothing",), ValueError, "fastact.init.gain: no activation|nearest|unknown"),
        (("relu", "sideways"), ValueError, "mode is 'sideways'; expected one of 'forward'"),
        ((3,), TypeError, "activation is of type int"),
    ],
)
def test_arguments(arguments: tuple, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        fa.init.gain(*arguments)


@pytest.mark.parametrize("variance", [0, -1.0, math.inf, math.nan, "1", None])
def test_a_variance_must_be_positive(variance: object) -> None:
    with pytest.raises(ValueError, match=r"variance is .*; expected a positive number"):
        fa.init.gain("relu", variance=variance)


@pytest.mark.parametrize(
    ("name", "weight_std", "variance"),
    [("tanh", 1.304, 0.512), ("elu", 1.229, 1.107), ("silu", 1.680, 0.690), ("gelu", 1.547, 0.576)],
)
def test_edge_of_chaos_is_a_fixed_point(name: str, weight_std: float, variance: float) -> None:
    found = fa.init.edge_of_chaos(name, 0.2)
    assert found == pytest.approx((weight_std, variance), abs=1e-3)
    at = fa.init.moments(name, found[1])
    assert found[0] ** 2 * at.derivative_second == pytest.approx(1, rel=1e-9)
    assert 0.2**2 + found[0] ** 2 * at.second == pytest.approx(found[1], rel=1e-9)


def test_edge_of_chaos_without_biases() -> None:
    assert fa.init.edge_of_chaos("relu") == pytest.approx((math.sqrt(2), 1))
    assert fa.init.edge_of_chaos("tanh") == (1.0, 0.0)
    for name, bias_std in (("softplus", 0.0), ("relu", 0.2)):
        with pytest.raises(ValueError, match="no edge of chaos"):
            fa.init.edge_of_chaos(name, bias_std)
    with pytest.raises(ValueError, match="bias_std is -1"):
        fa.init.edge_of_chaos("relu", -1)


def test_signal() -> None:
    found = fa.init.signal("tanh", 40)
    assert found.second_moments == pytest.approx(np.ones(41), rel=1e-9)
    assert found.gradient_factors == pytest.approx(np.full(40, fa.init.moments("tanh").chi), rel=1e-9)
    assert fa.init.signal("tanh", 30, gain="torch").second_moments[-1] == pytest.approx(1.178, abs=1e-3)
    assert fa.init.signal("gelu", 30, gain=1.0).second_moments[-1] == pytest.approx(3e-18, rel=0.05)


def test_a_signal_that_grows_becomes_infinite() -> None:
    for name in ("exp", "square", "relu_squared", "star_relu"):
        found = fa.init.signal(name, 60, gain=2 * fa.init.gain(name))
        assert found.second_moments[-1] == math.inf
        assert not np.isnan(found.second_moments).any()
        assert not np.isnan(found.gradient_factors).any()


def test_fifty_layers_of_relu_keep_their_second_moment() -> None:
    rng = np.random.default_rng(1)
    width, h = 512, rng.normal(size=(16, 512))
    for _ in range(50):
        h = fa.relu(h) @ fa.init.lecun((width, width), fa.init.gain("relu"), rng=rng)
    assert 0.5 < np.square(h).mean() < 2


def test_the_documentation_has_the_table() -> None:
    assert (helpers.ROOT / "docs/gains.md").read_text() == moments.table()
