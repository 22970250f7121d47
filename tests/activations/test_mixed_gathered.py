"""``fa.mixed`` of plain arrays: groups side by side, and narrow ones whose columns are gathered."""

from __future__ import annotations

import numpy as np
import pytest
from mixed_cases import by_itself, check, inputs

import fastact as fa
from fastact.activations import unit_groups

NAMES = ["gelu", fa.relu, "tanh", fa.leaky_relu.bind(negative_slope=0.5), "sigmoid"]
ORDER = np.random.default_rng(5).permutation(np.arange(40) % len(NAMES))
SCATTERED = [NAMES[k] for k in ORDER]
SIDE_BY_SIDE = [NAMES[k] for k in sorted(ORDER)]
UNITS = len(SCATTERED)


def test_columns_are_gathered_only_where_that_helps() -> None:
    assert type(fa.mixed(SCATTERED)._plain) is unit_groups.Gathered
    assert type(fa.mixed(SIDE_BY_SIDE)._plain) is unit_groups.Plain
    assert type(fa.mixed((["relu"] * 30 + ["gelu"] * 30) * 3)._plain) is unit_groups.Plain
    slopes = fa.leaky_relu.bind(negative_slope=np.array([0.5]))
    assert fa.mixed([slopes, "relu"] * 10)._plain is None


@pytest.fixture(params=[SCATTERED, SIDE_BY_SIDE], ids=["scattered", "side by side"])
def units(request: pytest.FixtureRequest) -> list[str | fa.Activation]:
    found: list[str | fa.Activation] = request.param
    return found


@pytest.mark.parametrize("shape", [(UNITS,), (7, UNITS), (2, 3, UNITS), (0, UNITS), (2500, UNITS)])
def test_the_bits_of_each_by_itself(
    units: list[str | fa.Activation], direction: tuple[str, int], dtype: type, shape: tuple[int, ...]
) -> None:
    method, count = direction
    arrays = [inputs(dtype, shape, seed) for seed in range(count)]
    check(getattr(fa.mixed(units), method)(*arrays), by_itself(units, method, *arrays))


def test_layouts_and_results_in_place(
    units: list[str | fa.Activation], direction: tuple[str, int], dtype: type
) -> None:
    method, count = direction
    arrays = [np.asfortranarray(inputs(dtype, (9, UNITS), seed)) for seed in range(count)]
    want, f = by_itself(units, method, *arrays), fa.mixed(units)
    if method == "value_and_derivative":
        outs = np.empty((2, 9, 2 * UNITS), dtype)[:, :, ::2]
        got = f.value_and_derivative(*arrays, out=(outs[0], outs[1]))
        check(tuple(outs), want)
    else:
        got = getattr(f, method)(*arrays, out=arrays[-1])
        assert got is arrays[-1]
    check(got, want)


def test_a_result_that_overlaps_its_input_elsewhere(units: list[str | fa.Activation]) -> None:
    memory = np.random.default_rng(1).normal(size=(11, UNITS))
    want = by_itself(units, "__call__", memory[:-1].copy())
    check(fa.mixed(units)(memory[:-1], out=memory[1:]), want)


def test_errors_and_other_arguments_are_as_without(units: list[str | fa.Activation]) -> None:
    f, x = fa.mixed(units), np.linspace(-2, 2, 3 * UNITS).reshape(3, UNITS)
    with pytest.raises(ValueError, match=rf"expected a last axis of {UNITS}"):
        f(x[:, 1:])
    locked = np.empty_like(x)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(x, out=locked)
    narrow, (want,) = np.empty(x.shape, np.float32), by_itself(units, "__call__", x)
    check(f(x, out=narrow, casting="same_kind"), (want.astype(np.float32),))
