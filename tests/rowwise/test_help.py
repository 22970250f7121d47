"""help() of every function of rows, pair and loss: formula, gradient, bounds, source, examples that run."""

from __future__ import annotations

import doctest
import inspect
import re

import pytest
from all_functions import NAMES, function

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    f = function(name)
    text = inspect.getdoc(f) or ""
    head, *parts = re.split(r"\n(\w+)\n-+\n", text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert {"Parameters", "Returns", "Notes", "Examples"} <= {*sections}
    formulas = [line for line in head.splitlines() if line.startswith("    ")]
    assert any(re.match(r"    (y\b|loss\b).* = \S", line) for line in formulas)
    assert any(re.match(r"    (gradient with respect to|grad_)\w* ?.*= \S", line) for line in formulas)
    assert re.search(r"\d(\.\d+)? ULP", sections["Notes"])
    assert re.search(r"\((19|20)\d\d\)|PyTorch's \w+|ONNX\.", head + sections["Notes"])
    for words in ("formula", "gradient_formula"):
        assert getattr(f, words, "") in head
    assert all(len(line) <= 200 for line in text.splitlines())
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert len(test.examples) >= 3
    assert doctest.DocTestRunner().run(test).failed == 0
    for method in ("backward", "backward_from_output", "value_and_gradient"):
        if hasattr(f, method):
            assert re.search(r"[Gg]radient", inspect.getdoc(getattr(f, method)) or "")
