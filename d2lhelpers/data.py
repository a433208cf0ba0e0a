"""Data: seeds, a synthetic data set, and minibatches."""

import random

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet import np as mxnp

from .devices import check_ctx, on_device
from .rows import Rows, as_numpy, from_numpy, gather
from .validation import (
    check_array,
    check_bool,
    check_callable,
    check_finite,
    check_integer,
    check_number,
    check_numbers,
    check_same_length,
    is_np,
)

_BLOCK_SIZE = 2**20  # numbers in a block of minibatches, where a minibatch is not larger by itself
_LARGE = 2**16  # numbers of a minibatch that is gathered by itself; from here on this is faster in any case


def seed(n):
    """Seed the random numbers of Python, NumPy and MXNet, so that a run can be repeated to the digit.

    Parameters
    ----------
    n : int
        From 0 to 2³¹ - 1.

    Raises
    ------
    TypeError
        If `n` is not a whole number.
    ValueError
        If `n` is out of range.

    Examples
    --------
    >>> from mxnet import nd
    >>> seed(1); a = nd.random.normal(shape=(3,))
    >>> seed(1); b = nd.random.normal(shape=(3,))
    >>> (a == b).asnumpy()
    array([1., 1., 1.], dtype=float32)
    """
    n = check_integer("n", n, minimum=0, maximum=2**31 - 1)
    random.seed(n)
    np.random.seed(n)
    mx.random.seed(n)


def synthetic_data(w, b, num_examples, noise=0.01):
    """Make up examples of a linear relation with noise: labels = Xw + b + ε.

    Parameters
    ----------
    w : mx.nd or mx.np array of shape (d,), or list of d floats
        The true weights.
    b : float
        The true bias.
    num_examples : int
        The number of examples n, at least 1.
    noise : float
        Standard deviation of the noise ε, at least 0.

    Returns
    -------
    features : array of shape (n, d), float32
        Drawn from the normal distribution N(0, 1).
    labels : array of shape (n,), float32
        With ε drawn from N(0, noise²).
        Both arrays are of the kind of `w`; for a list they are ``mx.nd`` arrays, or ``mx.np`` arrays after
        ``npx.set_np()``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If `w` is empty, has more than one axis, or something is not finite or out of range.

    Examples
    --------
    >>> seed(0)
    >>> features, labels = synthetic_data([2, -3.4], 4.2, num_examples=5)
    >>> features.shape, labels.shape
    ((5, 2), (5,))
    """
    if isinstance(w, list | tuple | np.ndarray):
        try:
            values = np.asarray(w, dtype="float32")
            if np.asarray(w).dtype.kind in "USc":  # NumPy reads texts, and leaves out imaginary parts
                raise TypeError
            w = (mxnp if mx.util.is_np_array() else nd).array(values)
        except (TypeError, ValueError):
            raise TypeError(f"w must be a list of numbers, but is {w!r}; for example w=[2, -3.4].") from None
    check_array("w", w, ndim=(1,))
    check_finite("w", w)
    b = check_number("b", b, minimum=-np.inf)
    num_examples = check_integer("num_examples", num_examples, minimum=1)
    noise = check_number("noise", noise, minimum=0)
    if is_np(w):
        features = mxnp.random.normal(0, 1, size=(num_examples, w.shape[0]))
        errors = mxnp.random.normal(0, 1, size=(num_examples,)) * noise
        return features, mxnp.dot(features, w.astype("float32")) + b + errors
    features = nd.random.normal(0, 1, shape=(num_examples, w.shape[0]))
    errors = nd.random.normal(0, 1, shape=(num_examples,)) * noise
    return features, nd.dot(features, w.astype("float32")) + b + errors


