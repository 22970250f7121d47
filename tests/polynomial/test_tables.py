"""Kernels made of pieces: their tables come from the scripts, and an element's bits from that element.

Knows how piece_tables.h and piece_tables_double.h are laid out; does not know which rows have tables.
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
LINE = re.compile(r"M\((\w+), (forward|derivative), (far, |scalar, )?(FA__.*)\)")
TAIL = re.compile(r"M\((\w+), (forward|derivative), ([-+\dx].*)\)")
NUMBER = re.compile(r"-?0x[0-9a-f.]+p[-+]\d+")
Tables = list[dict[tuple[str, str], tuple[list[str], np.ndarray]]]


def tables(text: str) -> Tables:
    """For each number of lanes: what each line says, and its array, by row and direction."""
    found = []
    for part in text.split("#else"):
        arrays = dict(re.findall(r" (\w+)_table\[\]\[\w+\] = \{(.*?)\};", part, re.DOTALL))
        arrays |= {new: arrays[old] for new, old in re.findall(r"#define (\w+)_table (\w+)_table", part)}
        lines = {(m[1], m[2] + ("" if m[3] else "_far")): m[4].split(", ") for m in LINE.finditer(part)}
        numbers = {key: [float.fromhex(n) for n in NUMBER.findall(arrays["_".join(key)])] for key in lines}
        found.append({key: (lines[key], np.array(numbers[key])) for key in lines})
    return found


SCRIPTS = {"piece_tables": 2.0**-16, "piece_tables_double": 2.0**-40}  # and how well tables agree
HEADERS = {"piece_tables": "tables_float32.h", "piece_tables_double": "tables_float64.h"}
WRITTEN = {script: tables((CSRC / "polynomial" / HEADERS[script]).read_text()) for script in SCRIPTS}
NAMES = sorted({name for name, _ in WRITTEN["piece_tables"][0]})
SOME = [("piece_tables", name) for name in NAMES[::17]]  # a table takes seconds
SOME += [("piece_tables_double", name) for name in NAMES[5::34]]


@pytest.mark.parametrize(("script", "name"), SOME)
def test_the_script_makes_the_tables(script: str, name: str) -> None:
    """The same rows and directions; and of most tables the same choices, and numbers to some units in the
    last place. Not of all: another LAPACK rounds otherwise, and a choice between equals may turn."""
    pytest.importorskip("flint", reason="the script asks for exact values")
    command = [sys.executable, str(helpers.ROOT / f"tools/{script}.py"), name]
    isa = {**os.environ, "FASTACT_ISA": "avx2"}  # without FMA float64 kernels round otherwise
    made = tables(subprocess.run(command, env=isa, capture_output=True, text=True, check=True).stdout)
    same = []
    for written, again in zip(WRITTEN[script], made, strict=True):
        assert [key for key in written if key[0] == name] == list(again)
        for key, (facts, numbers) in again.items():
            alike = written[key][0] == facts
            same.append(alike and np.allclose(written[key][1], numbers, rtol=SCRIPTS[script], atol=2.0**-40))
    assert 2 * sum(same) >= len(same)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_table_has_its_pieces(script: str) -> None:
    for lanes in WRITTEN[script]:
        assert lanes
        for (name, direction), (facts, numbers) in lanes.items():
            assert name in fa.names(), direction
            degree = int(facts[2 if direction.endswith("_far") else 6])
            assert numbers.size / (3 + degree) in {8, 16, 32}
            assert np.isfinite(numbers).all()


def tails(text: str) -> dict[tuple[str, str], tuple[list[str], np.ndarray]]:
    """What the lines of exponential tails say: counts and signs, and all other numbers."""
    return {
        (m[1], m[2]): (
            NUMBER.sub("", m[3]).split(),
            np.array([float.fromhex(n) for n in NUMBER.findall(m[3])]),
        )
        for m in TAIL.finditer(text)
        if (m[1], m[2]) in FAR
    }


DOUBLE = (CSRC / "polynomial/tables_float64.h").read_text()
FAR = set(re.findall(r"M\((\w+), (forward|derivative), far, ", DOUBLE))


def test_every_row_with_tails_has_a_line_of_them() -> None:
    assert {("sigmoid", "forward"), ("mish", "derivative")} <= FAR
    assert tails(DOUBLE).keys() == FAR


def test_the_script_fits_the_tails() -> None:
    """Those of one row that has one side only, and of one whose sides differ."""
    pytest.importorskip("flint", reason="the script asks for exact values")
    names = ["elu", "mish"]
    command = [sys.executable, str(helpers.ROOT / "tools/piece_tables_double.py"), *names]
    isa = {**os.environ, "FASTACT_ISA": "avx2"}
    made = tails(subprocess.run(command, env=isa, capture_output=True, text=True, check=True).stdout)
    assert made.keys() == {key for key in FAR if key[0] in names}
    for key, (facts, numbers) in made.items():
        assert facts == tails(DOUBLE)[key][0]
        np.testing.assert_allclose(numbers, tails(DOUBLE)[key][1], rtol=2.0**-40, atol=2.0**-60)


def mixture(n: int, dtype: str) -> np.ndarray:
    """Inputs of all kinds side by side: within a table, beyond it, next to nothing, not numbers."""
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
    """Some neighbours send a whole block another way."""
    rng = np.random.default_rng(1)
    order = rng.permutation(n)
    arrays = [rng.normal(size=n).astype(dtype)] * (call.inputs - 1) + [mixture(n, dtype)]
    with np.errstate(all="ignore"):
        together = helpers.each(call(*arrays))
        shuffled = helpers.each(call(*(a[order] for a in arrays)))
        few = helpers.each(call(*(a[: n // 3] for a in arrays)))
    for whole, other, part in zip(together, shuffled, few, strict=True):
        oracle.assert_same_bits(other, whole[order])
        oracle.assert_same_bits(part, whole[: n // 3])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_how_many_lie_beyond_a_table(call: helpers.Call, dtype: str) -> None:
    """Few inputs there are put aside, many are not."""
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
@pytest.mark.parametrize("name", [r["name"] for r in fa._core.entries() if r["parameters"]])
def test_parameters_that_are_sometimes_the_defaults(name: str, dtype: str) -> None:
    """An element with the default parameters gets the same bits beside others as in a call of its own."""
    activation, x = fa.get(name), mixture(2500, dtype)
    parameter, default = next(iter(activation.parameters.items()))
    is_default = np.random.default_rng(2).random(x.size) < 0.5
    values = np.where(is_default, default, 0.75 * default + 0.125).astype(dtype)
    with np.errstate(all="ignore"):
        for method in (activation, activation.derivative):
            got, alone = method(x, **{parameter: values}), method(x)
            oracle.assert_same_bits(got[is_default], alone[is_default])
