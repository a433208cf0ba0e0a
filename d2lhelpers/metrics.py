"""How good a model is: accuracy and mean loss, on one minibatch and over a data set."""

import math
from collections import deque

import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.base import MXNetError

from .devices import on_device
from .engine_errors import engine_errors, reason_of
from .validation import (
    as_labels,
    check_array,
    check_callable,
    check_class_ids,
    check_finite,
    check_ids_axis,
    check_iterable,
    check_numbers,
    check_same_length,
    is_np,
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
    check_ids_axis("y", y)
    check_same_length("y_hat", y_hat, "y", y)
    (result,) = accuracies(y_hat.asnumpy(), as_labels("y", y).asnumpy(), [y.shape[0]])
    return result


def accuracies(y_hat, y, sizes):
    """Compute the accuracy of each of several minibatches.

    Parameters
    ----------
    y_hat : numpy.ndarray of shape (n, q) or (n,)
        Scores or probabilities, or predicted class ids, of all minibatches, one after the other.
    y : numpy.ndarray of shape (n,)
        True class ids.
    sizes : list of int
        How many examples each minibatch has; n in all.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If a score is NaN or infinite, or a class id is not one of 0 to q - 1.

    Examples
    --------
    >>> accuracies(np.array([[0.1, 0.9], [0.8, 0.2], [0.8, 0.2]]), np.array([1, 1, 0]), [2, 1])
    [0.5, 1.0]
    """
    check_finite("y_hat", y_hat)
    if y_hat.ndim == 2:
        if y_hat.shape[1] == 1:
            raise ValueError(
                f"y_hat has the shape {y_hat.shape}, scores of a single class; hand in the scores of all classes, "
                "or class ids with y_hat.reshape((-1,))."
            )
        check_class_ids("y", y, y_hat.shape[1])
        y_hat = y_hat.argmax(axis=1)
    else:
        check_class_ids("y_hat", y_hat, np.inf)
        check_class_ids("y", y, np.inf)
    hits = np.add.reduceat(y_hat == y, np.cumsum(sizes) - sizes, dtype=np.int64)
    return (hits / sizes).tolist()


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
    check_parameters(net)
    empty = True
    backlog = Backlog()
    for batch in data_iter:
        empty = False
        X, y = on_device(unpack(batch, name), ctx)
        with autograd.pause(train_mode=False):
            y_hat = forward(net, X)
        backlog.add(math.prod(X.shape), y_hat)
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
    with engine_errors():
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
        total += metric_value(metric, y_hat, y) * y.shape[0]
        count += y.shape[0]
    return total / count


def metric_value(metric, y_hat, y):
    """Compute the value of a metric on one minibatch.

    Raises
    ------
    TypeError
        If it is not one number.

    Examples
    --------
    >>> from mxnet import nd
    >>> metric_value(lambda y_hat, y: (y_hat - y).mean(), nd.array([1, 4]), nd.array([0, 2]))
    1.5
    """
    value = metric(y_hat, y)
    try:
        return _as_float(value)
    except (TypeError, ValueError):
        shape = f" of the shape {value.shape}" if hasattr(value, "shape") else ""
        raise TypeError(
            f"metric must return one number a minibatch, but returned a {type(value).__name__}{shape}; "
            "for example return its mean."
        ) from None


def _as_float(value):
    if isinstance(value, nd.NDArray):
        value = value.asnumpy()
    return float(value.item() if isinstance(value, np.ndarray) else value)  # item(), of one element only


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
    check_callable("loss", loss)
    with engine_errors():
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
        self._numbers = self._unmarked = 0

    def add(self, numbers, result):
        """Note that `result` was asked for, which needs features of so many numbers in memory."""
        numbers = max(numbers, self._AT_LEAST)
        self._waiting.append((numbers, result))
        self._numbers += numbers
        while self._numbers > self._MOST_NUMBERS and len(self._waiting) > 1:
            numbers, oldest = self._waiting.popleft()
            oldest.wait_to_read()
            self._numbers -= numbers

    def count(self, numbers, mark, times=1):
        """Note that something was asked for that has no result of its own, several times at once if so said.

        Once in a while `mark` is called. It returns an array that is there when all that was asked for is.
        """
        self._unmarked += max(numbers, self._AT_LEAST) * times
        if self._unmarked >= self._MOST_NUMBERS // 8:
            self.add(self._unmarked, mark())
            self._unmarked = 0

    def room_for(self, numbers):
        """Return how many times so many numbers can be counted until `mark` is called."""
        return -(-(self._MOST_NUMBERS // 8 - self._unmarked) // max(numbers, self._AT_LEAST))


def unpack(batch, name):
    """Return the features and labels of a minibatch that the iterable called `name` has yielded.

    Labels that are truth values become 0 and 1.

    Raises
    ------
    TypeError
        If `batch` is not a pair of MXNet arrays, or the labels are no numbers.

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
    X, y = batch
    check_array("features", X)
    check_array("labels", y)
    check_numbers("features", X)
    return X, as_labels("labels", y, like=X)


def check_parameters(net):
    """Check that a network's parameters are of a type, and on a device, that MXNet computes with.

    Raises
    ------
    TypeError
        If they are integers, or float16 on a CPU: MXNet would stop long after the call.

    Examples
    --------
    >>> from mxnet import gluon
    >>> net = gluon.nn.Dense(1)
    >>> net.cast("float16")
    >>> check_parameters(net)
    Traceback (most recent call last):
        ...
    TypeError: the parameters of net are float16, which MXNet computes with on a GPU only; write net.cast("float32") ...
    """
    if not isinstance(net, gluon.Block):
        return
    for param in net.collect_params().values():
        dtype = np.dtype(param.dtype)
        if dtype == np.float16 and not _is_on_gpu(param):
            problem = "which MXNet computes with on a GPU only"
        elif dtype.kind != "f":
            problem = "which have no gradient"
        else:
            continue
        raise TypeError(
            f'the parameters of net are {dtype.name}, {problem}; write net.cast("float32") before the trainer is made, '
            'and hand in features.astype("float32").'
        )


def _is_on_gpu(param):
    is_initialised = param._data is not None or param._deferred_init
    return is_initialised and all(ctx.device_type == "gpu" for ctx in param.list_ctx())


def forward(net, X):
    """Compute ``net(X)``, and say plainly what is wrong where MXNet would not.

    Raises
    ------
    TypeError
        If `net` cannot be called, or does not return an MXNet array.
    ValueError
        If the network's parameters were never initialised, or it cannot take features of this shape or type.

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
        _explain_type(net, X, error)
        raise ValueError(f"net cannot take features of the shape {X.shape}: {reason_of(error)}") from None
    except RuntimeError as error:
        if "has not been initialized" not in str(error):
            raise
        raise ValueError(f"the parameters of {_uninitialised(net)}; call net.initialize() first.") from None
    if not isinstance(y_hat, nd.NDArray):
        raise TypeError(f"net must return an MXNet array, but returned {_describe(y_hat, 'net(X)')}")
    check_array("the output of net", y_hat)
    return y_hat


def _explain_type(net, X, error):
    """Raise what says so if features and parameters are of different types, which the engine takes for no reason."""
    dtype = np.dtype(X.dtype).name
    params = net.collect_params().values() if isinstance(net, gluon.Block) else []
    types = {np.dtype(param.dtype).name for param in params}
    if types and dtype not in types:
        wanted = "float32" if "float32" in types else min(types)
        raise ValueError(
            f"features are {dtype}, but the parameters of net are {wanted}; convert the features, as in "
            f'X = X.astype("{wanted}"), before they are cut into minibatches.'
        ) from None
    if not types and "Incompatible attr" in str(error) and "expected" in str(error):
        raise ValueError(
            f"net computes with arrays of different types, and the features are {dtype}; make all of them float32, as "
            'in X = X.astype("float32").'
        ) from None


def _uninitialised(net):
    """Return "net were never initialised", or, where only some of its parameters were not, which."""
    params = net.collect_params().values() if isinstance(net, gluon.Block) else []
    missing = [param.name for param in params if param._data is None and not param._deferred_init]
    if not missing or len(missing) == len(params):
        return "net were never initialised"
    return f"net that were added last were never initialised ({', '.join(missing)})"


def _describe(value, call):
    """Say what came instead of an MXNet array, and what to do about it."""
    if value is None:
        return "None (NoneType); end its function with return."
    if isinstance(value, tuple | list):
        return (
            f"a {type(value).__name__} of {len(value)}; hand in a function that picks the one that is meant, as in "
            f"{'lambda X: ' if call == 'net(X)' else 'lambda y_hat, y: '}{call}[0]."
        )
    if isinstance(value, np.ndarray):
        return f"a numpy.ndarray, which has no gradient; leave out asnumpy() in {call}."
    return f"a value of the type {type(value).__name__}; compute it with functions of MXNet only."


def call_loss(loss, y_hat, y):
    """Compute ``loss(y_hat, y)`` and check that it is one loss an example.

    Losses of shape (n, 1), such as those of ``d2l.squared_loss``, are given the shape (n,).

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
        raise ValueError(_why_not(loss, y_hat, y, error)) from None
    except ValueError as error:  # where nothing is recorded, it is Python code that refuses another size
        if not isinstance(loss, gluon.loss.Loss) or "Cannot reshape array" not in str(error):
            raise
        raise ValueError(_why_not(loss, y_hat, y, error)) from None
    except TypeError:
        if is_np(y_hat) == is_np(y):
            raise
        kinds = ["mx.np" if is_np(array) else "mx.nd" for array in (y_hat, y)]
        raise TypeError(
            f"y_hat is an {kinds[0]} array, but y an {kinds[1]} array; convert the labels with "
            f"y.as_{kinds[0].removeprefix('mx.')}_ndarray(), before they are cut into minibatches."
        ) from None
    if not isinstance(losses, nd.NDArray):
        raise TypeError(
            f"the value of loss must be an MXNet array, but is of the type {type(losses).__name__}: "
            f"loss returned {_describe(losses, 'loss(y_hat, y)')}"
        )
    check_array("the value of loss", losses)
    n, shape = y.shape[0], losses.shape
    if shape == (n,):
        return losses
    if shape == (n, 1):
        return losses.reshape((-1,))
    if shape == (n, n):
        reason = (
            f"it compared each of y_hat, shape {y_hat.shape}, with each of y, shape {y.shape}; give them one shape, as "
            "in y_hat.reshape(y.shape)"
        )
    elif shape[:1] == (n,):
        reason = "take the mean over the outputs of each example, as in losses.mean(axis=1)"
    else:
        reason = "leave out the mean or sum over the minibatch"
    raise ValueError(f"loss must return one loss an example, shape ({n},), but returned the shape {shape}; {reason}.")


def _why_not(loss, y_hat, y, error):
    """Return why the engine refused to compare predictions and labels, and what to do about it."""
    is_cross_entropy = isinstance(loss, gluon.loss.SoftmaxCrossEntropyLoss)
    if is_cross_entropy and loss._sparse_label and y.shape == y_hat.shape:
        return (
            f"y has the shape {y.shape}, that of y_hat, but loss takes class ids; if y holds one-hot labels, take "
            "y.argmax(axis=1), or loss = gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)."
        )
    if is_cross_entropy and not loss._sparse_label and y.shape == y_hat.shape[:1]:
        return (
            f"y has the shape {y.shape}, class ids, but loss takes one-hot labels of the shape {y_hat.shape}; take "
            "loss = gluon.loss.SoftmaxCrossEntropyLoss()."
        )
    if not _has_classes(y_hat) and y.size != y_hat.size:
        return (
            f"y has the shape {y.shape}, but y_hat the shape {y_hat.shape}; pick a column of y, or give net as "
            "many outputs as an example has labels."
        )
    if y.dtype != y_hat.dtype:
        wanted = np.dtype(y_hat.dtype).name
        return f'y is {np.dtype(y.dtype).name}, but y_hat is {wanted}; convert it with y.astype("{wanted}").'
    return f"loss cannot compare y_hat of the shape {y_hat.shape} with y of the shape {y.shape}: {reason_of(error)}"


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
