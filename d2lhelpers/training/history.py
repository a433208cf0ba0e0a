"""What comes of a run: the history, how its numbers are written, and the error of a run that diverged."""

from dataclasses import dataclass, field

import numpy as np

from ..language import N_, _, width

_CURVES = [N_("loss"), N_("test loss"), N_("accuracy"), N_("test accuracy"), N_("metric"), N_("test metric")]
_TRAINING_CURVES = {"loss": N_("training loss"), "accuracy": N_("training accuracy"), "metric": N_("training metric")}


@dataclass
class History:
    """What happened in a run, epoch by epoch; plain data.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the minibatches of the epoch, each taken before its own step.
    metric : list of float
        The training metric, taken alike; empty if there is none.
    test_loss : list of float
        Mean loss on the test set after the epoch; empty if there is none.
    test_metric : list of float
        The metric on the test set, taken alike; empty if there is none.
    seconds : list of float
        Wall-clock time that the training part of the epoch took.
    num_examples : list of int
        Number of training examples in the epoch.
    metric_name : str
        Name of the metric, for headings.

    Examples
    --------
    >>> history = History(loss=[2.0, 0.5], seconds=[0.5, 0.5], num_examples=[100, 100])
    >>> history.examples_per_second
    200.0
    >>> print(history)
    epoch   loss  seconds
        1   2.00  0.500 s
        2  0.500  0.500 s
    200 examples/s
    """

    loss: list = field(default_factory=list)
    metric: list = field(default_factory=list)
    test_loss: list = field(default_factory=list)
    test_metric: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    num_examples: list = field(default_factory=list)
    metric_name: str = "metric"

    @property
    def curves(self):
        """The curves that were recorded, as a dictionary of lists by name."""
        named = {
            "loss": self.loss,
            self.metric_name: self.metric,
            "test loss": self.test_loss,
            f"test {self.metric_name}": self.test_metric,
        }
        return {name: values for name, values in named.items() if values}

    @property
    def examples_per_second(self):
        """Training examples over training time, of the whole run; 0 for a run without epochs."""
        return sum(self.num_examples) / sum(self.seconds) if self.seconds else 0.0

    def __len__(self):
        return len(self.loss)

    def __str__(self):
        if not self.loss:
            return _("no epochs")
        rows = [[_("epoch"), *map(describe_curve, self.curves), _("seconds")]]
        for i, seconds in enumerate(self.seconds):
            curves = (format_value(values[i]) for values in self.curves.values())
            rows.append([str(i + 1), *curves, _("{seconds:.3f} s").format(seconds=seconds)])
        widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(" " * (w - width(cell)) + cell for cell, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, _("{speed:,.0f} examples/s").format(speed=self.examples_per_second)])

    def plot(self):
        """Draw the curves by epoch: losses in one panel, metrics, if there are any, in a second one."""
        from .. import plotting  # here, since drawing brings in d2l, matplotlib and pandas

        if not self.loss:
            raise ValueError("there is nothing to plot: the history holds no epochs.")
        losses = {name: values for name, values in self.curves.items() if name.endswith("loss")}
        metrics = {name: values for name, values in self.curves.items() if name not in losses}
        panels = [
            (describe_curve(next(iter(curves))), {_describe_line(name): values for name, values in curves.items()})
            for curves in (losses, metrics)
            if curves
        ]
        plotting.plot_epochs(panels)


def describe_curve(name):
    """Return what a curve of a `History` is called in the language that is chosen now.

    Parameters
    ----------
    name : str
        A key of `History.curves`. What a learner has called a metric stays as it is.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_curve("test loss"), describe_curve("test my_metric")
    ('test loss', 'test my_metric')
    """
    if name in _CURVES:
        return _(name)
    if name.startswith("test "):
        return _("test {metric}").format(metric=name.removeprefix("test "))
    return name


def _describe_line(name):
    """Return what a legend calls a curve: there a training curve is named as such."""
    if name.startswith("test"):
        return describe_curve(name)
    return _(_TRAINING_CURVES.get(name) or N_("training {metric}", metric=name))


def format_value(value):
    """Format a loss or a metric to the three digits that are the same on every machine.

    Examples
    --------
    >>> format_value(0.04059), format_value(0.0000512), format_value(1.0)
    ('0.0406', '0.0000512', '1.00')
    """
    text = f"{value:#.3g}"
    return np.format_float_positional(float(text), trim="k", precision=12, unique=True) if "e-" in text else text


class DivergenceError(ArithmeticError):
    """The loss stopped being finite.

    Attributes
    ----------
    history : History
        The whole epochs before.
    epoch : int
        The epoch in which it happened, from 1.
    last_finite_loss : float or None
        Mean training loss of the last minibatch of the run that had a finite one.
    name : str
        Which loss it was, "loss" or "test loss".
    """

    def __init__(self, history, epoch, last_finite_loss, name="loss"):
        self.history = history
        self.epoch = epoch
        self.last_finite_loss = last_finite_loss
        last = "no minibatch before had a finite one"
        if last_finite_loss is not None:
            last = f"the last finite one of a minibatch was {last_finite_loss:.3g}"
        super().__init__(
            f"the {name} stopped being finite in epoch {epoch}; {last}. The usual cause is a learning rate that is too "
            "large: divide it by ten. Start again from newly initialised parameters."
        )
