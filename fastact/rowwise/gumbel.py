"""``gumbel_softmax``: samples of a categorical distribution that let gradients through.

Must not depend on how softmax is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _core
from fastact.arrays import Array, check_out, converted
from fastact.rowwise.entry import Named
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.rows import as_plain, gradient_of, result_dtype

_softmax, _hardmax = FUNCTIONS["softmax"], FUNCTIONS["hardmax"]
_FLOAT64 = np.dtype(np.float64)


class GumbelSoftmax(Named):
    """Samples of a categorical distribution whose logits are given, differentiable in these.

        y = softmax((x + noise)/tau), noise of the standard Gumbel distribution
        gradient with respect to x[i] = y[i]*(g[i] - sum(g*y))/tau

    where g is the gradient with respect to y.
    As tau falls to 0 it becomes a one-hot vector, k with the probability softmax(x)[k].

    Parameters
    ----------
    x : array_like
        Logits: real numbers, of at least one axis.
    rng : numpy.random.Generator, optional
        Where the noise comes from: ``rng.gumbel(size=x.shape)``.
    noise : array_like, optional
        The noise itself, of the shape of x, instead of `rng`. A backward pass needs that of its forward pass.
    tau : float
        The temperature. Positive.
    hard : bool
        Whether the result is one-hot: 1 at the largest x + noise. The gradient is that of the soft result,
        which is called straight-through.
    axis : int, tuple of int or None
        The axes of a row; None for all.
    out : ndarray, optional
        Where to store the result; may be `x`.

    Returns
    -------
    ndarray
        Of the shape of `x`; float32 stays float32.

    Raises
    ------
    TypeError
        Unless one of `rng` and `noise` is given; for dtypes other than real numbers, masked, lazy and
        labelled arrays.
    ValueError
        For noise of another shape, axes that the array does not have, and an `out` that is read-only or of
        another shape.

    Notes
    -----
    Also ``gumbel_softmax.backward(grad_y, x, noise=noise, tau=tau)``, and
    ``gumbel_softmax.backward_from_output(grad_y, y, tau=tau)`` with the soft result y, which needs no noise.
    x + noise and the softmax of it are computed in float64. Error, for the sum rounded to float64: at most
    1 ULP in float32 and 4 ULP in float64; of the gradient, in ULP of the largest term. Jang, Gu and Poole
    (2017), ICLR; arXiv:1611.01144. Maddison, Mnih and Teh (2017), ICLR; arXiv:1611.00712.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> rng, x = np.random.default_rng(0), np.array([[1.0, 2.0, 0.0]])
    >>> noise = rng.gumbel(size=x.shape)
    >>> y = fa.gumbel_softmax(x, noise=noise, tau=0.5, hard=True)
    >>> y.sum(), y.max()
    (np.float64(1.0), np.float64(1.0))
    >>> fa.gumbel_softmax.backward(np.ones_like(y), x, noise=noise, tau=0.5).round(12) + 0.0
    array([[0., 0., 0.]])
    """

    def __init__(self) -> None:
        super().__init__("gumbel_softmax")

    def __call__(  # noqa: D102 - the class says it
        self,
        x: Any,
        /,
        *,
        rng: np.random.Generator | None = None,
        noise: Any = None,
        tau: float = 1.0,
        hard: bool = False,
        axis: Any = -1,
        out: Any = None,
    ) -> NDArray[Any]:
        function = "fastact.gumbel_softmax"
        if (rng is None) == (noise is None):
            raise TypeError(
                f"{function}: {'neither' if rng is None else 'both'} of rng and noise; expected one"
            )
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"{function}: rng is of type {type(rng).__name__}; expected a numpy.random.Generator"
            )
        if not isinstance(hard, (bool, np.bool_)):
            raise TypeError(f"{function}: hard is {hard!r}; expected True or False")
        x = as_plain(function, "x", x)
        _check_tau(function, tau)
        noisy = _noisy(function, x, noise if rng is None else rng.gumbel(size=x.shape))
        y = _hardmax(noisy, axis=axis) if hard else _softmax(noisy, temperature=tau, axis=axis)
        return _stored(function, y, result_dtype([x]), out)

    def backward(
        self, grad_y: Any, x: Any, /, *, noise: Any, tau: float = 1.0, axis: Any = -1, out: Any = None
    ) -> NDArray[Any]:
        """The gradient with respect to x, with the noise of the forward pass; also where that was hard.

        Parameters
        ----------
        grad_y : array_like
            Of the shape of x.
        x, noise, tau, axis, out
            As in the forward pass.

        Returns
        -------
        ndarray
            Of the shape of x.
        """
        function = "fastact.gumbel_softmax.backward"
        x = as_plain(function, "x", x)
        grad_y = gradient_of(function, grad_y, x.shape)
        _check_tau(function, tau)
        noisy = _noisy(function, x, noise)
        found = _softmax.backward(converted(grad_y, _FLOAT64), noisy, temperature=tau, axis=axis)
        return _stored(function, found, result_dtype([grad_y, x]), out)

    def backward_from_output(
        self, grad_y: Any, y: Any, /, *, tau: float = 1.0, axis: Any = -1, out: Any = None
    ) -> Any:
        """The gradient with respect to x, from the soft result y; otherwise as :meth:`backward`."""
        _check_tau("fastact.gumbel_softmax.backward_from_output", tau)
        return _softmax.backward_from_output(grad_y, y, temperature=tau, axis=axis, out=out)


def _check_tau(function: str, tau: Any) -> None:
    is_number = isinstance(tau, (int, float, np.integer, np.floating)) and not isinstance(tau, bool)
    if not is_number or not 0 < tau < np.inf:
        raise (ValueError if is_number else TypeError)(
            f"{function}: tau is {tau!r}; expected a positive number"
        )


def _noisy(function: str, x: Array, noise: Any) -> Array:
    """x + noise in float64."""
    noise = as_plain(function, "noise", noise)
    if noise.shape != x.shape:
        raise ValueError(f"{function}: noise has shape {noise.shape}; expected {x.shape}, that of x")
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        noisy: Array = np.add(x, noise, dtype=_FLOAT64)
    return noisy


def _stored(function: str, value: Array, dtype: np.dtype[Any], out: Any) -> Array:
    """The value, computed in float64, in the dtype of the result."""
    if out is None:
        return converted(value, dtype)
    check_out(f"{function}: out", out, value.shape, dtype)
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        np.copyto(out, value, casting="same_kind")
    result: Array = out
    return result


gumbel_softmax = GumbelSoftmax()
