"""The fast way of training against the plain one: every number is the same, to the last bit."""

import ctypes
import importlib.util
import itertools
import os
import re
import signal
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from types import SimpleNamespace
from unittest import mock

import d2lhelpers as dh
from d2lhelpers import data as data_module
from d2lhelpers import metrics, progress_bars
from d2lhelpers.training import copied, engine, fast, fusion, results, updates

import mxnet as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mxnet import autograd, gluon
from mxnet.gluon import nn

NUM_EXAMPLES = int(os.environ.get("D2L_EXAMPLES", 500))  # tests/stress/stress_fast.py asks for more, and other ones
QUICKLY = settings(
    deadline=None,
    derandomize=NUM_EXAMPLES == 500,
    database=None,
    max_examples=NUM_EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # what fails is printed; to look for a smaller case takes minutes
    report_multiple_bugs=False,
)
LOSSES = {
    "L2": gluon.loss.L2Loss(),
    "weighted L2": gluon.loss.L2Loss(weight=0.3),
    "L1": gluon.loss.L1Loss(),
    "Huber": gluon.loss.HuberLoss(),
    "logistic": gluon.loss.LogisticLoss(label_format="binary"),
    "cross-entropy": gluon.loss.SoftmaxCrossEntropyLoss(),
}
OPTIMIZERS = ["sgd"] * 12 + ["nag", "adam", "rmsprop"]
LAYERS = ["dense", "relu", "tanh", "dropout", "batch norm", "layer norm", "no bias", "tied"]
MOST_LAYERS = 1 if NUM_EXAMPLES == 500 else 3  # between the first and the last; it is the plain way that takes the time


def hits(y_hat, y):
    """A metric that is not `accuracy`."""
    return (y_hat.asnumpy().ravel()[: y.shape[0]] > y.asnumpy()).mean()


@dataclass
class Case:
    """What is trained, and how."""

    layers: list
    kind: str
    loss: str
    metric: object
    optimizer: str
    options: dict
    scheduled: bool
    multipliers: tuple
    grad_reqs: list
    but_not: str
    dtype: str
    label_dtype: str
    as_np: bool
    num_minibatches: int
    batch_size: int
    num_left: int
    data: str
    gathers: bool
    trainer: str
    num_epochs: int
    changes: dict
    interrupt_at: int
    fault: str
    lag: int
    most_numbers: int
    seed: int

    def __post_init__(self):
        if self.as_np:  # of which MXNet has no parameters of float64, and not all losses
            self.dtype = "float32"
            self.loss = {"L1": "L2", "Huber": "weighted L2", "logistic": "cross-entropy"}.get(self.loss, self.loss)
        self.num_examples = self.num_minibatches * self.batch_size + min(self.num_left, self.batch_size - 1)
        self.num_outputs = 3 if self.loss == "cross-entropy" else 1
        if self.metric is dh.accuracy and self.num_outputs == 1:
            self.metric = hits


numbers = st.integers(1, 200).map(lambda n: n / 1000)
changes = st.fixed_dictionaries(
    {}, optional={"lr": numbers, "wd": numbers, "momentum": st.sampled_from([0.5, 0.9]), "clip_gradient": numbers}
)
descents = st.fixed_dictionaries(
    {"learning_rate": numbers},
    optional={"momentum": st.sampled_from([0.0, 0.3, 0.9]), "wd": numbers, "clip_gradient": numbers},
)
cases = st.builds(
    Case,
    layers=st.lists(st.sampled_from(LAYERS), max_size=MOST_LAYERS),
    kind=st.sampled_from(["Sequential", "HybridSequential", "hybridized"]),
    loss=st.sampled_from(sorted(LOSSES)),
    metric=st.sampled_from([None, dh.accuracy, hits]),
    optimizer=st.sampled_from(OPTIMIZERS),
    options=descents,
    scheduled=st.sampled_from([False] * 8 + [True]),
    multipliers=st.tuples(st.sampled_from([1.0, 1.0, 0.5, 0]), st.sampled_from([1.0, 1.0, 0.5, 0])),
    grad_reqs=st.lists(st.sampled_from(["write"] * 16 + ["null"] * 3 + ["add"]), max_size=4),
    but_not=st.sampled_from(["weight", "bias", "nothing"]),
    dtype=st.sampled_from(["float32"] * 7 + ["float64"]),
    label_dtype=st.sampled_from(["float32", "float64", "int32", "uint8"]),
    as_np=st.booleans(),
    num_minibatches=st.integers(1, 5),
    batch_size=st.integers(1, 4),
    num_left=st.integers(0, 3),
    data=st.sampled_from(["loader", "loader", "list", "sizes", "the same"]),
    gathers=st.booleans(),
    trainer=st.sampled_from(["gluon"] * 8 + ["its step", "of a function"]),
    num_epochs=st.sampled_from([1, 2, 2, 3]),
    changes=st.dictionaries(st.sampled_from([0, 1, 1, 2]), changes, max_size=2),
    interrupt_at=st.sampled_from([None] * 20 + list(range(1, 9))),
    fault=st.sampled_from([None] * 10 + ["features", "label"]),
    lag=st.sampled_from([1, 2, 3, 5, 1000, 1000, 1000]),
    most_numbers=st.sampled_from([1, 20, 2**20]),
    seed=st.integers(0, 1000),
)


class Drawn(mx.init.Initializer):
    """Values that NumPy draws, so that MXNet's generators need no seed; that takes a millisecond."""

    def _init_weight(self, name, array):
        array[:] = np.random.normal(0, 0.5, array.shape)


