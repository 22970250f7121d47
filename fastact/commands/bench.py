"""Time fastact against pure Python and NumPy, by activation, direction, dtype and size; then train a small
network on handwritten digits with NumPy's activations and with fastact's. With --peers, also time other
libraries; with --dense, time dense layers and networks instead, with --rows row-wise functions and losses,
with --train steps of training, with --health statistics of units and look-ups in tables.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fastact
from fastact.commands.arguments import (
    activation_name,
    command_line,
    command_words,
    count,
    output_file,
    thread_count,
)
from fastact.evaluation import cases, health_cases, peers, row_cases, train_cases
from fastact.evaluation.extras import install_hint
from fastact.evaluation.speed import cells, digits, holding, layouts, notes, sections, terminal
from fastact.evaluation.speed.cells import Cell, mean_speed_ups, usual
from fastact.evaluation.speed.implementations import (
    Implementation,
    dense_implementations,
    elementwise_implementations,
    health_implementations,
    row_implementations,
    train_implementations,
)
from fastact.evaluation.speed.run import Run, progress

_SILENT = ("json", "figures", "compare", "all")  # options without effect on the document
_QUICK_SIZES = (1_000, 100_000)
_ACTIVATION = "gelu"
_EPOCHS = 30
_QUICK_EPOCHS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--dense", action="store_true", help="time dense layers instead, forward and backward")
    kinds.add_argument("--rows", action="store_true", help="time row-wise functions and losses instead")
    kinds.add_argument("--train", action="store_true", help="time steps of training instead")
    kinds.add_argument("--health", action="store_true", help="time health and look-ups in tables instead")
    add("--quick", action="store_true", help="float32, two sizes, short measurements")
    add("--activations", nargs="+", metavar="NAME", type=activation_name, help="default: all")
    add("--sizes", nargs="+", metavar="N", type=count, help="numbers of elements")
    add("--inputs", nargs="+", choices=cases.INPUTS, help="default: normal; with --peers, all")
    add(
        "--threads",
        nargs="+",
        metavar="N",
        type=thread_count,
        help="numbers of threads, one run each, that with one on one CPU; default: all, with --peers also 1",
    )
    add("--isa", choices=fastact.isas(), help="hold fastact and all others to this instruction set")
    add("--peers", action="store_true", help=f"also time {', '.join(peers.MODULES)}")
    add("--all", action="store_true", help="print the figures of all cells")
    add_files(parser)


def add_files(parser: argparse.ArgumentParser) -> None:
    """The options that name files."""
    add = parser.add_argument
    add("--json", metavar="FILE", type=output_file, help="write the machine's facts and all measurements")
    add(
        "--figures",
        metavar="FILE.json",
        type=output_file,
        help="add rounded figures to a file, by instruction set",
    )
    add(
        "--plot",
        metavar="FILE.png",
        type=output_file,
        help="draw the speed-ups; with --dense, time against size",
    )
    add(
        "--markdown",
        metavar="FILE",
        type=output_file,
        help="write the results into their own sections of a document",
    )
    add("--compare", metavar="OLD.json", type=Path, help="show what became faster or slower since that run")


def run(options: argparse.Namespace) -> int:
    """Measure, print, and write the files; returns the exit status."""
    if options.isa is not None and holding.held() != options.isa:
        return holding.run_held(options.isa, command_words("bench", add_arguments, options, ())[1:])
    try:  # before the long measurements
        started = Run(options, command_line("bench", add_arguments, options, _SILENT))
    except (ValueError, OSError) as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(f"--plot needs {install_hint(error.name)}")
    _KINDS[started.kind](started)
    return int(started.failed)


def _fail(message: str) -> int:
    print(f"fastact bench: {message}", file=sys.stderr)
    return 1


def _peers(started: Run, every: Iterable[str] = peers.MODULES) -> list[Any]:
    """The peers that are timed; others are noted."""
    options = started.options
    found, absent = peers.installed(every if options.peers else peers.ALWAYS)
    started.note(notes.absent(absent))
    free = [peer for peer in found if not peer.can_be_held] if holding.below_the_best(options.isa) else []
    started.note(f"{peer.name} is not timed: it cannot be held to {options.isa}" for peer in free)
    return [peer for peer in found if peer not in free]


def _measure(
    chosen: Iterable[cases.Case],
    implementations: Sequence[Implementation],
    started: Run,
    threads: Sequence[int],
) -> list[Cell]:
    listed = list(chosen)
    total = len(listed) * len(threads)
    measured = cells.measure_cells(listed, implementations, threads, started.plan(total))
    return started.collect(measured, total, lambda cell: cell.case.activation)


def _versions(found: Iterable[Any]) -> dict[str, str]:
    return {peer.name: peer.version for peer in found if peer.name not in peers.ALWAYS}


# Element-wise --------------------------------------------------------------------------------------


def _elementwise_cases(options: argparse.Namespace) -> Iterator[cases.ElementwiseCase]:
    dtypes = cases.DTYPES[:1] if options.quick else cases.DTYPES
    if options.sizes is None and options.inputs is None and not options.quick:
        return cases.default_cases(options.activations, dtypes, options.peers)
    sizes = options.sizes or (_QUICK_SIZES if options.quick else cases.SIZES)
    inputs = options.inputs or (cases.INPUTS if options.peers else cases.INPUTS[:1])
    return cases.elementwise_cases(options.activations, sizes, dtypes, inputs)


def _run_elementwise(started: Run) -> None:
    options = started.options
    found = _peers(started)
    chosen = _elementwise_cases(options)
    measured = _measure(chosen, elementwise_implementations(found), started, started.threads)
    versions, shapes = _versions(found), _measure_layouts(started) if options.peers else []
    started.report(measured, sections.elementwise_tables(measured, shapes))
    content = {
        "peers": versions,
        "layouts": [times.as_json() for times in shapes],
        "geometric_means": mean_speed_ups(usual(measured)),
    }
    started.write_json(measured, content)
    started.write_figures(measured, versions)
    tables = sections.elementwise_tables(measured, shapes, every_cell=False)
    started.write_document(measured, tables, versions)
    if options.plot is not None:
        from fastact.evaluation.speed import pictures

        line = notes.machine_line(started.facts)
        started.attempt(lambda: pictures.draw_speed_ups(usual(measured), options.plot, line))
    started.write_json(measured, {**content, "digits": _train(started)})


def _measure_layouts(started: Run) -> list[layouts.LayoutTimes]:
    dtypes = cases.DTYPES[:1] if started.options.quick else cases.DTYPES
    total = len(dtypes) * len(started.threads) * len(layouts.NAMES)
    times = layouts.measure_layouts(dtypes, started.threads, started.plan(total))
    return started.collect(times, total, lambda one: f"layouts, {one.activation}")


def _network_activation(options: argparse.Namespace) -> str:
    """Of the network for digits, and of the plot of dense layers: gelu unless others are asked for."""
    named: list[str] = options.activations or [_ACTIVATION]
    return _ACTIVATION if _ACTIVATION in named else named[0]


def _train(started: Run) -> dict[str, Any]:
    """Train on the digits, print the result, and return it as plain values."""
    try:
        data = digits.load()
    except ModuleNotFoundError as error:
        message = f"The digits are left out: they need {install_hint(error.name)}"
        print(message)
        return {"left_out": f"{error.name} is not installed"}
    epochs = _QUICK_EPOCHS if started.options.quick else _EPOCHS
    activation = _network_activation(started.options)
    with progress() as bar:
        task = bar.add_task("digits", total=epochs)
        trained = digits.compare(digits.pairs(activation), data, epochs, lambda: bar.advance(task))
    print()
    terminal.show(notes.digits(trained, activation, epochs))
    networks = {name: asdict(training) for name, training in trained.items()}
    return {"activation": activation, "epochs": epochs, "networks": networks}


def _write(
    started: Run, measured: list[Cell], tables: str, versions: dict[str, str], content: Any = None
) -> None:
    """Print the tables, and write all files, where nothing comes between."""
    started.report(measured, tables)
    started.write_json(measured, {"peers": versions, **(content or {})})
    started.write_figures(measured, versions)
    started.write_document(measured, tables, versions)


# Rows ----------------------------------------------------------------------------------------------


def _run_rows(started: Run) -> None:
    options = started.options
    found = _peers(started)
    dtypes = cases.DTYPES[:1] if options.quick else cases.DTYPES
    shapes = row_cases.SHAPES[:2] if options.quick else row_cases.SHAPES
    chosen = row_cases.row_cases(None, dtypes, shapes)
    measured = _measure(chosen, row_implementations(found), started, started.threads)
    content = {"geometric_means": mean_speed_ups(measured)}
    _write(started, measured, sections.row_tables(measured), _versions(found), content)


# Training ------------------------------------------------------------------------------------------


def _run_train(started: Run) -> None:
    found = _peers(started, (*peers.MODULES, *peers.TRAINING_ONLY))
    chosen = train_cases.train_cases(started.options.quick)
    measured = _measure(chosen, train_implementations(found), started, started.threads)
    _write(started, measured, sections.train_tables(measured), _versions(found))


# Health --------------------------------------------------------------------------------------------


def _run_health(started: Run) -> None:
    found = _peers(started, peers.ALWAYS)
    chosen = health_cases.health_cases(started.options.quick)
    measured = _measure(chosen, health_implementations(found), started, started.threads)
    _write(started, measured, sections.health_tables(measured), _versions(found))


# Dense layers --------------------------------------------------------------------------------------


def _run_dense(started: Run) -> None:
    options = started.options
    found = [peer for peer in _peers(started) if peer.dense()]
    implementations = dense_implementations(found)
    dtypes = cases.DTYPES[:1] if options.quick else cases.DTYPES
    chosen = cases.dense_cases(options.activations, dtypes, options.quick)
    measured = _measure(chosen, implementations, started, started.threads)
    versions = _versions(found)
    started.report(measured, sections.dense_tables(measured))
    started.write_json(measured, {"peers": versions})
    started.write_figures(measured, versions)
    picture = None
    if options.plot is not None and options.markdown is not None:
        picture = os.path.relpath(options.plot, options.markdown.parent)
    started.write_document(measured, sections.dense_tables(measured, picture), versions)
    if options.plot is not None:
        _draw_growth(started, implementations)


def _draw_growth(started: Run, implementations: Sequence[Implementation]) -> None:
    from fastact.evaluation.speed import pictures

    # compiling every size would take longer than timing it
    drawn = [one for one in implementations if one.name != "torch.compile"]
    series = {}
    for size, points in cases.growth(_network_activation(started.options)).items():
        measured = _measure([case for _, case in points], drawn, started, started.threads[:1])
        series[size] = list(zip((n for n, _ in points), measured, strict=True))
    line = notes.machine_line(started.facts)
    started.attempt(lambda: pictures.draw_growth(series, started.options.plot, line))


_KINDS: dict[str, Callable[[Run], None]] = {
    "cells": _run_elementwise,
    "dense": _run_dense,
    "rows": _run_rows,
    "train": _run_train,
    "health": _run_health,
}
