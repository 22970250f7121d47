"""One run of the benchmark command, from its first line to its files, for any kind of cells."""

from __future__ import annotations

import argparse
import datetime
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console

import fastact
from fastact.evaluation import files, machine
from fastact.evaluation.speed import comparison, document, terminal, timing
from fastact.evaluation.speed.cells import Cell

T = TypeVar("T")

_FILE_WIDTH = 120  # columns, where standard output is not a terminal
_SILENT = ("json", "compare")  # options without effect on the document


class Run:
    """The machine, the notes for the reader, the comparison with an older run, and the files.

    Attributes
    ----------
    options : Namespace
    console : Console
    threads : list of int
        Numbers of threads to time with.
    facts : dict
        About the machine.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Check the files and print the machine.

        Parameters
        ----------
        options : Namespace
            Of the command.

        Raises
        ------
        ValueError
            If the older run cannot be read, or the document's markers are damaged.
        OSError
            If a file cannot be written.
        ModuleNotFoundError
            If a picture is wanted and matplotlib is missing.
        """
        self.options = options
        self.kind = "dense" if options.dense else "cells"
        self._old = None if options.compare is None else comparison.read(options.compare, self.kind)
        self._check_files()
        console = Console()
        self.console = console if console.is_terminal else Console(width=_FILE_WIDTH)
        most = fastact.get_num_threads()
        self.threads = list(dict.fromkeys(options.threads or ([1, most] if options.peers else [most])))
        self.facts = machine.facts()
        self._date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._notes: list[str] = []
        self._busy: float | None = None
        self._other_processes = machine.OtherProcesses()
        self.console.print(terminal.machine_line(self.facts), style="bold", soft_wrap=True)

    def _check_files(self) -> None:
        for path in (self.options.json, self.options.plot):
            if path is not None:
                files.check_writable(path)
        if self.options.plot is not None:
            import matplotlib  # noqa: F401
        if self.options.markdown is not None:
            names = (document.summary_name(self.kind), document.NAMES[self.kind])
            files.check_sections(self.options.markdown, names)

    def note(self, messages: Iterable[str]) -> None:
        """Print notes, and keep them for the files."""
        for message in messages:
            self.console.print(message, style="yellow", markup=False)
            self._notes.append(message)

    @property
    def plan(self) -> timing.Plan:
        """How long to measure."""
        return timing.QUICK if self.options.quick else timing.Plan()

    def collect(self, cells: Iterable[T], total: int, describe: Callable[[T], str]) -> list[T]:
        """Results as they are measured, with a progress bar that shows the last one."""
        found = []
        with terminal.progress() as progress:
            task = progress.add_task("", total=total)
            for cell in cells:
                found.append(cell)
                progress.update(task, advance=1, description=describe(cell))
        return found

    def report(self, cells: Sequence[Cell]) -> None:
        """Print the cells, what disturbed the measurements, and the comparison with the older run."""
        self.console.print(terminal.cells_table(cells), terminal.summary(cells))
        self._busy = self._other_processes.busy_cpus()
        self.note(terminal.busy_notes(self._busy, max(self.threads), self.facts["cpus"]))
        self.note(terminal.greedy_notes(timing.greedy(one for cell in cells for one in cell.busy())))
        if self._old is not None:
            for line in terminal.comparison(comparison.compare(cells, self._old)):
                self.console.print(line)

    def write_json(self, cells: Sequence[Cell], content: Mapping[str, Any]) -> None:
        """Write the machine, the cells and other content, if a file is wanted."""
        if self.options.json is not None:
            about = {
                "date": self._date,
                "cpus_busy_with_others": self._busy,
                "machine": self.facts,
                "quick": self.options.quick,
                "notes": self._notes,
                self.kind: [cell.as_json() for cell in cells],
            }
            files.write_json(self.options.json, {**about, **content})

    def write_document(
        self,
        cells: Sequence[Cell],
        section: Callable[[str, Sequence[str]], str],
        versions: Mapping[str, str],
    ) -> None:
        """Write the summary and the section, made of its origin and the notes, if a document is wanted."""
        if self.options.markdown is None:
            return
        origin = document.origin(self.facts, self._date, command_line(self.options), versions)
        name, sections = document.NAMES[self.kind], tuple(document.NAMES.values())
        texts = {
            document.summary_name(self.kind): document.summary(cells, self.kind, self.facts, self._date),
            name: section(origin, self._notes),
        }
        for heading, text in texts.items():
            before = () if heading == name else sections
            files.write_section(self.options.markdown, heading, text, title=document.TITLE, before=before)


def command_line(options: argparse.Namespace) -> str:
    """The command that repeats the measurements, without options that have their defaults."""
    words = ["python", "-m", "fastact", "bench"]
    for name, value in vars(options).items():
        if name not in _SILENT and value not in (None, False):
            words.append(f"--{name}")
            if isinstance(value, list):
                words += map(str, value)
            elif value is not True:
                words.append(str(value))
    return shlex.join(words)
