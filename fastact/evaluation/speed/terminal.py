"""What the terminal shows: progress, notes, and results as rich tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fastact.evaluation.extras import install_hint
from fastact.evaluation.speed.cells import Cell, mean_speed_ups, others, slower_cells, usual
from fastact.evaluation.speed.comparison import SLOWER, Comparison
from fastact.evaluation.speed.digits import LAYERS, Training
from fastact.evaluation.speed.implementations import OURS
from fastact.evaluation.speed.labels import figures, labels, shown_labels

_SHORT = {"backward from output": "from output", "value and derivative": "value+deriv"}
_OWN_COLUMNS = ("NumPy", "Python")
_TOLERATED = 0.1  # CPUs that other processes may keep busy without a warning
_MOST_SLOWER = 30  # slower cells that are listed one by one


def progress() -> Progress:
    """A bar on standard error, so that standard output holds the results alone."""
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


# Notes ---------------------------------------------------------------------------------------------


def machine_line(facts: Mapping[str, Any]) -> str:
    """What the timings belong to, in one line."""
    return (
        f"fastact {facts['fastact']} ({facts['isa']}), NumPy {facts['numpy']}, SciPy {facts['scipy']}, "
        f"Python {facts['python']}; {facts['cpu']}, {facts['cpus']} CPUs"
    )


def absent_notes(absent: Mapping[str, str]) -> Iterator[str]:
    """The peers that are not timed, with the missing packages."""
    for name, package in absent.items():
        yield f"{name} is not timed: it needs {install_hint(package)}"


def busy_notes(busy: float | None, threads: int, cpus: int) -> Iterator[str]:
    """Whether other processes took CPUs that were needed."""
    if busy is not None and busy + threads > cpus + _TOLERATED:
        yield f"Other processes kept {busy:.1f} of {cpus} CPUs busy: repeat the run on an idle machine"


def greedy_notes(found: Sequence[tuple[str, int, float]]) -> Iterator[str]:
    """Implementations that exceed the thread limit, from ``timing.greedy``."""
    for name, threads, cpus in found:
        yield f"{name} kept {cpus:.1f} CPUs busy, allowed {threads}: its times are too good"


def comparison(found: Comparison) -> Iterator[Text]:
    """Changes since an older run, in a few lines."""
    if found.mean is None:
        yield Text("The older run has none of these cells", style="yellow")
        return
    missing = f"; {found.missing} cells are new" if found.missing else ""
    line = f"{OURS} over the older run: geometric mean over {found.matched} cells{missing} "
    yield Text(f"\n{line}", style="bold").append_text(speed_up(found.mean))
    yield Text(f"{len(found.slower)} cells take more than {SLOWER:g} times as long as before")
    for cell, ratio in found.slower:
        yield Text(f"  {cell}: ").append_text(speed_up(ratio))


# Tables --------------------------------------------------------------------------------------------


def cells_table(cells: Sequence[Cell]) -> Table:
    """One line per cell: fastact's figures, and the times of other implementations over fastact's."""
    found = others(cells)
    own = [name for name in found if name in _OWN_COLUMNS]
    peers = [name for name in found if name not in own]
    headings = shown_labels(cells)
    table = _table(f"{OURS}, and speed-up over others", _caption(cells))
    for heading in headings:
        right = heading in ("n", "threads")
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for heading in (*(figures(cells[0]) if cells else ()), *own, *(["best peer"] if peers else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for before, cell in zip([None, *cells], cells, strict=False):
        if before is not None and before.case.activation != cell.case.activation:
            table.add_section()
        named = labels(cell)
        table.add_row(
            *(_SHORT.get(named[heading], named[heading]) for heading in headings),
            *figures(cell).values(),
            *(speed_up(cell.speed_up(name), name in cell.failed) for name in own),
            *([_best(cell, peers)] if peers else []),
        )
    return table


def _caption(cells: Sequence[Cell]) -> str | None:
    scaled = {name: size for cell in cells for name, size in cell.scaled_from.items()}
    notes = [f"{name} is timed on at most {size:,} elements and scaled" for name, size in scaled.items()]
    if any(cell.peak_bytes for cell in cells):
        notes.append(
            "of products: time over that of the three bare matrix products of each layer by the faster of "
            "NumPy's and SciPy's BLAS; KiB: allocated by a call"
        )
    return "; ".join(notes) or None


def _best(cell: Cell, peers: Sequence[str]) -> Text:
    """The fastest peer of a cell and the speed-up over it."""
    timed = [name for name in peers if name in cell.nanoseconds]
    if not timed:
        return speed_up(None)
    best = min(timed, key=lambda name: cell.nanoseconds[name])
    return Text(f"{best} ").append_text(speed_up(cell.speed_up(best)))


def _table(title: str, caption: str | None = None) -> Table:
    """An empty table, narrow enough for 80 columns."""
    return Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def speed_up(ratio: float | None, failed: bool = False) -> Text:
    """A speed-up: green in fastact's favour, red otherwise."""
    if ratio is None:
        return Text("failed" if failed else "-", style="dim")
    style = "bold green" if ratio >= 2 else "green" if ratio >= 1 else "red"
    return Text(f"{ratio:.2f}x" if ratio < 100 else f"{ratio:,.0f}x", style=style)


def summary(cells: Sequence[Cell]) -> Group:
    """Geometric means, and the cells where another implementation is faster."""
    means = mean_speed_ups(usual(cells))
    table = _table("Geometric mean of the speed-ups")
    table.add_column("")
    for name in means["all"]:
        table.add_column(f"over {name}", justify="right")
    for group, by_name in means.items():
        if group == "all":
            table.add_section()
        words = group.replace("_", " ")
        table.add_row(_SHORT.get(words, words), *map(speed_up, by_name.values()))
    return Group(table, *_slower(cells))


def _slower(cells: Sequence[Cell]) -> Iterator[Text]:
    found = slower_cells(cells)
    yield Text(f"{OURS} is the fastest in {len(cells) - len(found)} of {len(cells)} cells", style="bold")
    for cell, ratio in found[:_MOST_SLOWER]:
        yield Text(f"  {cell}: {cell.fastest} ").append_text(speed_up(ratio))
    if len(found) > _MOST_SLOWER:
        yield Text(f"  and {len(found) - _MOST_SLOWER} more")


def digits_table(trainings: Mapping[str, Training], activation: str, epochs: int) -> Table:
    """Time per epoch and accuracy of each network."""
    layers = "-".join(map(str, LAYERS))
    table = _table(f"Digits: dense {layers} network, {activation}, {epochs} epochs")
    table.add_column("activation by")
    for heading in ("ms per epoch", "test accuracy", f"speed-up of {OURS}"):
        table.add_column(heading, justify="right")
    for name, training in trainings.items():
        ratio = training.seconds_per_epoch / trainings[OURS].seconds_per_epoch
        table.add_row(
            name,
            f"{1e3 * training.seconds_per_epoch:.2f}",
            f"{training.accuracy:.2%}",
            Text("-", style="dim") if name == OURS else speed_up(ratio),
        )
    return table
