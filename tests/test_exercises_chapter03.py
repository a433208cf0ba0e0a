"""Usual mistakes in the exercises of chapter 03, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, nd


def normalise(X_exp, axis=1):
    return X_exp / X_exp.sum(axis=axis, keepdims=True)


def shifted(X):
    return (X - X.max(axis=1, keepdims=True)).exp()


def pick_log(y_hat, y, mode="clip"):
    return -nd.pick(y_hat, y, mode=mode).log()


def one_hot(y_hat, y):
    return nd.one_hot(y, y_hat.shape[1])


def binary(y_hat, y):
    label = one_hot(y_hat, y)
    return -(label * y_hat.log() + (1 - label) * (1 - y_hat).log())


def expectation(values, P):
    """The mean of the values of each row by P, in which 0 times anything is 0."""
    return nd.where(P > 0, P * values, nd.zeros(P.shape)).sum(axis=1)


def numpy_kl(P, Q):
    P, Q = P.asnumpy(), Q.asnumpy()
    ratio = np.divide(P, Q, out=np.ones_like(P), where=P > 0)
    return P * np.log(ratio)


def scratch(lr=0.5, num_epochs=10, sign=-1, frozen=(), power=1, loss=dh.cross_entropy):
    """A recipe with the mistake that the arguments describe; `power` says how often a step is divided by the size."""

    def train(train_iter):
        W, b = nd.random.normal(scale=0.01, shape=(64, 10)), nd.zeros((10,))
        for param in (W, b):
            param.attach_grad()
        for _ in range(num_epochs):
            for X, y in train_iter:
                with autograd.record():
                    total = loss(dh.softmax(nd.dot(X.reshape((-1, 64)), W) + b), y).sum()
                total.backward()
                for name, param in (("W", W), ("b", b)):
                    if name not in frozen:
                        param[:] = param + sign * lr * param.grad / len(y) ** power
        return W, b

    return train


def by_hand(train_iter):
    """The recipe in NumPy, with the gradient by hand, small minibatches and weights that start at 0."""
    images, labels = (array.asnumpy() for array in train_iter.arrays)
    X, one_hots = images.reshape((len(images), -1)), np.eye(10)[labels]
    W, b = np.zeros((64, 10)), np.zeros(10)
    rng = np.random.default_rng(3)
    for _ in range(2000):
        rows = rng.integers(len(X), size=20)
        scores = X[rows] @ W + b
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (p / p.sum(axis=1, keepdims=True) - one_hots[rows]) / len(rows)
        W -= 0.1 * X[rows].T @ error
        b -= 0.1 * error.sum(axis=0)
    return W, b


def in_numpy(divide=len, lr=0.5):
    """A recipe in NumPy that goes through the minibatches."""

    def train(train_iter):
        W, b = np.zeros((64, 10)), np.zeros(10)
        for _ in range(10):
            for X, y in train_iter:
                X, y = X.reshape((-1, 64)).asnumpy(), y.asnumpy()
                exp = np.exp(X @ W + b)
                error = (exp / exp.sum(axis=1, keepdims=True) - np.eye(10)[y]) / divide(X)
                W = W - lr * X.T @ error
                b = b - lr * error.sum(axis=0)
        return W, b

    return train


def table(scores):
    exp = (scores - scores.max()).exp()
    return exp / exp.sum()


def columns(scores):
    return normalise((scores - scores.max(axis=0, keepdims=True)).exp(), axis=0)


def squares(y_hat, y):
    return ((y_hat - nd.one_hot(y, 10)) ** 2).sum(axis=1)


def recipe(softmax=dh.softmax, loss=dh.cross_entropy, lr=0.5, divide=len, optimizer="sgd", zeros=False, num_epochs=10):
    """A recipe in which softmax, loss, divisor and optimizer can be chosen."""

    def train(train_iter):
        params = [nd.zeros((64, 10)) if zeros else nd.random.normal(scale=0.01, shape=(64, 10)), nd.zeros((10,))]
        states = [nd.zeros(param.shape) for param in params]
        for param in params:
            param.attach_grad()
        for _ in range(num_epochs):
            for X, y in train_iter:
                with autograd.record():
                    total = loss(softmax(nd.dot(X.reshape((-1, 64)), params[0]) + params[1]), y).sum()
                total.backward()
                for param, state in zip(params, states, strict=True):
                    grad = param.grad / divide(y)
                    if optimizer == "momentum":
                        state[:] = 0.9 * state + grad
                        grad = state
                    elif optimizer == "adam":
                        state[:] = 0.99 * state + 0.01 * grad * grad
                        grad = grad / (state.sqrt() + 1e-6)
                    param[:] = param - lr * grad
        return params

    return train


def by_batch_size(train_iter):
    return recipe(divide=lambda y: train_iter.batch_size)(train_iter)


def centred(train_iter):
    """The mean image is taken off the features, and at the end worked into biases that are far from zero."""
    images, labels = train_iter.arrays
    mean = images.mean(axis=0, keepdims=True)
    W, b = recipe()(dh.load_array((images - mean, labels), 64))
    return W, b - nd.dot(mean.reshape((1, -1)), W).reshape((-1,))


def rebound(train_iter):
    """The step makes a new array of the name W; the model goes on with the old one."""
    start, b = nd.random.normal(scale=0.01, shape=(64, 10)), nd.zeros((10,))
    start.attach_grad()
    for X, y in train_iter:
        with autograd.record():
            total = dh.cross_entropy(dh.softmax(nd.dot(X.reshape((-1, 64)), start) + b), y).sum()
        total.backward()
        W = start - 0.01 * start.grad / len(y)
    return W, b


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("03.1", 0.01, "that is the probability of the right class"),
        ("03.1", 0.99, "that is what the probability lacks to 1"),
        ("03.1", 2, "that is the decimal logarithm"),
        ("03.1", 6.64, "that is the logarithm to base 2"),
        ("03.1", -4.605, "mind the minus sign"),
        ("03.1", 2.303, "that would be ten classes"),
        ("03.1", 460.5, "the label is 0 in all but one of them"),
        ("03.1", 0, "expected: a larger number"),
        ("03.2", lambda X: normalise(X.exp()), "came out: [[nan nan nan] [nan nan nan]]"),
        ("03.2", lambda X: normalise(X.exp()), "0 / 0 are nan: what may be subtracted first?"),
        ("03.2", lambda X: normalise(X.exp(), axis=0), "your columns sum to one"),
        ("03.2", lambda X: normalise((X - X.max(axis=0, keepdims=True)).exp(), axis=0), "your columns sum to one"),
        ("03.2", lambda X: (X - X.max()).exp() / (X - X.max()).exp().sum(), "the whole table sums to one"),
        ("03.2", lambda X: shifted(X) / shifted(X).sum(), "you divide by the sum of the whole table"),
        ("03.2", lambda X: normalise(shifted(X), axis=0), "you divide by the sums of the columns"),
        ("03.2", nd.softmax, "the right result, by a softmax that was there already"),
        ("03.2", dh.softmax, "the right result, by a softmax that was there already"),
        ("03.2", lambda X: nd.softmax(X, axis=1), "the right result, by a softmax that was there already"),
        ("03.2", lambda X: nd.log_softmax(X).exp(), "the right result, by a softmax that was there already"),
        ("03.2", lambda X: dh.softmax(X), "the right result, by a softmax that was there already"),
        ("03.2", lambda X: X.softmax(), "the right result, by a softmax that was there already"),
        ("03.2", shifted, "the rows do not sum to one yet"),
        ("03.2", lambda X: X.exp(), "the rows do not sum to one yet"),
        ("03.2", lambda X: normalise((X - X.max()).exp()), "the largest score of the whole table"),
        ("03.2", lambda X: normalise((X - X.max(axis=0, keepdims=True)).exp()), "the largest score of each column"),
        ("03.2", lambda X: normalise((X - X.mean(axis=1, keepdims=True)).exp()), "exp still overflows"),
        ("03.2", lambda X: normalise(X.clip(-80, 80).exp()), "1000 and 1001 become equal"),
        ("03.2", lambda X: nd.log_softmax(X, axis=1), "that is the logarithm of the probabilities"),
        ("03.2", lambda X: normalise(shifted(X)).log(), "that is the logarithm of the probabilities"),
        ("03.2", lambda X: shifted(X) / shifted(X).sum(axis=1), "no error"),
        ("03.2", lambda X: dh.softmax(X) if X.shape[0] < 4 else nd.ones(X.shape) / X.shape[1], "at this place"),
        ("03.3", lambda y_hat, y: pick_log(y_hat, y).sum(), "that is the sum; the mean does not grow with n"),
        ("03.3", pick_log, "that is one loss per example; take their mean"),
        ("03.3", lambda y_hat, y: -pick_log(y_hat, y).mean(), "the minus sign is missing"),
        ("03.3", lambda y_hat, y: -nd.pick(y_hat, y).log10().mean(), "that is the decimal logarithm"),
        ("03.3", lambda y_hat, y: -nd.pick(y_hat, y).log2().mean(), "that is the logarithm to base 2"),
        (
            "03.3",
            lambda y_hat, y: -(one_hot(y_hat, y) * y_hat.log()).sum(axis=1).mean(),
            "0 times ln 0 is nan: pick first",
        ),
        ("03.3", lambda y_hat, y: -(one_hot(y_hat, y) * y_hat.log()).mean(), "divides by q, too"),
        ("03.3", lambda y_hat, y: binary(y_hat, y).sum(axis=1).mean(), "that is the binary form"),
        ("03.3", lambda y_hat, y: binary(y_hat, y).mean(), "that is the binary form"),
        (
            "03.3",
            lambda y_hat, y: -y_hat[y, nd.arange(len(y), dtype="int32")].log().mean(),
            "rows and columns are turned round",
        ),
        (
            "03.3",
            lambda y_hat, y: pick_log(nd.take(y_hat, y, mode="wrap"), nd.arange(len(y)), mode="wrap").mean(),
            "rows and columns are turned round",
        ),
        ("03.3", lambda y_hat, y: pick_log(y_hat, y - 1).mean(), "the classes are numbered from 0"),
        ("03.3", lambda y_hat, y: -y_hat.max(axis=1).log().mean(), "take the one of the label, wherever it is"),
        ("03.3", lambda y_hat, y: -nd.pick(y_hat, y).mean().log(), "the mean comes last"),
        ("03.3", lambda y_hat, y: 1 - nd.pick(y_hat, y).mean(), "where is the logarithm?"),
        ("03.3", lambda y_hat, y: -nd.pick(y_hat, y).mean(), "where is the logarithm?"),
        ("03.3", lambda y_hat, y: pick_log(dh.softmax(y_hat), y).mean(), "no softmax here"),
        ("03.3", lambda y_hat, y: pick_log(y_hat, y).sum() / y_hat.size, "divides by q, too"),
        ("03.3", lambda y_hat, y: pick_log(y_hat, y - 1, mode="wrap").mean(), "the classes are numbered from 0"),
        ("03.3", lambda y_hat, y: -y_hat.T[y].log().mean(), "takes the columns of all labels from every row"),
        ("03.3", lambda y_hat, y: 0.780324, "expected: 0.346574"),
        ("03.4", lambda P, Q: (P * (P / Q).log()).sum(axis=1), "0 times ln 0 is nan"),
        ("03.4", lambda P, Q: numpy_kl(Q, P).sum(axis=1), "that is the other direction"),
        ("03.4", lambda P, Q: -numpy_kl(P, Q).sum(axis=1), "the sign is turned round"),
        ("03.4", lambda P, Q: -(P * Q.log()).sum(axis=1), "that is the cross-entropy"),
        ("03.4", lambda P, Q: -(P * P.log()).sum(axis=1), "that is the entropy of P"),
        ("03.4", lambda P, Q: numpy_kl(P, Q).sum(), "that is the sum of all rows"),
        ("03.4", lambda P, Q: numpy_kl(P, Q).sum(axis=1).mean(), "that is the mean of all rows"),
        ("03.4", lambda P, Q: numpy_kl(P, Q).mean(axis=1), "a row's mean is q times too small"),
        ("03.4", lambda P, Q: numpy_kl(P, Q).sum(axis=1) / np.log(2), "that is in bits"),
        ("03.4", lambda P, Q: numpy_kl(P, Q).sum(axis=0), "you have added up the columns"),
        ("03.4", lambda P, Q: (P / Q).log().sum(axis=1), "weigh each logarithm with the true probability"),
        ("03.4", lambda P, Q: -expectation(Q.log(), P), "that is the cross-entropy"),
        ("03.4", lambda P, Q: -expectation(P.log(), P), "that is the entropy of P"),
        (
            "03.4",
            lambda P, Q: nd.where(P > 0, (P / Q).log(), nd.zeros(P.shape)).sum(axis=1),
            "weigh each logarithm with the true probability",
        ),
        ("03.4", numpy_kl, "expected: an array of shape (2,)"),
        ("03.5", "abce", "hint:     one prediction that is sure and wrong"),
        ("03.5", "bcde", "hint:     the model becomes surer"),
        ("03.5", "ce", "hint:     what does softmax do with a factor"),
        ("03.5", "be", "hint:     which score of each row is the largest"),
        ("03.5", "bc", "hint:     the logarithm of the likelihood"),
        ("03.6", recipe(columns), "softmax went along the columns; an example is a row: axis=1"),
        ("03.6", recipe(columns, optimizer="adam", lr=0.02), "softmax went along the columns"),
        ("03.6", recipe(table), "softmax made the whole table sum to one"),
        ("03.6", recipe(loss=squares, lr=2), "that is the squared loss of the probabilities"),
        ("03.6", recipe(loss=squares, lr=2, zeros=True), "that is the squared loss of the probabilities"),
        (
            "03.6",
            recipe(lambda scores: scores, squares, lr=0.05, num_epochs=20),
            "that is the squared loss of the scores",
        ),
        ("03.6", recipe(divide=lambda y: 1, lr=0.01), "divide by the number of examples in the minibatch, len(y)"),
        ("03.6", in_numpy(divide=lambda X: 1, lr=0.01), "divide by the number of examples in the minibatch, len(y)"),
        (
            "03.6",
            recipe(divide=lambda y: 1, lr=0.03, num_epochs=4),
            "steps half as long for minibatches of 32 as for 64",
        ),
        ("03.6", lambda train_iter: print(recipe(num_epochs=1)(train_iter)), "print only shows a value"),
        ("03.6", scratch(num_epochs=0), "nothing was learnt"),
        ("03.6", rebound, "nothing was learnt"),
        ("03.6", scratch(frozen=("W",), num_epochs=2), "nothing was learnt"),
        ("03.6", scratch(lr=0.1, num_epochs=3), "train longer, or with a larger learning rate"),
        ("03.6", scratch(lr=0.1, num_epochs=3), "came out: an accuracy of 0.8"),
        ("03.6", scratch(power=2), "divide by the batch size once, not twice"),
        ("03.6", scratch(sign=1, num_epochs=2), "a blind guess does better: is the step against the gradient"),
        ("03.6", scratch(power=0, lr=3, num_epochs=2), "divided by the batch size, and"),
        ("03.6", scratch(power=0, num_epochs=3, loss=pick_log), "weights that are nan or infinite"),
        ("03.6", scratch(frozen=("b",)), "expected: a bias that was trained, too"),
        ("03.6", lambda train_iter: scratch(num_epochs=1)(train_iter)[0], "expected: two results, W and b"),
        ("03.6", lambda train_iter: (nd.zeros((10, 64)), nd.zeros((10,))), "expected: W (64, 10) and b (10,)"),
        ("03.6", lambda train_iter: (nd.zeros((64, 10)), nd.zeros((1,))), "expected: W (64, 10) and b (10,)"),
        ("03.6", lambda train_iter: lambda X: X, "a function was returned, not an array"),
        ("03.6", lambda train_iter: scratch()(dh.load_digits(64)[0]), "do you train on what train_iter yields?"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert message in verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("03.1", 4.6),
        ("03.2", lambda X: normalise(shifted(X))),
        ("03.2", lambda X: nd.stack(*[(row - row.max()).exp() / (row - row.max()).exp().sum() for row in X])),
        ("03.3", lambda y_hat, y: dh.cross_entropy(y_hat, y).mean().asscalar()),
        ("03.3", lambda y_hat, y: -(one_hot(y_hat, y) * (y_hat + 1e-8).log()).sum() / len(y)),
        ("03.3", lambda y_hat, y: -np.log(y_hat.asnumpy()[np.arange(len(y)), y.asnumpy()]).mean()),
        ("03.4", lambda P, Q: (P * ((P + 1e-10) / (Q + 1e-10)).log()).sum(axis=1)),
        ("03.4", lambda P, Q: nd.where(P > 0, P * (P / Q).log(), nd.zeros(P.shape)).sum(axis=1)),
        ("03.5", "bce"),
        ("03.6", scratch()),
        ("03.6", scratch(lr=2, num_epochs=5)),
        ("03.6", by_hand),
        ("03.6", in_numpy()),
        ("03.6", recipe(zeros=True)),
        ("03.6", recipe(optimizer="adam", lr=0.02)),
        ("03.6", recipe(optimizer="momentum", lr=0.1)),
        ("03.6", by_batch_size),
        ("03.6", centred),
        ("03.6", lambda train_iter: recipe(num_epochs=5)(dh.load_array(train_iter.arrays, 16))),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text
