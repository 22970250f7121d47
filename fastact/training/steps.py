"""Steps of training: loss and gradients, one thread at a time, and the optimiser's update.

Must not depend on how gradients are computed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from fastact.arrays import Array
from fastact.training.optimizer import Optimizer


class Steps:
    """What can be trained; the owner has the parameters and ``_differentiated``."""

    __slots__ = ()

    _name: ClassVar[str] = "fastact.Network"
    _has_copies: ClassVar[bool] = False
    _parameters: Array
    _lock: threading.Lock
    _optimizer: Any

    def _differentiated(self, method: str, x: Any, target: Any, sample_weight: Any) -> tuple[Any, Array]:
        """The loss, and the owner's gradients after they have been computed."""
        raise NotImplementedError

    @property
    def optimizer(self) -> Any:
        """What changes the parameters in :meth:`step`."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        if value is not None and (isinstance(value, type) or not callable(getattr(value, "update", None))):
            what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
            message = f"{self._name}: optimizer is {what}"
            raise TypeError(f"{message}; expected an object with update(parameters, gradients)")
        self._optimizer = value

    def loss_and_gradients(self, x: Any, target: Any, sample_weight: Any = None) -> tuple[Any, Array]:
        """The loss of a batch, and its gradients with respect to all parameters.

        Parameters
        ----------
        x : array_like, shape (..., i)
            The batch; converted to the dtype of the network.
        target : array_like
            As the loss has it: for ``"softmax"`` labels of shape (...) or probabilities, for ``"identity"``
            values of the shape of the result.
        sample_weight : array_like, shape (...), optional
            Factors of at least 0. The loss is then the sum of factors times losses of samples, divided by
            the sum of the factors.

        Returns
        -------
        loss : scalar
            The mean over the samples.
        gradients : ndarray, shape (number of parameters,)
            The network's own `gradients`: overwritten by the next call.

        Raises
        ------
        RuntimeError
            If another thread is in this method or in :meth:`step`.
        ValueError, TypeError
            For shapes that do not fit, and what is not real numbers.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> net = fa.Network([(np.eye(2), np.zeros(2), None)], output="softmax")
        >>> loss, gradients = net.loss_and_gradients([[3.0, 0.0], [0.0, 3.0]], [0, 0])
        >>> round(float(loss), 3), gradients[-2:].round(3)
        (1.549, array([-0.5,  0.5]))
        """
        if not self._lock.acquire(False):
            raise self._busy("loss_and_gradients")
        try:
            loss, gradients = self._differentiated("loss_and_gradients", x, target, sample_weight)
        finally:
            self._lock.release()
        return loss, gradients.view()

    def step(
        self,
        x: Any,
        target: Any,
        sample_weight: Any = None,
        *,
        reduce: Callable[[Array], Any] | None = None,
    ) -> Any:
        """One step of training: the loss of a batch, its gradients, and the optimiser's update.

        Parameters
        ----------
        x, target, sample_weight
            As for :meth:`loss_and_gradients`.
        reduce : callable, optional
            Called with the gradients before the update; it changes them in place, and returns None. For
            networks in several processes: ``reduce=lambda g: comm.Allreduce(MPI.IN_PLACE, g)``.

        Returns
        -------
        scalar
            The loss before the update.

        Raises
        ------
        RuntimeError
            If the network has no optimiser, or another thread is in a step of it.
        ValueError, TypeError
            As :meth:`loss_and_gradients`. Nothing has been changed then.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> net = fa.Network.create([2, 8, 2], activation="tanh", output="softmax")
        >>> net.optimizer = fa.optim.Adam(lr=0.05)
        >>> x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> for _ in range(200):
        ...     loss = net.step(x, [0, 1, 1, 0])
        >>> net.predict(x).argmax(axis=1)
        array([0, 1, 1, 0])
        """
        if not self._lock.acquire(False):
            raise self._busy("step")
        try:
            return self._stepped("step", x, target, sample_weight, reduce)
        finally:
            self._lock.release()

    def steps(
        self, batches: Iterable[Sequence[Any]], *, reduce: Callable[[Array], Any] | None = None
    ) -> Array:
        """One step for each of many batches, without a pause for another thread between them.

        Parameters
        ----------
        batches : iterable of (x, target) or (x, target, sample_weight)
            As for :meth:`step`; an iterator is asked for the next one after each step.
        reduce : callable, optional
            As for :meth:`step`.

        Returns
        -------
        ndarray
            The losses, each before its update.

        Raises
        ------
        RuntimeError, ValueError, TypeError
            As :meth:`step`. Steps for earlier batches have been made then.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> net = fa.Network.create([1, 8, 1], "tanh")
        >>> net.optimizer = fa.optim.Adam(lr=0.02)
        >>> x = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
        >>> losses = net.steps((x[i::3], x[i::3] ** 2) for _ in range(100) for i in range(3))
        >>> len(losses), bool(losses[-1] < 1e-2)
        (300, True)
        """
        if not self._lock.acquire(False):
            raise self._busy("steps")
        try:
            losses = [self._stepped("steps", *_batch_of(self._name, batch), reduce) for batch in batches]
        finally:
            self._lock.release()
        return np.array(losses, self._parameters.dtype).reshape(-1, *self._parameters.shape[:-1])

    def _stepped(
        self, method: str, x: Any, target: Any, sample_weight: Any, reduce: Callable[[Array], Any] | None
    ) -> Any:
        """The loss, after an update."""
        optimizer = self._optimizer
        if optimizer is None:
            raise RuntimeError(f"{self._name}.{method}: no optimiser; set net.optimizer first")
        loss, gradients = self._differentiated(method, x, target, sample_weight)
        if reduce is not None and reduce(gradients.view()) is not None:
            message = f"{self._name}.{method}: reduce returned a value"
            raise TypeError(f"{message}; expected None: it changes its argument in place")
        if self._has_copies and isinstance(optimizer, Optimizer):
            optimizer.update(self._parameters, gradients, copies=len(self._parameters))
        else:
            optimizer.update(self._parameters, gradients)
        return loss

    def _busy(self, method: str) -> RuntimeError:
        return RuntimeError(f"{self._name}.{method}: another thread is in a step of this network")


def _batch_of(name: str, batch: Any) -> tuple[Any, Any, Any]:
    """x, target, and weights of samples or None."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        kind = f"of type {type(batch).__name__}"
        kind += f" and length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        expected = "(x, target) or (x, target, sample_weight)"
        raise TypeError(f"{name}.steps: a batch is {kind}; expected {expected}")
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None
