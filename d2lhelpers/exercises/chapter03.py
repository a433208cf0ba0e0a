"""Exercises of chapter 03, softmax regression."""

from contextlib import suppress

import numpy as np
from mxnet import nd

from ..data import load_array
from ..datasets import load_digits
from ..language import N_
from .calling import call
from .comparing import shaped_like
from .describing import describe, form, near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .recipes import examine_own_steps, softmax
from .variants import generator, seed
from .watching import WatchedLoader


def mean_cross_entropy(y_hat, y):
    """Compute the reference: the mean of -ln of the probabilities of the right classes."""
    return -np.log(_picked(y_hat, y)).mean()


def _picked(y_hat, y):
    return y_hat[np.arange(len(y)), y]


# 03.1

BLIND_GUESS = number_exercise(
    "03.1",
    "A blind guess",
    value=lambda: mean_cross_entropy(np.full((1, 100), 1 / 100), np.array([0])),
    mistakes=[
        (1 / 100, N_("that is the probability of the right class; the loss is minus its logarithm")),
        (99 / 100, N_("that is what the probability lacks to 1; the loss is minus its logarithm")),
        (np.log10(100), N_("that is the decimal logarithm; ours is the natural one")),
        (np.log2(100), N_("that is the logarithm to base 2; ours is the natural one")),
        (-np.log(100), N_("mind the minus sign: a cross-entropy is never negative")),
        (np.log(10), N_("that would be ten classes")),
        (100 * np.log(100), N_("the sum has one term for each class, but the label is 0 in all but one of them")),
    ],
    why=N_(
        "An untrained classifier of q classes whose loss is not about ln q has an error: look at it before you train."
    ),
)

# 03.2


def _scores(rng):
    return [
        (np.array([[1.0, 3.0, 0.5], [-2.0, 0.0, 2.0]]),),
        (np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1001.0, -999.0]]),),
        (np.array([[-1000.0, 1000.0, 0.0, 1000.0]]),),
        (rng.normal(scale=3, size=(4, 4)),),
        (rng.normal(scale=3, size=(20, 3)),),
        (rng.normal(scale=3, size=(3, 10)),),
        (np.array([[7.0], [-7.0]]),),
    ]


def _naive(X):
    return np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)


def _one_largest_for_all(X):
    X_exp = np.exp(X - X.max())
    return X_exp / X_exp.sum(axis=1, keepdims=True)


def _largest_of_each_column(X):
    X_exp = np.exp(X - X.max(axis=0))
    return X_exp / X_exp.sum(axis=1, keepdims=True)


def _mean_subtracted(X):
    return _naive(X - X.mean(axis=1, keepdims=True))


_OVERFLOW = N_(
    "exp of 1000 is infinite and exp of -1000 is 0, and inf / inf and 0 / 0 are nan: what may be subtracted first?"
)

SOFTMAX = function_exercise(
    "03.2",
    "A softmax that survives",
    reference=softmax,
    inputs=_scores,
    mistakes=[
        (
            _mean_subtracted,
            N_("the mean may be far below the largest score, and exp still overflows: subtract the largest"),
        ),
        (_naive, _OVERFLOW),
        (lambda X: softmax(X.T).T, N_("your columns sum to one; an example is a row: axis=1")),
        (lambda X: _naive(X.T).T, N_("your columns sum to one; an example is a row: axis=1")),
        (
            lambda X: np.exp(X - X.max()) / np.exp(X - X.max()).sum(),
            N_("the whole table sums to one, and so should each row: axis=1, and keepdims=True"),
        ),
        (lambda X: np.exp(X - X.max(axis=1, keepdims=True)), N_("the rows do not sum to one yet: divide")),
        (np.exp, N_("the rows do not sum to one yet: divide")),
        (
            _one_largest_for_all,
            N_(
                "with the largest score of the whole table subtracted, a row far below it is 0 / 0: "
                "each row needs its own"
            ),
        ),
        (_largest_of_each_column, N_("you subtract the largest score of each column; each row needs its own: axis=1")),
        (
            lambda X: softmax(np.clip(X, -50, 50)),
            N_("cut off at a limit, 1000 and 1001 become equal: subtract instead, which keeps the differences"),
        ),
        (lambda X: np.log(softmax(X)), N_("that is the logarithm of the probabilities")),
        (
            lambda X: np.exp(X - X.max(axis=1, keepdims=True)) / np.exp(X - X.max(axis=1, keepdims=True)).sum(),
            N_("you divide by the sum of the whole table; each row needs its own sum: axis=1, and keepdims=True"),
        ),
        (
            lambda X: np.exp(X - X.max(axis=1, keepdims=True)) / np.exp(X - X.max(axis=1, keepdims=True)).sum(axis=0),
            N_("you divide by the sums of the columns; each row needs its own sum: axis=1, and keepdims=True"),
        ),
    ],
    without="softmax",
    why=N_("A single nan spreads through the gradient to every weight, and one subtraction keeps it out."),
)

