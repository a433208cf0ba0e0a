"""Usual mistakes in the exercises of chapter 04, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn


def whole_table(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - shifted.exp().sum().log()


def log_softmax(scores, axis=1, largest=lambda scores: scores.max(axis=1, keepdims=True)):
    shifted = scores - largest(scores)
    return shifted - shifted.exp().sum(axis=axis, keepdims=True).log()


def without_log(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - shifted.exp().sum(axis=1, keepdims=True)


def by_column(scores):
    return nd.log_softmax(scores, axis=0)


def one_hot(scores, y):
    return nd.one_hot(y, scores.shape[1])


def error(scores, y):
    return nd.softmax(scores) - nd.one_hot(y, scores.shape[1])


def in_the_probabilities(scores, y):
    """The gradient in the probabilities, in float64, in which none of them is rounded to 0."""
    p = nd.softmax(scores.astype("float64"))
    return -nd.one_hot(y, p.shape[1], dtype="float64") / (p * len(y))


def recorded(loss):
    """The gradient that autograd gives for this loss."""

    def gradient(scores, y):
        scores.attach_grad()
        with autograd.record():
            value = loss(scores, y)
        value.backward()
        return scores.grad

    return gradient


def split(shuffle=True, overlap=False, twice=False, paired=True, swap=False, order_of_results=(0, 1, 2, 3)):
    """A split with the mistake that the arguments describe."""

    def answer(images, labels, num_validation):
        n = len(labels)
        order = np.random.permutation(n) if shuffle else np.arange(n)
        if twice:
            order = np.random.randint(n, size=n)
        own = order if paired else np.random.permutation(n)
        if swap:
            num_validation = n - num_validation
        cut = n - num_validation
        rest = np.random.permutation(n)[:num_validation] if overlap else order[cut:]
        parts = images[order[:cut]], labels[own[:cut]], images[rest], labels[rest if overlap else own[cut:]]
        return tuple(parts[i] for i in order_of_results)

    return answer


def fixed_order(images, labels, rng, k):
    order = rng.permutation(len(labels))
    return images[order[k:]], labels[order[k:]], images[order[:k]], labels[order[:k]]


def every_nth(images, labels, step):
    order = np.arange(len(labels))
    last = order % step == step - 1
    return images[order[~last]], labels[order[~last]], images[order[last]], labels[order[last]]


def as_lists(images, labels, k):
    order = np.random.permutation(len(labels))
    picked = [(images[int(i)], labels[int(i)]) for i in order]
    return [[pair[j] for pair in part] for part in (picked[:-k], picked[-k:]) for j in (0, 1)]


def masked(images, labels, k):
    """NumPy, and the order of the examples is kept within each part."""
    images, labels = images.asnumpy(), labels.asnumpy()
    is_kept = np.ones(len(labels), dtype=bool)
    is_kept[np.random.choice(len(labels), size=k, replace=False)] = False
    return images[is_kept], labels[is_kept], images[~is_kept], labels[~is_kept]


def by_nd(images, labels, k):
    order = nd.random.shuffle(nd.arange(len(labels)))
    return [a.take(part) for part in (order[k:], order[:k]) for a in (images, labels)]


class OwnNet(nn.Block):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(10)

    def forward(self, X):
        return self.dense(X.reshape((len(X), -1)))


def in_another_way(train_iter):
    """A block and a loss of one's own, Adam, and the mean of the losses."""
    net = OwnNet()
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    for _ in range(8):
        for X, y in train_iter:
            with autograd.record():
                mean = -nd.pick(nd.log_softmax(net(X)), y).mean()
            mean.backward()
            trainer.step(1)
    return net


