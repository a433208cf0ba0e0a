from types import SimpleNamespace

import d2lhelpers as dh
from d2lhelpers.training import fusion, steps, tracing

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon
from mxnet.gluon import nn

L2, CROSS_ENTROPY = gluon.loss.L2Loss(), gluon.loss.SoftmaxCrossEntropyLoss()


def batches(xp, classes=None, sizes=(4, 4, 4, 3)):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 100) if classes else rng.normal(size=100)
    dtype = "int32" if classes else "float32"
    return [(xp.array(rng.normal(size=(n, 3)), dtype="float32"), xp.array(labels[:n], dtype=dtype)) for n in sizes]


def network(*layers, kind=nn.HybridSequential, **options):
    dh.seed(0)
    net = kind()
    net.add(*layers)
    net.initialize(mx.init.Normal(0.5))
    return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1} | options)


def values(net):
    return [param.data().asnumpy() for param in net.collect_params().values()]


def plain_loop(net, trainer, data, loss, num_epochs):
    means = []
    for _ in range(num_epochs):
        losses = []
        for X, y in data:
            with autograd.record():
                batch_losses = loss(net(X), y)
            batch_losses.backward()
            trainer.step(len(y))
            losses.append(batch_losses.asnumpy())
        means.append(np.concatenate(losses).mean())
    return means


@pytest.fixture
def fused_calls(monkeypatch):
    """The number of minibatches that went through a graph."""
    calls = []
    call = fusion.FusedGraph.__call__
    monkeypatch.setattr(fusion.FusedGraph, "__call__", lambda *args: calls.append(1) or call(*args))
    return calls


MLP = (nn.Dense, 5, {"activation": "tanh"}), (nn.Dropout, 0.5, {}), (nn.Dense, 3, {})
NORMED = (nn.Dense, 5, {}), (nn.BatchNorm, None, {}), (nn.Dense, 3, {})


def layers(recipe):
    return [layer(**options) if size is None else layer(size, **options) for layer, size, options in recipe]


@pytest.mark.parametrize("recipe", [MLP, NORMED])
@pytest.mark.parametrize("kind", [nn.Sequential, nn.HybridSequential])
@pytest.mark.parametrize(
    "options",
    [dict, lambda: {"momentum": 0.9, "wd": 0.1}, lambda: {"lr_scheduler": mx.lr_scheduler.FactorScheduler(2, 0.5)}],
)
def test_fused_training_equals_a_plain_loop(xp, fused_calls, recipe, kind, options):
    data = batches(xp, classes=3)
    net, trainer = network(*layers(recipe), kind=kind, **options())
    dh.seed(1)
    history = dh.train(net, data, CROSS_ENTROPY, trainer, 5, metric=dh.accuracy, verbose=False)
    assert len(fused_calls) == 20 - 2  # all but the first of each shape
    plain_net, plain_trainer = network(*layers(recipe), kind=kind, **options())
    dh.seed(1)
    means = plain_loop(plain_net, plain_trainer, data, CROSS_ENTROPY, 5)
    np.testing.assert_allclose(history.loss, means, rtol=1e-5)
    for value, plain_value in zip(values(net), values(plain_net), strict=True):
        np.testing.assert_allclose(value, plain_value, atol=1e-6)
    assert trainer.learning_rate == plain_trainer.learning_rate
    assert trainer._optimizer.num_update == plain_trainer._optimizer.num_update


def test_fused_metric_is_that_of_the_plain_way(xp):
    histories = []
    for plain in (False, True):
        net, trainer = network(nn.Dense(3))
        data = batches(xp, classes=3)
        histories.append(dh.train(net, data, CROSS_ENTROPY, trainer, 4, metric=dh.accuracy, verbose=False, plain=plain))
    assert histories[0].metric == histories[1].metric
    assert histories[0].loss == histories[1].loss


def test_gradients_are_those_of_the_last_minibatch(xp, fused_calls):
    net, trainer = network(nn.Dense(1))
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert len(fused_calls) == 6
    plain_net, plain_trainer = network(nn.Dense(1))
    plain_loop(plain_net, plain_trainer, batches(xp), L2, 2)
    for params in zip(net.collect_params().values(), plain_net.collect_params().values(), strict=True):
        np.testing.assert_allclose(*(param.grad().asnumpy() for param in params), atol=1e-6)


def check_against_a_plain_loop(make, data_of, num_epochs=3):
    """Train what `make` returns, a network and its trainer, in both ways; the parameters must be the same."""
    net, trainer = make()  # a network is initialised when it is first used, with the numbers that come next
    dh.train(net, data_of(net), L2, trainer, num_epochs, verbose=False)
    plain_net, plain_trainer = make()
    plain_loop(plain_net, plain_trainer, data_of(plain_net), L2, num_epochs)
    for value, plain_value in zip(values(net), values(plain_net), strict=True):
        np.testing.assert_allclose(value, plain_value, atol=1e-6)


