"""Softmax and its relatives in exact arithmetic: mpmath with enough digits for the rows of the tests.

Shares nothing with the library.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mpmath import mp, mpf


def reals(row: Sequence[float]) -> list[mpf]:
    return [mpf(float(v)) for v in row]


def softmax(row: Sequence[float], temperature: float = 1.0, sign: int = 1, quiet: bool = False) -> list[mpf]:
    """Probabilities."""
    x = [sign * v / mpf(float(temperature)) for v in reals(row)]
    total = mp.fsum(mp.exp(v) for v in x) + (1 if quiet else 0)
    return [mp.exp(v) / total for v in x]


def log_softmax(row: Sequence[float], temperature: float = 1.0) -> list[mpf]:
    """Their logarithms."""
    return [mp.log(p) for p in softmax(row, temperature)]


def logsumexp(row: Sequence[float]) -> mpf:
    return mp.log(mp.fsum(mp.exp(v) for v in reals(row)))


def sparsemax(row: Sequence[float]) -> tuple[list[mpf], mpf]:
    """Probabilities and the threshold, by sorting (Martins and Astudillo 2016, algorithm 1)."""
    x = reals(row)
    descending, total, threshold = sorted(x, reverse=True), mpf(0), mpf(0)
    for k, v in enumerate(descending, 1):
        total += v
        if 1 + k * v > total:
            threshold = (total - 1) / k
    return [max(v - threshold, mpf(0)) for v in x], threshold


def entmax15(row: Sequence[float]) -> tuple[list[mpf], mpf]:
    """Probabilities and the threshold, by sorting (Peters et al. 2019, algorithm 2)."""
    z = [v / 2 for v in reals(row)]
    descending = sorted(z, reverse=True)
    for k in range(1, len(z) + 1):
        mean = mp.fsum(descending[:k]) / k
        spread = mp.fsum((v - mean) ** 2 for v in descending[:k])
        threshold = mean - mp.sqrt(mpf(1) / k - spread / k) if spread <= 1 else descending[k - 1]
        if k == len(z) or threshold >= descending[k]:
            break
    return [max(v - threshold, mpf(0)) ** 2 for v in z], threshold


def ulps(got: np.floating, want: mpf, *terms: mpf) -> float:
    """The error in units in the last place of `want`, or of the largest of the terms."""
    largest = max(abs(float(want)), *(abs(float(t)) for t in terms), 0.0)
    with np.errstate(all="ignore"):  # float32 has fewer subnormal numbers
        unit = np.spacing(type(got)(largest))
    return float(abs(mpf(float(got)) - want) / mpf(float(unit)))
