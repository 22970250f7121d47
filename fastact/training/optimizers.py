"""The optimisers: their numbers with defaults, and which states they need. The rules themselves are in C.

Must not depend on layers or networks.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fastact import _training
from fastact.arrays import Array
from fastact.training.numbers import Betas, Dampening, Flag, Number
from fastact.training.optimizer import Optimizer

_CLIPPING = ("clip_value", "clip_norm")


def _is_used(value: float | Array) -> bool:
    return bool(np.any(value))


class SGD(Optimizer):
    """Gradient descent, with momentum.

    Parameters
    ----------
    lr : float
        The learning rate. This and the other numbers can be set between steps, ``optimizer.lr = 1e-4``; each
        is a number, or an array with one for each copy.
    momentum : float
        ``v = momentum*v + (1 - dampening)*g``, ``p -= lr*v``; v is g after the first step, as in PyTorch.
    dampening : float
    weight_decay : float
        ``weight_decay*p`` is added to the gradient.
    nesterov : bool
        ``p -= lr*(g + momentum*v)``.
    clip_value : float, optional
        Gradients are limited to this absolute value, after ``clip_norm``.
    clip_norm : float, optional
        Gradients are multiplied by ``min(1, clip_norm/(norm + 1e-6))``, with the norm of all of them; if it
        is an array, with that of each copy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> optimizer, p = fa.optim.SGD(lr=0.5), np.array([1.0, 2.0])
    >>> optimizer.update(p, np.array([1.0, 0.0]))
    >>> p
    array([0.5, 2. ])
    """

    momentum = Number()
    dampening = Dampening()
    nesterov = Flag()

    _rule = _training.SGD
    _options = ("lr", "momentum", "dampening", "weight_decay", "nesterov", *_CLIPPING)
    _states = ("momentum_buffer",)

    def __init__(
        self,
        lr: Any = 1e-3,
        momentum: Any = 0.0,
        dampening: Any = 0.0,
        weight_decay: Any = 0.0,
        nesterov: bool = False,
        *,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )
        if self.nesterov and (not np.all(self.momentum) or _is_used(self.dampening)):
            message = "fastact.optim.SGD: nesterov=True needs a momentum above 0 and a dampening of 0"
            raise ValueError(message)

    def _state_names(self) -> tuple[str | None, ...]:
        return ("momentum_buffer" if _is_used(self.momentum) else None,)


class Adam(Optimizer):
    """Adam: steps relative to the root of the mean of squared gradients.

    Parameters
    ----------
    lr : float
        The learning rate. This and the other numbers can be set between steps, ``optimizer.lr = 1e-4``; each
        is a number, or an array with one for each copy.
    betas : pair of float
        The weights of the old values in the mean of gradients, m, and in that of their squares, v.
    eps : float
        Added to the root of v.
    weight_decay : float
        ``weight_decay*p`` is added to the gradient.
    decoupled : bool
        ``p *= 1 - lr*weight_decay`` comes first instead, as in AdamW.
    eps_hat : bool
        Add ``eps`` to the root before its bias is corrected, as Keras and scikit-learn do: the step is
        ``lr*sqrt(1 - beta2**t)/(1 - beta1**t) * m/(sqrt(v) + eps)``. Otherwise, as in PyTorch,
        ``lr/(1 - beta1**t) * m/(sqrt(v/(1 - beta2**t)) + eps)``.
    amsgrad : bool
        Divide by the root of the largest v of all steps so far, as PyTorch does, instead of the last one.
    clip_value, clip_norm : float, optional
        As for :class:`SGD`.

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980. Loshchilov and Hutter (2019), arXiv:1711.05101. Reddi et
    al. (2018), arXiv:1904.09237.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> optimizer, p = fa.optim.Adam(lr=0.1), np.array([1.0, -1.0])
    >>> for _ in range(100):
    ...     optimizer.update(p, 2 * p)
    >>> bool(np.abs(p).max() < 0.1)
    True
    """

    betas = Betas()
    eps = Number()
    decoupled = Flag()
    eps_hat = Flag()
    amsgrad = Flag()

    _rule = _training.ADAM
    _options: ClassVar[tuple[str, ...]] = (
        "lr",
        "betas",
        "eps",
        "weight_decay",
        "decoupled",
        "eps_hat",
        "amsgrad",
        *_CLIPPING,
    )
    _states: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        *,
        decoupled: bool = False,
        eps_hat: bool = False,
        amsgrad: bool = False,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled=decoupled,
            eps_hat=eps_hat,
            amsgrad=amsgrad,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )

    def _rule_now(self) -> int:
        return _training.AMSGRAD if self.amsgrad else self._rule

    def _state_names(self) -> tuple[str | None, ...]:
        return self._states if self.amsgrad else self._states[:2]


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p *= 1 - lr*weight_decay`` comes first.

    Arguments as for :class:`Adam`.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.optim.AdamW(lr=0.1).weight_decay
    0.01
    """

    _options = ("lr", "betas", "eps", "weight_decay", "eps_hat", "amsgrad", *_CLIPPING)

    def __init__(
        self,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 1e-2,
        *,
        eps_hat: bool = False,
        amsgrad: bool = False,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr,
            betas,
            eps,
            weight_decay,
            decoupled=True,
            eps_hat=eps_hat,
            amsgrad=amsgrad,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )


