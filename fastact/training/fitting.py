"""The loop of ``Network.fit``: epochs, batches, validation, progress. All of it can be written with ``step``.

Must not depend on how a step is computed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, converted, is_container

_BLAME = "fastact.Network.fit"


@dataclass
class History:
    """What :meth:`Network.fit` has found.

    Attributes
    ----------
    loss : list of float
        The mean of the batches' losses by epoch, each before its update; of batches with fewer samples
        weighted less. Of copies: arrays, with a loss for each.
    validation_loss : list of float
        The loss of the validation data after each epoch; empty without them. Of copies likewise.
    best_epoch : int
        The epoch of the least validation loss, or of the least loss, counted from 0. Of copies: an array.
    stopped : bool
        Whether the loop ended before its last epoch.
    """

    loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    best_epoch: Any = 0
    stopped: bool = False

    @property
    def monitored(self) -> list[Any]:
        """The validation loss, or the loss where there are no validation data."""
        return self.validation_loss or self.loss


def fit(  # noqa: D103 - its docstring follows
    self: Any,
    x: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int = 32,
    sample_weight: Any = None,
    validation: tuple[Any, Any] | None = None,
    shuffle: bool = True,
    schedule: Callable[[int], Any] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callable[[Any, History], Any]] = (),
    reduce: Callable[[Array], Any] | None = None,
    progress: bool = True,
) -> History:
    data = _Data(self.dtype, x, y, sample_weight)
    size = _count("batch_size", batch_size)
    total = _count("epochs", epochs, least=0)
    keeper = None if patience is None else _Best(self, _count("patience", patience))
    history, t = History(), 0
    with _bar(progress, total) as advance:
        for _ in range(total):
            sums: Any = 0.0
            for count, part in data.batches(size, self._orders() if shuffle else None):
                if schedule is not None:
                    self.optimizer.lr = schedule(t)
                t += 1
                sums = sums + np.asarray(self.step(*part, reduce=reduce), np.float64) * count
            self._end_epoch()
            _record(self, history, sums / len(data.arrays[0]), validation)
            advance()
            answers = [callback(self, history) for callback in callbacks]
            late = keeper is not None and keeper.is_late(history)
            if late or any(answer is True for answer in answers):
                history.stopped = True
                break
    if keeper is not None:
        keeper.put_back(history)
    return history


fit.__doc__ = """Train for some epochs: a loop over batches that calls :meth:`step`.

Parameters
----------
x : array_like, shape (n, i)
    Samples.
y : array_like, shape (n, ...)
    Their targets.
epochs : int
    How many more times all samples are seen.
batch_size : int
    Samples in a step; the last batch of an epoch may have fewer.
sample_weight : array_like, shape (n,), optional
    As for :meth:`loss_and_gradients`, by batch.
validation : tuple (x, y), optional
    Data whose loss is computed after each epoch.
shuffle : bool
    Whether each epoch has another order, which depends on the network's `seed` and on the number of the
    epoch alone: a network that was saved, or copied, goes on with the same bits.
schedule : callable, optional
    ``schedule(t)`` is the learning rate of step t of this call, counted from 0: ``optimizer.lr`` is set
    before each step.
patience : int, optional
    Stop when the validation loss, or the loss where there are no validation data, has not become less
    in this many epochs. The parameters are then those of the best epoch.
callbacks : sequence of callable
    Each is called as ``callback(network, history)`` after each epoch; training stops where one returns
    True.
reduce : callable, optional
    As for :meth:`step`.
progress : bool
    Show a progress bar on standard error, if rich is installed.

Returns
-------
History
    With lists of losses by epoch.

Raises
------
RuntimeError
    If the network has no optimiser, or another thread is in a step of it.
ValueError, TypeError
    For arguments that do not fit.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> x = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
