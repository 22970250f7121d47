"""What a run of measurements has found, one result per activation, direction, dtype and library.

Knows how results are judged, and how they look as a table, as JSON and as Markdown. Does not know how they
were measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fastact.evaluation.accuracy.errors import Errors

OURS = "fastact"
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Result:
    """The errors of one function.

    Attributes
    ----------
    name, direction, dtype : str
        The activation, as the command line writes it; "f" or "f'"; "float32" or "float64".
    by : str
        ``"fastact"`` or a peer with its version.
    errors : Errors
        What was found.
    bound : float, optional
        The enforced error; None for peers.
    near_root : int
        How many points next to a root of f' were measured in ULP of the largest term.
    """

    name: str
    direction: str
    dtype: str
    by: str
    errors: Errors
    bound: float | None = None
    near_root: int = 0

    @property
    def key(self) -> Key:
        """What was measured, and whose."""
        return self.name, self.direction, self.dtype, self.by

    @property
    def ok(self) -> bool:
        """Whether what is enforced holds."""
        return self.bound is None or self.errors.within(self.bound)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, numbers of the worst case in hexadecimal; JSON has no infinity, so texts for it."""
        e = self.errors
        return {
            "name": self.name,
            "direction": self.direction,
            "dtype": self.dtype,
            "by": self.by,
            "points": e.points,
            "max_ulp": e.max_ulp if math.isfinite(e.max_ulp) else str(e.max_ulp),
            "mean_ulp": e.mean_ulp if math.isfinite(e.mean_ulp) else str(e.mean_ulp),
            "worst": dict(zip(("x", "got", "want"), worst_hex(e, self.dtype), strict=True)),
            "over_one": e.over_one,
            "wrong_nan": e.wrong_nan,
            "lost": e.lost,
            "wrong_sign": e.wrong_sign,
            "near_root": self.near_root,
            "bound": self.bound,
            "ok": self.ok,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """The result that :meth:`as_dict` described.

        Examples
        --------
        >>> found = Result("relu", "f", "float32", OURS, Errors(8, 0.5, 2.0, worst=(1.0, 2.0, 3.0)), 0.5)
        >>> Result.from_dict(found.as_dict()) == found
        True
        """
        v = values
        x, got, want = (float.fromhex(v["worst"][key] or "nan") for key in ("x", "got", "want"))
        counts = {name: v[name] for name in ("over_one", "wrong_nan", "lost", "wrong_sign")}
        total = float(v["mean_ulp"]) * (v["points"] - v["wrong_nan"])
        worst = (x, got, want) if v["worst"]["x"] else None
        errors = Errors(v["points"], float(v["max_ulp"]), total, **counts, worst=worst)
        return cls(v["name"], v["direction"], v["dtype"], v["by"], errors, v["bound"], v["near_root"])


def _hex(x: float, digits: int) -> str:
    """Hexadecimal without the zeros that the dtype has no room for.

    Examples
    --------
    >>> _hex(-0.15625, 6), _hex(0.1, 13)
    ('-0x1.4p-3', '0x1.999999999999ap-4')
    """
    text = float(x).hex()
    if "." not in text:
        return text
    head, _, tail = text.partition(".")
    fraction, _, exponent = tail.partition("p")
    fraction = fraction[:digits].rstrip("0")
    return f"{head}{'.' if fraction else ''}{fraction}p{exponent}"


def worst_hex(errors: Errors, dtype: str) -> tuple[str, str, str]:
    """x, got and want of the largest error; empty if there was none."""
    if errors.worst is None:
        return "", "", ""
    digits = 6 if dtype == "float32" else 13
    x, got, want = errors.worst
    return _hex(x, digits), _hex(got, digits), _hex(want, 13)


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
    """What is wrong whatever its size in ULP, in words."""
    counts = {"NaN": errors.wrong_nan, "lost": errors.lost, "sign": errors.wrong_sign}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _verdict(result: Result) -> str:
    e = result.errors
    rest = ", ".join(filter(None, (f"{e.over_one:,} > 1 ULP" if e.over_one else "", wrongs(e))))
    if result.bound is None:
        return f"[yellow]{rest}[/]"
    return f"[green]ok[/] {rest}" if result.ok else f"[bold red]FAIL[/] {rest}"


def table(results: Sequence[Result], width: int) -> Table:
    """A table for a terminal of so many columns: wide ones also see the points, and the worst results."""
    peers = any(r.by != OURS for r in results)
    values = width >= (170 if peers else 150)
    wanted = {
        "activation": True,
        "": True,
        "dtype": True,
        "by": peers,
        "points": width >= 100,
        "max ULP": True,
    }
    wanted |= {"mean": True, "worst x": True, "got": values, "want": values, "bound": True, "verdict": True}
    shown = [heading for heading, wants in wanted.items() if wants]
    made = Table(box=SIMPLE_HEAD, header_style="bold", padding=0, pad_edge=False)
    for heading in shown:
        right = heading in ("points", "max ULP", "mean", "bound")
        folds = heading in ("activation", "by", "verdict")
        title = "" if heading == "verdict" else heading
        made.add_column(title, no_wrap=not folds, overflow="fold", justify="right" if right else "left")
    before = ""
    for r in results:
        e = r.errors
        x, got, want = worst_hex(e, r.dtype)
        cells = {"activation": "" if r.name == before else r.name, "": r.direction, "dtype": r.dtype}
        cells |= {
            "by": r.by.rpartition(" ")[0] or r.by,
            "points": f"{e.points:,}",
            "max ULP": ulps(e.max_ulp),
        }
        cells |= {"mean": ulps(e.mean_ulp), "worst x": x, "got": got, "want": want}
        cells |= {"bound": "" if r.bound is None else f"{r.bound:g}", "verdict": _verdict(r)}
        made.add_row(*(cells[heading] for heading in shown), style="" if r.by == OURS else "dim")
        before = r.name
    return made


def write_json(path: Path, results: Iterable[Result], about: Mapping[str, Any]) -> None:
    """Everything, for programs; `about` tells the machine, the date and the command."""
    content = {**about, "results": [r.as_dict() for r in results]}
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, about: Mapping[str, Any]) -> list[Result]:
    """What :func:`write_json` wrote; none if there is no such file.

    Raises
    ------
    ValueError
        If it was measured on another machine, with another version, or at other points.
    """
    if not path.exists():
        return []
    content = json.loads(path.read_text())
    for key, value in about.items():
        if key not in ("date", "command") and content.get(key) != value:
            raise ValueError(
                f"{path}: {key} is {content.get(key)!r}; to be continued here it must be {value!r}"
            )
    return [Result.from_dict(each) for each in content["results"]]


