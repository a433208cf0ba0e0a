"""How good a model is: accuracy and mean loss, on one minibatch and over a data set."""

from collections import deque

import numpy as np
from mxnet import autograd
from mxnet.base import MXNetError

from .devices import on_device
from .validation import (
    check_array,
    check_callable,
    check_class_ids,
    check_finite,
    check_iterable,
    check_same_length,
)


def accuracy(y_hat, y):
    """Compute the share of correct predictions. This waits for the predictions.

    Parameters
    ----------
    y_hat : mx.nd or mx.np array of shape (n, q) or (n,)
        Scores or probabilities of q ≥ 2 classes (the class with the largest counts as predicted, the first of
        several), or predicted class ids.
    y : array of shape (n,)
        True class ids, 0 to q - 1.

    Returns
    -------
    float
        Correct predictions over all predictions, from 0 to 1.

    Raises
    ------
    TypeError
        If an argument is no MXNet array.
    ValueError
        If the shapes do not fit, a score is NaN or infinite, or a class id is not one of 0 to q - 1.

    Examples
    --------
    >>> from mxnet import nd
    >>> accuracy(nd.array([[0.1, 0.9], [0.8, 0.2]]), nd.array([1, 1]))
    0.5
    """
    check_array("y_hat", y_hat, ndim=(1, 2))
    check_array("y", y, ndim=(1,))
    check_same_length("y_hat", y_hat, "y", y)
    predicted, labels = y_hat.asnumpy(), y.asnumpy()
    check_finite("y_hat", predicted)
    if predicted.ndim == 2:
        if predicted.shape[1] == 1:
            raise ValueError(
                f"y_hat has the shape {y_hat.shape}, scores of a single class; hand in the scores of all classes, "
                "or class ids with y_hat.reshape((-1,))."
            )
        check_class_ids("y", labels, predicted.shape[1])
        predicted = predicted.argmax(axis=1)
    else:
        check_class_ids("y_hat", predicted, np.inf)
        check_class_ids("y", labels, np.inf)
    return float((predicted == labels).mean())


def predictions(net, data_iter, name="data_iter", ctx=None):
    """Yield what `net` predicts, and the labels, minibatch by minibatch, in predict mode and without recording.

    Parameters
    ----------
    net : callable
        A Gluon block or a function of a minibatch of features.
    data_iter : iterable
        Of minibatches (features, labels).
    name : str
        What the caller calls `data_iter`, for messages.
    ctx : mx.Context, optional
        Device that the minibatches are moved to first.

    Yields
    ------
    y_hat, y : arrays
        Predictions and labels of one minibatch.

    Raises
    ------
    ValueError
        If `data_iter` yields nothing.

    Examples
    --------
    >>> from mxnet import nd
    >>> next(predictions(lambda X: 2 * X, [(nd.ones((1,)), nd.zeros((1,)))]))[0].asnumpy()
    array([2.], dtype=float32)
    """
    check_iterable(name, data_iter)
    empty = True
    backlog = Backlog()
    for batch in data_iter:
        empty = False
        X, y = on_device(unpack(batch, name), ctx)
        with autograd.pause(train_mode=False):
            y_hat = forward(net, X)
        backlog.add(X, y_hat)
        yield y_hat, y
    if empty:
        raise ValueError(f"{name} yielded no minibatch; is it a generator that has been used up?")


def evaluate_accuracy(net, data_iter):
    """Compute the accuracy of `net` over a whole data set.

    Parameters
    ----------
    net : callable
        A Gluon block or a function that turns features into scores (n, q).
    data_iter : iterable
        Of minibatches (features, labels); they may differ in size.

    Returns
    -------
    float
        Correct predictions over all predictions, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        As `accuracy` does, or if `data_iter` yields nothing.

    Examples
    --------
    >>> from mxnet import nd
    >>> scores = nd.array([[1, 0], [1, 0], [0, 1]])
    >>> evaluate_accuracy(lambda X: X, [(scores[:2], nd.array([0, 1])), (scores[2:], nd.array([1]))])
    0.6666666666666666
    """
    return mean_metric(accuracy, predictions(net, data_iter))