class ArrayLoader:
    """Minibatches of arrays, to be iterated over as often as wanted; `load_array` makes one.

    Attributes
    ----------
    arrays : tuple of arrays
        All examples, in their own order.
    batch_size : int
        Examples in a minibatch; the last one may hold fewer.
    shuffle : bool
        Whether each epoch has an order of its own.
    transform : callable or None
        What turns the features into those of the minibatches.
    ctx : mx.Context or None
        The device of the minibatches.
    """

    def __init__(self, arrays, batch_size, shuffle, transform=None, ctx=None):
        self.ctx = ctx
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.transform = transform

    @property
    def num_examples(self):
        """Number of examples in an epoch."""
        return self.arrays[0].shape[0]

    def whole(self):
        """Return all examples as one minibatch, in their own order."""
        (minibatch,) = ArrayLoader(self.arrays, self.num_examples, False, self.transform, self.ctx)
        return minibatch

    def __len__(self):
        return -(-self.num_examples // self.batch_size)

    def __repr__(self):
        shapes = ", ".join(str(array.shape) for array in self.arrays)
        return f"<{self.num_examples} examples in {len(self)} minibatches of {self.batch_size}: arrays {shapes}>"

    def __iter__(self):
        batch_size = self.batch_size  # of the whole epoch, whatever becomes of it
        for block in self.blocks():
            num_rows = block[0].shape[0]
            for i in range(0, num_rows, batch_size):
                stop = min(i + batch_size, num_rows)
                yield tuple(array._slice(i, stop) for array in block)  # as array[i:stop], with less to look up

    def order(self):
        """Return the indices of an epoch's examples, in an order of its own if `shuffle` is true."""
        order = np.arange(self.num_examples)
        if self.shuffle:
            np.random.shuffle(order)  # the same call as in Gluon's RandomSampler, so the same order
        return order

    def blocks(self):
        """Yield an epoch in fewer, larger tuples of arrays, each of which holds some minibatches one after the other.

        Only the last one's last minibatch may hold fewer than `batch_size` examples. Where minibatches are large, the
        first array may be `Rows`, which gather them when they are asked for.
        """
        order = self.order()
        sources = [as_numpy(array) for array in self.arrays]
        example_size = max(1, int(np.prod(self.arrays[0].shape[1:], dtype=np.int64)))
        if self.batch_size * example_size >= _LARGE and all(len(array.shape) == 1 for array in self.arrays[1:]):
            as_np = is_np(self.arrays[0])
            features = Rows(sources[0], order, self.transform, min(self.batch_size, len(order)), as_np)
            others = [from_numpy(gather(source, order), as_np) for source in sources[1:]]
            yield tuple(on_device([features, *others], self.ctx))
            return
        # A block of minibatches is gathered at once, and cut: one call for many, and at most 4 MB of float32.
        block_size = self.batch_size * max(1, _BLOCK_SIZE // (self.batch_size * example_size))
        for start in range(0, len(order), block_size):
            rows = order[start : start + block_size]
            block = [gather(sources[0], rows, self.transform), *(gather(source, rows) for source in sources[1:])]
            block = [from_numpy(values, is_np(array)) for values, array in zip(block, self.arrays, strict=True)]
            yield tuple(on_device(block, self.ctx))


def load_array(arrays, batch_size, shuffle=True, transform=None, ctx=None):
    """Cut arrays into minibatches.

    In a run of several workers, `train` has each worker take its part of every minibatch; a loop of your own gets whole
    ones.

    A minibatch is gathered from the arrays in one go, many times faster than Gluon's ``DataLoader``, which fetches the
    examples one by one and stacks them. The order is the one that ``DataLoader(..., shuffle=True)`` has for the same
    seed, since both draw it from NumPy's generator by the same call.

    Parameters
    ----------
    arrays : tuple or list of mx.nd or mx.np arrays
        Usually (features, labels); the first axis is the examples', and equally long in all.
    batch_size : int
        Examples in a minibatch, at least 1; for more than there are, one minibatch holds all.
    shuffle : bool
        Whether each epoch has a new order (for training) or all have the arrays' own (for testing).
    transform : callable, optional
        Turns features as they are stored, a NumPy array (m, ...) of m examples, into those of the minibatches, a
        NumPy array (m, ...), each example on its own: bytes, for instance, into numbers from 0 to 1. It is called when
        a minibatch is needed, or for several at once, and is to change nothing else.
    ctx : mx.Context, optional
        Device that the minibatches are to be on, such as ``dh.try_gpu()``; the CPU if it is left out.

    Returns
    -------
    ArrayLoader
        Iterating over it yields tuples of minibatch arrays; ``len()`` is the number of minibatches. The last
        minibatch holds what is left.

    Raises
    ------
    TypeError
        If `arrays` is not a tuple or list of MXNet arrays of numbers or truth values, `batch_size` not a whole number,
        `transform` not callable, or `ctx` no device.
    ValueError
        If an array is empty or holds NaN or infinity, the lengths differ, `batch_size` is below 1, or `ctx` is a GPU
        that is not there.

    Examples
    --------
    >>> from mxnet import nd
    >>> data_iter = load_array((nd.ones((7, 2)), nd.zeros((7,))), batch_size=3)
    >>> len(data_iter), [y.shape for X, y in data_iter]
    (3, [(3,), (3,), (1,)])
    """
    if isinstance(arrays, nd.NDArray) or not isinstance(arrays, list | tuple):
        raise TypeError(
            f"arrays must be a tuple of arrays, but is of the type {type(arrays).__name__}; "
            "write load_array((features, labels), batch_size)."
        )
    if not arrays:
        raise ValueError("arrays is empty; write load_array((features, labels), batch_size).")
    batch_size = check_integer("batch_size", batch_size, minimum=1)
    check_bool("shuffle", shuffle)
    if transform is not None:
        check_callable("transform", transform)
    check_ctx(ctx)
    for i, array in enumerate(arrays):
        check_array(f"arrays[{i}]", array)
        check_numbers(f"arrays[{i}]", array)
        if len(array.shape) == 0:
            raise ValueError(f"arrays[{i}] has no axis of examples: it is a single number.")
        check_same_length("arrays[0]", arrays[0], f"arrays[{i}]", array)
        if is_np(array) != is_np(arrays[0]):
            raise TypeError(
                f"the arrays must be of one kind, but arrays[0] and arrays[{i}] are an mx.nd and an mx.np array; "
                "convert with as_nd_ndarray() or as_np_ndarray()."
            )
        if np.dtype(array.dtype).kind == "f":
            check_finite(f"arrays[{i}]", array)
    return ArrayLoader(tuple(arrays), batch_size, shuffle, transform, ctx)
