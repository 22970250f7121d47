"""Results as Markdown tables, for the terminal and for a section of a document."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastact.evaluation import files
from fastact.evaluation.accuracy.errors import Errors
from fastact.evaluation.accuracy.results import OURS, Result, worst_hex

TITLE, SECTION = "Accuracy, measured", "Accuracy"

_HEAD = """{machine}, {date}. Command:

    {command}

ULP are units in the last place of the exact value: the spacing of float32 (or float64) numbers in its binade,
at least the smallest subnormal. No function can be better than 0.5 everywhere. An infinite result counts as
the next number above the largest one.

float32 is measured at {float32_points} input bit patterns, with the parameters rounded to float32. The exact
value is that of the table's formula in double-double arithmetic, which shares neither code nor constants with
fastact's kernels. A bound of its error is computed with it and counts as an error of the result. Where the
bound exceeds 2^-20 ULP, and at infinities, {oracle} computes the value. "lost" is a zero where the exact
value is at least the smallest subnormal, "sign" a result of the wrong sign, "NaN" a NaN for a number or the
reverse; for peers, NaN inputs do not count. "undecided" counts points whose exact value could not be
computed.
{float64}"""
_FLOAT64 = """
float64 is measured at steps through all of bit space, random bit patterns, binade edges, kinks and roots of
derivatives, where {oracle} computes the exact values. They also check the double-double values and their
error bounds. Within 2^-20 of a root of f', errors above the bound are in ULP of the largest term of the
derivative's sum, products multiplied out; "near a root" counts these points.
"""


def ulps(value: float) -> str:
    """An error for people to read.

    Examples
    --------
    >>> ulps(0.0), ulps(1.2e-5), ulps(0.56789), ulps(12345.6), ulps(1e39)
    ('0', '1.2e-05', '0.568', '12346', '1e+39')
    """
    if value < 5e-4:
        return f"{value:.2g}"
    return f"{value:.3f}" if value < 100 else f"{value:.0f}" if value < 1e6 else f"{value:.3g}"


def wrongs(errors: Errors) -> str:
    """Results that are wrong whatever the size of their error, in words."""
    counts = {"NaN": errors.wrong_nan, "lost": errors.lost, "sign": errors.wrong_sign}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _columns(result: Result) -> dict[str, str]:
    """The cells of a line, by heading."""
    e = result.errors
    counts = {"near a root": result.near_root, "undecided": result.undecided}
    verdict = ["" if not result.enforced else "ok" if result.ok else "FAIL", wrongs(e)]
    verdict += [f"{count} {what}" for what, count in counts.items() if count]
    return {
        "activation": result.name,
        "": result.direction,
        "dtype": result.dtype,
        "by": result.by.rpartition(" ")[0] or result.by,
        "points": f"{e.points:,}",
        "max ULP": ulps(e.max_ulp),
        "mean": ulps(e.mean_ulp),
        "> 1 ULP": f"{e.over_one:,}",
        **dict(zip(("worst x", "got", "want"), worst_hex(e, result.dtype), strict=True)),
        "bound": "" if result.bound is None else f"{result.bound:g}",
        "verdict": ", ".join(filter(None, verdict)),
    }


def table(results: Sequence[Result], hidden: Collection[str] = ()) -> str:
    """One line per result, without the `hidden` columns."""
    lines = [{k: v for k, v in _columns(result).items() if k not in hidden} for result in results]
    headings = list(lines[0]) if lines else ["activation"]
    return files.markdown_table(headings, [list(line.values()) for line in lines], left=len(headings))


def terminal_table(results: Sequence[Result], width: int) -> str:
    """The table for a terminal of this many columns: narrow ones show less."""
    hidden = set() if any(not r.enforced for r in results) else {"by"}
    hidden |= set() if width >= 110 else {"points", "mean", "> 1 ULP"}
    return table(results, hidden | (set() if width >= 160 else {"got", "want"}))


def _beside(results: Sequence[Result]) -> str:
    """One line per activation and direction, one column per library."""
    float32 = [r for r in results if r.dtype == "float32"]
    libraries = list(dict.fromkeys([OURS, *(r.by for r in float32)]))
    found = {(r.name, r.direction, r.by): r.errors for r in float32}

    def cell(errors: Errors | None) -> str:
        wrong = wrongs(errors) if errors else ""
        return (ulps(errors.max_ulp) if errors else "") + (f" ({wrong})" if wrong else "")

    rows = [
        [r.name, r.direction, *(cell(found.get((r.name, r.direction, by))) for by in libraries)]
        for r in float32
        if r.enforced
    ]
    headings = ["activation", "", *libraries]
    return files.markdown_table(headings, rows, left=len(headings)) if libraries != [OURS] else ""


def write_markdown(path: Path, results: Sequence[Result], about: Mapping[str, Any]) -> None:
    """Write the section: float32, float64, and the peers beside fastact."""
    float64 = _FLOAT64 if any(r.dtype == "float64" for r in results) else ""
    text = _HEAD.format(**about, float64=float64.format(**about))
    for dtype in ("float32", "float64"):
        chosen = [r for r in results if r.enforced and r.dtype == dtype]
        if chosen:
            text += f"\n### {dtype}\n\n{table(chosen, ('dtype', 'by'))}\n"
    beside = _beside(results)
    if beside:
        text += f"\n### float32 beside others: max ULP at {about['peer_points']} inputs\n\n{beside}\n"
    files.write_section(path, SECTION, text, title=TITLE)
