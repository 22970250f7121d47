"""What an activation does to the variance of a signal, and the gain of weights that keeps it.

Must not depend on layers or networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastact import _core
from fastact.activations.base import Activation
from fastact.activations.builtin import UNBOUND, Builtin
from fastact.activations.mixed import Mixed
from fastact.activations.surrogate import Surrogate
from fastact.arrays import Array
from fastact.dense.arguments import resolve
from fastact.errors import scipy_module
from fastact.training.quadrature import expectations

_MODES = ("forward", "backward", "std", "torch")


class Moments(NamedTuple):
    """Expectations for x ~ N(0, variance): numbers, or arrays where parameters are arrays.

    Attributes
    ----------
    mean : float
        E f(x).
    second : float
        E f(x)^2.
    derivative_second : float
        E f'(x)^2.
    slope : float
        d log(second) / d log(variance). Below 1 a layer pulls the second moment back to its fixed point;
        above 1 it drives it away, and a fixed gain does not keep it through many layers.
    chi : float
        variance * derivative_second / second: the factor of a gradient's second moment in a layer whose
        weights have the forward gain.
    """

    mean: Any
    second: Any
    derivative_second: Any
    slope: Any
    chi: Any


class Signal(NamedTuple):
    """The second moment before each layer's activation, and the gradient's factor in each layer.

    Attributes
    ----------
    second_moments : ndarray, shape (depth + 1,)
        Of the first input of an activation, and of the result of each layer after it.
    gradient_factors : ndarray, shape (depth,)
        By how much the gradient's second moment is multiplied on its way back through each layer.
    """

    second_moments: Array
    gradient_factors: Array


# Moments ------------------------------------------------------------------------------------------


def moments(activation: str | Activation | Any, variance: float = 1.0) -> Moments:
    """Expectations of an activation and of its derivative for a normal input of mean 0.

    Parameters
    ----------
    activation : str, Activation or object
        As for :func:`fastact.dense`. Objects of your own need a method ``derivative``; where they have kinks,
        an attribute ``kinks`` makes the quadrature faster.
    variance : float
        Of the input; positive.

    Returns
    -------
    Moments
        ``mean``, ``second``, ``derivative_second``, ``slope``, ``chi``. For array parameters each is an array
        of their shape. For :func:`fastact.mixed` they are averages over the units; for
        :func:`fastact.surrogate` the derivative is that of the backward part.

    Notes
    -----
    Adaptive Gauss-Legendre quadrature between the kinks; the relative error is below 1e-10. Results for
    activations of the table are cached.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.init.moments("relu").second
    0.5
    """
    q = _checked_variance("fastact.init.moments", variance)
    return _from_raw(_raw(_resolved("fastact.init.moments", activation), q), q)


def _from_raw(raw: Array, q: float) -> Moments:
    """The four integrals are those of f, f^2, f'^2 and f^2 z^2."""
    mean, second, slopes, by_square = raw
    with np.errstate(all="ignore"):
        # E f^2(sqrt(q) z) has the derivative E f^2 (z^2 - 1)/(2 q): no derivative of f, hence right for jumps
        found = mean, second, slopes, (by_square - second) / (2 * second), q * slopes / second
    return Moments(*(float(value) if np.ndim(value) == 0 else value for value in found))


def _raw(activation: Any, q: float) -> Array:
    """E f, E f^2, E f'^2 and E f^2 z^2, along the first axis."""
    if isinstance(activation, Mixed):
        return _averaged(activation, q)
    if isinstance(activation, Surrogate):
        forward, backward = _raw(activation.parts["forward"], q), _raw(activation.parts["backward"], q)
        first, second = _broadcast(forward, backward)
        return np.stack([first[0], first[1], second[2], first[3]])
    if not isinstance(activation, Builtin):
        return _integrated(activation, activation.derivative, tuple(getattr(activation, "kinks", ())), q)
    shape = activation.shape_of_parameters()
    names = activation.parameter_names
    values = [
        np.broadcast_to(np.asarray(value, float), shape).ravel() for value in activation.parameter_values
    ]
    columns = [_of_entry(activation.name, names, numbers, q) for numbers in _each(values)]
    return np.array(columns).reshape(*shape, 4).transpose(-1, *range(len(shape)))


def _each(values: list[Array]) -> Iterator[tuple[float, ...]]:
    """The parameters of each unit."""
    return zip(*(v.tolist() for v in values), strict=True) if values else iter([()])


def _broadcast(first: Array, second: Array) -> tuple[Array, Array]:
    shape = np.broadcast_shapes(first.shape[1:], second.shape[1:])
    wide = (
        np.broadcast_to(a.reshape(4, *(1,) * (len(shape) - a.ndim + 1), *a.shape[1:]), (4, *shape))
        for a in (first, second)
    )
    a, b = wide
    return a, b


def _averaged(activation: Mixed, q: float) -> Array:
    total = np.zeros(4)
    for label, part in activation.parts.items():
        start, stop = activation._columns[label]
        total += _raw(part, q).reshape(4, -1).mean(axis=1) * (stop - start)
    return total / activation.units


