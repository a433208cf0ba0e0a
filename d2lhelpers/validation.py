"""Checks of what a caller handed in. Each message names the argument, what it got, and what to do."""

import numbers
from collections.abc import Iterable

import mxnet as mx
import numpy as np
from mxnet import gluon, nd
from mxnet import np as mxnp

_LARGEST = float(np.finfo(np.float32).max)
# The types of numbers that MXNet's operators read; it has a few more, which can be made, and hardly be used.
_NUMBERS = {np.float16, np.float32, np.float64, np.uint8, np.int8, np.int32, np.int64}
_EXAMPLES = {"net": "gluon.nn.Dense(1)", "loss": "gluon.loss.L2Loss()", "metric": "dh.accuracy"}
_NUMBERS |= set(map(np.dtype, _NUMBERS))  # mx.nd arrays name the one, mx.np arrays the other


def is_np(array):
    """Tell whether `array` is one of MXNet's ``mx.np`` arrays (they are ``mx.nd`` arrays too).

    Examples
    --------
    >>> import mxnet as mx
    >>> is_np(mx.np.ones((2, 3))), is_np(mx.nd.ones((2, 3)))
    (True, False)
    """
    return isinstance(array, mxnp.ndarray)


def check_array(name, array, ndim=None):
    """Check that `array` is a non-empty MXNet array with one of the numbers of axes in `ndim`.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    array : object
        What the caller handed in.
    ndim : tuple of int, optional
        The numbers of axes that are allowed; all are if it is left out.

    Raises
    ------
    TypeError
        If it is no MXNet array.
    ValueError
        If it has no elements, or a number of axes that is not in `ndim`.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_array("X", mx.nd.ones((3,)), ndim=(2,))
    Traceback (most recent call last):
        ...
    ValueError: X must have 2 axes, but has the shape (3,); reshape it, ...
    """
    if not isinstance(array, nd.NDArray):
        raise TypeError(
            f"{name} must be an MXNet array, but is of the type {type(array).__name__}; "
            f"convert it with mx.nd.array({name}) or mx.np.array({name})."
        )
    shape = array.shape  # a call of the engine
    if ndim is not None and len(shape) not in ndim:
        allowed = " or ".join(str(n) for n in ndim)
        axes = "axis" if allowed == "1" else "axes"
        example = {1: f", for example with {name}.reshape((-1,))", 2: f", for example with {name}.reshape((-1, 1))"}
        raise ValueError(
            f"{name} must have {allowed} {axes}, but has the shape {shape}; reshape it{example.get(ndim[-1], '')}."
        )
    if 0 in shape:
        raise ValueError(f"{name} is empty: its shape is {shape}; it needs at least one element.")


def check_float(name, array):
    """Check that `array` is of a float type that losses can be computed in.

    Raises
    ------
    TypeError
        If it is of another type than float32 or float64: MXNet would round each result to an integer, or overflow.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_float("X", mx.nd.ones((3,), dtype="int32"))
    Traceback (most recent call last):
        ...
    TypeError: X must be float32 or float64, but is int32; convert it with X.astype("float32").
    """
    dtype = np.dtype(array.dtype).name
    if dtype not in ("float32", "float64"):
        raise TypeError(f'{name} must be float32 or float64, but is {dtype}; convert it with {name}.astype("float32").')


def check_numbers(name, array):
    """Check that an MXNet array holds numbers or truth values of a type that MXNet's operators know.

    Raises
    ------
    TypeError
        If it is of another type, at which the engine would stop long after the call.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_numbers("X", mx.np.array([1.5, -2]) > 0)
    """
    dtype = array.dtype
    if dtype not in _NUMBERS and dtype != np.bool_:
        raise TypeError(
            f"{name} must be numbers or truth values, but has the type {dtype}; "
            f'convert it with mx.nd.array({name}.asnumpy(), dtype="float32").'
        )


def as_labels(name, labels, like=None):
    """Return labels of a type that MXNet's losses can read: truth values as 0 and 1, all other numbers as they are.

    Parameters
    ----------
    name : str
        What the caller calls them, for the message.
    labels : mx.nd or mx.np array
    like : mx.nd or mx.np array, optional
        Its type is the one for truth values, if it is float64; else they become float32.

    Raises
    ------
    TypeError
        If they are neither numbers nor truth values.

    Examples
    --------
    >>> import mxnet as mx
    >>> as_labels("y", mx.np.array([1.5, -2]) > 0).asnumpy()
    array([1., 0.], dtype=float32)
    """
    dtype = labels.dtype
    if dtype in _NUMBERS:
        return labels
    check_numbers(name, labels)
    return labels.astype("float64" if like is not None and np.dtype(like.dtype) == np.float64 else "float32")


