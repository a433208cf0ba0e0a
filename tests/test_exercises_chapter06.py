"""Usual mistakes in the exercises of chapter 06, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn

LOSS = gloss.SoftmaxCrossEntropyLoss()


def mlp(hidden=nd.relu, output=lambda x: x):
    return lambda X, W1, b1, W2, b2: output(nd.dot(hidden(nd.dot(X, W1) + b1), W2) + b2)


def drop(factor=lambda p: 1 / (1 - p) if p < 1 else 0, keep=False, shape=lambda H: H.shape):
    """Dropout with the mistake that the arguments describe."""

    def dropout(H, p):
        numbers = nd.random.uniform(shape=shape(H))
        mask = numbers < p if keep else numbers >= p
        return nd.broadcast_mul(H, mask) * factor(p)

    return dropout


def seeded(H, p):
    dh.seed(1)
    return drop()(H, p)


def only_when_training(H, p):
    return drop()(H, p) if autograd.is_training() else H


def divided_at_one(H, p):
    return (nd.random.uniform(shape=H.shape) >= p) * H / nd.array([1 - p])


def mask_only(H, p):
    return drop()(nd.ones(H.shape), p)


def one_for_all_examples(H):
    return (1, *H.shape[1:]) if H.ndim > 1 else H.shape


def one_for_all_neurons(H):
    return (H.shape[0], *(1 for _ in H.shape[1:]))


def in_predict_mode(reduce=lambda losses: losses.mean(), output=lambda scores: scores):
    def test_loss(net, X, y):
        with autograd.predict_mode():
            return reduce(LOSS(output(net(X)), y))

    return test_loss


def whatever_mode(net, X, y):
    return LOSS(net(X), y).mean()


def always_train_mode(net, X, y):
    with autograd.train_mode():
        return LOSS(net(X), y).mean()


def mode_not_put_back(net, X, y):
    autograd.set_training(False)
    return LOSS(net(X), y).mean()


def recording_not_put_back(net, X, y):
    autograd.set_recording(False)
    return in_predict_mode()(net, X, y)


def accuracy(net, X, y):
    with autograd.predict_mode():
        return dh.accuracy(net(X), y)


class OwnDropout(nn.Block):
    """Dropout that asks for the mode, or does not."""

    def __init__(self, p, asks):
        super().__init__()
        self.p, self.asks = p, asks

    def forward(self, x):
        return drop()(x, self.p) if autograd.is_training() or not self.asks else x


def recipe(*layers, lr=0.5, num_epochs=8, optimizer="sgd", step=len, sigma=0.1, train_mode=True, reduce=lambda x: x):
    """A recipe with the layers and the settings that the arguments describe."""

    def train(train_iter):
        net = nn.Sequential()
        net.add(*(make() for make in layers))
        net.initialize(init.Normal(sigma=sigma) if sigma else init.Zero())
        net(nd.ones((1, 1, 8, 8)))
        trainer = gluon.Trainer(net.collect_params(), optimizer, {"learning_rate": lr})
        for _ in range(num_epochs):
            for X, y in train_iter:
                with autograd.record(train_mode=train_mode):
                    losses = reduce(LOSS(net(X), y))
                losses.backward()
                trainer.step(step(y))
        return net

    return train


def dense(n, activation=None):
    return lambda: nn.Dense(n, activation=activation)


def dropping(p=0.5):
    return lambda: nn.Dropout(p)


HIDDEN = dense(64, "tanh")
GOOD = (HIDDEN, dropping(), dense(10))


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("06.1", 9472, "those are the weights; each neuron that computes has a bias"),
        ("06.1", 9600, "the outputs have biases, too"),
        ("06.1", 9482, "the hidden neurons have biases, too"),
        ("06.1", 8320, "that is the first layer"),
        ("06.1", 650, "that is softmax regression"),
        ("06.1", 7210, "their parameters are still there"),
        ("06.1", 7207.5, "their parameters are still there"),
        ("06.1", 9738, "it has nothing to learn"),
        ("06.1", 26122, "there is one hidden layer here"),
        ("06.1", 9611, "expected: a smaller number"),
        ("06.2", mlp(hidden=lambda x: x), "are a single linear one"),
        ("06.2", mlp(output=nd.relu), "the scores go without an activation"),
        ("06.2", mlp(hidden=lambda x: x, output=nd.relu), "not behind the second"),
        ("06.2", mlp(hidden=nd.sigmoid), "that is the sigmoid"),
        ("06.2", mlp(hidden=nd.tanh), "that is tanh"),
        ("06.2", mlp(hidden=lambda x: nd.minimum(x, 0)), "not the negative one"),
        ("06.2", mlp(hidden=nd.abs), "it does not change their sign"),
        ("06.2", mlp(output=nd.softmax), "softmax is part of the loss"),
        ("06.2", mlp(output=lambda scores: scores.argmax(axis=1)), "those are classes"),
        ("06.2", mlp(output=nd.log_softmax), "log-softmax is part of the loss"),
        ("06.2", mlp(output=nd.sigmoid), "no sigmoid behind the last layer"),
        ("06.2", lambda X, W1, b1, W2, b2: mlp()(X, W1, b1 * 0, W2, b2), "the hidden layer has a bias"),
        ("06.2", lambda X, W1, b1, W2, b2: mlp()(X, W1, b1, W2, b2 * 0), "the scores have a bias"),
        ("06.2", lambda X, W1, b1, W2, b2: mlp()(X, W1, b1 * 0, W2, b2 * 0), "both layers have a bias"),
        (
            "06.2",
            lambda X, W1, b1, W2, b2: nd.dot(nd.relu(nd.dot(X, W1)) + b1, W2) + b2,
            "the bias is added before the bend",
        ),
        ("06.2", lambda X, *params: mlp(hidden=lambda x: x)(nd.relu(X), *params), "not to the features"),
        ("06.2", lambda X, W1, b1, W2, b2: nd.relu(nd.dot(X, W1) + b1), "expected: an array of shape (4, 3)"),
        (
            "06.2",
            lambda X, W1, b1, W2, b2: nd.zeros((len(X), len(b2))),
            "came out: an array of shape (4, 3), with 0 at index",
        ),
        ("06.2", lambda X, W1, b1, W2, b2: nd.zeros((len(X), len(b2))), "at this place"),
        ("06.3", lambda H, p: H, "nothing was dropped"),
        ("06.3", only_when_training, "let it not ask for the mode"),
        ("06.3", lambda H, p: 0 * H, "everything was dropped"),
        ("06.3", drop(keep=True), "p is the probability to be dropped, not to be kept"),
        ("06.3", drop(keep=True, factor=lambda p: 1 / p), "p is the probability to be dropped, not to be kept"),
        ("06.3", drop(factor=lambda p: 1), "the mean has shrunk: rescale them"),
        ("06.3", drop(factor=lambda p: 1 / p), "divided by p"),
        ("06.3", drop(factor=lambda p: 1 - p), "multiplied by 1 - p"),
        ("06.3", drop(factor=lambda p: p), "multiplied by p"),
        ("06.3", drop(factor=lambda p: 2), "survivors 2 times as large as before"),
        ("06.3", mask_only, "that is the mask; multiply the activations by it"),
        ("06.3", lambda H, p: drop()(H * H, p), "not all multiplied by the same factor"),
        ("06.3", drop(shape=one_for_all_examples), "the same mask for all examples"),
        ("06.3", drop(shape=one_for_all_neurons), "whole examples dropped or kept"),
        ("06.3", seeded, "the same mask both times"),
        ("06.3", divided_at_one, "came out: values that are not finite\n  expected: only zeros"),
        ("06.3", drop(factor=lambda p: 1 / (1 - p)), "ZeroDivisionError"),
        ("06.3", lambda H, p: drop()(H, max(p, 0.3)), "with p = 0 nothing is dropped"),
        ("06.3", lambda H, p: drop()(H, p) if p < 1 else H, "with p = 1 everything is dropped"),
        ("06.3", lambda H, p: drop()(H, p).mean(), "expected: an array of shape (400, 250)"),
        ("06.3", lambda H, p: drop()(H, 0.3), "a share of zeros of 0.30\n  expected: about 0.8"),
        (
            "06.3",
            drop(factor=lambda p: round(1 / (1 - p), 2) if p < 1 else 0),
            "expected: 1.429 times, so that the mean",
        ),
        ("06.3", drop(factor=lambda p: round(1 / (1 - p), 2) if p < 1 else 0), "not by a rounded number"),
        ("06.4", lambda net, X, y: print(in_predict_mode()(net, X, y)), "print only shows a value"),
        ("06.4", in_predict_mode(lambda losses: losses.mean() / len(losses)), "divided by n once more"),
        ("06.4", in_predict_mode(lambda losses: (-losses.mean()).exp()), "that is a probability"),
        ("06.4", in_predict_mode(lambda losses: losses.mean() / np.log(2)), "that is in bits"),
        ("06.4", whatever_mode, "inside record(), with 12 examples"),
        ("06.4", always_train_mode, "neurons were missing"),
        ("06.4", mode_not_put_back, "predict mode was still on afterwards"),
        ("06.4", recording_not_put_back, "recording was still off afterwards"),
        ("06.4", in_predict_mode(lambda losses: losses.sum()), "that is the sum; take the mean"),
        ("06.4", in_predict_mode(lambda losses: -losses.mean()), "the sign is turned round"),
        ("06.4", in_predict_mode(lambda losses: losses), "expected: a single number"),
        ("06.4", in_predict_mode(output=nd.softmax), "softmax was taken twice"),
        ("06.4", accuracy, "that is the accuracy, not the loss"),
        ("06.4", lambda net, X, y: 1 - accuracy(net, X, y), "that is the share of errors"),
        ("06.4", lambda net, X, y: 1.5, "came out: 1.5"),
        ("06.5", "abd", "hint:     what did the line 'outside' print"),
        ("06.5", "acd", "the mode or the recording"),
        ("06.5", "ade", "look at both losses for the largest rate"),
        ("06.5", "a", "multiply out a third layer"),
        ("06.5", "d", "the mask of eight images"),
        ("06.6", recipe(*GOOD, train_mode=False), "record() has to be in train mode"),
        ("06.6", recipe(dropping(0.3), HIDDEN, dense(10)), "only pixels are dropped: put nn.Dropout behind the hidden"),
        ("06.6", recipe(dropping(0.2), HIDDEN, HIDDEN, dense(10)), "only pixels are dropped"),
        (
            "06.6",
            recipe(lambda: OwnDropout(0.3, asks=True), HIDDEN, dense(10)),
            "came out: one or two results for an image of a single pixel",
        ),
        ("06.6", recipe(HIDDEN, dropping(), dense(10, "relu")), "ReLU makes all negative scores equal"),
        ("06.6", recipe(*GOOD, sigma=0), "do all weights start at zero, or at the same number?"),
        ("06.6", recipe(*GOOD, step=lambda y: 1, lr=0.005), "step(1) does not divide it: step(len(y))"),
        ("06.6", recipe(*GOOD, reduce=lambda x: x.mean(), lr=5), "the gradient is divided twice"),
        ("06.6", recipe(*GOOD, num_epochs=0), "nothing was learnt"),
        ("06.6", recipe(*GOOD, lr=0.02, num_epochs=3), "train longer, or with a larger learning rate"),
        ("06.6", recipe(*GOOD, lr=1, num_epochs=2, step=lambda y: 1), "steps 64 times as long"),
        ("06.6", recipe(*GOOD, lr=200, num_epochs=2), "the loss has grown"),
        ("06.6", recipe(HIDDEN, dense(10), num_epochs=5), "where is nn.Dropout, and is its rate larger than 0?"),
        ("06.6", recipe(HIDDEN, dropping(0), dense(10), num_epochs=5), "where is nn.Dropout"),
        ("06.6", recipe(dropping(0.2), dense(10)), "is there a hidden layer, with an activation?"),
        ("06.6", recipe(dense(64), dropping(), dense(10)), "scores that are a linear function of the pixels"),
        ("06.6", recipe(HIDDEN, dense(10), dropping(0.2)), "none behind the last one"),
        (
            "06.6",
            recipe(HIDDEN, lambda: OwnDropout(0.5, asks=False), dense(10), num_epochs=1),
            "in predict mode nothing may be dropped",
        ),
        ("06.6", recipe(*GOOD, lambda: nn.Lambda("softmax"), num_epochs=1), "expected: scores"),
        ("06.6", recipe(HIDDEN, dropping(), dense(12), num_epochs=1), "expected: an array of shape (360, 10)"),
        ("06.6", recipe(*GOOD, sigma=float("inf"), num_epochs=0), "scores that are not finite"),
        ("06.6", lambda train_iter: 0.97, "expected: a network of Gluon"),
        ("06.6", 0.97, "expected: a function"),
        ("06.6", lambda train_iter: None, "not answered yet"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert message in verdict.text, verdict.text
    in_chinese(verdict)


def by_numpy(H, p):
    kept = np.random.binomial(1, 1 - p, size=H.shape)
    return nd.array(kept / (1 - p + (p == 1))) * H


def by_gluon(H, p):
    return nd.Dropout(H, p, mode="always") if p < 1 else nd.zeros_like(H)


def by_choice(H, p):
    H = H.asnumpy()
    keep = np.random.random(H.shape) >= p
    return np.where(keep, H / (1 - p) if p < 1 else 0, 0)


def by_pause(net, X, y):
    with autograd.pause(train_mode=False):
        return LOSS(net(X), y).sum() / len(y)


def by_hand(net, X, y):
    with autograd.predict_mode():
        scores = net(X).asnumpy().astype("float64")
    return [np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y.asnumpy()])]


def mode_by_hand(net, X, y):
    before = autograd.set_training(False)
    losses = LOSS(net(X), y)
    autograd.set_training(before)
    return losses.mean().asscalar()


def by_helper(net, X, y):
    return dh.evaluate_loss(net, dh.load_array((X, y), 7), LOSS)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("06.1", 9610),
        ("06.2", mlp(hidden=lambda x: x * (x > 0))),
        ("06.3", drop()),
        ("06.3", by_numpy),
        ("06.3", by_gluon),
        ("06.4", in_predict_mode()),
        ("06.4", mode_by_hand),
        ("06.4", by_helper),
        ("06.5", "ad"),
        ("06.6", recipe(*GOOD)),
        ("06.6", recipe(*GOOD, reduce=lambda x: x.mean(), step=lambda y: 1)),
        ("06.6", recipe(*GOOD, step=lambda y: 64, num_epochs=9)),
        ("06.6", recipe(dropping(0.2), HIDDEN, dropping(0.2), dense(10), num_epochs=12)),
        ("06.6", recipe(lambda: nn.Dense(64, activation="tanh", use_bias=False), dropping(0.3), dense(10))),
        ("06.3", lambda H, p: drop()(H, p).asnumpy().tolist()),
        ("06.3", by_choice),
        ("06.4", by_pause),
        ("06.4", by_hand),
        ("06.6", recipe(HIDDEN, dropping(0.2), HIDDEN, dropping(0.2), dense(10))),
        ("06.6", recipe(dense(64, "relu"), dropping(), dense(10), optimizer="adam", lr=0.01)),
        ("06.6", recipe(dense(32, "tanh"), lambda: OwnDropout(0.3, asks=True), dense(10))),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text


@pytest.mark.parametrize("n", [1, 2, 3])
def test_verdict_does_not_depend_on_the_random_numbers(n):
    dh.seed(n)
    assert judge(find("06.3"), drop()).right
    assert "the same mask for all examples" in judge(find("06.3"), drop(shape=one_for_all_examples)).text
    assert "whole examples dropped or kept" in judge(find("06.3"), drop(shape=one_for_all_neurons)).text
