"""``python -m fastact bench --dense``: dense layers and networks against the bare matrix products, NumPy and,
with ``--peers``, PyTorch and JAX.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence

from rich.console import Console

from fastact.benchmarks import dense_cases, dense_peers, dense_report, machine, report, timing
from fastact.benchmarks.cases import DTYPES
from fastact.benchmarks.dense_cases import DenseCase
from fastact.benchmarks.dense_contestants import DenseContestant
from fastact.benchmarks.dense_results import DenseCell, measure_dense, own_contestants


def run(options: argparse.Namespace, console: Console) -> int:
    """Measure, show, and write what was asked for."""
    contestants = own_contestants()
    if options.peers:
        found, absent = dense_peers.installed()
        contestants += found
        report.tell_absent(console, absent)
    facts = machine.facts()
    console.print(report.machine_line(facts), style="bold", soft_wrap=True)
    dtypes = DTYPES[:1] if options.quick else DTYPES
    cases = list(dense_cases.all_cases(options.activations, dtypes, options.quick))
    cells = _measure(cases, contestants, options)
    console.print(dense_report.table(cells))
    report.tell_greedy(console, timing.greedy(one for cell in cells for one in cell.busy()))
    if options.json is not None:
        content = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": facts,
            "quick": options.quick,
            "dense": [cell.as_json() for cell in cells],
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.plot is not None:
        series = {}
        for size, points in dense_cases.growth(options.activation).items():
            measured = _measure([case for _, case in points], contestants, options, options.threads[:1])
            series[size] = list(zip((n for n, _ in points), measured, strict=True))
        dense_report.draw(series, options.plot, report.machine_line(facts))
    return 0


def _measure(
    cases: Sequence[DenseCase],
    contestants: Sequence[DenseContestant],
    options: argparse.Namespace,
    threads: Sequence[int] | None = None,
) -> list[DenseCell]:
    counts = list(dict.fromkeys(threads or options.threads))
    plan = timing.QUICK if options.quick else timing.Plan()
    cells = []
    with report.progress() as progress:
        task = progress.add_task("", total=len(cases) * len(counts))
        for cell in measure_dense(cases, contestants, counts, plan):
            cells.append(cell)
            progress.update(task, advance=1, description=str(cell.case))
    return cells
