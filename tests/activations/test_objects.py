"""Activations as objects: found, bound, described, copied, pickled into other processes, used by dask."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import shutil
import sys
import tomllib
from pathlib import Path

import dask.array as da
import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

pytestmark = pytest.mark.once

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def bound(activation: fa.Activation) -> fa.Activation:
    """With every parameter off its default."""
    return activation.bind(**{k: float(v) * 1.5 + 0.25 for k, v in activation.parameters.items()})


def test_names_and_attributes(name: str) -> None:
    assert fa.get(name) is getattr(fa, name)
    assert fa.get(name).name == name
    assert len(set(fa.names())) == len(fa.names())
    assert name in dir(fa)


def test_about_the_entry(activation: fa.Activation) -> None:
    entry = oracle.ENTRIES[activation.name]
    assert dict(activation.parameters) == entry["parameters"]
    assert (activation.formula, activation.derivative_formula) == (
        entry["formula"],
        entry["derivative_formula"],
    )
    assert all(isinstance(k, float) for k in activation.kinks)
    for forward, derivative in activation.max_ulp.values():
        assert 0 < forward <= 1.5
        assert 0 < derivative <= 2
    assert max(activation.max_ulp["float32"]) <= 1
    with pytest.raises(TypeError):
        activation.parameters["new"] = 1  # type: ignore[index]


def test_help_contains_the_entry(activation: fa.Activation) -> None:
    text = inspect.getdoc(activation)
    for part in (activation.formula, activation.derivative_formula, *activation.parameters):
        assert part in text
    for kind in ("ufunc", "derivative_ufunc", "backward_ufunc"):
        documentation = getattr(activation, kind).__doc__
        expected = activation.formula if kind == "ufunc" else activation.derivative_formula
        assert expected in documentation


def test_dir_shows_public_names_only() -> None:
    public = {name for name in dir(fa) if not (name.startswith("__") and name.endswith("__"))}
    assert not [name for name in public if name.startswith("_")]
    assert not public & {"errors", "runtime", "activations", "version", "evaluation", "commands"}
    assert public >= {*fa.names(), *fa.aliases(), "dense", "get", "mixed", "num_threads", "ufuncs"}
    others = set(dir(fa.ufuncs)) - set(fa.ufuncs.__all__)
    assert all(name.startswith("__") for name in others)


def test_signature(activation: fa.Activation) -> None:
    parameters = inspect.signature(activation).parameters
    assert list(parameters) == ["x", "out", *activation.parameters, "kwargs"]
    assert parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY
    for key, value in activation.parameters.items():
        assert parameters[key].default == value
        assert parameters[key].kind is inspect.Parameter.KEYWORD_ONLY
    for key, value in bound(activation).parameters.items():
        assert inspect.signature(bound(activation)).parameters[key].default == value


def test_bind(activation: fa.Activation, dtype: type) -> None:
    """The same type of object, the same bits as the keyword, in every direction; the original unchanged."""
    other, before = bound(activation), dict(activation.parameters)
    assert type(other) is type(activation)
    assert other.name == activation.name
    for call in helpers.calls():
        if call.name != activation.name or call.direction == "backward_from_output":
            continue
        arrays = helpers.arguments(call, 100, dtype)
        direct = getattr(other, call.direction, other)
        want = helpers.each(call(*arrays, **other.parameters))
        for got, one in zip(helpers.each(direct(*arrays)), want, strict=True):
            oracle.assert_same_bits(got, one)
        for got, one in zip(
            helpers.each(direct(*arrays, **before)), helpers.each(call(*arrays)), strict=True
        ):
            oracle.assert_same_bits(got, one)
    assert dict(activation.parameters) == before
    assert dict(other.bind(**before).parameters) == before
    assert activation.bind() is activation


def test_bind_arrays(activation: fa.Activation, dtype: type) -> None:
    x = np.linspace(-3, 3, 8).astype(dtype)
    for key, value in activation.parameters.items():
        values = (value * np.linspace(0.5, 2, 8)).astype(dtype)
        oracle.assert_same_bits(activation.bind(**{key: values})(x), activation(x, **{key: values}))


def test_get_with_parameters(activation: fa.Activation) -> None:
    for key in activation.parameters:
        assert fa.get(activation.name, **{key: 0.75}).parameters[key] == 0.75


def test_repr_shows_the_name_and_what_is_bound(activation: fa.Activation) -> None:
    assert repr(activation) == f"<fastact.{activation.name}>"
    for key, value in bound(activation).parameters.items():
        assert f"{key}={value!r}" in repr(bound(activation))


def test_copies(activation: fa.Activation) -> None:
    for original in (activation, bound(activation)):
        for twin in (copy.copy(original), copy.deepcopy(original)):
            assert twin.name == original.name
            assert dict(twin.parameters) == dict(original.parameters)
    assert copy.deepcopy(activation) is activation
    assert copy.copy(activation.ufunc) is activation.ufunc


LOAD = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    cases = pickle.load(file)
import fastact as fa
assert cases
for pickled, array, want in cases:
    twin = pickle.loads(pickled)
    if isinstance(twin, np.ufunc):
        assert twin is getattr(fa.ufuncs, twin.__name__)
    else:
        np.testing.assert_array_equal(np.asarray(twin(array)), want)
        assert twin.parameters or twin is getattr(fa, twin.name)
print("same")
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pickles_in_another_process(protocol: int, tmp_path: object) -> None:
    """Every ufunc, activation and bound activation."""
    x = np.linspace(-3, 3, 7, dtype=np.float32)
    cases = []
    for name in fa.names():
        for activation in (fa.get(name), bound(fa.get(name))):
            cases.append((pickle.dumps(activation, protocol), x, activation(x)))
    cases += [(pickle.dumps(getattr(fa.ufuncs, u), protocol), x, None) for u in fa.ufuncs.__all__]
    path = tmp_path / "cases"
    path.write_bytes(pickle.dumps(cases))
    assert helpers.output_of(LOAD.replace("sys.argv[1]", repr(str(path)))) == "same"


def test_pickles_array_parameters(activation: fa.Activation) -> None:
    for key, value in activation.parameters.items():
        twin = pickle.loads(pickle.dumps(activation.bind(**{key: np.array([value, 2 * value])})))
        np.testing.assert_array_equal(twin.parameters[key], [value, 2 * value])


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_dask_arrays(call: helpers.Call, scheduler: str) -> None:
    """A dask array goes in, a dask array comes out, and computes to the same bits."""
    arrays = helpers.arguments(call, (40, 30), np.float32)
    lazy = [da.from_array(a, chunks=(16, 30)) for a in arrays]
    for got, want in zip(helpers.each(call(*lazy)), helpers.each(call(*arrays)), strict=True):
        assert isinstance(got, da.Array)
        oracle.assert_same_bits(got.compute(scheduler=scheduler), want)


def test_dask_processes() -> None:
    """Everything at once, since processes are slow to start: ufuncs travel by name."""
    x = np.linspace(-5, 5, 24)
    lazy = da.from_array(x, chunks=8)
    every = [fa.get(name) for name in fa.names()]
    together = da.stack([f(lazy) for f in every] + [f.backward(lazy, lazy) for f in every])
    want = np.stack([f(x) for f in every] + [f.backward(x, x) for f in every])
    oracle.assert_same_bits(together.compute(scheduler="processes", num_workers=2), want)


def test_equal_by_value(activation: fa.Activation) -> None:
    """Numbers by value, whatever type they were given in; pickles and copies are equal."""
    assert len({fa.get(name): name for name in fa.names()}) == len(fa.names())
    assert activation != activation.name
    for key, value in activation.parameters.items():
        one = activation.bind(**{key: 0.75})
        assert one == activation.bind(**{key: np.float32(0.75)}) == activation.bind(**{key: np.float64(0.75)})
        assert hash(one) == hash(activation.bind(**{key: 0.75}))
        assert one not in (activation, activation.bind(**{key: 0.5}))
        assert pickle.loads(pickle.dumps(one)) == one == copy.deepcopy(one)
        assert activation.bind(**{key: value}) == activation
        assert activation.bind(**{key: 0.0}) != activation.bind(**{key: -0.0})
        assert activation.bind(**{key: float("nan")}) == activation.bind(**{key: float("nan")})
        assert activation.bind(**{key: 1}).parameters[key] == 1.0
        assert type(activation.bind(**{key: np.float64(0.5)}).parameters[key]) is float


def test_array_parameters_are_equal_by_identity(activation: fa.Activation) -> None:
    for key in activation.parameters:
        values = np.array([0.5, 0.75])
        one = activation.bind(**{key: values})
        assert one == activation.bind(**{key: values})
        assert hash(one) == hash(activation.bind(**{key: values}))
        assert one != activation.bind(**{key: values.copy()})
        assert one.parameters[key] is values
        assert one != pickle.loads(pickle.dumps(one))


def test_composites_are_equal_by_value() -> None:
    slope = np.array([0.5, 0.75])
    for make in (
        lambda v: fa.surrogate("step", fa.get("leaky_relu", negative_slope=v)),
        lambda v: fa.mixed(["relu", *[fa.get("leaky_relu", negative_slope=v)] * 2]),
    ):
        assert make(0.25) == make(np.float64(0.25))
        assert len({make(0.25), make(0.25), make(0.5)}) == 2
        assert make(slope) == make(slope) != make(slope.copy())
        assert pickle.loads(pickle.dumps(make(0.25))) == make(0.25)
    assert fa.mixed(["relu", "gelu"]) != fa.mixed(["relu", "gelu", "gelu"])
    assert fa.surrogate("relu", "gelu") != fa.surrogate("gelu", "relu")


def test_immutable(activation: fa.Activation) -> None:
    for one in (activation, fa.surrogate(activation, "relu"), fa.mixed([activation])):
        for name in ("parameters", "anything", "__name__"):
            with pytest.raises(AttributeError, match=rf"^fastact\..* is immutable: cannot set '{name}'"):
                setattr(one, name, 1)
        with pytest.raises(AttributeError):
            del one.__signature__


def test_lists_are_bound_as_arrays(activation: fa.Activation) -> None:
    for key in activation.parameters:
        values = [0.5, 0.75]
        bound = activation.bind(**{key: values})
        values[0] = 9.0
        np.testing.assert_array_equal(bound.parameters[key], [0.5, 0.75])


def test_a_bound_array_is_used_as_it_is_at_each_call() -> None:
    """Nothing that depends on its values is kept."""
    slope, y = np.array([0.5, 0.5]), np.array([-1.0, 1.0])
    bound = fa.leaky_relu.bind(negative_slope=slope)
    for f in (bound, fa.mixed([bound] * 2)):
        slope[:] = 0.5
        np.testing.assert_array_equal(f.backward_from_output(y, y), [-0.5, 1.0])
        slope[:] = 0.25
        np.testing.assert_array_equal(f.backward_from_output(y, y), [-0.25, 1.0])
        slope[:] = -0.5
        with pytest.raises(TypeError, match="does not determine"):
            f.backward_from_output(y, y)
    slope[:] = 0.5
    s, t = fa.surrogate("relu", bound), fa.surrogate(bound, "relu")
    s.backward_from_output(y, y), t.backward_from_output(y, y)
    slope[:] = -0.5
    np.testing.assert_array_equal(s.backward_from_output(y, np.maximum(y, 0)), [0.5, 1.0])
    with pytest.raises(TypeError, match="does not determine"):
        t.backward_from_output(y, y)


def test_the_version_stands_once() -> None:
    project = tomllib.loads((helpers.ROOT / "pyproject.toml").read_text())["project"]
    assert project.get("version", fa.__version__) == fa.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", fa.__version__)


def test_importable_without_metadata(tmp_path: Path) -> None:
    """Vendored or frozen, the package has no distribution; the version is the one that is installed."""
    package = Path(fa.__file__).parent
    ignored = shutil.ignore_patterns("csrc", "*.a", "*.c", "__pycache__")
    shutil.copytree(package, tmp_path / "fastact", ignore=ignored)
    code = (
        "import importlib.metadata as m, sys\n"
        "def missing(*_): raise m.PackageNotFoundError\n"
        "m.version = m.distribution = missing\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import fastact; print(fastact.__file__, fastact.__version__)"
    )
    path, version = helpers.output_of(code, PYTHONPATH=None).split()
    assert path.startswith(str(tmp_path))
    assert version == fa.__version__


def test_import_is_light() -> None:
    """What only extras need is not imported."""
    heavy = {"mpmath", "matplotlib", "rich", "sklearn", "dask", "hypothesis", "threadpoolctl", "scipy"}
    loaded = helpers.output_of("import sys, fastact; print(*{m.partition('.')[0] for m in sys.modules})")
    assert not heavy & set(loaded.split())
    assert sys.modules["fastact"].__version__.count(".") == 2
