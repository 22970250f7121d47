"""What a reader of the terminal sees: progress, who is absent, and the results as rich tables.

Knows words and colours. Does not measure, and does not compute beyond ``results``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fastact.evaluation.speed.comparison import SLOWER, Comparison
from fastact.evaluation.speed.contestants import NumpyIdiom, PurePython
from fastact.evaluation.speed.digits import LAYERS, Training
from fastact.evaluation.speed.results import OURS, Cell, mean_speed_ups, opponents, slower_cells, usual

_SHORT = {"backward_from_output": "from output", "value_and_derivative": "value+deriv"}
_OWN_COLUMNS = (NumpyIdiom.name, PurePython.name)
_TOLERATED = 0.1  # CPUs that others may keep busy without a warning
_MOST_SLOWER = 30  # slower cells that are listed one by one


def progress() -> Progress:
    """A bar on standard error, so that standard output holds the results alone."""
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def absent_notes(absent: Mapping[str, str]) -> Iterator[str]:
    """Which peers are not timed: their names, with the packages that are not installed."""
    for name, package in absent.items():
        yield f"{name} is absent: {package} is not installed (pip install 'fastact[peers]')"


def busy_notes(busy: float | None, threads: int, cpus: int) -> Iterator[str]:
    """Whether other processes took CPUs that were needed."""
    if busy is not None and busy + threads > cpus + _TOLERATED:
        yield f"Other processes kept {busy:.1f} of {cpus} CPUs busy: run it again on an idle machine"


def greedy_notes(found: Sequence[tuple[str, int, float]]) -> Iterator[str]:
    """Who worked on more CPUs than it was allowed threads, from ``timing.greedy``."""
    for name, threads, cpus in found:
        yield f"{name} kept {cpus:.1f} CPUs busy, allowed {threads}: its times flatter it"


def comparison(found: Comparison[Any]) -> Iterator[Text]:
    """What became of fastact's times since an older run, in a few lines."""
    if found.mean is None:
        yield Text("No cell of this run is in the older one", style="yellow")
        return
    missing = f"; {found.missing} cells are new" if found.missing else ""
    line = f"{OURS} over the older run: geometric mean over {found.matched} cells{missing} "
    yield Text(f"\n{line}", style="bold").append_text(speed_up(found.mean))
    yield Text(f"{len(found.slower)} cells take more than {SLOWER:g} times as long as before")
    for cell, ratio in found.slower:
        yield Text(f"  {cell}: ").append_text(speed_up(ratio))


def cells_table(cells: Sequence[Cell]) -> Table:
    """One line per cell: fastact's time per element, and how many times slower each opponent is."""
    names, peers = columns(cells)
    several = len({cell.threads for cell in cells}) > 1
    kinds = len({cell.case.inputs for cell in cells}) > 1
    table = _table(_cells_title(cells), _cells_caption(cells))
    for heading in ("activation", "direction", "dtype", *(["inputs"] if kinds else [])):
        table.add_column(heading, no_wrap=True)
    for heading in ("n", *(["threads"] if several else []), "ns", *names, *(["best peer"] if peers else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for before, cell in zip([None, *cells], cells, strict=False):
        if before is not None and before.case.activation != cell.case.activation:
            table.add_section()
        table.add_row(
            cell.case.activation,
            _SHORT.get(cell.case.direction, cell.case.direction),
            cell.case.dtype,
            *([cell.case.inputs] if kinds else []),
            f"{cell.case.n:,}",
            *([str(cell.threads)] if several else []),
            f"{cell.per_element:.3f}",
            *(speed_up(cell.speed_up(name), name in cell.failed) for name in names),
            *([_best(cell, peers)] if peers else []),
        )
    return table


def columns(cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    """The opponents that have a column of their own, and the peers that share one."""
    found = opponents(cells)
    own = [name for name in found if name in _OWN_COLUMNS]
    return own, [name for name in found if name not in own]


def _best(cell: Cell, peers: Sequence[str]) -> Text:
    """The fastest peer of a cell and its factor."""
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


def _cells_title(cells: Sequence[Cell]) -> str:
    threads = sorted({cell.threads for cell in cells})
    counted = " and ".join(map(str, threads)) + (" thread" if threads == [1] else " threads")
    return f"{OURS}: ns per element with {counted}, speed-up over others"


def _cells_caption(cells: Sequence[Cell]) -> str | None:
    scaled = {name: size for cell in cells for name, size in cell.scaled_from.items()}
    notes = [f"{name} is timed on at most {size:,} elements and scaled" for name, size in scaled.items()]
    return "; ".join(notes) or None


def speed_up(factor: float | None, failed: bool = False) -> Text:
    """A factor, green where it favours fastact, red where it does not."""
    if factor is None:
        return Text("failed" if failed else "-", style="dim")
    style = "bold green" if factor >= 2 else "green" if factor >= 1 else "red"
    return Text(f"{factor:.2f}x" if factor < 100 else f"{factor:,.0f}x", style=style)


def summary(cells: Sequence[Cell]) -> Group:
    """Geometric means by direction, and the cells where somebody is faster than fastact."""
    means = mean_speed_ups(usual(cells))
    table = _table("Geometric mean of the speed-ups")
    table.add_column("direction")
    for name in means["all"]:
        table.add_column(f"over {name}", justify="right")
    for direction, by_opponent in means.items():
        if direction == "all":
            table.add_section()
        table.add_row(_SHORT.get(direction, direction), *map(speed_up, by_opponent.values()))
    return Group(table, *_slower(cells))


def _slower(cells: Sequence[Cell]) -> Iterator[Text]:
    found = slower_cells(cells)
    yield Text(f"{OURS} is the fastest in {len(cells) - len(found)} of {len(cells)} cells", style="bold")
    for cell, factor in found[:_MOST_SLOWER]:
        yield Text(f"  {cell}: {cell.fastest} ").append_text(speed_up(factor))
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
        factor = training.seconds_per_epoch / trainings[OURS].seconds_per_epoch
        table.add_row(
            name,
            f"{1e3 * training.seconds_per_epoch:.2f}",
            f"{training.accuracy:.2%}",
            Text("-", style="dim") if name == OURS else speed_up(factor),
        )
    return table


def machine_line(facts: Mapping[str, Any]) -> str:
    """What the timings belong to, in one line."""
    return (
        f"fastact {facts['fastact']} ({facts['isa']}), NumPy {facts['numpy']}, SciPy {facts['scipy']}, "
        f"Python {facts['python']}; {facts['cpu']}, {facts['cpus']} CPUs"
    )