def network(case):
    """Make the network, whose parameters have always the same names: a trainer goes by them."""
    net = (nn.Sequential if case.kind == "Sequential" else nn.HybridSequential)(prefix="net_")
    make = {
        "dense": lambda: nn.Dense(3, in_units=3),
        "relu": lambda: nn.Activation("relu"),
        "tanh": lambda: nn.Dense(3, activation="tanh", in_units=3),
        "dropout": lambda: nn.Dropout(0.4),
        "batch norm": lambda: nn.BatchNorm(in_channels=3),
        "layer norm": lambda: nn.LayerNorm(in_channels=3),
        "no bias": lambda: nn.Dense(3, use_bias=False, in_units=3),
        "tied": lambda: nn.Dense(3, in_units=3, params=net[0].params),
    }
    with net.name_scope():
        net.add(nn.Dense(3, in_units=3))
        net.add(*(make[name]() for name in case.layers), nn.Dense(case.num_outputs))
    net.cast(case.dtype)
    net.initialize(Drawn())
    if case.kind == "hybridized":
        net.hybridize()
    return net


class Changing:
    """What is told at the beginning of each epoch, and changes the trainer then."""

    def __init__(self, case, trainer):
        self.changes, self.optimizer, self.epoch = case.changes, trainer._optimizer, 0

    def begin(self):
        for name, value in self.changes.get(self.epoch, {}).items():
            if name == "lr" and self.optimizer.lr_scheduler is None:
                self.optimizer.set_learning_rate(value)
            elif name in ("wd", "clip_gradient") or (
                name == "momentum"
                and getattr(self.optimizer, "momentum", 0)
                and type(self.optimizer) is mx.optimizer.SGD
            ):
                setattr(self.optimizer, name, value)
        self.epoch += 1


class Minibatches(Changing):
    def __init__(self, case, trainer, minibatches):
        super().__init__(case, trainer)
        self.minibatches = minibatches

    def __iter__(self):
        self.begin()
        yield from self.minibatches


def data_of(case, trainer):
    rng = np.random.default_rng(case.seed)
    X = rng.normal(size=(case.num_examples, 3))
    y = rng.integers(0, case.num_outputs + (case.num_outputs == 1), case.num_examples).astype("float64")
    place = case.seed % case.num_examples
    label_dtype = case.label_dtype if case.loss == "cross-entropy" else case.dtype
    if case.fault == "label":
        y[place] = 7
    xp = mx.np if case.as_np else mx.nd
    arrays = xp.array(X, dtype=case.dtype), xp.array(y, dtype=label_dtype)
    if case.data == "loader":
        changing, seen = Changing(case, trainer), itertools.count()

        def transform(features):
            places = np.array([next(seen) % case.num_examples for _ in features])
            if places[0] == 0:
                changing.begin()
            if case.fault == "features":
                features = np.where(places == place, np.nan, features.T).T.astype(features.dtype)
            return features

        return dh.load_array(arrays, case.batch_size, True, transform)
    if case.fault == "features":
        arrays[0][place] = np.nan
    sizes = rng.integers(1, 6, 30) if case.data == "sizes" else np.full(30, case.batch_size)
    edges = [0, *(edge for edge in sizes.cumsum() if edge < case.num_examples), case.num_examples]
    minibatches = [tuple(array[i:j] for array in arrays) for i, j in itertools.pairwise(map(int, edges))]
    if case.data == "the same":
        minibatches = minibatches[:1] * len(minibatches)
    return Minibatches(case, trainer, minibatches)


def numbers_of(states):
    if isinstance(states, tuple | list):
        return [number for state in states for number in numbers_of(state)]
    return [] if states is None else [states.asnumpy()]


@contextmanager
def noticed(steps, interrupt_at):
    """Note each step, whichever way it is made, in a list; interrupt the one of this number, while it is under way."""

    def noticing(method):  # which is called once in each step
        def noted(*args):
            steps.append(1)
            if len(steps) == interrupt_at:
                signal.raise_signal(signal.SIGINT)
            return method(*args)

        return noted

    with (
        mock.patch.object(results.Results, "add", noticing(results.Results.add)),
        mock.patch.object(copied.CopiedMinibatches, "copy", noticing(copied.CopiedMinibatches.copy)),
    ):
        yield


