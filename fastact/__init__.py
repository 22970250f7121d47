"""Neural-network activations, forward and backward, on the CPU, from NumPy or from C.

Every activation is an attribute, such as ``fastact.gelu``. It is called as a ufunc is, and its methods
compute gradients:

>>> import numpy as np
>>> import fastact as fa
>>> x = np.float32([-1, 0, 1])
>>> fa.relu(x)
array([0., 0., 1.], dtype=float32)
>>> fa.relu.backward(np.float32([5, 5, 5]), x)
array([0., 0., 5.], dtype=float32)

Activations
    f(x), f.derivative(x), f.backward(grad_y, x), f.backward_from_output(grad_y, y),
    f.value_and_derivative(x), f.derivative_by(parameter, x), f.parameter_gradients(grad_y, x),
    f.bind(**parameters); f.parameters, f.formula, f.kinks, f.range, f.max_ulp, f.learned
    names(), aliases()    their names; what other libraries call them, as attributes too
    get(name)      one by name
    surrogate(f, g), mixed([f, g, ...])    the value of f with the gradient of g; one for each unit
    plot(f, g, ...)    their lines, with matplotlib
    ufuncs         the NumPy ufuncs behind them
Over whole rows (an axis)
    softmax, softmin, quiet_softmax, log_softmax, logsumexp, sparsemax, entmax15, hardmax,
    maxout, crelu, gumbel_softmax    f(x), f.backward(grad_y, x)
Gated pairs: an activation of one half of an array times the other half
    glu, swiglu, geglu, geglu_tanh, reglu, bilinear    f(x), f(a, b), f.backward(grad_y, x)
    gated(activation)    the same with any activation
Losses: f(x, target), f.value_and_gradient(x, target)
    softmax_cross_entropy, nll    of classifiers, over an axis
    sigmoid_binary_cross_entropy, mse, huber, hinge, kl_divergence, poisson    of elements
Dense layers and training
    dense, dense_forward, dense_backward    one layer
    Network, NetworkCopies    networks, and networks of one shape that are trained at once
    init           initial weights that fit the activation
    optim          optimisers: SGD, Adam, AdamW, RMSProp, Adagrad, Lion
    dropout, layer_norm, rms_norm, batch_norm    masks that follow from seed and step; normalisation
Health and fixed point
    health, Health    what the units of a layer, or of a network, do; with findings and advice
    revive            new weights for dead units
    quantized, fixed_point, fixed_point_bits    tables of activations of 8-bit integers; fixed point
Settings
    isa, isas, set_isa                            the instruction set
    get_num_threads, set_num_threads, num_threads    limits on threads
For C
    get_include, get_library    for a C compiler
    cimport fastact             for Cython: fastact.gelu_f32(&x[0], &y[0], n)

``help(fastact.gelu)`` shows one activation: formula, parameters, kinks, range, error bounds, source.
"""

import sys as _sys
from importlib import import_module as _import_module

from fastact import _core, dense, health
from fastact import ufuncs as ufuncs
from fastact._version import __version__ as __version__
from fastact.activations.base import Activation as Activation
from fastact.activations.registry import aliases as aliases
from fastact.activations.registry import get as get
from fastact.activations.registry import names as names
from fastact.runtime import check_environment as _check_environment
from fastact.runtime import get_include as get_include
from fastact.runtime import get_library as get_library
from fastact.runtime import get_num_threads as get_num_threads
from fastact.runtime import isa as isa
from fastact.runtime import isas as isas
from fastact.runtime import num_threads as num_threads
from fastact.runtime import set_isa as set_isa
from fastact.runtime import set_num_threads as set_num_threads

_check_environment()

# What `cimport fastact`, scipy.LowLevelCallable.from_cython and numba's get_cython_function_address look up
__pyx_capi__ = _core.c_functions()

# `from fastact import *` binds nothing: abs, exp and others would hide names of Python and of NumPy. It also
# keeps help(fastact) to the text above
__all__: list[str] = []

# fastact.dense and fastact.health are functions. Packages have these names, too, which are imported above: an
# import binds the name of a package only once, so that the functions keep theirs
del dense, health

# What is imported when it is first asked for: it would take most of the time of an import, and many programs
# call activations only. Names by the module that has them, or after a colon the dictionary in it
_ON_REQUEST = {
    "_dense": "Saved",
    "activations.mixed": "mixed",
    "activations.surrogate": "surrogate",
    "dense.functions": "dense dense_backward dense_forward",
    "health.monitor": "Health",
    "health.statistics": "health",
    "plots": "plot",
    "quantized.fixed": "fixed_point fixed_point_bits",
    "rowwise.cross_entropy": "softmax_cross_entropy",
    "rowwise.functions:FUNCTIONS": (
        "softmax softmin quiet_softmax log_softmax logsumexp sparsemax entmax15 hardmax"
    ),
    "rowwise.gated": "gated",
    "rowwise.gated:GATED": "glu swiglu geglu geglu_tanh reglu bilinear",
    "rowwise.gumbel": "gumbel_softmax",
    "rowwise.losses:LOSSES": "sigmoid_binary_cross_entropy mse huber hinge kl_divergence poisson",
    "rowwise.nll": "nll",
    "rowwise.resizing:RESIZING": "maxout crelu",
    "training.batch_norm": "batch_norm",
    "training.copies": "NetworkCopies",
    "training.dropout": "dropout",
    "training.network": "Network",
    "training.revival": "revive",
    "training.row_norms": "layer_norm rms_norm",
}
_WHERE = {name: where for where, listed in _ON_REQUEST.items() for name in listed.split()}
_MODULES = {"init": "training.init", "optim": "training.optim", "quantized": "quantized"}


def __getattr__(name: str) -> object:
    where = _MODULES.get(name) or _WHERE.get(name)
    if where is None:
        message = f"module 'fastact' has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=_sys.modules[__name__])
    path, _, table = where.partition(":")
    module = _import_module(f"fastact.{path}")
    value: object = module
    if name not in _MODULES:
        value = vars(module)[table][name] if table else vars(module)[name]
    globals()[name] = value  # where it is found from now on
    return value


_PUBLIC = [
    "Activation",
    "aliases",
    "get",
    "get_include",
    "get_library",
    "get_num_threads",
    "isa",
    "isas",
    "names",
    "num_threads",
    "set_isa",
    "set_num_threads",
    "ufuncs",
    *names(),
    *aliases(),
    *_MODULES,
    *_WHERE,
]
globals().update({name: get(name) for name in (*names(), *aliases())})


def __dir__() -> list[str]:
    return [*_PUBLIC, *(name for name in globals() if name.startswith("__"))]
