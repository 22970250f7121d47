"""Fixtures of the tests of activations."""

from __future__ import annotations

import mixed_cases
import pytest


@pytest.fixture(params=mixed_cases.DIRECTIONS, ids=lambda d: d[0])
def direction(request: pytest.FixtureRequest) -> tuple[str, int]:
    """The name of a method, and the number of its data arrays."""
    return request.param
