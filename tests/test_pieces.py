"""float32 kernels made of pieces: their tables come from the script, and an element's bits from that element.

Knows how piece_tables.h is laid out; does not know which rows have tables.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

CSRC = helpers.ROOT / "fastact/csrc"
HEADER = (CSRC / "piece_tables.h").read_text()
LINE = re.compile(r"M\((\w+), (forward|derivative), (FA__.*)\)")
NUMBER = re.compile(r"-?0x[0-9a-f.]+p[-+]\d+")


def tables(text: str) -> list[dict[tuple[str, str], tuple[list[str], np.ndarray]]]:
    """For 16 lanes and for 8: what each line says, and its array, by row and direction."""
    found = []
    for part in text.split("#else"):
        arrays = dict(re.findall(r"float (\w+)_table\[\]\[16\] = \{(.*?)\};", part, re.DOTALL))
        lines = {(m[1], m[2]): m[3].split(", ") for m in LINE.finditer(part)}
        numbers = {key: [float.fromhex(n) for n in NUMBER.findall(arrays["_".join(key)])] for key in lines}
        found.append({key: (lines[key], np.array(numbers[key])) for key in lines})
    return found


WRITTEN = tables(HEADER)
SOME = sorted({name for name, _ in WRITTEN[0]})[::17]  # a table takes seconds


@pytest.mark.parametrize("name", SOME)
def test_the_script_makes_the_tables(name: str) -> None:
    """The same rows and directions; and of most tables the same choices, and numbers to some units in the
    last place. Not of all: another LAPACK rounds otherwise, and a choice between equals may turn."""
    pytest.importorskip("flint", reason="the script asks for exact values")
    command = [sys.executable, str(CSRC / "piece_tables.py"), name]
    best = {**os.environ, "FASTACT_ISA": ""}  # without FMA, float64 kernels round otherwise
    made = tables(subprocess.run(command, env=best, capture_output=True, text=True, check=True).stdout)
    same = []
    for written, again in zip(WRITTEN, made, strict=True):
        assert [key for key in written if key[0] == name] == list(again)
        for key, (facts, numbers) in again.items():
            alike = written[key][0] == facts
            same.append(alike and np.allclose(written[key][1], numbers, rtol=2.0**-16, atol=2.0**-40))
    assert 2 * sum(same) > len(same)


def test_every_table_has_its_pieces() -> None:
    for lanes in WRITTEN:
        assert lanes
        for (name, direction), (facts, numbers) in lanes.items():
            assert name in fa.names(), direction
            degree = int(facts[5])
            assert numbers.size in {(3 + degree) * 16, (3 + degree) * 8}
            assert np.isfinite(numbers).all()


def mixture(n: int) -> np.ndarray:
    """Inputs of all kinds side by side: within a table, beyond it, next to nothing, not numbers."""
    rng = np.random.default_rng(n)
    kinds = [
        rng.normal(0, 2, n),
        rng.uniform(-120, 120, n),
        rng.normal(0, 1, n) * 2.0 ** rng.uniform(-149, 127, n),
        rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan], n),
    ]
    with np.errstate(all="ignore"):
        return np.choose(rng.choice(4, n, p=[0.6, 0.2, 0.15, 0.05]), kinds).astype(np.float32)


@pytest.mark.parametrize("n", [16, 61, 1024, 3000])
def test_bits_do_not_depend_on_the_neighbours(call: helpers.Call, n: int) -> None:
    """Some neighbours send a whole block another way."""
    rng = np.random.default_rng(1)
    order = rng.permutation(n)
    arrays = [rng.normal(size=n).astype(np.float32)] * (call.inputs - 1) + [mixture(n)]
    with np.errstate(all="ignore"):
        together = helpers.each(call(*arrays))
        shuffled = helpers.each(call(*(a[order] for a in arrays)))
        few = helpers.each(call(*(a[: n // 3] for a in arrays)))
    for whole, other, part in zip(together, shuffled, few, strict=True):
        oracle.assert_same_bits(other, whole[order])
        oracle.assert_same_bits(part, whole[: n // 3])


@pytest.mark.parametrize("name", [r["name"] for r in fa._core.rows() if r["parameters"]])
def test_parameters_that_are_sometimes_the_defaults(name: str) -> None:
    """An element with the default parameters gets the same bits beside others as in a call of its own."""
    activation, x = fa.get(name), mixture(2500)
    parameter, default = next(iter(activation.parameters.items()))
    is_default = np.random.default_rng(2).random(x.size) < 0.5
    values = np.where(is_default, default, 0.75 * default + 0.125).astype(np.float32)
    with np.errstate(all="ignore"):
        for method in (activation, activation.derivative):
            got, alone = method(x, **{parameter: values}), method(x)
            oracle.assert_same_bits(got[is_default], alone[is_default])
