"""Exercises of chapter 01, linear regression."""

import numpy as np

from ..data import synthetic_data
from ..language import N_
from .calling import call
from .describing import form, near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .recipes import BROADCAST, TOO_FEW, TOO_LARGE, is_flat, is_scattered, mean_squared_loss
from .variants import seed

# 01.1

THREE_TIMES = number_exercise(
    "01.1",
    "Three times the error",
    value=lambda: squared(3.0) / squared(1.0),
    mistakes=[
        (3, N_("the error is squared, and so is its factor of three")),
        (4.5, N_("the half stands in both losses, and cancels")),
        (1 / 9, N_("the question is how much larger, not how much smaller")),
    ],
    why=N_("A few large errors can outweigh many small ones: that is how squared loss feels about outliers."),
)


def squared(error):
    """Compute half the squared error."""
    return error**2 / 2


# 01.2


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
        (
            lambda y_hat, y: np.sum((y_hat.reshape(-1) - y) ** 2) / 2,
            N_("that is the sum; the mean does not grow with n"),
        ),
        (lambda y_hat, y: np.mean((y_hat.reshape(-1) - y) ** 2), N_("the half is missing")),
        (
            lambda y_hat, y: np.mean(np.abs(y_hat.reshape(-1) - y)),
            N_("that is the absolute error; square it, and halve it"),
        ),
        (
            lambda y_hat, y: np.mean(np.abs(y_hat.reshape(-1) - y)) / 2,
            N_("that is half the absolute error; square it instead"),
        ),
        (
            lambda y_hat, y: np.mean(y_hat.reshape(-1) - y) ** 2 / 2,
            N_("that is the square of the mean error, in which +1 and -1 cancel: square first, then take the mean"),
        ),
        (
            lambda y_hat, y: np.mean(y_hat.reshape(-1) - y) ** 2,
            N_("square first, then take the mean, and halve it"),
        ),
        (
            lambda y_hat, y: np.sum((y_hat.reshape(-1) - y) ** 2),
            N_("that is the sum: take half the mean"),
        ),
        (
            lambda y_hat, y: np.sqrt(np.mean((y_hat.reshape(-1) - y) ** 2)),
            N_("that is the root of the mean square: leave the root out, and halve"),
        ),
        (
            lambda y_hat, y: (y_hat.reshape(-1) - y) ** 2,
            N_("one loss per example, and without the half: take half the mean"),
        ),
        (
            lambda y_hat, y: np.mean((y_hat - y) ** 2),
            N_("y_hat has the shape (n, 1) here and y (n,): reshape one first; and the half is missing"),
        ),
        (
            lambda y_hat, y: np.mean((y_hat - y) ** 2) / 2,
            N_(
                "y_hat has the shape (n, 1) here and y (n,): "
                "their difference is a table of all pairs; reshape one first"
            ),
        ),
        (lambda y_hat, y: (y_hat.reshape(-1) - y) ** 2 / 2, N_("that is one loss per example; take their mean")),
    ],
    why=N_("A mean can be compared between minibatches of any size; a silent broadcast would have made it nonsense."),
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
        (_sums, N_("that is the gradient of the sum: divide by the batch size")),
        (
            lambda X, y, w, b: (_sums(X, y, w, b)[0], gradients(X, y, w, b)[1]),
            N_("divide the gradient of w by the batch size"),
        ),
        (
            lambda X, y, w, b: (gradients(X, y, w, b)[0], _sums(X, y, w, b)[1]),
            N_("divide the gradient of b by the batch size"),
        ),
        (_scaled(-1), N_("the sign is turned round: the error is y_hat - y, prediction minus label")),
        (
            lambda X, y, w, b: gradients(X, y, w, 0),
            N_("the prediction lacks the bias: it is Xw + b"),
        ),
        (
            lambda X, y, w, b: _sums(X, y, w, 0),
            N_("the prediction lacks the bias, it is Xw + b; and divide by the batch size"),
        ),
        (
            lambda X, y, w, b: tuple(part / 10 for part in _sums(X, y, w, b)),
            N_("divide by the size of this minibatch, len(y), not by a fixed number"),
        ),
        (
            lambda X, y, w, b: tuple(part / X.size for part in _sums(X, y, w, b)),
            N_("X.size counts the numbers in X: divide by the number of examples, len(y)"),
        ),
        (
            lambda X, y, w, b: (_sums(X, y, w, b)[0] / X.size, gradients(X, y, w, b)[1]),
            N_("a mean over X * error divides by its n × d numbers: divide the gradient of w by len(y)"),
        ),
        (
            lambda X, y, w, b: tuple(-part for part in _sums(X, y, w, b)),
            N_("the sign is turned round, the error is y_hat - y; and divide by the batch size"),
        ),
        (
            lambda X, y, w, b: gradients(X, y, w, b)[::-1],
            N_("turn them round: the gradient of w comes first"),
        ),
        (_scaled(2), N_("twice too much: the half in the loss takes the 2 of the derivative away")),
    ],
    why=N_("Automatic differentiation is this chain rule, applied to every line that autograd has recorded."),
    names="grad_w, grad_b",
    without="autograd",
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
            N_("without a column of ones the plane has to go through the origin: b is no parameter then"),
        ),
        (
            lambda X, y: (least_squares(X, y)[0], 0.0),
            N_("the weights are right, the bias is not: it is the last number of the solution"),
        ),
        (
            lambda X, y: (np.append(least_squares(X, y)[1], least_squares(X, y)[0])[:-1], least_squares(X, y)[0][-1]),
            N_(
                "the column of ones stands first there, so the bias is the first number of the solution: "
                "w = [1:], b = [0]"
            ),
        ),
        (
            lambda X, y: (np.append(least_squares(X, y)[0], least_squares(X, y)[1])[1:], least_squares(X, y)[0][0]),
            N_(
                "the column of ones stands last there, so the bias is the last number of the solution: "
                "w = [:-1], b = [-1]"
            ),
        ),
        (lambda X, y: least_squares(X, y)[::-1], N_("turn them round: the weights come first")),
        (
            _after_centring,
            N_("b = mean of y is right only for features of mean 0: subtract the weights times their means"),
        ),
    ],
    why=N_("Whenever a problem has a formula, use it: it is the yardstick for everything that only searches."),
    names="w, b",
)

