"""``surrogate``: the value of one activation with the gradient of another.

Knows how the two are put together, and when the gradient still follows from the output. Does not know any
activation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import errors
from fastact.activations.base import Activation
from fastact.activations.composite import Composition, same_function
from fastact.activations.value_range import Interval
from fastact.activations.registry import get

_POWERS = np.concatenate([2.0 ** np.arange(-148, 128, 4), 2.0 ** np.arange(-1074, 1024, 32)])
_SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
_POINTS = np.concatenate([-_POWERS, _POWERS, np.arange(-12, 12, 1 / 16), _SPECIAL])
_AT_ONCE = 2**20  # elements


def surrogate(forward: str | Activation, backward: str | Activation) -> Surrogate:
    """The value of one activation, the gradient of another.

    For what could not be learned otherwise: spiking and binary networks (``step`` forward, the slope of a
    smooth function backward), straight-through estimators (``identity`` backward), a relu that cannot die
    (``leaky_relu`` backward).

    Parameters
    ----------
    forward : str or Activation
        f(x), with its parameters under ``forward_NAME``.
    backward : str or Activation
        What f'(x) is taken from, with its parameters under ``backward_NAME``.

    Returns
    -------
    Surrogate
        An activation: ``s(x)`` is ``forward(x)``; ``s.derivative(x)`` and ``s.backward(grad_y, x)`` are
        those of `backward`, bit for bit. ``s.backward_from_output`` works where both are the same, or where
        backward'(forward(x)) is backward'(x) for every x (``relu`` with ``leaky_relu``, ``identity`` on
        either side); else it raises a TypeError. Learned parameters are those of `forward`.

    Raises
    ------
    ValueError
        For an unknown name; for two mixtures of different numbers of units.

    References
    ----------
    Bengio, Leonard and Courville (2013), arXiv:1308.3432; Neftci, Mostafa and Zenke (2019), arXiv:1901.09948.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> spike = fa.surrogate("step", fa.arctan)
    >>> x = np.array([-1.0, 0.0, 1.0])
    >>> spike(x), spike.derivative(x)
    (array([0., 0., 1.]), array([0.5, 1. , 0.5]))
    >>> undying = fa.surrogate("relu", "leaky_relu").bind(backward_negative_slope=0.25)
    >>> undying.backward_from_output(np.ones(3), undying(x))
    array([0.25, 0.25, 1.  ])
    """
    return Surrogate(get(forward), get(backward))


class Surrogate(Composition):
    """What :func:`surrogate` makes.

    Parameters
    ----------
    forward, backward : Activation
        Where the value and the gradient come from.
    """

    _about = "The value of one activation, the gradient of another."

    def __init__(self, forward: Activation, backward: Activation) -> None:
        known = {part.units for part in (forward, backward)} - {None}
        if len(known) > 1:
            message = f"fastact.surrogate: forward has {forward.units} units, backward {backward.units}"
            raise ValueError(f"{message}; expected as many")
        self._units = next(iter(known), None)
        self._forward, self._backward = forward, backward
        super().__init__({"forward": forward, "backward": backward})
        self._from_output: str | None = None  # how, once it is known

    def rebuilt(self, parts: Mapping[str, Activation]) -> Surrogate:
        return Surrogate(**parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return Surrogate, (self._forward, self._backward)

    # About ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``surrogate(NAME, NAME)``."""
        return f"surrogate({self._forward.name}, {self._backward.name})"

    def described(self) -> str:
        return f"surrogate({self._forward.described()}, {self._backward.described()})"

    @property
    def formula(self) -> str:
        """f(x)."""
        return self.text("forward", self._forward.formula)

    @property
    def derivative_formula(self) -> str:
        """What stands for f'(x)."""
        return self.text("backward", self._backward.derivative_formula)

    @property
    def output_formula(self) -> str | None:
        """The same as a function of y = f(x), or None where the output does not determine it."""
        how = self._how({})
        if how == "same":
            text = self._backward.output_formula
            return None if text is None else self.text("backward", text)
        return re.sub(r"\bx\b", "y", self.derivative_formula) if how == "slope" else None

    @property
    def kinks(self) -> tuple[float, ...]:
        """Kinks of either part, in order."""
        return tuple(sorted({*self._forward.kinks, *self._backward.kinks}))

    @property
    def range(self) -> Interval:
        """That of the forward part."""
        return self._forward.range

    @property
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        """Enforced error of f, and of what stands for f', in ULP, by dtype name."""
        f, g = self._forward.max_ulp, self._backward.max_ulp
        return MappingProxyType({dtype: (f[dtype][0], g[dtype][1]) for dtype in f})

    @property
    def units(self) -> int | None:
        return self._units

    @property
    def learned(self) -> Mapping[str, str]:
        """Learned parameters of the forward part: the value does not depend on others."""
        every = super().learned
        return MappingProxyType({k: v for k, v in every.items() if self._origin[k][0] == "forward"})

    # Computing --------------------------------------------------------------------------------------

    def __call__(self, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        given, keywords = self.split("__call__", kwargs)
        return self._forward(x, out=out, **given["forward"], **keywords)

    def derivative(self, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """What stands for f'(x), elementwise."""
        given, keywords = self.split("derivative", kwargs)
        return self._backward.derivative(x, out=out, **given["backward"], **keywords)

    def backward(self, grad_y: Any, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """grad_y times what stands for f'(x), in one pass."""
        given, keywords = self.split("backward", kwargs)
        return self._backward.backward(grad_y, x, out=out, **given["backward"], **keywords)

    def value_and_derivative(self, x: Any, /, out: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """(f(x), what stands for f'(x)); `out`, if given, is a pair of arrays."""
        if out is None:
            return self(x, **kwargs), self.derivative(x, **kwargs)
        blame = self.blame("value_and_derivative")
        _, keywords = self.split("value_and_derivative", kwargs)
        errors.check_pair(blame, out)
        held = np.array(x, subok=True)  # the first result may overwrite x
        given = {key: value for key, value in kwargs.items() if key not in keywords}
        shapes = {"x": held.shape, "parameters": self.shape_of_parameters(given)}
        shape = errors.common_shape(blame, {**shapes, "where": np.shape(keywords.get("where", True))})
        errors.check_out(blame, out, shape)  # of both, before the first one is written
        return self(held, out=out[0], **kwargs), self.derivative(held, out=out[1], **kwargs)

    def backward_from_output(self, grad_y: Any, y: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """grad_y times what stands for f'(x), from y = f(x) alone, where y determines it."""
        given, keywords = self.split("backward_from_output", self.check_from_output(kwargs))
        compute = self._backward.backward
        if self._how(given) == "same":
            compute = self._backward.backward_from_output
        return compute(grad_y, y, out=out, **given["backward"], **keywords)

    def check_from_output(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """kwargs, if the derivative follows from the output; else a TypeError that says why not."""
        given, _ = self.split("backward_from_output", kwargs)
        how = self._how(given)
        if how == "same":
            self._backward.check_from_output(given["backward"])
        elif how == "not":
            blame, f, g = self.blame("backward_from_output"), self._forward.name, self._backward.name
            reason = f"{f}(x) does not tell the slope of {g} at x"
            raise TypeError(f"{blame}: the output does not determine it: {reason}")
        return kwargs

    def derivative_by_own(
        self, label: str, own: str, x: Any, out: Any, given: dict[str, Any], keywords: dict[str, Any]
    ) -> Any:
        """The derivative of the forward part by its parameter `own`."""
        return self.parts[label].derivative_by(own, x, out=out, **given, **keywords)

    def parameter_gradients(self, grad_y: Any, x: Any, /, **parameters: Any) -> dict[str, Any]:
        """Gradients with respect to the learned parameters of the forward part."""
        given, _ = self.split("parameter_gradients", parameters)
        found = self._forward.parameter_gradients(grad_y, x, **given["forward"])
        return {f"forward_{name}": gradient for name, gradient in found.items()}

    # From the output --------------------------------------------------------------------------------

    def _how(self, given: Mapping[str, dict[str, Any]]) -> str:
        """How the derivative follows from the output: both parts are the "same", or the "slope" at f(x) is
        that at x; or "not"."""
        if any(given.values()):
            f, g = (part.bind(**given[label]) for label, part in self.parts.items())
            return _how(f, g)
        if self._from_output is None:
            self._from_output = _how(self._forward, self._backward)
        return self._from_output


def _how(f: Activation, g: Activation) -> str:
    if same_function(f, g):
        return "same"
    with np.errstate(all="ignore"):  # the smallest numbers, in float32
        return "slope" if _slope_survives(f, g) else "not"


def _slope_survives(f: Activation, g: Activation) -> bool:
    """Whether g'(f(x)) is g'(x), bit for bit, for every x, in both dtypes.

    It is for every x if it is at all kinks, next to them, and at points between them. Where g' is constant
    between kinks, one point between any two decides; where it is not, f would have to be x or -x at each of
    hundreds of points, of all magnitudes, and nowhere else.
    """
    shape = np.broadcast_shapes(*(part.shape_of_parameters() for part in (f, g)), (f.units or g.units or 1,))
    return all(_agree(f, g, np.broadcast_to(x, (*x.shape[:1], *shape))) for x in _points(f, g, shape))


def _points(f: Activation, g: Activation, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Where to compare, as columns of no more than `_AT_ONCE` elements once they are broadcast to `shape`."""
    for dtype in (np.float32, np.float64):
        kinks = np.sort(np.array([*f.kinks, *g.kinks], dtype))
        between = kinks[:-1] / 2 + kinks[1:] / 2
        beside = [np.nextafter(kinks, dtype(side)) for side in (-np.inf, np.inf)]
        x = np.concatenate([_POINTS.astype(dtype), kinks, between, *beside])
        step = max(1, _AT_ONCE // int(np.prod(shape)))
        for start in range(0, x.size, step):
            yield x[start : start + step].reshape(-1, *(1 for _ in shape))


def _agree(f: Activation, g: Activation, x: NDArray[Any]) -> bool:
    y = np.asarray(f(x)).astype(x.dtype, copy=False)
    return np.array_equal(g.derivative(y), g.derivative(x), equal_nan=True)
