"""Usual mistakes in the exercises of chapter 05, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find, judging
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn


def squares(w):
    return (w**2).sum()


def step(decay=lambda lr, wd, n: lr * wd, bias_decay=lambda lr, wd, n: 0, size=lambda lr, n: lr / n):
    """A step with the mistake that the arguments describe."""

    def sgd_step(w, b, grad_w, grad_b, lr, wd, batch_size):
        along = size(lr, batch_size)
        new_w = w - decay(lr, wd, batch_size) * w - along * grad_w
        return new_w, b - bias_decay(lr, wd, batch_size) * b - along * grad_b

    return sgd_step


def decay_by_norm(w, b, grad_w, grad_b, lr, wd, batch_size):
    return w - lr * (grad_w / batch_size + wd * np.sum(w**2) / 2), b - lr * grad_b / batch_size


def decay_last(w, b, grad_w, grad_b, lr, wd, batch_size):
    return (1 - lr * wd) * (w - lr * grad_w / batch_size), b - lr * grad_b / batch_size


def no_bias(w, b, grad_w, grad_b, lr, wd, batch_size):
    return w - lr * (grad_w / batch_size + wd * w)


def in_place(w, b, grad_w, grad_b, lr, wd, batch_size):
    w[:] = (1 - lr * wd) * w - lr * grad_w / batch_size
    return w, nd.array([b - lr * grad_b / batch_size])


def normal(added, divided=True):
    """Normal equations, divided by n or not, with another matrix added."""

    def solve(X, y, lambd):
        X, y = X.asnumpy().astype("float64"), y.asnumpy()
        n, d = X.shape
        divisor = n if divided else 1
        A = X.T @ X / divisor + added(lambd, n, d)
        return np.linalg.lstsq(A, X.T @ y / divisor, rcond=None)[0]

    return solve


def sides(X_power=1, y_power=1, penalty_power=0):
    """Normal equations whose sides are divided, and whose penalty is multiplied, by these powers of n."""

    def solve(X, y, lambd):
        X, y, n = X.asnumpy().astype("float64"), y.asnumpy(), float(len(y))
        A = X.T @ X / n**X_power + lambd * n**penalty_power * np.eye(X.shape[1])
        return np.linalg.solve(A, y @ X / n**y_power)

    return solve


def recipe(lr=0.1, num_epochs=20, batch_size=5, wd_factor=1.0, fixed_wd=None, bias=0, weight=1, step_by=None, units=1):
    """A recipe with the mistake that the arguments describe."""

    def train(features, labels, wd):
        net = nn.Dense(units)
        net.initialize()
        net.weight.wd_mult, net.bias.wd_mult = weight, bias
        decay = wd_factor * wd if fixed_wd is None else fixed_wd
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr, "wd": decay})
        for _ in range(num_epochs):
            for X, y in dh.load_array((features, labels), batch_size):
                with autograd.record():
                    losses = gloss.L2Loss()(net(X), y if units == 1 else nd.stack(y, y, axis=1))
                losses.backward()
                trainer.step(step_by or len(y))
        net(features)
        return net

    return train


def two_trainers(features, labels, wd):
    net = nn.HybridSequential()
    net.add(nn.Dense(1, in_units=features.shape[1]))
    net.initialize("zeros")
    net.hybridize()
    rates = {"learning_rate": 0.1}
    trainers = [
        gluon.Trainer(net.collect_params(".*weight"), "sgd", {**rates, "wd": wd}),
        gluon.Trainer(net.collect_params(".*bias"), "sgd", rates),
    ]
    for _ in range(40):
        for X, y in dh.load_array((features, labels), 10):
            with autograd.record():
                total = ((net(X).reshape((-1,)) - y) ** 2).sum() / 2
            total.backward()
            for trainer in trainers:
                trainer.step(10)
    return net


def penalty_in_the_loss(factor):
    """A recipe that adds `factor` penalties to the mean of the losses."""

    def train(features, labels, wd):
        net = nn.Dense(1, in_units=features.shape[1])
        net.initialize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        for _ in range(120):
            with autograd.record():
                mean = gloss.L2Loss()(net(features), labels).mean()
                objective = mean + factor * wd * squares(net.weight.data()) / 2
            objective.backward()
            trainer.step(1)
        return net

    return train


def variant(reduce=lambda x: x, size=len, loss=None, use_bias=True, lr=0.05, num_epochs=50, batch_size=5):
    """The worked solution with another loss, divisor, layer or batch size."""

    def train(features, labels, wd):
        net = nn.Sequential()
        net.add(nn.Dense(1, use_bias=use_bias))
        net.initialize()
        net.collect_params(".*bias").setattr("wd_mult", 0)
        losses_of = loss or gloss.L2Loss()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr, "wd": wd})
        for _ in range(num_epochs):
            for X, y in dh.load_array((features, labels), batch_size):
                with autograd.record():
                    losses = reduce(losses_of(net(X), y))
                losses.backward()
                trainer.step(size(y))
        return net

    return train


def not_linear(features, labels, wd):
    net = nn.Sequential()
    net.add(nn.Dense(20, activation="relu"), nn.Dense(1))
    net.initialize(init.Normal(0.3))
    return net


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("05.1", 0.9048, "divides the gradient by 10, and leaves wd alone"),
        ("05.1", 0.9**100, "the learning rate times wd"),
        ("05.1", 0.98**100, "twice too much a step"),
        ("05.1", 0.995**100, "half as much a step"),
        ("05.1", 2.7, "the weight would grow then"),
        ("05.1", 0.99, "that is what one step leaves"),
        ("05.1", 0.634, "that is the part that is gone"),
        ("05.1", 0, "of what is still there"),
        ("05.1", 0.5, "expected: a smaller number"),
        ("05.2", lambda w, lambd: lambd * squares(w), "the half is missing"),
        ("05.2", lambda w, lambd: lambd * nd.norm(w) / 2, "hint:     the norm is not squared"),
        ("05.2", lambda w, lambd: lambd * nd.norm(w), "the norm is not squared, and the half is missing"),
        ("05.2", lambda w, lambd: lambd * (w**2).mean() / 2, "that is the mean of the squares"),
        ("05.2", lambda w, lambd: lambd * w.abs().sum() / 2, "the sum of the absolute values"),
        ("05.2", lambda w, lambd: lambd * w.sum() ** 2 / 2, "square first, then add up"),
        ("05.2", lambda w, lambd: squares(w) / 2, "where is lambda?"),
        ("05.2", lambda w, lambd: squares(lambd * w) / 2, "lambda is not squared"),
        ("05.2", lambda w, lambd: lambd * w**2 / 2, "one penalty for each weight"),
        ("05.2", lambda w, lambd: lambd * w, "that is the gradient of the penalty"),
        ("05.2", lambda w, lambd: 37.5, "tried:    <lambda>([-"),
        ("05.2", lambda w, lambd: lambd * nd.dot(w, w) / 2 if w.ndim == 1 else 0.0, "an array of shape (1, 20)"),
        ("05.3", step(bias_decay=lambda lr, wd, n: lr * wd), "the weights are right, but the bias has decayed too"),
        ("05.3", step(lambda lr, wd, n: lr * wd / n), "divides the gradient only, not the decay"),
        (
            "05.3",
            step(lambda lr, wd, n: lr * wd / n, lambda lr, wd, n: lr * wd / n),
            "the bias has decayed too, and the batch size has divided the decay",
        ),
        ("05.3", step(lambda lr, wd, n: -lr * wd), "the decay has the wrong sign"),
        ("05.3", step(size=lambda lr, n: lr), "divide the gradients by the batch size"),
        ("05.3", step(size=lambda lr, n: -lr / n), "against the gradient, not along it"),
        ("05.3", step(lambda lr, wd, n: wd), "the decay too is multiplied by the learning rate"),
        ("05.3", step(lambda lr, wd, n: 2 * lr * wd), "twice too much decay"),
        ("05.3", step(lambda lr, wd, n: 0), "a step without decay"),
        ("05.3", decay_last, "not those after the step"),
        ("05.3", decay_by_norm, "the gradient of the penalty has an element for each weight"),
        (
            "05.3",
            lambda w, b, grad_w, grad_b, lr, wd, n: step()(w, b, grad_w, n * grad_b, lr, wd, n),
            "divide the gradient of b by the batch size, too",
        ),
        (
            "05.3",
            lambda w, b, grad_w, grad_b, lr, wd, n: step()(w, b, n * grad_w, grad_b, lr, wd, n),
            "divide the gradient of w by the batch size, too",
        ),
        ("05.3", step(lambda lr, wd, n: lr * wd / 2), "half the decay it should be"),
        (
            "05.3",
            step(bias_decay=lambda lr, wd, n: lr * wd, size=lambda lr, n: lr),
            "decayed too, and the gradients are not divided by the batch size",
        ),
        ("05.3", no_bias, "expected: 2 results"),
        ("05.3", lambda w, b, *rest: (w, b), "came out: [ 1. -2.] and 10"),
        ("05.4", normal(lambda lambd, n, d: lambd * np.eye(d), divided=False), "lambda is n times too small"),
        ("05.4", normal(lambda lambd, n, d: 0), "the solution without a penalty"),
        ("05.4", normal(lambda lambd, n, d: lambd / 2 * np.eye(d)), "counts half as much as it should"),
        ("05.4", normal(lambda lambd, n, d: 2 * lambd * np.eye(d)), "counts twice as much as it should"),
        ("05.4", normal(lambda lambd, n, d: n * lambd * np.eye(d)), "lambda is n times too large"),
        ("05.4", normal(lambda lambd, n, d: lambd), "on the diagonal only"),
        ("05.4", normal(lambda lambd, n, d: -lambd * np.eye(d)), "the sign of the penalty is turned round"),
        ("05.4", normal(lambda lambd, n, d: lambd * np.diag([0] + [1] * (d - 1))), "there is no bias here"),
        ("05.4", sides(y_power=0, penalty_power=1), "y's side is not divided by n"),
        ("05.4", sides(X_power=0), "X's side is not divided by n"),
        ("05.4", sides(y_power=0), "y's side is not divided by n"),
        ("05.4", sides(y_power=2), "y's side is divided by n twice"),
        ("05.4", lambda X, y, lambd: nd.zeros((X.shape[1],)), "came out: [0. 0.]"),
        ("05.4", lambda X, y, lambd: nd.zeros((X.shape[1], 1)), "expected: an array of shape (2,)"),
        ("05.5", "abde", "what did one step with wd do to a bias of 1"),
        ("05.5", "bcde", "the right end of the last curve"),
        ("05.5", "de", "where does degree 12 end"),
        ("05.5", "be", "the smallest training loss that there is"),
        ("05.5", "bd", "2 right, 0 wrong, 1 missing"),
        ("05.6", variant(reduce=lambda x: x.mean()), "the gradient is divided twice, by mean() and by step()"),
        (
            "05.6",
            variant(reduce=lambda x: x.mean(), lr=0.25),
            "steps 0.2 times as long as the gradient of the mean loss",
        ),
        ("05.6", variant(size=lambda y: 1, lr=0.01), "step(1) does not divide it: step(len(y))"),
        ("05.6", variant(use_bias=False), "came out: a bias of exactly 0"),
        ("05.6", variant(loss=lambda y_hat, y: (y_hat - y) ** 2 / 2), "a difference of shapes (n, 1) and (n,)"),
        ("05.6", lambda X, y, wd: print(wd), "print only shows a value"),
        ("05.6", recipe(bias=1), "the bias has decayed too: exclude it"),
        ("05.6", recipe(wd_factor=0), "the weights did not decay"),
        ("05.6", recipe(weight=0, bias=1), "the weights did not decay"),
        ("05.6", recipe(wd_factor=1 / 5), "was wd divided by the batch size?"),
        ("05.6", penalty_in_the_loss(1 / 20), "or was wd divided by the batch size?"),
        ("05.6", penalty_in_the_loss(2), "decayed more than wd says"),
        ("05.6", recipe(fixed_wd=3), "with wd = 0 nothing may hold the weights back"),
        ("05.6", recipe(num_epochs=1), "train longer, or with a larger learning rate"),
        ("05.6", recipe(num_epochs=0), "nothing was learnt"),
        ("05.6", recipe(lr=1.5), "the loss has grown: use a smaller learning rate"),
        ("05.6", recipe(lr=0.5, step_by=1), "steps 5 times as long"),
        ("05.6", recipe(lr=0.01, step_by=1), "step(1) does not divide it: step(len(y))"),
        ("05.6", recipe(num_epochs=0, units=2), "expected: one output for each"),
        ("05.6", not_linear, "expected: a linear regression"),
        (
            "05.6",
            lambda X, y, wd: (nd.zeros((200,)), nd.zeros((1,))),
            "came out: a result of the type tuple\n  expected: a network of Gluon",
        ),
        ("05.6", lambda X, y, wd: nn.Dense(1), "expected: no error"),
        ("05.6", lambda X, y: nn.Dense(1), "came out: TypeError"),
        ("05.6", nd.zeros((3,)), "expected: a function"),
        ("05.6", lambda X, y, wd: None, "not answered yet"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert any(part in verdict.text for part in message.split("|")), verdict.text
    in_chinese(verdict)


def test_bias_that_is_on_its_way():
    def slow_bias(features, labels, wd):
        net = recipe()(features, labels, wd)
        if wd:
            net.bias.set_data(0.6 * net.bias.data())
        return net

    assert "the bias is still on its way" in judge(find("05.6"), slow_bias).text


def test_minibatches_of_one_example_have_their_time():
    # 200 epochs of them took 17 of the 20 seconds that other answers have.
    assert find("05.6").seconds >= 3 * judging.TIME_LIMIT
    assert find("05.5").seconds is None


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("05.1", 0.37),
        ("05.1", np.exp(-1)),
        ("05.2", lambda w, lambd: lambd / 2 * nd.norm(w) ** 2),
        ("05.2", lambda w, lambd: lambd / 2 * np.linalg.norm(w.asnumpy()) ** 2),
        ("05.3", step()),
        ("05.3", in_place),
        ("05.4", normal(lambda lambd, n, d: n * lambd * np.eye(d), divided=False)),
        (
            "05.4",
            lambda X, y, lambd: nd.dot(
                nd.linalg.inverse(nd.dot(X.T, X) + lambd * len(y) * nd.eye(X.shape[1])), nd.dot(X.T, y)
            ),
        ),
        ("05.5", "bde"),
        ("05.6", recipe()),
        ("05.6", recipe(lr=0.2, num_epochs=12)),
        ("05.6", two_trainers),
        ("05.6", variant()),
        ("05.6", variant(reduce=lambda x: x.mean(), size=lambda y: 1)),
        (
            "05.6",
            variant(loss=lambda y_hat, y: (y_hat.reshape((-1,)) - y) ** 2 / 2, batch_size=20, lr=0.2, num_epochs=100),
        ),
        ("05.6", variant(batch_size=1, lr=0.01)),
        ("05.6", penalty_in_the_loss(1)),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text
