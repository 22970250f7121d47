"""Measure the errors of activations and of their derivatives, in ULP.

float32 is compared with the float64 kernels on the widened input, at every so many bit patterns or at all of
them; float64 with the exact values of the formulas, at sampled points. The exit status is 1 if a bound is
exceeded.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import shlex
import sys
from collections.abc import Sequence
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
from fastact.evaluation.machine import cpu_model
from fastact.evaluation.accuracy.peers import find_peers
from fastact.evaluation.accuracy.results import Result, read_json, table, write_json, write_markdown
from fastact.evaluation.accuracy.run import Override, Run
from fastact.evaluation.accuracy.subjects import named
from fastact.evaluation.accuracy.sweep import chunks
from fastact.evaluation.accuracy.truth import default_oracle

STRIDE, POINTS = 997, 2000  # defaults


def _share(text: str) -> tuple[int, int]:
    k, slash, n = text.partition("/")
    if not (slash and k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N with 1 <= K <= N")
    return int(k), int(n)


def _positive(text: str) -> int:
    if not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _points(text: str) -> int:
    if text != "0" and (not text.isdigit() or int(text) < 100):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor a whole number of at least 100")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME[:PARAMETER=VALUE,...]", help="which activations; all by default")
    add("--exhaustive", action="store_true", help="float32: all 2^32 inputs")
    add(
        "--slice",
        type=_share,
        default=(1, 1),
        metavar="K/N",
        help="float32: the K-th of N interleaved shares",
    )
    add(
        "--stride",
        type=_positive,
        default=STRIDE,
        help=f"float32: every so many bit patterns (default: {STRIDE})",
    )
    add(
        "--points",
        type=_points,
        default=POINTS,
        help=f"float64: about so many points (default: {POINTS}; 0: none)",
    )
    add(
        "--oracle",
        choices=("flint", "mpmath"),
        help="who computes exact values (default: flint if installed)",
    )
    add(
        "--peers",
        nargs="?",
        const="stride",
        choices=("stride", "exhaustive"),
        help="also measure PyTorch, JAX, ONNX Runtime, NumPy with SciPy, at the stride or at all inputs",
    )
    add("--jobs", type=_positive, help="threads and processes (default: as many as fastact uses)")
    add("--json", type=Path, metavar="FILE", help="write all results")
    add(
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep the results that a run which was interrupted has left in FILE, measure the others, "
        "and write each of them there at once",
    )
    add("--markdown", type=Path, metavar="FILE", help="write them as a document")
    add("--plot", metavar="NAME", help="instead, draw the error of one activation against x")
    add("-o", "--output", type=Path, default=Path("accuracy.png"), help="the picture (default: accuracy.png)")


# Reporting ----------------------------------------------------------------------------------------


def _extent(stride: int, share: tuple[int, int]) -> str:
    which = "all 2^32" if stride == 1 else f"every {stride}th of all 2^32"
    return which if share == (1, 1) else f"{which} (share {share[0]} of {share[1]})"


def _command(options: argparse.Namespace) -> str:
    """The command line that gives these results, files apart."""
    words = ["python", "-m", "fastact", "accuracy", *options.names]
    words += ["--exhaustive"] if options.exhaustive else []
    words += ["--slice", "/".join(map(str, options.slice))] if options.slice != (1, 1) else []
    words += ["--stride", str(options.stride)] if options.stride != STRIDE else []
    words += ["--points", str(options.points)] if options.points != POINTS else []
    words += ["--oracle", options.oracle] if options.oracle else []
    words += ["--peers", options.peers] if options.peers else []
    words += ["--markdown", str(options.markdown)] if options.markdown else []
    return shlex.join(words)


def _about(options: argparse.Namespace) -> dict[str, Any]:
    """The machine, the date and the command."""
    oracle = options.oracle or default_oracle()
    return {
        "version": fastact.__version__,
        "machine": f"{cpu_model()}, instruction set {fastact.isa()}, "
        f"{platform.system()} {platform.machine()}",
        "date": datetime.date.today().isoformat(),
        "command": _command(options),
        "float64_points": options.points,
        "oracle": {"flint": "python-flint's balls", "mpmath": "mpmath"}[oracle],
        "float32_points": _extent(1 if options.exhaustive else options.stride, options.slice),
        "peer_points": _extent(1 if options.peers == "exhaustive" else options.stride, options.slice),
    }


def _report(console: Console, options: argparse.Namespace, results: Sequence[Result]) -> int:
    console.print(table(results, console.width))
    if options.json:
        write_json(options.json, results, _about(options))
    if options.markdown:
        write_markdown(options.markdown, results, _about(options))
    failed = sum(not r.ok for r in results)
    enforced = sum(r.bound is not None for r in results)
    colour = "red" if failed else "green"
    console.print(f"[{colour}]{enforced - failed} of {enforced} within their bounds[/]")
    return 1 if failed else 0


def _with_others(known: Sequence[Result], results: Sequence[Result]) -> list[Result]:
    """All results, none twice."""
    return list({result.key: result for result in (*known, *results)}.values())


def _draw(activation: Activation, options: argparse.Namespace) -> int:
    from fastact.evaluation.accuracy.pictures import draw_errors

    draw_errors(activation, options.output, options.points or 2000, options.oracle)
    return 0


def run(options: argparse.Namespace, override: Override | None = None) -> int:
    """Measure, show and write what was asked for; the exit status.

    Parameters
    ----------
    options : argparse.Namespace
        As :func:`add_arguments` describes.
    override : callable, optional
        Given a subject, what to measure in place of fastact's own kernels: a function of x and of the array
        to write to.
    """
    console = Console()
    try:
        if options.plot:
            return _draw(named(options.plot), options)
        activations = [named(text) for text in options.names or fastact.names()]
    except (ValueError, TypeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        known = read_json(options.resume, _about(options)) if options.resume else []
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    peers, absent = find_peers() if options.peers else ([], [])
    if absent:
        console.print(f"[yellow]not installed, so not measured: {', '.join(absent)}[/]")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        work = Run(
            chunks(1 if options.exhaustive else options.stride, options.slice),
            chunks(1 if options.peers == "exhaustive" else options.stride, options.slice),
            options.points,
            peers,
            options.jobs or fastact.get_num_threads(),
            options.oracle,
            override,
            {result.key: result for result in known},
            progress,
        )
        results: list[Result] = []
        for result in work.measure(activations):
            results.append(result)
            if options.resume and result.key not in work.known:
                write_json(options.resume, _with_others(known, results), _about(options))
    return _report(console, options, results)