def train(case, plain):
    """Train in one of the ways; return all that can be seen afterwards, by name."""
    with mx.util.np_shape(case.as_np), mx.util.np_array(case.as_np):
        np.random.seed(case.seed)
        is_random = "dropout" in case.layers
        if is_random:
            mx.random.seed(case.seed)
        net = network(case)
        params = net.collect_params()
        options = dict(case.options)
        if case.optimizer in ("adam", "rmsprop"):
            options.pop("momentum", None)
        if case.scheduled:
            options["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(3, 0.5)
        with redirect_stdout(StringIO()):
            trainer = gluon.Trainer(params, case.optimizer, options)
        last = list(params.values())[-1]
        last.lr_mult, last.wd_mult = case.multipliers
        for layer, grad_req in zip(net[:-1], case.grad_reqs, strict=False):
            for param in layer.collect_params().values():
                # MXNet computes no gradient of a bias whose weight has none, in whichever way.
                if param.grad_req != "null" and (grad_req == "null" or not param.name.endswith(case.but_not)):
                    param.grad_req = grad_req
        data, steps, found = data_of(case, trainer), [], {}
        with (
            redirect_stdout(StringIO()) as printed,
            noticed(steps, case.interrupt_at),
            mock.patch.object(data_module, "_LARGE", 1 if case.gathers else 2**16),
            mock.patch.object(results, "LAG", case.lag),
            mock.patch.object(copied, "_MOST_NUMBERS", case.most_numbers),
            mock.patch.object(updates, "_MOST_NUMBERS", case.most_numbers),
        ):
            try:
                history = dh.train(
                    (lambda X: net(X)) if case.trainer == "of a function" else net,
                    data,
                    LOSSES[case.loss],
                    trainer.step if case.trainer == "its step" else trainer,
                    case.num_epochs,
                    metric=case.metric,
                    verbose=False,
                    plain=plain,
                )
            except (ValueError, dh.DivergenceError, UserWarning, TypeError) as error:
                history = getattr(error, "history", dh.History())
                found["error"] = str(error), getattr(error, "last_finite_loss", None)
        found["steps"], found["printed"] = len(steps), printed.getvalue()
        found["history"] = history.loss, history.metric, history.num_examples
        for name, param in enumerate(params.values()):
            found[f"value of {name}"] = param.data().asnumpy()
            if param.grad_req != "null":
                found[f"gradient of {name}"] = param.grad().asnumpy()
                found[f"gradient of {name} is fresh"] = param.data()._fresh_grad
        optimizer = trainer._optimizer
        found["states"] = {i: numbers_of(state) for i, state in trainer._updaters[0].states.items()}
        found["counts"] = optimizer.num_update, dict(optimizer._index_update_count), optimizer.rescale_grad
        found["rate"] = optimizer.learning_rate
        found["random numbers"] = np.random.random(), mx.nd.random.uniform().asnumpy() if is_random else None
        return found


def assert_equal(found, expected, path=""):
    """Compare the numbers of two runs, to the last bit."""
    assert type(found) is type(expected), path
    if isinstance(found, dict):
        assert found.keys() == expected.keys(), path
        for name, value in found.items():
            assert_equal(value, expected[name], f"{path} {name}")
    elif isinstance(found, tuple | list):
        assert len(found) == len(expected), path
        for value, other in zip(found, expected, strict=True):
            assert_equal(value, other, path)
    elif isinstance(found, np.ndarray):
        assert found.dtype == expected.dtype, path
        np.testing.assert_array_equal(found, expected, err_msg=path)
    else:
        assert found == expected, path


def check_both_ways(case):
    assert_equal(train(case, plain=False), train(case, plain=True))


@pytest.mark.filterwarnings("ignore")
@given(cases)
@QUICKLY
def test_both_ways_are_equal_to_the_last_bit(case):
    check_both_ways(case)


# the parts, one by one


@given(
    shapes=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple), min_size=1, max_size=5),
    options=descents,
    multipliers=st.lists(st.sampled_from([1.0, 1.0, 0.5, 0]), min_size=6, max_size=6),
    sizes=st.lists(st.integers(1, 3), min_size=3, max_size=5),
    changes=st.dictionaries(st.integers(1, 4), changes, max_size=1),
    most_numbers=st.sampled_from([1, 2**12]),
    seed=st.integers(0, 1000),
)
@QUICKLY
def test_prepared_updates_are_the_trainers(shapes, options, multipliers, sizes, changes, most_numbers, seed):
    """Of parameters without a network, whose gradients are drawn."""
    with mock.patch.object(updates, "_MOST_NUMBERS", most_numbers):
        check_updates(shapes, options, multipliers, sizes, changes, seed)


def check_updates(shapes, options, multipliers, sizes, changes, seed):
    found = []
    for plain in (False, True):
        rng = np.random.default_rng(seed)
        params = [gluon.Parameter(f"p{i}", shape=shape) for i, shape in enumerate(shapes)]
        for param, multiplier in zip(params, multipliers, strict=False):
            param.initialize(mx.init.Zero())
            param.data()[:] = rng.normal(size=param.shape)
            param.lr_mult = param.wd_mult = multiplier
        trainer = gluon.Trainer(params, "sgd", dict(options))
        prepared, num_prepared = updates.PreparedUpdates(trainer), 0
        for i, size in enumerate(sizes):
            for name, value in changes.get(i, {}).items():
                if name != "momentum" or trainer._optimizer.momentum:
                    setattr(trainer._optimizer, name, value)
            for param in params:
                param.grad()[:] = rng.normal(size=param.shape)
                param.data()._fresh_grad = True
            update = None if plain or i == 0 else prepared.update_for(size, set(params))
            if update is None:
                trainer.step(size)
            else:
                update()
                update.count(1)
                num_prepared += 1
        assert num_prepared == 0 if plain else num_prepared >= len(sizes) - 2 - len(changes)
        optimizer = trainer._optimizer
        found.append(
            {
                "values": [param.data().asnumpy() for param in params],
                "gradients": [param.grad().asnumpy() for param in params],
                "states": [numbers_of(state) for state in trainer._updaters[0].states.values()],
                "counts": [optimizer.num_update, optimizer._index_update_count, optimizer.rescale_grad],
            }
        )
    assert_equal(*found)


