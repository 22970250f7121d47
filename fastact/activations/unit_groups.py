"""Results of several functions side by side: each computes some columns, the last axis being cut into groups.

Knows arrays: which memory may be written without a copy, which dtype the whole has, how arrays of other kinds
are put together. Does not know what the functions compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Function = Callable[..., Any]
NUMBERS = (float, int, bool)  # which take the dtype of the arrays beside them


def array(value: Any) -> Any:
    """Something with a shape, that can be sliced, unless it is a plain number."""
    return value if type(value) in NUMBERS or hasattr(value, "__array_function__") else np.asarray(value)


def shape(operand: Any) -> tuple[int, ...]:
    """The shape of an operand, of whatever kind."""
    found: tuple[int, ...] = operand.shape if hasattr(operand, "shape") else np.shape(operand)
    return found


def columns(operand: Any, start: int, stop: int, units: int) -> Any:
    """The columns from start to stop; all of the operand where one value serves all units."""
    return operand[..., start:stop] if shape(operand)[-1:] == (units,) else operand


def one(operand: Any) -> Any:
    """One element that stands for an operand where only its dtype matters."""
    return operand if type(operand) in NUMBERS else np.ones(1, np.asarray(operand).dtype)


@dataclass(frozen=True)
class Call:
    """One call of a function that is made of others.

    Parameters
    ----------
    functions : sequence of callable
        One for each group; each takes the group's columns, ``out`` and the keywords, and gives a result or
        a pair of them.
    askable : sequence of callable
        Functions that tell the dtypes of all results, when called with one element of each array.
    edges : sequence of int
        The first column of each group, and the number of columns.
    arrays : sequence
        The operands; the last one has all columns.
    keywords : mapping
        Of ufuncs.
    shape : tuple of int
        Of every result.
    """

    functions: Sequence[Function]
    askable: Sequence[Function]
    edges: Sequence[int]
    arrays: Sequence[Any]
    keywords: Mapping[str, Any]
    shape: tuple[int, ...]

    def results(self, outs: tuple[Any, ...], read: Iterable[Any]) -> list[Any]:
        """One result for each `out`, which is that array where it is not None.

        Parameters
        ----------
        outs : tuple
            Arrays to write to, or None.
        read : iterable
            All that the functions read besides the arrays.
        """
        given = [out for out in outs if out is not None]
        everything = [*self.arrays, *read, *self.keywords.values()]
        numpys = all(type(a) in (np.ndarray, *NUMBERS) for a in (*self.arrays, *given))
        if numpys and all(_may_write(out, everything, outs) for out in given):
            return self._in_place(outs)
        results = [self._side_by_side(pieces) for pieces in zip(*self._pieces(), strict=True)]
        return [self._into(out, result) for out, result in zip(outs, results, strict=True)]

    def _group(self, function: Function, start: int, stop: int, outs: list[Any]) -> tuple[Any, ...]:
        """The results of one function; `outs` are whole."""
        units = self.edges[-1]
        keywords = dict(self.keywords)
        if "where" in keywords:
            keywords["where"] = columns(keywords["where"], start, stop, units)
        if outs:
            into = tuple(columns(out, start, stop, units) for out in outs)
            keywords["out"] = into if len(into) > 1 else into[0]
        return _tuple(function(*(columns(a, start, stop, units) for a in self.arrays), **keywords))

    def _in_place(self, outs: tuple[Any, ...]) -> list[Any]:
        """Every function writes its columns of the results."""
        pairs = zip(outs, self._dtypes(), strict=True)
        whole = [self._empty(dtype) if out is None else out for out, dtype in pairs]
        for function, (start, stop) in zip(self.functions, pairwise(self.edges), strict=True):
            self._group(function, start, stop, whole)
        return whole

    def _dtypes(self) -> list[np.dtype[Any]]:
        keywords = {key: value for key, value in self.keywords.items() if key != "where"}
        answers = [_tuple(function(*map(one, self.arrays), **keywords)) for function in self.askable]
        return [np.result_type(*results) for results in zip(*answers, strict=True)]

    def _empty(self, dtype: np.dtype[Any]) -> Any:
        """In the memory order of the last operand, where that has the shape of the results."""
        like = self.arrays[-1]
        return np.empty_like(like, dtype) if like.shape == self.shape else np.empty(self.shape, dtype)

    def _pieces(self) -> list[tuple[Any, ...]]:
        groups = zip(self.functions, pairwise(self.edges), strict=True)
        return [self._group(function, start, stop, []) for function, (start, stop) in groups]

    def _side_by_side(self, pieces: tuple[Any, ...]) -> Any:
        """All columns, as an array of the kind that the pieces are."""
        lead = self.shape[:-1]
        full = [p if p.shape[:-1] == lead else np.broadcast_to(p, (*lead, p.shape[-1])) for p in pieces]
        kind = type(full[0])
        if kind is np.ndarray or not issubclass(kind, np.ndarray):
            return np.concatenate(full, axis=-1)
        whole = np.empty(self.shape, np.result_type(*full)).view(kind)  # a subclass, written in its own way
        for piece, (start, stop) in zip(full, pairwise(self.edges), strict=True):
            whole[..., start:stop] = piece
        return whole

    def _into(self, out: Any, result: Any) -> Any:
        if out is None:
            return result
        casting = self.keywords.get("casting", "same_kind")
        np.copyto(out, np.asarray(result), casting, self.keywords.get("where", True))
        return out


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _layout(a: Any) -> tuple[Any, ...]:
    return a.ctypes.data, a.shape, a.strides, a.dtype


def _may_write(out: Any, read: Iterable[Any], outs: tuple[Any, ...]) -> bool:
    """Whether to write a group's columns of `out` changes nothing that another group reads or writes."""
    if sum(other is not None and np.may_share_memory(out, other) for other in outs) > 1:
        return False
    arrays = (a for a in read if isinstance(a, np.ndarray) and np.may_share_memory(out, a))
    return all(_layout(a) == _layout(out) for a in arrays)
