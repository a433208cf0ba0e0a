"""The training loop where it could give way: long epochs, interrupts, divergence late in an epoch, odd labels."""

import gc
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
from unittest import mock

import d2lhelpers as dh
from d2lhelpers import data as data_module
from d2lhelpers import metrics
from d2lhelpers.training import results

import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import autograd, gluon

L2 = gluon.loss.L2Loss()
CROSS_ENTROPY = gluon.loss.SoftmaxCrossEntropyLoss()
SIZES = (5, 5, 3, 1)  # an epoch's last minibatch of one example, too


def minibatches(xp, sizes=SIZES):
    rng = np.random.default_rng(0)
    return [(xp.array(rng.normal(size=(n, 3)), dtype="float32"), xp.array(rng.normal(size=n), dtype="float32"))
            for n in sizes]  # fmt: skip


def dense(outputs=1):
    mx.random.seed(1)
    net = gluon.nn.Dense(outputs, in_units=3)
    net.initialize(mx.init.Normal(1))
    return net


def gluon_trainer(net, rate=0.1):
    return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": rate})


class Model:
    """A linear model with the same parameters each time, with what `train` is to be handed for it."""

    def __init__(self, xp, way):
        net = dense()
        if way == "fused":
            self.net, self.loss, self.step = net, L2, gluon_trainer(net).step
            self.parameters = [net.weight.data(), net.bias.data()]
        else:
            w, b = xp.array(net.weight.data().asnumpy().ravel()), xp.array(net.bias.data().asnumpy())
            for param in (w, b):
                param.attach_grad()
            self.net, self.loss = lambda X: dh.linreg(X, w, b), dh.squared_loss
            self.step = lambda n: dh.sgd([w, b], 0.1, n)
            self.parameters = [w, b]

    def train(self, train_iter, num_epochs=1, step=None):
        return dh.train(self.net, train_iter, self.loss, step or self.step, num_epochs, verbose=False)

    def plain_steps(self, steps):
        """Train without `train`; return each minibatch's mean loss before its step."""
        means = []
        for X, y in steps:
            with autograd.record():
                losses = self.loss(self.net(X), y)
            losses.backward()
            self.step(X.shape[0])
            means.append(losses.asnumpy().mean(dtype="float64"))
        return means

    @property
    def values(self):
        return np.concatenate([param.asnumpy().ravel() for param in self.parameters])


both_ways = pytest.mark.parametrize("way", ["fused", "from scratch"])


# memory


@both_ways
def test_arrays_alive_do_not_grow_with_the_epoch(monkeypatch, way):
    monkeypatch.setattr(results, "LAG", 20)
    monkeypatch.setattr(metrics.Backlog, "_MOST_NUMBERS", 20 * metrics.Backlog._AT_LEAST)
    model, alive, counts = Model(mx.nd, way), [0], []
    create, delete = mx.nd.NDArray.__init__, mx.nd.NDArray.__del__

    def init(self, *args, **kwargs):
        alive[0] += 1
        create(self, *args, **kwargs)

    def discard(self):
        alive[0] -= 1
        delete(self)

    monkeypatch.setattr(mx.nd.NDArray, "__init__", init)
    monkeypatch.setattr(mx.nd.NDArray, "__del__", discard)

    class Steps:
        def __iter__(self):
            features, labels = mx.nd.ones((4, 3)), mx.nd.ones((4,))
            for _ in range(600 if way == "fused" else 300):
                counts.append(alive[0])
                yield features[:], labels[:]

    model.train(Steps())
    # Of a step there wait predictions, labels and losses; a few arrays belong to the step under way.
    assert max(counts) - counts[0] <= 3 * 2 * results.LAG + 40
    assert max(counts[-100:]) <= max(counts[100:200]) + 5


# interrupts


class Interrupting:
    """Epochs of minibatches, with one interrupt while number `at` is fetched, or where the first epoch begins or ends.

    An epoch consists of `SIZES` minibatches; they are numbered through the epochs, from 0.
    """

    def __init__(self, batches, at):
        self.batches, self.at, self.fetched, self.epoch = batches, at, 0, 0

    def __iter__(self):
        self.epoch += 1
        self._interrupt_at(f"begin {self.epoch}")
        for batch in self.batches:
            self._interrupt_at(self.fetched)
            self.fetched += 1
            yield batch
        self._interrupt_at(f"end {self.epoch}")

    def _interrupt_at(self, moment):
        if moment == self.at:
            signal.raise_signal(signal.SIGINT)


