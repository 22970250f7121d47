"""The part of the type stub fastact/__init__.pyi that lists the activations.

For each set of parameters there is a class whose methods have these parameters by name, so that an editor
completes ``negative_slope=``. The build runs this file alone: it must not import anything of fastact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_CLASS = """class {name}(Activation, metaclass=ABCMeta):
    def __call__(self, x: Any, /, *, out: Any = None, {parameters}, **kwargs: Any) -> Any: ...
    def derivative(self, x: Any, /, *, out: Any = None, {parameters}, **kwargs: Any) -> Any: ...
    def backward(self, grad_y: Any, x: Any, /, *, out: Any = None, {parameters}, **kwargs: Any) -> Any: ...
    def backward_from_output(
        self, grad_y: Any, y: Any, /, *, out: Any = None, {parameters}, **kwargs: Any
    ) -> Any: ...
    def value_and_derivative(
        self, x: Any, /, *, out: Any = None, {parameters}, **kwargs: Any
    ) -> tuple[Any, Any]: ...
    def bind(self, *, {parameters}, **parameters: Any) -> {name}: ...
    def derivative_by(
        self, parameter: str, x: Any, /, *, out: Any = None, {parameters}, **kwargs: Any
    ) -> Any: ...
    def parameter_gradients(
        self, grad_y: Any, x: Any, /, *, dtype: Any = None, {parameters}, **parameters: Any
    ) -> dict[str, Any]: ...
"""


def class_name(parameters: Sequence[str]) -> str:
    """The class of activations with these parameters.

    Examples
    --------
    >>> class_name(["negative_slope"]), class_name([])
    ('_NegativeSlope', 'Activation')
    """
    words = "_".join(parameters).split("_")
    return "_" + "".join(word.capitalize() for word in words) if parameters else "Activation"


def activations(entries: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> str:
    """The classes, and one line for each activation and alias.

    Parameters
    ----------
    entries : mapping
        Names of parameters by name of activation.
    aliases : mapping
        Names of activations by alias.

    Examples
    --------
    >>> print(activations({"gelu": []}, {"gelu_erf": "gelu"}))
    gelu: Final[Activation]
    gelu_erf: Final[Activation]
    """
    sets = sorted({tuple(parameters) for parameters in entries.values() if parameters})
    keywords = {one: ", ".join(f"{parameter}: Any = ..." for parameter in one) for one in sets}
    classes = [_CLASS.format(name=class_name(one), parameters=keywords[one]) for one in sets]
    lines = [f"{name}: Final[{class_name(parameters)}]" for name, parameters in entries.items()]
    lines += [f"{alias}: Final[{class_name(entries[name])}]" for alias, name in aliases.items()]
    return "\n".join([*classes, *lines])
