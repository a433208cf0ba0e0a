"""The from-scratch pieces of the chapters: models, losses and the optimizer, as plain functions.

All of them take the classic ``mx.nd`` arrays and the ``mx.np`` arrays alike and return the kind they were
given. None of them waits for a result, except to look at labels.
"""

import threading
from contextlib import contextmanager

import mxnet as mx
import numpy as np
from mxnet import autograd, nd

from .validation import (
    as_labels,
    check_array,
    check_class_ids,
    check_float,
    check_ids_axis,
    check_integer,
    check_number,
    check_numbers,
    check_same_length,
    is_np,
)

_TINY = float(np.finfo(np.float32).tiny)  # the smallest normal float32, about 1.2e-38
_ROUNDING = 1e-5  # how far above 1 a probability in float32 may come out


class _Noted(threading.local):
    arrays = None  # a list, within `noted_probabilities`


_noted = _Noted()


def _namespace(array):
    return mx.np if is_np(array) else nd


def _same_interface(**arrays):
    kinds = {name: "mx.np" if is_np(array) else "mx.nd" for name, array in arrays.items()}
    if len(set(kinds.values())) > 1:
        got = ", ".join(f"{name} is an {kind} array" for name, kind in kinds.items())
        raise TypeError(f"the arrays must be of one kind, but {got}; convert with as_nd_ndarray() or as_np_ndarray().")


def _same_kind(**arrays):
    _same_interface(**arrays)
    dtypes = {name: np.dtype(array.dtype).name for name, array in arrays.items()}
    if len(set(dtypes.values())) > 1:
        got = ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        raise TypeError(f'the arrays must be of one type, but {got}; convert with astype("float32").')


def linreg(X, w, b):
    """Compute the linear model Xw + b.

    Parameters
    ----------
    X : mx.nd or mx.np array of shape (n, d)
        Features, an example a row.
    w : array of shape (d,) or (d, q)
        Weights; q outputs.
    b : array of shape (1,) or (q,), or float
        Bias, added to every row.

    Returns
    -------
    array of shape (n,) or (n, q)
        One output an example for `w` of shape (d,), else q outputs an example.

    Raises
    ------
    TypeError
        If an argument is no MXNet array, or the arrays are of different kinds.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from mxnet import nd
    >>> linreg(nd.array([[1, 2], [3, 4]]), nd.array([10, 1]), 0.5).asnumpy()
    array([12.5, 34.5], dtype=float32)
    """
    check_array("X", X, ndim=(2,))
    check_array("w", w, ndim=(1, 2))
    check_float("X", X)
    if X.shape[1] != w.shape[0]:
        raise ValueError(
            f"X has {X.shape[1]} features an example, but w has {w.shape[0]} weights an output "
            f"(X {X.shape}, w {w.shape}); give w the shape ({X.shape[1]},) or ({X.shape[1]}, q)."
        )
    if isinstance(b, nd.NDArray):
        outputs = 1 if len(w.shape) == 1 else w.shape[1]
        if b.shape not in ((), (1,), (outputs,)):
            raise ValueError(f"b must have the shape (1,) or ({outputs},), but has {b.shape}; one bias an output.")
        _same_kind(X=X, w=w, b=b)
    else:
        _same_kind(X=X, w=w)
        b = check_number("b", b, minimum=-np.inf)
    return _namespace(X).dot(X, w) + b


def squared_loss(y_hat, y):
    """Compute half the squared error of each example, (y_hat - y)² / 2.

    Parameters
    ----------
    y_hat : mx.nd or mx.np array of shape (n,) or (n, 1)
        Predictions.
    y : array of shape (n,) or (n, 1)
        Labels.

    Returns
    -------
    array of shape (n,)
        A loss of at least 0 for each example.

    Raises
    ------
    TypeError
        If an argument is no MXNet array, or the arrays are of different kinds.
    ValueError
        If there are several predictions or labels an example, or not equally many examples.

    Examples
    --------
    >>> from mxnet import nd
    >>> squared_loss(nd.array([1, 5]), nd.array([1, 2])).asnumpy()
    array([0. , 4.5], dtype=float32)
    """
    for name, array in (("y_hat", y_hat), ("y", y)):
        check_array(name, array, ndim=(1, 2))
        if len(array.shape) == 2 and array.shape[1] != 1:
            raise ValueError(
                f"{name} must hold one number an example, but has the shape {array.shape}; "
                f"pick a column, or reshape it with {name}.reshape((-1,))."
            )
    check_float("y_hat", y_hat)
    check_same_length("y_hat", y_hat, "y", y)
    _same_interface(y_hat=y_hat, y=y)
    check_numbers("y", y)
    return (y_hat.reshape((-1,)) - y.reshape((-1,)).astype(y_hat.dtype)) ** 2 / 2


def softmax(X):
    """Turn each row of scores into probabilities, exp(x_j) / Σ_k exp(x_k).

    The largest score of a row is subtracted first. That changes nothing in exact arithmetic, and keeps exp from
    overflowing: scores of ±1000 are fine.

    Parameters
    ----------
    X : mx.nd or mx.np array of shape (n, q)
        Scores, any finite numbers.

    Returns
    -------
    array of shape (n, q)
        Probabilities in [0, 1]; each row sums to one.

    Raises
    ------
    TypeError
        If `X` is no MXNet array.
    ValueError
        If it does not have two axes.

    Examples
    --------
    >>> from mxnet import nd
    >>> softmax(nd.array([[1000, 1000], [-1000, 1000]])).asnumpy()
    array([[0.5, 0.5],
           [0. , 1. ]], dtype=float32)
    """
    check_array("X", X, ndim=(2,))
    check_float("X", X)
    X_exp = _namespace(X).exp(X - X.max(axis=1, keepdims=True))
    return X_exp / X_exp.sum(axis=1, keepdims=True)


