"""Initial weights: random matrices of a given standard deviation, orthogonal ones, and those fitted to data.

Must not depend on any activation. Matrices are of shape (..., i, o), for ``x @ w``; leading axes are copies
and do not count as fan.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, check_out, is_container
from fastact.dense.functions import dense
from fastact.errors import scipy_module

Shape = tuple[int, ...]
# of a standard normal variable cut at +-2: its standard deviation, by which draws are divided
_CUT = 2.0
_CUT_STD = math.sqrt(
    1 - 2 * _CUT * math.exp(-(_CUT**2) / 2) / math.sqrt(2 * math.pi) / math.erf(_CUT / 2**0.5)
)


def he(
    shape: Sequence[int],
    gain: float = 1.0,
    *,
    rng: np.random.Generator,
    distribution: str = "normal",
    dtype: Any = np.float64,
    out: Array | None = None,
) -> Array:
    """Weights of standard deviation ``gain * sqrt(2/fan_in)``, for layers that read relu.

    Parameters
    ----------
    shape : sequence of int
        (..., i, o), with i the fan-in and o the fan-out. Leading axes are copies.
    gain : float
        An additional factor.
    rng : numpy.random.Generator
        Where the numbers come from.
    distribution : {"normal", "uniform", "truncated"}
        ``"truncated"`` is a normal distribution cut at two standard deviations, and widened so that the
        standard deviation after the cut is the stated one, as in JAX and Keras. All three have that standard
        deviation.
    dtype : dtype
        float32 or float64.
    out : ndarray, optional
        Where to store the weights.

    Returns
    -------
    ndarray

    References
    ----------
    He, Zhang, Ren and Sun (2015), arXiv:1502.01852.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w = fa.init.he((400, 300), rng=np.random.default_rng(0))
    >>> w.shape, round(float(w.std() * np.sqrt(400 / 2)), 2)
    ((400, 300), 1.0)
    """
    sizes = _checked_shape("fastact.init.he", shape)
    std = gain * math.sqrt(2.0 / max(sizes[-2], 1))
    return _drawn("fastact.init.he", sizes, std, rng, distribution, dtype, out)


def glorot(
    shape: Sequence[int],
    gain: float = 1.0,
    *,
    rng: np.random.Generator,
    distribution: str = "normal",
    dtype: Any = np.float64,
    out: Array | None = None,
) -> Array:
    """Weights of standard deviation ``gain * sqrt(2/(fan_in + fan_out))``; arguments as for :func:`he`.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w = fa.init.glorot((3, 3), rng=np.random.default_rng(0), distribution="uniform")
    >>> bool(np.abs(w).max() <= 1)
    True
    """
    sizes = _checked_shape("fastact.init.glorot", shape)
    std = gain * math.sqrt(2.0 / max(sizes[-2] + sizes[-1], 1))
    return _drawn("fastact.init.glorot", sizes, std, rng, distribution, dtype, out)


def lecun(
    shape: Sequence[int],
    gain: float = 1.0,
    *,
    rng: np.random.Generator,
    distribution: str = "normal",
    dtype: Any = np.float64,
    out: Array | None = None,
) -> Array:
    """Weights of standard deviation ``gain/sqrt(fan_in)``; arguments as for :func:`he`.

    With the gain of :func:`gain` for the activation whose output these weights read.

    References
    ----------
    LeCun, Bottou, Orr and Mueller (1998), Efficient BackProp.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> fa.init.lecun((64, 10), fa.init.gain("gelu"), rng=np.random.default_rng(0), dtype="float32").dtype
    dtype('float32')
    """
    sizes = _checked_shape("fastact.init.lecun", shape)
    std = gain / math.sqrt(max(sizes[-2], 1))
    return _drawn("fastact.init.lecun", sizes, std, rng, distribution, dtype, out)


def orthogonal(
    shape: Sequence[int],
    gain: float = 1.0,
    *,
    rng: np.random.Generator,
    dtype: Any = np.float64,
    out: Array | None = None,
) -> Array:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer.

    Parameters
    ----------
    shape, gain, rng, dtype, out
        As for :func:`he`. The matrices are uniformly distributed: they are the Q of a normal matrix, with the
        signs of R's diagonal.

    References
    ----------
    Saxe, McClelland and Ganguli (2013), arXiv:1312.6120; Mezzadri (2007), arXiv:math-ph/0609050.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w = fa.init.orthogonal((5, 3), rng=np.random.default_rng(0))
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """
    function = "fastact.init.orthogonal"
    sizes = _checked_shape(function, shape)
    *lead, i, o = sizes
    normal = _checked_rng(function, rng).normal(size=(*lead, max(i, o), min(i, o)))
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., np.newaxis, :]
    return _stored(function, gain * (q if i >= o else np.swapaxes(q, -1, -2)), dtype, out)


