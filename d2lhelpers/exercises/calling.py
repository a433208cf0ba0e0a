"""How a function of the learner is called, and its result is turned into NumPy arrays."""

import copy
import dis
from decimal import Decimal
from fractions import Fraction

import numpy as np
from mxnet import nd

from ..language import N_
from .advice import advise, describe_error
from .describing import describe_call, describe_stranger
from .judging import Unanswered, Wrong


def call(function, *args, tried=None, numpy=False):
    """Call the learner's function with copies of `args`, and return its result as NumPy arrays and plain numbers.

    Parameters
    ----------
    function : object
        What the learner handed in; `Wrong` if it cannot be called.
    *args
        NumPy arrays are handed on as ``nd`` arrays (float32, whole numbers as int32).
    tried : str, optional
        What to say was tried; by default the arguments are described.
    numpy : bool
        Whether NumPy arrays are handed on as such, where a chapter computes with them.

    Returns
    -------
    numpy.ndarray, float, or tuple of them

    Raises
    ------
    Wrong
        If the function raises an error, or returns nothing or something else.
    Unanswered
        If its body is still to be written.
    """
    return _run(function, args, tried, plain, copied if numpy else as_nd)


def call_for_net(function, *args, tried):
    """Call the learner's function with copies of `args`, and return the network that it returns.

    Parameters
    ----------
    function, *args, tried
        As in `call`.

    Returns
    -------
    callable

    Raises
    ------
    Wrong
        If the function raises an error, or returns nothing or something else.
    Unanswered
        If its body is still to be written.
    """

    def convert(result):
        if not callable(result) or isinstance(result, type):
            raise Wrong(
                tried,
                N_("a result of the type {type}", type=type(result).__name__),
                N_("a network of Gluon"),
                N_("end with return net"),
            )
        return result

    return _run(function, args, tried, convert)


def _run(function, args, tried, convert, hand_on=None):
    if not callable(function):
        hint = N_("hand in its name, without brackets")
        raise Wrong("", describe_stranger(function), N_("a function"), hint)
    tried = tried or describe_call(function, args)
    try:
        result = function(*((hand_on or as_nd)(arg) for arg in args))
        if result is ... or (result is None and is_unwritten(function)):
            raise Unanswered
        if result is None:
            raise Wrong(tried, N_("your function returned nothing"), N_("a result"), _how_to_return(function))
        return convert(result)
    except (Unanswered, Wrong):
        raise
    except (Exception, SystemExit) as error:
        raise Wrong(tried, describe_error(error), N_("no error"), advise(error)) from None


def _how_to_return(function):
    if "print" in getattr(getattr(function, "__code__", None), "co_names", ()):
        return N_("print only shows a value: end with return, and what is to be handed back")
    return N_("end with return, and what is to be handed back")


def _ellipsis(): ...


def _docstring():
    """Only this."""


_NOTHING = {instruction.opname for stub in (_ellipsis, _docstring) for instruction in dis.get_instructions(stub)}


def is_unwritten(function):
    """Tell whether a function's body is still to be written: ``...``, ``pass`` or a docstring, and no more.

    Parameters
    ----------
    function : callable

    Returns
    -------
    bool

    Examples
    --------
    >>> def answer(x): ...
    >>> is_unwritten(answer), is_unwritten(lambda x: print(x))
    (True, False)
    """
    code = getattr(function, "__code__", None)
    return code is not None and {instruction.opname for instruction in dis.get_instructions(code)} <= _NOTHING


def as_nd(value):
    """Return a NumPy array as a new ``nd`` array, and all else as `copied` does.

    Examples
    --------
    >>> as_nd(np.array([1.0])).dtype, as_nd(3)
    (<class 'numpy.float32'>, 3)
    """
    if not isinstance(value, np.ndarray):
        return copied(value)
    return nd.array(value, dtype="int32" if value.dtype.kind in "iu" else "float32")


def copied(value):
    """Return a new copy of a NumPy array, a list or a dictionary, and all else as it is.

    Examples
    --------
    >>> array, numbers = np.array([1.0]), [1, 2]
    >>> copied(array) is array, copied(numbers) is numbers, copied(3)
    (False, False, 3)
    """
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict) else value


def plain(value):
    """Return what a learner's function has returned as a NumPy array, a float, or a tuple of them.

    Parameters
    ----------
    value : object
        An array of MXNet or NumPy, a number of any kind, a list or tuple of them, or what NumPy can turn into one.

    Returns
    -------
    numpy.ndarray, float, or tuple of them
        Arrays of type float64.

    Raises
    ------
    TypeError
        If there is neither an array nor a number in it.

    Examples
    --------
    >>> from fractions import Fraction
    >>> plain(nd.array([1, 2])), plain(3), plain([Fraction(1, 2), nd.array([2])])
    (array([1., 2.]), 3.0, (0.5, array([2.])))
    """
    if isinstance(value, tuple | list):
        return tuple(plain(part) for part in value)
    if isinstance(value, nd.NDArray):
        return value.asnumpy().astype("float64")
    if isinstance(value, int | float | np.number | Fraction | Decimal):
        return float(value)
    if hasattr(value, "toarray"):  # a sparse matrix, as scikit-learn's encoders return
        value = value.toarray()
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array.astype("float64")
    if isinstance(value, np.ndarray) and value.ndim and value.dtype == object:
        return plain(value.tolist())
    raise TypeError(N_("a {type} was returned, not an array or a number", type=type(value).__name__))
