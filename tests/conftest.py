"""Fixtures that follow the compiled table, so that a new row is tested by existing.

Does not know any activation.
"""

from __future__ import annotations

from collections.abc import Iterator

import fastact as fa
import helpers
import numpy as np
import pytest


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