>>> net = fa.Network.create([1, 16, 1], activation="tanh")
>>> net.optimizer = fa.optim.Adam(lr=0.02)
>>> history = net.fit(x, x**2, epochs=60, batch_size=20, progress=False)
>>> history.loss[-1] < 1e-3
True
"""


def _record(network: Any, history: History, mean: Any, validation: Any) -> None:
    history.loss.append(_plain(mean))
    if validation is not None:
        history.validation_loss.append(_plain(network.loss(*validation)))
    monitored = np.array(history.monitored)
    last, epoch = monitored[-1], np.broadcast_to(history.best_epoch, monitored.shape[1:])
    best = np.take_along_axis(monitored, epoch[np.newaxis], axis=0)[0]
    found = np.where((last < best) | (best != best), len(monitored) - 1, epoch)
    history.best_epoch = found if found.ndim else int(found)


def _plain(loss: Any) -> Any:
    """A float, or those of copies in an array."""
    found = np.asarray(loss, np.float64)
    return found if found.ndim else float(found)


class _Data:
    """Samples, targets and weights, checked once."""

    def __init__(self, dtype: np.dtype[Any], x: Any, y: Any, sample_weight: Any) -> None:
        self.arrays = [self._checked("x", x), self._checked("y", y)]
        if sample_weight is not None:
            self.arrays.append(self._checked("sample_weight", sample_weight))
        if self.arrays[0].dtype != dtype:
            self.arrays[0] = converted(self.arrays[0], dtype)
        if self.arrays[1].dtype.kind in "iu" and self.arrays[1].dtype != np.uint64:
            self.arrays[1] = self.arrays[1].astype(np.int64)  # labels as C takes them
        lengths = {len(array) for array in self.arrays}
        if len(lengths) > 1 or 0 in lengths:
            listed = ", ".join(str(array.shape) for array in self.arrays)
            raise ValueError(f"{_BLAME}: shapes {listed}; expected the same number of samples, at least 1")

    @staticmethod
    def _checked(name: str, value: Any) -> Array:
        if is_container(value):
            raise TypeError(f"{_BLAME}: {name} is of type {type(value).__name__}; expected a plain array")
        found = as_real(_BLAME, name, value)
        if found.ndim == 0:
            raise ValueError(f"{_BLAME}: {name} has no axes; expected samples along the first one")
        return found

    def batches(self, size: int, seeds: Any) -> Iterator[tuple[int, list[Array]]]:
        """The number of samples, at most `size`, and the arrays; without seeds, in order. A list of seeds is
        that of copies, each of which has an order of its own, along an axis before the samples."""
        count, order = len(self.arrays[0]), None
        if isinstance(seeds, list):
            order = np.stack([np.random.default_rng(seed).permutation(count) for seed in seeds])
        elif seeds is not None:
            order = np.random.default_rng(seeds).permutation(count)
        for start in range(0, count, size):
            chosen = slice(start, start + size) if order is None else order[..., start : start + size]
            yield min(size, count - start), [array[chosen] for array in self.arrays]


class _Best:
    """The parameters and running statistics of the best epoch, of each copy."""

    def __init__(self, network: Any, patience: int) -> None:
        self.network, self.patience = network, patience
        self.arrays = [array.copy() for array in self._own()]
        self.epochs = np.zeros(len(self.arrays[0]), int)
        self.ended = np.zeros(len(self.arrays[0]), bool)

    def is_late(self, history: History) -> bool:
        """Keep the parameters of a best epoch; whether too many others have followed it. Those of a copy are
        final then, though its training goes on as long as that of others does."""
        best, last = np.atleast_1d(history.best_epoch), len(history.loss) - 1
        better = (best == last) & ~self.ended
        self.epochs[better] = last
        for array, own in zip(self.arrays, self._own(), strict=True):
            array[better] = own[better]
        self.ended |= last - self.epochs >= self.patience
        return bool(self.ended.all())

    def put_back(self, history: History) -> None:
        if not history.loss:
            return
        for array, best in zip(self._own(), self.arrays, strict=True):
            array[...] = best
        history.best_epoch = self.epochs if np.ndim(history.best_epoch) else int(self.epochs[0])

    def _own(self) -> list[Array]:
        """With an axis for copies."""
        arrays = [self.network.parameters, *self.network._running_statistics()]
        return arrays if self.network.parameters.ndim == 2 else [array[np.newaxis] for array in arrays]


def _count(name: str, value: Any, least: int = 1) -> int:
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{_BLAME}: {name} is {value!r}; expected an integer") from None
    if found < least:
        raise ValueError(f"{_BLAME}: {name} is {value!r}; expected an integer of at least {least}")
    return found


@contextmanager
def _bar(wanted: bool, total: int) -> Iterator[Callable[[], None]]:
    """What to call after each epoch."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ModuleNotFoundError:
        wanted = False
    if not wanted:
        yield lambda: None
        return
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("epochs", total=total)
        yield lambda: shown.advance(task)
