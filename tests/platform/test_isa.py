"""Instruction sets: each that this machine can run is within the same bounds, and bad names are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

CURRENT = fa.isa()


@pytest.fixture(params=[isa for isa in fa.isas() if isa != CURRENT] or [CURRENT])
def other(request: pytest.FixtureRequest) -> Iterator[str]:
    fa.set_isa(request.param)
    yield request.param
    fa.set_isa(CURRENT)


def test_agrees_with_the_others_within_the_bound(other: str, activation: fa.Activation, dtype: type) -> None:
    """Two results within the bound of the truth differ by at most the two bounds, and one rounding."""
    x = helpers.arguments(helpers.Call("", "", 1, 1), 20_000, dtype)[0]
    here = activation.value_and_derivative(x)
    fa.set_isa(CURRENT)
    there = activation.value_and_derivative(x)
    for a, b, bound in zip(here, there, activation.max_ulp[dtype.__name__], strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        near_root = np.abs(b) < 2.0**-18 if dtype is np.float64 else np.zeros(b.shape, bool)
        finite = np.isfinite(b) & ~near_root & ~np.isnan(b)
        oracle.assert_same_bits(a[np.isinf(b)], b[np.isinf(b)])
        with np.errstate(under="ignore"):
            apart = np.abs(a[finite].astype(np.longdouble) - b[finite]) / np.spacing(np.abs(b[finite]))
        assert apart.max(initial=0) <= 2 * bound + 1, f"{other} against {CURRENT}"


def test_special_values_are_the_same_bits(other: str, call: helpers.Call, dtype: type) -> None:
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1e30, -1e30])
    with np.errstate(under="ignore"):
        special = values.astype(dtype)
    arrays = [np.ones_like(special)] * (call.inputs - 1) + [special]
    here = helpers.each(call(*arrays))
    fa.set_isa(CURRENT)
    for a, b in zip(here, helpers.each(call(*arrays)), strict=True):
        exact = (b == 0) | ~np.isfinite(b)
        oracle.assert_same_bits(a[exact], b[exact])


@pytest.mark.parametrize("isa", fa.isas())
def test_environment_forces_it(isa: str) -> None:
    assert helpers.output_of("import fastact; print(fastact.isa())", FASTACT_ISA=isa) == isa


def test_the_best_is_chosen_without_it() -> None:
    assert helpers.output_of("import fastact; print(fastact.isa())", FASTACT_ISA=None) == fa.isas()[-1]
    assert helpers.output_of("import fastact; print(fastact.isa())", FASTACT_ISA="") == fa.isas()[-1]


@pytest.mark.parametrize("isa", ["sse9", "AVX2", "neon" if "avx2" in fa.isas() else "avx2"])
def test_what_cannot_run_is_refused(isa: str) -> None:
    """By the function and at import, with the names that can; and nothing changes."""
    expected = f"{isa!r}: this build does not have it; expected one of {', '.join(fa.isas())}"
    with pytest.raises(ValueError, match=r"fastact\.set_isa: name is") as caught:
        fa.set_isa(isa)
    assert expected in str(caught.value)
    assert fa.isa() == CURRENT
    done = helpers.python("import fastact", FASTACT_ISA=isa)
    assert done.returncode == 1
    assert f"ValueError: environment variable FASTACT_ISA is {expected}" in done.stderr


def test_names_that_are_no_text() -> None:
    for bad in (None, 2, b"avx2"):
        with pytest.raises(
            TypeError, match=rf"fastact.set_isa: name is {re.escape(repr(bad))}; expected one of"
        ):
            fa.set_isa(bad)