def cross_entropy(y_hat, y):
    """Compute the cross-entropy of each example, -ln of the probability of its class.

    A probability of 0 counts as 1.2e-38, the smallest normal float32, so that the loss is finite (at most 87.3).

    Parameters
    ----------
    y_hat : mx.nd or mx.np array of shape (n, q)
        Probabilities in [0, 1], an example a row, as `softmax` returns them.
    y : array of shape (n,)
        Class ids, 0 to q - 1, of an integer or a float type; truth values count as 0 and 1.

    Returns
    -------
    array of shape (n,)
        A loss from 0 to 87.3 for each example.

    Raises
    ------
    TypeError
        If an argument is no MXNet array, or the arrays are of different kinds.
    ValueError
        If the shapes do not fit, a class id is not one of 0 to q - 1, or `y_hat` does not hold probabilities. The
        last is not looked at within ``autograd.record()``, since it has to wait for `y_hat`; `train` looks at it
        when it reads the results of the first epoch.

    Examples
    --------
    >>> from mxnet import nd
    >>> cross_entropy(nd.array([[0.5, 0.5], [0, 1]]), nd.array([0, 1])).asnumpy()
    array([ 0.6931472, -0.       ], dtype=float32)
    """
    check_array("y_hat", y_hat, ndim=(2,))
    check_ids_axis("y", y)
    check_float("y_hat", y_hat)
    check_same_length("y_hat", y_hat, "y", y)
    _same_interface(y_hat=y_hat, y=y)
    y = as_labels("y", y)
    check_class_ids("y", y, y_hat.shape[1])
    if not autograd.is_recording():
        check_probabilities(y_hat)
    elif _noted.arrays is not None:
        _noted.arrays.append(y_hat.detach())
    p = (mx.npx.pick if is_np(y_hat) else nd.pick)(y_hat, y)
    return -_namespace(p).log(_namespace(p).maximum(p, _TINY))


@contextmanager
def noted_probabilities():
    """Have `cross_entropy` note what it is given for probabilities while autograd records, to be looked at later.

    Yields
    ------
    list
        Of the arrays so far, without their history. It is the caller's to empty.

    Examples
    --------
    >>> from mxnet import autograd, nd
    >>> with noted_probabilities() as noted, autograd.record():
    ...     loss = cross_entropy(nd.array([[0.5, 0.5]]), nd.array([0]))
    >>> len(noted)
    1
    """
    before, _noted.arrays = _noted.arrays, []
    try:
        yield _noted.arrays
    finally:
        _noted.arrays = before


def check_probabilities(y_hat):
    """Check that `y_hat` holds numbers from 0 to 1, but for rounding. This waits for its values.

    Raises
    ------
    ValueError
        If it does not; the message shows the smallest and the largest value.

    Examples
    --------
    >>> from mxnet import nd
    >>> check_probabilities(nd.array([[3, -2]]))
    Traceback (most recent call last):
        ...
    ValueError: y_hat must hold probabilities from 0 to 1, but holds values from -2 to 3; ...
    """
    values = y_hat.asnumpy()
    if not ((values >= 0) & (values <= 1 + _ROUNDING)).all():
        raise ValueError(
            f"y_hat must hold probabilities from 0 to 1, but holds values from {values.min():g} to {values.max():g}; "
            "turn scores into probabilities with softmax(y_hat) first."
        )


def sgd(params, lr, batch_size):
    """Take one step of minibatch stochastic gradient descent, param ← param - lr · grad / batch_size.

    Parameters
    ----------
    params : list of arrays
        Parameters with gradients (``attach_grad()``, then ``backward()`` on the sum of the minibatch's losses).
        They are changed in place.
    lr : float
        Learning rate, above 0.
    batch_size : int
        Number of examples whose losses were summed, at least 1.

    Raises
    ------
    TypeError
        If `params` holds something that is no MXNet array, or `lr` or `batch_size` is no such number.
    ValueError
        If `params` is empty, a parameter has no gradient, or `lr` or `batch_size` is out of range.
    RuntimeError
        If it is called inside ``autograd.record()``.

    Examples
    --------
    >>> from mxnet import autograd, nd
    >>> w = nd.array([1.0])
    >>> w.attach_grad()
    >>> with autograd.record():
    ...     loss = 3 * w
    >>> loss.backward()
    >>> sgd([w], lr=0.1, batch_size=1)
    >>> w.asnumpy()
    array([0.7], dtype=float32)
    """
    if isinstance(params, nd.NDArray) or not isinstance(params, list | tuple):
        raise TypeError(f"params must be a list of arrays, but is of the type {type(params).__name__}; write [w, b].")
    if not params:
        raise ValueError("params is empty; hand in the model's parameters, for example [w, b].")
    lr = check_number("lr", lr, minimum=0, exclusive=True)
    batch_size = check_integer("batch_size", batch_size, minimum=1)
    for i, param in enumerate(params):
        check_array(f"params[{i}]", param)
        if param.grad is None:
            raise ValueError(
                f"params[{i}] has no gradient; call its attach_grad() once, before the forward pass is recorded."
            )
    if autograd.is_recording():
        raise RuntimeError("sgd was called while autograd records; call it after the block of autograd.record().")
    for param in params:
        param[:] = param - lr * param.grad / batch_size