def randomized_asymmetric(
    shape: Sequence[int], *, rng: np.random.Generator, dtype: Any = np.float64
) -> tuple[Array, Array]:
    """Weights and biases for deep, narrow relu networks: fewer of them are born dead.

    Parameters
    ----------
    shape, rng, dtype
        As for :func:`he`.

    Returns
    -------
    w : ndarray, shape (..., i, o)
    b : ndarray, shape (..., o)
        Normal of standard deviation 0.6007/sqrt(i), but for one weight or bias of each unit, which has the
        distribution Beta(2, 1).

    References
    ----------
    Lu, Shin, Su and Karniadakis (2019), arXiv:1903.06733.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w, b = fa.init.randomized_asymmetric((4, 2), rng=np.random.default_rng(0))
    >>> w.shape, b.shape
    ((4, 2), (2,))
    """
    function = "fastact.init.randomized_asymmetric"
    *lead, i, o = _checked_shape(function, shape)
    _checked_rng(function, rng)
    together = rng.normal(scale=0.6007 / math.sqrt(max(i, 1)), size=(*lead, i + 1, o))
    chosen = rng.integers(0, i + 1, (*lead, 1, o))
    np.put_along_axis(together, chosen, rng.beta(2, 1, chosen.shape), axis=-2)
    w = _stored(function, together[..., :-1, :], dtype, None)
    return w, _stored(function, together[..., -1, :], dtype, None)


def lsuv(network: Any, x: Any, *, std: float = 1.0, rng: np.random.Generator | None = None) -> None:
    """Scale each layer's weights, in place, so that ``h @ w`` has a given standard deviation for these data.

    Parameters
    ----------
    network : Network
        Its weights change.
    x : array_like, shape (..., i)
        A batch.
    std : float
        Of ``h @ w`` over the batch and the units, where h is the layer's input. It is linear in the weights,
        so that one scaling is exact.
    rng : numpy.random.Generator, optional
        Draws orthogonal weights first, as the authors do; by default the weights that the network has are
        scaled.

    Raises
    ------
    TypeError
        For masked, lazy and labelled arrays.
    ValueError
        Where all of a layer's ``h @ w`` are equal: no factor gives them a deviation.

    References
    ----------
    Mishkin and Matas (2015), arXiv:1511.06422.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> rng = np.random.default_rng(0)
    >>> x = 5 * rng.normal(size=(100, 4))
    >>> net = fa.Network([(rng.normal(size=(4, 8)), None, "gelu"), (rng.normal(size=(8, 1)), None, None)])
    >>> fa.init.lsuv(net, x)
    >>> round(float(net(x).std()), 6)
    1.0
    """
    function = "fastact.init.lsuv"
    if is_container(x):
        message = f"{function}: x is of type {type(x).__name__}"
        raise TypeError(f"{message}; expected a plain array: numpy.asarray(x)")
    h = as_real(function, "x", x).astype(network.dtype)
    for number, layer in enumerate(network.layers):
        if rng is not None:
            layer.w = orthogonal(layer.w.shape, rng=_checked_rng(function, rng), dtype=network.dtype)
        found = float(dense(h, layer.w).std(dtype=np.float64))
        if not 0 < found < math.inf:
            message = f"{function}: the standard deviation of layer {number} before its activation is {found}"
            raise ValueError(f"{message}; expected a positive number")
        layer.w = layer.w * network.dtype.type(std / found)
        h = network._predict_layer(number, h)


# Draws --------------------------------------------------------------------------------------------


def _truncated(rng: np.random.Generator, shape: Shape) -> Array:
    special = scipy_module("special", "fastact.init: the truncated distribution")
    low = special.ndtr(-_CUT)
    drawn: Array = special.ndtri(rng.uniform(low, 1 - low, shape)) / _CUT_STD
    return drawn


_DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, Shape], Array]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-math.sqrt(3), math.sqrt(3), shape),
    "truncated": _truncated,
}


def _drawn(
    function: str, shape: Shape, std: float, rng: Any, distribution: str, dtype: Any, out: Array | None
) -> Array:
    if distribution not in _DISTRIBUTIONS:
        listed = ", ".join(map(repr, _DISTRIBUTIONS))
        raise ValueError(f"{function}: distribution is {distribution!r}; expected one of {listed}")
    return _stored(
        function, std * _DISTRIBUTIONS[distribution](_checked_rng(function, rng), shape), dtype, out
    )


def _stored(function: str, drawn: Array, dtype: Any, out: Array | None) -> Array:
    if out is not None:
        check_out(f"{function}: out", out, drawn.shape, drawn.dtype)
        np.copyto(out, drawn, casting="same_kind")
        return out
    wanted = np.dtype(dtype)
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"{function}: dtype is {wanted}; expected float32 or float64")
    return np.ascontiguousarray(drawn, dtype=wanted)


def _checked_shape(function: str, shape: Any) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise TypeError(f"{function}: shape is {shape!r}; expected a sequence of int, (..., i, o)") from None
    if len(sizes) < 2 or min(sizes) < 0:
        raise ValueError(f"{function}: shape is {shape!r}; expected (..., i, o)")
    return sizes


def _checked_rng(function: str, rng: Any) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        message = f"{function}: rng is of type {type(rng).__name__}"
        raise TypeError(f"{message}; expected a Generator: numpy.random.default_rng(seed)")
    return rng
