"""Usual mistakes in the exercises of chapter 01, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, nd


def loss(y_hat, y):
    return (y_hat.reshape((-1,)) - y) ** 2 / 2


def error(X, y, w, b):
    return nd.dot(X, w) + b - y


def lstsq(X, y):
    return np.linalg.lstsq(X, y.asnumpy(), rcond=None)[0]


def with_ones(X):
    return np.column_stack([X.asnumpy(), np.ones(len(X))])


def gradients(predict=lambda X, w, b: nd.dot(X, w) + b, divisor=len, sign=1):
    """The gradients in w and b with the mistake that the arguments describe."""

    def answer(X, y, w, b):
        wrong_by = sign * (predict(X, w, b) - y)
        return nd.dot(X.T, wrong_by) / divisor(X), wrong_by.sum() / divisor(X)

    return answer


def without_bias(X, w, b):
    return nd.dot(X, w)


def mean_over_all_numbers(X, y, w, b):
    wrong_by = error(X, y, w, b)
    return (X * wrong_by.reshape((-1, 1))).sum(axis=0) / X.size, wrong_by.mean()


def ones_first(X, y):
    solution = lstsq(np.column_stack([np.ones(len(X)), X.asnumpy()]), y)
    return solution[:-1], solution[-1]


def scratch(lr=0.1, num_epochs=5, sign=-1, frozen=(), divide=True, bias=0):
    """A recipe with the mistake that the arguments describe."""

    def train(features, labels):
        w, b = nd.zeros((features.shape[1],)), nd.full((1,), bias)
        for param in (w, b):
            param.attach_grad()
        for _ in range(num_epochs):
            for X, y in dh.load_array((features, labels), 10):
                with autograd.record():
                    total = loss(nd.dot(X, w) + b, y).sum()
                total.backward()
                for name, param in (("w", w), ("b", b)):
                    if name not in frozen:
                        param[:] = param + sign * lr * param.grad / (len(y) if divide else 1)
        return w, b

    return train


def broadcast(lr=0.1, num_epochs=5):
    """The weights are a column, so that the difference to the labels is a table of all pairs."""

    def train(features, labels):
        w, b = nd.zeros((features.shape[1], 1)), nd.zeros((1,))
        for param in (w, b):
            param.attach_grad()
        for _ in range(num_epochs):
            for X, y in dh.load_array((features, labels), 10):
                with autograd.record():
                    mean = ((nd.dot(X, w) + b - y) ** 2 / 2).mean()
                mean.backward()
                for param in (w, b):
                    param[:] = param - lr * param.grad
        return w, b

    return train


def by_hand(features, labels):
    """NumPy, all examples at once, and the gradient by hand."""
    X, y = features.asnumpy(), labels.asnumpy()
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(200):
        error = X @ w + b - y
        w, b = w - 0.1 * X.T @ error / len(y), b - 0.1 * error.mean()
    return [list(w), b]


def with_momentum(features, labels):
    params = [nd.zeros((features.shape[1], 1)), nd.zeros((1,))]
    speeds = [nd.zeros(param.shape) for param in params]
    for param in params:
        param.attach_grad()
    for _ in range(8):
        for X, y in dh.load_array((features, labels), 20):
            with autograd.record():
                mean = ((nd.dot(X, params[0]) + params[1] - y.reshape((-1, 1))) ** 2 / 2).mean()
            mean.backward()
            for param, speed in zip(params, speeds, strict=True):
                speed[:] = 0.9 * speed + param.grad
                param[:] = param - 0.02 * speed
    return params


def rebinding(features, labels):
    """The step makes new arrays, which have no gradient."""
    w, b = nd.zeros((features.shape[1],)), nd.zeros((1,))
    for param in (w, b):
        param.attach_grad()
    for X, y in dh.load_array((features, labels), 10):
        with autograd.record():
            mean = loss(nd.dot(X, w) + b, y).mean()
        mean.backward()
        w = w - 0.1 * w.grad
        b = b - 0.1 * b.grad
    return w, b


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("01.1", 3, "the error is squared, and so is its factor"),
        ("01.1", 4.5, "the half stands in both losses"),
        ("01.1", 1 / 9, "not how much smaller"),
        ("01.1", 8, "expected: a larger number"),
        ("01.2", lambda y_hat, y: loss(y_hat, y).sum(), "that is the sum; the mean does not grow with n"),
        ("01.2", lambda y_hat, y: 2 * loss(y_hat, y).mean(), "the half is missing"),
        ("01.2", lambda y_hat, y: (y_hat.reshape((-1,)) - y).abs().mean(), "that is the absolute error"),
        ("01.2", lambda y_hat, y: ((y_hat - y) ** 2 / 2).mean(), "a table of all pairs; reshape one first"),
        ("01.2", loss, "that is one loss per example; take their mean"),
        (
            "01.2",
            lambda y_hat, y: nd.abs(y_hat.reshape((-1,)) - y).sum() / len(y) / 2,
            "half the absolute error; square",
        ),
        ("01.2", lambda y_hat, y: (y_hat.mean() - y.mean()) ** 2 / 2, "in which +1 and -1 cancel"),
        ("01.2", lambda y_hat, y: (y_hat.mean() - y.mean()) ** 2, "then take the mean, and halve it"),
        ("01.2", lambda y_hat, y: 2 * loss(y_hat, y).sum(), "that is the sum: take half the mean"),
        ("01.2", lambda y_hat, y: nd.norm(y_hat.reshape((-1,)) - y) / len(y) ** 0.5, "leave the root out, and halve"),
        ("01.2", lambda y_hat, y: 2 * loss(y_hat, y), "one loss per example, and without the half"),
        ("01.2", lambda y_hat, y: (y_hat - y).square().mean(), "reshape one first; and the half is missing"),
        ("01.2", lambda y_hat, y: 0.0, "came out: 0.0\n  expected: 2.16667"),
        (
            "01.3",
            lambda X, y, w, b: (nd.dot(X.T, error(X, y, w, b)), error(X, y, w, b).sum()),
            "that is the gradient of the sum: divide by the batch size",
        ),
        (
            "01.3",
            lambda X, y, w, b: (nd.dot(X.T, error(X, y, w, b)) / len(y), error(X, y, w, b).sum()),
            "divide the gradient of b by the batch size",
        ),
        (
            "01.3",
            lambda X, y, w, b: (nd.dot(X.T, error(X, y, w, b)), error(X, y, w, b).mean()),
            "divide the gradient of w by the batch size",
        ),
        (
            "01.3",
            lambda X, y, w, b: (-nd.dot(X.T, error(X, y, w, b)) / len(y), -error(X, y, w, b).mean()),
            "the sign is turned round",
        ),
        (
            "01.3",
            lambda X, y, w, b: (2 * nd.dot(X.T, error(X, y, w, b)) / len(y), 2 * error(X, y, w, b).mean()),
            "twice too much",
        ),
        ("01.3", gradients(without_bias), "the prediction lacks the bias: it is"),
        ("01.3", gradients(without_bias, divisor=lambda X: 1), "the prediction lacks the bias, it is"),
        ("01.3", gradients(divisor=lambda X: 10), "not by a fixed number"),
        ("01.3", gradients(divisor=lambda X: X.size), "X.size counts the numbers in X"),
        ("01.3", mean_over_all_numbers, "divides by its n × d numbers"),
        ("01.3", gradients(divisor=lambda X: 1, sign=-1), "the sign is turned round, the error is"),
        ("01.3", lambda *args: gradients()(*args)[::-1], "the gradient of w comes first"),
        ("01.3", lambda X, y, w, b: (nd.zeros(w.shape), 0.0), "came out: [0. 0.] and 0.0"),
        ("01.3", lambda X, y, w, b: nd.dot(X.T, error(X, y, w, b)) / len(y), "expected: 2 results"),
        ("01.4", lambda X, y: (lstsq(X.asnumpy(), y), 0.0), "without a column of ones"),
        ("01.4", lambda X, y: (lstsq(with_ones(X), y)[:-1], 0.0), "the bias is not"),
        (
            "01.4",
            lambda X, y: (lstsq(with_ones(X), y)[:-1], y.mean()),
            "subtract the weights times their means",
        ),
        ("01.4", ones_first, "the column of ones stands first there"),
        (
            "01.4",
            lambda X, y: (lstsq(with_ones(X), y)[1:], lstsq(with_ones(X), y)[0]),
            "the column of ones stands last there",
        ),
        ("01.4", lambda X, y: (lstsq(with_ones(X), y)[-1], lstsq(with_ones(X), y)[:-1]), "the weights come first"),
        ("01.4", lambda X, y: lstsq(with_ones(X), y), "expected: 2 results"),
        ("01.5", "abce", "hint:     look at the figure with the three learning rates"),
        ("01.5", "acde", "which has less noise"),
        ("01.5", "ac", "2 right, 0 wrong, 1 missing"),
        ("01.6", broadcast(), "is there a difference of shapes (n, 1) and (n,), a table of all pairs?"),
        ("01.6", broadcast(lr=0.5, num_epochs=10), "is there a difference of shapes (n, 1) and (n,)"),
        ("01.6", scratch(lr=0.8), "use a smaller learning rate, or larger minibatches"),
        ("01.6", scratch(lr=1.3), "use a smaller learning rate, or larger minibatches"),
        ("01.6", rebinding, "w[:] = w - ..., as w = w - ... makes an array without a gradient"),
        ("01.6", lambda X, y: scratch()(X, y)[::-1], "end with return w, b, in this order"),
        ("01.6", lambda X, y: nd.dot(X, w), "this name is not known where it is used"),  # noqa: F821
        ("01.6", scratch(num_epochs=0), "nothing was learnt"),
        ("01.6", scratch(lr=0.0005), "nothing was learnt|train longer"),
        ("01.6", scratch(lr=0.005), "train longer, or with a larger learning rate"),
        ("01.6", scratch(sign=1), "the loss has grown: is the step against the gradient"),
        ("01.6", scratch(divide=False, lr=0.5), "divided by the batch size"),
        ("01.6", scratch(frozen=("b",)), "the weights are right, but the bias has not been trained"),
        ("01.6", scratch(frozen=("b",), bias=-1.2), "the weights are right, but the bias has not been trained"),
        ("01.6", lambda X, y: scratch()(X, y)[0], "expected: two results, w and b"),
        ("01.6", lambda X, y: (), "expected: two results, w and b"),
        ("01.6", lambda X, y: (nd.zeros((1, 3, 1)), nd.zeros((1,))), "expected: two results, w and b"),
        ("01.6", lambda X, y: (nd.zeros((2,)), nd.zeros((1,))), "expected: 3 weights and one bias"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert any(part in verdict.text for part in message.split("|")), verdict.text
    in_chinese(verdict)


def test_right_answers():
    for answer in (
        scratch(),
        scratch(lr=0.3),
        by_hand,
        with_momentum,
        scratch(lr=0.03, num_epochs=10),
    ):
        verdict = judge(find("01.6"), answer)
        assert verdict.right, verdict.text
    assert judge(find("01.2"), lambda y_hat, y: loss(y_hat, y).mean().asscalar()).right
    assert judge(find("01.4"), lambda X, y: (lstsq(with_ones(X), y)[:-1], lstsq(with_ones(X), y)[-1:])).right
