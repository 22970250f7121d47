"""Names that other libraries use: found, never in the way of fastact's own, and meaning what they mean there.

Loops over entries and aliases.
"""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
from collections.abc import Callable
from typing import Any

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.activations.aliases import ALIASES, plain

pytestmark = pytest.mark.once

ALL = fa.aliases()
X = np.concatenate([np.linspace(-40, 40, 801), [-0.0, 0.0, 1e-300, -1e-300, np.inf, -np.inf]])


@pytest.fixture(params=ALL)
def alias(request: pytest.FixtureRequest) -> fa.registry.Alias:
    return ALL[request.param]


def test_each_is_its_entry_with_what_it_binds(alias: fa.registry.Alias) -> None:
    found, entry = getattr(fa, alias.name), fa.get(alias.entry)
    assert alias.entry in fa.names()
    assert found is fa.get(alias.name)
    assert found.name == alias.entry
    assert dict(found.parameters) == {**entry.parameters, **alias.parameters}
    assert (found is entry) == (not alias.parameters)
    oracle.assert_same_bits(found(X), entry(X, **alias.parameters))
    for parameter, value in alias.parameters.items():
        assert entry.parameters[parameter] != value, "not another default"


def test_none_is_in_the_way() -> None:
    """Of entries, functions, or modules; and each stands once."""
    modules = [m.name for m in pkgutil.iter_modules(fa.__path__)]
    taken = {*(set(dir(fa)) - set(ALL)), *modules}
    assert not taken & set(ALL)
    assert len(ALL) == len(ALIASES)
    assert not [name for name in (*ALL, *fa.names()) if not name.isidentifier() or name != name.lower()]


def test_names_are_entries_only() -> None:
    assert not set(fa.names()) & set(ALL)
    assert set(dir(fa)) >= set(ALL)


def test_names_that_differ_in_case_and_underscores_mean_the_same() -> None:
    found: dict[str, fa.Activation] = {}
    for name in (*fa.names(), *ALL):
        assert found.setdefault(plain(name), fa.get(name)) is fa.get(name), name


@pytest.mark.parametrize("name", [*fa.names(), *ALL])
@pytest.mark.parametrize(
    "style", [str.upper, str.capitalize, str.title, lambda s: s.title().replace("_", "")]
)
def test_any_case_is_found(name: str, style: Callable[[str], str]) -> None:
    assert fa.get(style(name)) is getattr(fa, name)


def test_a_library_is_told_and_its_own_name(alias: fa.registry.Alias) -> None:
    assert alias.libraries
    if alias.theirs:  # the alias has another name because an entry has theirs
        assert plain(alias.theirs) in {plain(name) for name in fa.names()}
        assert plain(alias.name).endswith(plain(alias.theirs))
    else:
        assert plain(alias.name) not in {plain(name) for name in fa.names()} or not alias.parameters


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_those_of_entries(alias: fa.registry.Alias, protocol: int) -> None:
    data = pickle.dumps(getattr(fa, alias.name), protocol)
    assert data == pickle.dumps(fa.get(alias.entry, **alias.parameters), protocol)
    twin = pickle.loads(data)
    assert dict(twin.parameters) == dict(getattr(fa, alias.name).parameters)
    assert twin.name == alias.entry


def test_nearest_names_include_aliases(alias: fa.registry.Alias) -> None:
    with pytest.raises(ValueError, match=rf"nearest: .*\b{alias.name}\b"):
        fa.get(alias.name + "z")


def test_stub_lists_them(alias: fa.registry.Alias, build: Any) -> None:
    text = (helpers.ROOT / "fastact/__init__.pyi").read_text()
    assert re.search(rf"^{alias.name}: Final\[(Activation|_[A-Z]\w*)\]$", text, re.MULTILINE)
    assert alias.name in build.read_aliases()


def test_an_activation_is_taken_as_it_is(activation: fa.Activation) -> None:
    assert fa.get(activation) is activation
    for parameter in activation.parameters:
        bound = fa.get(activation, **{parameter: 0.75})
        assert fa.get(bound) is bound
        assert bound.parameters[parameter] == 0.75


def test_parameters_on_top_of_what_an_alias_binds(alias: fa.registry.Alias) -> None:
    for parameter in fa.get(alias.entry).parameters:
        got = fa.get(alias.name, **{parameter: 3.5}).parameters
        assert dict(got) == {**fa.get(alias.name).parameters, parameter: 3.5}


def test_the_mapping_is_a_copy() -> None:
    fa.aliases().clear()
    assert fa.aliases() == ALL


SOURCES = {"SciPy": "scipy.special", "PyTorch": "torch.nn.functional"}


@pytest.mark.parametrize("library", SOURCES)
def test_the_same_function_there(library: str) -> None:
    """Where the library is installed and computes with the arguments that an alias takes: x alone."""
    module = pytest.importorskip(SOURCES[library], reason=f"{library} is not installed")
    x = X[np.isfinite(X)]
    argument = x if library == "SciPy" else importlib.import_module("torch").from_numpy(x)
    compared = 0
    for alias in ALIASES:
        theirs = getattr(module, alias.theirs or alias.name, None)
        if alias.libraries.split(",")[0] == library and theirs is not None:
            with np.errstate(all="ignore"):
                want = np.asarray(theirs(argument))
                np.testing.assert_allclose(
                    fa.get(alias.name)(x), want, rtol=1e-12, atol=1e-15, err_msg=alias.name
                )
            compared += 1
    assert compared
