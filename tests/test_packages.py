"""What is installed: every package of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from setuptools.config.pyprojecttoml import read_configuration

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[1]


def test_every_folder_with_python_sources_is_installed() -> None:
    """An editable install hides a package that is not listed; a wheel would lack it."""
    folders = {source.parent for source in (ROOT / "fastact").rglob("*.py")}
    expected = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(read_configuration(ROOT / "pyproject.toml")["tool"]["setuptools"]["packages"]) == expected
