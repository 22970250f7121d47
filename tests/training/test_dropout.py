"""Dropout: its words are Philox4x32-10, in integer arithmetic here; shares, layouts, threads, refusals."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa

ONES = (1 << 32) - 1


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> list[int]:
    """Ten rounds, as the paper has them."""
    a, b, c, d = counter
    first, second = key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ first, right & ONES, (left >> 32) ^ d ^ second, left & ONES
        first, second = (first + 0x9E3779B9) & ONES, (second + 0xBB67AE85) & ONES
    return [a, b, c, d]


def words(count: int, seed: int, step: int, layer: int) -> np.ndarray:
    key = (seed & ONES, seed >> 32)
    blocks = [philox((i & ONES, i >> 32, layer, step), key) for i in range(-(-count // 4))]
    return np.array(blocks, np.uint64).ravel()[:count]


@pytest.mark.once
def test_the_generator_of_these_tests_gives_the_known_answers() -> None:
    assert philox((0,) * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((ONES,) * 4, (ONES, ONES)) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_words_by_bisection_are_the_known_answers() -> None:
    """An element is kept as long as its word is at least floor(2^32 p)."""
    low, high = np.zeros(4), np.full(4, 2.0**32)
    for _ in range(32):
        middle = np.floor((low + high) / 2)
        kept = np.array([fa.dropout.mask(4, m / 2.0**32, seed=0)[i] for i, m in enumerate(middle)])
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    assert [int(word) for word in low] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.parametrize(
    ("seed", "step", "layer"), [(1, 0, 0), (2**64 - 1, 5, 0), (2**40 + 3, 2**32 - 1, 7), (0, 1, 2**32 - 1)]
)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.999])
def test_masks_are_those_of_the_words(seed: int, step: int, layer: int, p: float) -> None:
    expected = words(150, seed, step, layer) >= int(p * 2**32)
    for count in (1, 63, 64, 65, 150):
        assert (fa.dropout.mask(count, p, seed=seed, step=step, layer=layer) == expected[:count]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_elements_are_scaled_or_0(dtype: type) -> None:
    x = np.linspace(-3, 3, 200).astype(dtype)
    kept = fa.dropout.mask(x.shape, 0.3, seed=4)
    computing = np.float64 if dtype is np.float64 else np.float32
    scaled = (x.astype(computing) * computing(1 / 0.7)).astype(dtype)
    y = fa.dropout(x, 0.3, seed=4)
    assert y.dtype == dtype
    assert (y == np.where(kept, scaled, 0)).all()
    assert (fa.dropout.backward(x, 0.3, seed=4) == y).all()
    assert (fa.dropout(x, 0, seed=4) == x).all()
    assert (fa.dropout(x, 1, seed=4) == 0).all()


def test_what_is_dropped_is_0_whatever_it_was() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e308] * 20)
    kept = fa.dropout.mask(x.shape, 0.6, seed=0)
    with np.errstate(all="ignore"):
        expected = np.where(kept, x / 0.4, 0)
    assert np.array_equal(fa.dropout(x, 0.6, seed=0), expected, equal_nan=True)
    assert (fa.dropout(x, 1.0, seed=0) == 0).all()


def test_shares_and_independence() -> None:
    n = 200_000
    masks = [
        fa.dropout.mask(n, 0.3, seed=seed, step=step, layer=layer)
        for seed, step, layer in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    for mask in masks:
        assert abs(mask.mean() - 0.7) < 5 * (0.21 / n) ** 0.5
    correlations = np.corrcoef(np.array(masks, float))[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 5 / n**0.5


@pytest.mark.usefixtures("restore_threads")
def test_bits_depend_on_neither_threads_nor_layout() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(350, 301))
    fa.set_num_threads(1)
    expected = fa.dropout(x, 0.4, seed=9)
    for threads in (2, 3):
        fa.set_num_threads(threads)
        assert (fa.dropout(x, 0.4, seed=9) == expected).all()
    wide = np.zeros((350, 602))
    wide[:, ::2] = x
    for same in (np.asfortranarray(x), wide[:, ::2], x.astype(">f8")):
        assert (fa.dropout(same, 0.4, seed=9) == expected).all()
        out = np.empty_like(same)
        assert fa.dropout(x, 0.4, seed=9, out=out) is out
        assert (out == expected).all()
    memory = np.concatenate([[0.0], x.ravel()])
    fa.dropout(memory[1:], 0.4, seed=9, out=memory[:-1])
    assert (memory[:-1] == expected.ravel()).all()
    inplace = x.copy()
    fa.dropout(inplace, 0.4, seed=9, out=inplace)
    assert (inplace == expected).all()


def test_copies_are_as_alone() -> None:
    x = np.random.default_rng(1).normal(size=(3, 5, 7)).astype(np.float32)
    together = fa.dropout(x, [0.1, 0.5, 1.0], seed=[3, 2**63, 5], step=2, layer=1)
    for i, (p, seed) in enumerate([(0.1, 3), (0.5, 2**63), (1.0, 5)]):
        assert (together[i] == fa.dropout(x[i], p, seed=seed, step=2, layer=1)).all()
    same_seed = fa.dropout(x, np.float32([0.25, 0.25, 0.5]), seed=8)
    assert (same_seed[1] == fa.dropout(x[1], 0.25, seed=8)).all()


@pytest.mark.once
def test_shapes_without_elements_or_axes() -> None:
    assert fa.dropout(np.zeros((0, 3)), 0.5, seed=0).shape == (0, 3)
    assert fa.dropout(2.0, 0.0, seed=0) == 2.0
    assert fa.dropout([1, 2], 0.0, seed=0).dtype == np.float64
    assert pickle.loads(pickle.dumps(fa.dropout)) is fa.dropout


@pytest.mark.once
@pytest.mark.parametrize(
    ("x", "keywords", "error", "message"),
    [
        (np.ones(3), {"p": -0.1, "seed": 0}, ValueError, "p is -0.1"),
        (np.ones(3), {"p": np.nan, "seed": 0}, ValueError, "p is nan"),
        (np.ones(3), {"p": 1.5, "seed": 0}, ValueError, "p is 1.5"),
        (np.ones(3), {"p": "0.5", "seed": 0}, TypeError, "p is '0.5'"),
        (np.ones(3), {"p": 0.5, "seed": -1}, ValueError, "seed is -1"),
        (np.ones(3), {"p": 0.5, "seed": 2**64}, ValueError, "seed is"),
        (np.ones(3), {"p": 0.5, "seed": 0.5}, TypeError, "seed is 0.5"),
        (np.ones(3), {"p": 0.5, "seed": None}, TypeError, "seed is None"),
        (np.ones(3), {"p": 0.5, "seed": [[1]]}, ValueError, "seed has shape"),
        (np.ones(3), {"p": 0.5, "seed": 0, "step": 2**32}, ValueError, "step is"),
        (np.ones(3), {"p": 0.5, "seed": 0, "layer": -1}, ValueError, "layer is -1"),
        (np.ones(3), {"p": [0.5, 0.1], "seed": 0}, ValueError, "lengths differ"),
        (np.ones(3), {"p": [0.5, 0.1], "seed": [0, 1, 2]}, ValueError, "lengths differ"),
        (np.float64(3), {"p": [0.5, 0.1], "seed": 0}, ValueError, "lengths differ"),
        (np.ma.ones(3), {"p": 0.5, "seed": 0}, TypeError, "x is of type MaskedArray"),
        (np.ones(3, complex), {"p": 0.5, "seed": 0}, TypeError, "x has dtype complex128"),
        (np.ones(3), {"p": 0.5, "seed": 0, "out": np.ones(2)}, ValueError, "out has shape"),
        (np.ones(3), {"p": 0.5, "seed": 0, "out": np.ones(3, int)}, TypeError, "out has dtype"),
    ],
)
def test_refusals(x: Any, keywords: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=f"fastact.dropout: {message}"):
        fa.dropout(x, **keywords)
