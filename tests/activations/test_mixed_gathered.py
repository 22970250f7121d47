"""``fa.mixed`` where equal activations are scattered over narrow groups, whose columns are gathered."""

from __future__ import annotations

import numpy as np
import pytest
from mixed_cases import by_itself, check, inputs

import fastact as fa

NAMES = ["gelu", fa.relu, "tanh", fa.leaky_relu.bind(negative_slope=0.5), "sigmoid"]
ORDER = np.random.default_rng(5).permutation(np.arange(40) % len(NAMES))
SCATTERED = [NAMES[k] for k in ORDER]
UNITS = len(SCATTERED)


def test_columns_are_gathered_only_where_that_helps() -> None:
    assert fa.mixed(SCATTERED)._gathered
    side_by_side = [NAMES[k] for k in sorted(ORDER)]
    assert not fa.mixed(side_by_side)._gathered
    assert not fa.mixed((["relu"] * 30 + ["gelu"] * 30) * 3)._gathered
    slopes = fa.leaky_relu.bind(negative_slope=np.array([0.5]))
    assert not fa.mixed([slopes, "relu"] * 10)._gathered


@pytest.mark.parametrize("shape", [(UNITS,), (7, UNITS), (2, 3, UNITS), (0, UNITS), (1500, UNITS)])
def test_the_bits_of_each_by_itself(direction: tuple[str, int], dtype: type, shape: tuple[int, ...]) -> None:
    method, count = direction
    arrays = [inputs(dtype, shape, seed) for seed in range(count)]
    check(getattr(fa.mixed(SCATTERED), method)(*arrays), by_itself(SCATTERED, method, *arrays))


def test_layouts_and_results_in_place(direction: tuple[str, int], dtype: type) -> None:
    method, count = direction
    arrays = [np.asfortranarray(inputs(dtype, (9, UNITS), seed)) for seed in range(count)]
    want, f = by_itself(SCATTERED, method, *arrays), fa.mixed(SCATTERED)
    if method == "value_and_derivative":
        outs = np.empty((2, 9, 2 * UNITS), dtype)[:, :, ::2]
        got = f.value_and_derivative(*arrays, out=(outs[0], outs[1]))
        check(tuple(outs), want)
    else:
        got = getattr(f, method)(*arrays, out=arrays[-1])
        assert got is arrays[-1]
    check(got, want)


def test_a_result_that_overlaps_its_input_elsewhere() -> None:
    memory = np.random.default_rng(1).normal(size=(11, UNITS))
    want = by_itself(SCATTERED, "__call__", memory[:-1].copy())
    check(fa.mixed(SCATTERED)(memory[:-1], out=memory[1:]), want)


def test_errors_and_other_arguments_are_as_without() -> None:
    f, x = fa.mixed(SCATTERED), np.linspace(-2, 2, 3 * UNITS).reshape(3, UNITS)
    with pytest.raises(ValueError, match=rf"expected a last axis of {UNITS}"):
        f(x[:, 1:])
    locked = np.empty_like(x)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(x, out=locked)
    narrow, (want,) = np.empty(x.shape, np.float32), by_itself(SCATTERED, "__call__", x)
    check(f(x, out=narrow, casting="same_kind"), (want.astype(np.float32),))