class Outputs:
    """What stands for a `FusedGraph`: outputs that are overwritten by those of the next minibatch."""

    def __init__(self, shape):
        self.y_hat, self.losses = mx.nd.zeros(shape), mx.nd.zeros(shape[:1])
        self.num_examples = shape[0]
        self.kind = fusion.Kind(shape[1:], (np.float32, np.float32), mx.cpu(), False)


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    num_classes=st.sampled_from([1, 3, 3, 3]),
    metric=st.sampled_from([None, dh.accuracy, dh.accuracy, hits]),
    epoch=st.integers(1, 2),
    in_blocks=st.booleans(),
    faults=st.dictionaries(st.integers(0, 7), st.sampled_from(["loss", "label", "score"]), max_size=2),
    plain_steps=st.sets(st.integers(0, 7)),
    lag=st.integers(1, 5),
    most_numbers=st.sampled_from([1, 20, 2**20]),
    seed=st.integers(0, 1000),
)
@QUICKLY
def test_copied_results_are_those_that_are_kept(
    sizes, num_classes, metric, epoch, in_blocks, faults, plain_steps, lag, most_numbers, seed
):
    found = []
    for copies in (False, True):
        rng = np.random.default_rng(seed)
        run = SimpleNamespace(metric=metric, epoch=epoch, history=dh.History(), last_finite_loss=None)
        kept = (copied.CopiedResults if copies else results.Results)(run, [])
        labels, first, graphs, error = rng.integers(0, num_classes, sum(sizes)), 0, {}, None
        for i, fault in faults.items():
            if fault == "label" and i < len(sizes):
                labels[sum(sizes[:i])] = 7
        block = mx.nd.array(labels)
        step = 0
        with mock.patch.object(results, "LAG", lag), mock.patch.object(copied, "_MOST_NUMBERS", most_numbers):
            try:
                for step, size in enumerate(sizes):
                    y_hat, losses = rng.normal(size=(size, num_classes)), rng.random(size)
                    if faults.get(step) == "score":
                        y_hat[0] = np.nan
                    if faults.get(step) == "loss":
                        losses[0] = np.inf
                    y, start = (block, first) if in_blocks else (block[first : first + size], 0)
                    if copies and step not in plain_steps:
                        graph = graphs.setdefault(size, Outputs((size, num_classes)))
                        graph.y_hat[:], graph.losses[:] = y_hat, losses
                        assert kept.room_for(graph) > 0
                        kept.copy(graph)
                        kept.note(size, y, start, 1)
                        graph.y_hat[:], graph.losses[:] = -1, -1
                    else:
                        kept.add(mx.nd.array(y_hat), y[start : start + size], mx.nd.array(losses))
                    first += size
                step = "end"
                kept.read()
            except (ValueError, dh.DivergenceError) as caught:
                error = str(caught)
        found.append([kept.loss, kept.metric, kept.num_examples, run.last_finite_loss, step, error])
    assert_equal(*found)


# when steps are prepared


@pytest.fixture
def prepared(monkeypatch):
    """The number of steps that were prepared."""
    calls = []
    call = updates._Update.__call__
    monkeypatch.setattr(updates._Update, "__call__", lambda self: calls.append(1) or call(self))
    return calls


L2 = LOSSES["L2"]
SIZES = (4, 4, 4, 3)


def features_and_labels(xp, n=15):
    rng = np.random.default_rng(0)
    return xp.array(rng.normal(size=(n, 3)), dtype="float32"), xp.array(rng.normal(size=n), dtype="float32")


def minibatches(xp):
    X, y = features_and_labels(xp)
    return [(X[i : i + n], y[i : i + n]) for i, n in zip((0, 4, 8, 12), SIZES, strict=True)]


def dense(units=1, dtype="float32"):
    dh.seed(0)
    net = nn.Dense(units, in_units=3, dtype=dtype)
    net.initialize(mx.init.Normal(0.5))
    return net


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"wd": 0.1, "clip_gradient": 0.1}])
@pytest.mark.parametrize("use", ["list", "loader", "gathering"])
def test_all_but_the_first_steps_are_prepared(xp, prepared, monkeypatch, use, options):
    monkeypatch.setattr(data_module, "_LARGE", 1 if use == "gathering" else 2**16)
    data = minibatches(xp) if use == "list" else dh.load_array(features_and_labels(xp), 4)
    net = dense()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1} | options)
    dh.train(net, data, L2, trainer, 3, verbose=False)
    assert len(prepared) == 12 - 3  # one for each shape, and one to see what the trainer is like


def test_the_plain_way_prepares_nothing(xp, prepared, monkeypatch):
    calls = []
    for owner, name in ((gluon.Trainer, "step"), (autograd, "backward"), (nn.Dense, "forward")):
        method = getattr(owner, name)
        monkeypatch.setattr(
            owner,
            name,
            lambda *args, _method=method, _name=name, **kwargs: calls.append(_name) or _method(*args, **kwargs),
        )
    net = dense()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    dh.train(net, dh.load_array(features_and_labels(xp), 4), L2, trainer, 3, verbose=False, plain=True)
    assert not prepared
    assert calls.count("step") == calls.count("forward") == 12


class Descent(mx.optimizer.SGD):
    """The same, by another name."""


class Trainer(gluon.Trainer):
    pass


