"""How a run shares its work with other machines: each worker takes its part of a minibatch, and all make the same step.

The gradient of a sum is the sum of the gradients. So each worker computes the gradients of the losses of its examples,
these are added up over all workers, and each worker makes the step that one process would make for all examples.
"""

import threading
import zlib
from contextlib import contextmanager

import numpy as np
from mxnet import autograd, gluon, nd
from tqdm import tqdm

from ..cluster import current
from ..data import ArrayLoader
from ..metrics import forward
from ..rows import as_numpy
from .arrays import Arrays
from .engine import Operator

_MOST_NUMBERS = 2**14  # of the arrays that are added up together; larger ones go by themselves


class Alone:
    """The part of a run that nobody shares."""

    def attach(self, run, net, trainer, train_iter):
        """Change nothing of a run's other parts."""

    def share(self, train_iter):
        """Return the minibatches of this worker: all of them."""
        return train_iter

    def share_of_test(self, test_iter):
        """Return the minibatches that this worker is to test."""
        return test_iter

    def finish_epoch(self):
        """Take part in the steps that other workers still make."""

    def add(self, about, values):
        """Return the sums of all workers' numbers."""
        return values

    def mean(self, about, value, num_examples):
        """Return the mean over all workers' examples of what is the mean over so many."""
        return value

    def begin(self, **arguments):
        """Check that all workers begin the same run."""

    @contextmanager
    def ending_together(self):
        """Have all workers end if this one cannot go on."""
        yield


class Together(Alone):
    """The part of a run that is shared with other workers.

    Parameters
    ----------
    worker : cluster.joining.Worker
    """

    def __init__(self, worker):
        self.worker, self._run, self._share, self._known = worker, None, None, []

    def attach(self, run, net, trainer, train_iter):
        """Have a run begin with the first worker's parameters, and make its steps with all workers' gradients."""
        _check(net, trainer)
        _check_size(train_iter, self.worker.num_workers)
        self._params = _unique(trainer._params if isinstance(trainer, gluon.Trainer) else net.collect_params().values())
        self._run, self._gradients, self._step = run, run.gradients, run.step
        self._net, self._is_begun, self._sum = net, False, None
        run.gradients, run.step = self._first_gradients, self.step
        run.updates = None  # what is prepared goes from gradients to parameters at once

    def begin(self, **arguments):
        """Check that all workers begin the same run."""
        self.worker.agree("training", ", ".join(f"{name}={value}" for name, value in arguments.items()))

    @contextmanager
    def ending_together(self):
        """Have all workers end if this one cannot go on: they would wait for it."""
        try:
            yield
        except BaseException as error:
            self.worker.fail(error)
            raise

    # Examples

    def share(self, train_iter):
        """Return this worker's part of each minibatch; of other iterables than ours, each worker's is its own."""
        self._share, self._num_steps = None, 0
        if type(train_iter) is ArrayLoader:
            self._check_examples(train_iter)
            self._share = train_iter = Share(train_iter, self.worker)
        return train_iter

    def share_of_test(self, test_iter):
        """Return every n-th minibatch of a test set, for n workers; other iterables than ours yield its own ones."""
        if type(test_iter) is not ArrayLoader:
            return test_iter
        self._check_examples(test_iter)
        # Where there are too few, all test the same, which has the same mean.
        return Dealt(test_iter, self.worker) if len(test_iter) >= self.worker.num_workers else test_iter

    def _check_examples(self, loader):
        if not any(loader is other for other in self._known):
            digests = [zlib.crc32(np.ascontiguousarray(as_numpy(array)).data) for array in loader.arrays]
            shapes = [list(array.shape) for array in loader.arrays]
            self.worker.agree("examples", [loader.batch_size, loader.shuffle, shapes, digests])
            self._known.append(loader)

    # Steps

    def _first_gradients(self, X, y):
        """Begin with the same parameters, then compute gradients as the run does."""
        run, self._run.gradients = self._run, self._gradients
        params = self._all_params()
        if any(param._deferred_init for param in params):
            with autograd.pause(train_mode=False):
                forward(self._net, X)  # only so that all parameters are there
        params = [param for param in params if param._data is not None]
        self.worker.agree("parameters", str([param.shape for param in params]))
        arrays = [param._data[0].as_nd_ndarray() for param in params]
        # What the other workers have is multiplied by nothing, not by 0, which would keep NaN.
        values = [array.copy() if self.worker.rank == 0 else nd.zeros_like(array) for array in arrays]
        Sum(self.worker, values)()
        for array, value in zip(arrays, values, strict=True):
            value.copyto(array)
            array.wait_to_read()
        self._is_begun = True
        return run.gradients(X, y)

    def _all_params(self):
        """Return those that are trained, and all others of the network."""
        return _unique(self._net.collect_params().values()) if isinstance(self._net, gluon.Block) else self._params

    def step(self, num_examples):
        """Add up the gradients of all workers, and make the step for all their examples; return their number."""
        if self._sum is None or not self._arrays.are_current():
            trained = [param for param in self._params if param.grad_req != "null" and param._grad]
            self._arrays = Arrays(self._params)
            self._sum = Sum(self.worker, [param._grad[0].as_nd_ndarray() for param in trained])
        self._num_steps += 1
        if self._share is not None:
            total = self._share.num_examples_of_step(self._num_steps)
        else:
            total = self._count(num_examples)
        if total:
            self._sum()
            self._step(total)
        return total

    def finish_epoch(self):
        """Take part, without examples, in the steps that other workers still make."""
        if not self._is_begun:
            return  # there was no minibatch, which is an error
        self._make_other_steps()
        self._average_statistics()

    def _make_other_steps(self):
        while self._share is None or self._num_steps < len(self._share):
            for param in self._params:
                if param.grad_req != "null" and param._grad is not None:
                    param._grad[0][:] = 0
                    param._data[0]._fresh_grad = True
            if not self.step(0):
                return

    def _average_statistics(self):
        """Have all workers go on with the mean of what layers such as BatchNorm noted of their own examples."""
        params = [param for param in self._all_params() if not param._differentiable and param._data is not None]
        arrays = [param._data[0].as_nd_ndarray() for param in params]
        means = [array / self.worker.num_workers for array in arrays]
        Sum(self.worker, means)()
        for array, mean in zip(arrays, means, strict=True):
            mean.copyto(array)

    def _count(self, num_examples):
        count = nd.array([num_examples], dtype="float64")
        self.worker.add_up("count", count)
        return round(count.asscalar())

    def add(self, about, values):
        """Return the sums of all workers' numbers, added in float64."""
        return self.worker.add(about, values)

    def mean(self, about, value, num_examples):
        """Return the mean over all workers' examples, added in float64."""
        total, num_examples = self.add(about, [value * num_examples, num_examples])
        return total / num_examples