# 03.3


def _predictions(rng):
    cases = [
        (np.array([[0.1, 0.3, 0.6], [0.2, 0.7, 0.1]]), np.array([1, 1])),
        (np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]), np.array([1, 0])),
    ]
    for n, q in ((7, 10), (1, 2), (20, 5)):
        cases.append((rng.dirichlet(np.ones(q), size=n), rng.integers(q, size=n)))
    return cases


def _one_hot(y_hat, y):
    return np.eye(y_hat.shape[1])[y]


def _binary(y_hat, y):
    one_hot = _one_hot(y_hat, y)
    return -(one_hot * np.log(y_hat) + (1 - one_hot) * np.log(1 - y_hat))


def _turned_round(y_hat, y):
    n, q = y_hat.shape
    return y_hat[y % n, np.arange(n) % q]


CROSS_ENTROPY = function_exercise(
    "03.3",
    "The mean cross-entropy of a minibatch",
    reference=mean_cross_entropy,
    inputs=_predictions,
    mistakes=[
        (lambda y_hat, y: -np.log(_picked(y_hat, y)).sum(), N_("that is the sum; the mean does not grow with n")),
        (lambda y_hat, y: -np.log(_picked(y_hat, y)), N_("that is one loss per example; take their mean")),
        (lambda y_hat, y: np.log(_picked(y_hat, y)).mean(), N_("the minus sign is missing: no loss is negative")),
        (
            lambda y_hat, y: -np.log10(_picked(y_hat, y)).mean(),
            N_("that is the decimal logarithm; ours is the natural one"),
        ),
        (
            lambda y_hat, y: -np.log2(_picked(y_hat, y)).mean(),
            N_("that is the logarithm to base 2; ours is the natural one"),
        ),
        (
            lambda y_hat, y: -(_one_hot(y_hat, y) * np.log(y_hat)).sum(axis=1).mean(),
            N_(
                "a wrong class may have the probability 0, and 0 times ln 0 is nan: pick first, take the logarithm then"
            ),
        ),
        (
            lambda y_hat, y: mean_cross_entropy(y_hat, y) / y_hat.shape[1],
            N_("a mean over all n × q numbers divides by q, too: divide by the number of examples only"),
        ),
        (
            lambda y_hat, y: _binary(y_hat, y).sum(axis=1).mean(),
            N_("that is the binary form, of q separate yes-or-no questions: only the right class counts"),
        ),
        (
            lambda y_hat, y: _binary(y_hat, y).mean(),
            N_("that is the binary form, of q separate yes-or-no questions: only the right class counts"),
        ),
        (
            lambda y_hat, y: -np.log(_turned_round(y_hat, y)).mean(),
            N_("rows and columns are turned round: the example is the row, its label the column"),
        ),
        (
            lambda y_hat, y: -np.log(_picked(y_hat, y - 1)).mean(),
            N_("that is the class before the right one: the classes are numbered from 0"),
        ),
        (
            lambda y_hat, y: -np.log(y_hat[:, y]).mean(),
            N_(
                "y_hat[:, y] takes the columns of all labels from every row; nd.pick(y_hat, y) takes one number of each"
            ),
        ),
        (
            lambda y_hat, y: -np.log(y_hat.max(axis=1)).mean(),
            N_("you take the largest probability of each row; take the one of the label, wherever it is"),
        ),
        (
            lambda y_hat, y: -np.log(_picked(y_hat, y).mean()),
            N_("the mean comes last: you take the logarithm of a mean"),
        ),
        (lambda y_hat, y: 1 - _picked(y_hat, y).mean(), N_("where is the logarithm?")),
        (lambda y_hat, y: -_picked(y_hat, y).mean(), N_("where is the logarithm?")),
        (
            lambda y_hat, y: mean_cross_entropy(softmax(y_hat), y),
            N_("y_hat holds probabilities already: no softmax here"),
        ),
    ],
    why=N_("It looks at one number of each row, and its slope is steep where the model is sure and wrong."),
)

# 03.4


def kl_divergences(P, Q):
    """Compute the reference: the KL divergence of each row, with 0 ln 0 = 0."""
    positive = P > 0
    return np.where(positive, P * np.log(np.where(positive, P, 1) / np.where(positive, Q, 1)), 0).sum(axis=1)


def _surprises(P, Q):
    positive = P > 0
    return -np.where(positive, P * np.log(np.where(positive, Q, 1)), 0).sum(axis=1)


def _beliefs(rng):
    cases = [
        (np.array([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), np.array([[0.4, 0.4, 0.2], [0.1, 0.3, 0.6]])),
        (np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])),
        (np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0]])),
    ]
    for n, q in ((4, 4), (20, 2), (3, 10)):
        cases.append((rng.dirichlet(np.full(q, 2), size=n), rng.dirichlet(np.full(q, 2), size=n)))
    return cases