def spoil(what):
    """Return a network and a trainer, the steps of which must not be prepared."""
    net = dense(dtype="float64" if what == "float64" else "float32")
    options, kind = {"learning_rate": 0.1}, Trainer if what == "another trainer" else gluon.Trainer
    if what == "a scheduler":
        options["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1)
    if what == "a rate of another type":
        options["learning_rate"] = np.float32(0.1)
    if what == "gradients that add up":
        net.bias.grad_req = "add"
    optimizer = {"another optimizer": "nag", "a subclass": Descent(**options)}.get(what, "sgd")
    trainer = kind(net.collect_params(), optimizer, None if what == "a subclass" else options)
    if what == "no aggregation":
        trainer._optimizer.aggregate_num = 0
        trainer._updaters[0].aggregate_updates = False
    if what == "an update of its own":
        trainer._optimizer.update_multi_precision = trainer._optimizer.update_multi_precision
    return net, trainer


@pytest.mark.parametrize(
    "what",
    [
        "float64",
        "another trainer",
        "a scheduler",
        "a rate of another type",
        "gradients that add up",
        "another optimizer",
        "a subclass",
        "no aggregation",
        "an update of its own",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_plain_descent_is_left_to_the_trainer(prepared, what):
    net, trainer = spoil(what)
    data = minibatches(mx.nd)
    if what == "float64":
        data = [(X.astype("float64"), y.astype("float64")) for X, y in data]
    dh.train(net, data, L2, trainer, 3, verbose=False)
    assert not prepared


def test_a_metric_may_change_the_rate(xp, monkeypatch):
    """It runs when results are read, which is within an epoch, too; from the next step on it is the new rate."""
    monkeypatch.setattr(results, "LAG", 2)
    values = []
    for plain in (False, True):
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

        def metric(y_hat, y, trainer=trainer):
            trainer.set_learning_rate(trainer.learning_rate * 0.9)
            return 0.0

        data = dh.load_array(features_and_labels(xp), 2, shuffle=False)
        dh.train(net, data, L2, trainer, 3, metric=metric, verbose=False, plain=plain)
        values.append([net.weight.data().asnumpy(), net.bias.data().asnumpy(), np.array(trainer.learning_rate)])
    assert_equal(*values)


@pytest.mark.parametrize("replace", ["all", "one"])
def test_states_that_are_replaced_within_a_run_hold_from_then_on(xp, prepared, replace):
    """With the optimizer left as it is, which notices nothing of it."""
    found = []
    for plain in (False, True):
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
        updater = trainer._updaters[0]

        def replacing(updater=updater):
            for i, batch in enumerate(minibatches(xp)[:3] * 4):
                if i == 5:
                    kept = updater.get_states()
                if i == 9 and replace == "all":
                    updater.set_states(kept)
                if i == 9 and replace == "one":
                    updater.states[0] = updater.states[0] * 2
                yield batch

        dh.train(net, replacing(), L2, trainer, 1, verbose=False, plain=plain)
        found.append([net.weight.data().asnumpy(), net.bias.data().asnumpy()])
    assert len(prepared) >= 8
    assert_equal(*found)


CHANGES = {
    "lr": lambda trainer: trainer.set_learning_rate(0.3),
    "wd": lambda trainer: setattr(trainer._optimizer, "wd", 0.3),
    "momentum": lambda trainer: setattr(trainer._optimizer, "momentum", 0.3),
    "clip_gradient": lambda trainer: setattr(trainer._optimizer, "clip_gradient", 0.01),
    "scheduler": lambda trainer: setattr(trainer._optimizer, "lr_scheduler", lambda num_update: 1 / num_update),
    "scale": lambda trainer: setattr(trainer, "_scale", 0.3),
    "lr_mult": lambda trainer: setattr(trainer._params[0], "lr_mult", 0.3),
    "wd_mult": lambda trainer: setattr(trainer._params[0], "wd_mult", 0.3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_changes_within_a_run_holds_from_then_on(prepared, name):
    found = []
    for plain in (False, True):
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.1})

        def changing(trainer=trainer):
            for i, batch in enumerate(minibatches(mx.nd)[:3] * 4):
                if i == 6:
                    CHANGES[name](trainer)
                yield batch

        dh.train(net, changing(), L2, trainer, 1, verbose=False, plain=plain)
        found.append([net.weight.data().asnumpy(), net.bias.data().asnumpy()])
    assert len(prepared) == (4 if name == "scheduler" else 4 + 5)
    assert_equal(*found)


def test_a_gradient_that_is_not_computed_any_more_is_noticed(prepared):
    """That of another network with the same trainer, whose gradients come about within the loader, for a while."""
    steps = []
    for plain in (False, True):
        net, other = dense(), dense()
        trainer = gluon.Trainer([*net.collect_params().values(), *other.collect_params().values()], "sgd")

        def reaching(other=other):
            for i, (X, y) in enumerate(minibatches(mx.nd)[:3] * 4):
                if i < 5:
                    with autograd.record():
                        losses = L2(other(X), y)
                    losses.backward()
                steps.append(i)
                yield X, y

        with pytest.raises(UserWarning, match="has not been updated"):
            dh.train(net, reaching(), L2, trainer, 1, verbose=False, plain=plain)
        assert steps.pop() == 5
    assert not prepared


def test_an_interrupt_comes_before_what_is_wrong_with_the_next_minibatch(xp):
    found = []
    for plain in (False, True):
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

        def interrupting():
            yield from minibatches(xp)
            signal.raise_signal(signal.SIGINT)
            yield "no minibatch"

        with redirect_stdout(StringIO()) as printed:
            dh.train(net, interrupting(), L2, trainer, 1, verbose=False, plain=plain)
        assert "whole step" in printed.getvalue()
        found.append([net.weight.data().asnumpy(), printed.getvalue()])
    assert_equal(*found)


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize("step", [1, 2, 3, 6, 9, 10, 11, 14])
def test_an_interrupt_within_many_minibatches_of_a_loader_ends_the_step_under_way(xp, monkeypatch, large, step):
    """Though the steps for them are made one after the other, with no other code between them."""
    monkeypatch.setattr(data_module, "_LARGE", large)
    found = []
    for plain in (False, True):
        steps = []
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        data = dh.load_array(features_and_labels(xp, 39), 4, shuffle=False)
        with redirect_stdout(StringIO()) as printed, noticed(steps, step):
            history = dh.train(net, data, L2, trainer, 2, verbose=False, plain=plain)
        assert len(steps) == step
        counts = trainer._optimizer.num_update, trainer._optimizer._index_update_count
        found.append([printed.getvalue(), history.loss, counts, net.weight.data().asnumpy(), net.bias.data().asnumpy()])
    assert found[0][2][0] == step
    assert_equal(*found)


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize("plain", [False, True])
def test_the_progress_bar_gets_to_its_end(xp, monkeypatch, large, plain):
    monkeypatch.setattr(data_module, "_LARGE", large)
    bars = []

    class Bar(progress_bars.Bar):
        def close(self):
            if not bars or bars[-1] is not self:
                bars.append(self)
            super().close()

    monkeypatch.setattr(progress_bars, "Bar", Bar)
    monkeypatch.setattr(progress_bars, "_is_looked_at", lambda: True)
    net = dense()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    with redirect_stdout(StringIO()):
        dh.train(net, dh.load_array(features_and_labels(xp, 39), 4), L2, trainer, 3, plain=plain)
    assert [(bar.n, bar.total) for bar in bars] == [(10, 10)] * 3


# large minibatches, which are gathered one by one


@pytest.fixture
def gathering(monkeypatch):
    monkeypatch.setattr(data_module, "_LARGE", 1)


def train_on(data, plain, ctx=None):
    """Train a network on minibatches; return what came of it."""
    net = nn.Dense(1, in_units=3)
    net.initialize(Drawn(), ctx=ctx)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    try:
        history = dh.train(net, data, L2, trainer, 2, verbose=False, ctx=ctx, plain=plain)
        error = None
    except (TypeError, ValueError, mx.base.MXNetError) as caught:
        history, error = dh.History(), str(caught)
    return history.loss, error, trainer._optimizer.num_update, net.weight.data().asnumpy(), net.bias.data().asnumpy()


def test_a_minibatch_is_not_gathered_into_one_that_the_engine_has_not_read(xp, gathering):
    """Though the engine is far behind, since it has much else to do."""
    much, found = mx.nd.ones((400, 400)), []

    def transform(features):
        for _ in range(3):
            mx.nd.dot(much, much)
        return features * 2

    for plain in (False, True):
        np.random.seed(0)
        data = dh.load_array(features_and_labels(xp, 40), 4, transform=transform)
        found.append(train_on(data, plain))
    assert_equal(*found)


@pytest.mark.parametrize("where", ["train", "loader"])
def test_large_minibatches_on_another_device(xp, gathering, where):
    ctx, found = mx.cpu(1), []
    for plain in (False, True):
        np.random.seed(0)
        data = dh.load_array(features_and_labels(xp, 22), 4, ctx=ctx if where == "loader" else None)
        found.append(train_on(data, plain, ctx))
    assert found[0][1] is None
    assert_equal(*found)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "bool"])
def test_large_minibatches_of_another_type(xp, gathering, dtype):
    """Which the network takes, or does not take, in either way."""
    found = []
    for plain in (False, True):
        np.random.seed(0)
        # What becomes of negative numbers without a sign depends on the processor.
        data = dh.load_array(features_and_labels(xp, 22), 4, transform=lambda features: np.abs(features).astype(dtype))
        found.append(train_on(data, plain))
    assert found[0][1] is not None or dtype == "float64"
    assert_equal(*found)


class Casting(nn.HybridSequential):
    def hybrid_forward(self, F, x):
        return super().hybrid_forward(F, F.cast(x, dtype="float32"))


def test_large_minibatches_of_truth_values(gathering):
    found = []
    for plain in (False, True):
        np.random.seed(0)
        net = Casting()
        net.add(nn.Dense(1, in_units=3))
        net.initialize(Drawn())
        net.hybridize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        data = dh.load_array(features_and_labels(mx.nd, 22), 4, transform=lambda features: features > 0)
        history = dh.train(net, data, L2, trainer, 2, verbose=False, plain=plain)
        found.append([history.loss, net[0].weight.data().asnumpy()])
    assert_equal(*found)


def test_labels_of_large_minibatches_may_have_more_axes(xp, gathering):
    X, y = features_and_labels(xp, 22)
    data = dh.load_array((X, xp.stack(y, y, axis=1) if xp is mx.nd else xp.stack((y, y), axis=1)), 4, shuffle=False)
    labels = [labels.asnumpy() for _, labels in data]
    assert [values.shape for values in labels] == [(4, 2)] * 5 + [(2, 2)]
    np.testing.assert_array_equal(np.concatenate(labels), np.stack([y.asnumpy()] * 2, axis=1))


def test_minibatches_that_are_gathered_ahead_do_not_wait_in_memory(xp, gathering):
    """Two at most, so that many steps may be asked for at once."""
    X, y = features_and_labels(xp, 22)
    ((rows, labels),) = dh.load_array((X, y), 4).blocks()
    with mx.util.np_array(xp is mx.np), mx.util.np_shape(xp is mx.np):
        ahead, behind = (fusion.FusedGraph(dense(), L2, features, labels, 4) for features in (rows, X))
    assert (len(ahead.turns), ahead.num_numbers, ahead.num_waiting) == (2, 12, 0)
    assert (len(behind.turns), behind.num_numbers, behind.num_waiting) == (1, 12, 12)


@pytest.mark.parametrize("large", [1, 2**16])
def test_after_an_interrupt_in_the_last_step_of_an_epoch_nothing_is_gathered(xp, monkeypatch, large):
    monkeypatch.setattr(data_module, "_LARGE", large)
    found = []
    for plain in (False, True):
        steps, calls = [], []
        data = dh.load_array(features_and_labels(xp, 12), 4, transform=lambda X, calls=calls: calls.append(len(X)) or X)
        with redirect_stdout(StringIO()) as printed, noticed(steps, 3):
            np.random.seed(0)
            found.append([train_on(data, plain), calls, printed.getvalue()])
        assert len(steps) == 3
    assert calls == ([4, 4, 4] if large == 1 else [12])
    assert_equal(*found)


def test_the_progress_bar_moves_between_large_minibatches(xp, gathering, monkeypatch):
    monkeypatch.setattr(fast, "_MOST_NUMBERS", 3 * 12)
    updates, update = [], progress_bars.tqdm.update
    monkeypatch.setattr(progress_bars.tqdm, "update", lambda bar, n=1: updates.append(n) or update(bar, n))
    train_on(dh.load_array(features_and_labels(xp, 40), 4), plain=False)
    assert updates == [1, 1, 3, 3, 2, 3, 3, 3, 1]


@pytest.mark.parametrize("minibatch", [0, 1, 2, 5, 7])
def test_an_error_of_a_transform_comes_before_the_step_of_its_minibatch(xp, gathering, minibatch):
    found = []
    for plain in (False, True):
        np.random.seed(0)
        calls = itertools.count()

        def transform(features, calls=calls):
            if next(calls) == minibatch:
                raise ValueError("a broken image")
            return features

        data = dh.load_array(features_and_labels(xp, 22), 4, transform=transform)
        found.append(train_on(data, plain))
    assert found[0][1:3] == ("a broken image", minibatch)
    assert_equal(*found)


@pytest.mark.parametrize("plain", [False, True])
def test_a_transform_that_leaves_out_rows_of_many_small_minibatches_is_refused(xp, plain):
    """The rows that are left would get the labels of others."""
    data = dh.load_array(features_and_labels(xp, 22), 4, transform=lambda X: X[1:])
    _, error, num_steps, *_ = train_on(data, plain)
    assert error == "transform must return as many rows as it gets, but made of 22 rows an array (21, 3)."
    assert num_steps == 0


@pytest.mark.parametrize("minibatch", [0, 1, 4])
@pytest.mark.parametrize("change", [lambda X: X[1:], lambda X: X[:1]])
def test_a_transform_that_leaves_out_rows_is_refused(xp, gathering, minibatch, change):
    """Nothing is put where a minibatch is to be, and is repeated until it fills it."""
    check_refused(xp, minibatch, change, r"of 4 rows an array \([13], 3\)\.")


@pytest.mark.parametrize("minibatch", [1, 4])
@pytest.mark.parametrize("change", [lambda X: X.astype("float64"), lambda X: X[:, :1]])
def test_a_transform_that_makes_minibatches_unlike_is_refused(xp, gathering, minibatch, change):
    message = r"of the first minibatch one \(4, 3\) of float32, and of another \(4, (3\) of float64|1\) of float32)\."
    check_refused(xp, minibatch, change, message)


def check_refused(xp, minibatch, change, message):
    found = []
    for plain in (False, True):
        np.random.seed(0)
        calls = itertools.count()

        def transform(X, calls=calls):
            return change(X) if next(calls) == minibatch else X

        data = dh.load_array(features_and_labels(xp, 22), 4, transform=transform)
        found.append(train_on(data, plain))
    assert re.search("^transform must return .*" + message, found[0][1])
    assert found[0][2] == minibatch
    assert_equal(*found)


@pytest.mark.parametrize("metric", [None, dh.accuracy])
def test_a_class_id_that_does_not_exist_is_named_in_its_minibatch(xp, metric):
    messages = []
    for plain in (False, True):
        net = dense(3)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        X, _ = features_and_labels(xp, 20)
        y = xp.array([0, 1, 2, 0] * 5, dtype="int32")
        y[14] = 7
        data = dh.load_array((X, y), 4, shuffle=False)
        with pytest.raises(ValueError, match="holds 7 at index 2") as caught:
            dh.train(net, data, LOSSES["cross-entropy"], trainer, 1, metric=metric, verbose=False, plain=plain)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("lengths", [(4, 3), (3, 4)])
def test_features_and_labels_of_unequal_length_are_refused_in_each_minibatch(xp, lengths):
    """Also where a graph for so many labels is there already."""
    messages = []
    for plain in (False, True):
        net = dense()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        X, y = features_and_labels(xp)
        data = [*minibatches(xp) * 2, (X[: lengths[0]], y[: lengths[1]])]
        with pytest.raises(ValueError, match=r"y has the shape") as caught:
            dh.train(net, data, L2, trainer, 1, verbose=False, plain=plain)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_labels_after_the_one_that_made_the_loss_infinite_are_not_looked_at(xp):
    for plain in (False, True):
        net = dense(3)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        X, _ = features_and_labels(xp)
        good, bad = xp.array([0, 1, 2, 0], dtype="int32"), xp.array([0, 1, 7, 0], dtype="int32")
        data = [(X[:4], good)] * 4 + [(X[:4] * float("nan"), good), (X[:4], bad)]
        with pytest.raises(dh.DivergenceError):
            dh.train(net, data, LOSSES["cross-entropy"], trainer, 1, verbose=False, plain=plain)


def test_whoever_looks_between_two_steps_sees_all_of_the_one_before(xp):
    """States and running means, too, which a bound graph changes without telling the engine."""
    found = []
    for plain in (False, True):
        dh.seed(0)
        net = nn.HybridSequential()
        net.add(nn.Dense(200, in_units=3), nn.BatchNorm(in_channels=200), nn.Dense(1, in_units=200))
        net.initialize(mx.init.Normal(0.5))
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01, "momentum": 0.9})
        seen = []

        def looking(net=net, trainer=trainer, seen=seen):
            slow = xp.zeros((500, 500))
            for i, (X, y) in enumerate(minibatches(xp)[:3] * 5):
                arrays = [param.data() for param in (net[1].running_mean, net[1].running_var, net[0].weight)]
                arrays += trainer._updaters[0].states.values()
                seen.append(arrays[i % min(4, len(arrays))] * 2)
                # The step has to wait for these features, and so comes after what did not wait for the step before.
                yield X + xp.dot(slow, slow)[0, 0], y

        dh.train(net, looking(), L2, trainer, 1, verbose=False, plain=plain)
        found.append([array.asnumpy() for array in seen])
    assert_equal(*found)