def mean_metric(metric, outputs):
    """Compute the mean of `metric` over minibatches, each weighted by its number of examples.

    Parameters
    ----------
    metric : callable
        Turns the predictions and labels of a minibatch into a number, the mean over its examples.
    outputs : iterable
        Of pairs (y_hat, y).

    Returns
    -------
    float

    Examples
    --------
    >>> from mxnet import nd
    >>> mean_metric(accuracy, [(nd.array([1, 1]), nd.array([1, 0])), (nd.array([1]), nd.array([1]))])
    0.6666666666666666
    """
    total, count = 0.0, 0
    for y_hat, y in outputs:
        value, num_examples = metric(y_hat, y), y.shape[0]
        try:
            total += float(value) * num_examples
        except (TypeError, ValueError):
            shape = f" of the shape {value.shape}" if hasattr(value, "shape") else ""
            raise TypeError(
                f"metric must return one number a minibatch, but returned a {type(value).__name__}{shape}; "
                "for example return its mean."
            ) from None
        count += num_examples
    return total / count


def evaluate_loss(net, data_iter, loss):
    """Compute the mean loss of `net` over a whole data set.

    Parameters
    ----------
    net : callable
        A Gluon block or a function of a minibatch of features.
    data_iter : iterable
        Of minibatches (features, labels); they may differ in size.
    loss : callable
        A Gluon loss or a function that turns (y_hat, y) into one loss an example.

    Returns
    -------
    float
        The mean over all examples (not over minibatches).

    Raises
    ------
    ValueError
        If `data_iter` yields nothing, or `loss` does not return one loss an example.

    Examples
    --------
    >>> from mxnet import nd
    >>> batches = [(nd.array([1, 1]), nd.array([0, 0])), (nd.array([4]), nd.array([0]))]
    >>> evaluate_loss(lambda X: X, batches, lambda y_hat, y: y_hat - y)
    2.0
    """
    return mean_loss(loss, predictions(net, data_iter))


def mean_loss(loss, outputs):
    """Compute the mean of `loss` over the examples of all minibatches.

    Parameters
    ----------
    loss : callable
        Turns the predictions and labels of a minibatch into one loss an example.
    outputs : iterable
        Of pairs (y_hat, y).

    Returns
    -------
    float

    Examples
    --------
    >>> from mxnet import nd
    >>> mean_loss(lambda y_hat, y: y_hat - y, [(nd.array([3, 1]), nd.array([0, 0]))])
    2.0
    """

    def mean_of_minibatch(y_hat, y):
        losses = call_loss(loss, y_hat, y)
        check_labels(y_hat, y)
        return losses.asnumpy().mean(dtype=np.float64)

    return mean_metric(mean_of_minibatch, outputs)


class Backlog:
    """Bounds the memory of the minibatches that were handed to the engine, and that it has not come to yet.

    Where the engine is slower than what feeds it, a whole data set could pile up. So a result is waited for, but one of
    some steps before, so that the engine has enough to do meanwhile.
    """

    _MOST_NUMBERS = 2**21  # 8 MB of float32
    _AT_LEAST = 2**11  # numbers that a minibatch counts for, so that there are at most 1,024 in the backlog

    def __init__(self):
        self._waiting = deque()
        self._numbers = 0

    def add(self, X, result):
        """Note that `result` was asked for, which needs the features `X` in memory."""
        numbers = max(X.size, self._AT_LEAST)
        self._waiting.append((numbers, result))
        self._numbers += numbers
        while self._numbers > self._MOST_NUMBERS and len(self._waiting) > 1:
            numbers, oldest = self._waiting.popleft()
            oldest.wait_to_read()
            self._numbers -= numbers


def unpack(batch, name):
    """Return the features and labels of a minibatch that the iterable called `name` has yielded.

    Raises
    ------
    TypeError
        If `batch` is not a pair of MXNet arrays.

    Examples
    --------
    >>> unpack("abc", "train_iter")
    Traceback (most recent call last):
        ...
    TypeError: train_iter must yield pairs (features, labels), but yielded a str; see load_array.
    """
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        got = f"a {type(batch).__name__}" + (f" of length {len(batch)}" if isinstance(batch, list | tuple) else "")
        raise TypeError(f"{name} must yield pairs (features, labels), but yielded {got}; see load_array.")
    check_array("features", batch[0])
    check_array("labels", batch[1])
    return batch


