"""Results of a run, one per activation, direction, dtype and library, and their JSON file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastact.evaluation import files
from fastact.evaluation.accuracy.errors import Errors

OURS = "fastact"
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Result:
    """The errors of one function."""

    name: str  # the activation, as the command line writes it
    direction: str  # "f" or "f'"
    dtype: str
    by: str  # "fastact", or a peer with its version
    errors: Errors
    bound: float | None = None  # the enforced error; None for peers
    near_root: int = 0  # points near a root of f', measured in ULP of the largest term
    undecided: int = 0  # points left out, since their exact values could not be computed

    @property
    def key(self) -> Key:
        """What was measured, and of which library."""
        return self.name, self.direction, self.dtype, self.by

    @property
    def enforced(self) -> bool:
        """Whether the result must be within a bound."""
        return self.by == OURS

    @property
    def ok(self) -> bool:
        """Whether it is within its bound, or need not be. fastact without a bound is not."""
        return not self.enforced or (self.bound is not None and self.errors.within(self.bound))

    def as_dict(self) -> dict[str, Any]:
        """Plain values: the worst case in hexadecimal, and strings for infinities."""
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
            "undecided": self.undecided,
            "bound": self.bound,
            "ok": self.ok,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """The result that :meth:`as_dict` described.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError, OverflowError
            For values of another kind. fastact's results must have a bound.

        Examples
        --------
        >>> found = Result("relu", "f", "float32", OURS, Errors(8, 0.5, 2.0, worst=(1.0, 2.0, 3.0)), 0.5)
        >>> Result.from_dict(found.as_dict()) == found
        True
        """
        v = values
        for name in ("name", "direction", "dtype", "by"):
            if not isinstance(v[name], str):
                raise TypeError(f"{name} is {v[name]!r}; expected text")
        x, got, want = (float.fromhex(v["worst"][key] or "nan") for key in ("x", "got", "want"))
        counts = {name: v[name] for name in ("over_one", "wrong_nan", "lost", "wrong_sign")}
        more = {"near_root": v["near_root"], "undecided": v.get("undecided", 0)}
        for name, value in {"points": v["points"], **counts, **more}.items():
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} is {value!r}; expected a count")
        bound = v["bound"]
        if (bound is None) != (v["by"] != OURS) or not isinstance(bound, float | int | None):
            raise ValueError(
                f"bound of {v['by']} is {bound!r}; expected a number for {OURS}, null for others"
            )
        if bound is not None and not math.isfinite(bound):
            raise ValueError(f"bound is {bound!r}; expected a finite number")
        total = float(v["mean_ulp"]) * (v["points"] - v["wrong_nan"])
        worst = (x, got, want) if v["worst"]["x"] else None
        errors = Errors(v["points"], float(v["max_ulp"]), total, **counts, worst=worst)
        return cls(v["name"], v["direction"], v["dtype"], v["by"], errors, bound, **more)


def _hex(x: float, digits: int) -> str:
    """Hexadecimal without the zeros beyond the precision of the dtype.

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


def write_json(path: Path, results: Iterable[Result], about: Mapping[str, Any]) -> None:
    """Write all results; `about` holds the machine, the date and the command."""
    files.write_json(path, {**about, "results": [r.as_dict() for r in results]})


def read_json(path: Path, about: Mapping[str, Any]) -> list[Result]:
    """The results that :func:`write_json` wrote; none if there is no such file.

    Raises
    ------
    ValueError
        If the file is damaged, or was measured on another machine, with another version, or at other points.
    """
    if not path.exists():
        return []
    content = files.read_json(path)
    for key, value in about.items():
        if key not in ("date", "command") and content.get(key) != value:
            raise ValueError(
                f"{path}: {key} is {content.get(key)!r}; to be continued here it must be {value!r}"
            )
    try:
        return [Result.from_dict(each) for each in content["results"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{str(path)!r} holds no results of this command: {type(error).__name__}: {error}"
        ) from error
