"""How a minibatch gets into the array that a graph reads: copied by the engine, or gathered ahead of it."""

import mxnet as mx
import numpy as np
from mxnet import nd

from ..rows import Rows
from .engine import CopyFrom, Operator


class Copied:
    """An array for minibatches, which the engine copies when it has done all that it was told before.

    Parameters
    ----------
    X : arrays
        What the minibatches are rows of.
    num_examples : int
        How many rows are a minibatch.

    Attributes
    ----------
    array : mx.nd array
        What the graph reads.
    copy : callable
        Takes the rows of an array like `X`, from ``start`` to ``stop``, as a minibatch.
    after : tuple of callables
        What is to be called each time that the graph has been computed.

    Examples
    --------
    >>> X = nd.arange(6)
    >>> copied = Copied(X, 2)
    >>> copied.copy(X, 2, 4)
    >>> copied.array.asnumpy()
    array([2., 3.], dtype=float32)
    """

    after = ()

    def __init__(self, X, num_examples):
        self.array = nd.empty((num_examples, *X.shape[1:]), X.ctx, X.dtype)
        self._copy = CopyFrom(self.array)
        self.copy = self._gather if isinstance(X, Rows) else self._copy

    def _gather(self, rows, start, stop):
        self._copy(rows._slice(start, stop), 0, stop - start)


class GatheredAhead:
    """An array for minibatches, into which they are gathered while the engine is at work on one in another array.

    The engine has to be done with the minibatch before. It can be asked whether an array is written, but not whether it
    has been read. So it is told to write a number of the array after each use; it does so when all have read it.

    Parameters
    ----------
    rows : Rows
        On the CPU.
    num_examples : int
        How many rows are a minibatch.

    Attributes
    ----------
    array, copy, after
        As those of `Copied`.

    Examples
    --------
    >>> rows = Rows(np.array([5, 6, 7]), np.array([2, 0, 1]), transform=None, num_first=2, as_np=False)
    >>> gathered = GatheredAhead(rows, 2)
    >>> gathered.copy(rows, 1, 3)
    >>> gathered.array.asnumpy()
    array([5, 6])
    """

    def __init__(self, rows, num_examples):
        self._values = np.empty((num_examples, *rows.shape[1:]), rows.dtype)
        self.array = nd.from_numpy(self._values[...], zero_copy=True)
        number = self.array.reshape((-1,))._slice(0, 1)
        self.after = (Operator("_copyto", [nd.zeros_like(number)], [number]),)

    def copy(self, rows, start, stop):
        """Gather the rows from `start` to `stop`."""
        self.array.wait_to_read()
        rows.copy_to(self._values, start, stop)


def can_be_gathered_ahead(X):
    """Tell whether minibatches of `X` can be gathered while the engine is at work.

    Examples
    --------
    >>> can_be_gathered_ahead(nd.ones((4, 2)))
    False
    """
    return isinstance(X, Rows) and X.ctx == mx.cpu()
