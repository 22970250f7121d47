"""Time fastact against pure Python and against NumPy, by activation, direction, dtype and size, then train
a small network on handwritten digits with NumPy's activations and with fastact's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

import fastact
from fastact.benchmarks import cases, digits, machine, peers, report, timing
from fastact.benchmarks.contestants import Contestant, Fastact, NumpyIdiom, PurePython
from fastact.benchmarks.results import Cell, mean_speed_ups, measure_cells

_QUICK_SIZES = (1_000, 100_000)
_QUICK_DTYPES = ("float32",)
_EPOCHS = 30
_QUICK_EPOCHS = 10
_FILE_WIDTH = 120  # columns, where standard output is not a terminal
_TOLERATED = 0.1  # CPUs that others may keep busy without a warning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="float32, two sizes, short measurements")
    add("--activations", nargs="+", metavar="NAME", type=_activation, help="default: all")
    add("--sizes", nargs="+", metavar="N", type=_count, help="numbers of elements")
    add(
        "--threads",
        nargs="+",
        metavar="N",
        type=_threads,
        default=[fastact.get_num_threads()],
        help="numbers of threads, one run each; 'all' is the default",
    )
    add("--dense", action="store_true", help="time dense layers and networks instead, forward and backward")
    add("--peers", action="store_true", help="time PyTorch, JAX, ONNX Runtime, numba, numexpr, SciPy too")
    add("--activation", metavar="NAME", type=_activation, default="gelu", help="of the digits' network")
    add("--json", metavar="FILE", type=_file, help="write the machine's facts and every measurement")
    add("--plot", metavar="FILE.png", type=_file, help="draw the speed-ups")


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
    if options.dense:
        from fastact.commands import bench_dense

        return bench_dense.run(options, _console())
    if options.plot is not None:  # before the long measuring, not after
        try:
            from fastact.benchmarks import picture
        except ModuleNotFoundError as error:
            print(f"fastact bench: --plot needs {_missing(error)}", file=sys.stderr)
            return 1
    console = _console()
    facts = machine.facts()
    console.print(report.machine_line(facts), style="bold", soft_wrap=True)
    neighbours = machine.Neighbours()
    cells = _measure(options, console)
    busy = neighbours.busy_cpus()
    console.print(report.cells_table(cells), report.summary(cells))
    if busy is not None and busy + max(options.threads) > facts["cpus"] + _TOLERATED:
        message = (
            f"Other processes kept {busy:.1f} of {facts['cpus']} CPUs busy: run it again on an idle machine"
        )
        console.print(message, style="yellow")
    report.tell_greedy(console, timing.greedy(one for cell in cells for one in cell.busy()))
    trained = _train(options, console)
    if options.json is not None:
        content = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "cpus_busy_with_others": busy,
            "machine": facts,
            "quick": options.quick,
            "cells": [cell.as_json() for cell in cells],
            "geometric_means": mean_speed_ups(cells),
            "digits": trained,
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.plot is not None:
        picture.draw(cells, options.plot, report.machine_line(facts))
    return 0


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


def _missing(error: ModuleNotFoundError) -> str:
    return f"{error.name}, which is not installed: pip install 'fastact[bench]'"


def _measure(options: argparse.Namespace, console: Console) -> list[Cell]:
    chosen = list(
        cases.all_cases(
            options.activations,
            options.sizes or (_QUICK_SIZES if options.quick else cases.SIZES),
            _QUICK_DTYPES if options.quick else cases.DTYPES,
        )
    )
    threads = list(dict.fromkeys(options.threads))
    contestants: list[Contestant] = [Fastact(), NumpyIdiom(), PurePython()]
    if options.peers:
        found, absent = peers.installed()
        contestants += found
        report.tell_absent(console, absent)
    cells = []
    with report.progress() as progress:
        task = progress.add_task("", total=len(chosen) * len(threads))
        for cell in measure_cells(
            chosen, contestants, threads, timing.QUICK if options.quick else timing.Plan()
        ):
            cells.append(cell)
            progress.update(task, advance=1, description=cell.case.activation)
    return cells


def _train(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Train on the digits, show what came out, and return it as plain values."""
    try:
        data = digits.load()
    except ModuleNotFoundError as error:
        console.print(f"The digits are left out: they need {_missing(error)}", style="yellow", markup=False)
        return {"left_out": f"{error.name} is not installed"}
    epochs = _QUICK_EPOCHS if options.quick else _EPOCHS
    with report.progress() as progress:
        task = progress.add_task("digits", total=epochs)
        trained = digits.compare(
            digits.pairs(options.activation), data, epochs, progress=lambda: progress.advance(task)
        )
    console.print(report.digits_table(trained, options.activation, epochs))
    networks = {name: asdict(training) for name, training in trained.items()}
    return {"activation": options.activation, "epochs": epochs, "networks": networks}
