"""One run of the benchmark command, from its first line to its files, for any kind of cells."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import fastact
from fastact.evaluation import files, machine
from fastact.evaluation.speed import comparison, document, figures, notes, sections, terminal, timing
from fastact.evaluation.speed.cells import Cell

T = TypeVar("T")
_MANY = 300  # cells; more are measured for a shorter time each


def progress() -> Progress:
    """A bar on standard error, so that standard output holds the results alone."""
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class Run:
    """The machine, the notes for the reader, the comparison with an older run, and the files."""

    def __init__(self, options: argparse.Namespace, command: str) -> None:
        """Check the files and print the machine; `command` repeats the measurements.

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
        self._command = command
        self.kind = next(
            (one for one in ("dense", "rows", "train", "health") if getattr(options, one)), "cells"
        )
        self._old = None if options.compare is None else comparison.read(options.compare, self.kind)
        self._check_files()
        most = fastact.get_num_threads()
        self.threads = list(dict.fromkeys(options.threads or ([1, most] if options.peers else [most])))
        self.facts = machine.facts()
        self._date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._notes: list[str] = []
        self._busy: float | None = None
        self.failed = False  # whether a file could not be written
        self._other_processes = machine.OtherProcesses()
        print(notes.machine_line(self.facts))

    def _check_files(self) -> None:
        for path in (self.options.json, self.options.figures, self.options.plot):
            if path is not None:
                files.check_writable(path)
        if self.options.plot is not None:
            import matplotlib  # noqa: F401
        if self.options.markdown is not None:
            names = self._sections()
            files.check_sections(self.options.markdown, names)

    def _sections(self) -> tuple[str, str]:
        """The document's sections for the summary and for the tables."""
        isa = self.options.isa
        return document.summary_name(self.kind, isa), document.section_name(self.kind, isa)

    def plan(self, cells: int) -> timing.Plan:
        """How long to measure each of so many cells."""
        if self.options.quick:
            return timing.QUICK
        return timing.Plan() if cells <= _MANY else timing.SHORT

    def note(self, messages: Iterable[str]) -> None:
        """Print notes, and keep them for the files."""
        for message in messages:
            print(message)
            self._notes.append(message)

    def collect(self, found: Iterable[T], total: int, describe: Callable[[T], str]) -> list[T]:
        """Results as they are measured, with a progress bar that shows the last one."""
        collected = []
        with progress() as bar:
            plain = None if bar.console.is_terminal else terminal.PlainProgress(total)
            task = bar.add_task("", total=total)
            for one in found:
                collected.append(one)
                if plain is None:
                    bar.update(task, advance=1, description=describe(one))
                else:
                    plain.advance(describe(one))
        return collected

    def report(self, cells: Sequence[Cell], tables: str) -> None:
        """Print the results, what disturbed the measurements, and the comparison with the older run.

        Without ``--all``, one line for each name and the slowest cells stand for the tables.
        """
        page = tables if self.options.all else sections.page(cells)
        print()
        terminal.show(f"{self._summary(cells)}\n\n{page}\n")
        self._busy = self._other_processes.busy_cpus()
        self.note(notes.busy(self._busy, max(self.threads), self.facts["cpus"]))
        self.note(notes.greedy(timing.greedy(one for cell in cells for one in cell.busy())))
        if self._old is not None:
            print(*notes.comparison(comparison.compare(cells, self._old)), sep="\n")

    def _summary(self, cells: Sequence[Cell]) -> str:
        return document.summary(cells, self.kind, self.facts, self._date)

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
            self.attempt(lambda: files.write_json(self.options.json, {**about, **content}))

    def write_figures(self, cells: Sequence[Cell], versions: Mapping[str, str]) -> None:
        """Add the rounded figures, if a file is wanted."""
        path = self.options.figures
        if path is not None:
            about = {"date": self._date[:10], "cpu": self.facts["cpu"], "command": self._command}
            about |= {
                "versions": {"fastact": self.facts["fastact"], "NumPy": self.facts["numpy"], **versions}
            }
            self.attempt(lambda: figures.add(path, self.facts["isa"], self.kind, about, cells))

    def write_document(self, cells: Sequence[Cell], tables: str, versions: Mapping[str, str]) -> None:
        """Write the summary and the section, if a document is wanted."""
        path = self.options.markdown
        if path is None:
            return
        origin = document.origin(self.facts, self._date, self._command, versions)
        text = "\n\n".join([origin, sections.METHODS[self.kind], *self._notes, tables])
        short, name = self._sections()
        before = document.NAMES.values()
        summary, title = self._summary(cells), document.TITLE
        self.attempt(lambda: files.write_section(path, short, summary, title=title, before=before))
        self.attempt(lambda: files.write_section(path, name, text, title=title))

    def attempt(self, write: Callable[[], None]) -> None:
        """Write a file; an error, such as of a full disk, does not affect the others."""
        try:
            write()
        except (OSError, ValueError) as error:
            print(f"fastact bench: {error}", file=sys.stderr)
            self.failed = True
