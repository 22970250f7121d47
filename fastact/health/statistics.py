"""``health``: what the units of one layer do, from plain arrays."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact.activations.base import Activation
from fastact.activations.builtin import Builtin
from fastact.activations.parameters import is_number
from fastact.activations.registry import get
from fastact.arrays import Array, as_real, common_dtype, is_container
from fastact.health.counters import Counters, as_matrix
from fastact.health.saturation import Saturation, saturation_of

_NAME = "fastact.health"
_IDENTITY = get("identity")
_EMPTY = np.empty(0)


class Statistics:
    """What each unit of a layer did over the samples counted so far: the result of :func:`health`.

    A sample of a unit counts where its input and its output are finite; `non_finite` counts the others, which
    enter no other statistic.

    Attributes
    ----------
    n : int
        Number of samples.
    active : ndarray of int
        How often f' was not 0.
    saturated : ndarray of int
        How often the input was beyond the limits of :attr:`saturation`.
    zeros : ndarray of int
        How often the output was 0.
    non_finite : ndarray of int
        How often the input or the output was infinite or NaN.
    mean, second_moment, mean_magnitude : ndarray of float64
        Means of y, of y**2 and of abs(y); NaN where no sample counts.
    min, max : ndarray of float64
        Least and greatest output; inf and -inf where no sample counts.
    zero_gradients, non_finite_gradients : ndarray of int
        How often the gradient with respect to the input, grad_y * f'(z), was 0, and infinite or NaN.
    gradient_magnitude, gradient_second_moment : ndarray of float64
        Means of its magnitude and of its square.
    has_gradients : bool
        Whether gradients were given.
    saturation : Saturation
        The limits: `low`, `high`, the `supremum` of abs(f'), and the `reason` why there are none.
    """

    __slots__ = ("_counters", "has_gradients", "n", "saturation")

    def __init__(self, counters: Counters, n: int, saturation: Saturation, has_gradients: bool) -> None:
        self._counters, self.n = counters, n
        self.saturation, self.has_gradients = saturation, has_gradients

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self._counters.counts.shape[1])

    @property
    def active(self) -> NDArray[np.int64]:
        """How often f' was not 0."""
        return self._counters.count("active").copy()

    @property
    def saturated(self) -> NDArray[np.int64]:
        """How often the input was beyond the limits."""
        return self._counters.count("saturated").copy()

    @property
    def zeros(self) -> NDArray[np.int64]:
        """How often the output was 0."""
        return self._counters.count("zeros").copy()

    @property
    def non_finite(self) -> NDArray[np.int64]:
        """How often the input or the output was not finite."""
        return self._counters.count("non_finite").copy()

    @property
    def zero_gradients(self) -> NDArray[np.int64]:
        """How often the gradient with respect to the input was 0."""
        return self._counters.count("zero_gradients").copy()

    @property
    def non_finite_gradients(self) -> NDArray[np.int64]:
        """How often that gradient was not finite."""
        return self._counters.count("non_finite_gradients").copy()

    @property
    def counted(self) -> NDArray[np.int64]:
        """Samples whose input and output were finite."""
        found: NDArray[np.int64] = self.n - self._counters.count("non_finite")
        return found

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean output."""
        return self._mean("sum")

    @property
    def mean_magnitude(self) -> NDArray[np.float64]:
        """Mean of abs(y)."""
        return self._mean("magnitudes")

    @property
    def second_moment(self) -> NDArray[np.float64]:
        """Mean of y**2."""
        return self._mean("squares")

    @property
    def min(self) -> NDArray[np.float64]:
        """Least output."""
        least: NDArray[np.float64] = self._counters.extremes[0].copy()
        return least

    @property
    def max(self) -> NDArray[np.float64]:
        """Greatest output."""
        greatest: NDArray[np.float64] = self._counters.extremes[1].copy()
        return greatest

    @property
    def gradient_magnitude(self) -> NDArray[np.float64]:
        """Mean magnitude of the gradient with respect to the input."""
        return self._mean("gradient_magnitudes", self.non_finite_gradients)

    @property
    def gradient_second_moment(self) -> NDArray[np.float64]:
        """Mean square of the gradient with respect to the input."""
        return self._mean("gradient_squares", self.non_finite_gradients)

    def _mean(self, name: str, left_out: Any = 0) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            found: NDArray[np.float64] = self._counters.total(name) / (self.counted - left_out)
        return found

    def share(self, name: str) -> NDArray[np.float64]:
        """A count divided by the samples that count: `active`, `saturated`, `zeros` or `zero_gradients`; or
        `non_finite` by all samples. NaN where there are none."""
        with np.errstate(all="ignore"):
            found: NDArray[np.float64] = self._counters.count(name) / (
                self.n if name == "non_finite" else self.counted
            )
        return found

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets of samples, as if they had been counted together.

        Counts and extremes are exact; sums differ by rounding only.

        Raises
        ------
        ValueError
            For another number of units, another rule of saturation, or gradients on one side only.
        """
        if not isinstance(other, Statistics):
            raise TypeError(f"{_NAME}: cannot merge {type(other).__name__}; expected what health returned")
        if self.units != other.units:
            raise ValueError(f"{_NAME}: cannot merge statistics of {self.units} and of {other.units} units")
        if any((a != b).any() for a, b in zip(self.saturation[:2], other.saturation[:2], strict=True)):
            raise ValueError(f"{_NAME}: cannot merge statistics of activations that saturate elsewhere")
        if self.has_gradients != other.has_gradients and self.n and other.n:
            raise ValueError(f"{_NAME}: cannot merge statistics with and without gradients")
        counters = self._counters.copy()
        counters.merge(other._counters)
        gradients = self.has_gradients or other.has_gradients
        return Statistics(counters, self.n + other.n, self.saturation, gradients)

    __add__ = merge

    def __repr__(self) -> str:
        return f"<health of {_count(self.units, 'unit')} over {_count(self.n, 'sample')}>"

    def __str__(self) -> str:
        with np.errstate(all="ignore"):
            total = self.counted.sum()
            active, saturated, zeros = (
                getattr(self, name).sum() / total for name in ("active", "saturated", "zeros")
            )
        reason = f" ({self.saturation.reason})" if self.saturation.reason else ""
        return (
            f"{_count(self.units, 'unit')}, {_count(self.n, 'sample')}: "
            f"{_count(int((self.active == 0).sum()), 'unit')} never active; "
            f"active {active:.1%}, saturated {saturated:.1%}{reason}, zeros {zeros:.1%}, "
            f"non-finite {int(self.non_finite.sum())}"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def health(
    z: Any, activation: str | Activation, y: Any = None, grad_y: Any = None, axis: int = -1
) -> Statistics:
    """What the units of a layer do over a batch, from plain arrays, in one pass.

    Parameters
    ----------
    z : array_like
        Inputs of the activation, of one axis or more. float32 data are read as such, others as by ``np.exp``.
    activation : str or Activation
        The activation, or an object that is called and has `derivative`.
    y : array_like, optional
        Its outputs, f(z), of the shape of z, if they are at hand; before dropout.
    grad_y : array_like, optional
        Gradients with respect to y, of the shape of z.
    axis : int
        The axis of the units; all others are samples.

    Returns
    -------
    Statistics
        For each unit `active`, `saturated`, `zeros`, `non_finite`, `mean`, `second_moment`, `min`, `max` and
        more. Those of several batches are merged by ``+``.

    Raises
    ------
    ValueError
        For an unknown activation, an array without axes, and shapes that differ.
    TypeError
        For what is not real numbers, and for masked, lazy and labelled arrays.

    Notes
    -----
    A unit is *active* where f' is not 0. It is *saturated* where abs(f') is below 0.03 of its supremum,
    beyond the outermost point where it is not, on a side where f' tends to 0: for tanh beyond 2.44, for
    sigmoid beyond 4.88, for relu from 0 down. leaky_relu never saturates; the slope of exp has no
    supremum, and so there is no such limit. Sums are added in a fixed order: results do not depend on the
    number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> z = np.array([[1.0, -1.0, 3.0], [2.0, -2.0, -3.0]])
    >>> stats = fa.health(z, "relu")
    >>> stats.active, stats.mean
    (array([2, 0, 1]), array([1.5, 0. , 1.5]))
    >>> print(stats)
    3 units, 2 samples: 1 unit never active; active 50.0%, saturated 50.0%, zeros 50.0%, non-finite 0
    >>> fa.health(z, "exp").saturation.reason
    "abs(f') has no supremum"
    """
    return _health(z, activation, y, grad_y, axis)


def _health(z: Any, activation: Any, y: Any, grad_y: Any, axis: Any) -> Statistics:
    arrays = {"z": z, "y": y, "grad_y": grad_y}
    found = {
        name: _checked(name, value) for name, value in arrays.items() if value is not None or name == "z"
    }
    shape = found["z"].shape
    for name, array in found.items():
        if array.shape != shape:
            raise ValueError(f"{_NAME}: {name} has shape {array.shape}; expected {shape}, that of z")
    if not shape:
        raise ValueError(f"{_NAME}: z has no axes; expected at least one")
    axis = range(len(shape))[_axis(axis, len(shape))]
    activation = get(activation) if isinstance(activation, (str, Activation)) else activation
    if not callable(activation) or not hasattr(activation, "derivative"):
        message = f"{_NAME}: activation is of type {type(activation).__name__}"
        raise TypeError(f"{message}; expected a name, an activation, or an object with `derivative`")
    return _counted(found, activation, axis)


def _axis(axis: Any, ndim: int) -> int:
    try:
        found = operator.index(axis)
    except TypeError:
        raise TypeError(f"{_NAME}: axis is {axis!r}; expected an integer") from None
    if not -ndim <= found < ndim:
        raise ValueError(f"{_NAME}: axis is {found}; expected one of {ndim} axes")
    return found


def _checked(name: str, value: Any) -> Array:
    if is_container(value):
        raise TypeError(
            f"{_NAME}: {name} is of type {type(value).__name__}; expected an array of NumPy's own"
        )
    return as_real(_NAME, name, value)


def _counted(arrays: dict[str, Array], activation: Any, axis: int) -> Statistics:
    z = arrays["z"]
    units = z.shape[axis]
    dtype = common_dtype([a.dtype for a in arrays.values()])
    entry, parameters = _IDENTITY._entry["id"], _EMPTY  # type: ignore[attr-defined]
    if _has_numbers(activation):
        entry, parameters = activation._entry["id"], np.array(activation.parameter_values, np.float64)
    else:
        value, slope = _evaluated(activation, z.astype(dtype, copy=False))
        arrays = {"y": value, **arrays, "derivative": slope}
    limits = saturation_of(activation, units, axis == z.ndim - 1)
    counters = Counters(units)
    names = ("z", "y", "derivative", "grad_y")
    matrices = [as_matrix(arrays[name], axis, dtype) if name in arrays else None for name in names]
    counters.add(entry, parameters, matrices, *_limits_of_units(limits, units))
    n = z.size // units if units else 0
    return Statistics(counters, n, limits, "grad_y" in arrays)


def forward_counting(
    x: Array, w: Array, b: Array | None, activation: Any
) -> tuple[Array, Array, Statistics] | None:
    """z = x @ w + b, y = f(z) and their statistics, in one C call, or None for what C does not have.

    The matrices are of one float dtype."""
    if not (_has_numbers(activation) and x.flags.c_contiguous and w.flags.c_contiguous):
        return None
    z, y = np.empty((len(x), w.shape[1]), x.dtype), np.empty((len(x), w.shape[1]), x.dtype)
    entry, parameters = activation._entry["id"], np.array(activation.parameter_values, x.dtype)
    limits = saturation_of(activation, w.shape[1], True)
    counters = Counters(w.shape[1])
    flat = None if b is None else np.ascontiguousarray(b).reshape(-1)
    counters.forward(entry, parameters, (x, w, flat), (z, y), *_limits_of_units(limits, w.shape[1]))
    return z, y, Statistics(counters, len(x), limits, has_gradients=False)


def _has_numbers(activation: Any) -> bool:
    return isinstance(activation, Builtin) and all(map(is_number, activation.parameter_values))


def _limits_of_units(limits: Saturation, units: int) -> tuple[Array, Array]:
    low, high = (limit if limit.size == units else np.repeat(limit, units) for limit in limits[:2])
    return low, high


def _evaluated(activation: Any, z: Array) -> tuple[Array, Array]:
    """f(z) and f'(z), of an activation that C does not have or whose parameters are arrays."""
    if isinstance(activation, Activation):
        value, slope = activation.value_and_derivative(z)
    else:
        value, slope = activation(z), activation.derivative(z)
    for result in (value, slope):
        if np.shape(result) != z.shape:
            message = f"{_NAME}: a result of the activation has shape {np.shape(result)}"
            raise ValueError(f"{message}; expected {z.shape}, that of z")
    return np.asarray(value), np.asarray(slope)