def test_rates_that_change_all_the_time_are_not_prepared(xp, prepared):
    net = dense()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

    def decaying():
        for batch in minibatches(xp) * 5:
            trainer.set_learning_rate(trainer.learning_rate * 0.9)
            yield batch

    dh.train(net, decaying(), L2, trainer, 1, verbose=False)
    assert not prepared


def test_predictions_of_another_shape_are_kept_apart(xp):
    """As those of a network for sequences, which are longer in some minibatches."""
    found = []
    for plain in (False, True):
        rng, data, values = np.random.default_rng(0), [], []
        for shape in [(4,), (4, 2), (4,), (4, 2), (4, 2), (4,)]:
            X, y = rng.normal(size=(*shape, 3)), rng.normal(size=(*shape, 1))
            data.append((xp.array(X, dtype="float32"), xp.array(y, dtype="float32")))
        dh.seed(0)
        net = nn.Dense(1, flatten=False, in_units=3)
        net.initialize(mx.init.Normal(0.5))
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

        def metric(y_hat, y, values=values):
            values.append(y_hat.asnumpy())
            return 0.0

        history = dh.train(net, data, L2, trainer, 3, metric=metric, verbose=False, plain=plain)
        found.append([history.loss, values, net.weight.data().asnumpy()])
    assert_equal(*found)


