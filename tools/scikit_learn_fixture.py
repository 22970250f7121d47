"""Weights of scikit-learn's MLPClassifier after some epochs, for tests that must not depend on its version.

python tools/scikit_learn_fixture.py         # writes tests/data/mlp_classifier.json
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

FILE = Path(__file__).resolve().parent.parent / "tests/data/mlp_classifier.json"
SOLVERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate_init": 0.01, "momentum": 0.0},
    "adam": {"learning_rate_init": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4},
}
SETTINGS: dict[str, Any] = {"batch_size": 20, "alpha": 0.3, "epochs": 6}


def weights(model: MLPClassifier) -> list[list[Any]]:
    """w and b of each layer."""
    return [[w.tolist(), b.tolist()] for w, b in zip(model.coefs_, model.intercepts_, strict=True)]


def run(solver: str, options: dict[str, Any], x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Weights after one epoch, from which the test starts with an optimiser of its own, and after all."""
    start = MLPClassifier((8,), activation="tanh", max_iter=1, shuffle=False, random_state=0)
    start.fit(x, y)
    model = MLPClassifier(
        (8,),
        activation="tanh",
        solver=solver,
        shuffle=False,
        batch_size=SETTINGS["batch_size"],
        alpha=SETTINGS["alpha"],
        max_iter=SETTINGS["epochs"],
        tol=0,
        n_iter_no_change=100,
        **options,
    )
    begin = weights(start)

    def initialised(*arguments: Any) -> None:
        original(*arguments)
        model.coefs_ = [np.array(w) for w, _ in begin]
        model.intercepts_ = [np.array(b) for _, b in begin]

    original = model._initialize
    model._initialize = initialised
    model.fit(x, y)
    return {"options": options, "start": begin, "end": weights(model), "losses": model.loss_curve_}


def main() -> None:
    """Write all solvers."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(70, 6)), rng.integers(0, 3, 70)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {solver: run(solver, options, x, y) for solver, options in SOLVERS.items()}
    data = {"x": x.tolist(), "y": y.tolist(), "settings": SETTINGS, "solvers": found}
    FILE.write_text(json.dumps({"scikit-learn": sklearn.__version__, **data}) + "\n")


if __name__ == "__main__":
    main()
