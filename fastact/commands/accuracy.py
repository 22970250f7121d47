"""Measure the errors of activations and of their derivatives, in ULP.

Results are compared with the exact values of the formulas. In float32, at one in so many bit patterns or at
all of them, these are computed in double-double arithmetic with an error bound, and in ball arithmetic where
the bound is not small enough; in float64, in ball arithmetic at sampled points. The exit status is 1 if a
bound is exceeded or a measurement fails.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

import fastact
from fastact.activations.base import Activation
from fastact.commands.arguments import command_line, count, output_file
from fastact.evaluation import files, peers
from fastact.evaluation.accuracy import report
from fastact.evaluation.accuracy.results import Result, read_json, write_json
from fastact.evaluation.accuracy.run import Override, Run
from fastact.evaluation.accuracy.subjects import named
from fastact.evaluation.accuracy.sweep import chunks
from fastact.evaluation.accuracy.truth import default_oracle
from fastact.evaluation.extras import install_hint
from fastact.evaluation.machine import cpu_model
from fastact.evaluation.peers.base import Peer

STRIDE, POINTS, ROWS = 997, 2000, 200  # defaults
_SILENT = ("json", "resume", "jobs", "plot", "output")  # options without effect on the document


def share(text: str) -> tuple[int, int]:
    """K and N of a text such as ``"3/8"``; raises argparse.ArgumentTypeError for any other."""
    k, slash, n = text.partition("/")
    if not (slash and k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N with 1 <= K <= N")
    return int(k), int(n)


def _points(text: str) -> int:
    if text != "0" and (not text.isdecimal() or int(text) < 100):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor a whole number of at least 100")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME[:PARAMETER=VALUE,...]", help="which activations; default: all")
    add("--exhaustive", action="store_true", help="float32: all 2^32 inputs")
    share_help = "float32: the K-th of N interleaved shares"
    add("--slice", type=share, default=(1, 1), metavar="K/N", help=share_help)
    add(
        "--stride",
        type=count,
        default=STRIDE,
        help=f"float32: one in N bit patterns; default: {STRIDE}",
    )
    add("--points", type=_points, default=POINTS, help=f"float64: about N points; default: {POINTS}; 0: none")
    rows_help = "instead, row-wise functions and losses, at N random rows; default: 200"
    add("--rows", nargs="?", const=ROWS, type=count, metavar="N", help=rows_help)
    add("--oracle", choices=("flint", "mpmath"), help="computes exact values; default: flint if installed")
    peers_help = "also measure other libraries, at the stride or at all inputs"
    add("--peers", nargs="?", const="stride", choices=("stride", "exhaustive"), help=peers_help)
    add("--jobs", type=count, help="threads and processes; default: as many as fastact uses")
    add("--json", type=output_file, metavar="FILE", help="write all results")
    resume_help = (
        "keep the results of an interrupted run in FILE, measure the others, and write each of them to FILE "
        "as soon as it is measured"
    )
    add("--resume", type=output_file, metavar="FILE", help=resume_help)
    add("--markdown", type=output_file, metavar="FILE", help="write the results into a section of a document")
    add("--plot", metavar="NAME", help="instead, draw the error of one activation against x")
    output_help = "the picture of --plot; default: accuracy.png"
    add("-o", "--output", type=Path, default=Path("accuracy.png"), help=output_help)


# Reporting ----------------------------------------------------------------------------------------


def _extent(stride: int, share: tuple[int, int]) -> str:
    which = "all 2^32" if stride == 1 else f"every {stride}th of all 2^32"
    return which if share == (1, 1) else f"{which} (share {share[0]} of {share[1]})"


def _about(options: argparse.Namespace) -> dict[str, Any]:
    """The machine, the date and the command."""
    oracle = options.oracle or default_oracle()
    return {
        "version": fastact.__version__,
        "machine": f"{cpu_model()}, instruction set {fastact.isa()}, "
        f"{platform.system()} {platform.machine()}",
        "date": datetime.date.today().isoformat(),
        "command": command_line("accuracy", add_arguments, options, _SILENT),
        "float64_points": options.points,
        "oracle": {"flint": "python-flint's balls", "mpmath": "mpmath"}[oracle],
        "float32_points": _extent(1 if options.exhaustive else options.stride, options.slice),
        "peer_points": _extent(1 if options.peers == "exhaustive" else options.stride, options.slice),
    }


def _report(console: Console, options: argparse.Namespace, results: Sequence[Result], work: Run) -> int:
    """Print the results and write the files; returns the exit status."""
    print(report.terminal_table(results, console.width))
    for path, write in ((options.json, write_json), (options.markdown, report.write_markdown)):
        if path:
            _write(write, path, results, options, work)
    for failure in work.failures:
        console.print(f"failed: {failure}", style="red", markup=False, soft_wrap=True)
    undecided = sum(r.undecided for r in results)
    if undecided:
        message = f"{undecided} points are left out: no exact value could be computed"
        console.print(message, style="yellow", markup=False)
    failed = sum(not r.ok for r in results)
    enforced = sum(r.enforced for r in results)
    colour = "red" if failed else "green"
    console.print(f"[{colour}]{enforced - failed} of {enforced} within their bounds[/]")
    return 1 if failed or work.failures else 0


def _write(
    write: Callable[[Path, Sequence[Result], dict[str, Any]], None],
    path: Path,
    results: Sequence[Result],
    options: argparse.Namespace,
    work: Run,
) -> None:
    """Write a file; an error, such as of a full disk, does not end the measurements."""
    try:
        write(path, results, _about(options))
    except (OSError, ValueError) as error:
        if str(error) not in work.failures:
            work.failures.append(str(error))


def _with_others(known: Sequence[Result], results: Sequence[Result]) -> list[Result]:
    """All results, each once."""
    return list({result.key: result for result in (*known, *results)}.values())


def _draw(activation: Activation, options: argparse.Namespace) -> int:
    from fastact.evaluation.accuracy.pictures import draw_errors

    files.check_writable(options.output)
    draw_errors(activation, options.output, options.points or POINTS, options.oracle)
    return 0


def _run_rows(options: argparse.Namespace) -> int:
    """Measure row-wise functions and losses, print, and write the section."""
    from fastact.evaluation.accuracy import rows, rows_report
    from fastact.evaluation.row_cases import NAMES

    if options.markdown:
        files.check_sections(options.markdown, [rows_report.SECTION])
    for name in options.names:
        if name not in NAMES:
            raise ValueError(f"unknown function {name!r}; expected one of {', '.join(NAMES)}")
    found = [p for p in peers.installed()[0] if p.name != "Python"] if options.peers else []
    errors = list(rows.measure(options.names, options.rows, found))
    print(rows_report.table(errors))
    if options.markdown:
        rows_report.write_markdown(options.markdown, errors, {**_about(options), "rows": options.rows})
    failed = sum(not one.ok for one in errors)
    print(f"{failed} exceed their bounds")
    return 1 if failed else 0


def _missing_oracle(options: argparse.Namespace) -> str | None:
    """What to say if the library for exact values is missing."""
    oracle = options.oracle or default_oracle()
    return None if importlib.util.find_spec(oracle) else f"exact values need {install_hint(oracle)}"


def run(options: argparse.Namespace, override: Override | None = None) -> int:
    """Measure, print, and write the files; returns the exit status.

    `override`, given a subject, returns the function to measure in place of fastact's kernel.
    """
    console = Console()
    try:  # before the long measurements
        missing = _missing_oracle(options)
        if missing:
            raise ValueError(missing)
        if options.plot:
            return _draw(named(options.plot), options)
        if options.rows:
            return _run_rows(options)
        activations = [named(text) for text in options.names or fastact.names()]
        if options.markdown:
            files.check_sections(options.markdown, [report.SECTION])
        known = read_json(options.resume, _about(options)) if options.resume else []
    except ModuleNotFoundError as error:
        print(f"fastact accuracy needs {install_hint(error.name)}", file=sys.stderr)
        return 2
    except (ValueError, TypeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    work, results = _prepared(options, override, known, console), []
    with work.progress:
        for result in work.measure(activations):
            results.append(result)
            if options.resume and result.key not in work.known:
                _write(write_json, options.resume, _with_others(known, results), options, work)
    return _report(console, options, results, work)


def _prepared(
    options: argparse.Namespace, override: Override | None, known: Sequence[Result], console: Console
) -> Run:
    found, absent = peers.installed() if options.peers else ([], {})
    found = [peer for peer in found if type(peer).function is not Peer.function]
    if absent:
        console.print(f"[yellow]not installed, so not measured: {', '.join(absent)}[/]")
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    times = TimeElapsedColumn(), TimeRemainingColumn()
    return Run(
        chunks(1 if options.exhaustive else options.stride, options.slice),
        chunks(1 if options.peers == "exhaustive" else options.stride, options.slice),
        options.points,
        found,
        options.jobs or fastact.get_num_threads(),
        options.oracle,
        override,
        {result.key: result for result in known},
        Progress(*columns, *times, console=console, transient=True),
    )
