"""The report of a run, and its comparison with an older one: every measured figure is there. All times are
made up.
"""

import json
import re
from dataclasses import replace

import pytest

from fastact.evaluation import machine
from fastact.evaluation.cases import USUAL, DenseCase, ElementwiseCase
from fastact.evaluation.speed import comparison, document, notes, sections
from fastact.evaluation.speed.cells import Cell, call_overheads, mean_without
from fastact.evaluation.speed.layouts import COLUMNS, ROWS, LayoutTimes

pytestmark = pytest.mark.once


def cell(n=1000, threads=1, direction="forward", dtype="float32", inputs="normal", **nanoseconds):
    return Cell(ElementwiseCase("relu", direction, dtype, n, inputs), threads, nanoseconds)


def test_origin_names_machine_command_and_versions():
    facts = machine.facts()
    text = document.origin(
        facts, "2024-02-29T12:00:00+00:00", "python -m fastact bench", {"PyTorch": "9.8.7"}
    )
    for expected in (
        facts["cpu"],
        facts["isa"],
        "2024-02-29",
        "PyTorch 9.8.7",
        "\n    python -m fastact bench",
    ):
        assert expected in " ".join(text.split()) or expected in text


# Activations ---------------------------------------------------------------------------------------

LARGE = cell(
    n=20_000_000,
    **{"fastact": 2e7, "PyTorch": 1e7, "memory, streaming": 1.5e7, "memory, ordinary stores": 2e7},
)
CELLS = [
    cell(n=10, fastact=110.0, NumPy=220.0, PyTorch=330.0),
    cell(n=1000, fastact=1100.0, NumPy=5500.0, PyTorch=1045.0),
    cell(n=100_000, fastact=1e5, NumPy=1e6, PyTorch=2e5),
    cell(n=100_000, inputs="bits", fastact=4e5, NumPy=1e6, PyTorch=1e5),
    cell(n=1000, threads=2, dtype="float64", fastact=1000.0, NumPy=2500.0),
    LARGE,
]


def plain(text):
    """Without the padding of tables."""
    return re.sub("  +", " ", re.sub("-+", "-", text))


@pytest.fixture
def text():
    times = {"contiguous": 2.0 * ROWS * COLUMNS, "reversed": 5.0 * ROWS * COLUMNS}
    return plain(sections.elementwise_tables(CELLS, [LayoutTimes("relu", "float32", 1, times)]))


def test_every_cell_stands_in_the_document(text):
    for expected in ("float32, 1 thread\n", "float64, 2 threads\n"):
        assert f"### {expected}" in text
    row = next(line for line in text.splitlines() if line.startswith("| relu | forward | 11"))
    assert row.split(" | ")[1:] == [
        "forward",
        "11, 2.00 NumPy",
        "1.1, **0.95** PyTorch",
        "1, 2.00 PyTorch",
        "1, **0.50** PyTorch |",
    ]
    assert "| relu | forward | 1, 2.50 NumPy |" in text


def test_all_cells_where_another_is_faster_are_listed(text):
    assert "In 3 of 6 cells" in text
    assert (
        "| relu | forward | float32 | PyTorch | 1,000, 1 thread: 0.95; bits inputs, n = 100,000, 1 thread: "
        "0.25; 20,000,000, 1 thread: 0.50 |"
    ) in text


def test_means_leave_tails_out(text):
    rows = [line for line in text.splitlines() if line.startswith("| **all** | |")]
    # over the fastest: 2, 0.95, 2, 2.5, 0.5; over NumPy: 2, 5, 10, 2.5; over PyTorch: 3, 0.95, 2, 0.5
    assert rows == ["| **all** | | | 5 | 3 | 1.37 | 3.98 | 1.30 |"]


def test_each_name_has_a_line_with_its_worst_mean_and_best_cell():
    gelu = Cell(ElementwiseCase("gelu", "backward", "float64", 10), 1, {"fastact": 1.0, "C, SVML": 0.5})
    text = plain(document.by_name([*CELLS[:3], gelu]))
    assert (
        "| relu | 3 | 1 | **0.95** | 1.56 | 2.00 | - | - | - | forward float32, n = 1,000: PyTorch |" in text
    )
    assert (
        "| gelu | 1 | 1 | - | - | - | **0.50** | **0.50** | 0.50 | backward float64, n = 10: SVML |" in text
    )
    assert "| **all** | 4 | 2 | **0.95** | 1.56 | 2.00 | **0.50** |" in text