@both_ways
@pytest.mark.parametrize(
    ("kind", "at"),
    [*itertools.product(["before step", "within step", "fetch"], [0, 5, 11]),
     ("fetch", "begin 2"), ("fetch", "end 1"), ("fetch", "end 3")],
)  # fmt: skip
def test_an_interrupted_run_can_be_continued(xp, way, kind, at):
    batches, model, whole, steps = minibatches(xp), Model(xp, way), Model(xp, way), []
    stream = batches * 3

    def step(n):
        number = len(steps)
        if (kind, number) == ("before step", at):
            signal.raise_signal(signal.SIGINT)
        model.step(n)
        if (kind, number) == ("within step", at):
            signal.raise_signal(signal.SIGINT)
        steps.append(n)

    history = model.train(Interrupting(batches, at if kind == "fetch" else None), 3, step)
    if at not in (11, "end 3"):
        assert len(steps) < 12, "the interrupt was lost"
    assert len(history) <= len(steps) // 4
    if len(steps) < 12:
        model.train(stream[len(steps) :])
    expected = whole.train(batches, 3)
    np.testing.assert_allclose(model.values, whole.values, rtol=0, atol=1e-6)
    np.testing.assert_allclose(history.loss, expected.loss[: len(history)], rtol=1e-6)


# divergence


@both_ways
@pytest.mark.parametrize("position", [0, 3, 4, 7, 8, 21])
def test_divergence_long_before_the_end_of_an_epoch(xp, monkeypatch, way, position):
    monkeypatch.setattr(results, "LAG", 4)
    batches, model, plain, fetched = minibatches(xp), Model(xp, way), Model(xp, way), []
    X, y = batches[0]

    class Epochs:
        """One good epoch, and one that becomes bad and never ends."""

        def __init__(self):
            self.epoch = 0

        def __iter__(self):
            self.epoch += 1
            if self.epoch == 1:
                yield from batches
                return
            for i in itertools.count():
                assert i <= position + 2 * results.LAG, "the epoch goes on in spite of a loss that is not finite"
                fetched.append(i)
                yield (X * float("nan") if i == position else X), y

    expected = plain.plain_steps(batches + [(X, y)] * position)
    with pytest.raises(dh.DivergenceError, match=r"the loss stopped being finite in epoch 2; ") as caught:
        model.train(Epochs(), 5)
    assert len(fetched) > position
    assert caught.value.epoch == 2
    weighted = sum(mean * n for mean, n in zip(expected, SIZES, strict=False)) / sum(SIZES)
    assert caught.value.history.loss == [pytest.approx(weighted, rel=1e-5)]
    assert caught.value.history.num_examples == [sum(SIZES)]
    last = caught.value.last_finite_loss
    assert last == pytest.approx(expected[-1], rel=1e-4, abs=1e-6)  # of the epoch before, if this one had none


# trainer and network


class Untouched:
    def __iter__(self):
        raise AssertionError("a minibatch was fetched")


@pytest.mark.parametrize("num_epochs", [0, 2])
def test_a_trainer_of_another_network_is_refused(xp, num_epochs):
    net, other = dense(), dense()
    before = [param.data().asnumpy() for param in (net.weight, net.bias, other.weight, other.bias)]
    message = r"trainer acts on none of the parameters of net; .*gluon\.Trainer\(net\.collect_params\(\), "
    with pytest.raises(ValueError, match=message):
        dh.train(net, Untouched(), L2, gluon_trainer(other), num_epochs, verbose=False)
    for param, values in zip((net.weight, net.bias, other.weight, other.bias), before, strict=True):
        np.testing.assert_array_equal(param.data().asnumpy(), values)


def test_a_trainer_of_another_network_is_refused_before_a_deferred_initialization(xp):
    net = gluon.nn.Dense(1)
    net.initialize()
    with pytest.raises(ValueError, match=r"trainer acts on none of the parameters of net"):
        dh.train(net, Untouched(), L2, gluon_trainer(dense()), 1, verbose=False)


def test_a_trainer_of_some_layers_leaves_the_others_as_they_are(xp):
    net = gluon.nn.Sequential()
    net.add(gluon.nn.Dense(4, in_units=3), gluon.nn.Dense(1, in_units=4))
    net.initialize(mx.init.Normal(1))
    frozen, trained = net[0].weight.data().asnumpy(), net[1].weight.data().asnumpy()
    history = dh.train(net, minibatches(xp), L2, gluon_trainer(net[1], 0.01), 2, verbose=False)
    assert len(history) == 2
    np.testing.assert_array_equal(net[0].weight.data().asnumpy(), frozen)
    assert (net[1].weight.data().asnumpy() != trained).any()


def test_networks_without_parameters_are_not_the_trainers_business(xp):
    """A block that only computes, of parameters that are not its own, is the learner's way of doing it."""
    hidden = dense()

    class Wrapper(gluon.Block):
        def forward(self, X):
            return hidden(X)

    before = hidden.weight.data().asnumpy()
    dh.train(Wrapper(), minibatches(xp), L2, gluon_trainer(hidden), 1, verbose=False)
    assert (hidden.weight.data().asnumpy() != before).any()


