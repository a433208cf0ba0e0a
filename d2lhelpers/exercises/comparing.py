"""Whether a result is the right one, and which usual mistake explains it if not."""

import numpy as np

from ..language import N_, joined
from .describing import apart, form
from .judging import Wrong


def close(got, expected, tolerance):
    """Tell whether two results have the same form and, up to the tolerance, the same values (NaN equals NaN).

    Examples
    --------
    >>> close(1.0, np.array([1.0]), 1e-4), close((1.0, 2.0), (1.0, 2.0), 1e-4)
    (False, True)
    """
    if isinstance(expected, tuple) or isinstance(got, tuple):
        if not (isinstance(expected, tuple) and isinstance(got, tuple) and len(got) == len(expected)):
            return False
        return all(close(g, e, tolerance) for g, e in zip(got, expected, strict=True))
    if np.shape(got) != np.shape(expected):
        return False
    return bool(np.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True))


def squeeze(value):
    """Return an array of a single element as a float, as MXNet's sums and means are arrays of shape (1,).

    Examples
    --------
    >>> squeeze(np.array([2.0]))
    2.0
    """
    return float(value.reshape(())) if isinstance(value, (np.ndarray, np.floating)) and value.size == 1 else value


def shaped_like(value, like):
    """Return a result in the form of another one, if it is only in another container.

    Tuples (and what was a list) become arrays, an array becomes a tuple of its rows, and one element becomes a number,
    where `like` is of that form. What fits in no way is returned as it is.

    Parameters
    ----------
    value, like : numpy.ndarray, float, or tuple of them

    Returns
    -------
    numpy.ndarray, float, or tuple of them

    Examples
    --------
    >>> shaped_like((1.0, (2.0, 3.0)), (np.zeros(1), np.zeros(2))), shaped_like((1.0, 2.0), np.zeros(2))
    ((1.0, array([2., 3.])), array([1., 2.]))
    >>> shaped_like(np.array([1.0, 2.0]), (0.0, 0.0)), shaped_like((np.array([4.0]),), 0.0)
    ((1.0, 2.0), 4.0)
    """
    if isinstance(like, tuple):
        if _has_length(value, len(like)):
            parts = tuple(shaped_like(v, part) for v, part in zip(value, like, strict=True))
            fits = isinstance(value, tuple) or all(np.shape(p) == np.shape(q) for p, q in zip(parts, like, strict=True))
            return parts if fits else value
        return value
    if isinstance(value, tuple):
        value = _stacked(value, np.ndim(like))
    return squeeze(value) if np.ndim(like) == 0 else value


def _has_length(value, n):
    return (isinstance(value, tuple) or np.ndim(value) > 0) and len(value) == n


def _stacked(parts, ndim):
    """Return a tuple as one array; as it is if that is impossible, or if it is a tuple of arrays with other axes."""
    try:
        array = np.array(parts, dtype="float64")
    except ValueError:  # parts of different shapes
        return parts
    while array.ndim > max(ndim, 1) and array.shape[-1] == 1:
        array = array[..., 0]
    is_of_arrays = any(isinstance(part, np.ndarray) and part.ndim for part in parts)
    return parts if is_of_arrays and array.ndim != ndim and array.size > 1 else array


def same(got, expected, tolerance):
    """Tell whether a result is the right one, in whatever container.

    Examples
    --------
    >>> same((1.0, 2.0), np.array([1.0, 2.0]), 1e-4), same(np.array([[1.0]]), 1.0, 1e-4)
    (True, True)
    """
    return close(shaped_like(got, expected), expected, tolerance)


def is_finite(value):
    """Tell whether a result has any finite number in it.

    Examples
    --------
    >>> is_finite(np.array([np.nan, 1.0])), is_finite((np.nan, np.inf))
    (True, False)
    """
    if isinstance(value, tuple):
        return any(is_finite(part) for part in value)
    return bool(np.isfinite(value).any())


def join(hints):
    """Return the hint if there is one, both if there are two, and none if there are more: nothing is explained then.

    Examples
    --------
    >>> join(["a", "a"]), join(["a", "b"]), join(["a", "b", "c"])
    ('a', 'a; or: b', '')
    """
    hints = list(dict.fromkeys(hints))
    return joined(N_("{first}; or: {second}"), hints) if 0 < len(hints) < 3 else ""


def compare(tried, got, expected, mistakes=(), tolerance=1e-4):
    """Compare a result with the right one.

    Parameters
    ----------
    tried : str
        What was tried.
    got, expected : numpy.ndarray, float, or tuple of them
        The result may come in another container, see `shaped_like`.
    mistakes : iterable of (value, str)
        What usual mistakes would have given, and the hints.
    tolerance : float
        Relative and absolute.

    Raises
    ------
    Wrong
        If they differ; with the hints of the mistakes that give just what was got, if that is finite.

    Examples
    --------
    >>> compare("twice 3", 5.0, 6.0, [(5.0, "that was a sum")])
    Traceback (most recent call last):
        ...
    d2lhelpers.exercises.judging.Wrong:   tried:    twice 3
      came out: 5.0
      expected: 6.0
      hint:     that was a sum
    """
    if same(got, expected, tolerance):
        return
    hints = [hint for value, hint in mistakes if is_finite(got) and agree(got, value, tolerance)]
    raise difference(tried, got, expected, join(hints))


def agree(got, value, tolerance):
    """Tell whether a result is what a mistake gives, in whatever container.

    Examples
    --------
    >>> agree(np.array([2.0]), 2.0, 1e-4)
    True
    """
    return close(shaped_like(got, value), value, tolerance)


def difference(tried, got, expected, hint, names=""):
    """Return the `Wrong` that says how a result differs from the right one.

    Parameters
    ----------
    tried, hint : str
        As in `Wrong`.
    got, expected : numpy.ndarray, float, or tuple of them
    names : str
        Names of the results if there are several, as in "w, b".

    Returns
    -------
    Wrong
    """
    got = shaped_like(got, expected)
    if form(got) == form(expected) or hint:
        came_out, right = apart(got, expected) if form(got) == form(expected) else (form(got), form(expected))
        return Wrong(tried, came_out, right, hint)
    hint = N_("print the shape after each step")
    if isinstance(expected, tuple) and not (isinstance(got, tuple) and len(got) == len(expected)):
        hint = N_("end with return {names}", names=names) if names else ""
    return Wrong(tried, form(got), form(expected), hint)


def near(number, other, tolerance):
    """Tell whether a number is another one, up to the relative tolerance (absolute for 0).

    Examples
    --------
    >>> near(2.01, 2, 0.01), near(float("inf"), 2, 0.01)
    (True, False)
    """
    return abs(number - other) <= tolerance * (abs(other) or 1)
