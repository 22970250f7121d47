"""Put popular claims about activations to the test: claim, protocol, published and own figures, verdict."""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import fastact
from fastact.commands.arguments import output_file
from fastact.evaluation.experiments.catalogue import EXPERIMENTS
from fastact.evaluation.experiments.experiment import Experiment, Result, as_data, as_markdown
from fastact.evaluation.extras import install_hint
from fastact.evaluation.files import write_json, write_text

_HEAD = """# Claims about activations, put to the test

Written by `python -m fastact experiments --markdown docs/experiments.md --plot docs/experiments`. Seeds are
fixed; on other machines the last digits, and times, may differ. Several numbers in a cell are the mean over
seeds, and the least and the greatest. The networks are small, and so are the data: verdicts hold for them.

"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(EXPERIMENTS)}")
    add("--quick", action="store_true", help="fewer seeds and smaller grids: less than a minute")
    add("--json", type=output_file, metavar="FILE", help="write the results as JSON")
    add("--markdown", type=output_file, metavar="FILE", help="write the results as a document")
    add("--plot", type=Path, metavar="DIR", help="draw the figures of each result, as NAME.png in a folder")


def run(options: argparse.Namespace) -> int:
    """Run the experiments one after the other; the exit status is 2 for an unknown name."""
    unknown = [name for name in options.names if name not in EXPERIMENTS]
    if unknown:
        print(f"unknown experiment {unknown[0]!r}; expected {', '.join(EXPERIMENTS)}", file=sys.stderr)
        return 2
    if options.plot and not (options.plot.is_dir() and find_spec("matplotlib")):
        needs = f"a folder, which {str(options.plot)!r} is not, or {install_hint('matplotlib')}"
        print(f"--plot needs {needs}", file=sys.stderr)
        return 2
    texts, found, names = [], [], options.names or list(EXPERIMENTS)
    with fastact.num_threads(1):
        for number, name in enumerate(names, 1):
            start = time.perf_counter()
            experiment, result = EXPERIMENTS[name], EXPERIMENTS[name].run(options.quick)
            texts.append(as_markdown(experiment, result, _drawn(experiment, result, options)))
            found.append(as_data(experiment, result))
            print(as_markdown(experiment, result))
            took = time.perf_counter() - start
            print(f"{name}: {took:.1f} s ({number} of {len(names)})", file=sys.stderr)
    if options.json:
        write_json(options.json, {"quick": options.quick, "experiments": found})
    if options.markdown:
        write_text(options.markdown, _HEAD + "\n".join(texts))
    return 0


def _drawn(experiment: Experiment, result: Result, options: argparse.Namespace) -> str | None:
    """The picture's path as the document has it, where both are asked for."""
    if not options.plot:
        return None
    path = import_module("fastact.evaluation.experiments.pictures").draw(experiment, result, options.plot)
    return Path(os.path.relpath(path, options.markdown.parent)).as_posix() if options.markdown else None
