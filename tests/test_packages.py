"""What is installed: every package of the sources."""

from __future__ import annotations

from pathlib import Path

import helpers
import pytest
from setuptools.config.pyprojecttoml import read_configuration

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
print(*(set(sys.modules) - before))
"""


def test_what_is_slow_to_import_is_imported_where_it_is_used() -> None:
    """Each of these took 2 to 20 % of the time that `import fastact` takes beyond NumPy."""
    slow = {
        "difflib",
        "html",
        "importlib.metadata",
        "json",
        "numpy.ma",
        "numpy.polynomial",
        "scipy",
        "zipfile",
    }
    imported = set(helpers.output_of(SLOW).split())
    assert "fastact.training.files" in imported
    assert not slow & imported
