"""Helpers for the chapter notebooks; ``import d2lhelpers as dh`` gives all public names.

Each is imported when it is first used, so that ``python -m d2lhelpers`` can look at a machine on which MXNet, or even
NumPy, cannot be imported.
"""

import os
from importlib import import_module

import d2lhelpers_startup

from .kernel import show_figures as _show_figures

_MODULES = {
    "ArrayLoader": "data",
    "DivergenceError": "training",
    "DrawingPad": "interactive",
    "History": "training",
    "accuracy": "metrics",
    "check": "exercises",
    "cross_entropy": "functional",
    "evaluate_accuracy": "metrics",
    "evaluate_loss": "metrics",
    "explore": "interactive",
    "fashion_mnist_labels": "datasets",
    "format_value": "training",
    "linreg": "functional",
    "load_array": "data",
    "load_auto_mpg": "datasets",
    "load_data": "datasets",
    "load_digits": "datasets",
    "load_fashion_mnist": "datasets",
    "num_workers": "cluster",
    "plot": "plotting",
    "progress": "exercises",
    "rank": "cluster",
    "rasterize": "interactive",
    "review": "reviewing",
    "seed": "data",
    "set_figsize": "plotting",
    "set_language": "language",
    "sgd": "functional",
    "show_images": "plotting",
    "softmax": "functional",
    "squared_loss": "functional",
    "synthetic_data": "data",
    "train": "training",
    "try_gpu": "devices",
}

__all__ = list(_MODULES)

# The start of Python has done this, but not for a folder that is not installed, or was installed later than that.
d2lhelpers_startup.install()
_show_figures()

# A process of a run of several workers says so from the start, so that the others know when it ends. Schedulers and
# servers end in here.
if "DMLC_ROLE" in os.environ:
    import_module(".cluster.joining", __name__).take_part()


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__():
    return sorted({*globals(), *_MODULES})
