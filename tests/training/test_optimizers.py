"""Optimisers against PyTorch's results after 200 steps (tools/torch_fixtures.py), and what calls promise."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

FIXTURES = json.loads((helpers.ROOT / "tests/data/optimizers.json").read_text())
OWN_NAMES = {"RMSprop": "RMSProp", "AdamEpsHat": "Adam"}
RULES = ["SGD", "Adam", "AdamW", "RMSProp", "Adagrad", "Lion"]


def optimizer_of(case: dict[str, Any]) -> Any:
    options = dict(case["options"])
    if case["class"] == "AdamEpsHat":
        options["eps_hat"] = True
    return getattr(fa.optim, OWN_NAMES.get(case["class"], case["class"]))(**options)


def gradient(p: np.ndarray, step: int) -> np.ndarray:
    i = np.arange(p.size, dtype=np.float64)
    return (0.5 * p + np.sin(1.3 * i + 0.7 * step)) * 10.0 ** (i % 5 - 3)


def trained(optimizer: Any, p: np.ndarray, steps: int = 5, first: int = 1) -> np.ndarray:
    """The same array after some steps with gradients that depend on it."""
    for step in range(first, first + steps):
        optimizer.update(p, gradient(p.ravel(), step).reshape(p.shape).astype(p.dtype))
    return p


# The rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXTURES["cases"])
def test_200_steps_are_those_of_torch(name: str) -> None:
    case = FIXTURES["cases"][name]
    p = trained(optimizer_of(case), np.array(FIXTURES["start"]), FIXTURES["steps"])
    wanted = np.array(case["parameters"])
    assert np.abs(p - wanted).max() <= 1e-12 * np.abs(wanted).max()


@pytest.mark.parametrize("name", FIXTURES["cases"])
def test_float32_follows(name: str) -> None:
    case = FIXTURES["cases"][name]
    single = trained(optimizer_of(case), np.array(FIXTURES["start"], np.float32), 20)
    double = trained(optimizer_of(case), np.array(FIXTURES["start"]), 20)
    assert single.dtype == np.float32
    assert np.abs(single - double).max() < 3e-5


@pytest.mark.parametrize("rule", RULES)
def test_a_learning_rate_of_0_changes_states_only(rule: str) -> None:
    optimizer = getattr(fa.optim, rule)(lr=0.0)
    p = trained(optimizer, np.array(FIXTURES["start"]))
    assert (p == FIXTURES["start"]).all()
    assert all(np.abs(a).max() > 0 for arrays in optimizer.state.values() for a in arrays)


def test_numbers_can_be_set_between_steps() -> None:
    optimizer, p = fa.optim.SGD(lr=1.0), np.array([4.0])
    optimizer.update(p, np.ones(1))
    optimizer.lr = 0.25
    optimizer.update(p, np.ones(1))
    optimizer.weight_decay = 0.5
    optimizer.update(p, np.ones(1))
    assert p == [4 - 1 - 0.25 - 0.25 * (1 + 0.5 * 2.75)]
    assert optimizer.steps == 3


# Arrays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_list_of_arrays_of_any_layout(rule: str) -> None:
    flat = trained(getattr(fa.optim, rule)(lr=0.1), np.array(FIXTURES["start"][:20]), 3)
    rows = np.array(FIXTURES["start"][:12]).reshape(3, 4)
    memory = np.zeros((3, 8))
    parts = [np.asfortranarray(rows), memory[:2, ::2], np.array(0.0)]
    parts[1][...] = np.array(FIXTURES["start"][12:20]).reshape(2, 4)
    optimizer = getattr(fa.optim, rule)(lr=0.1)
    for step in range(1, 4):
        g = gradient(np.concatenate([a.ravel() for a in parts[:2]]), step)
        optimizer.update(parts, [g[:12].reshape(3, 4), g[12:].reshape(2, 4), np.array(0.0)])
    assert (np.concatenate([a.ravel() for a in parts[:2]]) == flat).all()
    assert (memory[:, 1::2] == 0).all()
    assert parts[2] == 0 or rule in ("Adam", "AdamW")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_bits_do_not_depend_on_position_length_or_layout(rule: str, dtype: type) -> None:
    rng = np.random.default_rng(1)
    start, slope = rng.normal(size=(2, 131)).astype(dtype)
    whole = start.copy()
    getattr(fa.optim, rule)(lr=0.01, weight_decay=0.1).update(whole, slope)
    for begin, end in [(0, 1), (1, 4), (3, 20), (50, 131)]:
        part = start[begin:end].copy()
        getattr(fa.optim, rule)(lr=0.01, weight_decay=0.1).update(part, slope[begin:end])
        assert (part == whole[begin:end]).all()
    swapped = start.astype(start.dtype.newbyteorder())
    getattr(fa.optim, rule)(lr=0.01, weight_decay=0.1).update(swapped, slope[::-1][::-1])
    assert (swapped == whole).all()


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("rule", RULES)
def test_bits_do_not_depend_on_threads(rule: str) -> None:
    rng = np.random.default_rng(2)
    start, slope = rng.normal(size=(2, 3, 70_001)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        fa.set_num_threads(threads)
        optimizer = getattr(fa.optim, rule)(lr=[0.1, 0.2, 0.3], clip_norm=[1.0, 100.0, 3.0])
        p = start.copy()
        optimizer.update(p, slope)
        optimizer.update(p, slope)
        results.append(p)
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


def test_gradients_that_share_memory_with_parameters() -> None:
    p = np.arange(1.0, 7.0)
    fa.optim.SGD(lr=0.5, momentum=0.5).update(p, p)
    assert (p == np.arange(1.0, 7.0) / 2).all()
    memory = np.arange(1.0, 8.0)
    fa.optim.SGD(lr=1.0).update(memory[1:], memory[:-1].copy())
    shifted = np.arange(1.0, 8.0)
    fa.optim.SGD(lr=1.0).update(shifted[1:], shifted[:-1])
    assert (memory == shifted).all()


def test_gradients_of_other_float_dtypes() -> None:
    p = np.zeros(3, np.float32)
    fa.optim.SGD(lr=1.0).update(p, np.array([1, 2, 1 / 3]))
    assert (p == -np.float32([1, 2, 1 / 3])).all()
    fa.optim.SGD(lr=1.0).update(p, np.float16([1, 2, 4]))
    assert (p == -(np.float32([1, 2, 1 / 3]) + np.float32([1, 2, 4]))).all()


# Clipping -----------------------------------------------------------------------------------------


def test_a_norm_is_of_all_arrays() -> None:
    parts = [np.zeros(2), np.zeros((1, 1))]
    fa.optim.SGD(lr=1.0, clip_norm=1.0).update(parts, [np.array([0.0, 30.0]), np.array([[40.0]])])
    assert parts[0] == pytest.approx([0, -0.6], rel=1e-7)
    assert parts[1] == pytest.approx(-0.8, rel=1e-7)


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e200, 1e300])
def test_norms_beyond_the_range_of_squares(scale: float) -> None:
    p, g = np.zeros(2), np.array([3.0, 4.0]) * scale
    fa.optim.SGD(lr=1.0, clip_norm=0.5).update(p, g)
    assert -p == pytest.approx(g if scale < 1 else [0.3, 0.4], rel=1e-6, abs=0)


def test_an_infinite_gradient_leaves_no_finite_steps() -> None:
    p = np.zeros(3, np.float32)
    fa.optim.SGD(lr=1.0, clip_norm=1.0).update(p, np.float32([1, np.inf, 2]))
    assert p[0] == 0
    assert p[2] == 0
    assert np.isnan(p[1])
    with_nan = np.zeros(2)
    fa.optim.SGD(lr=1.0, clip_norm=1.0).update(with_nan, np.array([1, np.nan]))
    assert np.isnan(with_nan).all()


def test_clip_value_keeps_nan() -> None:
    p = np.zeros(4)
    fa.optim.SGD(lr=1.0, clip_value=0.5).update(p, np.array([np.nan, np.inf, -3.0, 0.25]))
    assert np.array_equal(p, [np.nan, -0.5, 0.5, -0.25], equal_nan=True)


# Copies -------------------------------------------------------------------------------------------

OF_COPIES = [
    ("SGD", {"lr": [0.1, 0.0, 1.0], "momentum": [0.0, 0.5, 0.9], "dampening": 0.5}),
    ("Adam", {"lr": 0.1, "betas": ([0.9, 0.5, 0.0], 0.99), "weight_decay": [0, 1, 2]}),
    ("AdamW", {"lr": [0.1, 0.2, 0.3], "eps": [1e-8, 1e-3, 1.0], "clip_norm": [0.1, 1.0, 10.0]}),
    ("RMSProp", {"lr": [1, 2, 3], "momentum": [0, 0, 0.5], "centered": True, "alpha": [0.5, 0.6, 0.7]}),
    (
        "Adagrad",
        {"lr_decay": [0, 0.1, 1], "initial_accumulator_value": [0, 1, 2], "clip_value": [1.0, 2.0, 3.0]},
    ),
    ("Lion", {"lr": [0.1, 0.2, 0.3], "weight_decay": [0.0, 0.5, 1.0]}),
    ("Adam", {"lr": [0.1, 0.2, 0.3], "betas": (0.5, [0.3, 0.9, 0.0]), "amsgrad": True}),
]


def chosen(value: Any, i: int) -> Any:
    if isinstance(value, tuple):
        return tuple(chosen(one, i) for one in value)
    return value[i] if isinstance(value, list) else value


@pytest.mark.parametrize(("rule", "options"), OF_COPIES, ids=[case[0] for case in OF_COPIES])
def test_copies_are_separate_optimisers_and_keep_nan_apart(rule: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    start, slopes = rng.normal(size=(3, 37)), rng.normal(size=(4, 3, 37))
    slopes[1, 1, 5] = np.nan
    together, optimizer = start.copy(), getattr(fa.optim, rule)(**options)
    assert optimizer.copies == 3
    for g in slopes:
        optimizer.update(together, g)
    for i in range(3):
        own = getattr(fa.optim, rule)(**{name: chosen(value, i) for name, value in options.items()})
        alone = start[i].copy()
        for g in slopes:
            own.update(alone, g[i])
        assert np.array_equal(alone, together[i], equal_nan=True)
        assert np.isnan(alone).any() == (i == 1)


# State --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["state_dict", "pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("name", FIXTURES["cases"])
def test_a_saved_optimiser_resumes_bit_for_bit(name: str, way: str) -> None:
    first = optimizer_of(FIXTURES["cases"][name])
    p = trained(first, np.array(FIXTURES["start"]), 3)
    if way == "state_dict":
        second = optimizer_of(FIXTURES["cases"][name])
        second.load_state_dict(first.state_dict())
    elif way == "pickle":
        second = pickle.loads(pickle.dumps(first))
    else:
        second = getattr(copy, way)(first)
    q = trained(second, p.copy(), 3, 4)
    assert first.steps == 3
    assert second.steps == 6
    assert (trained(first, p, 3, 4) == q).all()
    assert repr(first) == repr(second)


def test_states_have_the_names_of_torch() -> None:
    optimizer = fa.optim.RMSProp(momentum=0.5, centered=True)
    optimizer.update(np.ones((2, 3)), np.ones((2, 3)))
    assert {name: arrays[0].shape for name, arrays in optimizer.state.items()} == dict.fromkeys(
        ("square_avg", "momentum_buffer", "grad_avg"), (2, 3)
    )
    assert repr(fa.optim.Lion()) == (
        "Lion(lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0, clip_value=None, clip_norm=None)"
    )


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    optimizer = fa.optim.Adam()
    p = trained(optimizer, np.array(FIXTURES["start"]))
    good = optimizer.state_dict()
    for bad, message in [
        ({}, "expected what state_dict"),
        ({**good, "numbers": {"lr": 1.0}}, "numbers are"),
        ({**good, "numbers": {**good["numbers"], "lr": -1.0}}, "lr is -1"),
        ({**good, "steps": -1}, "steps is -1"),
        ({**good, "state": {"momentum": []}}, "state has"),
        ({**good, "state": {**good["state"], "exp_avg": [np.zeros(2)]}}, "differs from other states"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(bad)
    with pytest.raises(TypeError, match="exp_avg"):
        optimizer.load_state_dict({**good, "state": {"exp_avg": [[1.0]]}})
    with pytest.raises(ValueError, match="numbers are"):
        fa.optim.Lion().load_state_dict(good)
    other = trained(pickle.loads(pickle.dumps(optimizer)), p.copy())
    assert (trained(optimizer, p) == other).all()


def test_two_threads_in_one_update() -> None:
    optimizer = fa.optim.Adam()
    p, errors = np.zeros(4_000_000, np.float32), []
    g = np.ones_like(p)

    def run() -> None:
        for _ in range(4):
            try:
                optimizer.update(p, g)
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert optimizer.steps + len(errors) == 8
    assert all("another thread" in message for message in errors)
    assert np.ptp(p) == 0
