"""Initial weights that fit the activation, as ``fastact.init``.

What an activation does to a signal
    gain(activation)             the factor for the weights that read its output
    moments(activation)          E f, E f^2, E f'^2 for a normal input
    signal(activation, depth)    second moment and gradient factor by layer
    edge_of_chaos(activation)    where neither grows nor shrinks
Weights
    he, glorot, lecun, orthogonal, randomized_asymmetric
    lsuv(network, x)             scaled to the data

>>> import numpy as np
>>> import fastact as fa
>>> rng = np.random.default_rng(0)
>>> w1 = fa.init.lecun((64, 128), rng=rng)                             # reads data of variance 1
>>> w2 = fa.init.lecun((128, 10), fa.init.gain("gelu"), rng=rng)       # reads gelu's output
"""

from fastact.training.gains import Moments as Moments
from fastact.training.gains import Signal as Signal
from fastact.training.gains import edge_of_chaos as edge_of_chaos
from fastact.training.gains import gain as gain
from fastact.training.gains import moments as moments
from fastact.training.gains import signal as signal
from fastact.training.weights import glorot as glorot
from fastact.training.weights import he as he
from fastact.training.weights import lecun as lecun
from fastact.training.weights import lsuv as lsuv
from fastact.training.weights import orthogonal as orthogonal
from fastact.training.weights import randomized_asymmetric as randomized_asymmetric
