"""The training loop, which the chapters teach: predict, compute the loss, go back, take a step."""

import math
import time
from contextlib import nullcontext

import numpy as np
from mxnet import gluon

from ..devices import on_device
from ..functional import noted_probabilities
from ..language import N_, _, joined
from ..metrics import Backlog, mean_loss, mean_metric, predictions, unpack
from ..progress_bars import progress_bar
from .gradients import RecordedGradients
from .history import DivergenceError, History, describe_curve, format_value
from .machines import Alone
from .results import Results
from .steps import TrainerStep


class Run:
    """One call of `train`: what is fixed for it, and what came of it so far.

    Four parts can be exchanged:

    - ``gradients(X, y)`` computes predictions, losses and gradients of a minibatch (``gradients.py``),
    - ``step(num_examples)`` changes the parameters by them (the learner's function, or ``steps.py``),
    - ``results`` keeps predictions and losses, and reads them later (``results.py``),
    - ``machines`` shares the work with other workers, if there are any (``machines.py``).

    `FastRun` in ``fast.py`` exchanges the first three for prepared ones.

    Attributes
    ----------
    history : History
        The whole epochs.
    last_finite_loss : float or None
        Mean loss of the last minibatch that had a finite one, of those that have been read.
    """

    def __init__(self, net, loss, trainer, metric, verbose, ctx):
        self.net, self.loss, self.trainer = net, loss, trainer
        self.metric, self.verbose, self.ctx = metric, verbose, ctx
        self.gradients = RecordedGradients(net, loss)
        self.step = TrainerStep(net, trainer) if isinstance(trainer, gluon.Trainer) else trainer
        self.history = History(metric_name=getattr(metric, "__name__", "metric"))
        if self.history.metric_name == "loss":
            raise ValueError("metric must not be called loss, since the history has a loss already; rename it.")
        self.last_finite_loss = None
        self.machines = Alone()

    @property
    def epoch(self):
        """Number of the epoch that is under way, from 1."""
        return len(self.history) + 1

    def train_epoch(self, train_iter, test_iter, interrupts):
        """Go through the minibatches once, and record what came of it."""
        start = time.perf_counter()
        with noted_probabilities() if self.epoch == 1 else nullcontext([]) as probabilities:
            results = self.make_steps(self.machines.share(train_iter), probabilities, interrupts)
        self.machines.finish_epoch()
        results.read()  # from here on the results are waited for
        if not results.num_examples:
            raise ValueError(
                f"train_iter yielded no minibatch in epoch {self.epoch}; a generator can be iterated over only once: "
                "hand in load_array(...), a DataLoader or a list."
            )
        loss, metric, num_examples = self.machines.add("epoch", [results.loss, results.metric, results.num_examples])
        record = {"loss": loss / num_examples, "num_examples": num_examples}
        if self.metric is not None:
            record["metric"] = metric / num_examples
        record["seconds"] = time.perf_counter() - start
        if test_iter is not None:
            record |= self.test(test_iter, interrupts)
        for name, value in record.items():
            getattr(self.history, name).append(value)
        if self.verbose:
            print(self.describe_last_epoch())
        if interrupts:  # while the last results were waited for, usually
            raise KeyboardInterrupt

    def make_steps(self, train_iter, probabilities, interrupts):
        """Take a step for each minibatch; no result is waited for, so that MXNet's engine is kept busy."""
        results, backlog = Results(self, probabilities), Backlog()
        with self.progress_bar(train_iter) as minibatches:
            for minibatch in minibatches:
                if interrupts:
                    raise KeyboardInterrupt
                X, y = on_device(unpack(minibatch, "train_iter"), self.ctx)
                y_hat, losses = self.gradients(X, y)
                self.step(y.shape[0])
                results.add(y_hat, y, losses)
                backlog.add(math.prod(X.shape), losses)
        return results

    def progress_bar(self, train_iter):
        """Return `train_iter` with a bar that shows how far it is, where an epoch takes longer than a second."""
        name = _("epoch {epoch}").format(epoch=self.epoch)
        return progress_bar(train_iter, name, delay=1, disable=not self.verbose)

    def test(self, test_iter, interrupts):
        """Return what is to be recorded of the test set."""
        outputs = []
        for output in predictions(self.net, self.machines.share_of_test(test_iter), "test_iter", self.ctx):
            if interrupts:
                raise KeyboardInterrupt
            outputs.append(output)
        num_examples = sum(y.shape[0] for _X, y in outputs)
        found = {"test_loss": self.machines.mean("test loss", mean_loss(self.loss, outputs), num_examples)}
        if not np.isfinite(found["test_loss"]):
            raise DivergenceError(self.history, self.epoch, self.last_finite_loss, "test loss")
        if self.metric is not None:
            value = mean_metric(self.metric, outputs)
            found["test_metric"] = self.machines.mean("test metric", value, num_examples)
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
