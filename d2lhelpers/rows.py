"""Rows of arrays, gathered in an order: in memory that NumPy and MXNet share, where they can."""

import copy
from contextlib import suppress

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet import np as mxnp
from mxnet.base import MXNetError

from .devices import on_device


class Rows:
    """An array whose rows are gathered when they are asked for, so that they are never all in memory.

    A large minibatch that is used as soon as it is gathered is still in the processor's cache.

    Parameters
    ----------
    source : numpy array of shape (n, ...)
    order : numpy array of shape (m,), int64
        Which row of `source` each row is.
    transform : callable or None
        What turns rows of `source` into those that are wanted.
    num_first : int
        How many rows will be asked for first. They are gathered at once, and tell shape and dtype.
    as_np : bool
        Whether the rows are to be ``mx.np`` arrays.

    Attributes
    ----------
    ctx : mx.Context
        The device that they are to be on.

    Raises
    ------
    TypeError
        If the transform returns something else than a NumPy array.
    ValueError
        If it returns more or fewer rows than it gets, or of another shape or type than it did before.

    Examples
    --------
    >>> rows = Rows(np.array([5, 6, 7]), np.array([2, 0, 1]), transform=None, num_first=2, as_np=False)
    >>> rows.shape, rows.dtype
    ((3,), dtype('int64'))
    >>> rows._slice(0, 2).asnumpy()
    array([7, 5])
    """

    def __init__(self, source, order, transform, num_first, as_np):
        self._source, self._order, self._transform = source, order, transform
        self._num_first, self._as_np = num_first, as_np
        self.ctx = mx.cpu()
        self._first = gather(source, order[:num_first], transform)

    @property
    def shape(self):
        """The shape of all rows."""
        return len(self._order), *self._first.shape[1:]

    @property
    def dtype(self):
        """The type of their numbers, as NumPy has it."""
        return self._first.dtype

    def as_in_context(self, ctx):
        """Return these rows on another device."""
        moved = copy.copy(self)
        moved.ctx = ctx
        return moved

    def first(self):
        """Return the rows that are asked for first as an MXNet array."""
        return self._slice(0, self._num_first)

    def _slice(self, start, stop):
        """Return some rows as an MXNet array; this is the method of MXNet's own arrays."""
        (rows,) = on_device([from_numpy(self._gather(start, stop), self._as_np)], self.ctx)
        return rows

    def copy_to(self, values, start, stop):
        """Copy some rows into a NumPy array of their shape and type."""
        if self._transform is None:
            self._source.take(self._order[start:stop], axis=0, mode="clip", out=values)
        else:
            values[...] = self._gather(start, stop)

    def _gather(self, start, stop):
        first = self._first
        if (start, stop) == (0, self._num_first):
            return first
        rows = gather(self._source, self._order[start:stop], self._transform)
        if rows.shape[1:] != first.shape[1:] or rows.dtype != first.dtype:
            raise ValueError(
                "transform must return arrays of one shape and type, but made of the first minibatch one "
                f"{first.shape} of {first.dtype}, and of another {rows.shape} of {rows.dtype}."
            )
        return rows


def gather(source, order, transform=None):
    """Return rows of a NumPy array in an order, each transformed.

    Raises
    ------
    TypeError
        If the transform returns something else than a NumPy array.
    ValueError
        If the transform returns more or fewer rows than it gets: they would no longer be those of their labels.

    Examples
    --------
    >>> gather(np.array([5, 6, 7]), np.array([2, 0]), lambda values: values / 10)
    array([0.7, 0.5])
    """
    rows = source.take(order, axis=0, mode="clip")  # in half the time of source[order]
    if transform is None:
        return rows
    rows = transform(rows)
    if not isinstance(rows, np.ndarray):
        returned = "nothing" if rows is None else type(rows).__name__
        raise TypeError(
            f"transform must return a NumPy array, as it gets one, but returned {returned}; "
            "end with return np.asarray(...), or return array.asnumpy()."
        )
    if rows.shape[:1] != order.shape:
        raise ValueError(
            f"transform must return as many rows as it gets, but made of {len(order)} rows an array {rows.shape}."
        )
    return rows


class _Capsule:
    """What `numpy.from_dlpack` wants to be handed: MXNet exports arrays as bare capsules."""

    def __init__(self, array):
        self._capsule = nd.to_dlpack_for_read(array)

    def __dlpack__(self, **_):
        return self._capsule

    def __dlpack_device__(self):
        return 1, 0  # the CPU, the only one


def as_numpy(array):
    """Return the values of an MXNet array as a NumPy array in the same memory, where there can be one.

    Examples
    --------
    >>> as_numpy(nd.array([1, 2]))
    array([1., 2.], dtype=float32)
    """
    if array.ctx.device_type == "cpu" and np.dtype(array.dtype).kind in "iuf":
        with suppress(MXNetError):  # what comes out of a convolution may be laid out in a way that only MXNet knows
            return np.from_dlpack(_Capsule(array))
    return array.asnumpy()


def from_numpy(values, as_np):
    """Return a NumPy array as an MXNet array in the same memory, where there can be one.

    Views are copied: what they show may be changed before MXNet's engine has come to it.

    Examples
    --------
    >>> from_numpy(np.array([1, 2], dtype="int32"), as_np=True)
    array([1, 2], dtype=int32)
    """
    if values.base is not None or not values.flags.c_contiguous:
        values = values.copy()
    if values.dtype.kind in "iuf":
        return nd.from_numpy(values, zero_copy=True, array_cls=mxnp.ndarray if as_np else nd.NDArray)
    return (mxnp if as_np else nd).array(values, dtype=values.dtype)
