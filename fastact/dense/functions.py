"""Dense layers, y = f(x w + b), and their gradients, as functions.

What callers may pass and what they get; how a layer is computed is left to the modules beside this one.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastact import _dense
from fastact._dense import OMITTED, Saved
from fastact.arrays import as_real
from fastact.dense import containers
from fastact.dense.arguments import resolve
from fastact.dense.layer import Layer
from fastact.dense.parameter_gradients import parameter_gradients
from fastact.dense.saved import check_same, check_type

_BACKWARD = "fastact.dense_backward"


def dense(x: Any, w: Any, b: Any = None, *, activation: Any = None, out: Any = None) -> NDArray[Any]:
    """f(x @ w + b), with nothing saved: inference.

    Parameters
    ----------
    x : array_like, shape (..., n, i) or (i,)
        The batch, or one sample.
    w : array_like, shape (..., i, o)
        Weights. Leading axes of `x`, `w` and `b` broadcast: a stack of layers is one call.
    b : array_like, shape (o,), (1, o) or (..., 1, o), optional
        Biases, broadcast as NumPy does. If `x` has one axis, their shape is (o,).
    activation : str or Activation, optional
        A name, as for :func:`fastact.get`, or an activation, which may have parameters bound. Any object that
        can be called and has a method ``derivative`` or ``backward`` will do. By default the identity.
    out : ndarray of the shape of the result, optional
        Where to store the result; may be an input.

    Returns
    -------
    ndarray, shape (..., n, o), or (o,) if `x` has one axis
        float64 if any of the arrays is (or is of integers that ``numpy.exp`` takes to float64), else float32.
        Masked, lazy and labelled arrays keep their kind.

    Raises
    ------
    ValueError
        For shapes that do not fit, an unknown activation, and an `out` that is read-only or of another shape.
    TypeError
        For dtypes other than real numbers, an activation that is not one, and arrays of other kinds that
        ``numpy.matmul`` does not take.

    Notes
    -----
    Bias and activation are applied to each tile of the product while it is in cache. No array as large as
    the batch is made beside the result, unless `out` overlaps an input or a parameter of the activation, or
    its last axis is not contiguous. Strided and transposed arrays are read as they are. Sums of products are
    rounded as in any matrix product, f as accurately as ``fastact.<name>``. The bits do not depend on the
    number of threads. Array parameters of the activation are used in the dtype of the layer.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x, w, b = np.array([[1.0, -2.0]]), np.eye(2), np.array([0.5, 0.5])
    >>> fa.dense(x, w, b, activation="relu")
    array([[1.5, 0. ]])
    >>> fa.dense([1.0, -2.0], w, b)
    array([ 1.5, -1.5])
    """
    y: NDArray[Any] | None = _dense.forward(x, w, b, activation, False, None, out)
    if y is not None:
        return y
    function = "fastact.dense"
    arrays = {"x": x, "w": w, **({} if b is None else {"b": b})}
    activation = resolve(function, activation)
    if containers.are_wanted(arrays, activation):
        return containers.forward(function, arrays, activation, None, out)[0]  # type: ignore[no-any-return]
    return Layer(function, _real(function, arrays), activation).forward(out)


def dense_forward(
    x: Any, w: Any, b: Any = None, *, activation: Any = None, out: Any = None, save: str | None = None
) -> tuple[NDArray[Any], Saved]:
    """f(x @ w + b), and what :func:`dense_backward` needs of it.

    Parameters
    ----------
    x, w, b, activation
        As for :func:`dense`.
    out : ndarray, or pair of ndarray and Saved, optional
        Where to store the result, and an earlier `saved` whose memory is used again where it fits. Each may
        be None.
    save : {"input", "output", "bit_mask"}, optional
        What the backward pass computes f' from. ``"input"`` is x @ w + b, an array as large as the result.
        ``"bit_mask"`` is one bit for each element, where f' has two values; a NaN counts as the second of
        them. ``"output"`` is the result itself, which must then not be modified before the backward pass; it
        is available where f' follows from it. By default `saved` shares no memory with the result: it is
        nothing where f' is constant, a bit mask where f' has two values, otherwise the input. Activations
        with learned or array parameters save the input.

    Returns
    -------
    y : ndarray, shape (..., n, o), or (o,) if `x` has one axis
        The result.
    saved : Saved
        Its ``nbytes`` is what it costs beside y.

    Raises
    ------
    ValueError, TypeError
        As :func:`dense`; also TypeError where f' cannot be computed from what `save` asks for.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> y, saved = fa.dense_forward(np.ones((4, 3)), np.ones((3, 2)), activation="tanh")
    >>> y.shape, saved.kind, saved.nbytes
    ((4, 2), 'input', 64)
    """
    pair: tuple[NDArray[Any], Saved] | None = _dense.forward(x, w, b, activation, True, save, out)
    if pair is not None:
        return pair
    function = "fastact.dense_forward"
    arrays = {"x": x, "w": w, **({} if b is None else {"b": b})}
    activation = resolve(function, activation)
    if containers.are_wanted(arrays, activation):
        return containers.forward(function, arrays, activation, save, out)
    return Layer(function, _real(function, arrays), activation).forward_and_save(out, save)


def dense_backward(
    grad_y: Any,
    x: Any,
    w: Any,
    saved: Saved,
    *,
    activation: Any = OMITTED,
    need_dx: bool = True,
    out: Any = None,
    accumulate: bool = False,
    need_parameters: bool = False,
) -> tuple[Any, ...]:
    """Gradients of a dense layer: with ``delta = grad_y * f'(x @ w + b)`` they are ``dx = delta @ w.T``,
    ``dw = x.T @ delta`` and the sums of delta over the batch.

    Parameters
    ----------
    grad_y : array_like of the shape of the result
        Gradient with respect to the result.
    x, w
        As they were in :func:`dense_forward`.
    saved : Saved
        What :func:`dense_forward` returned.
    activation : optional
        If given, that of the forward pass, which `saved` has.
    need_dx : bool
        False for a first layer: dx is then not computed.
    out : tuple of three, each ndarray or None, optional
        Where to store dx, dw and db; may be inputs. With `accumulate` gradients are added to these.
    need_parameters : bool
        Also return gradients of the activation's learned parameters.

    Returns
    -------
    dx, dw, db : ndarray
        Gradients with respect to x, w and b, of their shapes, summed where they were broadcast. dx is None
        without `need_dx`, db where there was no bias.
    parameters : dict, only with `need_parameters`
        By name, each of its parameter's shape; empty for an activation without learned parameters.

    Raises
    ------
    ValueError, TypeError
        As :func:`dense`; also for a `saved` of another layer, and for `accumulate` without `out`.

    Examples
    --------
    >>> import fastact as fa
    >>> y, saved = fa.dense_forward([[1.0, 2.0]], [[3.0], [-1.0]], [0.5], activation="relu")
    >>> [gradient.tolist() for gradient in fa.dense_backward([[1]], [[1.0, 2.0]], [[3.0], [-1.0]], saved)]
    [[[3.0, -1.0]], [[1.0], [2.0]], [1.0]]
    """
    if not need_parameters:
        direct = _dense.backward(grad_y, x, w, saved, activation, need_dx, out, accumulate)
        if direct is not None:
            return direct
    if activation is not OMITTED:
        check_same(_BACKWARD, check_type(_BACKWARD, saved), resolve(_BACKWARD, activation))
    arrays = {"x": x, "w": w, "grad_y": grad_y}
    return _backward(arrays, check_type(_BACKWARD, saved), need_dx, out, accumulate, need_parameters)


def _backward(
    arrays: dict[str, Any], saved: Saved, need_dx: bool, out: Any, accumulate: bool, need_parameters: bool
) -> tuple[Any, ...]:
    """dx, dw, db, and gradients of parameters, computed first, since results may be stored over grad_y."""
    found: tuple[Any, ...] = ()
    if containers.are_wanted({**arrays, "saved": saved.array}, saved.activation):
        if need_parameters:
            found = (parameter_gradients(_BACKWARD, saved, arrays["grad_y"]),)
        return (*containers.backward(_BACKWARD, arrays, saved, need_dx, out, accumulate), *found)
    layer = Layer(_BACKWARD, _real(_BACKWARD, arrays), saved.activation, saved)
    if need_parameters:
        found = (parameter_gradients(_BACKWARD, saved, layer.grad_y),)
    return (*layer.backward(need_dx, out, accumulate), *found)


def _real(function: str, arrays: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: as_real(function, name, value) for name, value in arrays.items()}
