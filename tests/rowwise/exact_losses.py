"""Element-wise losses in exact arithmetic: mpmath with enough digits for the elements of the tests.

Shares nothing with the library. Each function gives the loss, the gradient, and those terms of each that
may cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mpmath import mp, mpf


class Exact(NamedTuple):
    loss: mpf
    gradient: mpf
    terms_of_loss: Sequence[mpf] = ()
    terms_of_gradient: Sequence[mpf] = ()


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def sigmoid_binary_cross_entropy(x: mpf, t: mpf, pos_weight: mpf) -> Exact:
    yes, no = t * pos_weight, 1 - t
    terms = (no * sigmoid(x), -yes * sigmoid(-x))
    loss = -yes * mp.log(sigmoid(x)) - no * mp.log(sigmoid(-x))
    return Exact(loss, sum(terms), terms_of_gradient=terms)


def mse(x: mpf, t: mpf) -> Exact:
    return Exact((x - t) ** 2, 2 * (x - t))


def huber(x: mpf, t: mpf, delta: mpf) -> Exact:
    d = x - t
    if abs(d) <= delta:
        return Exact(d**2 / 2, d)
    return Exact(delta * (abs(d) - delta / 2), delta * mp.sign(d))


def hinge(x: mpf, t: mpf) -> Exact:
    return Exact(1 - t * x, -t) if t * x < 1 else Exact(mpf(0), mpf(0))


def kl_divergence(x: mpf, t: mpf) -> Exact:
    terms = (t * mp.log(t), -t * x) if t else (mpf(0), mpf(0))
    return Exact(sum(terms), -t, terms)


def poisson(x: mpf, t: mpf) -> Exact:
    return Exact(mp.exp(x) - t * x, mp.exp(x) - t, (mp.exp(x), t * x), (mp.exp(x), t))
