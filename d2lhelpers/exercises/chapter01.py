"""Exercises of chapter 01, linear regression."""

import numpy as np

from ..data import seed, synthetic_data
from .calling import call
from .describing import describe
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise

# 01.1

THREE_TIMES = number_exercise(
    "01.1",
    "Three times the error",
    value=lambda: squared(3.0) / squared(1.0),
    mistakes=[
        (3, "the error is squared, and so is its factor of three"),
        (4.5, "the half stands in both losses, and cancels"),
        (1 / 9, "the question is how much larger, not how much smaller"),
    ],
    why="A few large errors can outweigh many small ones: that is how squared loss feels about outliers.",
)


def squared(error):
    """Compute half the squared error."""
    return error**2 / 2


# 01.2


def mean_squared_loss(y_hat, y):
    """Compute the reference: the mean of half the squared error."""
    return np.mean((y_hat.reshape(-1) - y) ** 2) / 2


def _predictions(rng):
    return [
        (np.array([1.0, 5.0, 3.0]), np.array([1.0, 2.0, 1.0])),
        (rng.normal(size=(7, 1)), rng.normal(size=7)),
        (rng.normal(size=50), rng.normal(size=50)),
    ]


MEAN_LOSS = function_exercise(
    "01.2",
    "The mean loss of a minibatch",
    reference=mean_squared_loss,
    inputs=_predictions,
    mistakes=[
        (lambda y_hat, y: np.sum((y_hat.reshape(-1) - y) ** 2) / 2, "that is the sum; the mean does not grow with n"),
        (lambda y_hat, y: np.mean((y_hat.reshape(-1) - y) ** 2), "the half is missing"),
        (
            lambda y_hat, y: np.mean(np.abs(y_hat.reshape(-1) - y)),
            "that is the absolute error; square it, and halve it",
        ),
        (
            lambda y_hat, y: np.mean((y_hat - y) ** 2) / 2,
            "y_hat has the shape (n, 1) here and y (n,): their difference is a table of all pairs; reshape one first",
        ),
        (lambda y_hat, y: (y_hat.reshape(-1) - y) ** 2 / 2, "that is one loss per example; take their mean"),
    ],
    why="A mean can be compared between minibatches of any size; a silent broadcast would have made it nonsense.",
)

# 01.3


def gradients(X, y, w, b):
    """Compute the reference: gradient of the mean loss in w and in b."""
    error = X @ w + b - y
    return X.T @ error / len(y), error.mean()


def _sums(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error, error.sum()


def _scaled(factor):
    return lambda *args: tuple(factor * part for part in gradients(*args))


def _examples(rng):
    return [
        (rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d), 0.5) for n, d in ((4, 2), (10, 3), (1, 1))
    ]


GRADIENTS = function_exercise(
    "01.3",
    "The gradient by hand",
    reference=gradients,
    inputs=_examples,
    mistakes=[
        (_sums, "that is the gradient of the sum: divide by the batch size"),
        (
            lambda X, y, w, b: (_sums(X, y, w, b)[0], gradients(X, y, w, b)[1]),
            "divide the gradient of w by the batch size",
        ),
        (
            lambda X, y, w, b: (gradients(X, y, w, b)[0], _sums(X, y, w, b)[1]),
            "divide the gradient of b by the batch size",
        ),
        (_scaled(-1), "the sign is turned round: the error is y_hat - y, prediction minus label"),
        (_scaled(2), "twice too much: the half in the loss takes the 2 of the derivative away"),
    ],
    why="Automatic differentiation is this chain rule, applied to every line that autograd has recorded.",
    names="grad_w, grad_b",
)

# 01.4


def least_squares(X, y):
    """Compute the reference: weights and bias that minimise the mean loss."""
    solution = np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[0]
    return solution[:-1], solution[-1]


def _through_the_origin(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0], 0.0


def _after_centring(X, y):
    return np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0], y.mean()


def _sales(rng):
    cases = []
    for n, d in ((6, 1), (30, 2), (60, 4)):
        X = rng.normal(2, 1, size=(n, d))
        cases.append((X, X @ rng.normal(size=d) + 3 + rng.normal(scale=0.1, size=n)))
    return cases


ANALYTICAL = function_exercise(
    "01.4",
    "The analytical solution",
    reference=least_squares,
    inputs=_sales,
    tolerance=2e-3,  # the normal equations may be solved in float32
    mistakes=[
        (
            _through_the_origin,
            "without a column of ones the plane has to go through the origin: b is no parameter then",
        ),
        (
            lambda X, y: (least_squares(X, y)[0], 0.0),
            "the weights are right, the bias is not: it is the last number of the solution",
        ),
        (_after_centring, "b = mean of y is right only for features of mean 0: subtract the weights times their means"),
    ],
    why="Whenever a problem has a formula, use it: it is the yardstick for everything that only searches.",
    names="w, b",
)

# 01.5

HYPERPARAMETERS = choice_exercise(
    "01.5",
    "Who sets what",
    {
        "a": (True, "a parameter is what training changes"),
        "b": (False, "look at the figure with the three learning rates: what did 2.2 do?"),
        "c": (True, "in the loop, which line changes the learning rate?"),
        "d": (False, "which has less noise, the mean over 10 examples or over 100?"),
        "e": (True, "how many minibatches of 10 are there in 1,000 examples?"),
    },
    why="What you set by trial has to be tried on data that training has not seen; chapter 04 does it.",
)

# 01.6


def _train_from_scratch(answer):
    """Train with the learner's function on data with weights that nobody knows, and look at what it found."""
    for true_w, true_b in (([1.5, -2.0, 0.7], -1.2), ([3.0], 0.4)):
        seed(6)
        features, labels = synthetic_data(true_w, true_b, num_examples=500, noise=0.05)
        tried = f"training with your function on 500 examples of {len(true_w)} features"
        found = call(answer, features.asnumpy(), labels.asnumpy(), tried=tried)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Wrong(tried, describe(found), "two results, w and b", "end with return w, b")
        w, b = (np.ravel(part) for part in found)
        if w.shape != (len(true_w),) or b.shape != (1,):
            raise Wrong(tried, f"w with {w.size} and b with {b.size} elements", f"{len(true_w)} weights and one bias")
        X, y = features.asnumpy().astype("float64"), labels.asnumpy().astype("float64")
        loss = np.mean((X @ w + b - y) ** 2) / 2
        at_start = np.mean(y**2) / 2
        best_w, best_b = least_squares(X, y)
        floor = np.mean((X @ best_w + best_b - y) ** 2) / 2
        if loss < 1.2 * floor:
            continue
        hint = "train longer, or with a larger learning rate"
        if not np.isfinite(loss) or loss > 2 * at_start:
            hint = "the loss has grown: is the step against the gradient, and divided by the batch size?"
        elif loss > 0.9 * at_start:
            hint = "nothing was learnt: does the loop change w and b in place, w[:] = ..., after backward()?"
        elif np.mean(X @ w + b - y) ** 2 > np.var(X @ w + b - y):
            hint = "the weights are right, but the bias has not been trained"
        raise Wrong(tried, f"a mean loss of {loss:.3g}", f"at most {1.2 * floor:.2g}, where the noise begins", hint)


FROM_MEMORY = Exercise(
    "01.6",
    "Write it from memory",
    why="Model, loss, gradient, step: this loop trains every network of the book, whatever its size.",
    examine=_train_from_scratch,
)

EXERCISES = by_number(THREE_TIMES, MEAN_LOSS, GRADIENTS, ANALYTICAL, HYPERPARAMETERS, FROM_MEMORY)
