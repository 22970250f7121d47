"""Table kernels: the bits of an element depend on that element alone.

These tests must not depend on which activations have tables.
"""

from __future__ import annotations

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa


def mixture(n: int, dtype: str) -> np.ndarray:
    """Inputs of all kinds side by side: in a table, outside it, subnormal, infinite and NaN."""
    rng = np.random.default_rng(n)
    limits = np.finfo(dtype)
    with np.errstate(all="ignore"):
        kinds = [
            rng.normal(0, 2, n),
            rng.uniform(-120, 120, n),
            rng.normal(0, 1, n) * 2.0 ** rng.uniform(limits.minexp - limits.nmant, limits.maxexp - 1, n),
            rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan], n),
        ]
        return np.choose(rng.choice(4, n, p=[0.6, 0.2, 0.15, 0.05]), kinds).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [16, 61, 1024, 3000])
def test_bits_do_not_depend_on_the_neighbours(call: helpers.Call, n: int, dtype: str) -> None:
    """Some neighbours change how a whole block is computed."""
    rng = np.random.default_rng(1)
    order = rng.permutation(n)
    arrays = [rng.normal(size=n).astype(dtype)] * (call.inputs - 1) + [mixture(n, dtype)]
    with np.errstate(all="ignore"):
        results = helpers.each(call(*arrays))
        shuffled = helpers.each(call(*(a[order] for a in arrays)))
        few = helpers.each(call(*(a[: n // 3] for a in arrays)))
    for whole, other, part in zip(results, shuffled, few, strict=True):
        oracle.assert_same_bits(other, whole[order])
        oracle.assert_same_bits(part, whole[: n // 3])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_how_many_inputs_are_outside_a_table(call: helpers.Call, dtype: str) -> None:
    """A few such inputs are deferred; for many the tail of the whole group is computed."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-60, 60, 4096).astype(dtype)
    near = np.where(rng.random(x.size) < 0.02, x, rng.uniform(-3, 3, x.size)).astype(dtype)
    grad = rng.normal(size=x.size).astype(dtype)
    arrays = [grad] * (call.inputs - 1)
    with np.errstate(all="ignore"):
        crowded, alone = helpers.each(call(*arrays, x)), helpers.each(call(*arrays, near))
    for many, few in zip(crowded, alone, strict=True):
        oracle.assert_same_bits(few[near == x], many[near == x])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in fa.names() if fa.get(name).parameters])
def test_per_element_parameters_some_of_which_are_the_defaults(name: str, dtype: str) -> None:
    """An element with the default parameters gets the same bits as in a call with the defaults."""
    activation, x = fa.get(name), mixture(2500, dtype)
    parameter, default = next(iter(activation.parameters.items()))
    is_default = np.random.default_rng(2).random(x.size) < 0.5
    values = np.where(is_default, default, 0.75 * default + 0.125).astype(dtype)
    with np.errstate(all="ignore"):
        for method in (activation, activation.derivative):
            got, alone = method(x, **{parameter: values}), method(x)
            oracle.assert_same_bits(got[is_default], alone[is_default])
