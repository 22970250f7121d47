"""All experiments by name."""

from __future__ import annotations

from fastact.evaluation.experiments import initialisation, training, variants, xor
from fastact.evaluation.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for module in (initialisation, xor, training, variants)
    for experiment in module.EXPERIMENTS
}
