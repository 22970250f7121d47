"""Command-line arguments: types that parse a text or raise an error that argparse prints, and the reverse."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Collection
from pathlib import Path

import fastact
from fastact.evaluation.files import check_writable


def count(text: str) -> int:
    """A positive integer, such as ``100000`` or ``1e5``."""
    try:
        value = int(float(text)) if "e" in text else int(text)
    except (ValueError, OverflowError):
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def thread_count(text: str) -> int:
    """A number of threads that this process may use, or ``all``."""
    most = fastact.get_num_threads()
    wanted = most if text == "all" else count(text)
    if wanted > most:
        message = f"{text!r} is more than this process may use, {most}; python -m fastact info shows why"
        raise argparse.ArgumentTypeError(message)
    return wanted


def activation_name(text: str) -> str:
    """The name of an activation; an alias that binds parameters stays as it is."""
    try:
        found = fastact.get(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    defaults = fastact.get(found.name).parameters
    return found.name if dict(found.parameters) == dict(defaults) else text


def output_file(text: str) -> Path:
    """The path of a file that can be written."""
    path = Path(text)
    try:
        check_writable(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def command_line(
    name: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    options: argparse.Namespace,
    silent: Collection[str],
) -> str:
    """The command that repeats the measurements: options without their defaults and the `silent` ones."""
    return shlex.join(command_words(name, add_arguments, options, silent))


def command_words(
    name: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    options: argparse.Namespace,
    silent: Collection[str],
) -> list[str]:
    """The words of :func:`command_line`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    defaults = parser.parse_args([])
    words = ["python", "-m", "fastact", name]
    for key, value in vars(options).items():
        if key in silent or value == getattr(defaults, key):
            continue
        words += [] if key == "names" else [f"--{key}"]
        if isinstance(value, tuple):
            words.append("/".join(map(str, value)))
        elif value is not True:
            words += map(str, value if isinstance(value, list) else [value])
    return words