def forward(net, X):
    """Compute ``net(X)``, and say plainly what is wrong where MXNet would not.

    Raises
    ------
    TypeError
        If `net` cannot be called, or does not return an MXNet array.
    ValueError
        If the network's parameters were never initialised, or it cannot take features of this shape.

    Examples
    --------
    >>> from mxnet import gluon, nd
    >>> forward(gluon.nn.Dense(1), nd.ones((2, 3)))
    Traceback (most recent call last):
        ...
    ValueError: the parameters of net were never initialised; call net.initialize() first.
    """
    check_callable("net", net)
    try:
        y_hat = net(X)
    except MXNetError as error:
        shape = getattr(X, "shape", type(X).__name__)
        raise ValueError(f"net cannot take features of the shape {shape}: {_reason(error)}") from None
    except RuntimeError as error:
        if "has not been initialized" not in str(error):
            raise
        raise ValueError("the parameters of net were never initialised; call net.initialize() first.") from None
    check_array("the output of net", y_hat)
    return y_hat


def call_loss(loss, y_hat, y):
    """Compute ``loss(y_hat, y)`` and check that it is one loss an example.

    Raises
    ------
    TypeError
        If `loss` cannot be called, or does not return an MXNet array.
    ValueError
        If its shape is not (n,) for n labels (a loss that is a mean or a sum already is one such case), or
        the shapes of `y_hat` and `y` do not fit.

    Examples
    --------
    >>> from mxnet import nd
    >>> call_loss(lambda y_hat, y: (y_hat - y).mean(), nd.ones((3,)), nd.ones((3,)))
    Traceback (most recent call last):
        ...
    ValueError: loss must return one loss an example, shape (3,), but returned the shape (1,); ...
    """
    check_callable("loss", loss)
    if _has_classes(y_hat) and y.shape == (y_hat.shape[0], 1):
        raise ValueError(
            f"y must have 1 axis, but has the shape {y.shape}, for scores of the shape {y_hat.shape}; "
            "reshape it with y.reshape((-1,))."
        )
    try:
        losses = loss(y_hat, y)
    except MXNetError as error:
        if not _has_classes(y_hat) and y.size != y_hat.size:
            raise ValueError(
                f"y has the shape {y.shape}, but y_hat the shape {y_hat.shape}; pick a column of y, or give net as "
                "many outputs as an example has labels."
            ) from None
        if y.dtype != y_hat.dtype:
            wanted = np.dtype(y_hat.dtype).name
            raise ValueError(
                f'y is {np.dtype(y.dtype).name}, but y_hat is {wanted}; convert it with y.astype("{wanted}").'
            ) from None
        raise ValueError(
            f"loss cannot compare y_hat of the shape {y_hat.shape} with y of the shape {y.shape}: {_reason(error)}"
        ) from None
    check_array("the value of loss", losses)
    if losses.shape != (y.shape[0],):
        raise ValueError(
            f"loss must return one loss an example, shape ({y.shape[0]},), but returned the shape {losses.shape}; "
            "leave out the mean or sum over the minibatch."
        )
    return losses


def check_labels(y_hat, y):
    """Check that `y` holds class ids if `y_hat` holds scores of several classes. This waits for `y`.

    Gluon's own losses take a class id that does not exist for the nearest one that does.

    Raises
    ------
    ValueError
        If an id is not one of 0 to q - 1, for scores (n, q).

    Examples
    --------
    >>> from mxnet import nd
    >>> check_labels(nd.ones((1, 10)), nd.array([10]))
    Traceback (most recent call last):
        ...
    ValueError: y must hold class ids from 0 to 9, but holds 10 at index 0; number the classes from 0.
    """
    if _has_classes(y_hat) and len(y.shape) == 1:
        check_class_ids("y", y, y_hat.shape[1])


def _has_classes(y_hat):
    return len(y_hat.shape) == 2 and y_hat.shape[1] > 1


def _reason(error):
    """Return the line of an engine's error that is about its cause, without the C++ stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("MXNetError: ")]
    return (named or lines or ["unknown"])[-1].removeprefix("MXNetError: ")