# 01.5

HYPERPARAMETERS = choice_exercise(
    "01.5",
    "Who sets what",
    {
        "a": (True, N_("a parameter is what training changes")),
        "b": (False, N_("look at the figure with the three learning rates: what did 2.2 do?")),
        "c": (True, N_("in the loop, which line changes the learning rate?")),
        "d": (False, N_("which has less noise, the mean over 10 examples or over 100?")),
        "e": (True, N_("how many minibatches of 10 are there in 1,000 examples?")),
    },
    why=N_("What you set by trial has to be tried on data that training has not seen; chapter 04 does it."),
)

# 01.6


def _find(answer, data, tried, n):
    """Train with the learner's function, with random numbers of seed `n`; return w (d,) and b as float64."""
    seed(n)
    found = call(answer, *data, tried=tried)
    if not isinstance(found, tuple | np.ndarray) or np.ndim(found[0] if len(found) else 0) > 2 or len(found) != 2:
        raise Wrong(tried, form(found), N_("two results, w and b"), N_("end with return w, b"))
    w, b = (np.ravel(np.array(part, dtype="float64")) for part in found)
    d = data[0].shape[1]
    if w.shape != (d,) or b.shape != (1,):
        hint = N_("end with return w, b, in this order: a weight for each feature, and one bias")
        came_out = N_("w with {num_w} and b with {num_b} elements", num_w=w.size, num_b=b.size)
        raise Wrong(tried, came_out, N_("{d} weights and one bias", d=d), hint)
    return w, b


def _train_from_scratch(answer):
    """Train with the learner's function on data with weights that nobody knows, and look at what it found."""
    for true_w, true_b in (([1.5, -2.0, 0.7], -1.2), ([3.0], 0.4)):
        seed(6)
        data = tuple(array.asnumpy() for array in synthetic_data(true_w, true_b, num_examples=500, noise=0.05))
        tried = N_("training with your function on 500 examples of {d} features", d=len(true_w))
        w, b = _find(answer, data, tried, 6)
        X, y = (array.astype("float64") for array in data)
        best_w, best_b = least_squares(X, y)
        limit = 1.2 * mean_squared_loss(X @ best_w + best_b, y)
        with np.errstate(all="ignore"):
            error = X @ w + b - y
            loss, at_start = np.mean(error**2) / 2, np.mean(y**2) / 2
        if loss < limit:
            continue
        if not np.isfinite(loss) or loss > 2 * at_start:
            hint = N_(
                "the loss has grown: is the step against the gradient, divided by the batch size, and not too large?"
            )
        elif is_flat(error, y):
            hint = BROADCAST
        elif loss > 0.9 * at_start:
            hint = N_("nothing was learnt: does the loop change w and b in place, w[:] = ..., after backward()?")
        elif np.mean(error) ** 2 > np.var(error):
            hint = N_("the weights are right, but the bias has not been trained")
        else:
            again = np.append(*_find(answer, data, tried, 7))
            is_too_large = is_scattered(np.append(w, b), again, np.append(best_w, best_b))
            hint = TOO_LARGE if is_too_large else TOO_FEW
        loss, limit = near_limit(loss, limit)
        expected = N_("at most {limit}, where the noise begins", limit=limit)
        raise Wrong(tried, N_("a mean loss of {loss}", loss=loss), expected, hint)


FROM_MEMORY = Exercise(
    "01.6",
    "Write it from memory",
    why=N_("Model, loss, gradient, step: this loop trains every network of the book, whatever its size."),
    examine=_train_from_scratch,
)

EXERCISES = by_number(THREE_TIMES, MEAN_LOSS, GRADIENTS, ANALYTICAL, HYPERPARAMETERS, FROM_MEMORY)
