"""Examples run: those in docstrings and those in README.md.

Knows where examples are; does not know what they show.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once

README = (helpers.ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
# bench extras (rich and so on) may be absent: commands are tested on their own
MODULES = [m.name for m in pkgutil.walk_packages(fa.__path__, "fastact.") if "commands" not in m.name]


def run_examples(text: str, name: str) -> None:
    parsed = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert parsed.examples
    runner = doctest.DocTestRunner()
    runner.run(parsed)
    assert runner.failures == 0


@pytest.mark.parametrize("module", ["fastact", *(m for m in MODULES if not m.endswith("__main__"))])
def test_docstrings_of_modules(module: str) -> None:
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:  # of a library to compare with, which tests do not require
        assert ".peers." in module
        pytest.skip(f"{module} needs {error.name}")
    assert doctest.testmod(imported).failed == 0


def test_docstrings_of_activations(activation: fa.Activation) -> None:
    """Made from the entry, so doctest does not find them by itself."""
    run_examples(activation.__doc__, activation.name)


def test_readme() -> None:
    """Each Python block by itself: a session, or a script."""
    for block in BLOCKS:
        if ">>>" in block:
            run_examples(block, "README")
        else:
            helpers.output_of(block)
