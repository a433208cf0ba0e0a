"""The training loop of the chapters, and the history that it returns."""

import signal
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.base import MXNetError
from tqdm import tqdm

from .devices import check_ctx, on_device
from .functional import check_probabilities, noted_probabilities
from .fusion import fuse, has_own_step, quick_step
from .language import N_, _, joined, width
from .metrics import (
    Backlog,
    call_loss,
    check_labels,
    check_parameters,
    engine_errors,
    forward,
    mean_loss,
    mean_metric,
    predictions,
    unpack,
)
from .validation import check_callable, check_float, check_integer, check_iterable

_CURVES = [N_("loss"), N_("test loss"), N_("accuracy"), N_("test accuracy"), N_("metric"), N_("test metric")]
_TRAINING_CURVES = {"loss": N_("training loss"), "accuracy": N_("training accuracy"), "metric": N_("training metric")}
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
        from . import plotting  # here, since drawing brings in d2l, matplotlib and pandas

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
        If an argument is of the wrong type, or a minibatch or the network's parameters are of a type of numbers that
        MXNet does not compute with.
    ValueError
        If a network's parameters were not initialised, are not those of `trainer`, take no part in its outputs, or are
        not on `ctx`, `loss` does not return one loss an example, class ids are not those of the network's outputs,
        `cross_entropy` is given other numbers than probabilities, or `train_iter` yields nothing.

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
    check_parameters(net)
    _check_device(net, ctx)
    if isinstance(trainer, gluon.Trainer):
        _check_trainer(net, trainer)
    elif not callable(trainer) or isinstance(trainer, type):
        is_class = isinstance(trainer, type)
        got = f"is the class {trainer.__name__}" if is_class else f"is of the type {type(trainer).__name__}"
        raise TypeError(
            f"trainer must be a gluon.Trainer or a function of the batch size, but {got}; for example "
            "lambda batch_size: sgd([w, b], 0.03, batch_size), or "
            'gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
        )
    run = _Run(net, loss, trainer, metric, verbose, ctx)
    interrupts = []
    try:
        with engine_errors(), _note_interrupts(interrupts):
            for _ in range(num_epochs):
                run.train_epoch(train_iter, test_iter, interrupts)
    except KeyboardInterrupt:
        print(_explain_interrupt(len(run.history), is_whole=len(interrupts) == 1))
    return run.history


def _explain_interrupt(num_epochs, is_whole):
    text = _("interrupted after {n} whole epochs; the last step may not be whole: initialise the parameters anew")
    if is_whole:
        text = _("interrupted after {n} whole epochs; the parameters are those of the last whole step")
    return text.format(n=num_epochs)


def _check_device(net, ctx):
    if ctx is not None and isinstance(net, gluon.Block):
        for param in net.collect_params().values():
            if param._data is not None and ctx not in param.list_ctx():
                raise ValueError(
                    f"ctx is {ctx}, but the parameters of net are on {param.list_ctx()[0]}; initialise it there, "
                    "with net.initialize(ctx=ctx), or move it, with net.collect_params().reset_ctx(ctx)."
                )


def _check_trainer(net, trainer):
    """Check that the trainer acts on the network's parameters, the last ones included, and on one device.

    Parameters that come before others that are trained may have been left out in order to keep a layer as it is.
    """
    params = list(net.collect_params().values()) if isinstance(net, gluon.Block) else []
    if not params:
        return
    ours = {id(param) for param in trainer._params}
    trained = [i for i, param in enumerate(params) if id(param) in ours]
    if not trained:
        raise ValueError(
            "trainer acts on none of the parameters of net; make it for this network: "
            'gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
        )
    last = [param for param in params[trained[-1] + 1 :] if param.grad_req != "null"]
    if last:
        raise ValueError(
            f"trainer does not act on {_names(net, last)}; if that was added later, call net.initialize() and make the "
            'trainer anew: trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}). '
            f"If it is to stay as it is, say so: {_freeze(net, last)}."
        )
    for param in trainer._params:
        if (param._data is not None or param._deferred_init) and len(param.list_ctx()) > 1:
            raise ValueError(
                f"the parameters of net are on {len(param.list_ctx())} devices, but train uses one; move them, with "
                "net.collect_params().reset_ctx(dh.try_gpu()), and make the trainer anew."
            )