class Share(ArrayLoader):
    """The examples of one worker in each minibatch of a loader.

    The minibatches are those of the loader, in the order that the first worker's random numbers give. Of each, every
    worker takes a part in a row; where the number of examples does not divide, the first workers take one more.

    Parameters
    ----------
    loader : ArrayLoader
    worker : cluster.joining.Worker
    """

    def __init__(self, loader, worker):
        self._loader, self._worker = loader, worker
        super().__init__(loader.arrays, self._part(loader.batch_size)[1], loader.shuffle, loader.transform, loader.ctx)

    def _part(self, num_examples):
        """Return where this worker's part of so many examples begins, and how many it has."""
        rank = self._worker.rank
        size, rest = divmod(num_examples, self._worker.num_workers)
        return rank * size + min(rank, rest), size + (rank < rest)

    def num_examples_of_step(self, step):
        """Return how many examples all workers have together in a step, counted from 1."""
        batch_size = self._loader.batch_size
        return min(batch_size, self.num_examples - (step - 1) * batch_size)

    def __len__(self):
        return len(self._loader)

    def order(self):
        """Return the indices of this worker's examples for an epoch."""
        if self.shuffle:
            _take_random_state(self._worker)
        order = self._loader.order()
        parts = []
        for start in range(0, len(order), self._loader.batch_size):
            minibatch = order[start : start + self._loader.batch_size]
            first, size = self._part(len(minibatch))
            parts.append(minibatch[first : first + size])
        return np.concatenate(parts)


