"""``fastact.dropout``: arguments, copies, layouts. The random words are in C.

Must not depend on layers or networks.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from fastact import _core, _training
from fastact.arrays import Array, check_out, common_dtype, converted
from fastact.rowwise.entry import Named
from fastact.rowwise.rows import as_plain, is_ready, is_unsafe, result_dtype
from fastact.training.numbers import as_number

_WORD = 1 << 32


class Dropout(Named):
    """Elements set to 0 at random: a share p of them; the others are divided by 1 - p.

    Which ones depends on the arguments alone: neither on threads, layout and dtype, nor on earlier calls.
    Call it with the number of the training step, and the backward pass with the same numbers; no mask is
    stored.

    Parameters
    ----------
    x : array_like
        Real numbers.
    p : float or array_like
        The probability with which an element is dropped, from 0 to 1.
    seed : int or array_like
        From 0 to 2**64 - 1.
    step, layer : int
        From 0 to 2**32 - 1. Different ones give masks that are independent.
    out : ndarray, optional
        Where to store the result; may be x.

    Returns
    -------
    ndarray
        Of the shape of x. Dropped elements are 0, also where x is infinite or NaN.

    Notes
    -----
    p and seed may be arrays of length k, for k copies along the first axis; each is computed as it would be
    alone.

    Element i, in C order, is dropped if its random word is below ``floor(2**32 p)``: word ``i % 4`` of
    Philox4x32-10, with the seed as key and the counter ``(i//4 % 2**32, i//4 // 2**32, layer, step)``.

    References
    ----------
    Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> fa.dropout(np.ones(8), 0.5, seed=1)
    array([2., 2., 2., 2., 2., 2., 0., 2.])
    >>> fa.dropout.backward(np.ones(8), 0.5, seed=1)
    array([2., 2., 2., 2., 2., 2., 0., 2.])
    >>> fa.dropout.mask(8, 0.5, seed=1, step=1)
    array([False, False, False, False, False,  True, False,  True])
    """

    def __init__(self) -> None:
        super().__init__("dropout")

    def __call__(  # noqa: D102 - the class says it
        self, x: Any, p: Any, *, seed: Any, step: int = 0, layer: int = 0, out: Array | None = None
    ) -> Array:
        return _run("fastact.dropout", "x", x, p, seed, step, layer, out)

    def backward(
        self, grad_y: Any, p: Any, *, seed: Any, step: int = 0, layer: int = 0, out: Array | None = None
    ) -> Array:
        """The gradient with respect to x; arguments as in the forward pass."""
        return _run("fastact.dropout.backward", "grad_y", grad_y, p, seed, step, layer, out)

    def mask(
        self, shape: int | tuple[int, ...], p: Any, *, seed: Any, step: int = 0, layer: int = 0
    ) -> Array:
        """Which elements of an array of this shape are kept."""
        ones = np.ones(shape, np.float32)
        _run("fastact.dropout.mask", "shape", ones, p, seed, step, layer, ones)
        kept: Array = ones != 0
        return kept


def _run(
    function: str, name: str, value: Any, p: Any, seed: Any, step: int, layer: int, out: Array | None
) -> Array:
    x = as_plain(function, name, value)
    dtype = result_dtype([x])
    if out is not None:
        check_out(f"{function}: out", out, x.shape, dtype)
    rates, seeds = _checked_rates(function, p), _checked_seeds(function, seed)
    places = [_checked_integer(function, n, v, _WORD) for n, v in (("step", step), ("layer", layer))]
    copies = _count_copies(function, name, rates, seeds, x)
    result = np.empty(x.shape, dtype) if out is None else out
    computing = common_dtype([dtype])
    if not is_ready(x, computing) or is_unsafe(result, [x]):
        x = converted(x, computing)
    work = result if is_ready(result, computing) else np.empty(x.shape, computing)
    if copies is None:
        _training.dropout(x, work, rates[0], seeds[0], *places)
    for i in range(copies or 0):
        rate, key = rates[i % len(rates)], seeds[i % len(seeds)]
        _training.dropout(x[i, ...], work[i, ...], rate, key, *places)
    if work is not result:
        with np.errstate(all="ignore"), _core.DefaultEnvironment():
            np.copyto(result, work, casting="same_kind")
    return result


def _checked_rates(function: str, p: Any) -> list[float]:
    found = np.atleast_1d(as_number(f"{function}: p", p))
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"{function}: p is {p!r}; expected probabilities from 0 to 1")
    return [float(rate) for rate in found]


def _checked_seeds(function: str, seed: Any) -> list[int]:
    if np.ndim(seed) == 0:
        return [_checked_integer(function, "seed", seed, 1 << 64)]
    if np.ndim(seed) > 1 or len(seed) == 0:
        raise ValueError(f"{function}: seed has shape {np.shape(seed)}; expected (k,), one for each copy")
    return [_checked_integer(function, f"seed[{i}]", one, 1 << 64) for i, one in enumerate(seed)]


def _checked_integer(function: str, name: str, value: Any, limit: int) -> int:
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} is {value!r}; expected an integer") from None
    if not 0 <= found < limit:
        raise ValueError(f"{function}: {name} is {found}; expected an integer from 0 to {limit - 1}")
    return found


def _count_copies(function: str, name: str, rates: list[float], seeds: list[int], x: Array) -> int | None:
    """How many copies there are, if p or seed is an array; None for one mask over the whole of x."""
    lengths = {len(given) for given in (rates, seeds) if len(given) > 1}
    if not lengths:
        return None
    if len(lengths) > 1 or x.shape[:1] != (max(lengths),):
        listed = f"p {len(rates)}, seed {len(seeds)}, {name} {x.shape}"
        raise ValueError(f"{function}: lengths differ: {listed}; expected one for each of the first axis")
    return max(lengths)


dropout = Dropout()
