"""Search parameters and inputs at which float64 results are farthest from the exact ones.

    python tools/hard_parameters.py xielu bsilu --rounds 200

Parameters are drawn at random, inputs near the roots of f and f' and elsewhere; then the worst parameters
found are varied. Errors are relative to the entry's bound: above 1 the claim is wrong. Within 2^-20 of a root
they are measured in ULP of the largest term, as everywhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import fastact
from fastact.evaluation.accuracy.double import near_roots, term_ratio
from fastact.evaluation.accuracy.errors import errors_in_ulp
from fastact.evaluation.accuracy.points import roots
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject
from fastact.evaluation.accuracy.truth import truth_where_decided

Floats = NDArray[np.float64]

ROOTS = 3  # whose neighbourhoods are tried, of each of f and f'
EXPLORING = 3  # of so many rounds, one draws new parameters; the others vary the worst


@dataclass(frozen=True)
class Case:
    """The worst input of some rounds.

    Attributes
    ----------
    error : float
        In units of the entry's bound.
    activation : Activation
        With its parameters.
    x : float
    """

    error: float
    activation: fastact.Activation
    x: float

    def __str__(self) -> str:
        """In full precision, so that it can be tried again."""
        values = ", ".join(f"{name}={value!r}" for name, value in self.activation.parameters.items())
        return f"{self.error:.3f} of the bound: {self.activation.name}({self.x!r}, {values})"


def inputs(activation: fastact.Activation, rng: np.random.Generator) -> Floats:
    """Points at all distances from the roots of f and f', and moderate ones."""
    centres = [0.0]
    for direction in DIRECTIONS:
        found = roots(Subject(activation, direction))
        centres += rng.choice(found, min(ROOTS, found.size), replace=False).tolist()
    distances = np.exp2(-rng.uniform(0, 21, (len(centres), 12))) * rng.choice([-1.0, 1.0], (len(centres), 12))
    with np.errstate(under="ignore"):
        near = np.array(centres)[:, None] * (1 + distances)
    moderate = rng.normal(0, 3, 12) * np.exp2(rng.uniform(-6, 2, 12))
    return np.concatenate([near.ravel(), moderate])


def worst_input(subject: Subject, x: Floats) -> Case:
    """The point with the largest error."""
    want, known = truth_where_decided(subject.text, subject.activation.parameters, x)
    x = x[known]
    if not x.size:
        return Case(0.0, subject.activation, 0.0)
    errors, bound = errors_in_ulp(subject(x), want), subject.bound("float64")
    at = np.flatnonzero(near_roots(x, roots(subject)) & (errors > bound))
    errors[at] /= term_ratio(subject, x[at], want.floor[at])
    i = int(np.argmax(errors))
    return Case(float(errors[i]) / bound, subject.activation, float(x[i]))


def search(name: str, direction: str, rounds: int, seed: int = 0) -> Case:
    """The worst case of some rounds for f or f' of an activation."""
    rng, default = np.random.default_rng(seed), fastact.get(name)
    found = worst_input(Subject(default, direction), inputs(default, rng))
    for number in range(rounds):
        explores = number % EXPLORING == 0
        base = default if explores else found.activation
        values = np.array(list(base.parameters.values()))
        if explores:
            values = rng.choice([-1.0, 1.0, 1.0], values.size) * np.exp2(rng.uniform(-8, 5, values.size))
        else:
            values = values * (1 + rng.normal(size=values.size) * np.exp2(-rng.uniform(0, 30)))
        activation = default.bind(**dict(zip(default.parameters, values.tolist(), strict=True)))
        case = worst_input(Subject(activation, direction), inputs(activation, rng))
        found = max(found, case, key=lambda c: c.error)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(prog="hard_parameters.py", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations with parameters (default: all)")
    parser.add_argument("--rounds", type=int, default=100, help="sets of parameters to try (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    names = options.names or [name for name in fastact.names() if fastact.get(name).parameters]
    if unknown := [name for name in names if name not in fastact.names()]:
        parser.error(f"not in the table of activations: {', '.join(unknown)}")
    worst = 0.0
    for name in names:
        for direction in DIRECTIONS:
            case = search(name, direction, options.rounds, options.seed)
            worst = max(worst, case.error)
            print(f"{direction} {case}", flush=True)
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
