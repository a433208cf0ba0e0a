"""What networks, losses and loaders of learners do is the same in both ways of training, and seen as often."""

import os
import random
import subprocess
import sys
import types
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import data as data_module
from d2lhelpers.training.tracing import settings_of

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon, nd, npx
from mxnet.gluon import nn

L2, CROSS_ENTROPY = gluon.loss.L2Loss(), gluon.loss.SoftmaxCrossEntropyLoss()


def batches(xp=mx.nd, shape=(3,), sizes=(4, 4, 4, 4, 3)):
    rng = np.random.default_rng(0)
    arrays = [(rng.normal(size=(n, *shape)), rng.random(n)) for n in sizes]
    return [tuple(xp.array(values, dtype="float32") for values in each) for each in arrays]


def sgd(net, **options):
    return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1} | options)


def same(case):
    """Check that what a case finds, prints and leaves of the random numbers is the same in both ways; return it."""
    found = []
    for plain in (True, False):
        dh.seed(0)
        random.seed(0)
        with redirect_stdout(StringIO()) as printed:
            results = case(plain)
        found.append((results, printed.getvalue(), random.random()))
    np.testing.assert_equal(found[1], found[0])
    return found[0][0]


def trained(net, plain, data=None, loss=L2, num_epochs=3, **options):
    history = dh.train(net, data or batches(), loss, sgd(net), num_epochs, verbose=False, plain=plain, **options)
    return history.loss, [param.data().asnumpy() for param in net.collect_params().values()]


# blocks of a learner


class Own(gluon.HybridBlock):
    def __init__(self, **options):
        super().__init__(**options)
        self.calls, self.scale, self.out = 0, 1, nn.Dense(1, in_units=3)


class Counting(Own):
    def forward(self, X):
        self.calls += 1
        return self.out(X.reshape((X.shape[0], -1))) * (1 + self.calls % 2)


class Printing(Own):
    def hybrid_forward(self, F, X):
        print("called with", F.__name__)
        self.calls += 1
        return self.out(X) * random.random()


class DroppingOut(Own):
    def hybrid_forward(self, F, X):
        if autograd.is_training():
            X = F.npx.dropout(X, p=0.5) if mx.util.is_np_array() else F.Dropout(X, p=0.5)
        return self.out(X)


class Scaling(Own):
    def hybrid_forward(self, F, X):
        return self.out(X) * self.scale


ALL_HYBRID = pytest.mark.filterwarnings("ignore:All children of this Sequential layer:UserWarning")


@ALL_HYBRID
@pytest.mark.parametrize("kind", [Counting, Printing, DroppingOut])
@pytest.mark.parametrize("is_inside", [False, True])
def test_the_code_of_a_block_runs_as_often(xp, kind, is_inside):
    def case(plain):
        block = kind()
        net = block
        if is_inside:
            net = nn.Sequential()
            net.add(block, nn.Dense(1, in_units=1))
        net.initialize()
        net.hybridize()
        return trained(net, plain, batches(xp)), block.calls

    same(case)


def test_what_a_hybridized_network_was_when_it_was_first_called_stays(xp):
    def case(plain):
        net = Scaling()
        net.initialize()
        net.hybridize()
        first = trained(net, plain, batches(xp))
        net.scale = 3
        second = trained(net, plain, batches(xp))
        net.hybridize()
        return first, second, trained(net, plain, batches(xp)), net(batches(xp)[0][0]).asnumpy()

    same(case)


def test_the_graph_of_a_hybridized_network_is_left_as_it_was(xp, tmp_path):
    net = Scaling()
    net.initialize()
    net.hybridize()
    trained(net, False, batches(xp))
    _, graph = net._cached_graph
    assert "data" in graph.list_inputs()
    net.export(str(tmp_path / "net"))


@ALL_HYBRID
def test_a_layer_that_is_hybridized_and_used_twice(xp):
    def case(plain):
        net, shared = nn.Sequential(), nn.Dense(3, in_units=3, activation="tanh")
        net.add(shared, shared, nn.Dense(1, in_units=3))
        net.initialize()
        net.hybridize()
        return trained(net, plain, batches(xp))

    same(case)


