"""The worst float32 results known, as comments of the rows tell them: still true, and no news to the bounds.

    /* worst: f(X) = GOT, exactly WANT; f'(X) = GOT, exactly WANT */

Numbers are hexadecimal, WANT is rounded to float64; `exact` stands for all where no result is ever off. Found
on AVX-512, by exhaustive runs where ACCURACY.md has them. Does not know any row.
"""

from __future__ import annotations

import re

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.evaluation.accuracy.subjects import Subject

TABLE = (helpers.ROOT / "include/fastact/activations.def").read_text().replace("\n * ", " ")
ROW = re.compile(r"/\* worst: f(.*?); f'(.*?) \*/\nFA_ACT\((\w+),", re.DOTALL)
CASE = re.compile(r"\((\S+)\) = (\S+),\s+exactly\s+(\S+)")
KNOWN = {m[3]: {"f": m[1], "f'": m[2]} for m in ROW.finditer(TABLE)}
KEYS = {"f": "formula", "f'": "derivative_formula"}


def worst(activation: fa.Activation, direction: str) -> tuple[float, float, float] | None:
    """x, got and want; None where every result is exact."""
    assert activation.name in KNOWN, (
        "no comment: python -m fastact accuracy NAME --exhaustive tells the input"
    )
    told = " ".join(KNOWN[activation.name][direction].split())
    if told == "is exact":
        return None
    x, got, want = (float.fromhex(number) for number in CASE.fullmatch(told).groups())
    return x, got, want


@pytest.mark.parametrize("direction", KEYS)
def test_it_is_what_the_comment_says(activation: fa.Activation, direction: str) -> None:
    """The told error is the true one, the kernel's within the bound, and that not far too loose."""
    case, subject = worst(activation, direction), Subject(activation, direction).rounded("float32")
    bound = subject.bound("float32")
    if case is None:
        assert bound <= 0.5
        return
    x, told, want = case
    assert float(np.float32(x)) == x
    exact = oracle.truth(activation.name, KEYS[direction], x, tuple(subject.activation.parameters.values()))
    assert oracle.rounded(exact, np.float64) == want
    error = oracle.error_in_ulp(told, exact, np.float32)
    assert error <= bound <= max(0.5, 4 * error)
    got = subject(np.array([x], np.float32))[0]
    assert oracle.error_in_ulp(got, exact, np.float32) <= bound
    if fa.isa() == "avx512":
        assert got == told
