"""Every function of the package, called so often that a leak of one object each would show.

With FASTACT_FAULTS_EXAMPLES of at least 1000 there are 10^5 calls of each, or as many as take 20 seconds,
after as many as fill all caches. Under sanitizers, which count no blocks and keep what was freed, they find
errors of memory.
"""

from __future__ import annotations

import os

import helpers
import pytest
from effort import EXAMPLES

WARM, COUNT = (2_000, 100_000) if EXAMPLES >= 1000 else (200, 1_000)
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
MOST_BYTES = 2**40 if SANITIZED else 2**20

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
four = np.ones((2, 4))
labels, generator, adam = np.array([0, 1]), np.random.default_rng(0), fa.optim.Adam()
trained = fa.Network.create([3, 4, 2], "tanh", output="softmax", dtype="float64")
trained.optimizer = fa.optim.SGD(lr=0.0)
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
    "rows": [
        "fa.softmax(x), fa.softmax(x, axis=0, temperature=2.0, where=mask), fa.softmax(strided, out=out)",
        "fa.log_softmax.backward(x, x), fa.softmin.backward_from_output(x, x), fa.logsumexp(x)",
        "fa.sparsemax(x), fa.entmax15(x), fa.hardmax(integers), fa.quiet_softmax(x.tolist())",
        "fa.gumbel_softmax(x, noise=x), fa.gumbel_softmax.backward(x, x, noise=x)",
        "fa.swiglu(g), fa.swiglu(g, alpha=1.702, limit=7.0), fa.glu(x, x), fa.geglu.backward(x, x, x)",
        "fa.gated(leaky.bind(negative_slope=next(counter)))(g), fa.gated(learned).backward(g, four)",
    ],
    "losses": [
        "fa.mse(x, x), fa.mse.value_and_gradient(x, x, weight=x, reduction='none', out=out)",
        "fa.huber(strided, x, delta=2.0), fa.hinge(x, x), fa.poisson(x, x), fa.kl_divergence(x, x)",
        "fa.sigmoid_binary_cross_entropy.value_and_gradient(x, mask, pos_weight=slope)",
        "fa.softmax_cross_entropy(x, [0, 1]), fa.softmax_cross_entropy.value_and_gradient(x, x, out=out)",
        "fa.softmax_cross_entropy(x, labels, label_smoothing=0.1, ignore_index=1, weight=slope)",
        "fa.nll.value_and_gradient(x, labels, reduction='sum')",
    ],
    "training": [
        "fa.layer_norm(x, slope, slope), fa.layer_norm.backward(x, x, slope), fa.rms_norm(strided)",
        "fa.batch_norm(x, running_mean=slope.copy(), running_var=slope.copy()), fa.batch_norm.backward(x, x)",
        "fa.dropout(x, 0.5, seed=next(counter)), fa.dropout.mask((2, 3), [0.5, 0.1], seed=1)",
        "adam.update(out, x), adam.state_dict(), pickle.loads(pickle.dumps(adam)).update([out], [strided])",
        "fa.optim.SGD(lr=0.1, momentum=0.5, clip_norm=1.0).update(out, x)",
        "trained.step(x, labels), trained.step(x, labels, x[:, 0]), trained.loss(x, x[:, :2])",
        "trained.loss_and_gradients(x, labels), trained.predict(x)",
        "fa.Network.create([3, 4, 2], 'tanh', output='softmax', seed=next(counter)).predict(x)",
        "fa.init.he((3, 2), rng=generator), fa.init.gain('gelu')",
    ],
    "health": [
        "fa.health(x, 'gelu') + fa.health(x, 'gelu'), str(fa.health(x, mixed, grad_y=x))",
        "fa.health(x, leaky, axis=0).saturation",
        "trained.diagnose(x, labels).findings",
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
        "fails(fa.softmax, x, axis=(0, 0)), fails(fa.mse, x, g), fails(fa.swiglu, x, out=x)",
        "fails(fa.softmax_cross_entropy, x, [0]), fails(fa.layer_norm, x, g), fails(adam.update, x, g)",
        "fails(trained.step, g, labels), fails(fa.health, x, 'none such')",
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
    if now_blocks - blocks > count // 2 or now_bytes - bytes_ > most_bytes:
        print(f"{statement}: {now_blocks - blocks} blocks, {now_bytes - bytes_} bytes")
"""


@pytest.mark.parametrize("kind", CALLS)
def test_memory_stays_the_same(kind: str) -> None:
    calls = f"most_bytes = {MOST_BYTES}\n" + "\n".join(
        f"measure({call!r}, {WARM}, {COUNT})" for call in CALLS[kind]
    )
    assert helpers.output_of(f"{SETUP}{MEASURE}{calls}", timeout=3600) == ""


@pytest.mark.skipif(SANITIZED, reason="Python's own allocator, which counts blocks, is not used")
def test_a_leak_would_be_seen() -> None:
    leaks = "most_bytes = 2**20\nkept_for_ever = []\nmeasure('kept_for_ever.append(object())', 200, 1000)"
    assert "blocks" in helpers.output_of(f"{SETUP}{MEASURE}{leaks}")
