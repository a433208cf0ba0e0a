"""Usual mistakes in the exercises of chapter 07, and what the check says to them."""

from itertools import combinations

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, nd


def forward(X, W1, W2):
    H = nd.tanh(nd.dot(X, W1.T))
    return H, nd.dot(H, W2.T)


def sigmoid_forward(X, W1, W2):
    H = nd.sigmoid(nd.dot(X, W1.T))
    return H, nd.dot(H, W2.T)


def relu_forward(X, W1, W2):
    H = nd.relu(nd.dot(X, W1.T))
    return H, nd.dot(H, W2.T)


def backward(divide=len, factor=1, decay=(1, 1), decay_divided=False, slope=lambda Z, H: 1 - H * H):
    """A backward pass with the mistake that the arguments describe."""

    def gradients(X, Y, W1, W2, lambd):
        Z = nd.dot(X, W1.T)
        H, O = forward(X, W1, W2)  # noqa: E741
        grad_O = factor * (O - Y) / divide(Y)
        grad_Z = nd.dot(grad_O, W2) * slope(Z, H)
        size = lambd / len(X) if decay_divided else lambd
        return nd.dot(grad_Z.T, X) + decay[0] * size * W1, nd.dot(grad_O.T, H) + decay[1] * size * W2

    return gradients


def by_autograd(X, Y, W1, W2, lambd):
    for W in (W1, W2):
        W.attach_grad()
    with autograd.record():
        J = ((forward(X, W1, W2)[1] - Y) ** 2).sum() / (2 * len(X)) + lambd / 2 * ((W1**2).sum() + (W2**2).sum())
    J.backward()
    return [W1.grad, W2.grad]


def difference(step=1e-5, down=1, divide=2.0, sign=1, restore=True, dtype="float64"):
    """Finite differences with the mistake that the arguments describe."""

    def gradient(f, x):
        x = x.asnumpy().astype(dtype)
        grad = np.zeros(x.shape)
        up, low = x.copy(), x.copy()
        for i in range(x.size):
            if restore:
                up, low = x.copy(), x.copy()
            up.flat[i] += step
            low.flat[i] -= down * step
            grad.flat[i] = sign * (f(up) - f(low)) / (divide * step)
        return grad

    return gradient


def difference_in_place(f, x):
    grad = nd.zeros(x.shape, dtype="float64")
    for i in np.ndindex(x.shape):
        x[i] += 1e-4
        above = f(x)
        x[i] -= 2e-4
        grad[i] = (above - f(x)) / 2e-4
        x[i] += 1e-4
    return grad


def difference_in_nd(f, x):
    grad = nd.zeros(x.shape)
    for i in np.ndindex(x.shape):
        values = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[i] = moved[i] + step
            values.append(f(moved))
        grad[i] = (values[0] - values[1]) / 2e-6
    return grad


def without_copies(f, x):
    """The two points are the same array."""
    x = x.asnumpy()
    grad = np.zeros(x.shape)
    for i in range(x.size):
        up = x
        down = x
        up.flat[i] += 1e-5
        down.flat[i] -= 1e-5
        grad.flat[i] = (f(up) - f(down)) / 2e-5
    return grad


def without_copies_one_by_one(f, x):
    x = x.asnumpy()
    grad = np.zeros(x.shape)
    for i in range(x.size):
        up = x
        up.flat[i] += 1e-5
        above = f(up)
        down = x
        down.flat[i] -= 1e-5
        grad.flat[i] = (above - f(down)) / 2e-5
    return grad


def hand_made(
    slope=lambda Z, H: 1 - H * H,
    activation=nd.tanh,
    in_order=True,
    optimizer="sgd",
    lr=0.5,
    num_steps=150,
    softmax=True,
):
    """A recipe with the slip, or in the other right way, that the arguments describe."""

    def train(X, Y):
        W1 = nd.random.normal(scale=0.1, shape=(32, X.shape[1]))
        W2 = nd.random.normal(scale=0.1, shape=(Y.shape[1], 32))
        states = [nd.zeros(W1.shape), nd.zeros(W2.shape)]

        def step(W, grad, state):
            if optimizer == "momentum":
                state[:] = 0.9 * state + grad
                grad = state
            elif optimizer == "adam":
                state[:] = 0.99 * state + 0.01 * grad * grad
                grad = grad / (state.sqrt() + 1e-6)
            return W - lr * grad

        for _ in range(num_steps):
            Z = nd.dot(X, W1.T)
            H = activation(Z)
            O = nd.dot(H, W2.T)  # noqa: E741
            grad_O = ((nd.softmax(O) if softmax else O) - Y) / len(X)
            grad_W2 = nd.dot(grad_O.T, H)
            old_W2 = W2
            W2 = step(W2, grad_W2, states[1])
            grad_H = nd.dot(grad_O, old_W2 if in_order else W2)
            W1 = step(W1, nd.dot((grad_H * slope(Z, H)).T, X), states[0])
        return W1, W2

    return train


