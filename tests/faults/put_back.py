"""Puts faults of earlier versions back, one at a time, and shows that the campaign reports each.

    python tests/faults/put_back.py             # all of them, as a table
    python tests/faults/put_back.py NAME ...    # some

Each fault runs in a process of its own, in which a part of the package is replaced before the tests that
should find it are run. A fault that none of them reports is an error. This is no part of the suite: it takes
some minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parent
VARIABLE = "FASTACT_FAULTS_PUT_BACK"
EXAMPLES = "1500"  # at most; the first failure ends the run


class Fault(NamedTuple):
    """What went wrong once, how to make it go wrong again, and the tests to run."""

    about: str
    put_back: Callable[[], None]
    tests: str


FAULTS: dict[str, Fault] = {}


def fault(about: str, tests: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(put_back: Callable[[], None]) -> Callable[[], None]:
        FAULTS[put_back.__name__] = Fault(about, put_back, tests)
        return put_back

    return add


def replace_function(name: str, made: Callable[[Any], Any]) -> None:
    """A function of fastact.dense, wherever it is looked up."""
    import fastact
    from fastact.dense import functions, network

    wrapper = made(getattr(functions, name))
    for place in (fastact, functions, network):
        if hasattr(place, name):
            setattr(place, name, wrapper)


# Overlaps ------------------------------------------------------------------------------------------


@fault("no overlap of operands is seen", "test_dense.py")
def overlap() -> None:
    from fastact import _dense

    _dense.overlap = lambda array, others: False


@fault(
    "dense stores x w + b where the result goes, before an array of parameters there is read", "test_dense.py"
)
def result_over_parameters() -> None:
    import numpy as np

    import fastact as fa

    def made(original: Any) -> Any:
        def dense(x: Any, w: Any, b: Any = None, *, activation: Any = None, out: Any = None) -> Any:
            if not isinstance(activation, fa.Activation) or type(out) is not np.ndarray:
                return original(x, w, b, activation=activation, out=out)
            z = original(x, w, b)
            with np.errstate(all="ignore"):
                out[...] = z
                out[...] = activation(z)
            return out

        return dense

    replace_function("dense", made)


@fault(
    "value_and_derivative stores the value over its input first",
    "test_activations.py::test_any_call[value_and_derivative]",
)
def overlap_of_two_results() -> None:
    from fastact.activations import builtin

    builtin.detached = lambda operand, results: operand


@fault("a second positional argument is taken for out", "test_refusals.py")
def positional_out() -> None:
    from fastact.activations.builtin import Builtin

    original = Builtin.__call__
    Builtin.__call__ = lambda self, x, out=None, **keywords: original(self, x, out=out, **keywords)


# What is saved ---------------------------------------------------------------------------------------


@fault("dense_forward saves the result itself by default", "test_dense.py")
def saved_is_the_result() -> None:
    def made(original: Any) -> Any:
        def dense_forward(*arrays: Any, activation: Any = None, save: Any = None, out: Any = None) -> Any:
            try:
                return original(*arrays, activation=activation, save=save or "output", out=out)
            except TypeError:
                return original(*arrays, activation=activation, save=save, out=out)

        return dense_forward

    replace_function("dense_forward", made)


@fault("a bound array's value is kept from the first call", "test_dense.py test_network.py")
def bound_array_is_kept() -> None:
    import numpy as np

    from fastact.dense import saved

    def numbers(activation: Any) -> Any:
        values = activation.parameter_values
        single = all(np.size(value) == 1 for value in values)
        return tuple(float(np.ravel(value)[0]) for value in values) if single else None

    saved._numbers = numbers


@fault("a read-only array of an earlier saved is written to", "test_dense.py")
def read_only_is_written() -> None:
    from fastact.dense import arguments

    original = arguments.can_write

    def can_write(array: Any, dtype: Any) -> bool:
        if array.flags.writeable or array.base is not None:
            return original(array, dtype)
        array.flags.writeable = True
        return original(array, dtype)

    arguments.can_write = can_write


# Meaning ---------------------------------------------------------------------------------------------


@fault("biases of shape (1, o) give the result another axis", "test_dense.py")
def bias_with_two_axes() -> None:
    import numpy as np

    def made(original: Any) -> Any:
        def dense(x: Any, w: Any, b: Any = None, **keywords: Any) -> Any:
            y = original(x, w, b, **keywords)
            return y[np.newaxis] if np.ndim(b) == 2 else y

        return dense

    replace_function("dense", made)


@fault("the default activation is gelu", "test_dense.py")
def default_is_gelu() -> None:
    def made(original: Any) -> Any:
        def dense(*arrays: Any, activation: Any = None, **keywords: Any) -> Any:
            return original(*arrays, activation=activation or "gelu", **keywords)

        return dense

    replace_function("dense", made)


@fault("masks and labels are dropped", "test_activations.py")
def masks_are_dropped() -> None:
    import numpy as np

    from fastact.activations.builtin import Builtin

    original = Builtin.by_ufunc

    def by_ufunc(self: Any, ufunc: Any, inputs: Any, *others: Any) -> Any:
        return original(self, ufunc, tuple(map(np.asarray, inputs)), *others)

    Builtin.by_ufunc = by_ufunc


@fault("np.float64 as a parameter makes a float32 result float64", "test_activations.py")
def float64_numbers_are_arrays() -> None:
    from fastact.activations import parameters

    parameters.typed = lambda inputs, values, dtype=None: list(values)


@fault("0 * inf is NaN in gradients of parameters", "test_activations.py::test_any_call[parameter_gradients]")
def nan_in_parameter_gradients() -> None:
    import numpy as np

    from fastact.activations import builtin
    from fastact.activations.gradients import _sum_to_shape

    def gradient(grad_y: Any, slope: Any, shape: Any, dtype: Any = None) -> Any:
        with np.errstate(all="ignore"):
            terms = np.multiply(grad_y, slope)
            narrow = terms.dtype
            total = _sum_to_shape(terms, shape, True)
            return total.astype(narrow if dtype is None else dtype)[()]

    builtin.gradient = gradient


@fault("an activation from elsewhere may return another shape", "test_refusals.py")
def results_are_not_checked() -> None:
    from fastact.dense import fallback

    fallback._checked = lambda function, activation, method, result, shape, dtype: result


# Networks --------------------------------------------------------------------------------------------


@fault("all results of a network are one array", "test_network.py")
def one_result() -> None:
    import numpy as np

    from fastact import Network

    original, kept = Network.forward, {}

    def forward(self: Any, x: Any) -> Any:
        y, saved = original(self, x)
        if type(y) is not np.ndarray:
            return y, saved
        own = kept.setdefault((id(self), y.shape), y)
        own[...] = y
        return own, saved

    Network.forward = forward


@fault("a forward pass overwrites what the one before it saved", "test_network.py")
def one_saved() -> None:
    from fastact import Network

    original, kept = Network.forward, {}

    def forward(self: Any, x: Any) -> Any:
        y, saved = original(self, x)
        before = kept.get((id(self), y.shape))
        if before is not None and before._network is self:
            object.__setattr__(before, "_kept", saved._kept)
            object.__setattr__(before, "_x", saved._x)
        kept[id(self), y.shape] = saved
        return y, saved

    Network.forward = forward


@fault("weights that are assigned train nothing", "test_network.py")
def weights_are_rebound() -> None:
    from fastact.dense.network_layers import NetworkLayer

    original = NetworkLayer.w.fget
    NetworkLayer.w = property(original, lambda self, value: None)


# Rows, losses and training ---------------------------------------------------------------------------


@fault("rows are stored over inputs that are read later", "test_rows.py")
def rows_over_inputs() -> None:
    from fastact.rowwise import gated_arrays, rows

    for module in (rows, gated_arrays):
        module.is_unsafe = lambda out, inputs: False


@fault("labels that are ignored count in the mean", "test_losses.py")
def ignored_labels_count() -> None:
    from fastact.rowwise import labels

    original = labels._Problem._set_labels

    def set_labels(self: Any, given: Any) -> None:
        original(self, given)
        if self.options.reduction == "mean" and given.size:
            self.row_weights = self.row_weights * (self.row_weights != 0).mean()

    labels._Problem._set_labels = set_labels


@fault("an update reads a gradient that another one has changed", "test_optim.py")
def gradients_over_parameters() -> None:
    from fastact import _training

    _training.may_share_bytes = lambda a, b: False


@fault("norms are stored over weights", "test_norms.py")
def norms_over_weights() -> None:
    from fastact.training import norms

    original = norms.prepared
    norms.prepared = lambda function, out, arrays: original(function, None, arrays)
    for module in ("batch_norm", "row_norms"):
        __import__(f"fastact.training.{module}")
        sys.modules[f"fastact.training.{module}"].prepared = norms.prepared


@fault("samples of weight 0 count in the loss of a network", "test_training.py")
def weights_of_samples() -> None:
    from fastact.training.outputs import Output

    original = Output.value_and_gradient

    def value_and_gradient(self: Any, blame: str, z: Any, target: Any, weights: Any) -> Any:
        return original(self, blame, z, target, None)

    Output.value_and_gradient = value_and_gradient


@fault("limits of health are those of other units", "test_health.py")
def limits_of_other_units() -> None:
    import numpy as np

    from fastact.health import statistics

    original = statistics.saturation_of

    def saturation_of(*arguments: Any) -> Any:
        found = original(*arguments)
        return found._replace(low=np.where(np.isinf(found.low), -1.0, found.low))

    statistics.saturation_of = saturation_of


# Running ---------------------------------------------------------------------------------------------


def pytest_configure() -> None:
    """This module is also the plugin that puts a fault back before the tests are imported."""
    name = os.environ.get(VARIABLE)
    if name:
        FAULTS[name].put_back()


def reported_by(name: str) -> str:
    """The first line of what the campaign says of the fault; empty if it says nothing."""
    tests = [str(FOLDER / test) for test in FAULTS[name].tests.split()]
    path = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, VARIABLE: name, "PYTHONPATH": path, "FASTACT_FAULTS_SHRINK": "0"}
    environment |= {"FASTACT_FAULTS_EXAMPLES": EXAMPLES}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "put_back", "--tb=short", *tests]
    done = subprocess.run(
        command, env=environment, cwd=FOLDER.parents[1], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    if done.returncode != 1:  # no test has failed
        raise RuntimeError(f"{name}: the tests did not run\n{done.stdout}{done.stderr}")
    found = re.findall(r"^E +(\w*Error: .*|Failed: .*|assert .*)$", done.stdout, re.MULTILINE)
    return found[-1] if found else done.stdout[-300:] + done.stderr[-300:]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FAULTS))
    missed = 0
    for name in parser.parse_args().names or FAULTS:
        found = reported_by(name)
        missed += not found
        print(f"{name:28} | {FAULTS[name].about:60} | {found[:110] or 'NOT REPORTED'}", flush=True)
    print(f"{missed} not reported")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