# Markdown -----------------------------------------------------------------------------------------

_HEAD = """# Accuracy, measured

{machine}, {date}. Made by

    {command}

ULP are units in the last place of the true value: the spacing of float32 (or float64) numbers in its binade,
at least the smallest subnormal. An error of at most 0.5 is the best that any function can do. An infinite
result counts as the next number above the largest one.

{float64_proof}
{float32_how}
"""

_PROOF = """The float64 kernels are measured first, against the exact values of the table's formulas
({oracle}), at steps through all of bit space, random bit patterns, binade edges, kinks and roots of
derivatives. Within their bounds there, they then serve as the reference for float32, whose ULP is 2^29
times as large. Within 2^-20 of a root of f', errors above the bound are in ULP of the largest term of the
derivative's sum, products multiplied out; "eased" counts them.
"""
_NO_PROOF = """The float64 kernels serve as the reference for float32, after their own proof, which this run
left out (`python -m fastact accuracy` gives it).
"""
_FLOAT32 = """float32 is measured at {which} input bit patterns, with the parameters rounded to float32.
"lost" is a zero where the truth is at least the smallest subnormal, "sign" a result of the wrong sign,
"NaN" a NaN for a number or the other way round; for peers, NaN inputs are not counted.
"""


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _ours(results: Sequence[Result], dtype: str) -> str:
    headings = [
        "activation",
        "",
        "points",
        "max ULP",
        "mean",
        "> 1 ULP",
        "worst x",
        "got",
        "want",
        "bound",
        "",
    ]
    rows = []
    for r in results:
        if r.dtype == dtype and r.by == OURS:
            e = r.errors
            rows.append(
                [r.name, r.direction, f"{e.points:,}", ulps(e.max_ulp), ulps(e.mean_ulp), f"{e.over_one:,}"]
            )
            rows[-1] += [f"`{text}`" if text else "" for text in worst_hex(e, dtype)]
            eased = f", {r.near_root} eased" if r.near_root else ""
            rows[-1] += [f"{r.bound:g}", ("ok" if r.ok else f"FAIL {wrongs(e)}") + eased]
    return _markdown_table(headings, rows) if rows else ""


def _beside(results: Sequence[Result]) -> str:
    """One line per activation and direction, one column per library."""
    ours = {(r.name, r.direction): r for r in results if r.by == OURS and r.dtype == "float32"}
    peers = list(dict.fromkeys(r.by for r in results if r.by != OURS))
    theirs = {(r.name, r.direction, r.by): r for r in results if r.by != OURS}

    def cell(found: Result | None) -> str:
        if found is None:
            return ""
        wrong = wrongs(found.errors)
        return ulps(found.errors.max_ulp) + (f" ({wrong})" if wrong else "")

    rows = [
        [name, direction, cell(r), *(cell(theirs.get((name, direction, peer))) for peer in peers)]
        for (name, direction), r in ours.items()
    ]
    return _markdown_table(["activation", "", OURS, *peers], rows) if peers else ""


def write_markdown(path: Path, results: Sequence[Result], about: Mapping[str, Any]) -> None:
    """The committed table: proof of float64, results of float32, and the peers' beside them."""
    proof = _PROOF if any(r.dtype == "float64" for r in results) else _NO_PROOF
    text = _HEAD.format(
        **about,
        float64_proof=proof.format(**about),
        float32_how=_FLOAT32.format(which=about["float32_points"]),
    )
    sections = {
        "float32": _ours(results, "float32"),
        "float64": _ours(results, "float64"),
        f"float32 beside others: max ULP at {about['peer_points']} inputs": _beside(results),
    }
    for heading, body in sections.items():
        if body:
            text += f"\n## {heading}\n\n{body}"
    path.write_text(text)