def _layers(net, params):
    """Return what the layers that hold the parameters are called from outside, as in ``net[0]`` or ``net.output``."""
    wanted, layers = {id(param) for param in params}, {}
    for path, param in net._collect_params_with_prefix().items():
        if id(param) in wanted:
            *parts, _ = path.split(".")
            layers["net" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts)] = None
    return list(layers)


def _freeze(net, params):
    return "; ".join(f'{layer}.collect_params().setattr("grad_req", "null")' for layer in _layers(net, params))


def _names(net, params):
    return f"{', '.join(_layers(net, params))} ({', '.join(param.name for param in params)})"


class _Run:
    """One call of `train`: what to do with each minibatch, and what came of it so far."""

    def __init__(self, net, loss, trainer, metric, verbose, ctx):
        self.net, self.loss, self.metric, self.verbose, self.ctx = net, loss, metric, verbose, ctx
        self.trainer = trainer
        self.step = self._first_step if isinstance(trainer, gluon.Trainer) else trainer
        self.fused = fuse(net, loss)
        self.history = History(metric_name=getattr(metric, "__name__", "metric"))
        if self.history.metric_name == "loss":
            raise ValueError("metric must not be called loss, since the history has a loss already; rename it.")
        self.last_finite_loss = None

    @property
    def epoch(self):
        """Number of the epoch that is under way, from 1."""
        return len(self.history) + 1

    def train_epoch(self, train_iter, test_iter, interrupts):
        start = time.perf_counter()
        results, backlog = _Results(self), Backlog()
        # On standard output, since Jupyter shows standard error as if it were an error.
        name = _("epoch {epoch}").format(epoch=self.epoch)
        bar = tqdm(train_iter, name, leave=False, delay=1, disable=not self.verbose, file=sys.stdout)
        with noted_probabilities() if self.epoch == 1 else nullcontext([]) as noted:
            for batch in bar:
                if interrupts:
                    bar.close()
                    raise KeyboardInterrupt
                X, y = on_device(unpack(batch, "train_iter"), self.ctx)
                y_hat, losses = (self.fused and self.fused(X, y, self.metric is not None)) or self._gradients(X, y)
                num_examples = y.shape[0]
                self.step(num_examples)
                results.add(y_hat, y, losses, num_examples, noted[:])
                noted.clear()
                backlog.add(X, losses)
        # From here on the results are waited for.
        results.read()
        if not results.num_examples:
            raise ValueError(
                f"train_iter yielded no minibatch in epoch {self.epoch}; a generator can be iterated over only once: "
                "hand in load_array(...), a DataLoader or a list."
            )
        record = {"loss": results.loss / results.num_examples, "num_examples": results.num_examples}
        if self.metric is not None:
            record["metric"] = results.metric / results.num_examples
        record["seconds"] = time.perf_counter() - start
        if test_iter is not None:
            record |= self._test(test_iter)
        for name, value in record.items():
            getattr(self.history, name).append(value)
        if self.verbose:
            print(self._last_epoch())

    def _last_epoch(self):
        """Return a line on the epoch that was recorded last."""
        history = self.history
        curves = joined(
            N_("{first}, {second}"),
            (f"{describe_curve(name)} {format_value(values[-1])}" for name, values in history.curves.items()),
        )
        line = _("epoch {epoch}: {curves} ({seconds:.3f} s)")
        return line.format(epoch=len(history), curves=_(curves), seconds=history.seconds[-1])

    def _gradients(self, X, y):
        with autograd.record():
            y_hat = forward(self.net, X)
            check_float("the output of net", y_hat)
            losses = call_loss(self.loss, y_hat, y)
        _backward(losses)
        return y_hat.detach(), losses.detach()

    def _test(self, test_iter):
        outputs = list(predictions(self.net, test_iter, "test_iter", self.ctx))
        found = {"test_loss": mean_loss(self.loss, outputs)}
        if not np.isfinite(found["test_loss"]):
            raise DivergenceError(self.history, self.epoch, self.last_finite_loss, "test loss")
        if self.metric is not None:
            found["test_metric"] = mean_metric(self.metric, outputs)
        return found

    def _first_step(self, num_examples):
        """Make a step of a Gluon trainer, and have it made directly from the second one on.

        Gluon itself would name one parameter without a gradient, with some of the others updated already.
        """
        params = [param for param in self.trainer._params if param.grad_req != "null"]
        idle = [p for p in params if p._data is None or not all(data._fresh_grad for data in p._data)]
        if idle and not has_own_step(self.trainer):
            raise ValueError(self._explain_idle(idle))
        self.step = quick_step(self.trainer)
        self.step(num_examples)

    def _explain_idle(self, params):
        layers = _layers(self.net, params) if isinstance(self.net, gluon.Block) else []
        if not layers:
            names = ", ".join(param.name for param in params)
            return (
                f"{names} took no part in the forward pass, so trainer has no gradient for it; make a gluon.Trainer "
                "for the other parameters only."
            )
        others = ""
        if any(param._data is None for param in params):  # with such a parameter, frozen or not, no trainer begins
            names = "|".join(param.name for param in params)
            others = f'; trainer = gluon.Trainer(net.collect_params("(?!{names})"), "sgd", {{"learning_rate": 0.03}})'
        return (
            f"{_names(self.net, params)} took no part in the forward pass, so trainer has no gradient for it; use it "
            f"in the network's forward function, or take it out of training: {_freeze(self.net, params)}{others}."
        )