def test_frozen_and_accumulating_parameters(xp, fused_calls):
    def make():
        net, trainer = network(nn.Dense(4), nn.Dense(1))
        net[0].weight.grad_req = "null"
        net[1].weight.grad_req = "add"
        return net, trainer

    check_against_a_plain_loop(make, lambda net: batches(xp))
    assert fused_calls


def test_parameters_that_are_replaced_within_a_run_are_bound_anew(xp, fused_calls):
    def minibatches(net):
        for i, batch in enumerate(batches(xp, sizes=[4] * 8)):
            if i == 4:
                net.initialize(mx.init.Constant(0.25), force_reinit=True)
            yield batch

    net, trainer = network(nn.Dense(1, in_units=3))
    dh.train(net, minibatches(net), L2, trainer, 1, verbose=False)
    assert len(fused_calls) == 7
    plain_net, plain_trainer = network(nn.Dense(1, in_units=3))
    plain_loop(plain_net, plain_trainer, minibatches(plain_net), L2, 1)
    for value, plain_value in zip(values(net), values(plain_net), strict=True):
        np.testing.assert_allclose(value, plain_value, atol=1e-6)


@pytest.mark.parametrize("device", [mx.cpu(0), mx.cpu(1)])
def test_a_network_on_several_devices_is_not_fused(xp, fused_calls, device):
    def make():
        dh.seed(0)
        net = nn.Dense(1, in_units=3)
        net.initialize(mx.init.Normal(0.5), ctx=[mx.cpu(0), mx.cpu(1)])
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=None)
        return net, lambda n: trainer.step(n, ignore_stale_grad=True)

    data = [(X.as_in_context(device), y.as_in_context(device)) for X, y in batches(mx.nd)]
    if xp is mx.np:
        data = [(X.as_np_ndarray(), y.as_np_ndarray()) for X, y in data]
    net, step = make()
    history = dh.train(net, data, L2, step, 2, verbose=False)
    assert not fused_calls
    plain_net, plain_step = make()
    trainer = SimpleNamespace(step=plain_step)
    np.testing.assert_allclose(history.loss, plain_loop(plain_net, trainer, data, L2, 2), rtol=1e-5)
    for ctx in (mx.cpu(0), mx.cpu(1)):
        np.testing.assert_allclose(net.weight.data(ctx).asnumpy(), plain_net.weight.data(ctx).asnumpy(), atol=1e-6)


@pytest.mark.parametrize("which", ["features", "labels", "both"])
def test_a_minibatch_of_another_type_does_not_go_through_the_same_executor(xp, fused_calls, which):
    """An executor would round its numbers to those of its own type."""
    X, y = batches(xp, sizes=(4,))[0]
    net, trainer = network(nn.Dense(1, in_units=3))
    other = (
        X if which == "labels" else X.astype("float64"),
        y if which == "features" else y.astype("float64"),
    )
    data = [(X, y)] * 3 + [other]
    if which == "labels" and xp is mx.np:  # NumPy's way to compute with two types
        dh.train(net, data, L2, trainer, 1, verbose=False)
    else:
        with pytest.raises(ValueError, match=r"(features are|y is) float64, but .* float32"):
            dh.train(net, data, L2, trainer, 1, verbose=False)
    assert len(fused_calls) == 2


