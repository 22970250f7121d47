"""Every function of the package, called so often that a leak of one object each would show.

With FASTACT_FAULTS_EXAMPLES set there are 10^5 calls of each, or as many as take 20 seconds, after as many as
fill all caches.
"""

from __future__ import annotations

import helpers
import pytest
from effort import EXAMPLES

WARM, COUNT = (2_000, 100_000) if EXAMPLES else (200, 1_000)

SETUP = """
import copy, gc, pickle, numpy as np, fastact as fa
fa.set_num_threads(1)
x, w, b = np.ones((2, 3)), np.ones((3, 2)), np.ones(2)
g, slope, strided = np.ones((2, 2)), np.full(3, 0.5), np.ones((3, 2)).T
out, pair, integers, mask = np.empty((2, 3)), (np.empty((2, 3)), np.empty((2, 3))), np.ones(3, np.int8), x > 0
leaky, surrogate, mixed = fa.leaky_relu, fa.surrogate("step", "arctan"), fa.mixed(["relu", "prelu", "tanh"])
y, saved = fa.dense_forward(x, w, b, activation="relu")
net = fa.Network([(w, b, "gelu"), (w.T.copy(), None, "relu")])
composite = fa.Network([(w, b, surrogate)])
learned = fa.get("prelu", weight=np.full(2, 0.5))
gradients = np.empty((2, 3)), np.empty((3, 2)), np.empty(2)
h, kept = net.forward(x)
class Cube:
    def __call__(self, x): return x**3
    def derivative(self, x): return 3 * x**2
cube = Cube()
counter = iter(range(10**9))
def fails(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except (TypeError, ValueError, AttributeError):
        return
    raise AssertionError
"""