def recipe(lr=0.5, num_steps=100, scale=0.1, units=32, batch_size=None, equal=False, sign=-1, softmax=True):
    """A recipe with the mistake that the arguments describe."""

    def train(X, Y):
        shapes = (units, X.shape[1]), (Y.shape[1], units)
        W1, W2 = (nd.full(s, scale) if equal else nd.random.normal(scale=scale, shape=s) for s in shapes)
        step = 0
        while step < num_steps:
            for x, y in dh.load_array((X, Y), batch_size) if batch_size else [(X, Y)]:
                H, O = forward(x, W1, W2)  # noqa: E741
                grad_O = ((nd.softmax(O) if softmax else O) - y) / len(x)
                grad_Z = nd.dot(grad_O, W2) * (1 - H * H)
                W1, W2 = W1 + sign * lr * nd.dot(grad_Z.T, x), W2 + sign * lr * nd.dot(grad_O.T, H)
                step += 1
        return W1, W2

    return train


def turned(function):
    return lambda *args: function(*args)[::-1]


def transposed(function):
    return lambda *args: tuple(part.T for part in function(*args))


# What arguments of `backward` a slip corresponds to, and its whole hint.
SLIPS = [
    ({"divide": lambda Y: 1}, "the loss is the mean over the examples: divide by the batch size"),
    ({"divide": lambda Y: Y.size}, "divide by the number of examples, not of all elements of Y"),
    ({"divide": lambda Y: Y.shape[1]}, "divide by the number of examples, not of outputs"),
    ({"decay_divided": True}, "the batch size divides the loss only, not the penalty"),
    ({"decay": (0, 0)}, "the penalty depends on the weights too: what is its gradient?"),
    ({"decay": (0, 1)}, "W2 is right; W1 has a second way to J, through the penalty"),
    ({"decay": (1, 0)}, "W1 is right; W2 has a second way to J, through the penalty"),
    ({"decay": (2, 2)}, "twice too much penalty: its half takes the 2 of the derivative away"),
    ({"decay": (0.5, 0.5)}, "half the penalty there should be: its half takes the 2 of the derivative away"),
    ({"decay": (-1, -1)}, "the penalty's gradient is added, not taken off"),
    ({"factor": -1}, "the loss's part has the wrong sign: the error is output minus label"),
    ({"factor": 2}, "the loss's part is twice too much: its half takes the 2 of the derivative away"),
    ({"slope": lambda Z, H: 1}, "on the way to W1 the derivative of tanh is missing"),
    ({"slope": lambda Z, H: 1 - nd.tanh(H) ** 2}, "H is tanh(Z) already: for its derivative no second tanh is needed"),
    ({"slope": lambda Z, H: 1 - Z * Z}, "the derivative of tanh is 1 - h², not 1 - z²"),
    ({"slope": lambda Z, H: 1 - H}, "the h in 1 - h² is to be squared"),
    ({"slope": lambda Z, H: H * (1 - H)}, "that is the derivative of the sigmoid: tanh has 1 - h²"),
    ({"slope": lambda Z, H: Z > 0}, "that is the derivative of ReLU: tanh has 1 - h²"),
]


