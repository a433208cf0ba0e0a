"""How the results of prepared steps are kept: copied one after the other into few arrays, each read once."""

import numpy as np
from mxnet import nd

from ..metrics import accuracies, accuracy, check_labels, metric_value
from . import results
from .engine import CopyInto

_MOST_NUMBERS = 2**20  # in the arrays of `CopiedMinibatches`, where a minibatch is not larger by itself


class CopiedMinibatches:
    """The results of several steps in a row, with all that `Minibatch` has of one.

    Parameters
    ----------
    graph : FusedGraph
        The one whose results come first; all others have outputs of the same kind.
    num_steps : int
        How many minibatches of this size there is to be room for, if that is not too much.
    keeps_outputs, keeps_labels : bool
        Whether predictions and labels are wanted, too.
    """

    def __init__(self, graph, num_steps, keeps_outputs, keeps_labels):
        width = graph.y_hat.size // graph.num_examples if keeps_outputs else 0
        self._num_rows = max(graph.num_examples, min(num_steps * graph.num_examples, _MOST_NUMBERS // (1 + width)))
        self.sizes = []
        self._y_hat, self._kind, self._num_used = graph.y_hat, graph.kind, 0
        self._losses = self._empty_like(graph.losses)
        self._copy_losses, self._copy_outputs = CopyInto(self._losses), None
        if keeps_outputs:
            self._outputs = self._empty_like(graph.y_hat)
            self._copy_outputs = CopyInto(self._outputs)
        self._labels = [] if keeps_labels else None

    def _empty_like(self, array):
        return nd.empty((self._num_rows, *array.shape[1:]), array.ctx, array.dtype)

    def room_for(self, graph):
        """Return of how many more minibatches the results can be copied."""
        return (self._num_rows - self._num_used) // graph.num_examples if self._kind == graph.kind else 0

    def copy(self, graph):
        """Copy what the graph has computed of a minibatch."""
        first, self._num_used = self._num_used, self._num_used + graph.num_examples
        self._copy_losses(graph.losses, first, self._num_used)
        if self._copy_outputs:
            self._copy_outputs(graph.y_hat, first, self._num_used)

    def note(self, size, y, start, num_steps):
        """Note the sizes of minibatches that were copied, and their labels, which are rows of `y` from `start` on."""
        self.sizes.extend([size] * num_steps)
        if self._labels is not None:
            self._labels.extend((y, first, first + size) for first in range(start, start + num_steps * size, size))

    def mark(self):
        """Return an array that is there when the engine has computed all that was added."""
        return nd.identity(self._losses._slice(self._num_used - 1, self._num_used))

    @property
    def losses(self):
        """The losses of all examples."""
        return self._losses._slice(0, self._num_used)

    def check(self, num_minibatches):
        """Check the labels of the first minibatches: together, and one by one only to name what is wrong with them."""
        labels = self._labels[:num_minibatches]
        try:
            for y in _joined(labels):
                check_labels(self._y_hat, y)
        except ValueError:
            for y, start, stop in labels:
                check_labels(self._y_hat, y._slice(start, stop))

    def values_of(self, metric):
        """Return the value of a metric for each minibatch; accuracy is computed of all at once."""
        if metric is accuracy and len(self._y_hat.shape) == 2:
            labels = _joined(self._labels)
            if all(len(y.shape) == 1 for y in labels):
                y_hat = self._outputs._slice(0, self._num_used).asnumpy()
                try:
                    return accuracies(y_hat, np.concatenate([y.asnumpy() for y in labels]), self.sizes)
                except ValueError:
                    pass  # one by one, to name what is wrong
        values, first = [], 0
        for (y, start, stop), size in zip(self._labels, self.sizes, strict=True):
            y_hat = self._outputs._slice(first, first + size)
            if self._kind.is_np:
                y_hat = y_hat.as_np_ndarray()
            values.append(metric_value(metric, y_hat, y._slice(start, stop)))
            first += size
        return values


def _joined(labels):
    """Return labels in as few arrays as there can be, since many are rows that follow each other in one array."""
    runs = []
    for y, start, stop in labels:
        if runs and runs[-1][0] is y and runs[-1][2] == start:
            runs[-1][2] = stop
        else:
            runs.append([y, start, stop])
    return [y._slice(start, stop) for y, start, stop in runs]


class CopiedResults(results.Results):
    """Results that are copied from a `FusedGraph` before it computes the next minibatch.

    First they are given room, then they are copied after each of some steps, then all of these are noted.
    """

    def room_for(self, graph):
        """Make room for the results of at least one step; return for how many there is."""
        last = self._newer[-1] if self._newer else None
        if not isinstance(last, CopiedMinibatches) or not last.room_for(graph):
            run = self._run
            keeps_outputs = run.metric is not None
            num_steps = results.LAG - self._num_newer
            last = CopiedMinibatches(graph, num_steps, keeps_outputs, keeps_outputs or run.epoch == 1)
            self._newer.append(last)
        self.copy, self.mark = last.copy, last.mark
        return last.room_for(graph)

    def note(self, size, y, start, num_steps):
        """Note what was copied; return whether results of some steps before were read."""
        self._newer[-1].note(size, y, start, num_steps)
        return self._count(num_steps)