CALLS = {
    "activations": [
        "fa.gelu(x)",
        "fa.gelu(x, out=out)",
        "fa.gelu(strided)",
        "fa.gelu(1.0)",
        "fa.gelu([1.0, 2.0])",
        "fa.gelu(integers)",
        "fa.gelu(x, where=mask, out=out)",
        "fa.gelu(x, dtype=np.float32)",
        "fa.gelu.derivative(x)",
        "fa.gelu.backward(x, x)",
        "fa.tanh.backward_from_output(x, x)",
        "fa.gelu.value_and_derivative(x)",
        "fa.gelu.value_and_derivative(strided.T)",
        "fa.gelu.value_and_derivative(x, out=pair)",
        "fa.gelu.value_and_derivative([1.0])",
        "leaky(x, negative_slope=0.25)",
        "leaky(x, negative_slope=slope)",
        "leaky.backward_from_output(x, x, negative_slope=slope)",
        "fa.prelu.derivative_by('weight', x)",
        "fa.prelu.parameter_gradients(x, x, weight=slope)",
        "fa.ufuncs.gelu(x)",
        "fa.ufuncs.leaky_relu(x, 0.5)",
    ],
    "objects": [
        "fa.get('leaky_relu', negative_slope=next(counter))(x)",
        "leaky.bind(negative_slope=next(counter)).backward_from_output(x, x)",
        "leaky.bind(negative_slope=np.ones(3))(x)",
        "hash(leaky.bind(negative_slope=next(counter)))",
        "repr(leaky.bind(negative_slope=next(counter)))",
        "pickle.loads(pickle.dumps(leaky.bind(negative_slope=next(counter))))",
        "copy.deepcopy(leaky.bind(negative_slope=slope))",
        "fa.gelu.kinks, fa.gelu.range, fa.gelu.formula, fa.gelu.max_ulp, fa.prelu.learned",
        "leaky.bind(negative_slope=next(counter)).kinks",
        "fa.names(), fa.aliases(), fa.get('LeakyReLU'), fa.get('expit')",
        "surrogate(x)",
        "surrogate.backward(x, x)",
        "surrogate.value_and_derivative(x)",
        "fa.surrogate('relu', leaky.bind(negative_slope=next(counter)))(x)",
        "mixed(x)",
        "mixed.backward(x, x, out=out)",
        "mixed.value_and_derivative(x)",
        "mixed.parameter_gradients(x, x)",
        "fa.mixed(['relu', 'tanh', leaky.bind(negative_slope=next(counter))])(x)",
    ],
    "dense layers": [
        "fa.dense(x, w)",
        "fa.dense(x, w, b, activation='gelu', out=g)",
        "fa.dense(x[0], w, b)",
        "fa.dense(x[None], w, b[None])",
        "fa.dense(x.tolist(), w.astype('f4'))",
        "fa.dense(x, w, activation=fa.get('leaky_relu', negative_slope=next(counter)))",
        "fa.dense(x, w, activation=learned)",
        "fa.dense_backward(g, x, w, fa.dense_forward(x, w, activation=learned)[1], need_parameters=True)",
        "fa.dense_backward(g, x, w, fa.dense_forward(x, w, activation=cube)[1])",
        "fa.dense_backward(g, x, w, fa.dense_forward(x, w, b, activation='tanh')[1])",
        "fa.dense_backward(g, x, w, fa.dense_forward(x, w, b, save='input')[1])",
        "fa.dense_backward(g, x, w, saved)",
        "fa.dense_backward(g, x, w, saved, out=gradients)",
        "fa.dense_backward(g, x, w, saved, out=gradients, accumulate=True)",
        "fa.dense_backward(g, x, w, saved, need_dx=False, activation='relu')",
        "fa.dense_forward(x, w, b, activation='relu', out=(None, saved))",
        "fa.dense_forward(x, w, activation=fa.get('leaky_relu', negative_slope=next(counter)))",
        "pickle.loads(pickle.dumps(saved))",
        "fa.Saved(fa.gelu, 'input', g, (2, 2), 'f8')",
    ],
    "networks": [
        "net.predict(x)",
        "net.forward(x)",
        "net.backward(h, kept)",
        "net.backward(h, net.forward(x)[1])",
        "net.backward(h, kept, need_dx=False, need_parameters=True)",
        "net(x[0]), net(x[None]), net(x.tolist())",
        "composite.backward(g, composite.forward(x)[1])",
        "fa.Network([(w, b, fa.get('leaky_relu', negative_slope=next(counter)))]).forward(x)",
        "copy.deepcopy(net).predict(x)",
        "pickle.loads(pickle.dumps(net)).forward(x)",
        "setattr(net.layers[0], 'w', w), setattr(net, 'parameters', net.parameters)",
        "[tuple(layer) for layer in net], repr(net)",
    ],
    "settings": [
        "fa.set_num_threads(1), fa.get_num_threads()",
        "fa.set_isa(fa.isa()), fa.isas()",
        "block()",
    ],
    "errors": [
        "fails(fa.gelu, x, x)",
        "fails(fa.gelu, None)",
        "fails(fa.gelu, x, unknown=1)",
        "fails(fa.gelu, x, out=g)",
        "fails(fa.get, 'none such')",
        "fails(fa.get, 'gelu', alpha=next(counter))",
        "fails(fa.gelu.backward_from_output, x, x)",
        "fails(leaky.backward_from_output, x, x, negative_slope=-slope)",
        "fails(fa.dense, x, w, g[:, :1])",
        "fails(fa.dense, x, x)",
        "fails(fa.dense, x, w, activation='none such')",
        "fails(fa.dense, x, w, activation=fa.get('prelu', weight=np.ones(7)))",
        "fails(fa.dense, x, w, out=x)",
        "fails(fa.dense_backward, x, x, w, saved)",
        "fails(fa.dense_backward, g, x, w, None)",
        "fails(fa.Saved, fa.gelu, 'input', g, (3, 2), 'f8')",
        "fails(fa.Network, [(w, b)])",
        "fails(net.predict, w.T[:, :1])",
        "fails(net.backward, g, kept)",
        "fails(mixed, g)",
        "fails(fa.mixed, [])",
        "fails(fa.set_isa, 'none such'), fails(fa.set_num_threads, 0)",
    ],
}

MEASURE = """
import resource, sys, time
def block():
    with fa.num_threads(1):
        pass
def used():
    gc.collect()
    with open("/proc/self/statm") as file:
        return sys.getallocatedblocks(), int(file.read().split()[1]) * resource.getpagesize()
def measure(statement, warm, most):
    code = compile(f"for _ in range(n): {statement}", "<calls>", "exec")
    exec(code, {**globals(), "n": warm})
    blocks, bytes_ = used()
    count, start = 0, time.monotonic()
    while count < most and time.monotonic() < start + 20:
        exec(code, {**globals(), "n": most // 20})
        count += most // 20
    now_blocks, now_bytes = used()
    if now_blocks - blocks > count // 2 or now_bytes - bytes_ > 2**20:
        print(f"{statement}: {now_blocks - blocks} blocks, {now_bytes - bytes_} bytes")
"""


@pytest.mark.parametrize("kind", CALLS)
def test_memory_stays_the_same(kind: str) -> None:
    calls = "\n".join(f"measure({call!r}, {WARM}, {COUNT})" for call in CALLS[kind])
    assert helpers.output_of(f"{SETUP}{MEASURE}{calls}", timeout=3600) == ""


def test_a_leak_would_be_seen() -> None:
    leaks = "kept_for_ever = []\nmeasure('kept_for_ever.append(object())', 200, 1000)"
    assert "blocks" in helpers.output_of(f"{SETUP}{MEASURE}{leaks}")
