"""What the checks say to the errors that answers raise, each made by the code that raises it."""

import math

from d2lhelpers.exercises.advice import advise, describe_error
from d2lhelpers.exercises.judging import Verdict

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn

X, w = nd.ones((4, 2)), nd.ones((2,))
UNKNOWN_ATTRIBUTE = "std"


def param():
    v = nd.ones((2,))
    v.attach_grad()
    return v


def recorded(function, v):
    with autograd.record():
        return function(v)


def net_and_trainer(initialize=True, num_inputs=2):
    net = nn.Dense(1, in_units=num_inputs)
    if initialize:
        net.initialize()
    return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


def rebinding():
    v = param()
    for _ in range(2):
        recorded(lambda v: (v**2).sum(), v).backward()
        v = v - 0.1 * v.grad


def rebinding_twice():
    v = param()
    recorded(lambda v: (v**2).sum(), v).backward()
    v = v - 0.1 * v.grad
    return v - 0.1 * v.grad


def changed_while_recorded():
    v = param()
    with autograd.record():
        total = (v**2).sum()
        v[:] = v - 0.1
    return total


def stale():
    net, trainer = net_and_trainer()
    net(X)
    trainer.step(4)


def value_given_later():
    total = later + 1  # noqa: F821, F841
    later = 2  # noqa: F841


def recursion():
    return recursion()


ERRORS = [
    (lambda: np.exp(X), "NumPy's functions do not take nd arrays: use the one of nd"),
    (lambda: np.log(X), "NumPy's functions do not take nd arrays"),
    (lambda: np.dot(X, w), "NumPy's functions do not take nd arrays"),
    (lambda: np.maximum(X, 0), "or turn X into NumPy by X.asnumpy()"),
    (lambda: np.mean(X), "use the method (X.mean(), X.sum())"),
    (lambda: X.max(axis=1, keepdim=True), "this operator has no argument of that name"),
    (lambda: X @ w, "write nd.dot(X, w)"),
    (lambda: X.dot(w), "write nd.dot(X, w)"),
    (lambda: X + np.ones((4, 2)), "nd and NumPy do not mix"),
    (lambda: nd.exp(3.0), "nd and NumPy do not mix"),
    (lambda: math.exp(X), "math takes a single number"),
    (lambda: (w**2).sum().backward(), "call net and loss inside record()"),
    (lambda: recorded(lambda v: (v**2).sum(), nd.ones((2,))).backward(), "need attach_grad() before"),
    (rebinding, "as w = w - ... makes an array without a gradient"),
    (rebinding_twice, "a gradient is if attach_grad() was never called, or if w = w - ..."),
    (lambda: nd.ones((2,)).grad * 2, "a gradient is if attach_grad() was never called"),
    (changed_while_recorded, "comes after record() and after backward()"),
    (lambda: net_and_trainer(initialize=False)[0](X), "the network has no parameters yet"),
    (lambda: net_and_trainer(num_inputs=0)[0].weight.data(), "does not know its number of inputs yet"),
    (lambda: net_and_trainer()[1].step(), "trainer.step(len(y))"),
    (stale, "is backward() called before it?"),
    (lambda: X.sum().asscalar().backward(), "keep the loss an array until after backward()"),
    (lambda: net_and_trainer()[0].weight.set_data(nd.ones((2,))), "the weights of Dense are a matrix"),
    (lambda: gluon.Trainer(net_and_trainer()[0], "sgd"), "gluon.Trainer(net.collect_params(), ...)"),
    (lambda: gluon.Trainer(net_and_trainer()[0].collect_params(), "sdg"), 'names like "sgd"'),
    (lambda: gluon.Trainer(net_and_trainer()[0].collect_params(), "sgd", {"lr": 1}), '{"learning_rate": ...'),
    (lambda: bool(X > 0), "a single number is needed there"),
    (lambda: X.asscalar(), "a single number is needed there"),
    (lambda: float(X), "a single number is needed there"),
    (lambda: X.numpy(), "the method is called asnumpy()"),
    (lambda: getattr(X, UNKNOWN_ATTRIBUTE), "NumPy may: X.asnumpy()"),
    (lambda: unknown + 1, "this name is not known where it is used"),  # noqa: F821
    (value_given_later, "this name is given a value only further down"),
    (lambda: 1 / 0, "something that you divide by is zero"),
    (lambda: X[7], "an index is larger than the array"),
    (lambda: [1][3], "an index is larger than the array"),
    (recursion, "calls itself without an end"),
    (lambda: (lambda: 1)(2), "keep those that stand in the exercise's first line"),
    (lambda: nd.dot(X, nd.ones((2,), dtype="float64")).asnumpy(), '.astype("float32")'),
    (lambda: nd.dot(w, X), "print the shapes just before that line"),
    (lambda: X + nd.ones((3,)), "print the shapes just before that line"),
    (lambda: gloss.SoftmaxCrossEntropyLoss()(X, nd.ones((3,))), "print the shapes just before that line"),
    (lambda: X.reshape((3, 5)), "print the shapes just before that line"),
    (lambda: X.sum(axis=2), "print the shapes just before that line"),
    (lambda: {}["key"], "run your code on an example of your own first"),
    (exit, "leave out exit()"),
]


@pytest.mark.parametrize(("raising", "advice"), ERRORS)
def test_advice(raising, advice):
    with pytest.raises((Exception, SystemExit)) as caught:
        raising()
    assert advice in advise(caught.value)
    in_chinese(Verdict("not right yet", advise(caught.value)))
    described = describe_error(caught.value)
    assert "Traceback" not in described
    assert "src/" not in described
    assert "\n" not in described


def test_cause_after_a_traceback_is_the_last_line():
    with pytest.raises(Exception, match="Traceback") as caught:
        X.reshape((3, 5))
    assert "target shape size is larger" in describe_error(caught.value)
