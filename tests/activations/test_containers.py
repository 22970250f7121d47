"""Arrays of other libraries keep their kind and their labels, or are refused with an error that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dask.array as da
import numpy as np
import oracle
import pytest

import fastact as fa

VALUES = np.array([[-1.0, 2.0, 0.5], [3.0, -4.0, 0.0]], np.float32)
FUNCTIONS: dict[str, Callable[[], Any]] = {
    "without parameters": lambda: fa.gelu,
    "with parameters": lambda: fa.leaky_relu.bind(negative_slope=0.25),
    "surrogate": lambda: fa.surrogate("step", "prelu"),
    "mixed": lambda: fa.mixed(["relu", "prelu", "gelu"]),
}


@pytest.fixture(params=FUNCTIONS)
def f(request: pytest.FixtureRequest) -> Any:
    return FUNCTIONS[request.param]()


def frame() -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame(VALUES, index=["x", "y"], columns=["u", "dtype", "v"])


def series() -> Any:
    return frame().loc["x"]


def data_array() -> Any:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    return xarray.DataArray(VALUES, dims=("row", "unit"), coords={"unit": ["a", "b", "c"]})


def lazy_data_array() -> Any:
    return data_array().chunk({"row": 1})


def masked() -> Any:
    return np.ma.masked_where(VALUES == 2, VALUES)


def lazy() -> Any:
    return da.from_array(VALUES, chunks=(1, 3))


@pytest.fixture(
    params=[frame, series, data_array, lazy_data_array, masked, lazy], ids=lambda make: make.__name__
)
def container(request: pytest.FixtureRequest) -> Any:
    return request.param()


def calls(f: Any, x: Any) -> Iterator[Any]:
    """One result of each direction."""
    yield f(x)
    yield f.derivative(x)
    yield f.backward(x, x)
    yield from f.value_and_derivative(x)


def labels(value: Any) -> Any:
    if hasattr(value, "iloc"):
        return [list(axis) for axis in value.axes]
    if hasattr(value, "dims"):
        return value.dims, value.indexes["unit"].to_list()
    return np.ma.getmaskarray(value).tolist() if isinstance(value, np.ma.MaskedArray) else value.shape


def test_every_direction_keeps_the_kind(f: Any, container: Any) -> None:
    plain = np.asarray(container)
    for got, want in zip(calls(f, container), calls(f, plain), strict=True):
        assert type(got) is type(container)
        assert labels(got) == labels(container)
        if isinstance(container, np.ma.MaskedArray):
            got, want = got.filled(0), np.ma.masked_array(want, container.mask).filled(0)
        oracle.assert_same_bits(np.asarray(got), want)


def test_lazy_arrays_stay_lazy(f: Any) -> None:
    """Nothing is computed before it is asked for."""

    def refuse(block: np.ndarray) -> np.ndarray:
        raise AssertionError

    x = da.from_array(VALUES, chunks=(1, 3)).map_blocks(refuse, dtype=np.float32, meta=VALUES[:0])
    for result in calls(f, x):
        assert isinstance(result, da.Array)
    if f.learned:
        assert all(isinstance(g, da.Array) for g in f.parameter_gradients(x, x).values())


def test_gradients_of_parameters(container: Any) -> None:
    plain = np.asarray(container)
    keep = (
        ~np.ma.getmaskarray(container)
        if isinstance(container, np.ma.MaskedArray)
        else np.ones(plain.shape, bool)
    )
    want = np.where(keep & (plain < 0), plain * plain, 0)
    got = fa.prelu.parameter_gradients(container, container)["weight"]
    assert got.dtype == np.float32
    assert float(got) == want.sum()
    mixture = fa.mixed(["relu", "prelu", "gelu"])
    assert float(mixture.parameter_gradients(container, container)["unit1_weight"]) == want[..., 1].sum()
    terms = mixture.derivative_by("unit1_weight", container)
    assert type(terms) is type(container)


def test_labels_that_differ() -> None:
    x = frame()
    for call in (fa.mixed(["relu"] * 3).backward, fa.prelu.parameter_gradients):
        with pytest.raises(
            ValueError, match="the labels of grad_y and x differ; expected operands that are aligned"
        ):
            call(x.iloc[::-1], x)
    with pytest.raises(TypeError, match="weight is a Series; expected a number or an array"):
        fa.prelu.parameter_gradients(x, x, weight=x.loc["x"])
    with pytest.raises(TypeError, match="unit0_weight is a Series; expected a number or an array"):
        fa.mixed(["prelu"] * 3)(x, unit0_weight=x.loc["x"])
    with pytest.raises(TypeError, match="where is a DataFrame; expected a number or an array"):
        fa.mixed(["relu"] * 3)(VALUES, out=np.empty_like(VALUES), where=x > 0)


def test_frames_without_columns(f: Any) -> None:
    """Parameters need a dtype, which no column has."""
    x = frame()[[]]
    if f.units is None:
        assert all(result.shape == (2, 0) for result in calls(f, x))
    if f.learned and f.units is None:
        assert [float(g) for g in f.parameter_gradients(x, x).values()] == [0.0]


def test_datasets() -> None:
    """Each array is computed by itself; functions that need one array refuse."""
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    data = xarray.Dataset({"p": data_array(), "q": 2.0 * data_array().astype(np.float64)})
    for f in (fa.gelu, fa.leaky_relu, fa.surrogate("relu", "gelu")):
        for result in calls(f, data):
            assert (result["p"].dtype, result["q"].dtype) == (np.float32, np.float64)
    oracle.assert_same_bits(fa.leaky_relu(data)["p"].to_numpy(), fa.leaky_relu(VALUES))
    for call in (fa.mixed(["relu"] * 3), lambda x: fa.prelu.parameter_gradients(x, x)):
        with pytest.raises(
            TypeError, match="is a Dataset; expected an array, a Series, a DataFrame or a DataArray"
        ):
            call(data)


class Recorder:
    """An object that NumPy hands calls to, and that cannot be converted."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> str:
        self.seen.append((ufunc.__name__, method, inputs, keywords))
        return "answered"

    def __array__(self, *_: Any, **__: Any) -> None:
        raise AssertionError("converted")


def test_the_protocol_comes_before_any_conversion(activation: fa.Activation) -> None:
    x = Recorder()
    assert activation(x) == activation.derivative(x) == activation.backward(x, x) == "answered"
    assert activation.value_and_derivative(x) == ("answered", "answered")
    assert activation.backward(np.ones(3), x, order="C") == "answered"
    for parameter in activation.parameters:
        assert activation(np.ones(3), **{parameter: x}) == "answered"
        bound = activation.bind(**{parameter: x})
        assert bound(np.ones(3)) == bound.derivative(1.0) == "answered"
    assert all(method == "__call__" for _, method, _, _ in x.seen)


class Refusing:
    """An object that takes no part in ufuncs."""

    __array_ufunc__ = None


def test_objects_that_refuse_ufuncs(activation: fa.Activation) -> None:
    with pytest.raises(TypeError, match="does not support ufuncs"):
        activation(Refusing())


def test_errors_of_the_other_library_are_kept() -> None:
    class Failing(Recorder):
        def __array_ufunc__(self, *_: Any, **__: Any) -> str:
            raise ValueError("its own reason")

    with pytest.raises(ValueError, match=r"^its own reason$"):
        fa.leaky_relu(Failing())
