"""fastact: neural-network activations, forward and backward, on the CPU, from NumPy or from C.

Every activation is an attribute, such as ``fastact.gelu``: an object that behaves as a ufunc does and has
``backward``, ``derivative``, ``value_and_derivative`` and more. ``fastact.names()`` lists them, and
``fastact.aliases()`` what other libraries call them, which are attributes too. This file only gathers names;
it does not know any activation.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> x = np.float32([-1, 0, 1])
>>> fa.relu(x)
array([0., 0., 1.], dtype=float32)
>>> fa.relu.backward(np.float32([5, 5, 5]), x)
array([0., 0., 5.], dtype=float32)
"""

from importlib.metadata import version as _version

from fastact import ufuncs
from fastact._dense import Saved
from fastact.activations.base import Activation
from fastact.dense.functions import dense, dense_backward, dense_forward
from fastact.activations.mixed import mixed
from fastact.activations.registry import aliases, get, names
from fastact.runtime import (
    check_environment,
    get_include,
    get_library,
    get_num_threads,
    isa,
    isas,
    num_threads,
    set_isa,
    set_num_threads,
)
from fastact.dense.network import Network
from fastact.activations.surrogate import surrogate

__version__ = _version("fastact")
check_environment()
del check_environment

for _name in (*names(), *aliases()):
    globals()[_name] = get(_name)
del _name

__all__ = [
    "Activation",
    "Network",
    "Saved",
    "dense",
    "dense_backward",
    "dense_forward",
    "aliases",
    "get",
    "get_include",
    "get_library",
    "get_num_threads",
    "isa",
    "isas",
    "mixed",
    "names",
    "num_threads",
    "set_isa",
    "set_num_threads",
    "surrogate",
    "ufuncs",
    *names(),
]