@pytest.mark.parametrize("use", ["list", "loader"])
def test_the_engine_is_waited_for_where_it_falls_behind(xp, monkeypatch, use):
    """From the ninth step on, for the step eight steps before: memory does not grow with the epoch."""
    monkeypatch.setattr(metrics.Backlog, "_MOST_NUMBERS", 8 * metrics.Backlog._AT_LEAST)
    waited, wait = [], mx.nd.NDArray.wait_to_read
    monkeypatch.setattr(mx.nd.NDArray, "wait_to_read", lambda array: waited.append(array) or wait(array))
    found = []
    for plain in (False, True):
        net, X, y = dense(), *features_and_labels(xp, 90)
        data = dh.load_array((X, y), 4, shuffle=False)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        data = list(data) if use == "list" else data
        waited.clear()
        dh.train(net, data, L2, trainer, 1, verbose=False, plain=plain)
        found.append([array.asnumpy()[-1:] for array in waited])  # the loss of the last example
    assert len(found[0]) == 23 - 8 + (2 if use == "loader" else 0)  # it waits for the arrays that it makes, too
    assert_equal(*found)


def test_predictions_whose_rows_are_not_examples_are_not_copied():
    """As those of a sequence model whose first axis is time."""

    def run(plain):
        net = nn.HybridSequential()
        net.add(
            nn.Dense(6, in_units=3),
            nn.HybridLambda(lambda F, x: F.transpose(F.reshape(x, shape=(0, 2, 3)), axes=(1, 0, 2))),
        )
        dh.seed(0)
        net.initialize(mx.init.Normal(0.5))
        net.hybridize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        loss = gluon.loss.CTCLoss(layout="TNC", label_layout="NT")
        data = [(X, mx.nd.zeros((X.shape[0], 1))) for X, _ in minibatches(mx.nd)]
        history = dh.train(net, data, loss, trainer, 3, metric=lambda y_hat, y: y_hat.sum(), verbose=False, plain=plain)
        return history.loss, history.metric, net[0].weight.data().asnumpy()

    assert_equal(run(False), run(True))


