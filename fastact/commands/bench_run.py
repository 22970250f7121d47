"""What both bench commands have in common: the machine's facts, notes for the reader, the comparison with an
older run, the JSON file and the document.

Does not know what is timed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console

import fastact
from fastact.evaluation.speed import comparison, document, machine, report, timing

C = TypeVar("C")

_FILE_WIDTH = 120  # columns, where standard output is not a terminal
_SILENT = ("json", "compare")  # options that change nothing in the document


class Run:
    """One run of a bench command, from its first line to its files.

    Attributes
    ----------
    options : Namespace
    console : Console
    threads : list of int
        Numbers of threads to time with.
    facts : dict
        About the machine.
    """

    def __init__(self, options: argparse.Namespace, kind: str) -> None:
        """Say what the machine is.

        Parameters
        ----------
        options : Namespace
            Of the command.
        kind : str
            What the cells are called in JSON files.

        Raises
        ------
        ValueError
            Where the older run to compare with cannot be read.
        """
        self.options = options
        self._old = None if options.compare is None else comparison.read(options.compare, kind)
        console = Console()
        self.console = console if console.is_terminal else Console(width=_FILE_WIDTH)
        most = fastact.get_num_threads()
        self.threads = list(dict.fromkeys(options.threads or ([1, most] if options.peers else [most])))
        self.facts = machine.facts()
        self._date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._notes: list[str] = []
        self._busy: float | None = None
        self._neighbours = machine.Neighbours()
        self.console.print(report.machine_line(self.facts), style="bold", soft_wrap=True)

    def note(self, messages: Iterable[str]) -> None:
        """Say it now, and in the document."""
        for message in messages:
            self.console.print(message, style="yellow", markup=False)
            self._notes.append(message)

    @property
    def plan(self) -> timing.Plan:
        """How long to measure."""
        return timing.QUICK if self.options.quick else timing.Plan()

    def collect(self, cells: Iterable[C], total: int, describe: Callable[[C], str]) -> list[C]:
        """The cells, one by one as they are measured, behind a bar that tells which was the last."""
        found = []
        with report.progress() as progress:
            task = progress.add_task("", total=total)
            for cell in cells:
                found.append(cell)
                progress.update(task, advance=1, description=describe(cell))
        return found

    def measured(self, cells: Sequence[Any]) -> None:
        """Say what disturbed the measuring, which has ended."""
        self._busy = self._neighbours.busy_cpus()
        self.note(report.busy_notes(self._busy, max(self.threads), self.facts["cpus"]))
        self.note(report.greedy_notes(timing.greedy(one for cell in cells for one in cell.busy())))

    def compare(self, cells: Sequence[Any]) -> None:
        """Hold the run against an older one, where that was asked for."""
        if self._old is not None:
            for line in report.comparison(comparison.compare(cells, self._old)):
                self.console.print(line)

    def write_json(self, content: Mapping[str, Any]) -> None:
        """The machine's facts, and everything else, where a file was asked for."""
        if self.options.json is not None:
            about = {
                "date": self._date,
                "cpus_busy_with_others": self._busy,
                "machine": self.facts,
                "quick": self.options.quick,
                "notes": self._notes,
            }
            self.options.json.write_text(json.dumps({**about, **content}, indent=1) + "\n")

    def write_section(
        self, name: str, text: Callable[[str, Sequence[str]], str], versions: Mapping[str, str]
    ) -> None:
        """A section of the document, made of its origin and notes, where a file was asked for."""
        if self.options.markdown is not None:
            origin = document.origin(self.facts, self._date, command_line(self.options), versions)
            document.write_section(self.options.markdown, name, text(origin, self._notes))


def command_line(options: argparse.Namespace) -> str:
    """The command that measures the same, as far as its options are not the defaults."""
    words = ["python", "-m", "fastact", "bench"]
    for name, value in vars(options).items():
        if name not in _SILENT and value not in (None, False):
            words.append(f"--{name}")
            if isinstance(value, list):
                words += map(str, value)
            elif value is not True:
                words.append(str(value))
    return shlex.join(words)