KL_DIVERGENCE = function_exercise(
    "03.4",
    "The price of a wrong belief",
    reference=kl_divergences,
    inputs=_beliefs,
    mistakes=[
        (
            lambda P, Q: (P * np.log(P / Q)).sum(axis=1),
            N_("0 times ln 0 is nan, but an outcome that never comes costs nothing: count its term as 0"),
        ),
        (lambda P, Q: kl_divergences(Q, P), N_("that is the other direction: weigh with P, and divide P by Q")),
        (
            lambda P, Q: -kl_divergences(P, Q),
            N_("the sign is turned round (it is ln of P over Q): a divergence is never negative"),
        ),
        (_surprises, N_("that is the cross-entropy: the entropy of P is still in it")),
        (lambda P, Q: _surprises(P, P), N_("that is the entropy of P, whatever Q is")),
        (lambda P, Q: kl_divergences(P, Q).sum(), N_("that is the sum of all rows; each row has a divergence: axis=1")),
        (
            lambda P, Q: kl_divergences(P, Q).mean(),
            N_("that is the mean of all rows; each row has a divergence: axis=1"),
        ),
        (
            lambda P, Q: kl_divergences(P, Q) / P.shape[1],
            N_("a row's mean is q times too small: add up, since P is the weight already"),
        ),
        (
            lambda P, Q: kl_divergences(P, Q) / np.log(2),
            N_("that is in bits, with the logarithm to base 2; ours is natural"),
        ),
        (
            lambda P, Q: np.where(P > 0, P * np.log(np.where(P > 0, P / Q, 1)), 0).sum(axis=0),
            N_("you have added up the columns; a row is a distribution: axis=1"),
        ),
        (
            lambda P, Q: np.log(np.where(P > 0, P / Q, 1)).sum(axis=1),
            N_("weigh each logarithm with the true probability, P"),
        ),
    ],
    why=N_(
        "It measures how far one distribution is from another, and the direction matters: the mean is taken over P."
    ),
)

# 03.5

SCORES = choice_exercise(
    "03.5",
    "Scores, loss, accuracy",
    {
        "a": (False, N_("one prediction that is sure and wrong may cost as much as many that are right but unsure")),
        "b": (True, N_("what does softmax do with a factor that all terms of a row have in common?")),
        "c": (True, N_("which score of each row is the largest afterwards?")),
        "d": (False, N_("the model becomes surer: what is the loss of its wrong predictions then?")),
        "e": (True, N_("the logarithm of the likelihood is a sum over the labels: what is each term?")),
    },
    why=N_("Accuracy looks at the order of the scores only, cross-entropy also at their distances."),
)

# 03.6

LARGEST_LOSS = 0.75  # a blind guess has ln 10 = 2.3, a right recipe ends between 0.15 and 0.6


def _scores_at(arrays, minibatch, names):
    """Return pixels (n, 64), scores and one-hot labels of a minibatch, with the weights and biases of a moment."""
    X, y = minibatch[0].reshape(len(minibatch[0]), -1).astype("float64"), minibatch[1]
    return X, X @ arrays[names[0]] + arrays[names[1]].reshape(-1), np.eye(10)[y]


def _gradient(slope, names):
    """Return the gradient in the weights of a loss of which `slope` gives the derivative in the scores."""

    def gradient(arrays, minibatch):
        X, scores, labels = _scores_at(arrays, minibatch, names)
        return X.T @ slope(scores, labels) / len(X)

    return gradient


def _slope_of_squares(scores, labels):
    p = softmax(scores)
    return p * ((p - labels) - (p * (p - labels)).sum(axis=1, keepdims=True))


def _slope_of_whole_table(scores, labels):
    exp = np.exp(scores - scores.max())
    return len(scores) * exp / exp.sum() - labels


_SLOPES = [
    (lambda scores, labels: softmax(scores) - labels, ""),
    (
        lambda scores, labels: labels.sum(axis=0) * softmax(scores.T).T - labels,
        N_("softmax went along the columns; an example is a row: axis=1"),
    ),
    (_slope_of_whole_table, N_("softmax made the whole table sum to one; each row has to: axis=1, and keepdims=True")),
    (_slope_of_squares, N_("that is the squared loss of the probabilities; the loss is the cross-entropy")),
    (lambda scores, labels: scores - labels, N_("that is the squared loss of the scores: where is the softmax?")),
    (
        lambda scores, labels: 1 / (1 + np.exp(-scores)) - labels,
        N_("that is a sigmoid of each score by itself; softmax lets the classes share one probability"),
    ),
]