class Dealt(ArrayLoader):
    """Every n-th minibatch of a loader, for n workers; whole, so that a metric of a minibatch is the same.

    Parameters
    ----------
    loader : ArrayLoader
    worker : cluster.joining.Worker
    """

    def __init__(self, loader, worker):
        self._loader, self._worker = loader, worker
        super().__init__(loader.arrays, loader.batch_size, loader.shuffle, loader.transform, loader.ctx)

    def order(self):
        """Return the indices of the examples of this worker's minibatches."""
        if self.shuffle:
            _take_random_state(self._worker)
        order = self._loader.order()
        minibatch = np.arange(len(order)) // self.batch_size
        return order[minibatch % self._worker.num_workers == self._worker.rank]


def _take_random_state(worker):
    """Go on with the first worker's random numbers, so that all have the same order, whatever they drew before."""
    kind, numbers, *rest = np.random.get_state()
    numbers, rest = worker.share("order", [numbers.tolist(), rest])
    np.random.set_state((kind, np.array(numbers, dtype=np.uint32), *rest))


class Sum:
    """Puts into arrays the sums of those of all workers: small ones together, large ones by themselves.

    Parameters
    ----------
    worker : cluster.joining.Worker
    arrays : list of mx.nd arrays
    """

    def __init__(self, worker, arrays):
        self._worker = worker
        self._large = [array for array in arrays if array.size > _MOST_NUMBERS]
        groups = {}
        for array in arrays:
            if array.size <= _MOST_NUMBERS:
                groups.setdefault(np.dtype(array.dtype).name, []).append(array.reshape((-1,)))  # the same memory
        self._small = [_Joined(group) for group in groups.values()]

    def __call__(self):
        """Add up, in the engine's own time."""
        for slot, array in enumerate(self._large):
            self._worker.add_up(("large", slot), array)
        for joined in self._small:
            joined.join()
            self._worker.add_up("small", joined.whole)
            joined.part()


class _Joined:
    """One array that others are copied into, one after the other, and back from."""

    def __init__(self, arrays):
        ends = np.cumsum([array.size for array in arrays]).tolist()
        self.whole = nd.empty((ends[-1],), arrays[0].ctx, arrays[0].dtype)
        self.join = Operator("Concat", arrays, [self.whole], dim=0, num_args=len(arrays))
        parts = [self.whole[end - array.size : end] for array, end in zip(arrays, ends, strict=True)]
        self._copies = [Operator("_copyto", [part], [array]) for part, array in zip(parts, arrays, strict=True)]

    def part(self):
        for copy in self._copies:
            copy()


def machines():
    """Return the part of a run that shares its work, if there are others to share it with."""
    worker = current()
    if worker is None:
        return Alone()
    # A lock that the progress bars of several processes would share is one that a process which is ended leaves behind,
    # and from CPython 3.14 on that is complained of. Workers share no screen.
    tqdm.set_lock(threading.RLock())
    return Together(worker)


def _check(net, trainer):
    if isinstance(trainer, gluon.Trainer):
        store = trainer._kvstore_params["kvstore"]
        kind = store if isinstance(store, str) else getattr(store, "type", "")
        if "dist" in kind or "horovod" in kind:
            raise ValueError(
                f"trainer has the kvstore {kind!r}, but in a run of several workers train adds up the gradients "
                'itself; leave it out: gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
            )
        params = trainer._params
    elif isinstance(net, gluon.Block):
        params = net.collect_params().values()
    else:
        raise TypeError(
            "in a run of several workers train has to know the parameters, but net and trainer are functions; hand in "
            'a Gluon network, and gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
        )
    for param in params:
        if param.grad_req == "add":
            raise ValueError(
                f'the gradients of {param.name} are added to (grad_req "add"), which a run of several workers cannot '
                'share; write net.collect_params().setattr("grad_req", "write").'
            )
        if param._stype != "default" or param._grad_stype != "default":
            raise ValueError(
                f"{param.name} is sparse, or has sparse gradients, which a run of several workers cannot share; make "
                "the layer without sparse_grad."
            )


def _check_size(train_iter, num_workers):
    if type(train_iter) is not ArrayLoader:
        return
    size = min(train_iter.batch_size, train_iter.num_examples)
    if size < num_workers:
        raise ValueError(
            f"a minibatch of {size} examples is too small for {num_workers} workers, which take at least one each: "
            "choose a larger batch_size, or fewer workers."
        )


def _unique(params):
    return list({id(param): param for param in params}.values())
