import d2lhelpers as dh

import mxnet as mx
import numpy as np
import pytest
from d2l import mxnet as d2l
from mxnet import gluon


@pytest.mark.parametrize("num_gpus", [0, 1, 2])
@pytest.mark.parametrize("i", [0, 1, 5])
def test_try_gpu_agrees_with_d2l(monkeypatch, num_gpus, i):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: num_gpus)
    monkeypatch.setattr("mxnet.numpy_extension.num_gpus", lambda: num_gpus)
    assert dh.try_gpu(i) == d2l.try_gpu(i) == (mx.gpu(i) if i < num_gpus else mx.cpu())


def test_try_gpu_without_an_argument(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    assert dh.try_gpu() == mx.gpu(0)


@pytest.mark.parametrize(("i", "error"), [(-1, ValueError), ("gpu", TypeError), (0.5, TypeError)])
def test_try_gpu_refuses_what_is_no_number_of_a_gpu(i, error):
    with pytest.raises(error, match=r"^i must be"):
        dh.try_gpu(i)


# MXNet takes cpu(0) and cpu(1) for devices of their own, though they are the same processor.
OTHER = mx.cpu(1)


def test_minibatches_are_on_the_device_that_was_asked_for(xp):
    arrays = xp.ones((7, 2)), xp.array(range(7), dtype="int32")
    for ctx, expected in [(None, mx.cpu(0)), (mx.cpu(0), mx.cpu(0)), (OTHER, OTHER)]:
        data_iter = dh.load_array(arrays, 3, ctx=ctx)
        assert {part.ctx for batch in [*data_iter, data_iter.whole()] for part in batch} == {expected}


def test_data_sets_are_on_the_device_that_was_asked_for(xp):
    for data_iter in [*dh.load_digits(100, ctx=OTHER), *dh.load_data("digits", 100, ctx=OTHER)]:
        X, y = next(iter(data_iter))
        assert X.ctx == y.ctx == OTHER


def network(ctx):
    dh.seed(0)
    net = gluon.nn.Sequential()
    net.add(gluon.nn.Dense(10))
    net.initialize(ctx=ctx)
    return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


@pytest.mark.parametrize("loaded_on", [None, OTHER])
def test_training_is_the_same_on_any_device(xp, loaded_on):
    loss, results = gluon.loss.SoftmaxCrossEntropyLoss(), []
    for ctx in (mx.cpu(0), OTHER):
        net, trainer = network(ctx)
        train_iter, test_iter = dh.load_digits(256, ctx=loaded_on and ctx)
        dh.seed(1)
        history = dh.train(net, train_iter, loss, trainer, 2, test_iter, dh.accuracy, verbose=False, ctx=ctx)
        assert net[0].weight.list_ctx() == [ctx]
        results.append((history.loss, history.metric, history.test_loss, history.test_metric))
    np.testing.assert_array_equal(*results)


def test_training_from_scratch_on_another_device(xp):
    w = xp.zeros((2,), ctx=OTHER)
    w.attach_grad()
    seen = []

    def net(X):
        seen.append(X.ctx)
        return (X * w).sum(axis=1)

    data_iter = dh.load_array((xp.ones((4, 2)), xp.ones((4,))), 2)
    dh.train(net, data_iter, dh.squared_loss, lambda n: dh.sgd([w], 0.1, n), 1, data_iter, verbose=False, ctx=OTHER)
    assert set(seen) == {OTHER}
    assert len(seen) == 4


def test_a_network_on_another_device_is_refused(xp):
    net, trainer = network(mx.cpu(0))
    net(xp.ones((1, 3)))
    with pytest.raises(ValueError, match=r"ctx is cpu\(1\), but the parameters of net are on cpu\(0\); .*reset_ctx"):
        dh.train(net, [(xp.ones((1, 3)), xp.zeros((1,)))], gluon.loss.L2Loss(), trainer, 1, ctx=OTHER)


def calls(ctx):
    arrays = mx.nd.ones((2, 1)), mx.nd.ones((2,))
    return [
        lambda: dh.load_array(arrays, 1, ctx=ctx),
        lambda: dh.load_digits(1, ctx=ctx),
        lambda: dh.load_data("digits", 1, ctx=ctx),
        lambda: dh.load_fashion_mnist(1, ctx=ctx),
        lambda: dh.train(lambda X: X, [arrays], dh.squared_loss, lambda n: None, 0, ctx=ctx),
    ]


@pytest.mark.parametrize("call", range(len(calls(None))))
def test_what_is_no_device_is_refused(call, monkeypatch):
    with pytest.raises(TypeError, match=r"^ctx must be a device such as mx\.cpu\(\) or dh\.try_gpu\(\), but is 'gpu'"):
        calls("gpu")[call]()
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    with pytest.raises(ValueError, match=r"^ctx is gpu\(1\), but MXNet finds 1 GPUs here; take ctx=dh\.try_gpu\(\)"):
        calls(mx.gpu(1))[call]()