@pytest.mark.parametrize("name", ["forward", "hybrid_forward", "__call__"])
def test_a_method_that_was_put_on_a_layer(name):
    def case(plain):
        net, calls = nn.Dense(1, in_units=3), []
        before = getattr(net, name)
        setattr(net, name, types.MethodType(lambda self, *args, **k: calls.append(1) or before(*args, **k), net))
        net.initialize()
        return trained(net, plain), len(calls)

    same(case)


# what MXNet computes otherwise in a graph


@pytest.mark.parametrize("at_the_end", [False, True])
@pytest.mark.parametrize("is_hybrid", [False, True])
def test_prelu(xp, at_the_end, is_hybrid):
    def case(plain):
        net = nn.HybridSequential()
        net.add(nn.Dense(4, in_units=3), nn.PReLU(), *([] if at_the_end else [nn.Dense(1, in_units=4)]))
        net.initialize()
        net.hybridize(is_hybrid)
        data = [(X, xp.tile(y.reshape((-1, 1)), (1, 4))) for X, y in batches(xp)] if at_the_end else batches(xp)
        return trained(net, plain, data)

    same(case)


@pytest.mark.parametrize("layer", [nn.GlobalAvgPool2D, lambda: nn.AvgPool2D(3, 2), lambda: nn.AvgPool2D(2)])
def test_mean_pooling_of_features(xp, layer):
    def case(plain):
        net = nn.Sequential()
        net.add(layer(), nn.Dense(3))
        net.initialize()
        ((X, y),) = batches(xp, (8, 7, 7), (40,))
        return trained(net, plain, dh.load_array((X, xp.floor(3 * y)), 8), CROSS_ENTROPY)

    same(case)


def test_a_loss_that_looks_at_shapes():
    def case(plain):
        net = nn.Dense(4, in_units=3)
        net.initialize()
        data = [(X, nd.stack(*[y] * 4, axis=1) * nd.arange(4)) for X, y in batches(sizes=(4, 4, 4))]
        return trained(net, plain, data, gluon.loss.SDMLLoss())

    same(case)


# changes


@pytest.mark.parametrize("is_np_first", [False, True])
def test_the_kind_of_arrays_changes_between_runs(is_np_first):
    def case(plain):
        net, found = nn.Dense(1, in_units=3), []
        try:
            for is_np in (is_np_first, not is_np_first):
                (npx.set_np if is_np else npx.reset_np)()
                net.initialize(force_reinit=True)
                found.append(trained(net, plain, batches(mx.np if is_np else mx.nd)))
            net.hybridize()
            found.append(net(batches(mx.np if is_np else mx.nd)[0][0]).asnumpy())
        finally:
            npx.reset_np()
        return found

    same(case)


def dropping_out():
    net = nn.Sequential()
    net.add(nn.Dense(8, in_units=3), nn.Dropout(0.5), nn.Dense(1, in_units=8))
    net.initialize()
    return net


def drop_nothing(net):
    net[1]._rate = 0.0


def add_a_hook(net):
    net[0].register_forward_hook(lambda *_: print("hook"))


def add_a_layer(net):
    net.add(nn.Dense(1, in_units=1))
    net[-1].initialize()


@pytest.mark.parametrize("change", [drop_nothing, add_a_hook, add_a_layer])
def test_a_network_that_changes_between_epochs(change):
    def case(plain):
        net, epochs = dropping_out(), []

        def epoch():
            epochs.append(1)
            if len(epochs) == 3:
                change(net)
            yield from batches()

        class Data:
            __iter__ = staticmethod(epoch)

        return trained(net, plain, Data(), num_epochs=4)

    same(case)


def annealed(net, num_calls):
    """Have less dropout the more often it is called; as one of NumPy's numbers, which is no float."""
    net[1]._rate = np.float32(0.5 / num_calls)


class Annealing(gluon.Trainer):
    def step(self, *args, **options):
        super().step(*args, **options)
        self.after()


class AnnealingSGD(mx.optimizer.SGD):
    def update(self, *args):
        super().update(*args)
        self.after()

    update_multi_precision = update


class AnnealingSchedule(mx.lr_scheduler.LRScheduler):
    def __call__(self, num_update):
        self.after()
        return 0.1


def by_function(params, after):
    trainer = gluon.Trainer(params, "sgd", {"learning_rate": 0.1})
    return lambda batch_size: (trainer.step(batch_size), after())


def by_trainer(params, after):
    trainer = Annealing(params, "sgd", {"learning_rate": 0.1})
    trainer.after = after
    return trainer


