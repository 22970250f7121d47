"""``surrogate``: the value of one activation with the gradient of another.

Must not depend on any activation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import errors
from fastact.activations.base import Activation, data_only
from fastact.activations.composite import Composite
from fastact.activations.containers import as_operand, detached, shape_of
from fastact.activations.parameters import is_number
from fastact.activations.registry import get
from fastact.activations.value_range import Interval

# ldexp raises no underflow: this module may be imported where NumPy makes that an error
_POWERS = np.ldexp(1.0, np.concatenate([np.arange(-148, 128, 4), np.arange(-1074, 1024, 32)]))
_SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
_POINTS = np.concatenate([-_POWERS, _POWERS, np.arange(-12, 12, 1 / 16), _SPECIAL])
_AT_ONCE = 2**20  # elements


def surrogate(forward: str | Activation, backward: str | Activation) -> Surrogate:
    """The value of one activation, the gradient of another.

    For functions whose own gradient is of no use in training: spiking and binary networks (``step`` forward,
    a smooth function backward), straight-through estimators (``identity`` backward), a relu whose units
    cannot stop learning (``leaky_relu`` backward).

    Parameters
    ----------
    forward : str or Activation
        f(x), with its parameters under ``forward_NAME``.
    backward : str or Activation
        The activation whose derivative is used, with its parameters under ``backward_NAME``.

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


class Surrogate(Composite):
    """The result of :func:`surrogate`.

    Parameters
    ----------
    forward, backward : Activation
        They give the value and the gradient.
    """

    _about = "The value of one activation, the gradient of another."
    _forward: Activation
    _backward: Activation
    _units: int | None

    def __init__(self, forward: Activation, backward: Activation) -> None:
        known = {part.units for part in (forward, backward)} - {None}
        if len(known) > 1:
            message = f"fastact.surrogate: forward has {forward.units} units, backward {backward.units}"
            raise ValueError(f"{message}; expected as many")
        self.__dict__.update(_units=next(iter(known), None), _forward=forward, _backward=backward)
        super().__init__({"forward": forward, "backward": backward})

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
        """The derivative of `backward`."""
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
        """Enforced error of the value and of the derivative in ULP, by dtype name."""
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

    @data_only
    def __call__(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        given, keywords = self.split("__call__", kwargs)
        return self._forward(x, out=out, **given["forward"], **keywords)

    @data_only
    def derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """The derivative of `backward` at x, element by element."""
        given, keywords = self.split("derivative", kwargs)
        return self._backward.derivative(x, out=out, **given["backward"], **keywords)

    @data_only
    def backward(self, grad_y: Any, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """grad_y times the derivative of `backward` at x, in one pass."""
        given, keywords = self.split("backward", kwargs)
        return self._backward.backward(grad_y, x, out=out, **given["backward"], **keywords)

    @data_only
    def value_and_derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """(f(x), the derivative of `backward` at x); `out`, if given, is a pair of arrays."""
        if out is None:
            return self(x, **kwargs), self.derivative(x, **kwargs)
        blame = self.blame("value_and_derivative")
        errors.check_pair(blame, out)
        values, keywords = self.split_keywords("value_and_derivative", kwargs)
        # the first result may overwrite what the second one is computed from
        read = {"x": as_operand(x), **self.parameters, **values, "where": keywords.get("where", True)}
        read = {name: detached(operand, out) for name, operand in read.items()}
        shapes = {"x": shape_of(read["x"]), "parameters": self.shape_of_parameters(values)}
        shape = errors.common_shape(blame, {**shapes, "where": shape_of(read["where"])})
        errors.check_out(blame, out, shape)  # both, before the first one is written
        held = read.pop("x")
        kwargs = {**keywords, **read}
        return self(held, out=out[0], **kwargs), self.derivative(held, out=out[1], **kwargs)

    @data_only
    def backward_from_output(self, grad_y: Any, y: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """grad_y times the derivative of `backward` at x, from y = f(x) alone, where y determines it."""
        given, keywords = self.split("backward_from_output", kwargs)
        how = self._check_from_output(given)
        compute = self._backward.backward_from_output if how == "same" else self._backward.backward
        return compute(grad_y, y, out=out, **given["backward"], **keywords)

    def check_from_output(self, kwargs: Mapping[str, Any]) -> None:
        """Raise a TypeError with the reason unless the output determines the derivative."""
        self._check_from_output(self.split("backward_from_output", kwargs)[0])

    def derivative_by_own(
        self, label: str, own: str, x: Any, out: Any, given: dict[str, Any], keywords: dict[str, Any]
    ) -> Any:
        """The derivative of the forward part by its parameter `own`."""
        return self.parts[label].derivative_by(own, x, out=out, **given, **keywords)

    @data_only
    def parameter_gradients(
        self, grad_y: Any, x: Any, /, *, dtype: Any = None, **parameters: Any
    ) -> dict[str, Any]:
        """Gradients with respect to the learned parameters of the forward part."""
        self.require_learned("parameter_gradients")
        given, _ = self.split("parameter_gradients", parameters, frozenset())
        found = self._forward.parameter_gradients(grad_y, x, dtype=dtype, **given["forward"])
        return {f"forward_{name}": gradient for name, gradient in found.items()}

    # From the output --------------------------------------------------------------------------------

    def _check_from_output(self, given: Mapping[str, dict[str, Any]]) -> str:
        how = self._how(given)
        if how == "same":
            self._backward.check_from_output(given["backward"])
        elif how == "not":
            f, g = self._forward.name, self._backward.name
            message = f"{self.blame('backward_from_output')}: the output does not determine it"
            raise TypeError(f"{message}: {f}(x) does not determine the derivative of {g} at x")
        return how

    def _how(self, given: Mapping[str, dict[str, Any]]) -> str:
        """How the output determines the derivative: both parts are the "same", or the "slope" at f(x) is
        that at x; or "not"."""
        f, g = (part.bind(**given.get(label, {})) for label, part in self.parts.items())
        numbers = all(is_number(value) for part in (f, g) for value in part.parameters.values())
        return _how_by_value(f, g) if numbers else _how(f, g)  # the values of arrays may change


def _how(f: Activation, g: Activation) -> str:
    if f == g:
        return "same"
    with np.errstate(all="ignore"):  # the smallest numbers, in float32
        return "slope" if _slope_survives(f, g) else "not"


_how_by_value = lru_cache(512)(_how)


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
        step = max(1, _AT_ONCE // max(1, int(np.prod(shape))))
        for start in range(0, x.size, step):
            yield x[start : start + step].reshape(-1, *(1 for _ in shape))


def _agree(f: Activation, g: Activation, x: NDArray[Any]) -> bool:
    y = np.asarray(f(x)).astype(x.dtype, copy=False)
    return np.array_equal(g.derivative(y), g.derivative(x), equal_nan=True)
