"""What dense layers save: its kind, how many bytes it takes, and that it loses nothing.

Must not depend on which entries have which kind.
"""

from __future__ import annotations

import numpy as np
import pytest
from dense_cases import forward_and_backward, layer, on_a_grid

import fastact as fa
from fastact.dense.saved import follows_exactly


def around(points: tuple[float, ...], dtype: type) -> np.ndarray:
    """All float16 numbers, and floats next to some points and to zero."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(dtype)
    near = [np.array([0.0, *points], dtype)]
    tiny = np.finfo(dtype).smallest_subnormal
    for _ in range(3):
        near += [np.nextafter(near[-1], dtype(np.inf)), np.nextafter(near[0], dtype(-np.inf))]
    return np.concatenate([every, *near, [tiny, -tiny, 2 * tiny, -2 * tiny]]).astype(dtype)


def test_output_in_place_of_input_loses_nothing(activation: fa.Activation, dtype: type) -> None:
    """Hidden layers of networks save the output where its derivative is that of the input bit for bit, also next to
    kinks."""
    network = fa.Network([(np.ones((1, 1), dtype), None, activation)] * 2)
    if not (follows_exactly(activation) and not activation.learned):
        return
    with np.errstate(all="ignore"):
        x = around(activation.kinks, dtype)
        one = np.ones_like(x)
        got = activation.backward_from_output(one, activation(x))
        want = activation.backward(one, x)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    assert np.all(same), x[~same][:5]
    assert len(network) == 2


def test_kinds_saved_by_default(activation: fa.Activation, dtype: type) -> None:
    """Nothing, a bit mask or the input, of the number of bytes that each implies."""
    y, saved = fa.dense_forward(np.ones((2, 3), dtype), np.ones((3, 4), dtype), activation=activation)
    assert saved.nbytes == {"nothing": 0, "bit_mask": 2, "input": y.nbytes}[saved.kind]
    assert saved.kind == "input" or not activation.learned
    if saved.array is not None:
        assert not np.shares_memory(saved.array, y)


def test_all_kinds_occur() -> None:
    kinds = {fa.dense_forward(np.ones((1, 1)), np.ones((1, 1)), activation=n)[1].kind for n in fa.names()}
    assert kinds == {"input", "bit_mask", "nothing"}


def test_gradients_are_those_from_the_input(activation: fa.Activation, dtype: type) -> None:
    """What is saved by default gives the same bits as the input."""
    case = on_a_grid(37, 9, 301, dtype)
    case.grad_y[3] = np.inf
    with np.errstate(all="ignore"):
        got = forward_and_backward(case, activation)
        want = forward_and_backward(case, activation, save="input")
    for a, b in zip(got[:4], want[:4], strict=True):
        assert a.tobytes() == b.tobytes()


def test_result_may_be_changed_before_the_backward_pass(activation: fa.Activation, dtype: type) -> None:
    case = layer(9, 4, 20, dtype)
    want = forward_and_backward(case, activation)
    y, saved = fa.dense_forward(*case.arrays, activation=activation)
    y -= 100
    for a, b in zip(fa.dense_backward(case.grad_y, case.x, case.w, saved), want[1:4], strict=True):
        assert a.tobytes() == b.tobytes()


def test_output_is_saved_as_it_is_where_asked_for() -> None:
    case = layer(5, 4, 3, np.float32)
    y, saved = fa.dense_forward(*case.arrays, activation="relu", save="output")
    assert saved.array is y
    assert saved.nbytes == 0
    assert saved.b_shape == (3,)
    assert "output" in repr(saved)


@pytest.mark.parametrize("made", [lambda a: a[:, ::2], lambda a: a[:, ::-2], lambda a: a.T[:7].T], ids=str)
def test_output_saved_in_a_strided_array(made: object) -> None:
    """The result may have any strides; what is saved then is a copy that C can read."""
    case = layer(6, 5, 7, np.float32)
    want = forward_and_backward(case, "relu", save="output")
    out = made(np.zeros((6, 14), np.float32))
    y, saved = fa.dense_forward(*case.arrays, activation="relu", save="output", out=out)
    assert y is out
    for a, b in zip(fa.dense_backward(case.grad_y, case.x, case.w, saved), want[1:4], strict=True):
        assert a.tobytes() == b.tobytes()


def test_bit_masks(activation: fa.Activation, dtype: type) -> None:
    """Where f' has two values, a bit tells which; the gradients are those from the input, bit for bit."""
    case = on_a_grid(37, 9, 301, dtype)
    case.grad_y = case.grad_y.T.copy().T  # any strides
    case.grad_y[3] = np.inf
    with np.errstate(all="ignore"):
        different = np.unique(activation.derivative(np.linspace(-3, 3, 49)))  # 0 is among them
    if len(different) > 2:
        with pytest.raises(TypeError, match="more than two values"):
            forward_and_backward(case, activation, save="bit_mask")
        return
    got = forward_and_backward(case, activation, save="bit_mask")
    want = forward_and_backward(case, activation, save="input")
    assert got[4].array.shape == (37, 38)
    assert got[4].nbytes == 37 * 38
    for a, b in zip(got[:4], want[:4], strict=True):
        assert np.array_equal(a, b, equal_nan=True)


def test_bit_masks_of_stacks_and_with_parameters() -> None:
    case = layer(6, 5, 11, np.float32, stack=(3,))
    for activation in (fa.get("leaky_relu", negative_slope=0.1), fa.get("leaky_relu", negative_slope=1.0)):
        got = forward_and_backward(case, activation, save="bit_mask")
        want = forward_and_backward(case, activation, save="input")
        for a, b in zip(got[:4], want[:4], strict=True):
            assert np.array_equal(a, b)
    with pytest.raises(ValueError, match=r"saved has shape \(3, 6, 11\)"):
        fa.dense_backward(case.grad_y[..., :9], case.x, case.w[..., :9], got[4], activation=activation)


def test_bit_mask_of_few_columns() -> None:
    assert forward_and_backward(layer(2, 3, 4, np.float32), "relu", save="bit_mask")[4].nbytes == 2


@pytest.mark.parametrize("kind", ["input", "output"])
def test_kinds_that_are_asked_for(activation: fa.Activation, kind: str) -> None:
    case = layer(9, 4, 20, np.float64)
    if kind == "output" and activation.output_formula is None:
        with pytest.raises(TypeError):
            fa.dense_forward(*case.arrays, activation=activation, save=kind)
        return
    want = forward_and_backward(case, activation)
    got = forward_and_backward(case, activation, save=kind)
    assert got[4].kind == kind
    for a, b in zip(got[:4], want[:4], strict=True):
        assert np.allclose(a, b, rtol=1e-9, atol=1e-9)


def test_saved_array_is_used_again() -> None:
    case = layer(50, 4, 20, np.float32)
    y, saved = fa.dense_forward(*case.arrays, activation="gelu")
    held = saved.array
    again, second = fa.dense_forward(*case.arrays, activation="gelu", out=(y, saved))
    assert again is y
    assert second.array is held
    other, third = fa.dense_forward(*layer(3, 4, 20, np.float32).arrays, activation="gelu")
    assert third.array.shape == other.shape == (3, 20)
