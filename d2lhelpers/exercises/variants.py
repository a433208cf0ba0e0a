"""The random inputs that checks try: the same ones in each try, and other ones whenever a review asks anew.

A check draws them by `generator` and `seed`, never by generators of its own. So whoever tries again sees the same
inputs and can compare, and whoever answers months later meets inputs that the exercise has not shown before.
"""

from contextvars import ContextVar

import numpy as np

from .. import data

VARIANT = ContextVar("variant", default=0)  # 0 for the inputs of the first time; `judge` sets it
_FAR_APART = 10_000  # larger than any seed of a check, so that no two variants share one


def generator(n):
    """Return NumPy's random generator for the inputs of a check.

    Parameters
    ----------
    n : int
        The seed, of the check's own choice.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> bool(generator(3).normal() == np.random.default_rng(3).normal())
    True
    """
    variant = VARIANT.get()
    return np.random.default_rng([n, variant] if variant else n)


def seed(n):
    """Seed the random numbers of Python, NumPy and MXNet for a check, as `dh.seed` does.

    Parameters
    ----------
    n : int
        Below 10,000.

    Examples
    --------
    >>> seed(6)
    """
    data.seed((n + _FAR_APART * VARIANT.get()) % 2**31)
