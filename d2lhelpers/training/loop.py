"""The training loop, which the chapters teach: predict, compute the loss, go back, take a step."""

import sys
import time
from contextlib import nullcontext

import numpy as np
from mxnet import gluon
from tqdm import tqdm

from ..devices import check_ctx, on_device
from ..functional import noted_probabilities
from ..language import N_, _, joined
from ..metrics import Backlog, check_parameters, engine_errors, mean_loss, mean_metric, predictions, unpack
from ..validation import check_callable, check_integer, check_iterable
from .checks import check_device, check_trainer
from .fusion import fuse
from .gradients import RecordedGradients
from .history import DivergenceError, History, describe_curve, format_value
from .interrupts import explain_interrupt, note_interrupts
from .results import Results
from .steps import TrainerStep, quick_step


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
    check_device(net, ctx)
    check_trainer(net, trainer)
    run = Run(net, loss, trainer, metric, verbose, ctx)
    interrupts = []
    try:
        with engine_errors(), note_interrupts(interrupts):
            for _epoch in range(num_epochs):
                run.train_epoch(train_iter, test_iter, interrupts)
    except KeyboardInterrupt:
        print(explain_interrupt(len(run.history), is_whole=len(interrupts) == 1))
    return run.history


class Run:
    """One call of `train`: what is fixed for it, and what came of it so far.

    Three parts can be exchanged:

    - ``gradients(X, y)`` computes predictions, losses and gradients of a minibatch (``gradients.py``, ``fusion.py``),
    - ``step(num_examples)`` changes the parameters by them (``steps.py``),
    - ``results`` keeps predictions and losses, and reads them later (``results.py``).

    Attributes
    ----------
    history : History
        The whole epochs.
    last_finite_loss : float or None
        Mean loss of the last minibatch that had a finite one, of those that have been read.
    """

    def __init__(self, net, loss, trainer, metric, verbose, ctx):
        self.net, self.loss, self.metric, self.verbose, self.ctx = net, loss, metric, verbose, ctx
        self.gradients = RecordedGradients(net, loss)
        self.step = TrainerStep(net, trainer, quick_step) if isinstance(trainer, gluon.Trainer) else trainer
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
        """Go through the minibatches once, and record what came of it."""
        start = time.perf_counter()
        with noted_probabilities() if self.epoch == 1 else nullcontext([]) as probabilities:
            results = Results(self, probabilities)
            self.make_steps(train_iter, results, interrupts)
        results.read()  # from here on the results are waited for
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
            record |= self.test(test_iter)
        for name, value in record.items():
            getattr(self.history, name).append(value)
        if self.verbose:
            print(self.describe_last_epoch())

    def make_steps(self, train_iter, results, interrupts):
        """Take a step for each minibatch; no result is waited for, so that MXNet's engine is kept busy."""
        backlog = Backlog()
        with self.progress_bar(train_iter) as minibatches:
            for minibatch in minibatches:
                if interrupts:
                    raise KeyboardInterrupt
                X, y = on_device(unpack(minibatch, "train_iter"), self.ctx)
                y_hat, losses = (self.fused and self.fused(X, y, self.metric is not None)) or self.gradients(X, y)
                self.step(y.shape[0])
                results.add(y_hat, y, losses)
                backlog.add(X, losses)

    def progress_bar(self, train_iter):
        """Return `train_iter` with a bar that shows how far it is, where an epoch takes longer than a second."""
        # On standard output, since Jupyter shows standard error as if it were an error.
        name = _("epoch {epoch}").format(epoch=self.epoch)
        return tqdm(train_iter, name, leave=False, delay=1, disable=not self.verbose, file=sys.stdout)

    def test(self, test_iter):
        """Return what is to be recorded of the test set."""
        outputs = list(predictions(self.net, test_iter, "test_iter", self.ctx))
        found = {"test_loss": mean_loss(self.loss, outputs)}
        if not np.isfinite(found["test_loss"]):
            raise DivergenceError(self.history, self.epoch, self.last_finite_loss, "test loss")
        if self.metric is not None:
            found["test_metric"] = mean_metric(self.metric, outputs)
        return found

    def describe_last_epoch(self):
        """Return a line on the epoch that was recorded last."""
        history = self.history
        curves = joined(
            N_("{first}, {second}"),
            (f"{describe_curve(name)} {format_value(values[-1])}" for name, values in history.curves.items()),
        )
        line = _("epoch {epoch}: {curves} ({seconds:.3f} s)")
        return line.format(epoch=len(history), curves=_(curves), seconds=history.seconds[-1])
