"""How arguments, calls and results are described to a learner."""

import textwrap

import numpy as np

from ..language import N_, Text, _, joined

_AND = N_("{first} and {second}")
_LARGEST = 8  # elements that are shown one by one
_LONGEST = 60  # characters of what is no answer at all


class _Shortened(Text):
    """A text that is cut off where it gets too long, in whatever language."""

    def __new__(cls, text):
        shortened = super().__new__(cls, _shorten(text))
        shortened._whole = text
        return shortened

    def translated(self):
        """Return the beginning of the text in the language that is chosen now."""
        # A Chinese text may have no spaces to be cut at.
        text = " ".join(_(self._whole).split()) if isinstance(self._whole, Text) else self
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"


def _shorten(text):
    return textwrap.shorten(text, _LONGEST, placeholder=" …")


def describe(value, precision=4):
    """Describe an argument or a result in a few words: small ones by their values, large ones by their shape.

    Parameters
    ----------
    value : object
        An array, a number, a tuple of them, or anything else.
    precision : int
        Digits after the point, for arrays; a number has two more of them altogether.

    Returns
    -------
    str

    Examples
    --------
    >>> describe(np.array([[1.0, 2.0]])), describe(np.zeros((20, 3))), describe((1.0, 2.0))
    ('[[1. 2.]]', 'an array of shape (20, 3)', '1.0 and 2.0')
    >>> describe(np.array([1.0, 4.6e-88]))
    '[1. 0.]'
    """
    if isinstance(value, tuple):
        return joined(_AND, (describe(part, precision) for part in value)) if value else ""
    if isinstance(value, np.ndarray):
        if value.size > _LARGEST:
            return N_("an array of shape {shape}", shape=value.shape)
        is_plain = False
        if value.dtype.kind == "f":
            value = _without_specks(value)
            is_plain = 1e-3 < np.abs(value[np.isfinite(value)]).max(initial=0) < 1e6
        text = np.array2string(value, precision=precision, suppress_small=is_plain, max_line_width=1000)
        return text.replace("\n", "")
    if isinstance(value, float) and value != int_or_none(value):
        return f"{value:.{precision + 2}g}"
    return str(value)


def describe_stranger(value):
    """Describe something of a type that cannot be an answer, in a single line.

    Examples
    --------
    >>> describe_stranger("two"), describe_stranger(np.zeros((20, 3)))
    ("'two', of the type str", 'an array of shape (20, 3), of the type ndarray')
    """
    text = repr(value) if isinstance(value, str) else describe(value)
    return N_("{value}, of the type {type}", value=_Shortened(text), type=type(value).__name__)


def _without_specks(array):
    """Return an array in which numbers are 0 that are nothing beside the largest, for a line without 4.6e-88.

    Examples
    --------
    >>> _without_specks(np.array([1.0, 4.6e-88])), _without_specks(np.array([2e-8, 1e-8]))
    (array([1., 0.]), array([2.e-08, 1.e-08]))
    """
    sizes = np.where(np.isfinite(array), np.abs(array), 0)
    return np.where((sizes < 1e-6 * sizes.max(initial=0)) & np.isfinite(array), 0.0, array)


def apart(got, expected):
    """Describe two results with as many digits as it takes to tell them apart.

    Parameters
    ----------
    got, expected : numpy.ndarray, float, or tuple of them
        They differ.

    Returns
    -------
    (str, str)

    Examples
    --------
    >>> apart(1.4300001, 1.43), apart(np.array([0.5]), np.array([0.500001]))
    (('1.4300001', '1.43'), ('[0.5]', '[0.500001]'))
    """
    for precision in (4, 6, 8, 12):
        texts = describe_difference(got, expected, precision)
        if texts[0] != texts[1]:
            break
    return texts


def describe_difference(got, expected, precision=4):
    """Describe a result and the right one by their values, or where they are large, by the place that is off most.

    Returns
    -------
    (str, str)

    Examples
    --------
    >>> expected = np.arange(20.0)
    >>> describe_difference(np.where(expected == 3, 5, expected), expected)
    ('an array of shape (20,), with 5 at index (3,)', '3 at this place')
    """
    if isinstance(got, tuple) and isinstance(expected, tuple):
        texts = [describe_difference(g, e, precision) for g, e in zip(got, expected, strict=True)]
        return tuple(joined(_AND, part) for part in zip(*texts, strict=True))
    if isinstance(got, np.ndarray) and got.size > _LARGEST and got.shape == np.shape(expected):
        with np.errstate(invalid="ignore"):
            difference = np.where(np.isfinite(got), np.abs(got - expected), np.inf)
        worst = np.unravel_index(difference.argmax(), got.shape)
        place = tuple(int(i) for i in worst)
        value, right = (f"{array[worst]:.{precision}g}" for array in (got, expected))
        came_out = N_("{array}, with {value} at index {place}", array=describe(got), value=value, place=place)
        return came_out, N_("{value} at this place", value=right)
    return describe(got, precision), describe(expected, precision)


def near_limit(value, limit):
    """Describe a value and the limit that it does not keep with as many digits as it takes to tell them apart.

    Examples
    --------
    >>> near_limit(0.8972, 0.9), near_limit(2.31, 0.0512)
    (('0.897', '0.9'), ('2.31', '0.0512'))
    """
    for digits in range(3, 17):
        texts = f"{value:.{digits}g}", f"{limit:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def int_or_none(value):
    """Return a finite whole float as an int, else None.

    Examples
    --------
    >>> int_or_none(2.0), int_or_none(2.5), int_or_none(float("nan"))
    (2, None, None)
    """
    return int(value) if np.isfinite(value) and value == int(value) else None


def describe_call(function, args):
    """Describe a call.

    Examples
    --------
    >>> describe_call(describe, (np.array([1.0, 2.0]), 3))
    'describe([1. 2.], 3)'
    """
    fields = {f"argument{i}": describe(arg) for i, arg in enumerate(args)}
    call = "{function}(" + ", ".join(f"{{{field}}}" for field in fields) + ")"
    return Text(call, function=name_of(function), **fields)


def name_of(function):
    """Return what a function is called, in a description of a call.

    Examples
    --------
    >>> name_of(describe)
    'describe'
    """
    return getattr(function, "__name__", N_("your answer"))


def form(value):
    """Describe the form that a result should have.

    Examples
    --------
    >>> form(np.zeros((3, 2))), form((np.zeros(3), 1.0))
    ('an array of shape (3, 2)', '2 results: an array of shape (3,); a single number')
    >>> form((1.0,)), form(())
    ('1 result, in a tuple: a single number', '0 results')
    """
    if isinstance(value, tuple):
        if not value:
            return N_("{count} results", count=0)
        forms = joined(N_("{first}; {second}"), (form(part) for part in value))
        if len(value) == 1:
            return N_("1 result, in a tuple: {form}", form=forms)
        return N_("{count} results: {forms}", count=len(value), forms=forms)
    return N_("a single number") if np.ndim(value) == 0 else N_("an array of shape {shape}", shape=np.shape(value))