def by_optimizer(params, after):
    optimizer = AnnealingSGD(learning_rate=0.1)
    optimizer.after = after
    return gluon.Trainer(params, optimizer)


def by_schedule(params, after):
    schedule = AnnealingSchedule()
    schedule.after = after
    return gluon.Trainer(params, "sgd", {"learning_rate": 0.1, "lr_scheduler": schedule})


@pytest.mark.parametrize("change", [annealed, lambda net, num_calls: num_calls == 3 and add_a_hook(net)])
@pytest.mark.parametrize("by", [by_function, by_trainer, by_optimizer, by_schedule])
def test_a_network_that_changes_with_the_steps(by, change):
    def case(plain):
        net, calls = dropping_out(), []

        def after():
            calls.append(1)
            change(net, len(calls))

        trainer = by(net.collect_params(), after)
        data = dh.load_array(tuple(nd.concat(*arrays, dim=0) for arrays in zip(*batches(), strict=True)), 4)
        return dh.train(net, data, L2, trainer, 2, verbose=False, plain=plain).loss

    same(case)


@pytest.mark.parametrize("by_transform", [False, True])
def test_a_network_that_a_data_loader_changes(by_transform):
    def case(plain):
        net, calls = dropping_out(), []

        def change(*values):
            calls.append(1)
            annealed(net, len(calls))
            return values

        class Sampler(gluon.data.SequentialSampler):
            def __iter__(self):
                change()
                return super().__iter__()

        X, y = (nd.concat(*arrays, dim=0) for arrays in zip(*batches(), strict=True))
        dataset = gluon.data.ArrayDataset(X, y)
        if by_transform:
            return trained(net, plain, gluon.data.DataLoader(dataset.transform(change, lazy=True), 4))
        return trained(net, plain, gluon.data.DataLoader(dataset, 4, sampler=Sampler(len(y))))

    same(case)


def test_a_stride_that_changes_between_epochs():
    """It is neither a number nor a text."""

    def case(plain):
        net, epochs = nn.Sequential(), []
        net.add(nn.Conv2D(2, 3, in_channels=1), nn.GlobalMaxPool2D(), nn.Dense(1, in_units=2))
        net.initialize()

        class Data:
            def __iter__(self):
                epochs.append(1)
                net[0]._kwargs["stride"] = [(1, 1), [2, 1], (2, 2)][len(epochs) - 1]
                return iter(batches(shape=(1, 8, 8)))

        return trained(net, plain, Data())

    same(case)


@pytest.mark.parametrize("in_metric", [False, True])
def test_another_trainer_makes_a_step_now_and_then(in_metric):
    def case(plain):
        net, calls = nn.Sequential(), []
        net.add(nn.Dense(4, in_units=3), nn.Dense(1, in_units=4))
        net.initialize()
        others = sgd(net[0])

        def metric(y_hat, y):
            calls.append(1)
            if in_metric and len(calls) % 5 == 0:
                others.step(4)
            return 0.0

        class Data:
            def __iter__(self):
                for number, minibatch in enumerate(batches()):
                    if number and not in_metric:
                        others.step(4, ignore_stale_grad=True)
                    yield minibatch

        data = batches() if in_metric else Data()
        history = dh.train(net, data, L2, sgd(net[1]), 3, metric=metric, verbose=False, plain=plain)
        params = [(param.data().asnumpy(), param.data()._fresh_grad) for param in net.collect_params().values()]
        return history.loss, params

    assert [is_fresh for _, is_fresh in same(case)[1]] == [not in_metric] * 2 + [False] * 2


@pytest.mark.parametrize("name", ["_update", "step", "allreduce_grads"])
def test_a_method_that_was_put_on_a_trainer(name):
    def case(plain):
        net, calls = nn.Dense(1, in_units=3), []
        net.initialize()
        trainer = sgd(net)
        before = getattr(trainer, name)
        setattr(trainer, name, lambda *args, **options: calls.append(1) or before(*args, **options))
        return dh.train(net, batches(), L2, trainer, 2, verbose=False, plain=plain).loss, len(calls)

    same(case)


@pytest.mark.parametrize("which", [0, 1])
def test_gradients_of_features_and_labels(xp, which):
    def case(plain):
        net, minibatch = nn.Dense(1, in_units=3), batches(xp)[0]
        net.initialize()
        minibatch[which].attach_grad()
        trained(net, plain, [minibatch])
        return minibatch[which].grad.asnumpy()

    assert np.any(same(case))