def test_the_usual_activations_have_a_mean_of_their_own_where_there_are_others():
    named = [
        Cell(ElementwiseCase(name, "forward", "float32", 10), 1, {"fastact": 1.0, "NumPy": 4.0})
        for name in (*USUAL, "telu")
    ]
    named[-1].nanoseconds["NumPy"] = 1e9
    text = plain(document.by_name(named))
    assert "| **the 14 usual ones** | 14 | 0 | 4.00 | 4.00 | 4.00 |" in text
    assert "the 14 usual" not in document.by_name(named[:3])


def test_the_page_ends_with_the_slowest_cells():
    text = plain("\n".join(document.slowest(CELLS, 2)))
    assert "faster in 3 of 6 cells" in text
    assert text.splitlines()[3:] == [
        "| relu forward float32, n = 100,000, bits inputs, 1 thread | PyTorch | 0.25 |",
        "| relu forward float32, n = 20,000,000, 1 thread | PyTorch | 0.50 |",
    ]


def test_the_mean_without_an_implementation():
    assert mean_without(CELLS[:3], "NumPy") == pytest.approx((3 * 0.95 * 2) ** (1 / 3))
    assert mean_without(CELLS[4:5], "NumPy") is None


def test_the_share_of_memory_and_tails_are_shown(text):
    # 160 MB in 20 and in 15 ms
    assert "| direction | dtype | threads | ordinary stores, GB/s | streaming, GB/s |" in text
    assert "| forward | float32 | 1 | 8.0 | 10.7 | 0.75 | 0.75 | - |" in text
    tails = text[text.index("### Inputs in the tails") :]
    assert "| activation | direction | float32 normal | float32 bits |" in tails
    assert "| relu | forward | 1, 2.00 PyTorch | 4, **0.25** PyTorch |" in tails


def test_light_cells_are_those_whose_work_takes_less_than_half_the_time_of_memory():
    light, heavy = cell(n=100_000, fastact=3.7e4), cell(n=100_000, fastact=3.8e4)  # memory: 7.5e4
    for in_cache, share in ((light, "0.75"), (heavy, "-")):
        assert f"| 0.75 | 0.75 | {share} |" in plain(sections.elementwise_tables([in_cache, LARGE]))


def test_the_overhead_of_a_call_is_extrapolated(text):
    overheads = call_overheads(CELLS)
    assert overheads == {("relu", "forward", "float32"): pytest.approx(100)}
    assert "forward 100 (100 to 100)" in text


def test_layouts_are_compared_with_contiguous_arrays(text):
    layouts = text[text.index("### Layouts") :]
    assert "| layout | relu float32, 1 thread |" in layouts
    assert "| contiguous, ns | 2 |" in layouts
    assert "| reversed | 2.50 |" in layouts


def test_scaled_and_failed_times_are_noted():
    found = replace(
        cell(fastact=10.0, NumPy=5.0, PyTorch=20.0),
        scaled_from={"NumPy": 100},
        failed={"Python": "OverflowError: x"},
    )
    assert found.fastest == "PyTorch"
    assert found.speed_up("NumPy") == 0.5
    text = sections.elementwise_tables([found])
    assert "NumPy is timed on at most 100 elements" in text
    assert (
        "Python fails in 1 cells, first in relu forward float32, n = 1,000, 1 thread: OverflowError: x"
        in text
    )


