"""Helpers for the chapter notebooks; ``import d2lhelpers as dh`` gives all public names."""

from . import compat  # noqa: F401 - first of all: it makes MXNet importable
from .data import ArrayLoader, load_array, load_digits, seed, synthetic_data
from .functional import cross_entropy, linreg, sgd, softmax, squared_loss
from .metrics import accuracy, evaluate_accuracy, evaluate_loss
from .training import DivergenceError, History, format_value, train

_PLOTTING = ("plot", "set_figsize", "show_images")

__all__ = [
    "ArrayLoader",
    "DivergenceError",
    "History",
    "accuracy",
    "cross_entropy",
    "evaluate_accuracy",
    "evaluate_loss",
    "format_value",
    "linreg",
    "load_array",
    "load_digits",
    "plot",
    "seed",
    "set_figsize",
    "sgd",
    "show_images",
    "softmax",
    "squared_loss",
    "synthetic_data",
    "train",
]


def __getattr__(name):
    if name in _PLOTTING:  # imported when something is drawn: d2l brings in matplotlib and pandas
        from . import plotting

        return getattr(plotting, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_PLOTTING])