@pytest.mark.parametrize("which", [0, 1])
def test_gradients_of_what_features_and_labels_were_computed_from(xp, which):
    """Another network makes them, one that the trainer has, too."""

    class Encoded:
        def __init__(self, encoder):
            self.encoder = encoder

        def __iter__(self):
            for minibatch in map(list, batches(xp, shape=(1,))):
                with autograd.record():
                    minibatch[which] = self.encoder(minibatch[which])
                yield minibatch

    def case(plain):
        both = nn.Sequential()
        both.add(nn.Dense(1, in_units=1), nn.Dense(1, in_units=1))
        both.initialize()
        encoder, net = both
        first = encoder.weight.data().asnumpy()
        history = dh.train(net, Encoded(encoder), L2, sgd(both), 3, verbose=False, plain=plain)
        moved = encoder.weight.data().asnumpy() != first
        return bool(moved), history.loss, [param.data().asnumpy() for param in both.collect_params().values()]

    assert same(case)[0]


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_minibatches_that_are_recorded_from_the_fourth_on(momentum):
    """As far as MXNet lets the parameters be changed."""

    def case(plain, is_first):
        both = nn.Sequential()
        both.add(nn.Dense(3, in_units=3), nn.Dense(1, in_units=3))
        both.initialize()
        trainer = sgd(both[1], momentum=momentum)

        def data():
            yield from batches()[:3]
            for X, y in batches()[:3]:
                with autograd.record():
                    X = both[0](X)
                    if not is_first:
                        yield X, y
                if is_first:
                    yield X, y

        minibatches = data()
        try:
            dh.train(both[1], minibatches, L2, trainer, 1, verbose=False, plain=plain)
        except ValueError as error:
            print(error)
        finally:
            minibatches.close()  # or the end of its recording would fall into another test
            autograd.set_recording(False)
            autograd.set_training(False)
        found = [(param.grad().asnumpy(), param.data()._fresh_grad) for param in both[0].collect_params().values()]
        return found, trainer._optimizer.num_update

    assert np.any(same(lambda plain: case(plain, True))[0][0][0])
    same(lambda plain: case(plain, False))


# settings of a trainer, a layer or a loader that change within a run


def freeze(net, trainer):
    net.collect_params().setattr("grad_req", "null")


def forget_states(net, trainer):
    trainer._updaters[0].states.clear()


def forget_counts(net, trainer):
    trainer._optimizer._index_update_count.clear()


def have_other_counts(net, trainer):
    trainer._optimizer._index_update_count = {}


def train_one_less(net, trainer):
    trainer._params.pop()


@pytest.mark.parametrize("change", [freeze, forget_states, forget_counts, have_other_counts, train_one_less])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trainer_that_changes_between_epochs(change, momentum, dtype):
    def case(plain):
        net, epochs = nn.Dense(1, in_units=3), []
        net.cast(dtype)
        net.initialize()
        trainer = sgd(net, momentum=momentum)

        class Loader:
            def __iter__(self):
                epochs.append(1)
                if len(epochs) == 2:
                    change(net, trainer)
                yield from ((X.astype(dtype), y.astype(dtype)) for X, y in batches())

        try:
            found = dh.train(net, Loader(), L2, trainer, 4, verbose=False, plain=plain).loss
        except ValueError as error:
            found = str(error)
        params = [param.data().asnumpy() for param in net.collect_params().values()]
        states = trainer._updaters[0].states
        kept = {i: state if state is None else state.asnumpy() for i, state in states.items()}
        return found, params, kept, trainer._optimizer.num_update

    found = same(case)[0]
    assert isinstance(found, str) == (change is freeze)


class ScalingAsToldElsewhere(Own):
    def hybrid_forward(self, F, X):
        return self.out(X) * self.elsewhere.scale  # no setting of the block, by which alone the change would be seen


def test_a_network_that_is_hybridized_anew_within_an_epoch():
    """Its next graph may come to be in memory where the one before was."""

    def case(plain):
        net = ScalingAsToldElsewhere()
        net.elsewhere = types.SimpleNamespace(scale=1)
        net.initialize()
        net.hybridize()
        data = batches()

        def minibatches():
            for n, (X, y) in enumerate(data):
                if n == 2:
                    net.elsewhere.scale = 3
                    net.hybridize()
                    net.collect_params(), net.collect_params()  # they leave the freed one to be taken up next
                    net(X)
                yield X, y

        return trained(net, plain, minibatches(), num_epochs=1)

    same(case)


