"""The fast way: the same steps in the same order as in ``loop.py``, with all that they need prepared.

A step is prepared in three parts, each of which equals its plain form bit for bit: the gradients (``fusion.py``), the
update of the parameters (``updates.py``), and how results are kept (``copied.py``). Where a part cannot be prepared,
its plain form is taken.
"""

from mxnet import gluon

from ..data import ArrayLoader
from ..devices import on_device
from ..metrics import Backlog, unpack
from .copied import CopiedResults
from .fusion import FusedGradients, can_be_fused
from .loop import Run
from .machines import Share
from .steps import TrainerStep, has_own_step, quick_step
from .updates import PreparedUpdates


class FastRun(Run):
    """A run whose steps are prepared, as far as network, loss and trainer allow it."""

    def __init__(self, net, loss, trainer, metric, verbose, ctx):
        super().__init__(net, loss, trainer, metric, verbose, ctx)
        self.fused = FusedGradients(net, loss) if can_be_fused(net, loss) else None
        self.updates = None
        if isinstance(trainer, gluon.Trainer):
            self.step = TrainerStep(net, trainer, quick_step)
            self.updates = None if has_own_step(trainer) else PreparedUpdates(trainer)

    def make_steps(self, train_iter, probabilities, interrupts):
        """Take a step for each minibatch, as `Run.make_steps` does."""
        if self.fused is None:
            return super().make_steps(train_iter, probabilities, interrupts)
        # A loader of ours is asked for many minibatches at once: arrays that each step takes some rows of.
        in_blocks = type(train_iter) in (ArrayLoader, Share)
        steps = _Steps(self, CopiedResults(self, probabilities), in_blocks)
        with self.progress_bar(train_iter) as bar:
            for arrays in train_iter.blocks() if in_blocks else bar:
                if interrupts:
                    raise KeyboardInterrupt
                X, y = on_device(unpack(arrays, "train_iter"), self.ctx)
                steps.begin(X, y)
                num_rows = len(y) if y.shape else 1
                size = train_iter.batch_size if in_blocks else num_rows
                for start in range(0, num_rows, size):
                    if interrupts:
                        raise KeyboardInterrupt
                    steps.make(start, min(start + size, num_rows))
                    if in_blocks:
                        bar.update()
        return steps.results


class _Steps:
    """The steps of an epoch."""

    def __init__(self, run, results, in_blocks):
        self.results = results
        self._run, self._in_blocks, self._backlog = run, in_blocks, Backlog()

    def begin(self, X, y):
        """Take up other arrays; the next steps are made for rows of them."""
        self._X, self._y = X, y
        self._ready = {}  # what is prepared for minibatches of a size, as long as no code of the learner has run since

    def make(self, start, stop):
        """Make the step for the rows from `start` to `stop`."""
        graph, update = self._ready.get(stop - start) or self._look_up(stop - start)
        if graph is None:
            self._make_plainly(start, stop)
            return
        graph(self._X, self._y, start, stop)
        if update is not None:
            update()
        else:
            graph.mark_gradients()
            self._run.step(stop - start)
        if self.results.copy(graph, self._y, start, stop):
            self._ready = {}  # a metric may be code of the learner
        self._backlog.count(graph.num_numbers, self.results.mark)

    def _look_up(self, num_examples):
        run, update = self._run, None
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
        self._backlog.add(X.size, losses)
