"""Names that callers may have meant: parameters and functions as other libraries call them."""

from __future__ import annotations

from collections.abc import Iterable

from fastact import errors
from fastact.activations.aliases import plain

# Keywords of other libraries, and the parameters here that they may mean
_KEYWORDS: dict[str, tuple[str, ...]] = {
    "alpha": ("negative_slope", "weight", "slope", "scale"),
    "beta": ("offset",),
    "a": ("negative_slope", "weight"),
    "leak": ("negative_slope",),
    "leakiness": ("negative_slope",),
    "slope": ("negative_slope", "weight"),
    "negative_slope": ("weight", "slope"),
    "weight": ("negative_slope", "slope"),
    "min_val": ("min_value",),
    "max_val": ("max_value",),
    "min": ("min_value",),
    "max": ("max_value",),
    "clip_min": ("min_value",),
    "clip_max": ("max_value",),
    "threshold": ("lambd", "alpha", "max_value"),
    "theta": ("threshold", "alpha"),
    "lambda_": ("lambd",),
    "bias": ("offset", "lambd"),
}
_OTHERWISE = {
    "approximate": "fastact.gelu is exact, and fastact.gelu_tanh is its tanh approximation",
    "inplace": "out=x computes in place",
    "axis": "an element-wise function has no axis",
    "dim": "an element-wise function has no axis",
}
_HERE = {plain(name): name for name in ("softmax", "softmin", "log_softmax", "quiet_softmax", "logsumexp")}
_ROW_WISE = (
    "quietsoftmax",
    "softmax",
    "logsoftmax",
    "softmin",
    "softmax2d",
    "sparsemax",
    "entmax",
    "logsumexp",
    "hardmax",
)
_GATED = ("glu", "reglu", "geglu", "gegluerf", "gegluquick", "swiglu", "bilinear", "maxout", "crelu")


def unknown_keyword(function: str, word: str, parameters: Iterable[str]) -> TypeError:
    """For a keyword that is neither a parameter nor a keyword of ufuncs: with the one that may be meant.

    Examples
    --------
    >>> print(unknown_keyword("fastact.leaky_relu", "alpha", ["negative_slope"]))
    fastact.leaky_relu: unexpected keyword 'alpha'; its parameters are negative_slope; use negative_slope=
    """
    names = list(parameters)
    meant = [name for name in names if _own(name) in _KEYWORDS.get(_own(word), ())]
    hint = errors.nearest(word, names)
    if meant:
        hint = f"; use {' or '.join(f'{name}=' for name in meant)}"
    elif word in _OTHERWISE:
        hint = f"; {_OTHERWISE[word]}"
    expected = f"its parameters are {', '.join(names)}" if names else "it has no parameters"
    return TypeError(f"{function}: unexpected keyword {word!r}; {expected}{hint}")


def _own(name: str) -> str:
    """The name of a composite activation's parameter without the label of the part."""
    label, _, rest = name.partition("_")
    return rest if rest and (label in ("forward", "backward") or label.startswith("unit")) else name


def unknown_activation(function: str, name: object, known: Iterable[str]) -> ValueError:
    """For a name that is no element-wise activation."""
    message = f"{function}: unknown activation {name!r}"
    word = plain(str(name))
    if word in _ROW_WISE:
        where = f"fastact.{_HERE[word]} is" if word in _HERE else "it is"
        return ValueError(
            f"{message}: {where} row-wise, computed over an axis; expected an element-wise function, one of"
            " fastact.names()"
        )
    if word in _GATED:
        return ValueError(
            f"{message}: it combines two halves of an array; expected an element-wise function, one of"
            " fastact.names()"
        )
    close = errors.nearest(str(name), known)
    return ValueError(f"{message}{close}; fastact.names() lists all, fastact.aliases() their other names")


def not_learned(function: str, parameters: Iterable[str], others: Iterable[str]) -> TypeError:
    """For an activation without learned parameters.

    Parameters
    ----------
    function : str
        The name for the message.
    parameters : iterable of str
        The activation's parameters.
    others : iterable of str
        Learned parameters of other activations that compute the same function, such as ``prelu's weight``.
    """
    names, same = ", ".join(parameters), ", ".join(others)
    reason = f"none of its parameters ({names}) is learned" if names else "it has no parameters"
    return TypeError(f"{function}: {reason}" + (f"; {same} is" if same else ""))