# labels


TYPES = ["float32", "float64", "int32", "int64", "uint8"]


def run_with_labels(xp, way, loss, labels, outputs):
    """Train on three times the same minibatch, so that the second is fused; return the mean loss and the parameters."""
    net = dense(outputs)
    X = xp.array(np.arange(12).reshape((4, 3)) / 10, dtype="float32")
    history = dh.train(
        net if way == "fused" else (lambda X: net(X)), [(X, labels)] * 3, loss, gluon_trainer(net), 1, verbose=False
    )
    return [*history.loss, *net.weight.data().asnumpy().ravel(), *net.bias.data().asnumpy()]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("loss", [L2, dh.squared_loss])
@pytest.mark.parametrize("way", ["fused", "plain"])
def test_numbers_as_labels(xp, way, loss, shape, dtype):
    expected = run_with_labels(xp, "plain", dh.squared_loss, xp.array([0, 2, 1, 3], dtype="float32"), 1)
    labels = xp.array([0, 2, 1, 3], dtype=dtype).reshape(shape)
    if xp is mx.nd and loss is L2 and dtype != "float32":
        # Gluon's loss takes mx.nd labels of the predictions' type only; the learner is told how to make them so.
        with pytest.raises(ValueError, match=rf'y is {dtype}, but y_hat is float32; .*y\.astype\("float32"\)'):
            run_with_labels(xp, way, loss, labels, 1)
    else:
        np.testing.assert_allclose(run_with_labels(xp, way, loss, labels, 1), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("way", ["fused", "plain"])
def test_class_ids_of_any_type(xp, way, dtype):
    expected = run_with_labels(xp, "plain", CROSS_ENTROPY, xp.array([0, 2, 1, 3], dtype="float32"), 4)
    result = run_with_labels(xp, way, CROSS_ENTROPY, xp.array([0, 2, 1, 3], dtype=dtype), 4)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", ["fused", "plain"])
@pytest.mark.parametrize(
    ("loss", "outputs", "shape", "message"),
    [
        (CROSS_ENTROPY, 4, (4, 1), r"y must have 1 axis, but has the shape \(4, 1\).*y\.reshape\(\(-1,\)\)"),
        (dh.squared_loss, 1, (4, 2), r"y must hold one number an example, .*\(4, 2\); pick a column, or reshape"),
        (L2, 1, (4, 2), r"\by .*\(4, 2\).*pick a column"),
    ],
)
def test_labels_of_a_shape_that_does_not_fit(xp, way, loss, outputs, shape, message):
    with pytest.raises(ValueError, match=message):
        run_with_labels(xp, way, loss, xp.zeros(shape), outputs)
    net = gluon.nn.Dense(outputs)
    net.initialize()
    with pytest.raises(ValueError, match=message):  # where nothing is recorded, it is not the engine that refuses
        dh.evaluate_loss(net, [(xp.ones((4, 2)), xp.zeros(shape))], loss)


@pytest.mark.parametrize("plain", [False, True])
def test_labels_of_the_other_kind_of_arrays(xp, plain):
    net, other = gluon.nn.Dense(1), "nd" if xp is mx.np else "np"
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd")
    data = [(xp.ones((3, 2)), mx.np.ones((3,)) if other == "np" else mx.np.ones((3,)).as_nd_ndarray())]
    with pytest.raises(TypeError) as error:
        dh.train(net, data, L2, trainer, 1, plain=plain)
    advice = re.search(r"y\.(as_\w+)\(\)", str(error.value)).group(1)
    dh.train(net, [(X, getattr(y, advice)()) for X, y in data], L2, trainer, 1, verbose=False, plain=plain)


def test_a_value_error_of_a_learners_loss_is_left_as_it_is(xp):
    def loss(y_hat, y):
        raise ValueError("mine")

    net = gluon.nn.Dense(1)
    net.initialize()
    with pytest.raises(ValueError, match=r"^mine$"):
        dh.evaluate_loss(net, [(xp.ones((4, 2)), xp.zeros((4,)))], loss)


# minibatches


def changed(X):
    """Double each example, and turn its numbers round: each example on its own."""
    return 2 * X[:, ::-1] + 1


@given(
    n=st.integers(1, 60),
    width=st.integers(1, 4),
    batch_size=st.integers(1, 70),
    block_size=st.integers(1, 300),
    large=st.sampled_from([1, 100, 2**16]),
    shuffle=st.booleans(),
    transform=st.sampled_from([None, changed, lambda X: X.astype("float32") / 255]),
    dtype=st.sampled_from(["float32", "uint8", "int32"]),
    as_np=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, derandomize=True, database=None, max_examples=50)
def test_an_epoch_is_a_permutation_cut_into_minibatches(
    n, width, batch_size, block_size, large, shuffle, transform, dtype, as_np, seed
):
    xp = mx.np if as_np else mx.nd
    numbers = np.arange(n * width).reshape((n, width)).astype(dtype)
    loader = dh.load_array((xp.array(numbers, dtype=dtype), xp.arange(n)), batch_size, shuffle, transform)
    np.random.seed(seed)
    with mock.patch.object(data_module, "_BLOCK_SIZE", block_size), mock.patch.object(data_module, "_LARGE", large):
        epochs = [list(loader), list(loader)]
    np.random.seed(seed)
    for batches in epochs:
        order = np.arange(n)
        if shuffle:
            np.random.shuffle(order)
        assert [X.shape[0] for X, _ in batches[:-1]] == [batch_size] * (len(loader) - 1)
        assert 1 <= batches[-1][0].shape[0] <= batch_size
        X, y = (np.concatenate([batch[i].asnumpy() for batch in batches]) for i in (0, 1))
        np.testing.assert_array_equal(np.sort(y), np.arange(n))
        np.testing.assert_array_equal(y, order)
        expected = numbers[order] if transform is None else transform(numbers[order])
        assert X.dtype == expected.dtype
        np.testing.assert_array_equal(X, expected)


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize(("shuffle", "transform"), [(True, None), (False, None), (True, changed), (False, lambda X: X)])
def test_a_minibatch_outlives_its_loader(any_xp, monkeypatch, large, shuffle, transform):
    monkeypatch.setattr(data_module, "_LARGE", large)
    numbers = np.arange(4000, dtype="float32").reshape((1000, 4))
    loader = dh.load_array((any_xp.array(numbers), any_xp.arange(1000)), 7, shuffle, transform)
    kept = list(loader)[3:5]
    copies = [[array.asnumpy().copy() for array in batch] for batch in kept]
    del loader
    gc.collect()
    for _ in range(5):  # what was freed wrongly would be overwritten
        np.full((1000, 4), -1, "float32")
        any_xp.full((1000, 4), -1).wait_to_read()
    for batch, copied in zip(kept, copies, strict=True):
        for array, values in zip(batch, copied, strict=True):
            np.testing.assert_array_equal(array.asnumpy(), values)
    order = copies[0][1].astype(int)
    np.testing.assert_array_equal(copies[0][0], (transform or np.asarray)(numbers[order]))


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize("transform", [None, lambda X: X])
def test_changing_a_minibatch_changes_nothing_else(any_xp, monkeypatch, large, transform):
    monkeypatch.setattr(data_module, "_LARGE", large)
    numbers = np.arange(4000, dtype="float32").reshape((1000, 4))
    loader = dh.load_array((any_xp.array(numbers), any_xp.arange(1000)), 7, False, transform)
    batches = list(loader)
    for X, y in batches[::2]:
        X[:] = -1
        y[:] = -1
    for i, (X, y) in enumerate(batches[1::2]):
        rows = slice(7 * (2 * i + 1), 7 * (2 * i + 2))
        np.testing.assert_array_equal(X.asnumpy(), numbers[rows])
        np.testing.assert_array_equal(y.asnumpy(), np.arange(1000)[rows])
    np.testing.assert_array_equal(loader.arrays[0].asnumpy(), numbers)
    np.testing.assert_array_equal(np.concatenate([X.asnumpy() for X, _ in loader]), numbers)


# in a process of its own

START = """
    import d2lhelpers as dh
    import mxnet as mx
    from mxnet import gluon, nd
    dh.seed(1)
    features, labels = dh.synthetic_data([2, -3.4] * 50, 4.2, 600)
    loader = dh.load_array((features, labels), 50)
"""
TRAINING = """
    net = gluon.nn.Sequential()
    net.add(gluon.nn.Dense(64, activation="relu"), gluon.nn.Dense(1))
    net.initialize(mx.init.Normal(0.1))
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001})
    history = dh.train(net, loader, gluon.loss.L2Loss(), trainer, 3, loader, verbose=False)
    print([dh.format_value(loss) for loss in history.loss + history.test_loss])
"""
ITERATING = """
    for X, y in loader:
        Z = nd.dot(X, X, transpose_b=True)  # still to be computed when the script is over
"""


def start(script, threads):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(script)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip


def test_processes_of_any_number_of_threads_agree_and_end_quietly():
    processes = [start(TRAINING, 1), start(TRAINING, 4), start(ITERATING, 2)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [err for _, err in outputs] == ["", "", ""]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert outputs[0][0] == outputs[1][0]
    assert outputs[0][0].count(".") == 6
    assert outputs[2][0] == ""
