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
    names()        their names
    aliases()      what other libraries call them; aliases are attributes too
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
    dropout        with masks that follow from seed and step
    layer_norm, rms_norm, batch_norm    normalisation
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

from fastact import _core
from fastact import quantized as quantized
from fastact import ufuncs as ufuncs
from fastact._dense import Saved as Saved
from fastact._version import __version__ as __version__
from fastact.activations.base import Activation as Activation
from fastact.activations.mixed import mixed as mixed
from fastact.activations.registry import aliases as aliases
from fastact.activations.registry import get as get
from fastact.activations.registry import names as names
from fastact.activations.surrogate import surrogate as surrogate
from fastact.dense.functions import dense as dense
from fastact.dense.functions import dense_backward as dense_backward
from fastact.dense.functions import dense_forward as dense_forward
from fastact.health.monitor import Health as Health
from fastact.health.statistics import health as health
from fastact.plots import plot as plot
from fastact.quantized.fixed import fixed_point as fixed_point
from fastact.quantized.fixed import fixed_point_bits as fixed_point_bits
from fastact.rowwise.cross_entropy import softmax_cross_entropy as softmax_cross_entropy
from fastact.rowwise.functions import FUNCTIONS as _ROWWISE
from fastact.rowwise.gated import GATED as _GATED
from fastact.rowwise.gated import gated as gated
from fastact.rowwise.gumbel import gumbel_softmax as gumbel_softmax
from fastact.rowwise.losses import LOSSES as _LOSSES
from fastact.rowwise.nll import nll as nll
from fastact.rowwise.resizing import RESIZING as _RESIZING
from fastact.runtime import check_environment as _check_environment
from fastact.runtime import get_include as get_include
from fastact.runtime import get_library as get_library
from fastact.runtime import get_num_threads as get_num_threads
from fastact.runtime import isa as isa
from fastact.runtime import isas as isas
from fastact.runtime import num_threads as num_threads
from fastact.runtime import set_isa as set_isa
from fastact.runtime import set_num_threads as set_num_threads
from fastact.training import init as init
from fastact.training import optim as optim
from fastact.training.batch_norm import batch_norm as batch_norm
from fastact.training.copies import NetworkCopies as NetworkCopies
from fastact.training.dropout import dropout as dropout
from fastact.training.network import Network as Network
from fastact.training.revival import revive as revive
from fastact.training.row_norms import layer_norm as layer_norm
from fastact.training.row_norms import rms_norm as rms_norm

_check_environment()

# What `cimport fastact`, scipy.LowLevelCallable.from_cython and numba's get_cython_function_address look up
__pyx_capi__ = _core.c_functions()

# `from fastact import *` binds nothing: abs, exp and others would hide names of Python and of NumPy. It also
# keeps help(fastact) to the text above
__all__: list[str] = []

_PUBLIC = [
    "Activation",
    "Health",
    "Network",
    "NetworkCopies",
    "Saved",
    "aliases",
    "batch_norm",
    "dense",
    "dense_backward",
    "dense_forward",
    "dropout",
    "get",
    "get_include",
    "get_library",
    "get_num_threads",
    "health",
    "init",
    "isa",
    "isas",
    "layer_norm",
    "mixed",
    "names",
    "num_threads",
    "plot",
    "optim",
    "revive",
    "rms_norm",
    "set_isa",
    "set_num_threads",
    "surrogate",
    "ufuncs",
    "nll",
    "softmax_cross_entropy",
    "fixed_point",
    "fixed_point_bits",
    "quantized",
    "gated",
    "gumbel_softmax",
    *names(),
    *aliases(),
    *_ROWWISE,
    *_RESIZING,
    *_GATED,
    *_LOSSES,
]
globals().update({name: get(name) for name in (*names(), *aliases())})
globals().update(_ROWWISE)
globals().update(_RESIZING)
globals().update(_LOSSES)
globals().update(_GATED)


def __dir__() -> list[str]:
    return [*_PUBLIC, *(name for name in globals() if name.startswith("__"))]
