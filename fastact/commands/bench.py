"""Time fastact against pure Python and against NumPy, by activation, direction, dtype and size, then train
a small network on handwritten digits with NumPy's activations and with fastact's.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import fastact
from fastact.evaluation.speed import activations_document as document
from fastact.evaluation.speed import cases, digits, layouts, peers, report
from fastact.evaluation.speed.contestants import Contestant, Fastact, NumpyIdiom, PurePython
from fastact.evaluation.speed.results import Cell, mean_speed_ups, measure_cells, opponents, usual
from fastact.commands.bench_run import Run

_QUICK_SIZES = (1_000, 100_000)
_QUICK_DTYPES = ("float32",)
_ACTIVATION = "gelu"
_EPOCHS = 30
_QUICK_EPOCHS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="float32, two sizes, short measurements")
    add("--activations", nargs="+", metavar="NAME", type=_activation, help="default: all")
    add("--sizes", nargs="+", metavar="N", type=_count, help="numbers of elements")
    add("--inputs", nargs="+", choices=cases.INPUTS, help="default: normal; with --peers, all")
    add(
        "--threads",
        nargs="+",
        metavar="N",
        type=_threads,
        help="numbers of threads, one run each; default: all, with --peers also 1",
    )
    add("--dense", action="store_true", help="time dense layers and networks instead, forward and backward")
    add("--peers", action="store_true", help="time PyTorch, JAX, ONNX Runtime, numba, numexpr, SciPy too")
    add("--activation", metavar="NAME", type=_activation, help="of the digits' network; default: gelu")
    add("--json", metavar="FILE", type=_file, help="write the machine's facts and every measurement")
    add("--plot", metavar="FILE.png", type=_file, help="draw the speed-ups; with --dense, time against size")
    add("--markdown", metavar="FILE", type=_file, help="write the results into their section of a document")
    add("--compare", metavar="OLD.json", type=Path, help="tell what became faster or slower since that run")


def _activation(text: str) -> str:
    try:
        found = fastact.get(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return found.name if found is fastact.get(found.name) else text  # an alias may bind parameters


def _count(text: str) -> int:
    try:
        value = int(float(text)) if "e" in text else int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _threads(text: str) -> int:
    most = fastact.get_num_threads()
    wanted = most if text == "all" else _count(text)
    if wanted > most:
        message = f"{text!r} is more than this process may use, {most}; python -m fastact info tells why"
        raise argparse.ArgumentTypeError(message)
    return wanted


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be written: expected a file in a folder that exists"
        )
    return path


def run(options: argparse.Namespace) -> int:
    """Measure, show, and write what was asked for."""
    try:  # before the long measuring, not after
        started = Run(options, "dense" if options.dense else "cells")
        if options.plot is not None:
            import matplotlib  # noqa: F401
    except ValueError as error:
        return _refuse(f"--compare: {error}")
    except ModuleNotFoundError as error:
        return _refuse(f"--plot needs {_missing(error)}")
    if options.dense:
        from fastact.commands import bench_dense

        bench_dense.run(started)
    else:
        _run(started)
    return 0


def _refuse(message: str) -> int:
    print(f"fastact bench: {message}", file=sys.stderr)
    return 1


def _missing(error: ModuleNotFoundError) -> str:
    return f"{error.name}, which is not installed: pip install 'fastact[bench]'"


def _run(started: Run) -> None:
    options, console = started.options, started.console
    cells = _measure(started)
    console.print(report.cells_table(cells), report.summary(cells))
    shapes = _measure_layouts(started) if options.peers else []
    started.measured(cells)
    started.compare(cells)
    versions = peers.versions(opponents(cells))
    trained = _train(options, console)
    started.write_json(
        {
            "peers": versions,
            "cells": [cell.as_json() for cell in cells],
            "layouts": [times.as_json() for times in shapes],
            "geometric_means": mean_speed_ups(usual(cells)),
            "digits": trained,
        }
    )
    started.write_section(document.NAME, partial(document.section, cells, shapes), versions)
    if options.plot is not None:
        from fastact.evaluation.speed import picture

        picture.draw(usual(cells), options.plot, report.machine_line(started.facts))


def _measure(started: Run) -> list[Cell]:
    options = started.options
    inputs = cases.INPUTS if options.peers else cases.INPUTS[:1]
    sizes = cases.ALL_SIZES if options.peers else cases.SIZES
    chosen = list(
        cases.all_cases(
            options.activations,
            options.sizes or (_QUICK_SIZES if options.quick else sizes),
            _QUICK_DTYPES if options.quick else cases.DTYPES,
            options.inputs or inputs,
        )
    )
    contestants: list[Contestant] = [Fastact(), NumpyIdiom(), PurePython()]
    if options.peers:
        found, absent = peers.installed()
        contestants += found
        started.note(report.absent_notes(absent))
    cells = measure_cells(chosen, contestants, started.threads, started.plan)
    return started.collect(cells, len(chosen) * len(started.threads), lambda cell: cell.case.activation)


def _measure_layouts(started: Run) -> list[layouts.LayoutTimes]:
    dtypes = _QUICK_DTYPES if started.options.quick else cases.DTYPES
    measured = layouts.measure_layouts(dtypes, started.threads, started.plan)
    total = len(dtypes) * len(started.threads) * len(layouts.NAMES)
    return started.collect(measured, total, lambda times: f"layouts, {times.activation}")


def _train(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Train on the digits, show what came out, and return it as plain values."""
    try:
        data = digits.load()
    except ModuleNotFoundError as error:
        console.print(f"The digits are left out: they need {_missing(error)}", style="yellow", markup=False)
        return {"left_out": f"{error.name} is not installed"}
    epochs = _QUICK_EPOCHS if options.quick else _EPOCHS
    activation = options.activation or _ACTIVATION
    with report.progress() as progress:
        task = progress.add_task("digits", total=epochs)
        trained = digits.compare(
            digits.pairs(activation), data, epochs, progress=lambda: progress.advance(task)
        )
    console.print(report.digits_table(trained, activation, epochs))
    networks = {name: asdict(training) for name, training in trained.items()}
    return {"activation": activation, "epochs": epochs, "networks": networks}
