"""What optimisers refuse: messages name the argument, and nothing is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

NUMBERS = [
    ("SGD", {"lr": -1.0}, ValueError, "lr is -1.0"),
    ("SGD", {"lr": np.nan}, ValueError, "lr is nan"),
    ("SGD", {"lr": np.inf}, ValueError, "lr is inf"),
    ("SGD", {"lr": True}, TypeError, "lr is True"),
    ("SGD", {"lr": "1"}, TypeError, "lr is '1'"),
    ("SGD", {"lr": None}, TypeError, "lr is None"),
    ("SGD", {"lr": 10**400}, ValueError, "lr is an integer"),
    ("SGD", {"lr": [[0.1]]}, ValueError, r"lr has shape \(1, 1\)"),
    ("SGD", {"lr": []}, ValueError, r"lr has shape \(0,\)"),
    ("SGD", {"lr": np.ma.array([0.1])}, TypeError, "lr is"),
    ("SGD", {"lr": [0.1, -0.1]}, ValueError, "lr is"),
    ("SGD", {"momentum": -0.1}, ValueError, "momentum is -0.1"),
    ("SGD", {"dampening": np.inf}, ValueError, "dampening is inf"),
    ("SGD", {"nesterov": 1}, TypeError, "nesterov is 1"),
    ("SGD", {"nesterov": True}, ValueError, "nesterov=True needs"),
    ("SGD", {"nesterov": True, "momentum": 0.5, "dampening": 0.1}, ValueError, "nesterov=True needs"),
    ("SGD", {"clip_value": 0}, ValueError, "clip_value is 0"),
    ("SGD", {"clip_norm": -1}, ValueError, "clip_norm is -1"),
    ("Adam", {"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] is 1.0"),
    ("Adam", {"betas": 0.9}, TypeError, "betas is 0.9"),
    ("Adam", {"betas": (0.9,)}, TypeError, "betas is"),
    ("Adam", {"eps": -1e-8}, ValueError, "eps is"),
    ("Adam", {"weight_decay": -1}, ValueError, "weight_decay is -1"),
    ("RMSProp", {"alpha": 1}, ValueError, "alpha is 1"),
    ("RMSProp", {"centered": None}, TypeError, "centered is None"),
    ("Adagrad", {"lr_decay": -1}, ValueError, "lr_decay is -1"),
    ("Adagrad", {"initial_accumulator_value": -1}, ValueError, "initial_accumulator_value is -1"),
    ("Lion", {"betas": (-0.1, 0.5)}, ValueError, r"betas\[0\] is -0.1"),
]


@pytest.mark.parametrize(("rule", "options", "error", "message"), NUMBERS)
def test_numbers(rule: str, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=f"fastact.optim.{rule}.*{message}"):
        getattr(fa.optim, rule)(**options)


def test_a_number_that_is_refused_later_changes_nothing() -> None:
    optimizer = fa.optim.Adam(lr=0.5)
    with pytest.raises(ValueError, match=r"fastact.optim.Adam: lr is -1"):
        optimizer.lr = -1
    with pytest.raises(ValueError, match=r"betas\[1\]"):
        optimizer.betas = (0.1, 2.0)
    assert (optimizer.lr, optimizer.betas) == (0.5, (0.9, 0.999))


def read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


OVERLAPPING = np.lib.stride_tricks.as_strided(np.zeros(8), (3, 4), (8, 8))
SHARED = np.zeros(10)
ARRAYS = [
    ([1.0], [np.ones(1)], TypeError, r"parameters\[0\] is of type float"),
    (1.0, np.ones(1), TypeError, "parameters is of type float"),
    (np.ma.ones(2), np.ones(2), TypeError, "parameters is of type MaskedArray"),
    (np.ones(2, int), np.ones(2), TypeError, "parameters has dtype int64"),
    (np.ones(2, np.float16), np.ones(2), TypeError, "parameters has dtype float16"),
    (np.ones(2, complex), np.ones(2), TypeError, "parameters has dtype complex128"),
    (read_only(np.ones(2)), np.ones(2), ValueError, "parameters is read-only"),
    (OVERLAPPING, np.ones((3, 4)), ValueError, "parameters has elements that share memory"),
    (np.ones(2), np.ones(3), ValueError, r"gradients has shape \(3,\); expected \(2,\)"),
    (np.ones(2), np.ones((1, 2)), ValueError, r"gradients has shape \(1, 2\)"),
    (np.ones(2), [1.0, 2.0], TypeError, "gradients is of type list"),
    (np.ones(2), np.ma.ones(2), TypeError, "gradients is of type MaskedArray"),
    (np.ones(2), np.ones(2, int), TypeError, "gradients has dtype int64"),
    (np.ones(2), None, TypeError, "gradients is of type NoneType"),
    ([np.ones(2)], np.ones(2), ValueError, "gradients is ndarray; expected a list of 1"),
    ([np.ones(2)], [], ValueError, "gradients is 0; expected a list of 1"),
    ([np.ones(2), np.ones(2)], [np.ones(2), None], TypeError, r"gradients\[1\] is of type NoneType"),
    (
        [SHARED[:6], SHARED[5:]],
        [np.ones(6), np.ones(5)],
        ValueError,
        r"parameters\[1\] shares memory with parameters\[0\]",
    ),
]


@pytest.mark.parametrize(("parameters", "gradients", "error", "message"), ARRAYS)
def test_arrays(parameters: Any, gradients: Any, error: type, message: str) -> None:
    optimizer = fa.optim.Adam()
    with pytest.raises(error, match=f"fastact.optim.Adam.update: {message}"):
        optimizer.update(parameters, gradients)
    assert optimizer.steps == 0
    assert not optimizer.state


def test_interleaved_parameters_are_accepted() -> None:
    memory = np.zeros(10)
    fa.optim.SGD(lr=1.0).update([memory[::2], memory[1::2]], [np.ones(5), 2 * np.ones(5)])
    assert (memory == [-1, -2] * 5).all()


@pytest.mark.parametrize("later", [np.ones(3), np.ones(2, np.float32), [np.ones(2), np.ones(2)]])
def test_arrays_of_another_kind_than_at_first(later: Any) -> None:
    optimizer = fa.optim.Adam()
    optimizer.update(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"as in the first update"):
        optimizer.update(later, later if isinstance(later, list) else later.copy())
    assert optimizer.steps == 1
    assert (optimizer.state["exp_avg"][0] == 1 - 0.9).all()


def test_numbers_of_copies_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"numbers of different lengths: lr 2, eps 3"):
        fa.optim.Adam(lr=[0.1, 0.2], eps=[1e-8] * 3).update(np.ones((2, 2)), np.ones((2, 2)))
    for shape in [(3,), (3, 2), ()]:
        with pytest.raises(ValueError, match=r"parameters has shape .* expected \(2, \.\.\.\)"):
            fa.optim.Adam(lr=[0.1, 0.2]).update(np.ones(shape), np.ones(shape))


def test_empty_arrays() -> None:
    for shape in [(0,), (2, 0)]:
        optimizer = fa.optim.Adam(lr=[0.1, 0.2] if shape[0] else 0.1, clip_norm=1.0)
        optimizer.update(np.ones(shape), np.ones(shape))
        assert optimizer.steps == 1
    fa.optim.Adam().update([], [])
