"""How the results of the steps are kept, and read when the engine has long computed them."""

import numpy as np
from mxnet import nd

from ..functional import check_probabilities
from ..metrics import check_labels, metric_value
from .history import DivergenceError

LAG = 1000  # steps that are handed to the engine before the results of the first of them are read


class Minibatch:
    """The results of one step.

    Attributes
    ----------
    sizes : list of int
        The number of examples.
    losses : array of shape (n,)

    Examples
    --------
    >>> from mxnet import nd
    >>> minibatch = Minibatch(nd.array([[1, 0]]), nd.array([1]), nd.array([2.5]))
    >>> minibatch.sizes, minibatch.values_of(lambda y_hat, y: y_hat.sum() + y)
    ([1], [2.0])
    """

    def __init__(self, y_hat, y, losses, probabilities=()):
        self.losses, self.sizes = losses, [y.shape[0]]
        self._y_hat, self._y, self._probabilities = y_hat, y, probabilities

    def check(self, num_minibatches):
        """Check what could not be looked at before the engine had computed it, if this one minibatch is meant."""
        if num_minibatches:
            check_labels(self._y_hat, self._y)
            for array in self._probabilities:
                check_probabilities(array)

    def values_of(self, metric):
        """Return the value of a metric for each minibatch."""
        return [metric_value(metric, self._y_hat, self._y)]


class Results:
    """Losses and metrics of an epoch, added up in the order of its steps, long after each step.

    Reading a result waits for it. So that the engine is never waited for while there are steps to hand to it, and
    memory does not grow with the epoch either, a result is read when `LAG` steps and more have been handed in since.

    Parameters
    ----------
    run : Run
        Whose metric it is, and which is told the last finite loss.
    probabilities : list
        Where `cross_entropy` notes what it takes for probabilities, to be looked at later.

    Attributes
    ----------
    loss, metric : float
        Sums over the examples whose results have been read.
    num_examples : int
        Their number.
    """

    def __init__(self, run, probabilities):
        self.loss = self.metric = 0.0
        self.num_examples = 0
        self._run, self._probabilities = run, probabilities
        self._older, self._newer = [], []  # results of whole steps; those of the first `LAG` go before the others
        self._num_newer = 0

    def add(self, y_hat, y, losses):
        """Note predictions, labels and losses of the next step."""
        self._keep(Minibatch(y_hat, y, losses, self._probabilities[:]))
        self._probabilities.clear()

    def read(self):
        """Read all that is left."""
        self._read(self._older + self._newer)
        self._older, self._newer, self._num_newer = [], [], 0

    def _keep(self, kept):
        self._newer.append(kept)
        self._count()

    def _count(self, num_steps=1):
        """Count steps that have been kept, at most `LAG` in all; return whether results were read."""
        self._num_newer += num_steps
        if self._num_newer < LAG:
            return False
        older, self._older, self._newer, self._num_newer = self._older, self._newer, [], 0
        self._read(older)
        return bool(older)

    def _read(self, kept):
        if not kept:
            return
        run = self._run
        sizes = np.array([size for part in kept for size in part.sizes])
        totals = np.add.reduceat(_values([part.losses for part in kept]), sizes.cumsum() - sizes)
        bad = np.flatnonzero(~np.isfinite(totals))
        num_finite = bad[0] if len(bad) else len(totals)
        if run.epoch == 1:  # first, since what is wrong with the data may be what made the loss infinite
            num_left = num_finite
            for part in kept:
                part.check(min(num_left, len(part.sizes)))
                num_left -= min(num_left, len(part.sizes))
        if num_finite:
            run.last_finite_loss = float(totals[num_finite - 1] / sizes[num_finite - 1])
        if len(bad):
            raise DivergenceError(run.history, run.epoch, run.last_finite_loss)
        self.loss += float(totals.sum())
        self.num_examples += int(sizes.sum())
        if run.metric is not None:
            values = [value for part in kept for value in part.values_of(run.metric)]
            self.metric += float((np.array(values) * sizes).sum())


def _values(arrays):
    """Return the values of arrays of one axis, one after the other, as float64; they are waited for once."""
    if len({array.dtype for array in arrays}) > 1:
        return np.concatenate([array.asnumpy() for array in arrays]).astype("float64")
    return nd.concat(*(array.as_nd_ndarray() for array in arrays), dim=0).asnumpy().astype("float64")
