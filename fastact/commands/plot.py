"""Draw activations to a file: values on the left, derivatives on the right."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fastact.evaluation.accuracy.pictures import draw_curves
from fastact.evaluation.accuracy.subjects import named
from fastact.evaluation.files import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME[:PARAMETER=VALUE,...]", help="such as gelu, or swish:beta=1.5")
    add("-o", "--output", type=Path, default=Path("plot.png"), help="the picture; default: plot.png")
    ends = ("LOW", "HIGH")
    add("--range", nargs=2, type=float, default=(-5.0, 5.0), metavar=ends, help="of x; default: -5 5")


def run(options: argparse.Namespace) -> int:
    """Draw; the exit status is 2 if that is impossible, and the reason is printed."""
    low, high = options.range
    try:
        check_writable(options.output)
        if not -float("inf") < low < high < float("inf"):
            raise ValueError(f"--range is {low:g} {high:g}; expected two numbers, the smaller one first")
        draw_curves([named(text) for text in options.names], options.output, low, high)
    except (ValueError, TypeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