class _Results:
    """Losses and metrics of an epoch, added up in the order of its steps, long after each step.

    Reading a result waits for it. So that the engine is never waited for while there are steps to hand to it, and
    memory does not grow with the epoch either, a result is read when `_LAG` steps and more have been handed in since.
    """

    def __init__(self, run):
        self.loss = self.metric = 0.0
        self.num_examples = 0
        self._run = run
        self._waiting = []

    def add(self, y_hat, y, losses, num_examples, probabilities):
        self._waiting.append((y_hat, y, losses, num_examples, probabilities))
        if len(self._waiting) == 2 * _LAG:
            self._read(self._waiting[:_LAG])
            del self._waiting[:_LAG]

    def read(self):
        """Read all that is left."""
        if self._waiting:
            self._read(self._waiting)
            self._waiting = []

    def _read(self, results):
        run = self._run
        sizes = np.array([num_examples for *_, num_examples, _ in results])
        totals = np.add.reduceat(_values([losses for _, _, losses, _, _ in results]), sizes.cumsum() - sizes)
        bad = np.flatnonzero(~np.isfinite(totals))
        num_finite = bad[0] if len(bad) else len(totals)
        if run.epoch == 1:  # first, since what is wrong with the data may be what made the loss infinite
            for y_hat, y, _, _, probabilities in results[:num_finite]:
                check_labels(y_hat, y)
                for array in probabilities:
                    check_probabilities(array)
        if num_finite:
            run.last_finite_loss = float(totals[num_finite - 1] / sizes[num_finite - 1])
        if len(bad):
            raise DivergenceError(run.history, run.epoch, run.last_finite_loss)
        self.loss += float(totals.sum())
        self.num_examples += int(sizes.sum())
        if run.metric is not None:
            outputs = ((y_hat, y) for y_hat, y, *_ in results)
            self.metric += float(sizes.sum()) * mean_metric(run.metric, outputs)


def _values(arrays):
    """Return the values of arrays of one axis, one after the other, as float64; they are waited for once."""
    if len({array.dtype for array in arrays}) > 1:
        return np.concatenate([array.asnumpy() for array in arrays]).astype("float64")
    return nd.concat(*(array.as_nd_ndarray() for array in arrays), dim=0).asnumpy().astype("float64")


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