def check_bool(name, value):
    """Check that an argument is a truth value.

    Raises
    ------
    TypeError

    Examples
    --------
    >>> check_bool("verbose", "no")
    Traceback (most recent call last):
        ...
    TypeError: verbose must be True or False, but is 'no'.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, but is {value!r}.")


def check_callable(name, value):
    """Check that `value` is a function, a Gluon block, or whatever else can be called, and no class.

    Raises
    ------
    TypeError
        If it cannot be called, or is a class, calling which would make an object of it.

    Examples
    --------
    >>> check_callable("loss", "L2")
    Traceback (most recent call last):
        ...
    TypeError: loss must be callable, but is of the type str; hand in a function or a Gluon block.
    """
    if not callable(value):
        raise TypeError(
            f"{name} must be callable, but is of the type {type(value).__name__}; hand in a function or a Gluon block."
        )
    if isinstance(value, type):
        raise TypeError(
            f"{name} must be a function or an object, but is the class {value.__name__}; make an object of it: add (), "
            f"with what it needs between them, as in {name} = {_EXAMPLES.get(name, value.__name__ + '()')}."
        )


def check_iterable(name, value):
    """Check that `value` can be iterated over, and is not one of Gluon's data sets, which yield single examples.

    Raises
    ------
    TypeError
        If it cannot, or is one.

    Examples
    --------
    >>> check_iterable("train_iter", None)
    Traceback (most recent call last):
        ...
    TypeError: train_iter must be an iterable of minibatches, but is of the type NoneType; see load_array.
    """
    if not isinstance(value, Iterable) and not hasattr(value, "__getitem__"):
        raise TypeError(
            f"{name} must be an iterable of minibatches, but is of the type {type(value).__name__}; see load_array."
        )
    if isinstance(value, gluon.data.Dataset):
        raise TypeError(
            f"{name} must be an iterable of minibatches, but is of the type {type(value).__name__}, which holds single "
            "examples; "
            "cut it into minibatches: gluon.data.DataLoader(dataset, batch_size=10, shuffle=True)."
        )
    if isinstance(value, mx.io.DataIter):
        raise TypeError(
            f"{name} must yield pairs (features, labels), but is of the type {type(value).__name__}, which yields "
            "batches of another kind; take dh.load_array((features, labels), batch_size=10)."
        )


def check_same_length(name, array, other_name, other):
    """Check that two arrays hold equally many examples.

    Raises
    ------
    ValueError
        If their first axes differ in length.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_same_length("y_hat", mx.nd.ones((3,)), "y", mx.nd.ones((2,)))
    Traceback (most recent call last):
        ...
    ValueError: y_hat and y must hold equally many examples, but y_hat has 3 and y has 2; ...
    """
    if array.shape[0] != other.shape[0]:
        raise ValueError(
            f"{name} and {other_name} must hold equally many examples, but {name} has {array.shape[0]} "
            f"and {other_name} has {other.shape[0]}; take both of the same examples."
        )


def check_ids_axis(name, ids):
    """Check that an array of class ids has one axis, and say how one-hot labels become class ids.

    Raises
    ------
    TypeError
        If it is no MXNet array.
    ValueError
        If it has another number of axes, or no elements.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_ids_axis("y", mx.nd.array([[0, 1], [1, 0]]))
    Traceback (most recent call last):
        ...
    ValueError: y must have 1 axis, class ids, but has the shape (2, 2); if these are one-hot labels, ...
    """
    check_array(name, ids)
    shape = ids.shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"{name} must have 1 axis, class ids, but has the shape {shape}; if these are one-hot labels, "
            f"take {name}.argmax(axis=1)."
        )
    check_array(name, ids, ndim=(1,))


def check_integer(name, value, minimum, maximum=None):
    """Check that `value` is a whole number from `minimum` to `maximum`, and return it as an int.

    Raises
    ------
    TypeError
        If it is not a whole number (True and False are not, 10.0 is not).
    ValueError
        If it is out of range.

    Examples
    --------
    >>> check_integer("batch_size", 2.5, 1)
    Traceback (most recent call last):
        ...
    TypeError: batch_size must be a whole number, but is 2.5 (float); for example batch_size=10.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"{name} must be a whole number, but is {value!r} ({type(value).__name__}); for example {name}=10."
        )
    if value < minimum or (maximum is not None and value > maximum):
        limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be {limits}, but is {value}; for example {name}=10.")
    return int(value)


def check_number(name, value, minimum, exclusive=False):
    """Check that `value` is a finite float32, at least (or, if `exclusive`, above) `minimum`, and return it as a float.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not finite in float32, or too small.

    Examples
    --------
    >>> check_number("lr", -0.03, 0, exclusive=True)
    Traceback (most recent call last):
        ...
    ValueError: lr must be a finite number above 0, but is -0.03.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, but is {value!r} ({type(value).__name__}).")
    if not abs(value) <= _LARGEST or value < minimum or (exclusive and value == minimum):
        limit = "" if minimum == -np.inf else f" above {minimum}" if exclusive else f" of at least {minimum}"
        raise ValueError(f"{name} must be a finite number{limit}, but is {value}.")
    return float(value)


def _values(array):
    return array if isinstance(array, np.ndarray) else array.asnumpy()


def check_finite(name, array):
    """Check that no element of an MXNet or NumPy array is NaN or infinite. This waits for the array's values.

    Raises
    ------
    ValueError
        If there is one; the message tells how many and where the first is.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_finite("features", mx.nd.array([1, float("nan")]))
    Traceback (most recent call last):
        ...
    ValueError: features holds 1 value that is NaN or infinite, the first at index (1,); ...
    """
    finite = np.isfinite(_values(array))
    if not finite.all():
        bad = ~finite
        count = int(bad.sum())
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        values = "value that is" if count == 1 else "values that are"
        raise ValueError(
            f"{name} holds {count} {values} NaN or infinite, the first at index {first}; "
            "remove or replace such examples."
        )


def check_class_ids(name, ids, num_classes):
    """Check that every element of an MXNet or NumPy array is a class id, a whole number from 0 to `num_classes` - 1.

    This waits for the values of `ids`, not for those of any computation that uses them.

    Raises
    ------
    ValueError
        If one is not; the message shows the first such value.

    Examples
    --------
    >>> import mxnet as mx
    >>> check_class_ids("y", mx.nd.array([0, 10]), 10)
    Traceback (most recent call last):
        ...
    ValueError: y must hold class ids from 0 to 9, but holds 10 at index 1; number the classes from 0.
    """
    values = _values(ids)
    bad = ~((values >= 0) & (values < num_classes) & (values == np.floor(values)))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"{name} must hold class ids from 0 to {num_classes - 1}, but holds {values[first]:g} "
            f"at index {first}; number the classes from 0."
        )
