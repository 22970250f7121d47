"""What every activation is, whatever it is made of: called, differentiated, bound, pickled, asked about.

The contract, with the texts that describe it. Does not know the table, nor how anything is computed: that is
``row.py`` for the rows of the table, and ``composition.py`` for activations made of others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastact.activations import help_text
from fastact.activations.value_range import Interval

UFUNC_KEYWORDS = frozenset({"where", "casting", "order", "dtype", "subok", "signature", "sig"})


class Activation(ABC):
    """An element-wise activation function with its derivative, forward and backward.

    Instances are attributes of :mod:`fastact`, such as ``fastact.gelu``; :func:`fastact.get` finds them
    by name, and :func:`fastact.surrogate` and :func:`fastact.mixed` make others of them. They are immutable;
    :meth:`bind` makes another one with other parameters.
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
        raise AttributeError(f"fastact.{self.name} has no ufuncs: it is made of several activations")

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

    # Computing --------------------------------------------------------------------------------------

    @abstractmethod
    def __call__(self, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """f(x), elementwise."""

    @abstractmethod
    def derivative(self, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """f'(x), elementwise; arguments as for calling the activation itself."""

    @abstractmethod
    def backward(self, grad_y: Any, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """grad_y * f'(x): the gradient with respect to the input; 0 where f'(x) is 0."""

    @abstractmethod
    def backward_from_output(self, grad_y: Any, y: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """grad_y * f'(x) from y = f(x) alone; a TypeError with the reason where y does not determine it."""

    @abstractmethod
    def value_and_derivative(self, x: Any, /, out: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """(f(x), f'(x)); `out`, if given, is a pair of arrays."""

    @abstractmethod
    def check_from_output(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """kwargs, if the derivative follows from the output; else a TypeError that says why not."""

    # Parameters -------------------------------------------------------------------------------------

    @abstractmethod
    def bind(self, **parameters: Any) -> Activation:
        """The same activation with parameters fixed.

        Parameters
        ----------
        **parameters : float or array_like
            New values, by name; arrays broadcast with the input.

        Raises
        ------
        TypeError
            If the activation has no such parameter, or the value is not made of real numbers.

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
    def derivative_by(self, parameter: str, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """df/dparameter at x, elementwise.

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

    @abstractmethod
    def parameter_gradients(self, grad_y: Any, x: Any, /, **parameters: Any) -> dict[str, Any]:
        """Gradients with respect to the learned parameters, each summed to its parameter's shape.

        Parameters
        ----------
        grad_y, x : array_like
            As for :meth:`backward`.
        **parameters : float or array_like
            Values as they were in the forward pass.

        Returns
        -------
        dict
            By name; sums are taken in float64 and rounded to the dtype of ``grad_y * df/dparameter``.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> x = np.array([[-1.0, -2.0], [-3.0, 4.0]])
        >>> fa.prelu.parameter_gradients(np.ones((2, 2)), x, weight=np.array([0.1, 0.2]))
        {'weight': array([-4., -2.])}
        """
