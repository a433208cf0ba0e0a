"""The training loop of the chapters, and the history that it returns.

``loop.py`` has the loop, which is what the chapters teach, with its three parts in ``gradients.py``, ``steps.py`` and
``results.py``. ``fast.py`` makes the same steps with parts that are prepared: ``fusion.py``, ``updates.py`` and
``copied.py``, which call MXNet's engine through ``engine.py``; ``minibatches.py`` brings in what they work on. What
comes of a run is in ``history.py``.
"""

from .history import DivergenceError, History, describe_curve, format_value
from .training import train

__all__ = ["DivergenceError", "History", "describe_curve", "format_value", "train"]