def gluon_recipe(lr=0.3, num_epochs=8, last=None, outputs=10, loss=None, steps=True, size=len, reduce=lambda x: x):
    """A recipe with the mistake that the arguments describe."""

    def train(train_iter):
        net = nn.HybridSequential()
        net.add(nn.Dense(outputs))
        if last:
            net.add(nn.HybridLambda(last))
        net.initialize(init.Normal(sigma=0.01))
        softmax_loss = loss or gloss.SoftmaxCrossEntropyLoss()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
        for _ in range(num_epochs):
            for X, y in train_iter:
                with autograd.record():
                    losses = reduce(softmax_loss(net(X), y))
                losses.backward()
                if steps:
                    trainer.step(size(y))
        return net

    return train


def by_autograd_backward(size):
    """The recipe with the function of autograd that takes a list of losses."""

    def train(train_iter):
        net = nn.Dense(10)
        net.initialize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3 / size(range(64))})
        for _ in range(8):
            for X, y in train_iter:
                with autograd.record():
                    losses = gloss.SoftmaxCrossEntropyLoss()(net(X), y)
                autograd.backward([losses])
                trainer.step(64 / size(range(64)))
        return net

    return train


def predicting_classes(train_iter):
    net = gluon_recipe(num_epochs=1)(train_iter)
    return lambda images: net(images).argmax(axis=1)


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("04.1", 7840, "each output has a bias, too"),
        ("04.1", 784, "the weights of a single output"),
        ("04.1", 785, "one output with its bias"),
        ("04.1", 794, "each of the ten outputs has weights of its own"),
        ("04.1", 290, "with flatten=False"),
        ("04.1", 650, "the model of this chapter"),
        ("04.1", 501770, "go through the same weights"),
        ("04.1", 502400, "go through the same weights and biases"),
        ("04.1", 7851, "expected: a smaller number"),
        ("04.2", lambda scores: nd.softmax(scores).log(), "was rounded to 0 before the logarithm came"),
        (
            "04.2",
            lambda scores: nd.maximum(nd.softmax(scores), np.finfo("float32").tiny).log(),
            "a floor under the probability",
        ),
        ("04.2", lambda scores: log_softmax(scores, largest=lambda _: 0), "subtract the largest score first"),
        ("04.2", lambda scores: log_softmax(scores, largest=nd.max), "each row needs its own largest score"),
        ("04.2", whole_table, "sum() without an axis adds up the whole table"),
        ("04.2", lambda scores: (nd.softmax(scores) + 1e-12).log(), "a small number that is added"),
        ("04.2", lambda scores: (nd.softmax(scores) + 1e-8).log(), "a small number that is added"),
        ("04.2", lambda scores: log_softmax(scores, axis=0), "you add up the columns"),
        ("04.2", without_log, "hint:     take the logarithm of the sum"),
        ("04.2", nd.log_softmax, "the right result, by a softmax that was there already"),
        ("04.2", by_column, "sum over each row, not over each column"),
        ("04.2", nd.softmax, "those are the probabilities"),
        ("04.2", lambda scores: -nd.log_softmax(scores), "the minus belongs to the loss"),
        ("04.2", lambda scores: scores - scores.max(axis=1, keepdims=True), "the logarithm of the sum is missing"),
        (
            "04.2",
            lambda scores: scores - (scores - scores.max(axis=1, keepdims=True)).exp().sum(axis=1, keepdims=True).log(),
            "subtract the largest score in both places",
        ),
        ("04.2", lambda scores: log_softmax(scores).sum(axis=1), "expected: an array of shape (1, 3)"),
        ("04.2", lambda scores: nd.zeros(scores.shape), "came out: [[0. 0. 0.]]"),
        ("04.3", error, "that is the gradient of the sum"),
        ("04.3", lambda scores, y: error(scores, y) / scores.shape[1], "not by the number of classes"),
        ("04.3", lambda scores, y: error(scores, y) / scores.size, "a row of scores has one loss"),
        ("04.3", lambda scores, y: -error(scores, y) / len(y), "the sign is turned round: it is"),
        ("04.3", lambda scores, y: -error(scores, y), "the sign is turned round, it is"),
        ("04.3", lambda scores, y: nd.softmax(scores) - nd.one_hot(y, scores.shape[1]) / len(y), "not the label only"),
        ("04.3", lambda scores, y: nd.softmax(scores) / len(y) - nd.one_hot(y, scores.shape[1]), "not the prediction"),
        ("04.3", lambda scores, y: nd.softmax(scores) / len(y), "the label is missing: in the class"),
        ("04.3", lambda scores, y: nd.softmax(scores), "the label is missing, and the division"),
        (
            "04.3",
            lambda scores, y: (nd.softmax(scores) - y.astype("float32").reshape((-1, 1))) / len(y),
            "make it one-hot first",
        ),
        (
            "04.3",
            lambda scores, y: (scores - nd.one_hot(y, scores.shape[1])) / len(y),
            "the prediction is their softmax",
        ),
        (
            "04.3",
            lambda scores, y: (nd.softmax(scores, axis=0) - nd.one_hot(y, scores.shape[1])) / len(y),
            "softmax goes along axis 1",
        ),
        (
            "04.3",
            lambda scores, y: -nd.one_hot(y, scores.shape[1]) / nd.softmax(scores) / len(y),
            "that is the gradient in the probabilities",
        ),
        ("04.3", in_the_probabilities, "that is the gradient in the probabilities"),
        (
            "04.3",
            lambda scores, y: (scores.exp() / scores.exp().sum(axis=1, keepdims=True) - one_hot(scores, y)) / len(y),
            "exp(200) is too large for float32",
        ),
        (
            "04.3",
            lambda scores, y: (nd.softmax(scores.reshape((1, -1))).reshape(scores.shape) - one_hot(scores, y)) / len(y),
            "the whole table sums to one",
        ),
        ("04.3", recorded(lambda scores, y: -nd.pick(nd.softmax(scores), y).log().mean()), "nan"),
        (
            "04.3",
            recorded(lambda scores, y: gloss.SoftmaxCrossEntropyLoss()(scores, y).mean()),
            "the right result, by autograd",
        ),
        ("04.3", lambda scores, y: nd.zeros(scores.shape), "came out: [[0. 0. 0.] [0. 0. 0.]]"),
        ("04.4", split(shuffle=False), "shuffle the indices before you cut"),
        ("04.4", split(overlap=True), "images in both parts"),
        ("04.4", split(twice=True), "draw one order of all examples|draw an order, in which each index occurs once"),
        (
            "04.4",
            lambda images, labels, k: (images[:-k], labels[:-k], images[[-1] * k], labels[[-1] * k]),
            "draw an order, in which each index occurs once",
        ),
        ("04.4", lambda images, labels, k: every_nth(images, labels, len(labels) // k), "evenly spaced"),
        ("04.4", split(paired=False), "images and labels must be picked by the same order"),
        ("04.4", split(swap=True), "the training part comes first"),
        ("04.4", split(order_of_results=(2, 3, 0, 1)), "the training part comes first"),
        ("04.4", split(order_of_results=(0, 2, 1, 3)), "in this order: training images, training labels"),
        ("04.4", split(order_of_results=(0, 1)), "came out: 2 results\n  expected: 4 arrays"),
        (
            "04.4",
            lambda images, labels, k: (images[k:], labels[k:], images[:k], k),
            "a single number\n  expected: 4 arrays",
        ),
        ("04.4", lambda images, labels, k: (images, labels, images[:k], labels[:k]), "take it out of the training"),
        ("04.4", lambda images, labels, k: (images, labels[k:], images[:k], labels[:k]), "take it out of the training"),
        (
            "04.4",
            lambda images, labels, k: split()(images.reshape((len(labels), -1)), labels, k),
            "leave the axes of an image",
        ),
        (
            "04.4",
            lambda images, labels, k: split()(images.reshape((len(labels), -1)), labels, k),
            "came out: images of (4,) and (4,)\n  expected: images of (1, 2, 2)",
        ),
        ("04.4", lambda images, labels, k: split()(images / 2, labels, k), "pick images, do not change them"),
        ("04.5", "abce", "what was the loss of a perfect prediction"),
        ("04.5", "bcde", "whatever a choice is made on"),
        ("04.5", "be", "2 right, 0 wrong, 1 missing"),
        ("04.6", gluon_recipe(last=lambda F, x: F.sigmoid(x)), "with sigmoid no score can be large"),
        ("04.6", gluon_recipe(last=lambda F, x: F.tanh(x)), "with tanh no score can be large"),
        ("04.6", gluon_recipe(last=lambda F, x: F.relu(x)), "ReLU makes all negative scores equal"),
        ("04.6", gluon_recipe(size=lambda y: 1, lr=0.005), "step(1) does not divide it: step(len(y))"),
        ("04.6", gluon_recipe(size=lambda y: 10, lr=0.05), "is there a fixed number in step"),
        ("04.6", gluon_recipe(reduce=lambda x: x.mean(), lr=2, num_epochs=2), "the gradient is divided twice"),
        ("04.6", by_autograd_backward(len), "step(1) does not divide it: step(len(y))"),
        ("04.6", gluon_recipe(num_epochs=0), "hardly anything was learnt"),
        ("04.6", gluon_recipe(num_epochs=1, steps=False), "hardly anything was learnt"),
        ("04.6", gluon_recipe(lr=0.01, num_epochs=3), "train longer, or with a larger learning rate"),
        ("04.6", gluon_recipe(last=lambda F, x: F.softmax(x)), "is a softmax in the network?"),
        ("04.6", gluon_recipe(num_epochs=0, last=lambda F, x: F.log_softmax(x)), "these are log-probabilities"),
        ("04.6", gluon_recipe(num_epochs=1, outputs=11), "expected: scores of shape (360, 10)"),
        ("04.6", gluon_recipe(lr=1e38, num_epochs=1), "is the learning rate too large?"),
        ("04.6", predicting_classes, "no argmax in the network"),
        ("04.6", lambda train_iter: gluon_recipe(num_epochs=0)(train_iter).collect_params(), "end with return net"),
        ("04.6", lambda train_iter: nn.Dense(10), "has not been initialized"),
        ("04.6", 0.95, "0.95, of the type float\n  expected: a function"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert any(part in verdict.text for part in message.split("|")), verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("04.1", 7850),
        ("04.2", log_softmax),
        ("04.3", lambda scores, y: error(scores, y) / len(y)),
        ("04.3", lambda scores, y: (dh.softmax(scores) - nd.one_hot(y, scores.shape[1])) / scores.shape[0]),
        ("04.4", split()),
        ("04.4", lambda images, labels, k: fixed_order(images, labels, np.random.default_rng(0), k)),
        ("04.5", "bce"),
        ("04.6", gluon_recipe()),
        ("04.6", gluon_recipe(lr=2, num_epochs=5)),
        ("04.6", lambda train_iter: gluon_recipe()(dh.load_array(train_iter.arrays, 16))),
        ("04.6", gluon_recipe(reduce=lambda x: x.mean(), size=lambda y: 1)),
        ("04.6", gluon_recipe(size=lambda y: 64)),
        ("04.6", gluon_recipe(last=lambda F, x: x, num_epochs=9)),
        ("04.6", in_another_way),
        ("04.6", by_autograd_backward(lambda y: 1)),
        ("04.4", as_lists),
        ("04.4", masked),
        ("04.4", by_nd),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text


def test_network_that_hands_over_nothing_is_no_answer_yet():
    assert judge(find("04.6"), lambda train_iter: None).text == "not answered yet"
    assert judge(find("04.4"), lambda images, labels, num_validation: None).text == "not answered yet"
