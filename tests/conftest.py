"""Fixtures that follow the compiled table, so that a new entry is tested by existing.

Does not know any activation.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import helpers
import numpy as np
import pytest

import fastact as fa


@pytest.fixture(autouse=True)
def no_floating_point_warnings() -> Iterator[None]:
    """Any floating-point flag that reaches NumPy is an error, in every test."""
    with np.errstate(all="raise"):
        yield


@pytest.fixture(params=fa.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def activation(name: str) -> fa.Activation:
    return fa.get(name)


@pytest.fixture(params=helpers.DTYPES, ids=lambda t: t.__name__)
def dtype(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture(params=helpers.calls(), ids=str)
def call(request: pytest.FixtureRequest) -> helpers.Call:
    return request.param


@pytest.fixture
def restore_threads() -> Iterator[None]:
    """Whatever the test sets, the default number of threads afterwards."""
    yield
    fa.set_num_threads(None)


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """setup.py as a module; it builds only when run."""
    specification = importlib.util.spec_from_file_location("build_script", helpers.ROOT / "setup.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["build_script"] = module  # dataclasses look it up
    specification.loader.exec_module(module)
    return module
