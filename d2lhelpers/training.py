"""The training loop of the chapters, and the history that it returns."""

import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.base import MXNetError
from tqdm import tqdm

from .devices import check_ctx, on_device
from .fusion import fuse, quick_step
from .metrics import Backlog, call_loss, check_labels, forward, mean_loss, mean_metric, predictions, unpack
from .validation import check_callable, check_integer, check_iterable

_LAG = 1000  # steps that are handed to the engine before the results of the first of them are read


@dataclass
class History:
    """What happened in a run, epoch by epoch; plain data.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the minibatches of the epoch, each taken before its own step.
    metric : list of float
        The training metric, taken alike; empty if there is none.
    test_loss, test_metric : list of float
        Loss and metric on the test set after the epoch; empty if there is none.
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
        """The curves that were recorded: a dictionary of lists by name."""
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
            return "no epochs"
        rows = [["epoch", *self.curves, "seconds"]]
        for i, seconds in enumerate(self.seconds):
            curves = (format_value(values[i]) for values in self.curves.values())
            rows.append([str(i + 1), *curves, f"{seconds:.3f} s"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, f"{self.examples_per_second:,.0f} examples/s"])

    def plot(self):
        """Draw the curves by epoch: losses in one panel, metrics, if there are any, in a second one."""
        from . import plotting  # here, since drawing brings in d2l, matplotlib and pandas

        if not self.loss:
            raise ValueError("there is nothing to plot: the history holds no epochs.")
        losses = {name: values for name, values in self.curves.items() if name.endswith("loss")}
        metrics = {name: values for name, values in self.curves.items() if name not in losses}
        plotting.plot_epochs([losses, metrics] if metrics else [losses])


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
        Mean training loss of the last minibatch that had a finite one.
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


def train(net, train_iter, loss, trainer, num_epochs, test_iter=None, metric=None, verbose=True, ctx=None):
    """Train a model by minibatch stochastic gradient descent, or whatever `trainer` does.

    For each minibatch: predict, compute the loss of each example, go back through the sum, take one step. Within an
    epoch no result is waited for, so that MXNet's engine is kept busy; losses and metrics are read at its end.

    Interrupting the kernel (the stop button) ends the run after the step under way, and the history so far is
    returned; a second interrupt ends it at once.

    Parameters
    ----------
    net : callable
        A Gluon block, or a function of a minibatch of features, as in ``lambda X: linreg(X, w, b)``.
    train_iter : iterable
        Of minibatches (features, labels), iterated over once an epoch.
    loss : callable
        A Gluon loss, or a function that turns (y_hat, y) into one loss an example.
    trainer : gluon.Trainer or callable
        A callable is given the number of examples of the minibatch after each backward pass, as in
        ``lambda batch_size: sgd([w, b], lr, batch_size)``.
    num_epochs : int
        Passes over the training set, at least 0.
    test_iter : iterable, optional
        Minibatches to evaluate loss and metric on after each epoch.
    metric : callable, optional
        Turns (y_hat, y) into a mean over the minibatch's examples, for example `accuracy`.
    verbose : bool
        Whether to print a line an epoch, and to show a progress bar when an epoch takes longer than a second.
    ctx : mx.Context, optional
        Device that each minibatch is moved to, if it is on another one; the network must have been initialised there,
        as in ``ctx = dh.try_gpu(); net.initialize(ctx=ctx)``. If it is left out, minibatches stay where they are.

    Returns
    -------
    History
        Loss, metric and time of each whole epoch.

    Raises
    ------
    DivergenceError
        If the loss of an epoch is not finite; the history up to there is on the error.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If a network's parameters were not initialised, are not those of `trainer`, or are not on `ctx`, `loss` does
        not return one loss an example, class ids are not those of the network's outputs, or `train_iter` yields
        nothing.

    Examples
    --------
    >>> from mxnet import nd
    >>> from d2lhelpers import linreg, load_array, seed, sgd, squared_loss, synthetic_data
    >>> seed(1)
    >>> w, b = nd.zeros((2,)), nd.zeros((1,))
    >>> for param in (w, b):
    ...     param.attach_grad()
    >>> history = train(
    ...     lambda X: linreg(X, w, b), load_array(synthetic_data([2, -3.4], 4.2, 1000), 10),
    ...     squared_loss, lambda batch_size: sgd([w, b], 0.03, batch_size), num_epochs=3, verbose=False)
    >>> len(history), history.loss[-1] < 0.01
    (3, True)
    """
    check_callable("net", net)
    check_callable("loss", loss)
    check_iterable("train_iter", train_iter)
    if test_iter is not None:
        check_iterable("test_iter", test_iter)
    if metric is not None:
        check_callable("metric", metric)
    num_epochs = check_integer("num_epochs", num_epochs, minimum=0)
    check_ctx(ctx)
    _check_device(net, ctx)
    if isinstance(trainer, gluon.Trainer):
        _check_parameters(net, trainer)
        step = quick_step(trainer)
    elif callable(trainer):
        step = trainer
    else:
        raise TypeError(
            f"trainer must be a gluon.Trainer or a function of the batch size, but is of the type "
            f"{type(trainer).__name__}; for example lambda batch_size: sgd([w, b], 0.03, batch_size)."
        )

    history = History(metric_name=getattr(metric, "__name__", "metric"))
    if history.metric_name == "loss":
        raise ValueError("metric must not be called loss, since the history has a loss already; rename it.")
    fused = fuse(net, loss)
    interrupts = []
    try:
        with _note_interrupts(interrupts):
            for epoch in range(1, num_epochs + 1):
                _train_epoch(
                    net, train_iter, loss, step, epoch, test_iter, metric, verbose, ctx, history, interrupts, fused
                )
    except KeyboardInterrupt:
        whole = "the parameters are those of the last whole step"
        torn = "the last step may not be whole: initialise the parameters anew"
        print(f"interrupted after {len(history)} whole epochs; {whole if len(interrupts) == 1 else torn}")
    return history


def _check_device(net, ctx):
    if ctx is not None and isinstance(net, gluon.Block):
        for param in net.collect_params().values():
            if param._data is not None and ctx not in param.list_ctx():
                raise ValueError(
                    f"ctx is {ctx}, but the parameters of net are on {param.list_ctx()[0]}; initialise it there, "
                    "with net.initialize(ctx=ctx), or move it, with net.collect_params().reset_ctx(ctx)."
                )


def _check_parameters(net, trainer):
    if isinstance(net, gluon.Block):
        parameters = net.collect_params().values()
        if parameters and not any(param is trained for param in parameters for trained in trainer._params):
            raise ValueError(
                "trainer acts on none of the parameters of net; make it for this network: "
                'gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
            )


def _train_epoch(net, train_iter, loss, step, epoch, test_iter, metric, verbose, ctx, history, interrupts, fused):
    start = time.perf_counter()
    results, backlog = _Results(history, epoch, metric), Backlog()
    # On standard output, since Jupyter shows standard error as if it were an error.
    bar = tqdm(train_iter, f"epoch {epoch}", leave=False, delay=1, disable=not verbose, file=sys.stdout)
    for batch in bar:
        if interrupts:
            bar.close()
            raise KeyboardInterrupt
        X, y = on_device(unpack(batch, "train_iter"), ctx)
        y_hat, losses = (fused and fused(X, y, metric is not None)) or _gradients(net, loss, X, y)
        num_examples = y.shape[0]
        step(num_examples)
        results.add(y_hat, y, losses, num_examples)
        backlog.add(X, losses)
    # From here on the results are waited for.
    results.read()
    if not results.num_examples:
        raise ValueError(
            f"train_iter yielded no minibatch in epoch {epoch}; a generator can be iterated over only once: "
            "hand in load_array(...), a DataLoader or a list."
        )
    record = {"loss": results.loss / results.num_examples, "num_examples": results.num_examples}
    if metric is not None:
        record["metric"] = results.metric / results.num_examples
    record["seconds"] = time.perf_counter() - start
    if test_iter is not None:
        outputs = list(predictions(net, test_iter, "test_iter", ctx))
        record["test_loss"] = mean_loss(loss, outputs)
        if not np.isfinite(record["test_loss"]):
            raise DivergenceError(history, epoch, results.last_finite_loss, "test loss")
        if metric is not None:
            record["test_metric"] = mean_metric(metric, outputs)
    for name, value in record.items():
        getattr(history, name).append(value)
    if verbose:
        curves = ", ".join(f"{name} {format_value(values[-1])}" for name, values in history.curves.items())
        print(f"epoch {epoch}: {curves} ({history.seconds[-1]:.3f} s)")


class _Results:
    """Losses and metrics of an epoch, added up in the order of its steps, long after each step.

    Reading a result waits for it. So that the engine is never waited for while there are steps to hand to it, and
    memory does not grow with the epoch either, a result is read when `_LAG` steps and more have been handed in since.
    """

    def __init__(self, history, epoch, metric):
        self.loss = self.metric = 0.0
        self.num_examples = 0
        self.last_finite_loss = None
        self._history, self._epoch, self._metric = history, epoch, metric
        self._waiting = []

    def add(self, y_hat, y, losses, num_examples):
        self._waiting.append((y_hat, y, losses, num_examples))
        if len(self._waiting) == 2 * _LAG:
            self._read(self._waiting[:_LAG])
            del self._waiting[:_LAG]

    def read(self):
        """Read all that is left."""
        if self._waiting:
            self._read(self._waiting)
            self._waiting = []

    def _read(self, results):
        sizes = np.array([num_examples for *_, num_examples in results])
        totals = np.add.reduceat(_values([losses for _, _, losses, _ in results]), sizes.cumsum() - sizes)
        bad = np.flatnonzero(~np.isfinite(totals))
        num_finite = bad[0] if len(bad) else len(totals)
        if num_finite:
            self.last_finite_loss = float(totals[num_finite - 1] / sizes[num_finite - 1])
        if len(bad):
            raise DivergenceError(self._history, self._epoch, self.last_finite_loss)
        self.loss += float(totals.sum())
        self.num_examples += int(sizes.sum())
        if self._epoch == 1:
            for y_hat, y, _, _ in results:
                check_labels(y_hat, y)
        if self._metric is not None:
            outputs = ((y_hat, y) for y_hat, y, _, _ in results)
            self.metric += float(sizes.sum()) * mean_metric(self._metric, outputs)


def _values(arrays):
    """Return the values of arrays of one axis, one after the other, as float64; they are waited for once."""
    if len({array.dtype for array in arrays}) > 1:
        return np.concatenate([array.asnumpy() for array in arrays]).astype("float64")
    return nd.concat(*(array.as_nd_ndarray() for array in arrays), dim=0).asnumpy().astype("float64")


def _gradients(net, loss, X, y):
    with autograd.record():
        y_hat = forward(net, X)
        losses = call_loss(loss, y_hat, y)
    _backward(losses)
    return y_hat.detach(), losses.detach()


def _backward(losses):
    try:
        losses.backward()
    except MXNetError as error:
        if "not in a computational graph" not in str(error):
            raise
        raise ValueError(
            "no parameter of net has a gradient; call attach_grad() on each before training, or net.initialize()."
        ) from None


@contextmanager
def _note_interrupts(interrupts):
    """Note the first interrupt in the list, to be looked at between two steps; let a second one through."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return

    def note(signum, frame):
        interrupts.append(signum)
        if len(interrupts) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if before is not None:  # None: it was not set by Python, and cannot be set back by it
            signal.signal(signal.SIGINT, before)
