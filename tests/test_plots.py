"""fa.plot: what is drawn, from every kind of activation; lines that coincide are all seen."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact import plots

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is optional")
matplotlib.use("Agg")
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

pytestmark = pytest.mark.once


def axes(count: int = 2) -> Any:
    return Figure(figsize=(8, 4), dpi=100).subplots(1, count)


def curves(ax: Any) -> dict[str, Any]:
    """Lines by their label; without those through 0, and dots."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_values_and_derivatives() -> None:
    left, right = fa.plot("gelu", fa.tanh, ax=axes(), range=(-2, 3))
    for ax, method in ((left, "__call__"), (right, "derivative")):
        for name, line in curves(ax).items():
            x, y = line.get_data()
            assert (x[0], x[-1]) == (-2, 3)
            np.testing.assert_array_equal(y, getattr(fa.get(name), method)(x))
        assert ax.get_xlim() == (-2, 3)
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["gelu", "tanh"]


def test_one_place_for_both_and_values_only() -> None:
    (ax,) = np.atleast_1d(fa.plot("gelu", ax=axes(1)))
    drawn = [line for line in ax.lines if len(line.get_xdata()) > 1000]
    np.testing.assert_array_equal(drawn[1].get_ydata(), fa.gelu.derivative(drawn[1].get_xdata()))
    assert drawn[1].get_linewidth() < drawn[0].get_linewidth()
    (ax,) = np.atleast_1d(fa.plot("gelu", ax=axes(1), derivative=False))
    assert len([line for line in ax.lines if len(line.get_xdata()) > 1000]) == 1


def test_new_figures() -> None:
    import matplotlib.pyplot as plt

    try:
        assert fa.plot("relu").shape == (2,)
        assert hasattr(fa.plot("relu", derivative=False), "plot")
    finally:
        plt.close("all")


def test_lines_break_at_kinks() -> None:
    x = plots.broken_at([-3.0, 3.0, 7.0], -5, 5)
    middle = np.flatnonzero(np.isnan(x))
    assert x[middle - 1].tolist() == [np.nextafter(k, -9) for k in (-3.0, 3.0)]
    assert x[middle + 1].tolist() == [np.nextafter(k, 9) for k in (-3.0, 3.0)]
    assert not np.isin([-3.0, 3.0], x).any()
    d = fa.hard_swish.derivative(x)
    assert d[middle[1] - 1] == pytest.approx(1.5)
    assert d[middle[1] + 1] == 1


class Half:
    """An object of a user's own."""

    def __call__(self, x: Any) -> Any:
        return x / 2

    def derivative(self, x: Any) -> Any:
        return np.full(np.shape(x), 0.5)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (fa.surrogate("step", "tanh"), ["surrogate(step, tanh)"]),
        (fa.mixed(["relu", "tanh", "relu"]), ["relu", "tanh"]),
        (fa.leaky_relu.bind(negative_slope=0.2), ["leaky_relu with negative_slope=0.2"]),
        (fa.prelu.bind(weight=np.array([0.1, 0.5, 0.1])), ["prelu, unit 0", "prelu, unit 1"]),
        (fa.prelu.bind(weight=np.array([0.1])), None),
        (fa.mixed([fa.leaky_relu, fa.leaky_relu.bind(negative_slope=0.3)]), None),
        (Half(), ["Half"]),
        ("swish", None),
    ],
)
def test_kinds_of_activations(given: Any, labels: list[str] | None) -> None:
    left, right = fa.plot(given, ax=axes())
    if labels is not None:
        assert list(curves(left)) == list(curves(right)) == labels


def test_units_have_their_own_lines() -> None:
    left, _ = fa.plot(fa.prelu.bind(weight=np.array([0.1, 0.5])), ax=axes())
    ends = [line.get_ydata()[0] for line in curves(left).values()]
    assert ends == [-0.5, -2.5]


@pytest.mark.parametrize(
    "given",
    [
        ["silu", "swish", "silu"],
        ["relu", "leaky_relu", "relu6", "hard_tanh", "identity"],
        ["identity"] * 12,
        [fa.surrogate("relu", "leaky_relu"), "relu"],
    ],
)
def test_lines_that_coincide_remain_visible(given: list[Any]) -> None:
    """In the picture itself: enough pixels of each line's colour."""
    figure = Figure(figsize=(8, 6), dpi=100)
    ax = figure.subplots()
    fa.plot(*given[:8], ax=ax, derivative=False)
    for legend in (ax.get_legend(), *figure.legends):
        if legend is not None:
            legend.remove()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    drawn = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert len(drawn) == len(given[:8])
    for line in drawn:
        near = np.abs(picture - to_rgb(line.get_color())).max(-1) < 0.02
        assert near.sum() > 150, line.get_label()


def test_lines_are_wider_only_where_others_cover_them() -> None:
    left, _ = fa.plot("relu", "leaky_relu", ax=axes())
    (wide,) = [line for line in left.lines if line.get_linewidth() > 2]
    x, y = wide.get_data()
    assert x[np.isfinite(y)].min() == pytest.approx(0, abs=2.5)
    assert x[np.isfinite(y)].max() == 5
    left, _ = fa.plot("identity", "gaussian", ax=axes(), range=(-1, 3))
    assert all(line.get_linewidth() <= 2 for line in left.lines)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "says"),
    [
        ((), {}, ValueError, "no activations"),
        (("gelo",), {}, ValueError, "unknown activation 'gelo'"),
        ((3,), {}, TypeError, "got int"),
        (("relu",), {"range": (1, 1)}, ValueError, "range is 1 1"),
        (("relu",), {"range": (0, np.inf)}, ValueError, "range is 0 inf"),
        (("relu",), {"ax": [1, 2, 3]}, ValueError, "ax has shape"),
        ((fa.prelu.bind(weight=np.ones((2, 3))),), {}, ValueError, "vary along the batch"),
    ],
)
def test_refusals(arguments: Any, keywords: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fa.plot(*arguments, **{"ax": None, **keywords})


def test_matplotlib_is_imported_when_something_is_drawn() -> None:
    code = (
        "import sys; sys.modules['matplotlib.pyplot'] = None\n"
        "import fastact as fa\n"
        "try: fa.plot('relu')\n"
        "except ImportError as error: print(error)\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install matplotlib" in done.stdout
