"""Dense layers, y = f(x w + b), and their gradients, as functions.

What callers may pass and what they get; how a layer is computed is left to the modules beside this one.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastact import _dense
from fastact._dense import Saved
from fastact.dense import containers
from fastact.dense.arguments import as_real, resolve
from fastact.dense.layer import Layer
from fastact.dense.parameter_gradients import parameter_gradients
from fastact.dense.saved import check_same, check_type, prepared


class _Omitted:
    """The default of an argument that has None as a value of its own."""

    def __repr__(self) -> str:
        return "saved.activation"


OMITTED = _Omitted()


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
    ready = prepared(activation)
    if ready is not None:
        y: NDArray[Any] | None = _dense.forward(x, w, b, ready[1], ready[0], False, out)
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
    ready = prepared(activation)
    if ready is not None and save in (None, ready[1].default):
        pair: tuple[NDArray[Any], Saved] | None = _dense.forward(x, w, b, ready[1], ready[0], True, out)
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
    """Gradients of a dense layer.

    With ``delta = grad_y * f'(x @ w + b)`` they are ``dx = delta @ w.T``, ``dw = x.T @ delta`` and the sums
    of delta over the batch.

    Parameters
    ----------
    grad_y : array_like of the shape of the result
        Gradient with respect to the result.
    x, w
        As they were in :func:`dense_forward`.
    saved : Saved
        What :func:`dense_forward` returned.
    activation : str or Activation, optional
        If given, the activation of the forward pass: `saved` has it.
    need_dx : bool
        False for a first layer: dx is then not computed.
    out : tuple of three, each ndarray or None, optional
        Where to store dx, dw and db; may be inputs.
    accumulate : bool
        Add to the arrays in `out` instead of overwriting them.
    need_parameters : bool
        Also return gradients of the activation's learned parameters.

    Returns
    -------
    dx : ndarray of the shape of `x`, or None
        Gradient with respect to `x`.
    dw : ndarray of the shape of `w`
        Gradient with respect to `w`.
    db : ndarray of the shape of `b`, or None if there was no bias
        Gradient with respect to `b`.
    parameters : dict, only with `need_parameters`
        By name, each of its parameter's shape; empty for an activation without learned parameters.

    Raises
    ------
    ValueError
        For shapes that do not fit, and a `saved` of another shape or activation.
    TypeError
        For dtypes other than real numbers; if `accumulate` lacks an array to add to.

    Notes
    -----
    delta is made and used tile by tile, never as a whole; db is summed in float64. Where an axis was
    broadcast in the forward pass, its gradients are summed. Gradients have the dtype of the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0], [-1.0]]), np.array([0.5])
    >>> y, saved = fa.dense_forward(x, w, b, activation="relu")
    >>> dx, dw, db = fa.dense_backward(np.ones_like(y), x, w, saved)
    >>> dx, dw.T, db
    (array([[ 3., -1.]]), array([[1., 2.]]), array([1.]))
    """
    function = "fastact.dense_backward"
    if activation is not OMITTED:
        check_same(function, check_type(function, saved), resolve(function, activation))
    if not need_parameters:
        direct = _dense.backward(grad_y, x, w, saved, need_dx, out, accumulate)
        if direct is not None:
            return direct
    saved = check_type(function, saved)
    arrays = {"x": x, "w": w, "grad_y": grad_y}
    if containers.are_wanted({**arrays, "saved": saved.array}, saved.activation):
        found: dict[str, Any] = parameter_gradients(function, saved, grad_y) if need_parameters else {}
        gradients = containers.backward(function, arrays, saved, need_dx, out, accumulate)
    else:
        layer = Layer(function, _real(function, arrays), saved.activation, saved)
        # before gradients are written, perhaps to where grad_y is
        found = parameter_gradients(function, saved, layer.grad_y) if need_parameters else {}
        gradients = layer.backward(need_dx, out, accumulate)
    return (*gradients, found) if need_parameters else gradients


def _real(function: str, arrays: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: as_real(function, name, value) for name, value in arrays.items()}
