"""Helpers for the chapter notebooks; ``import d2lhelpers as dh`` gives all public names."""

import sys
from importlib import import_module

# While "python -m d2lhelpers" is being started, the name of the program is "-m". It looks at the machine, so that it
# must run where MXNet and NumPy cannot be imported.
if sys.argv[:1] != ["-m"]:
    from . import compat  # noqa: F401 - first of all: it makes MXNet importable
    from .data import ArrayLoader, load_array, seed, synthetic_data
    from .datasets import fashion_mnist_labels, load_data, load_digits, load_fashion_mnist
    from .devices import try_gpu
    from .functional import cross_entropy, linreg, sgd, softmax, squared_loss
    from .metrics import accuracy, evaluate_accuracy, evaluate_loss
    from .training import DivergenceError, History, format_value, train

# Imported when they are first used: d2l brings in matplotlib and pandas, and most runs need no exercises.
_LATER = {
    "DrawingPad": "interactive",
    "check": "exercises",
    "explore": "interactive",
    "plot": "plotting",
    "progress": "exercises",
    "rasterize": "interactive",
    "set_figsize": "plotting",
    "show_images": "plotting",
}

__all__ = [
    "ArrayLoader",
    "DivergenceError",
    "DrawingPad",
    "History",
    "accuracy",
    "check",
    "cross_entropy",
    "evaluate_accuracy",
    "evaluate_loss",
    "explore",
    "fashion_mnist_labels",
    "format_value",
    "linreg",
    "load_array",
    "load_data",
    "load_digits",
    "load_fashion_mnist",
    "plot",
    "progress",
    "rasterize",
    "seed",
    "set_figsize",
    "sgd",
    "show_images",
    "softmax",
    "squared_loss",
    "synthetic_data",
    "train",
    "try_gpu",
]


def __getattr__(name):
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_LATER])