def _examine_steps(answer, loader, found, tried):
    """Look at the steps, if the function keeps its weights and biases in arrays of its own that have names."""
    names = [loader.name_of(part) for part in found]
    if None in names:
        return
    gradients = [(_gradient(slope, names), hint) for slope, hint in _SLOPES]
    rate = examine_own_steps(loader, names[0], gradients, tried)
    if rate is None:
        return
    other = WatchedLoader(loader, batch_size=loader.batch_size // 2, is_enough=True)
    seed(6)
    with suppress(Exception):  # SeenEnough, as a rule
        answer(other)
    other_rate = examine_own_steps(other, names[0], gradients, tried)
    if other_rate is not None and abs(other_rate / rate - 0.5) < 0.05:
        hint = N_("divide by the number of examples in the minibatch, len(y); the last one of an epoch is smaller")
        came_out = N_(
            "steps half as long for minibatches of {half} as for {size}",
            half=other.batch_size,
            size=loader.batch_size,
        )
        raise Wrong(tried, came_out, N_("steps by the gradient of the mean loss, for any batch size"), hint)


def _train_from_scratch(answer):
    """Train with the learner's function on digits, shuffled and renumbered, and let it read the others."""
    train_iter, X, y = _other_digits()
    train_iter = WatchedLoader(train_iter)
    tried = N_(
        "training with your function on {n} digits, then reading {num_others} others",
        n=train_iter.num_examples,
        num_others=len(y),
    )
    seed(6)
    found = call(answer, train_iter, tried=tried)
    if not isinstance(found, tuple) or len(found) != 2:
        raise Wrong(tried, form(found), N_("two results, W and b"), N_("end with return W, b"))
    W, b = found = [shaped_like(part, np.zeros(2)) for part in found]
    if np.shape(W) != (64, 10) or np.size(b) != 10:
        hint = N_("a row for each pixel, a column and a bias for each class")
        came_out = N_("W {W_shape} and b {b_shape}", W_shape=np.shape(W), b_shape=np.shape(b))
        raise Wrong(tried, came_out, N_("W (64, 10) and b (10,)"), hint)
    _examine_steps(answer, train_iter, found, tried)
    if not np.isfinite(W).all() or not np.isfinite(b).all():
        hint = N_("is the step divided by the batch size, the softmax stable, and the learning rate not above 1?")
        raise Wrong(tried, N_("weights that are nan or infinite"), N_("numbers"), hint)
    scores = X @ W + b.reshape(-1)
    loss = mean_cross_entropy(np.maximum(softmax(scores), np.finfo("float32").tiny), y)
    blind = np.log(10)
    if loss > LARGEST_LOSS:
        hint = N_("train longer, or with a larger learning rate; and divide by the batch size once, not twice")
        if loss > 1.2 * blind:
            hint = N_(
                "a blind guess does better: is the step against the gradient, and divided by the batch size, and do "
                "you train on what train_iter yields?"
            )
        elif loss > 0.98 * blind:
            hint = N_("nothing was learnt: does the loop change W and b in place, W[:] = ..., after backward()?")
        accuracy = (scores.argmax(axis=1) == y).mean()
        loss, limit = near_limit(loss, LARGEST_LOSS)
        came_out = N_("an accuracy of {accuracy:.2f}, a mean cross-entropy of {loss}", accuracy=accuracy, loss=loss)
        raise Wrong(tried, came_out, N_("at most {limit}", limit=limit), hint)
    if np.ptp(b) == 0:
        came_out = N_("ten biases of {bias}", bias=describe(float(b.flat[0])))
        raise Wrong(tried, came_out, N_("a bias that was trained, too"), N_("step b, too"))


def _other_digits():
    """Return minibatches of the digits for training, and the features and labels of the others for the test.

    Training and test examples are drawn anew and the classes have other numbers, so that weights from elsewhere do not
    fit.
    """
    arrays = [[part.asnumpy() for part in data_iter.arrays] for data_iter in load_digits(batch_size=64)]
    images, labels = (np.concatenate(parts) for parts in zip(*arrays, strict=True))
    rng = generator(306)
    train, test = np.split(rng.permutation(len(labels)), [len(arrays[0][1])])
    numbers = (3 * np.arange(10) + 5) % 10  # no digit keeps its number
    train_labels = nd.array(numbers[labels[train]], dtype="int32")
    train_iter = load_array((nd.array(images[train]), train_labels), batch_size=64)
    return train_iter, images[test].reshape(-1, 64).astype("float64"), numbers[labels[test]]


FROM_MEMORY = Exercise(
    "03.6",
    "Write it from memory",
    why=N_(
        "Softmax and cross-entropy stand at the end of nearly every classifier; a deeper one only has better scores."
    ),
    examine=_train_from_scratch,
)

EXERCISES = by_number(BLIND_GUESS, SOFTMAX, CROSS_ENTROPY, KL_DIVERGENCE, SCORES, FROM_MEMORY)