def test_a_graph_is_the_same_only_as_long_as_it_is_kept():
    net = Scaling()
    net.initialize()
    net.hybridize()
    X = batches()[0][0]
    net(X)
    seen = [settings_of(net)]
    for _ in range(20):
        net.hybridize()
        net(X)
        assert settings_of(net) not in seen
        assert settings_of(net) == settings_of(net)
        seen.append(settings_of(net))


@pytest.mark.parametrize("by", ["step", "metric", "transform"])
@pytest.mark.parametrize("large", [1, 2**16])
def test_a_size_of_minibatches_that_changes_holds_from_the_next_epoch_on(monkeypatch, by, large):
    monkeypatch.setattr(data_module, "_LARGE", large)

    def case(plain):
        net = nn.Dense(1, in_units=3)
        net.initialize()
        trainer, sizes = sgd(net), []

        def change(*args):
            loader.batch_size = 8
            return args[0] if by == "transform" else 0

        def step(n):
            sizes.append(n)
            trainer.step(n)
            if by == "step" and len(sizes) == 2:
                change(n)

        arrays = batches(sizes=(24,))[0]
        loader = dh.load_array(arrays, 4, shuffle=False, transform=change if by == "transform" else None)
        metric = change if by == "metric" else None
        history = dh.train(net, loader, L2, step, 2, metric=metric, verbose=False, plain=plain)
        return sizes, history.num_examples, history.loss

    assert same(case)[:2] == ([4] * 6 + [8] * 3, [24, 24])


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_sparse_labels(stype):
    def case(plain):
        net = nn.Dense(3, in_units=3)
        net.initialize()
        data = [(X, nd.one_hot(y.round(), 3).tostype(stype)) for X, y in batches()]
        return trained(net, plain, data, gluon.loss.KLDivLoss(from_logits=False))

    same(case)


def test_several_generators_of_random_numbers():
    """How many there are is settled when MXNet is imported."""
    script = """
import sys
from test_what_learners_do import batches, dropping_out, trained
import d2lhelpers as dh
from mxnet import nd
dh.seed(0)
losses, _ = trained(dropping_out(), sys.argv[1] == "plain")
print(losses, nd.random.uniform(shape=(2,)).asnumpy().tolist())
"""
    said = []
    for way in ("plain", "fast"):
        env = {**os.environ, "MXNET_CPU_PARALLEL_RAND_COPY": "4", "PYTHONPATH": str(Path(__file__).parent)}
        command = [sys.executable, "-c", script, way]
        said.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1]


@pytest.mark.parametrize("grad_req", ["write", "add"])
def test_attach_grad_on_the_parameters_of_a_network(xp, grad_req):
    """Autograd puts their gradients into the array that was attached last, and `Parameter.grad` returns another one."""

    def case(plain):
        net = nn.Dense(1, in_units=3)
        net.initialize()
        params = [param.data() for param in net.collect_params().values()]
        for param in params:
            param.attach_grad(grad_req)

        def step(batch_size):
            dh.sgd(params, 0.1, batch_size)
            for param in params:
                param.grad[:] = 0

        history = dh.train(net, batches(xp), L2, step, 3, verbose=False, plain=plain)
        return history.loss, [param.asnumpy() for param in params], net.weight.grad().asnumpy()

    losses, _, gradient = same(case)
    assert losses[2] < losses[1] < losses[0]
    assert not gradient.any()


# layers that are not ready, names, operators in Python


