"""The worst float32 results known, as the table has them: still true, and the bounds are not too loose.

Found on AVX-512, by exhaustive runs where ACCURACY.md has them.
"""

from __future__ import annotations

import ast

import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.evaluation.accuracy.subjects import Subject

KEYS = {"f": "formula", "f'": "derivative_formula"}


def worst(activation: fa.Activation, direction: str) -> tuple[float, float, float] | None:
    """x, got and exact; None where every result is exact."""
    text = oracle.ENTRIES[activation.name]["worst"].replace("EXACT", "None")
    case = ast.literal_eval(text)[list(KEYS).index(direction)]
    return None if case is None else tuple(float.fromhex(number) for number in case)


@pytest.mark.parametrize("direction", KEYS)
def test_it_is_what_the_table_says(activation: fa.Activation, direction: str) -> None:
    """The stated error is the true one, the kernel's within the bound, and that not far too loose."""
    case, subject = worst(activation, direction), Subject(activation, direction).rounded("float32")
    bound = subject.bound("float32")
    if case is None:
        assert bound <= 0.5
        return
    x, stated, want = case
    assert float(np.float32(x)) == x
    exact = oracle.truth(activation.name, KEYS[direction], x, tuple(subject.activation.parameters.values()))
    assert oracle.rounded(exact, np.float64) == want
    error = oracle.error_in_ulp(stated, exact, np.float32)
    assert error <= bound <= max(0.5, 4 * error)
    got = subject(np.array([x], np.float32))[0]
    assert oracle.error_in_ulp(got, exact, np.float32) <= bound
    if fa.isa() == "avx512":
        assert got == stated
