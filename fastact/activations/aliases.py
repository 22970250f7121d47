"""What other libraries call the entries of the table, where it is another name or another function.

The one list of aliases: :func:`fastact.get`, attributes of :mod:`fastact`, its type stub and the help texts
follow from it. A name that differs only in case, spaces, hyphens or underscores needs no alias to be found
by :func:`fastact.get`; it has one to be an attribute. Where a library means another function or other
parameters by a name of an entry, the alias is ``LIBRARY_NAME``, and `theirs` is the name. The build runs this
file alone: it must not import anything of fastact.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_NONE: Mapping[str, float] = MappingProxyType({})


class Alias(NamedTuple):
    """A name that others use for an entry of the table.

    Parameters
    ----------
    name : str
        The attribute of :mod:`fastact`.
    entry : str
        The entry that computes it.
    libraries : str
        The libraries that use the name.
    parameters : mapping
        Those of the entry that differ from its defaults.
    theirs : str
        Their name for it, where `name` had to be another one.
    """

    name: str
    entry: str
    libraries: str
    parameters: Mapping[str, float] = _NONE
    theirs: str = ""


ALIASES: tuple[Alias, ...] = (
    Alias("linear", "identity", "Keras"),
    Alias("relu_k", "clipped_relu", "Thinc"),
    Alias("bounded_relu", "clipped_relu", "oneDNN 2"),
    Alias("lrelu", "leaky_relu", "papers"),
    Alias("tensorflow_leaky_relu", "leaky_relu", "TensorFlow", {"negative_slope": 0.2}, "leaky_relu"),
    Alias("keras_leaky_relu", "leaky_relu", "Keras, the function", {"negative_slope": 0.2}, "leaky_relu"),
    Alias("keras_layer_leaky_relu", "leaky_relu", "Keras, the layer", {"negative_slope": 0.3}, "LeakyReLU"),
    Alias("mxnet_leaky_relu", "leaky_relu", "MXNet", {"negative_slope": 0.25}, "LeakyReLU"),
    Alias("hardsigmoid", "hard_sigmoid", "PyTorch, Paddle, ggml"),
    Alias("onnx_hard_sigmoid", "hard_sigmoid", "ONNX", {"slope": 0.2}, "HardSigmoid"),
    Alias("keras2_hard_sigmoid", "hard_sigmoid", "Keras 2", {"slope": 0.2}, "hard_sigmoid"),
    Alias("thinc_hard_sigmoid", "hard_sigmoid", "Thinc", {"slope": 0.2}, "hard_sigmoid"),
    Alias("hardtanh", "hard_tanh", "PyTorch, Paddle"),
    Alias("softshrink", "soft_shrink", "PyTorch, Paddle, TensorFlow Addons"),
    Alias("hardshrink", "hard_shrink", "PyTorch, Paddle, TensorFlow Addons"),
    Alias("shrink", "hard_shrink", "ONNX, with its default bias 0"),
    Alias("sgn", "sign", "PyTorch, ggml"),
    Alias("heaviside", "step", "NumPy and PyTorch, with 0 at 0"),
    Alias("hardswish", "hard_swish", "PyTorch, Paddle, ggml"),
    Alias("hard_silu", "hard_swish", "JAX, Keras"),
    Alias("hard_swish_mobilenet", "hard_swish", "Thinc"),
    Alias("sqr", "square", "ggml"),
    Alias("relu2", "relu_squared", "Transformers"),
    Alias("exponential", "exp", "Keras"),
    Alias("logistic", "sigmoid", "scikit-learn, oneDNN, JAX"),
    Alias("expit", "sigmoid", "SciPy"),
    Alias("logsigmoid", "log_sigmoid", "PyTorch"),
    Alias("log_expit", "log_sigmoid", "SciPy"),
    Alias("stanh", "scaled_tanh", "Paddle"),
    Alias("tanhshrink", "tanh_shrink", "PyTorch, Paddle, TensorFlow Addons"),
    Alias("soft_relu", "softplus", "oneDNN"),
    Alias("soft_sign", "softsign", "JAX"),
    Alias("ndtr", "laplace", "SciPy", {"mu": 0.0, "sigma": 1.0}),
    Alias("swish1", "silu", "the paper of swish"),
    Alias("gelu_quick", "quick_gelu", "ggml"),
    Alias("gelu_erf", "gelu", "oneDNN, ggml"),
    Alias("gelu_approx", "gelu_tanh", "Thinc"),
    Alias("gelu_new", "gelu_tanh", "Transformers"),
    Alias("gelu_pytorch_tanh", "gelu_tanh", "Transformers"),
    Alias("jax_gelu", "gelu_tanh", "JAX, by default", _NONE, "gelu"),
    Alias("ggml_gelu", "gelu_tanh", "ggml", _NONE, "gelu"),
    Alias("atan", "arctan", "PyTorch, TensorFlow, ONNX, Paddle"),
)


def plain(name: str) -> str:
    """A name in lower case without separators: the same for "LeakyReLU", "leaky-relu" and "leaky_relu".

    Examples
    --------
    >>> plain("Leaky ReLU") == plain("leaky_relu")
    True
    """
    return "".join(c for c in name.lower() if c not in " -_")
