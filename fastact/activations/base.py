"""The contract of every activation: what it can be asked, and how it is called, bound, compared and pickled.

Must not depend on the table nor on how anything is computed: see ``builtin`` and ``composite``.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import numpy as np

from fastact import errors
from fastact.activations import help_text, hints
from fastact.activations.value_range import Interval

UFUNC_KEYWORDS = frozenset({"where", "casting", "order", "dtype", "subok", "signature", "sig"})


Method = TypeVar("Method", bound=Callable[..., Any])


def data_only(method: Method) -> Method:
    """Make additional positional arguments of a method an error that names the keywords to use."""
    parameters = inspect.signature(method).parameters.values()
    count = sum(p.kind is p.POSITIONAL_ONLY or p.name == "self" for p in parameters)

    @functools.wraps(method)
    def checked(self: Activation, /, *args: Any, **kwargs: Any) -> Any:
        if len(args) >= count:
            self.refuse_positional(method.__name__, args[count - 1 :])
        return method(self, *args, **kwargs)

    return checked  # type: ignore[return-value]


_DATA = {
    "backward": ("grad_y", "x"),
    "backward_from_output": ("grad_y", "y"),
    "derivative_by": ("parameter", "x"),
    "parameter_gradients": ("grad_y", "x"),
}


class Activation(ABC):
    """An element-wise activation function with its derivative, forward and backward.

    Instances are attributes of :mod:`fastact`, such as ``fastact.gelu``; :func:`fastact.get` finds them
    by name, and :func:`fastact.surrogate` and :func:`fastact.mixed` combine them. They are immutable;
    :meth:`bind` returns another one with other parameters. Two are equal if they compute the same function
    with equal numbers, or the same arrays, as parameters.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__doc__ = help_text.OnRequest(cls.__doc__)  # type: ignore[assignment]

    # About -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in :mod:`fastact`, or one made of the names of its parts."""

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, Any]:
        """Names and values of its parameters."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """f(x), as text that :func:`fastact.activations.formula.compile_formula` evaluates."""

    @property
    @abstractmethod
    def derivative_formula(self) -> str:
        """f'(x), likewise, with its value at kinks."""

    @property
    @abstractmethod
    def output_formula(self) -> str | None:
        """f' as a function of y = f(x), or None where the output does not determine it."""

    @property
    @abstractmethod
    def kinks(self) -> tuple[float, ...]:
        """Where f or f' jumps, for the parameters at hand."""

    @property
    @abstractmethod
    def range(self) -> Interval:
        """The smallest interval that holds all values of f, for the parameters at hand.

        Raises
        ------
        ValueError
            If parameters are arrays, or such that f is not defined everywhere.

        Examples
        --------
        >>> import fastact as fa
        >>> fa.sigmoid.range
        Interval(low=0.0, high=1.0, has_low=False, has_high=False)
        """

    @property
    @abstractmethod
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        """Enforced error of f and of f' in ULP, by dtype name."""

    @property
    def units(self) -> int | None:
        """The extent that the last axis of an input must have, or None for any."""
        return None

    @property
    def ufunc(self) -> np.ufunc:
        """The NumPy ufunc that computes f(x) from x and the parameters."""
        raise AttributeError(f"fastact.{self.name} has no ufuncs: it combines several activations")

    @property
    def derivative_ufunc(self) -> np.ufunc:
        """The NumPy ufunc that computes f'(x) from x and the parameters."""
        return self.ufunc

    @property
    def backward_ufunc(self) -> np.ufunc:
        """The NumPy ufunc that computes grad_y * f'(x) from grad_y, x and the parameters."""
        return self.ufunc

    @property
    def backward_from_output_ufunc(self) -> np.ufunc | None:
        """The NumPy ufunc that computes grad_y * f'(x) from grad_y, y and the parameters, or None."""
        return self.ufunc

    @abstractmethod
    def documentation(self) -> str:
        """What ``help`` shows."""

    @abstractmethod
    def described(self) -> str:
        """Its name, and what is bound."""

    def __repr__(self) -> str:
        return f"<fastact.{self.described()}>"

    def shape_of_parameters(self, given: Mapping[str, Any] = MappingProxyType({})) -> tuple[int, ...]:
        """The shape to which the parameters broadcast, some of them given other values."""
        values = {**self.parameters, **given}
        return np.broadcast_shapes(*(np.shape(values[key]) for key in self.parameters))

    # As objects -------------------------------------------------------------------------------------

    @abstractmethod
    def key(self) -> tuple[Any, ...]:
        """What distinguishes it from others of its class: numbers by value, arrays by identity."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(self) is type(other) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash((type(self), self.key()))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        message = f"{self.blame('__call__')} is immutable: cannot set {name!r}"
        raise AttributeError(f"{message}; bind returns an activation with other parameters")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    # Errors -----------------------------------------------------------------------------------------

    def blame(self, method: str) -> str:
        """What error messages begin with."""
        return f"fastact.{self.name}" + ("" if method == "__call__" else f".{method}")

    def refuse_positional(self, method: str, extra: tuple[Any, ...]) -> NoReturn:
        """Raise a TypeError for positional arguments beyond the data."""
        data = _DATA.get(method, ("x",))
        keywords = [] if method == "parameter_gradients" else ["out"]
        raise errors.only_by_keyword(self.blame(method), data, len(extra), [*self.parameters, *keywords])

    def split_keywords(
        self, method: str, kwargs: Mapping[str, Any], known: frozenset[str] = UFUNC_KEYWORDS
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values of parameters, and other known keywords; a TypeError for anything else."""
        given: dict[str, Any] = {}
        keywords: dict[str, Any] = {}
        parameters = self.parameters if kwargs else given
        for name, value in kwargs.items():
            if name in parameters:
                given[name] = value
            elif name in known:
                keywords[name] = value
            else:
                raise hints.unknown_keyword(self.blame(method), name, parameters)
        return given, keywords

    # Computing --------------------------------------------------------------------------------------

    @abstractmethod
    def __call__(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """f(x), element by element."""

    @abstractmethod
    def derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """f'(x), element by element; arguments as for calling the activation itself."""

    @abstractmethod
    def backward(self, grad_y: Any, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """grad_y * f'(x): the gradient with respect to the input; 0 where f'(x) is 0.

        f'(x) is rounded before it is multiplied, so that the result is infinite where f'(x) overflows.
        """

    @abstractmethod
    def backward_from_output(self, grad_y: Any, y: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """grad_y * f'(x) from y = f(x) alone; a TypeError with the reason where y does not determine it."""

    @abstractmethod
    def value_and_derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """(f(x), f'(x)); `out`, if given, is a pair of arrays."""

    @abstractmethod
    def check_from_output(self, kwargs: Mapping[str, Any]) -> None:
        """Raise a TypeError with the reason unless the output determines the derivative."""

    # Parameters -------------------------------------------------------------------------------------

    @abstractmethod
    def bind(self, **parameters: Any) -> Activation:
        """The same activation with parameters fixed.

        Parameters
        ----------
        **parameters : float or array_like
            New values, by name. Arrays broadcast with the input, and are used as they are at each call.

        Raises
        ------
        TypeError
            If the activation has no such parameter, or the value is not made of real numbers.
        ValueError
            If a value is an integer too large for float64.

        Examples
        --------
        >>> import fastact as fa
        >>> float(fa.leaky_relu.bind(negative_slope=0.5)(-4.0))
        -2.0
        """

    @property
    @abstractmethod
    def learned(self) -> Mapping[str, str]:
        """Names of the parameters that can be learned, each with the text of df/dparameter."""

    @abstractmethod
    def derivative_by(self, parameter: str, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """df/dparameter at x, element by element.

        Parameters
        ----------
        parameter : str
            One of :attr:`learned`.
        x : array_like
            Real numbers, of any shape.
        out : ndarray, optional
            Where to store the result.
        **kwargs
            Values for parameters, and keywords of ufuncs.

        Raises
        ------
        TypeError
            If this is not a learned parameter.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> fa.prelu.derivative_by("weight", np.array([-2.0, 3.0]))
        array([-2.,  0.])
        """

    def require_learned(self, method: str, parameter: str | None = None) -> None:
        """Raise a TypeError unless the parameter is learned, or any is, if none is given."""
        if not self.learned:
            raise hints.not_learned(self.blame(method), self.parameters, self.learned_elsewhere())
        if parameter is not None and parameter not in self.learned:
            message = f"{self.blame(method)}: {parameter!r} is not a learned parameter"
            raise TypeError(f"{message}; those are: {', '.join(self.learned)}")

    def learned_elsewhere(self) -> list[str]:
        """Learned parameters of activations with the same formula, such as ``prelu's weight``."""
        return []

    @abstractmethod
    def parameter_gradients(
        self, grad_y: Any, x: Any, /, *, dtype: Any = None, **parameters: Any
    ) -> dict[str, Any]:
        """Gradients with respect to the learned parameters, each summed to its parameter's shape.

        Parameters
        ----------
        grad_y, x : array_like
            As for :meth:`backward`. Masked elements do not count. Series, DataFrames and DataArrays must be
            aligned.
        dtype : dtype, optional
            Of the results; by default that of ``grad_y * df/dparameter``.
        **parameters : float or array_like
            Values as they were in the forward pass.

        Returns
        -------
        dict
            By name. Products and sums are computed in float64, sums of float64 data with compensation, and
            rounded once. Where df/dparameter is 0 the product is 0, even for an infinite grad_y.

        Raises
        ------
        TypeError
            If the activation has no learned parameters, and for unknown keywords.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> x = np.array([[-1.0, -2.0], [-3.0, 4.0]])
        >>> fa.prelu.parameter_gradients(np.ones((2, 2)), x, weight=np.array([0.1, 0.2]))
        {'weight': array([-4., -2.])}
        """
