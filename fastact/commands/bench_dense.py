"""``python -m fastact bench --dense``: dense layers and networks against the bare matrix products, NumPy and,
with ``--peers``, PyTorch and JAX.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from fastact.evaluation.speed import dense_cases, dense_peers, dense_report, peers, report
from fastact.evaluation.speed import dense_document as document
from fastact.evaluation.speed.cases import DTYPES
from fastact.evaluation.speed.dense_cases import DenseCase
from fastact.evaluation.speed.dense_contestants import DenseContestant
from fastact.evaluation.speed.dense_results import DenseCell, measure_dense, own_contestants
from fastact.commands.bench_run import Run

_ACTIVATION = "gelu"  # of the growing layers


def run(started: Run) -> None:
    """Measure, show, and write what was asked for."""
    options, console = started.options, started.console
    contestants = own_contestants()
    if options.peers:
        found, absent = dense_peers.installed()
        contestants += found
        started.note(report.absent_notes(absent))
    dtypes = DTYPES[:1] if options.quick else DTYPES
    cases = list(dense_cases.all_cases(options.activations, dtypes, options.quick))
    cells = _measure(cases, contestants, started, started.threads)
    console.print(dense_report.table(cells))
    started.measured(cells)
    started.compare(cells)
    versions = peers.versions(dense_peers.NAMES) if options.peers else {}
    started.write_json({"peers": versions, "dense": [cell.as_json() for cell in cells]})
    picture = None
    if options.plot is not None and options.markdown is not None:
        picture = os.path.relpath(options.plot, options.markdown.parent)
    started.write_section(document.NAME, partial(document.section, cells, picture), versions)
    if options.plot is not None:
        # compiling every size would take longer than timing it
        drawn = [one for one in contestants if one.name != dense_peers.Compiled.name]
        series = {}
        for size, points in dense_cases.growth(options.activation or _ACTIVATION).items():
            measured = _measure([case for _, case in points], drawn, started, started.threads[:1])
            series[size] = list(zip((n for n, _ in points), measured, strict=True))
        dense_report.draw(series, options.plot, report.machine_line(started.facts))


def _measure(
    cases: Sequence[DenseCase],
    contestants: Sequence[DenseContestant],
    started: Run,
    threads: Sequence[int],
) -> list[DenseCell]:
    cells = measure_dense(cases, contestants, threads, started.plan)
    return started.collect(cells, len(cases) * len(threads), lambda cell: str(cell.case))
