"""The fast way: the same steps in the same order as in ``loop.py``, with all that they need prepared.

A step is prepared in three parts, each of which equals its plain form bit for bit: the gradients (``fusion.py``), the
update of the parameters (``updates.py``), and how results are kept (``copied.py``). Where a part cannot be prepared,
its plain form is taken.
"""

import math

from mxnet import autograd, gluon

from ..data import ArrayLoader
from ..devices import on_device
from ..metrics import Backlog, unpack
from ..rows import Rows
from .arrays import leads_further
from .copied import CopiedResults
from .fusion import FusedGradients
from .loop import Run
from .machines import Share
from .steps import TrainerStep, has_own_step, is_mxnets, quick_step
from .updates import PreparedUpdates

_MOST_NUMBERS = 2**21  # of features between two looks at the progress bar, where a minibatch is not larger by itself


class FastRun(Run):
    """A run whose steps are prepared, as far as network, loss and trainer allow it."""

    def __init__(self, net, loss, trainer, metric, verbose, ctx):
        super().__init__(net, loss, trainer, metric, verbose, ctx)
        self.fused = FusedGradients(net, loss)
        self.updates = None
        if isinstance(trainer, gluon.Trainer):
            self.step = TrainerStep(net, trainer, quick_step)
            self.updates = None if has_own_step(trainer) else PreparedUpdates(trainer)

    def make_steps(self, train_iter, probabilities, interrupts):
        """Take a step for each minibatch, as `Run.make_steps` does."""
        if not self.fused.are_possible():
            return super().make_steps(train_iter, probabilities, interrupts)
        # A loader of ours is asked for many minibatches at once: arrays that each step takes some rows of.
        in_blocks = type(train_iter) in (ArrayLoader, Share)
        steps = _Steps(self, CopiedResults(self, probabilities), in_blocks, interrupts)
        of_loader = train_iter.batch_size if in_blocks else None
        may_change = not in_blocks and type(train_iter) not in (list, tuple)
        with self.progress_bar(train_iter) as bar:
            for arrays in train_iter.blocks() if in_blocks else bar:
                if interrupts:
                    raise KeyboardInterrupt
                X, y = self._features_and_labels(arrays)
                if may_change:  # what yields the minibatches is code of the learner
                    steps.look_again()
                steps.begin(X, y)
                num_rows = len(y) if y.shape else 1
                size, start = of_loader or num_rows, 0
                while start < num_rows:
                    if interrupts:
                        raise KeyboardInterrupt
                    num_steps = steps.make(start, min(size, num_rows - start), (num_rows - start) // size)
                    start += num_steps * size
                    if in_blocks:
                        bar.update(num_steps)
        return steps.results

    def _features_and_labels(self, arrays):
        """Check a minibatch, or many; features that are yet to be gathered stay so."""
        if isinstance(arrays, tuple) and arrays and isinstance(arrays[0], Rows):
            rows, *others = arrays
            _, y = unpack((rows.first(), *others), "train_iter")
            arrays = rows, y
        else:
            arrays = unpack(arrays, "train_iter")
        return on_device(arrays, self.ctx)


class _Steps:
    """The steps of an epoch."""

    def __init__(self, run, results, in_blocks, interrupts):
        self.results = results
        self._run, self._in_blocks, self._interrupts, self._backlog = run, in_blocks, interrupts, Backlog()
        self._are_possible = True
        # Whether gradients go through features or labels to what they were computed from; None until it is looked at.
        self._lead_further = False if in_blocks else None
        self._labels_lead_further = None  # of which the epoch's first labels tell
        self._step_is_mxnets = is_mxnets(run.trainer)

    def begin(self, X, y):
        """Take up other arrays; the next steps are made for rows of them."""
        if self._lead_further is None:
            if self._labels_lead_further is None:
                self._labels_lead_further = leads_further(y)
            self._lead_further = self._labels_lead_further or autograd.is_recording() or leads_further(X)
        self._X, self._y = X, y
        self._ready = {}  # what is prepared for minibatches of a size, as long as no code of the learner has run since

    def look_again(self):
        """Look what is possible after code of the learner has run: it may have changed network and loss."""
        self._ready = {}
        self._are_possible = self._run.fused.are_possible()
        if not self._in_blocks:
            self._lead_further = None

    def make(self, start, size, most):
        """Make a step for `size` rows from `start` on, and more for the rows that follow, `most` in all.

        Returns
        -------
        int
            How many steps were made.
        """
        graph, update = self._ready.get(size) or self._look_up(size)
        if update is not None:
            return self._make_prepared(graph, update, start, most)
        if graph is None:
            self._make_plainly(start, start + size)
        else:
            self.results.room_for(graph)
            graph(self._X, self._y, start, start + size)
            graph.mark_gradients()
            self._run.step(size)
            self.results.copy(graph)
            self._note(graph, start, 1)
        if not self._step_is_mxnets:
            self.look_again()  # a step may be code of the learner
        return 1

    def _make_prepared(self, graph, update, start, most):
        """Make steps one after the other, with no more of Python between them than it takes."""
        X, y, size = self._X, self._y, graph.num_examples
        rooms = self.results.room_for(graph), self._backlog.room_for(graph.num_waiting)
        num_steps = max(1, min(most, *rooms, _MOST_NUMBERS // max(1, graph.num_numbers)))
        made = 0
        try:
            for first in range(start, start + num_steps * size, size):
                if self._interrupts:
                    break
                graph(X, y, first, first + size)
                update()
                self.results.copy(graph)
                made += 1
        finally:
            if made:
                update.count(made)
                graph.mark_gradients(but=update.params)
        self._note(graph, start, made)
        return made

    def _note(self, graph, start, num_steps):
        if self.results.note(graph.num_examples, self._y, start, num_steps):
            self.look_again()  # a metric may be code of the learner
        self._backlog.count(graph.num_waiting, self.results.mark, num_steps)

    def _look_up(self, num_examples):
        run, update = self._run, None
        if not self._are_possible or self._lead_further:
            return None, None
        graph = run.fused.graph_for(self._X, self._y, num_examples)
        if graph is not None and run.updates is not None:
            update = run.updates.update_for(num_examples, graph.trained)
        if update is not None:
            self._ready[num_examples] = graph, update
        return graph, update

    def _make_plainly(self, start, stop):
        X, y = self._X, self._y
        if self._in_blocks:
            X, y = X._slice(start, stop), y._slice(start, stop)
        y_hat, losses = self._run.gradients(X, y)
        self._run.step(y.shape[0])
        self.results.add(y_hat, y, losses)
        self._backlog.add(math.prod(X.shape), losses)
