"""Results of several functions side by side: each computes the columns of one group of units.

Columns are along the last axis, which the groups divide. Here it is decided which memory may be written
without a copy, which dtype the whole has, and how arrays of other kinds are joined. Must not depend on
activations.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact.activations.containers import NUMBERS, shape_of
from fastact.activations.parameters import is_number

Function = Callable[..., Any]
FLOATS = (np.float32, np.float64)
TILE = 2**16  # elements whose columns are gathered at a time
WIDEST = 8  # mean width in columns from which groups are computed where they are


def columns(operand: Any, start: int, stop: int, units: int) -> Any:
    """The columns from start to stop; all of the operand where one value serves all units."""
    return operand[..., start:stop] if shape_of(operand)[-1:] == (units,) else operand


def one(operand: Any) -> Any:
    """One element that stands for an operand where only its dtype matters."""
    return operand if is_number(operand) else np.ones(1, np.asarray(operand).dtype)


def join(parts: Sequence[Any], edges: Sequence[int], shape: tuple[int, ...]) -> Any:
    """An array of this shape and of the parts' kind, with the columns of each part between two edges."""
    lead = shape[:-1]
    full = [p if p.shape[:-1] == lead else np.broadcast_to(p, (*lead, p.shape[-1])) for p in parts]
    kind = next((type(p) for p in full if type(p) is not np.ndarray), np.ndarray)
    if kind is np.ndarray or not issubclass(kind, np.ndarray):
        return np.concatenate(full, axis=-1)
    whole = np.empty(shape, np.result_type(*full)).view(kind)  # a subclass, assigned to by its own rules
    for part, (start, stop) in zip(full, pairwise(edges), strict=True):
        whole[..., start:stop] = part
    return whole


@dataclass(frozen=True)
class Call:
    """One call of a function that computes each group of columns by another function.

    Parameters
    ----------
    functions : sequence of callable
        One for each group. Each takes the group's columns, ``out`` and the keywords, and returns a result or
        a pair of results.
    askable : sequence of callable
        Functions whose results, for one element of each array, have the dtypes of all results.
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
            Everything that the functions read besides the arrays.
        """
        given = [out for out in outs if out is not None]
        everything = [*self.arrays, *read, *self.keywords.values()]
        numpys = all(type(a) in (np.ndarray, *NUMBERS) for a in (*self.arrays, *given))
        if numpys and all(_may_write(out, everything, outs) for out in given):
            return self._in_place(outs)
        groups = zip(self.functions, pairwise(self.edges), strict=True)
        parts = [self._group(function, start, stop, []) for function, (start, stop) in groups]
        results = [join(each, self.edges, self.shape) for each in zip(*parts, strict=True)]
        return [self._into(out, result) for out, result in zip(outs, results, strict=True)]

    def _group(self, function: Function, start: int, stop: int, outs: list[Any]) -> tuple[Any, ...]:
        """The results of one function; `outs` are whole."""
        units = self.edges[-1]
        keywords = {name: value for name, value in self.keywords.items() if name != "where"}
        if outs:  # without, all elements are computed, since NumPy warns of elements that are not set
            if "where" in self.keywords:
                keywords["where"] = columns(self.keywords["where"], start, stop, units)
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

    def _into(self, out: Any, result: Any) -> Any:
        if out is None:
            return result
        casting = self.keywords.get("casting", "same_kind")
        np.copyto(out, np.asarray(result), casting, self.keywords.get("where", True))
        return out


@dataclass(frozen=True)
class Plain:
    """Groups whose parameters are numbers: plain arrays are passed on to the functions, which check them.

    Parameters
    ----------
    objects : sequence
        One for each group; their methods are the functions.
    edges : sequence of int
        Where each group begins, and the number of columns.
    """

    objects: Sequence[Any]
    edges: Sequence[int]

    def takes(self, arrays: Sequence[Any], outs: tuple[Any, ...]) -> bool:
        """Whether all of these are plain arrays of one float dtype and shape, each written or read alone."""
        every = [*arrays, *(out for out in outs if out is not None)]
        first = every[0]
        if (
            not all(type(a) is np.ndarray and a.dtype == first.dtype for a in every)
            or first.dtype not in FLOATS
        ):
            return False
        if not all(a.shape == first.shape for a in every) or first.shape[-1:] != (self.edges[-1],):
            return False
        return all(out is None or (out.flags.writeable and _may_write(out, arrays, outs)) for out in outs)

    def results(self, method: str, arrays: Sequence[Any], outs: tuple[Any, ...]) -> list[Any]:
        """One result for each `out`, which is that array where it is not None."""
        whole = [np.empty_like(arrays[-1]) if out is None else out for out in outs]
        self.compute(method, arrays, whole)
        return whole

    def compute(self, method: str, reads: Sequence[Any], writes: Sequence[Any]) -> None:
        """Compute each group's columns."""
        self._call(method, reads, writes, (...,))

    def _call(
        self, method: str, reads: Sequence[Any], writes: Sequence[Any], before: tuple[Any, ...]
    ) -> None:
        """Call the functions; columns are along the axis that the index `before` leads to."""
        for function, (start, stop) in zip(self.objects, pairwise(self.edges), strict=True):
            own = (*before, slice(start, stop))
            into = tuple([a[own] for a in writes])
            getattr(function, method)(*[a[own] for a in reads], out=into if len(into) > 1 else into[0])


@dataclass(frozen=True)
class Gathered(Plain):
    """Columns in the order of their functions, so that each function is called once for all of its columns.

    A call takes tiles of rows that fit the caches. Of each it gathers the columns, transposed, computes the
    groups, which are contiguous then, and puts the results back.

    Parameters
    ----------
    objects, edges : sequence
        Of the groups in that order.
    order : ndarray
        The columns in this order.
    places : ndarray
        Where each column is in that order.
    """

    order: NDArray[np.intp]
    places: NDArray[np.intp]

    @classmethod
    def worthwhile(cls, objects: Sequence[Hashable], edges: Sequence[int]) -> Plain:
        """Gather the columns of equal objects if groups are narrow and objects repeat."""
        places: dict[Hashable, list[int]] = {}
        for found, (start, stop) in zip(objects, pairwise(edges), strict=True):
            places.setdefault(found, []).extend(range(start, stop))
        if len(objects) < 2 * len(places) or edges[-1] > WIDEST * len(objects):
            return Plain(objects, edges)
        counts = [len(at) for at in places.values()]
        order = np.array([k for at in places.values() for k in at])
        return cls(list(places), [0, *np.cumsum(counts).tolist()], order, np.argsort(order))

    def compute(self, method: str, reads: Sequence[Any], writes: Sequence[Any]) -> None:
        """Compute tiles of rows."""
        reads, writes = ([np.moveaxis(a, -1, 0) for a in each] for each in (reads, writes))
        if reads[0].ndim == 1:
            self._tile(method, reads, writes)
            return
        rows = reads[0].shape[1]
        step = max(1, TILE * rows // max(1, reads[0].size))
        for at in range(0, rows, step):
            tile = np.s_[:, at : at + step]
            self._tile(method, [a[tile] for a in reads], [a[tile] for a in writes])

    def _tile(self, method: str, reads: Sequence[Any], writes: Sequence[Any]) -> None:
        gathered = [a.take(self.order, axis=0) for a in reads]
        found = [np.empty_like(gathered[0]) for _ in writes]
        self._call(method, gathered, found, ())
        for a, result in zip(writes, found, strict=True):  # faster than a[order] = result
            np.copyto(a, result.take(self.places, axis=0, out=gathered[0], mode="clip"))


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