def test_an_error_of_the_engine_is_raised_where_a_call_failed():
    with pytest.raises(mx.base.MXNetError):
        engine.CopyFrom(mx.nd.zeros((3,)))(mx.nd.zeros((2,)), 1, 5)
    with pytest.raises(mx.base.MXNetError):
        engine.CopyInto(mx.nd.zeros((3,)))(mx.nd.zeros((2,)), 2, 7)
    with pytest.raises(mx.base.MXNetError):
        engine.apply("no_such_operator", mx.sym.var("x"))


def test_whatever_a_function_of_the_engine_returns_is_looked_at():
    """In the place of each function is one that returns -1."""
    fails = ctypes.CFUNCTYPE(ctypes.c_int)
    library = mock.MagicMock()
    library.__getitem__.side_effect = lambda name: fails(lambda: -1)
    spec = importlib.util.find_spec("d2lhelpers.training.engine")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(mx.base, "_LIB", library):
        spec.loader.exec_module(module)
    functions = [value for value in vars(module).values() if isinstance(value, fails)]
    assert len(functions) == library.__getitem__.call_count == 7
    with pytest.raises(mx.base.MXNetError):  # so that MXNet has a message for the others
        engine.apply("no_such_operator", mx.sym.var("x"))
    for function in functions:
        with pytest.raises(mx.base.MXNetError):
            function(*(kind() for kind in function.argtypes))
