"""Training on scikit-learn's handwritten digits, standardised: gradient descent, with momentum or without."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import fastact as fa
from fastact.evaluation.cases import Array


class Digits(NamedTuple):
    """1437 images to train with, and 360 to test."""

    x: Array
    labels: Array
    test_x: Array
    test_labels: Array


@lru_cache(1)
def digits() -> Digits:
    """Each pixel has mean 0 and variance 1 over the training images, unless it is constant."""
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(1797).permutation(len(x))
    x, labels = x[order], labels[order]
    train = x[:1437]
    spread = train.std(0)
    x = ((x - train.mean(0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    return Digits(x[:1437], labels[:1437], x[1437:], labels[1437:])


def train_epoch(
    net: fa.Network, rate: float, rng: np.random.Generator, velocity: Array, momentum: float = 0.0
) -> None:
    """One pass over the training images in batches of 64."""
    data = digits()
    order = rng.permutation(len(data.x))
    with np.errstate(all="ignore"):  # trainings may diverge
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            net.loss_and_gradients(data.x[batch], data.labels[batch])
            velocity *= momentum
            velocity += net.gradients
            net.parameters -= rate * velocity


def train(net: fa.Network, rate: float, epochs: int, rng: np.random.Generator, momentum: float = 0.0) -> None:
    """Several epochs."""
    velocity = np.zeros_like(net.parameters)
    for _ in range(epochs):
        train_epoch(net, rate, rng, velocity, momentum)


def error(net: fa.Network, *, test: bool) -> float:
    """The share of images that are not recognised; 1 where results are not finite."""
    data = digits()
    x, labels = (data.test_x, data.test_labels) if test else (data.x, data.labels)
    y = net.predict(x)
    return float((y.argmax(1) != labels).mean()) if np.isfinite(y).all() else 1.0