@lru_cache(4096)
def _of_entry(name: str, names: tuple[str, ...], values: tuple[float, ...], q: float) -> tuple[float, ...]:
    activation = UNBOUND[name].bind(**dict(zip(names, values, strict=True)))
    found = _integrated(activation, activation.derivative, activation.kinks, q)
    return tuple(found.tolist())


def _integrated(
    f: Callable[..., Any], derivative: Callable[..., Any], kinks: tuple[float, ...], q: float
) -> Array:
    deviation = math.sqrt(q)

    def integrands(z: Array, root: Array) -> Array:
        x = deviation * z
        # multiplied by the root of the density before it is squared, which would overflow
        value, slope = f(x) * root, derivative(x) * root
        return np.stack([value * root, value * value, slope * slope, value * value * z * z])

    with _core.DefaultEnvironment():
        return expectations(integrands, deviation, kinks)


# Gains --------------------------------------------------------------------------------------------

_TORCH: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "identity": lambda _: 1.0,
    "sigmoid": lambda _: 1.0,
    "tanh": lambda _: 5.0 / 3,
    "relu": lambda _: math.sqrt(2.0),
    "leaky_relu": lambda parameters: np.sqrt(2.0 / (1 + np.square(parameters["negative_slope"]))),
    "selu": lambda _: 3.0 / 4,
}


def gain(activation: str | Activation | Any, mode: str = "forward", *, variance: float = 1.0) -> Any:
    """The factor for weights that read this activation's output.

    Weights of standard deviation ``gain/sqrt(fan_in)`` keep the second moment of the signal, or that of the
    gradient.

    Parameters
    ----------
    activation : str, Activation or object
        As for :func:`moments`.
    mode : {"forward", "backward", "std", "torch"}
        ``"forward"``: sqrt(variance/E f^2), which keeps the second moment of layers' inputs. ``"backward"``:
        1/sqrt(E f'^2), which keeps that of gradients. ``"std"``: sqrt(variance/Var f), the gamma of
        normaliser-free networks (Brock et al., 2021). ``"torch"``: the table of
        ``torch.nn.init.calculate_gain``.
    variance : float
        Of the activation's input.

    Returns
    -------
    float or ndarray
        An array where parameters are arrays.

    Raises
    ------
    ValueError
        Where there is no such gain: f' is 0 almost everywhere, f is constant, or PyTorch's table lacks it.

    Examples
    --------
    >>> import fastact as fa
    >>> round(fa.init.gain("gelu"), 4), round(fa.init.gain("gelu", "backward"), 4)
    (1.5335, 1.4811)
    """
    function = "fastact.init.gain"
    resolved = _resolved(function, activation)
    if mode not in _MODES:
        raise ValueError(f"{function}: mode is {mode!r}; expected one of {', '.join(map(repr, _MODES))}")
    if mode == "torch":
        return _torch_gain(function, resolved)
    q = _checked_variance(function, variance)
    found = _from_raw(_raw(resolved, q), q)
    if mode == "backward":
        reason = "E f'^2 is 0: no gradient passes; fastact.surrogate gives it one"
        return _root_of_ratio(f"{function}: {resolved!r}: {reason}", 1.0, found.derivative_second)
    divisor = found.second - np.square(found.mean) if mode == "std" else found.second
    constant = np.any(divisor <= 1e-14 * np.asarray(found.second))
    return _root_of_ratio(f"{function}: {resolved!r}: the output does not vary", q, divisor * (not constant))


_gain_of_mode = gain  # for functions with an argument of that name


def _root_of_ratio(problem: str, numerator: float, divisor: Any) -> Any:
    if np.any(np.equal(divisor, 0)):
        raise ValueError(problem)
    with np.errstate(all="ignore"):
        found = np.sqrt(numerator / divisor)
    return float(found) if np.ndim(found) == 0 else found


def _torch_gain(function: str, activation: Any) -> Any:
    name = getattr(activation, "name", type(activation).__name__)
    if not isinstance(activation, Builtin) or name not in _TORCH:
        raise ValueError(f"{function}: PyTorch has no gain for {name}; it has those of {', '.join(_TORCH)}")
    found = _TORCH[name](activation.parameters)
    return float(found) if np.ndim(found) == 0 else found


# Depth --------------------------------------------------------------------------------------------