class Spare(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.spare, self.out = nn.Dense(3), nn.Dense(1, in_units=3)

    def hybrid_forward(self, F, X):
        return self.out(X)


@pytest.mark.filterwarnings("ignore:Parameter .* is not used by any computation")
def test_a_layer_that_is_neither_initialised_nor_used():
    def case(plain):
        net = Spare()
        net.out.initialize()
        net.hybridize()
        return dh.train(net, batches(), L2, sgd(net.out), 2, verbose=False, plain=plain).loss

    same(case)


def test_a_layer_that_is_added_and_not_initialised():
    def case(plain):
        net, epochs = nn.Sequential(prefix=""), []
        net.add(nn.Dense(2, in_units=3, prefix="first_"))
        net.initialize()

        class Data:
            def __iter__(self):
                epochs.append(1)
                if len(epochs) == 2:
                    net.add(nn.Dense(1, prefix="last_"))
                return iter([(X, nd.stack(y, y, axis=1)) for X, y in batches()[:1]])

        with pytest.raises(ValueError, match=r"net\.initialize\(\)") as caught:
            trained(net, plain, Data())
        return str(caught.value)

    same(case)


def test_names_of_symbols_are_not_used_up():
    def case(plain):
        net = nn.Dense(1, in_units=3)
        net.initialize()
        with mx.name.NameManager():
            trained(net, plain)
            product = mx.sym.var("a") * mx.sym.var("b")
            return product.name, mx.sym.BlockGrad(product).name, mx.sym.make_loss(product).name

    same(case)


class Counted(mx.operator.CustomOp):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, is_train, req, in_data, out_data, aux):
        self.calls += 1
        self.assign(out_data[0], req[0], in_data[0] * self.calls)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * self.calls)


@mx.operator.register("counted")
class CountedProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Counted()


class InPython(Own):
    def hybrid_forward(self, F, X):
        return F.Custom(self.out(X), op_type="counted")


def test_an_operator_in_python_is_made_for_each_minibatch():
    def case(plain):
        net = InPython()
        net.initialize()
        net.hybridize()
        return trained(net, plain)

    same(case)


def test_memory_is_saved_by_computing_twice(monkeypatch):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")

    def case(plain):
        net = nn.Sequential()
        net.add(nn.Dense(8, in_units=3), nn.LayerNorm(in_channels=8), nn.Dense(1, in_units=8))
        net.initialize()
        return trained(net, plain)

    same(case)


# features and their transforms

BUFFER = np.empty((64, 4, 4), "float32")


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize(
    "transform",
    [
        lambda X: X[:, :, ::-1] if random.random() < 0.5 else X,
        lambda X: X.transpose(0, 2, 1),
        lambda X: np.multiply(X, 2, out=BUFFER[: len(X)]),
    ],
    ids=["flips", "other axes", "into a buffer"],
)
def test_transforms_that_return_views(xp, monkeypatch, large, transform):
    monkeypatch.setattr(data_module, "_LARGE", large)

    def case(plain):
        net = nn.Dense(1)
        net.initialize()
        ((X, y),) = batches(xp, (4, 4), (64,))
        return trained(net, plain, dh.load_array((X, y), 8, transform=transform))

    same(case)


@pytest.mark.parametrize("large", [1, 2**16])
@pytest.mark.parametrize(
    ("result", "words"),
    [(None, "nothing"), (nd.ones(3), "NDArray"), ([1], "list")],
)
def test_a_transform_of_another_kind_is_named(monkeypatch, large, result, words):
    monkeypatch.setattr(data_module, "_LARGE", large)
    with pytest.raises(TypeError, match=f"^transform must return a NumPy array, as it gets one, but returned {words};"):
        next(iter(dh.load_array(batches(sizes=(8,))[0], 4, transform=lambda X: result)))


def test_features_that_come_out_of_a_convolution(xp):
    """MXNet lays them out in a way of its own."""

    def case(plain):
        convolution, net = nn.Conv2D(16, 3), nn.Dense(1)
        convolution.initialize()
        net.initialize()
        ((X, y),) = batches(xp, (3, 12, 12), (16,))
        data = dh.load_array((convolution(X), y), 4, shuffle=False)
        np.testing.assert_array_equal(next(iter(data))[0].asnumpy(), convolution(X).asnumpy()[:4])
        return trained(net, plain, data)

    same(case)


@pytest.mark.parametrize("kind", [nn.Dense, nn.HybridSequential])
def test_sparse_features(kind):
    def case(plain):
        net = kind(1, in_units=3) if kind is nn.Dense else kind()
        if kind is nn.HybridSequential:
            net.add(nn.Dense(1, in_units=3))
            net.hybridize()
        net.initialize()
        data = [(X.tostype("csr"), y) for X, y in batches()]
        return trained(net, plain, data), dh.evaluate_loss(net, data, L2)

    dense = [(X, y) for X, y in batches()]
    net = nn.Dense(1, in_units=3)
    dh.seed(0)
    net.initialize()
    losses, _ = trained(net, True, dense)
    np.testing.assert_allclose(same(case)[0][0], losses, rtol=1e-5)