def test_the_summary_says_where_fastact_leads_and_where_not():
    text = plain(document.summary(CELLS, "cells", machine.facts(), "2024-02-29T12:00:00+00:00"))
    words = " ".join(text.split())
    for expected in (
        machine.facts()["cpu"],
        "on 2024-02-29, with 1 and 2 threads",
        "fastest in **3 of 6** cells",
        "of each cell is **1.37**",
        "| NumPy | 4 | 3.98 | 1.30 |",
        "| PyTorch | 4 | 1.30 | 3.98 |",
        "| n = 1,000 | relu forward float32, 1 thread: PyTorch | 1 | 2 | 0.95 | 0.95 |",
        "| bits inputs, n = 100,000 | relu forward float32, 1 thread: PyTorch | 1 | 1 | 0.25 | 0.25 |",
    ):
        assert expected in words
    assert "| n = 10 |" not in words
    assert "Another implementation" not in document.summary(CELLS[:1], "cells", machine.facts(), "2024-02-29")


# Dense layers --------------------------------------------------------------------------------------


def test_dense_tables():
    times = {"fastact": 2e3, "products, NumPy": 4e3, "products, SciPy": 1e3, "NumPy": 6e3, "PyTorch": 1.5e3}
    slow = Cell(DenseCase(3, (5, 4)), 1, times, peak_bytes={"fastact": 2048})
    fast = Cell(
        DenseCase(3, (5, 4), dtype="float64"), 2, {**times, "fastact": 1e2}, peak_bytes={"fastact": 0}
    )
    text = plain(sections.dense_tables([slow, fast], "made/growth.png"))
    for expected in ("### Threads: 1", "### Threads: 2", "](made/growth.png)"):
        assert expected in text
    assert "| 3, 5, 4 | gelu | float32 | 2.0 | 0.2 | **2.00** | 2 | 3.00 | **0.75** |" in text
    assert "| 3, 5, 4 | gelu | float32 | PyTorch | 1 thread: 0.75 |" in text
    assert "In 1 of 2 cells" in text
    summary = plain(document.summary([slow, fast], "dense", machine.facts(), "2024-02-29"))
    assert "| 3, 5, 4 | gelu float32, 1 thread: PyTorch | 1 | 2 | 0.75 | 0.75 |" in summary
    assert "0.44 times as long as these (geometric mean), and longer than these in 1 of 2 cells" in " ".join(
        summary.split()
    )


# Comparison ----------------------------------------------------------------------------------------


def stored(tmp_path, cells, kind="cells"):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({kind: [one.as_json() for one in cells]}))
    return comparison.read(path, kind)


def test_runs_are_matched_by_case_and_threads(tmp_path):
    old = stored(tmp_path, [cell(fastact=100.0), cell(n=10, fastact=50.0), cell(threads=2, fastact=10.0)])
    new = [cell(fastact=50.0), cell(n=10, fastact=100.0), cell(n=7, fastact=1.0)]
    found = comparison.compare(new, old)
    assert (found.matched, found.missing) == (2, 1)
    assert found.mean == pytest.approx(1)
    assert found.slower == [(new[1], 0.5)]
    said = "\n".join(notes.comparison(found))
    assert "2 cells 1.00; 1 cells are new" in said
    assert "n = 10, 1 thread: 0.50" in said


def test_a_tenth_slower_is_not_listed(tmp_path):
    found = comparison.compare([cell(fastact=109.0)], stored(tmp_path, [cell(fastact=100.0)]))
    assert found.slower == []
    assert found.mean == pytest.approx(100 / 109)


def test_older_files_lack_fields_that_have_defaults(tmp_path):
    old = stored(tmp_path, [cell(fastact=100.0)])
    del old[0]["inputs"]
    assert comparison.compare([cell(fastact=100.0)], old).matched == 1
    assert comparison.compare([cell(inputs="bits", fastact=100.0)], old).matched == 0


def test_dense_runs_are_matched(tmp_path):
    one = Cell(DenseCase(3, (5, 4)), 1, {"fastact": 10.0})
    found = comparison.compare([one], stored(tmp_path, [one], "dense"))
    assert (found.matched, found.mean) == (1, 1)
    assert (
        comparison.compare([replace(one, case=DenseCase(3, (5, 5)))], stored(tmp_path, [one], "dense")).mean
        is None
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"cells": 1}',
        '{"cells": []}',
        '{"cells": [{"threads": 1, "nanoseconds": {"fastact": null}}]}',
        '{"cells": [{}]}',
        '{"cells": [{"nanoseconds": {"fastact": "x"}}]}',
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "old.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"old\.json"):
        comparison.read(path, "cells")
