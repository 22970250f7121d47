"""Moments of all activations in 30 digits, and the documentation's table of gains.

    python tools/moments.py            # tests/data/moments.json: the truth of tests, in a few minutes
    python tools/moments.py --table    # docs/gains.md, from fastact itself

The truth shares no code with fastact.init: formulas are evaluated by mpmath, and integrated by a rule of
fixed order between kinks, half a unit at a time, without adaptation.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp, mpf

import fastact as fa
from fastact.activations.formula import compile_formula

ROOT = Path(__file__).resolve().parent.parent
TRUTH = ROOT / "tests/data/moments.json"
TABLE = ROOT / "docs/gains.md"
VARIANCES = (0.1, 1.0, 10.0)
SETS = 3
REACH = 18
NODES = 40
TURNS = (-2, -1, 1, 2)  # x where formulas change without a kink: sqnl, sparse_plus, sparse_sigmoid
RULE: list[tuple[Any, Any]] = []


def parameter_sets(name: str) -> list[dict[str, float]]:
    """The defaults, and others beside them; none where an activation has no parameters."""
    defaults = dict(fa.get(name).parameters)
    if not defaults:
        return [{}]
    rng = np.random.default_rng(fa.names().index(name))
    factors = rng.uniform(0.6, 1.4, (SETS - 1, len(defaults))).round(3)
    shifts = rng.uniform(0.05, 0.2, (SETS - 1, len(defaults))).round(3)
    varied = [
        {p: round(v * f + s, 6) for (p, v), f, s in zip(defaults.items(), fs, ss, strict=True)}
        for fs, ss in zip(factors.tolist(), shifts.tolist(), strict=True)
    ]
    return [defaults, *varied]


def legendre_rule() -> list[tuple[Any, Any]]:
    """Nodes and weights of Gauss and Legendre on [-1, 1], by Newton's method from NumPy's."""
    if not RULE:
        for start in np.polynomial.legendre.leggauss(NODES)[0].tolist():
            node = mp.findroot(lambda t: mp.legendre(NODES, t), mpf(start))
            slope = NODES * (mp.legendre(NODES - 1, node) - node * mp.legendre(NODES, node)) / (1 - node**2)
            RULE.append((node, 2 / ((1 - node**2) * slope**2)))
    return RULE


def exact_moments(name: str, parameters: dict[str, float], variance: float) -> list[Any]:
    """E f, E f^2, E f'^2, E f^2 z^2."""
    activation = fa.get(name).bind(**parameters)
    names = {p: mpf(v) for p, v in activation.parameters.items()}
    f = compile_formula(activation.formula, ("x",), "mpmath", **names)
    d = compile_formula(activation.derivative_formula, ("x",), "mpmath", **names)
    deviation = mp.sqrt(mpf(variance))
    text = activation._entry["kinks"]
    kinks = compile_formula(f"({text},)", (), "mpmath", **names)() if text else ()
    at = {mpf(x) / deviation for x in (*kinks, *TURNS)}
    edges = sorted({mpf(z) / 2 for z in range(-2 * REACH, 2 * REACH + 1)} | at)
    totals = [mpf(0)] * 4
    for low, high in pairwise(edges):
        if high <= -REACH or low >= REACH:
            continue
        for node, weight in legendre_rule():
            z = (low + high) / 2 + (high - low) / 2 * node
            share = weight * (high - low) / 2 * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
            value, slope = f(deviation * z), d(deviation * z)
            for k, term in enumerate((value, value**2, slope**2, (value * z) ** 2)):
                totals[k] += share * term
    return totals


def write_truth() -> None:
    """All entries, parameter sets and variances."""
    found = []
    with mp.workdps(30):
        for name in fa.names():
            for parameters in parameter_sets(name):
                for variance in VARIANCES:
                    totals = exact_moments(name, parameters, variance)
                    found.append([name, parameters, variance, *(mp.nstr(t, 20) for t in totals)])
            print(name, flush=True)
    TRUTH.write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n")


def table() -> str:
    """The documentation's table, in Markdown."""
    lines = [
        "# Gains of all activations",
        "",
        "For parameters at their defaults and an input of mean 0 and variance 1. Made by",
        "`python tools/moments.py --table`.",
        "",
        "A gain belongs to the weights that *read* the activation's output: their standard deviation is",
        "`gain/sqrt(fan_in)`. `forward`, `backward` and `std` are the modes of `fa.init.gain`; `slope` is",
        "`fa.init.moments(...).slope`: above 1 a gain does not keep the signal through many layers.",
        "",
        "| activation | forward | backward | std | slope |",
        "|---|---|---|---|---|",
    ]
    for name in fa.names():
        found = fa.init.moments(name)
        backward = f"{fa.init.gain(name, 'backward'):.4f}" if found.derivative_second else "none"
        gains = (f"{fa.init.gain(name):.4f}", backward, f"{fa.init.gain(name, 'std'):.4f}")
        lines.append(f"| {name} | {' | '.join(gains)} | {found.slope:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="moments.py", description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="write docs/gains.md instead")
    if parser.parse_args().table:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(table())
    else:
        write_truth()
