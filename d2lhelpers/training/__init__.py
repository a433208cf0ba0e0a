"""The training loop of the chapters, and the history that it returns.

``loop.py`` has the loop, which is what the chapters teach; ``gradients.py``, ``steps.py`` and ``results.py`` its three
parts, and ``history.py`` what comes of it.
"""

from .history import DivergenceError, History, describe_curve, format_value
from .loop import train

__all__ = ["DivergenceError", "History", "describe_curve", "format_value", "train"]