class RMSProp(Optimizer):
    """Steps relative to the root of a running mean of squared gradients.

    Parameters
    ----------
    lr : float
        The learning rate.
    alpha : float
        The weight of the old value in the mean.
    eps : float
        Added to the root.
    weight_decay : float
        ``weight_decay*p`` is added to the gradient.
    momentum : float
        ``v = momentum*v + g/(root + eps)``, ``p -= lr*v``.
    centered : bool
        Subtract the square of the mean gradient from the mean of squares.
    clip_value, clip_norm : float, optional
        As for :class:`SGD`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> optimizer, p = fa.optim.RMSProp(lr=0.1), np.array([1.0])
    >>> optimizer.update(p, np.array([3.0]))
    >>> p.round(6)
    array([0.])
    """

    alpha = Number(below=1.0)
    eps = Number()
    momentum = Number()
    centered = Flag()

    _rule = _training.RMSPROP
    _options = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", *_CLIPPING)
    _states = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        lr: Any = 1e-2,
        alpha: Any = 0.99,
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        momentum: Any = 0.0,
        centered: bool = False,
        *,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )

    def _state_names(self) -> tuple[str | None, ...]:
        velocity = "momentum_buffer" if _is_used(self.momentum) else None
        return "square_avg", velocity, "grad_avg" if self.centered else None


class Adagrad(Optimizer):
    """Steps relative to the root of the sum of all squared gradients.

    Parameters
    ----------
    lr : float
        The learning rate; step t uses ``lr/(1 + (t - 1)*lr_decay)``.
    lr_decay : float
    weight_decay : float
        ``weight_decay*p`` is added to the gradient.
    initial_accumulator_value : float
        Of the sum, before the first step.
    eps : float
        Added to the root.
    clip_value, clip_norm : float, optional
        As for :class:`SGD`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> optimizer, p = fa.optim.Adagrad(lr=0.5), np.array([1.0])
    >>> optimizer.update(p, np.array([3.0]))
    >>> p.round(6)
    array([0.5])
    """

    lr_decay = Number()
    initial_accumulator_value = Number()
    eps = Number()

    _rule = _training.ADAGRAD
    _options = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", *_CLIPPING)
    _states = ("sum",)

    def __init__(
        self,
        lr: Any = 1e-2,
        lr_decay: Any = 0.0,
        weight_decay: Any = 0.0,
        initial_accumulator_value: Any = 0.0,
        eps: Any = 1e-10,
        *,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )

    def _initial(self, name: str, operand: Array) -> Array:
        found = super()._initial(name, operand)
        value = np.asarray(self.initial_accumulator_value)
        with np.errstate(all="ignore"):
            found[...] = value.reshape(-1, *(1,) * (operand.ndim - 1)) if value.ndim else value
        return found


class Lion(Optimizer):
    """Steps of one size in the direction of the sign of a mean of gradients.

    Parameters
    ----------
    lr : float
        The size of each step.
    betas : pair of float
        ``p -= lr*sign(betas[0]*m + (1 - betas[0])*g)``, then ``m = betas[1]*m + (1 - betas[1])*g``.
    weight_decay : float
        Decoupled: ``p *= 1 - lr*weight_decay`` comes first.
    clip_value, clip_norm : float, optional
        As for :class:`SGD`.

    References
    ----------
    Chen et al. (2023), Symbolic discovery of optimization algorithms, arXiv:2302.06675.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> optimizer, p = fa.optim.Lion(lr=0.25), np.array([1.0, 1.0])
    >>> optimizer.update(p, np.array([3.0, -0.1]))
    >>> p
    array([0.75, 1.25])
    """

    betas = Betas()

    _rule = _training.LION
    _options = ("lr", "betas", "weight_decay", *_CLIPPING)
    _states = ("exp_avg",)

    def __init__(
        self,
        lr: Any = 1e-4,
        betas: Any = (0.9, 0.99),
        weight_decay: Any = 0.0,
        *,
        clip_value: Any = None,
        clip_norm: Any = None,
    ) -> None:
        super().__init__(
            lr=lr, betas=betas, weight_decay=weight_decay, clip_value=clip_value, clip_norm=clip_norm
        )
