"""What a reader sees of timed dense layers: a table, and a picture of how cost grows.

Knows words and colours. Does not measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from fastact.evaluation.speed.dense_results import OURS, PRODUCTS, DenseCell

_COLOURS = 64  # in the picture: lines and their edges need no more


def table(cells: Sequence[DenseCell]) -> Table:
    """One line per cell: fastact's time, its share of the bare products, how many times slower others are."""
    others = list(dict.fromkeys(n for c in cells for n in c.nanoseconds if n != OURS and n not in PRODUCTS))
    made = Table(
        title="\nDense layers, forward and backward",
        title_justify="left",
        title_style="bold",
        caption="of products: fastact's time over that of the layer's three matrix products by the faster\n"
        "of NumPy's and SciPy's BLAS. Then how many times slower others are. KiB: allocated by a call.",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in ("batch, in, out", "activation", "dtype"):
        made.add_column(heading, no_wrap=True)
    for heading in ("threads", "us", "GFLOP/s", "of products", *others, "KiB"):
        made.add_column(heading, justify="right", no_wrap=True)
    for before, cell in zip([None, *cells], cells, strict=False):
        if before is not None and before.case.activation != cell.case.activation:
            made.add_section()
        made.add_row(
            str(cell.case),
            cell.case.activation,
            cell.case.dtype,
            str(cell.threads),
            f"{cell.nanoseconds[OURS] / 1000:,.1f}",
            f"{cell.gigaflops:.0f}",
            _share(cell.of_products),
            *(_speed_up(cell.speed_up(name)) for name in others),
            f"{cell.peak_bytes.get(OURS, 0) / 1024:,.0f}",
        )
    return made


def _share(value: float | None) -> Text:
    return Text("-") if value is None else Text(f"{value:.2f}", style="green" if value <= 1 else "red")


def _speed_up(value: float | None) -> Text:
    return Text("-") if value is None else Text(f"{value:.1f}x", style="green" if value >= 1 else "red")


def draw(series: Mapping[str, Sequence[tuple[int, DenseCell]]], path: str | Path, subtitle: str) -> None:
    """Draw time against size, a panel for each size that grows; the file's ending tells the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image  # matplotlib's own dependency

    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2).ravel()
    for axes, (size, points) in zip(panels, series.items(), strict=True):
        for name in dict.fromkeys(n for _, cell in points for n in cell.nanoseconds):
            timed = [(n, cell.nanoseconds[name] / 1000) for n, cell in points if name in cell.nanoseconds]
            own = {"linewidth": 2.5, "color": "black", "zorder": 3} if name == OURS else {}
            axes.loglog(*zip(*timed, strict=True), "o-", markersize=3, label=name, **own)
        axes.set_xlabel(size)
        axes.set_ylabel("microseconds")
        axes.grid(True, which="major", color="0.9")
    panels[0].legend(frameon=False)
    figure.suptitle("Dense layers, forward and backward: time against size", weight="bold")
    figure.supxlabel(subtitle, fontsize=8, color="0.4")
    figure.savefig(path, dpi=110)
    if Path(path).suffix.lower() == ".png":  # a third of the bytes
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(_COLOURS).save(path)
