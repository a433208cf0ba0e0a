"""What the checks of whole recipes share: whether each step is one along the gradient of the mean loss, for example.

A recipe is judged by what it is made of where that can be seen, and by what it has learnt in any case. What cannot be
seen (a loop without a trainer, features that were scaled) counts as right.
"""

import numpy as np

from ..language import N_
from .judging import Wrong


def mean_squared_loss(outputs, y):
    """Compute the mean of half the squared error; NaN if the outputs have another size than the labels.

    Examples
    --------
    >>> mean_squared_loss(np.array([[1.0], [2.0]]), np.array([0.0, 0.0]))
    1.25
    """
    if outputs.size != y.size:
        return np.nan
    return float(np.mean((outputs.reshape(-1) - y) ** 2) / 2)


def softmax(scores):
    """Compute the probabilities of each row of scores.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def mean_cross_entropy(scores, y):
    """Compute the mean cross-entropy of scores (n, q) and classes (n,); NaN if the shapes are others.

    Examples
    --------
    >>> round(mean_cross_entropy(np.zeros((3, 10)), np.array([1, 2, 3])), 4)
    2.3026
    >>> mean_cross_entropy(np.zeros((3, 3)), np.array([1, 2, 3]))  # there is no score for class 3
    nan
    """
    if scores.ndim != 2 or len(scores) != len(y) or y.max() >= scores.shape[1]:
        return np.nan
    shifted = scores - scores.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]))


class Labels:
    """Finds the labels of examples by their features, as a recipe shuffles them.

    Parameters
    ----------
    features, labels : numpy.ndarray

    Examples
    --------
    >>> Labels(np.eye(2), np.array([5, 6])).of(np.array([[0.0, 1.0]]))
    array([6])
    """

    def __init__(self, features, labels):
        self._labels = labels
        self._places = {row.tobytes(): i for i, row in enumerate(_rows(features))}

    def of(self, inputs):
        """Return the labels of these examples, or None if one of them is unknown."""
        places = [self._places.get(row.tobytes()) for row in _rows(inputs)]
        return None if None in places else self._labels[places]


def _rows(features):
    return np.ascontiguousarray(features, dtype="float32").reshape(len(features), -1)


def examine_steps(steps, labels, mean_loss, tried):
    """Raise `Wrong` if a trainer's steps are longer or shorter than the gradient of the mean loss says.

    Parameters
    ----------
    steps : list of Step
        What `Watch` has noted.
    labels : Labels
    mean_loss : callable
        Of outputs and labels.
    tried : str
    """
    if not steps:
        return
    usual = max(len(step.inputs) for step in steps)  # the last minibatch of an epoch may be smaller
    factors = []
    for step in (step for step in steps if len(step.inputs) == usual):
        y = labels.of(step.inputs)
        with np.errstate(all="ignore"):
            mean = np.nan if y is None else mean_loss(step.outputs, y)
            sums = [n for n in (1, usual) if np.isclose(step.objective, n * mean, rtol=0.02)]
        if sums and np.isfinite(mean):
            factors.append((sums[0] / step.batch_size, sums[0], step.batch_size))
    if len(factors) < len(steps) / 2:
        return
    factor, summed, batch_size = sorted(factors)[len(factors) // 2]
    if abs(factor - 1) < 0.02:
        return
    hint = N_("is there a fixed number in step where the size of the minibatch belongs, len(y)?")
    if summed == usual and batch_size == 1:
        hint = N_("backward() gave the gradient of the sum of the losses, and step(1) does not divide it: step(len(y))")
    elif summed == 1 and batch_size == usual:
        hint = N_("the gradient is divided twice, by mean() and by step(): take the losses as they are, or step(1)")
    came_out = N_(
        "steps {factor:.3g} times as long as the gradient of the mean loss says, for minibatches of {size}",
        factor=factor,
        size=usual,
    )
    raise Wrong(tried, came_out, N_("steps as long as it says"), hint)


def examine_mode(steps, tried):
    """Raise `Wrong` if the network was recorded in predict mode, where dropout does nothing."""
    if steps and not any(step.train_mode for step in steps):
        hint = N_("record() has to be in train mode, which is its default: nothing was dropped while it was trained")
        raise Wrong(tried, N_("a network recorded in predict mode"), N_("train mode while recording"), hint)


def examine_scores(scores, tried):
    """Raise `Wrong` if what a classifier gives are no scores, but what a function has made of them.

    Parameters
    ----------
    scores : numpy.ndarray of shape (n, q)
    tried : str
    """
    if not np.isfinite(scores).all():
        raise Wrong(tried, N_("scores that are no numbers"), N_("finite scores"), N_("is the learning rate too large?"))
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        hint = N_("is a softmax in the network? The loss applies one itself, so that there would be two")
        raise Wrong(tried, N_("rows that sum to one: probabilities"), N_("scores"), hint)
    if (scores <= 0).all() and np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-3):
        hint = N_("these are log-probabilities: the network ends with a softmax that belongs to the loss")
        raise Wrong(tried, N_("logarithms of probabilities"), N_("scores"), hint)
    if np.ptp(scores, axis=0).max() <= 1e-5 * max(1e-30, np.abs(scores).max()):
        hint = N_("do all weights start at zero, or at the same number? Then nothing tells the hidden units apart")
        raise Wrong(tried, N_("the same scores for all images"), N_("scores that depend on the image"), hint)
    if (scores >= 0).all() and (scores == 0).mean() > 0.02:
        hint = N_("the last layer has no activation: ReLU makes all negative scores equal")
        raise Wrong(tried, N_("no negative scores, and many zeros"), N_("scores of both signs"), hint)
    for low, name in ((0, "sigmoid"), (-1, "tanh")):
        is_within = low <= scores.min() and scores.max() <= 1
        is_at_bounds = np.mean((scores < low + 0.2) | (scores > 0.8)) > 0.2
        if is_within and is_at_bounds:
            hint = N_("the last layer has no activation: with {activation} no score can be large", activation=name)
            raise Wrong(tried, N_("only scores from {low} to 1", low=low), N_("scores without bounds"), hint)


def examine_own_steps(loader, name, gradients, tried):
    """Raise `Wrong` if the steps of a loop from scratch went along the gradient of another loss than the right one.

    Parameters
    ----------
    loader : WatchedLoader
        That the loop has gone through.
    name : str or None
        Of the array that a step changes.
    gradients : list of (callable, str)
        Given the arrays at a moment and the minibatch, the gradient of the right mean loss, and those of usual wrong
        losses; each with a hint.
    tried : str

    Returns
    -------
    float or None
        The learning rate of the steps, if they go along the right gradient; None if that is unknown.
    """
    moments = zip(loader.moments, loader.moments[1:], loader.minibatches, strict=False)
    steps = [(before, after, minibatch) for before, after, minibatch in moments if minibatch is not None]
    steps = [(before, after, minibatch) for before, after, minibatch in steps if name in before and name in after]
    if len(steps) < 5:
        return None
    gradient_name = f"{name} grad"
    # An optimizer like Adam does not step along the gradient; the gradient is known then, if autograd has made it.
    for is_step, changes in (
        (True, [after[name] - before[name] for before, after, _ in steps]),
        (False, [-after.get(gradient_name, np.nan) * np.ones_like(after[name]) for _, after, _ in steps]),
    ):
        fits = []
        for gradient, _ in gradients:
            with np.errstate(all="ignore"):
                each = [_fit(change, gradient(at, mb)) for change, (at, _, mb) in zip(changes, steps, strict=True)]
            fits.append(np.nan_to_num(np.median(each, axis=0), nan=1.0))
        rests = [rest for _, rest in fits]
        best = int(np.argmin(rests))
        if rests[0] < 0.05:
            return float(fits[0][0]) if is_step else None
        if rests[best] < 0.02:
            expected = N_("steps along that of the mean cross-entropy")
            raise Wrong(tried, N_("steps along another gradient"), expected, gradients[best][1])
    return None


def _fit(change, gradient):
    """Return how many times the negative gradient a change is, and which share of the change is left over."""
    size = np.sum(gradient**2)
    factor = -np.sum(change * gradient) / size if size else 0.0
    return factor, np.linalg.norm(change + factor * gradient) / np.linalg.norm(change)


def is_flat(error, y):
    """Tell whether a model predicts the mean label for all examples, as it does when (n, 1) - (n,) is broadcast.

    Parameters
    ----------
    error, y : numpy.ndarray of shape (n,)
        Predictions less labels, and the labels.

    Examples
    --------
    >>> is_flat(np.array([1.0, -1.0]), np.array([2.0, 4.0]))
    True
    """
    with np.errstate(all="ignore"):
        return bool(np.var(error) > 0.6 * np.var(y) and np.mean(error) ** 2 < 0.1 * np.mean(y) ** 2)


BROADCAST = N_(
    "the bias is learnt and the weights are not: is there a difference of shapes (n, 1) and (n,), a table of all pairs?"
)
TOO_FEW = N_("train longer, or with a larger learning rate")
TOO_LARGE = N_(
    "two runs end at different places around the best one: use a smaller learning rate, or larger minibatches"
)


def is_scattered(one, other, best):
    """Tell whether two runs have ended on all sides of the best parameters, rather than on their way to them.

    Examples
    --------
    >>> is_scattered(np.array([1.0, 2.1]), np.array([1.1, 1.9]), np.array([1.05, 2.0]))
    True
    >>> is_scattered(np.array([0.5, 1.0]), np.array([0.51, 1.0]), np.array([1.05, 2.0]))
    False
    >>> is_scattered(np.array([1.0]), np.array([2.0]), np.array([0.5]))  # as far from each other as from the best
    True
    """
    with np.errstate(all="ignore"):
        return bool(np.linalg.norm(one - other) > np.linalg.norm((one + other) / 2 - best) / 2)
