"""scikit-learn: ``MLPClassifier.partial_fit`` on one batch.

It has no gelu: relu, which costs less, stands for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from fastact.evaluation.peers import base
from fastact.evaluation.peers.numpy import blas_threads
from fastact.evaluation.train_cases import LEARNING_RATE, TrainCase


class Peer(base.Peer):
    """scikit-learn's networks."""

    name = "scikit-learn"
    package = "scikit-learn"

    def dense_threads(self, n: int) -> AbstractContextManager[Any]:
        """Threads of the BLAS."""
        return blas_threads(n)

    def train(self) -> Mapping[str, base.Way]:
        """Steps of one classifier."""
        return {self.name: base.Way(_step)}


def _step(case: TrainCase) -> Callable[[], Any] | None:
    if not case.widths or case.copies > 1 or case.output != "softmax":
        return None
    network = MLPClassifier(
        hidden_layer_sizes=case.widths[1:-1],
        activation="tanh" if case.activation == "tanh" else "relu",
        solver=case.optimizer.lower(),
        batch_size=case.rows,
        alpha=0.0,
        momentum=0.0,
        learning_rate_init=LEARNING_RATE,
        shuffle=False,
    )
    x, labels, classes = case.x, case.target, np.arange(case.widths[-1])

    def one_step() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged
            return network.partial_fit(x, labels, classes=classes)

    return one_step
