"""Optimisers, as ``fastact.optim``: they change arrays of parameters in place, in one pass over memory.

    SGD, Adam, AdamW, RMSProp, Adagrad    PyTorch's rules and defaults
    Lion

>>> import numpy as np
>>> import fastact as fa
>>> parameters = np.zeros(3, np.float32)
>>> optimizer = fa.optim.Adam(lr=0.5, clip_norm=1.0)
>>> optimizer.update(parameters, np.float32([1, 2, 0]))
>>> parameters
array([-0.5, -0.5,  0. ], dtype=float32)
>>> optimizer.lr = 1e-4                # at any time between steps
"""

from fastact.training.optimizers import SGD as SGD
from fastact.training.optimizers import Adagrad as Adagrad
from fastact.training.optimizers import Adam as Adam
from fastact.training.optimizers import AdamW as AdamW
from fastact.training.optimizers import Lion as Lion
from fastact.training.optimizers import RMSProp as RMSProp