def signal(
    activation: str | Activation | Any, depth: int, *, gain: Any = None, variance: float = 1.0
) -> Signal:
    """The second moment of a signal, and the factor of its gradient, layer by layer, for wide layers.

    Parameters
    ----------
    activation : str, Activation or object
        As for :func:`moments`; its parameters are numbers.
    depth : int
        Number of layers.
    gain : float or str, optional
        Of the weights, or a mode of :func:`gain`; by default the forward gain for `variance`.
    variance : float
        Of the first activation's input.

    Returns
    -------
    Signal
        ``second_moments``, of shape (depth + 1,), and ``gradient_factors``, of shape (depth,). A signal that
        grows beyond float64 is infinite from there on, and one that vanishes is 0.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.init.signal("relu", 3, gain=1.0).second_moments
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    function = "fastact.init.signal"
    resolved = _resolved(function, activation)
    q = _checked_variance(function, variance)
    if gain is None or isinstance(gain, str):
        gain = _gain_of_mode(resolved, gain or "forward", variance=q)
    if np.ndim(gain) > 0:
        raise ValueError(f"{function}: the parameters of {resolved!r} are arrays; expected numbers")
    moments_, factors = [q], []
    for _ in range(depth):
        mean_square, slopes = _at(resolved, q)
        with np.errstate(all="ignore"):
            q = float(np.square(gain) * mean_square)
            factors.append(float(np.square(gain) * slopes))
        moments_.append(q)
    return Signal(np.array(moments_), np.array(factors))


def _at(activation: Any, q: float) -> tuple[float, float]:
    """E f^2 and E f'^2, also where the variance has left the range of float64."""
    if not np.isfinite(q):
        return math.inf, math.inf
    raw = _raw(activation, max(q, 1e-300))
    if np.isnan(raw[1:3]).any():  # inf * 0 where f overflows
        return math.inf, math.inf
    return float(raw[1]), float(raw[2])


def edge_of_chaos(activation: str | Activation | Any, bias_std: float = 0.0) -> tuple[float, float]:
    """The weights' standard deviation at which neither signals nor gradients grow or shrink with depth.

    Parameters
    ----------
    activation : str, Activation or object
        As for :func:`moments`; its parameters are numbers.
    bias_std : float
        Standard deviation of the biases.

    Returns
    -------
    weight_std : float
        Times 1/sqrt(fan_in). It solves ``weight_std**2 * E f'^2 = 1``.
    variance : float
        The fixed point ``variance = bias_std**2 + weight_std**2 * E f^2``; the smallest where there are
        several. Without biases it is 1 for functions like relu, for which every variance is one, and 0 for
        functions like tanh.

    Raises
    ------
    ValueError
        Where there is none.

    References
    ----------
    Hayou, Doucet and Rousseau (2019), On the impact of the activation function on deep neural networks
    training.

    Examples
    --------
    >>> import fastact as fa
    >>> weight_std, variance = fa.init.edge_of_chaos("tanh", 0.2)
    >>> round(weight_std, 3), round(variance, 3)
    (1.304, 0.512)
    """
    function = "fastact.init.edge_of_chaos"
    resolved = _resolved(function, activation)
    if not 0 <= bias_std < math.inf:
        raise ValueError(f"{function}: bias_std is {bias_std!r}; expected a number from 0 on")

    return _edge(function, resolved, float(bias_std))


def _edge(function: str, resolved: Any, bias_std: float) -> tuple[float, float]:
    """A root, over log(variance)."""

    def excess(log_q: float) -> float:
        """(bias_std^2 + E f^2/E f'^2)/q - 1; positive where the variance grows."""
        q = math.exp(log_q)
        mean_square, slopes = _at(resolved, q)
        ratio = mean_square / slopes if slopes > 0 else math.inf
        return (bias_std**2 + ratio) / q - 1

    logs = np.linspace(math.log(1e-8), math.log(1e8), 75)
    values = np.array([excess(each) for each in logs])
    if bias_std == 0:
        if np.abs(values).max() < 1e-9:
            return 1 / math.sqrt(_at(resolved, 1.0)[1]), 1.0
        slope = abs(float(resolved.derivative(np.zeros(1))[0]))
        if float(resolved(np.zeros(1))[0]) == 0 and slope > 0 and abs(values[0]) < 1e-3:
            return 1 / slope, 0.0
    crossings = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if len(crossings) == 0:
        raise ValueError(f"{function}: {resolved!r} has no edge of chaos for bias_std {bias_std}")
    k = crossings[0]
    optimize = scipy_module("optimize", function)
    q = math.exp(optimize.brentq(excess, logs[k], logs[k + 1], xtol=1e-13))
    return 1 / math.sqrt(_at(resolved, q)[1]), q


# Arguments ----------------------------------------------------------------------------------------


def _resolved(function: str, activation: Any) -> Any:
    """Names as for dense layers; of objects the moments need f' itself."""
    if activation is None or isinstance(activation, str):
        return resolve(function, activation)
    if callable(activation) and hasattr(activation, "derivative") and not isinstance(activation, type):
        return activation
    message = f"{function}: activation is of type {type(activation).__name__}; expected a name, an Activation"
    raise TypeError(f"{message}, or an object that can be called and has a method derivative")


def _checked_variance(function: str, variance: Any) -> float:
    if not isinstance(variance, (int, float, np.integer, np.floating)) or not 0 < variance < math.inf:
        raise ValueError(f"{function}: variance is {variance!r}; expected a positive number")
    return float(variance)