def slips():
    """Each of them, and any two at once that are not both about the penalty or about the same argument."""
    yield from SLIPS
    for (one, hint), (other, other_hint) in combinations(SLIPS, 2):
        names = {name.removesuffix("_divided") for slip in (one, other) for name in slip}
        if len(names) == 2:
            yield one | other, f"{hint}; and: {other_hint}"


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("07.1", 200_000, "that is how many numbers"),
        ("07.1", 4_000, "that is for one example"),
        ("07.1", 80_000, "that is one layer"),
        ("07.1", 880_000, "the features are there anyway"),
        ("07.1", 400_000, "those are the weights"),
        ("07.1", 1_600_000, "twice too much"),
        ("07.1", 0.763, "that is in MB"),
        ("07.1", 0.8, "that is in millions of bytes"),
        ("07.1", 6_400_000, "those are bits"),
        ("07.1", 500_000, "expected: a larger number"),
        ("07.2", lambda X, W1, W2: forward(X, W1.T, W2.T), "multiply by their transpose"),
        ("07.2", lambda X, W1, W2: (nd.dot(X, W1.T), nd.dot(nd.dot(X, W1.T), W2.T)), "without tanh the two layers"),
        ("07.2", lambda X, W1, W2: (nd.dot(X, W1.T), forward(X, W1, W2)[1]), "is to be handed back after tanh"),
        ("07.2", lambda *args: (forward(*args)[0], nd.tanh(forward(*args)[1])), "the outputs have no activation"),
        ("07.2", turned(forward), "the hidden layer first"),
        ("07.2", transposed(forward), "the examples stand in rows"),
        ("07.2", relu_forward, "that is ReLU"),
        ("07.2", sigmoid_forward, "that is the sigmoid"),
        ("07.2", lambda *args: (forward(*args)[0], nd.softmax(forward(*args)[1])), "softmax is part of the loss"),
        ("07.2", lambda *args: forward(*args)[1], "that is O alone: end with return H, O"),
        ("07.2", lambda *args: (*forward(*args), 0), "came out: 3 results"),
        ("07.2", lambda X, W1, W2: forward(X[:2], W1, W2), "expected: 2 results: an array of shape (4, 5)"),
        ("07.2", lambda X, W1, W2: (nd.zeros((2, 2)), nd.zeros((2, 2))), "came out: [[0. 0.] [0. 0.]]"),
        *(("07.3", backward(**slip), f"hint:     {hint}") for slip, hint in slips()),
        ("07.3", transposed(backward()), "the gradient of a matrix has the matrix's shape"),
        ("07.3", turned(backward()), "the gradient in W1 first"),
        ("07.3", lambda *args: backward()(*args)[0], "that is grad_W1 alone: end with return grad_W1, grad_W2"),
        (
            "07.3",
            lambda X, Y, W1, W2, lambd: (nd.zeros(W1.shape), nd.zeros(W2.shape)),
            "came out: [[0. 0. 0.] [0. 0. 0.]] and",
        ),
        ("07.3", lambda X, Y, W1, W2, lambd: (lambd * W1, lambd * W2), "not right yet"),
        ("07.3", by_autograd, "the right result, by autograd"),
        ("07.4", without_copies, "u = x is no copy, x.copy() is"),
        ("07.4", without_copies_one_by_one, "u = x is no copy, x.copy() is"),
        ("07.4", difference(divide=1), "how far apart are x + step and x - step"),
        ("07.4", difference(down=0, divide=1), "that is a one-sided difference"),
        ("07.4", difference(down=0, divide=1, step=1e-8), "f was asked on one side of x only"),
        ("07.4", difference(down=0), "divide by the distance of the two points"),
        ("07.4", difference(sign=-1), "the value further up comes first"),
        ("07.4", difference(restore=False), "move one at a time"),
        ("07.4", lambda f, x: (f(x + 1e-5) - f(x - 1e-5)) / 2e-5, "one partial derivative for each element"),
        ("07.4", lambda f, x: (f(x + 1e-5) - f(x - 1e-5)) / 2e-5 + 0 * x, "several elements had moved"),
        ("07.4", difference(dtype="float32"), "f was asked in float32"),
        ("07.4", difference(step=1e-2), "the step is too large"),
        ("07.4", difference(step=1e-2), "came out: a relative error of "),
        ("07.4", difference(step=1e-16), "the step is too small"),
        ("07.4", difference(step=1e-13), "the step is too small"),
        ("07.4", difference(step=1e-20), "the step is too small"),
        ("07.4", lambda f, x: nd.zeros(x.shape), "f was never called"),
        ("07.4", lambda f, x: 3 * nd.cos(3 * x) + 0 * f(x), "f was asked on one side of x only"),
        ("07.4", lambda f, x: f(x[0]) * x, "ValueError: f takes an array of shape (3,), not"),
        ("07.4", lambda f, x: difference()(f, x).reshape(-1), "expected: an array of shape (2, 3)"),
        ("07.5", "abde", "hint:     how often did we walk"),
        ("07.5", "bcde", "hint:     look at the figure with the two slopes"),
        ("07.5", "de", "2 right, 0 wrong, 1 missing"),
        ("07.5", "be", "the derivative of the sigmoid is at most 1/4"),
        ("07.5", "bd", "what could differ between two units"),
        ("07.6", hand_made(slope=lambda Z, H: 1), "is multiplied by the derivative of tanh"),
        ("07.6", hand_made(slope=lambda Z, H: 1, softmax=False, lr=0.05, num_steps=300), "by the derivative of tanh"),
        (
            "07.6",
            hand_made(slope=lambda Z, H: Z > 0, activation=nd.relu),
            "another activation, as ReLU, has another one",
        ),
        ("07.6", hand_made(in_order=False), "compute both, then change both"),
        ("07.6", hand_made(in_order=False, lr=0.2, num_steps=200), "came out: a step of W1 with the new W2"),
        ("07.6", hand_made(in_order=False, lr=0.1, softmax=False), "compute both, then change both"),
        ("07.6", lambda X, Y: print(recipe(num_steps=1)(X, Y)), "print only shows a value"),
        ("07.6", recipe(num_steps=0), "hardly anything was learnt"),
        ("07.6", recipe(lr=0.0005, num_steps=20), "hardly anything was learnt"),
        ("07.6", recipe(num_steps=6), "train longer, or with a larger learning rate"),
        ("07.6", recipe(scale=0, equal=True), "all hidden units are the same"),
        ("07.6", recipe(equal=True, num_steps=60), "all hidden units are the same"),
        ("07.6", recipe(sign=1), "is the step against the gradient"),
        ("07.6", recipe(sign=1, softmax=False), "the loss has grown without bound"),
        ("07.6", recipe(lr=1000, num_steps=20), "and not too large"),
        ("07.6", recipe(units=1), "1 hidden units are few for 10 classes"),
        ("07.6", recipe(units=4, num_steps=30), "4 hidden units are few for 10 classes"),
        ("07.6", recipe(units=5, num_steps=30), "train longer, or with a larger learning rate"),
        ("07.6", lambda X, Y: (nd.ones((8, 64)), nd.ones((10, 8)) / 0), "the loss has grown without bound"),
        ("07.6", transposed(recipe(num_steps=1)), "these are transposed"),
        ("07.6", turned(recipe(num_steps=1)), "first those of the hidden layer"),
        ("07.6", lambda X, Y: recipe(num_steps=1)(X, Y)[0], "expected: two results, W1 and W2"),
        ("07.6", lambda X, Y: recipe(num_steps=30)(X, Y) if X.shape[1] == 64 else (0, 0), "(hidden units, 40)"),
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
        ("07.1", 8e5),
        ("07.2", forward),
        ("07.2", lambda *args: list(forward(*args))),
        ("07.2", lambda *args: tuple(part.asnumpy() for part in forward(*args))),
        ("07.3", backward()),
        ("07.3", lambda *args: [grad.asnumpy() for grad in backward()(*args)]),
        ("07.4", difference()),
        ("07.4", difference(step=1e-3)),
        ("07.4", difference(step=1e-8)),
        ("07.4", difference_in_nd),
        ("07.4", difference_in_place),
        ("07.5", "edb"),
        ("07.6", recipe()),
        ("07.6", recipe(lr=0.1, num_steps=150, batch_size=64)),
        ("07.6", recipe(lr=0.1, num_steps=150, softmax=False)),
        ("07.6", recipe(scale=0.5, units=16)),
        ("07.6", hand_made()),
        ("07.6", hand_made(optimizer="momentum", lr=0.1)),
        ("07.6", hand_made(optimizer="adam", lr=0.01)),
        ("07.6", hand_made(num_steps=151)),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text


@pytest.mark.parametrize("number", ["07.2", "07.3", "07.4", "07.6"])
def test_no_answer_yet(number):
    assert judge(find(number), lambda *args: ...).text == "not answered yet"
