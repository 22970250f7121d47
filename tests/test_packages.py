"""What is installed: every package of the sources. What an import brings in."""

from __future__ import annotations

from pathlib import Path

import helpers
import pytest
from setuptools.config.pyprojecttoml import read_configuration

import fastact as fa
from fastact.rowwise.functions import FUNCTIONS as FUNCTIONS_OF_ROWS
from fastact.rowwise.gated import GATED
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.resizing import RESIZING

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[1]


def test_every_folder_with_python_sources_is_installed() -> None:
    """An editable install hides a package that is not listed; a wheel would lack it."""
    folders = {source.parent for source in (ROOT / "fastact").rglob("*.py")}
    expected = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(read_configuration(ROOT / "pyproject.toml")["tool"]["setuptools"]["packages"]) == expected


SLOW = """
import sys
import numpy
before = set(sys.modules)
import fastact
{statement}
print(*(set(sys.modules) - before))
"""


# Each takes 1 to 20 % of the time that all of the package takes beyond NumPy
SLOW_MODULES = {
    "dataclasses",
    "difflib",
    "html",
    "importlib.metadata",
    "json",
    "numpy.ma",
    "numpy.polynomial",
    "numpy.typing",
    "scipy",
    "zipfile",
}


def test_what_is_slow_to_import_is_imported_where_it_is_used() -> None:
    imported = set(helpers.output_of(SLOW.format(statement="fastact.Network, fastact.Health")).split())
    assert "fastact.training.files" in imported
    assert not (SLOW_MODULES - {"dataclasses", "numpy.typing"}) & imported


def test_activations_are_imported_without_anything_else() -> None:
    imported = set(helpers.output_of(SLOW.format(statement="fastact.gelu(1.0)")).split())
    own = {name for name in imported if name.startswith("fastact.")}
    assert not SLOW_MODULES & imported
    few = {"_core", "_version", "activations", "dense", "errors", "health", "runtime", "ufuncs"}
    assert {name.split(".")[1] for name in own} == few
    assert {name for name in own if name.startswith(("fastact.dense", "fastact.health"))} == {
        "fastact.dense",
        "fastact.health",
    }


# each first, in a process of its own
FIRST = """
import sys
import {first}
import fastact
print(type(fastact.{name}).__name__, fastact.{name}.__module__, "fastact.{package}" in sys.modules)
"""


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("dense", "fastact.dense.layer"),
        ("health", "fastact.health.monitor"),
        ("health", "fastact.training.network"),
        ("dense", "fastact.training.network"),
    ],
)
def test_functions_that_are_called_as_their_packages_are_functions(name: str, first: str) -> None:
    printed = helpers.output_of(FIRST.format(name=name, first=first, package=name)).split()
    assert printed == [
        "function",
        {"dense": "fastact.dense.functions", "health": "fastact.health.statistics"}[name],
        "True",
    ]


def test_everything_that_tables_make_is_an_attribute() -> None:
    """The names of what is imported on request are written in the package: here they are looked up."""
    made = {**FUNCTIONS_OF_ROWS, **RESIZING, **GATED, **LOSSES}
    assert {name: getattr(fa, name) for name in made} == made
    assert set(made) <= set(dir(fa))


def test_a_missing_attribute_is_an_error_that_offers_another() -> None:
    with pytest.raises(AttributeError, match="module 'fastact' has no attribute 'gelo'") as caught:
        fa.gelo  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("gelo", fa)
    with pytest.raises(ImportError, match="gelo"):
        exec("from fastact import gelo")


EACH = """
import numpy as np
import fastact
np.seterr(all="raise")
for name in dir(fastact):
    getattr(fastact, name)
print(len(dir(fastact)))
"""


def test_imports_on_request_do_not_raise_the_callers_floating_point_errors() -> None:
    assert int(helpers.output_of(EACH)) > 100
