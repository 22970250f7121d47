"""The type stub agrees with the package: the same public names, and each activation's own parameters."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once

STUB = ast.parse((helpers.ROOT / "fastact/__init__.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
PARAMETER = inspect.Parameter


def declared() -> dict[str, ast.AST | str]:
    """Every public name of the stub with its annotation or definition."""
    found: dict[str, ast.AST | str] = {}
    for node in STUB.body:
        if isinstance(node, ast.AnnAssign):
            found[ast.unparse(node.target)] = ast.unparse(node.annotation)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname: node for alias in node.names if alias.asname}
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = node
    return found


@pytest.fixture(scope="module")
def stub() -> ModuleType:
    """The script that makes it."""
    specification = importlib.util.spec_from_file_location("stub", helpers.ROOT / "tools/stub.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_same_names() -> None:
    public = {name for name in dir(fa) if not name.startswith("__")}
    assert {name for name in declared() if not name.startswith("_")} == public
    assert all(hasattr(fa, name) for name in declared())


def keyword_only(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.kwonlyargs]


@pytest.mark.parametrize("name", [*fa.names(), *fa.aliases()])
def test_methods_have_the_parameters_of_the_activation(name: str, stub: ModuleType) -> None:
    parameters = list(fa.get(name).parameters)
    kind = str(declared()[name]).removeprefix("Final[").removesuffix("]")
    assert kind == stub.class_name(parameters)
    if not parameters:
        return
    methods = {node.name: node for node in CLASSES[kind].body if isinstance(node, ast.FunctionDef)}
    for method in ("__call__", "derivative", "backward", "backward_from_output", "value_and_derivative"):
        assert keyword_only(methods[method]) == ["out", *parameters]
    assert keyword_only(methods["bind"]) == parameters
    assert keyword_only(methods["derivative_by"]) == ["out", *parameters]
    assert keyword_only(methods["parameter_gradients"]) == ["dtype", *parameters]


@pytest.mark.parametrize("kind", CLASSES)
def test_methods_have_the_data_arguments_of_the_contract(kind: str) -> None:
    for node in CLASSES[kind].body:
        assert isinstance(node, ast.FunctionDef)
        expected = inspect.signature(getattr(fa.Activation, node.name)).parameters.values()
        data = [p.name for p in expected if p.kind is PARAMETER.POSITIONAL_ONLY]
        assert [argument.arg for argument in node.args.posonlyargs] in (data, [])
        assert node.args.kwarg


@pytest.mark.parametrize("name", [n for n, node in declared().items() if isinstance(node, ast.FunctionDef)])
def test_functions_have_the_signature_of_the_package(name: str) -> None:
    node = declared()[name]
    assert isinstance(node, ast.FunctionDef)
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if node.args.kwarg:
        arguments.append(node.args.kwarg.arg)
    assert arguments == list(inspect.signature(getattr(fa, name)).parameters)


CLIENT = """
import numpy as np
import fastact as fa

x = np.ones(3)
fa.leaky_relu(x, negative_slope=0.2, out=x, where=x > 0)
reveal_type(fa.leaky_relu.bind(negative_slope=0.2))
reveal_type(fa.gelu.value_and_derivative(x))
fa.leaky_relu(x, 0.2)
fa.gelu.backward(x, x, x)
fa.nothing_such
"""


def test_type_checkers_understand_it(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--cache-dir", str(tmp_path), "client.py"]
    environment = {"MYPYPATH": str(helpers.ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    shown = [line.split(":", 2) for line in done.stdout.splitlines() if line.startswith("client.py")]
    found = {line: message for _, line, message in reversed(shown)}  # of each line the first message
    assert '_NegativeSlope"' in found["7"]
    assert "tuple[Any, Any]" in found["8"]
    assert "Too many positional arguments" in found["9"]
    assert "Too many positional arguments" in found["10"]
    assert 'has no attribute "nothing_such"' in found["11"]
    assert set(found) == {"7", "8", "9", "10", "11"}
