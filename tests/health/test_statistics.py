"""fa.health against NumPy in float64 and against cases whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.health.counters import Counters
from fastact.health.statistics import forward_counting

SHAPES = [(100, 7), (70, 64), (40, 131), (5, 1), (300, 40), (1, 3)]
COUNTS = ("active", "saturated", "zeros", "non_finite", "zero_gradients", "non_finite_gradients")
EXACT = (*COUNTS, "n", "min", "max")
MEANS = ("mean", "mean_magnitude", "second_moment", "gradient_magnitude", "gradient_second_moment")


def samples(shape: tuple[int, ...], dtype: type, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (2 * rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)


def check_equal(a: Any, b: Any) -> None:
    """Equal where results are exact; sums to rounding."""
    for name in EXACT:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name in MEANS:
        scale = np.maximum(a.mean_magnitude, 1e-300) if name == "mean" else 1
        np.testing.assert_allclose(
            getattr(a, name) / scale, getattr(b, name) / scale, rtol=1e-14, atol=1e-15, err_msg=name
        )


def test_every_activation_against_numpy(activation: fa.Activation, dtype: type) -> None:
    for shape in SHAPES[:3]:
        z, grad_y = samples(shape, dtype)
        stats = fa.health(z, activation, grad_y=grad_y)
        y, slope = activation(z).astype(np.float64), activation.derivative(z)
        grad_z = activation.backward(grad_y, z).astype(np.float64)
        assert stats.n == shape[0]
        assert not stats.non_finite.any()
        assert np.array_equal(stats.active, (slope != 0).sum(0))
        assert np.array_equal(stats.zeros, (y == 0).sum(0))
        assert np.array_equal(stats.zero_gradients, (grad_z == 0).sum(0))
        assert np.array_equal(stats.min, y.min(0))
        assert np.array_equal(stats.max, y.max(0))
        scale = abs(y).mean(0)
        np.testing.assert_allclose(stats.mean_magnitude, scale, rtol=1e-13)
        np.testing.assert_allclose(stats.mean, y.mean(0), rtol=1e-13, atol=1e-14 * (1 + scale.max()))
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(stats.second_moment, (y * y).mean(0), rtol=1e-13)
        np.testing.assert_allclose(stats.gradient_magnitude, abs(grad_z).mean(0), rtol=1e-13)
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(stats.gradient_second_moment, (grad_z * grad_z).mean(0), rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_given_outputs_change_nothing(shape: tuple[int, ...], dtype: type) -> None:
    z, grad_y = samples(shape, dtype)
    for name in ("relu", "gelu", "tanh"):
        y = fa.get(name)(z)
        check_equal(fa.health(z, name, grad_y=grad_y), fa.health(z, name, y=y, grad_y=grad_y))


def test_given_outputs_are_those_that_count() -> None:
    stats = fa.health(np.ones((4, 2)), "relu", y=np.array([[0.0, 3.0]] * 4))
    assert stats.zeros.tolist() == [4, 0]
    assert stats.mean.tolist() == [0, 3]
    assert stats.active.tolist() == [4, 4]


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_merge_to_the_whole(shape: tuple[int, ...], dtype: type) -> None:
    z, grad_y = samples(shape, dtype)
    whole = fa.health(z, "silu", grad_y=grad_y)
    for cut in (0, 1, shape[0] // 2, shape[0]):
        first = fa.health(z[:cut], "silu", grad_y=grad_y[:cut])
        rest = fa.health(z[cut:], "silu", grad_y=grad_y[cut:])
        check_equal(first + rest, whole)
        assert first.n == cut  # merging changes neither


def test_threads_do_not_change_bits(dtype: type) -> None:
    z, grad_y = samples((900, 200), dtype)
    found = []
    for threads in (1, 2, 3):
        with fa.num_threads(threads):
            found.append(fa.health(z, "gelu", grad_y=grad_y))
    for other in found[1:]:
        for name in EXACT + MEANS:
            assert np.array_equal(getattr(found[0], name), getattr(other, name)), name


@pytest.mark.once
def test_instruction_sets_do_not_change_bits_of_sums(dtype: type) -> None:
    z, grad_y = samples((300, 37), dtype)
    before, found = fa.isa(), []
    try:
        for isa in fa.isas():
            fa.set_isa(isa)
            found.append(fa.health(z, "relu", grad_y=grad_y))
    finally:
        fa.set_isa(before)
    for other in found[1:]:
        for name in EXACT + MEANS:
            assert np.array_equal(getattr(found[0], name), getattr(other, name)), name


def test_axis_and_layout(dtype: type) -> None:
    z, grad_y = samples((6, 5, 4), dtype)
    for axis in (0, 1, 2, -1, -3):
        flat = np.moveaxis(z, axis, -1).reshape(-1, z.shape[axis])
        g = np.moveaxis(grad_y, axis, -1).reshape(-1, z.shape[axis])
        check_equal(fa.health(z, "mish", grad_y=grad_y, axis=axis), fa.health(flat, "mish", grad_y=g))
    check_equal(
        fa.health(z[::-1, ::2], "mish", grad_y=grad_y[::-1, ::2]),
        fa.health(z[:, ::2], "mish", grad_y=grad_y[:, ::2]),
    )
    swapped = z.astype(z.dtype.newbyteorder())
    check_equal(fa.health(swapped, "mish"), fa.health(z, "mish"))


def test_samples_that_are_not_finite_count_nowhere_else() -> None:
    for units in (1, 3, 40):
        z = np.ones((50, units), np.float32)
        z[:4, 0] = [np.nan, np.inf, -np.inf, 2]
        stats = fa.health(z, "relu", grad_y=np.full_like(z, np.inf))
        assert stats.non_finite[0] == 3
        assert stats.active[0] == 47
        assert stats.zeros[0] == 0
        assert stats.mean[0] == 48 / 47
        assert stats.max[0] == 2
        assert stats.share("active")[0] == 1
        assert stats.non_finite_gradients[0] == 47
        assert not stats.non_finite[1:].any()


def test_outputs_that_overflow_are_not_finite() -> None:
    stats = fa.health(np.float32([[100.0], [1.0]]), "exp")
    assert stats.non_finite.tolist() == [1]
    assert stats.max[0] == fa.exp(np.float32(1))


def test_squares_that_overflow_are_infinite() -> None:
    stats = fa.health(np.full((100, 3), 1e200), "relu")
    assert (stats.second_moment == np.inf).all()
    assert not stats.non_finite.any()


def test_float64_sums_are_compensated() -> None:
    y = np.tile([1e16, 1.0, -1e16, 1.0], 50)[:, None]
    for units in (1, 70):
        assert (fa.health(np.repeat(y, units, 1), "identity").mean == 0.5).all()


def test_gradient_of_an_inactive_unit_is_zero() -> None:
    stats = fa.health(np.full((3, 2), -1.0), "relu", grad_y=np.full((3, 2), np.inf))
    assert stats.zero_gradients.tolist() == [3, 3]
    assert not stats.non_finite_gradients.any()


def test_no_samples() -> None:
    stats = fa.health(np.empty((0, 3)), "relu")
    assert stats.n == 0
    assert stats.units == 3
    assert np.isnan(stats.mean).all()
    assert fa.health(np.empty((3, 0)), "relu").units == 0


# Saturation -----------------------------------------------------------------------------------------


def saturated(name: Any, z: Any) -> np.ndarray:
    return np.array([fa.health([[value]], name).saturated[0] for value in np.float32(z)]) == 1


@pytest.mark.once
@pytest.mark.parametrize(("name", "limit"), [("tanh", 2.5), ("sigmoid", 5.0)])
def test_hand_made_limits(name: str, limit: float) -> None:
    z = np.linspace(-8, 8, 1001)
    close = abs(abs(z) - limit) < 0.15
    assert np.array_equal(saturated(name, z)[~close], (abs(z) > limit)[~close])


def test_piecewise_linear_limits_are_their_kinks() -> None:
    assert saturated("relu", [-1, 0, 1e-30, 1]).tolist() == [True, True, False, False]
    assert saturated("relu6", [0, 1, 5.9, 6, 7]).tolist() == [True, False, False, True, True]
    assert saturated("hard_tanh", [-1, -0.99, 0.99, 1]).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    "name", ["leaky_relu", "prelu", "identity", "abs", "soft_shrink", "tanh_shrink", "sin"]
)
def test_no_side_where_the_slope_tends_to_zero(name: str) -> None:
    stats = fa.health(np.linspace(-1e6, 1e6, 101)[:, None], name)
    assert stats.saturated[0] == 0
    assert stats.saturation.reason == "f' does not tend to 0 on either side"


@pytest.mark.once
@pytest.mark.parametrize("name", ["exp", "square", "relu_squared"])
def test_no_supremum_is_said(name: str) -> None:
    stats = fa.health(np.array([[-50.0, 1.0]]), name)
    assert not stats.saturated.any()
    assert stats.saturation.reason == "abs(f') has no supremum"
    assert stats.saturation.reason in str(stats)


@pytest.mark.once
def test_the_rule_holds_for_every_activation(activation: fa.Activation) -> None:
    """Beyond the limits abs(f') is below the limit everywhere, just inside it is not."""
    z = np.concatenate([-np.geomspace(1e-3, 1e4, 4001)[::-1], np.geomspace(1e-3, 1e4, 4001)])
    stats = fa.health(z[:, None], activation)
    low, high = stats.saturation.low[0], stats.saturation.high[0]
    slope = abs(activation.derivative(z))
    beyond = (z <= low) | (z >= high)
    assert stats.saturated[0] == beyond.sum()
    if stats.saturation.reason:
        assert not beyond.any()
        return
    supremum = slope.max()
    assert (slope[beyond] < 0.0301 * supremum).all()
    inside = slope[(z > low) & (z < high)]
    for end, sign in ((low, 1), (high, -1)):
        if np.isfinite(end):
            near = activation.derivative(end + sign * 1e-6 * max(1, abs(end)))
            assert abs(near) > 0.0299 * supremum
    assert inside.size


def test_parameters_move_the_limits() -> None:
    swish = fa.swish.bind(beta=1000.0)
    assert saturated(swish, [-0.1, -1e-4]).tolist() == [True, False]
    weights = np.array([0.0, 0.25])
    stats = fa.health(np.array([[-1.0, -1.0]]), fa.prelu.bind(weight=weights))
    assert stats.saturated.tolist() == [1, 0]
    assert stats.active.tolist() == [0, 1]
    weights[:] = 0.5  # arrays are used as they are at each call
    assert fa.health(np.array([[-1.0, -1.0]]), fa.prelu.bind(weight=weights)).saturated.tolist() == [0, 0]


# Other activations ----------------------------------------------------------------------------------


class Halving:
    def __call__(self, x: Any) -> Any:
        return x / 2

    def derivative(self, x: Any) -> Any:
        return np.full(np.shape(x), 0.5)


def test_units_that_the_parameters_do_not_belong_to() -> None:
    """Parameters are along the last axis; where the units are along another one, they vary along samples."""
    z = np.full((3, 3), 1.5)
    f = fa.get("hard_tanh", min_value=-np.arange(1.0, 4), max_value=np.arange(1.0, 4))
    for activation in (f, fa.mixed(["tanh", "tanh", "identity"])):
        found = fa.health(2 * z, activation, axis=0)
        assert found.saturation.reason == "parameters vary along the batch"
        assert not found.saturated.any()
        assert np.array_equal(found.mean, activation(2 * z).mean(axis=1))
    assert np.array_equal(fa.health(z, f).saturated, [3, 0, 0])
    assert np.array_equal(fa.health(z, fa.hard_tanh, axis=0).saturated, [3, 3, 3])


def test_composite_activations_and_objects() -> None:
    z, grad_y = samples((20, 3), np.float64)
    mixed = fa.mixed(["relu", "tanh", "leaky_relu"])
    found = fa.health(z, mixed, grad_y=grad_y)
    for unit, name in enumerate(["relu", "tanh", "leaky_relu"]):
        single = fa.health(z[:, [unit]], name, grad_y=grad_y[:, [unit]])
        for count in COUNTS:
            assert getattr(found, count)[unit] == getattr(single, count)[0]
    spike = fa.health(z, fa.surrogate("step", "arctan"))
    assert (spike.active == 20).all()
    assert np.array_equal(spike.zeros, (z <= 0).sum(0))
    halved = fa.health(z, Halving())
    assert np.array_equal(halved.max, z.max(0) / 2)
    assert (halved.active == 20).all()


def test_parameters_that_vary_along_the_batch() -> None:
    f = fa.leaky_relu.bind(negative_slope=np.array([[0.0], [0.5]]))
    stats = fa.health(np.full((2, 3), -1.0), f)
    assert stats.active.tolist() == [1, 1, 1]
    assert "vary along the batch" in stats.saturation.reason


# Errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "says"),
    [
        ((np.ones(3), "rleu"), {}, ValueError, "relu"),
        ((np.float64(1), "relu"), {}, ValueError, "no axes"),
        ((np.ones((2, 3)), "relu"), {"y": np.ones(3)}, ValueError, r"y has shape \(3,\); expected \(2, 3\)"),
        ((np.ones((2, 3)), "relu"), {"axis": 2}, ValueError, "axis is 2"),
        ((np.ones((2, 3)), "relu"), {"axis": 1.5}, TypeError, "axis is 1.5"),
        ((np.ones((2, 3)), ["relu"]), {}, TypeError, "activation is of type list"),
        ((np.ones(3) * 1j, "relu"), {}, TypeError, "complex"),
        ((np.ma.ones(3), "relu"), {}, TypeError, "MaskedArray"),
    ],
)
def test_refusals(arguments: Any, keywords: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fa.health(*arguments, **keywords)


def test_statistics_that_do_not_belong_together() -> None:
    a = fa.health(np.ones((2, 3)), "relu")
    with pytest.raises(ValueError, match="3 and of 2 units"):
        a.merge(fa.health(np.ones((2, 2)), "relu"))
    with pytest.raises(ValueError, match="saturate elsewhere"):
        a.merge(fa.health(np.ones((2, 3)), "tanh"))
    with pytest.raises(ValueError, match="without gradients"):
        a.merge(fa.health(np.ones((2, 3)), "relu", grad_y=np.ones((2, 3))))
    with pytest.raises(TypeError, match="cannot merge int"):
        a.merge(3)  # type: ignore[arg-type]


@pytest.mark.once
def test_dtypes_are_read_as_exp_does() -> None:
    for given in (np.ones((2, 3), np.int64), np.ones((2, 3), np.float16), [[1, 2, 3]], np.array([[True]])):
        assert (fa.health(given, "relu").active == len(given)).all()


# relu, which is counted without its values and slopes in memory ---------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (300, 70), (33, 129), (16, 64)])
def test_relu_alone_is_counted_as_relu_with_its_values(shape: tuple[int, int], dtype: type) -> None:
    """To the bit: the same sums in the same order; tiles with samples that are not finite, too."""
    z = np.random.default_rng(0).normal(size=shape).astype(dtype)
    z[::5] = -0.0
    for special in (None, np.nan, np.inf, -np.inf):
        if special is not None:
            z[shape[0] // 2, shape[1] // 3] = special
        alone, given = fa.health(z, "relu"), fa.health(z, "relu", y=fa.relu(z))
        for name in (
            "active",
            "saturated",
            "zeros",
            "non_finite",
            "mean",
            "mean_magnitude",
            "second_moment",
            "min",
            "max",
        ):
            np.testing.assert_array_equal(getattr(alone, name), getattr(given, name), name)
        assert not np.signbit(alone.min).any()


@pytest.mark.once
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "f", [fa.swish.bind(beta=np.full((1, 1, 1), 2.0)), fa.mixed(["swish"])], ids=["bound", "mixed"]
)
def test_single_parameters_of_any_number_of_axes(f: fa.Activation, axis: int) -> None:
    """They are one number for all units, whichever axis these are on."""
    z = np.linspace(-9, 9, 6).reshape(2, 3, 1)
    number = fa.swish.bind(beta=2.0 if f.name == "swish" else 1.0)
    found, expected = fa.health(z, f, axis=axis), fa.health(z, number, axis=axis)
    assert expected.saturated.any()
    assert np.array_equal(found.saturated, expected.saturated)
    assert np.array_equal(found.active, expected.active)


# Beside a layer's forward pass ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [0, 1, 200, 5000])
@pytest.mark.parametrize("activation", ["relu", "gelu", fa.elu.bind(alpha=0.5)], ids=str)
def test_forward_counting_is_forward_and_health(activation: Any, rows: int, dtype: Any) -> None:
    """The same bits as from z, whatever the number of threads."""
    rng = np.random.default_rng(rows)
    x, w = rng.normal(size=(rows, 20)).astype(dtype), rng.normal(size=(20, 70)).astype(dtype)
    b, found = rng.normal(size=(1, 70)).astype(dtype), []
    for threads in (1, 2):
        with fa.num_threads(threads):
            z, y, stats = forward_counting(x, w, b, fa.get(activation))
        found.append(stats)
    np.testing.assert_allclose(z, x.astype(np.float64) @ w + b, atol=1e-4)
    np.testing.assert_array_equal(y, fa.get(activation)(z))
    expected = fa.health(z, activation, y)
    names = ("active", "saturated", "zeros", "non_finite", "mean", "second_moment", "min", "max", "n")
    for stats in found:
        for name in names:
            np.testing.assert_array_equal(getattr(stats, name), getattr(expected, name), name)


def test_forward_counting_leaves_other_layers_alone() -> None:
    x, w = np.ones((3, 4)), np.ones((4, 5))
    assert forward_counting(x, w, None, fa.prelu.bind(weight=np.ones(5))) is None
    assert forward_counting(x, w, None, fa.mixed(["relu"] * 5)) is None
    assert forward_counting(x, w.T.copy().T, None, fa.relu) is None
    assert forward_counting(x, w, None, fa.relu)[2].active.tolist() == [3] * 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limits", [(0.0, np.inf), (-0.5, 1.5)], ids=str)
@pytest.mark.parametrize("bad", [[], [np.nan, np.inf, -np.inf]], ids=str)
def test_relu_with_limits_of_its_own_and_others(dtype: Any, limits: tuple[float, float], bad: Any) -> None:
    """C takes any limits; with relu's own, it counts what is not active as saturated."""
    z = np.random.default_rng(4).normal(size=(300, 70)).astype(dtype)
    z[5, : len(bad)] = bad
    z[7, 30:40] = 0
    low, high = (np.full(70, limit) for limit in limits)
    counters, finite = Counters(70), np.isfinite(z)
    counters.call(fa.relu._entry["id"], np.empty(0), [z, None, None, None], low, high)
    expected = {
        "active": finite & (z > 0),
        "saturated": finite & ((z <= limits[0]) | (z >= limits[1])),
        "zeros": finite & (z <= 0),
        "non_finite": ~finite,
    }
    for name, found in expected.items():
        np.testing.assert_array_equal(counters.count(name), found.sum(0), name)
    y = np.where(finite & (z > 0), z, 0).astype(np.float64)
    np.testing.assert_allclose(counters.total("sum"), y.sum(0), rtol=1e-12)
    np.testing.assert_allclose(counters.total("squares"), np.square(y).sum(0), rtol=1e-12)