class Printing(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        print("called")
        return x


def test_code_of_the_learner_runs_for_each_minibatch(xp, capsys, fused_calls):
    net, trainer = network(nn.Dense(1), Printing())
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert capsys.readouterr().out == "called\n" * 8
    assert not fused_calls


def test_a_hybridized_network_is_fused_whatever_it_is_made_of(xp, capsys, fused_calls):
    net, trainer = network(nn.Dense(1), Printing())
    net.hybridize()
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert len(fused_calls) == 6


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_are_called_for_each_minibatch(xp, register, fused_calls):
    calls = []
    net, trainer = network(nn.Dense(1))
    getattr(net[0], register)(lambda *args: calls.append(1))
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert len(calls) == 8
    assert not fused_calls


@pytest.mark.filterwarnings("ignore:register_op_hook is experimental:UserWarning")
def test_operators_that_are_watched_are_watched_in_each_minibatch(fused_calls):
    names = []
    net, trainer = network(nn.Dense(1))
    net.hybridize()
    net(mx.nd.zeros((1, 3)))
    net.register_op_hook(lambda node_name, opr_name, array: names.append(1))
    dh.train(net, batches(mx.nd), L2, trainer, 2, verbose=False)
    assert len(names) >= 8
    assert not fused_calls


def test_network_that_was_loaded_as_a_graph_goes_the_plain_way(fused_calls):
    graph = mx.sym.FullyConnected(mx.sym.var("data", dtype="float32"), num_hidden=1, name="dense")
    net = gluon.SymbolBlock(graph, mx.sym.var("data", dtype="float32"))
    net.initialize()
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    dh.train(net, batches(mx.nd), L2, trainer, 2, verbose=False)
    assert not fused_calls


@pytest.mark.parametrize("layer", [nn.Lambda(lambda X: X), nn.HybridLambda(lambda F, X: X)])
def test_lambda_layers_are_not_fused(layer):
    net, _ = network(nn.Dense(1), layer, kind=nn.Sequential)
    assert not tracing.can_be_fused(net, L2)


def test_what_is_fused_leaves_no_trace_on_the_network(xp):
    net, trainer = network(nn.Dense(1, in_units=3))
    before = repr(net), list(net.collect_params()), net._active, net._cached_op
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert (repr(net), list(net.collect_params()), net._active, net._cached_op) == before


def test_many_shapes_do_not_make_many_executors(xp, fused_calls):
    net, trainer = network(nn.Dense(1))
    dh.train(net, batches(xp, sizes=range(1, 20)), L2, trainer, 2, verbose=False)
    assert len(fused_calls) == fusion._MAX_SHAPES


def test_binding_prints_nothing(xp, capfd):
    net, trainer = network(nn.Dense(1))
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def own_updates(monkeypatch):
    """The number of steps in which Gluon's trainer looked everything up itself."""
    calls = []
    update = gluon.Trainer._update
    monkeypatch.setattr(gluon.Trainer, "_update", lambda *args: calls.append(1) or update(*args))
    return calls


@pytest.mark.parametrize("net_of", [lambda net: net, lambda net: lambda X: net(X)], ids=["block", "function"])
def test_only_the_first_step_is_looked_up(xp, net_of, own_updates):
    net, trainer = network(nn.Dense(1))
    dh.train(net_of(net), batches(xp), L2, trainer, 3, verbose=False)
    assert len(own_updates) == 1


def test_a_trainer_with_a_step_of_its_own_makes_it(xp):
    class Counting(gluon.Trainer):
        steps = 0

        def step(self, *args):
            self.steps += 1
            super().step(*args)

    net, _ = network(nn.Dense(1))
    trainer = Counting(net.collect_params(), "sgd")
    dh.train(net, batches(xp), L2, trainer, 3, verbose=False)
    assert trainer.steps == 12


def test_a_step_that_was_put_into_a_trainer_is_called(xp):
    net, trainer = network(nn.Dense(1))
    steps = []
    trainer.step = lambda n: steps.append(n) or gluon.Trainer.step(trainer, n)
    dh.train(net, batches(xp), L2, trainer, 2, verbose=False)
    assert steps == [4, 4, 4, 3] * 2


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "adagrad", "rmsprop", "lamb", "signum"])
def test_every_optimizer_does_what_it_does_in_a_plain_loop(xp, optimizer):
    def make():
        net, _ = network(nn.Dense(5), nn.Dense(5), nn.Dense(1))
        return net, gluon.Trainer(net.collect_params(), optimizer, {"learning_rate": 0.01})

    check_against_a_plain_loop(make, lambda net: batches(xp))


def test_states_and_rates_that_are_set_within_a_run_hold_from_then_on(xp, tmp_path):
    def minibatches(trainer):
        for i, batch in enumerate(batches(xp, sizes=[4] * 8)):
            if i == 3:
                trainer.save_states(str(tmp_path / "states"))
                trainer.set_learning_rate(0.5)
            if i == 6:
                trainer.load_states(str(tmp_path / "states"))
            yield batch

    options = {"momentum": 0.9}
    net, trainer = network(nn.Dense(1), **options)
    dh.train(net, minibatches(trainer), L2, trainer, 1, verbose=False)
    plain_net, plain_trainer = network(nn.Dense(1), **options)
    plain_loop(plain_net, plain_trainer, minibatches(plain_trainer), L2, 1)
    assert trainer.learning_rate == plain_trainer.learning_rate
    for value, plain_value in zip(values(net), values(plain_net), strict=True):
        np.testing.assert_allclose(value, plain_value, atol=1e-6)


def test_parameters_that_are_frozen_within_a_run_stay(xp):
    def minibatches(net):
        for i, batch in enumerate(batches(xp, sizes=[4] * 9)):
            if i in (3, 6):
                net[0].weight.grad_req = "null" if i == 3 else "write"
            yield batch

    check_against_a_plain_loop(lambda: network(nn.Dense(2), nn.Dense(1)), minibatches, num_epochs=1)


def test_a_gradient_that_was_not_computed_is_noticed(xp):
    net, trainer = network(nn.Dense(1))
    step = steps.quick_step(trainer)
    for X, y in batches(xp, sizes=[4] * 3):
        with autograd.record():
            losses = L2(net(X), y)
        losses.backward()
        step(4)
    before = values(net)
    with pytest.raises(UserWarning, match="has not been updated"):
        step(4)
    for value, value_before in zip(values(net), before, strict=True):
        np.testing.assert_array_equal(value, value_before)
