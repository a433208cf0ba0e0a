"""Looking on while an answer runs: which functions it uses, and what each step of its training is made of.

Functions of MXNet are replaced for this time by ones that note the call and then do the same.
"""

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps

import numpy as np
from mxnet import autograd, gluon, nd, npx

from .. import functional
from ..data import ArrayLoader

_PACKAGE = sys.modules[functional.__package__]
_FUNCTIONS = {
    "softmax": [
        *((owner, name) for owner in (nd, npx, nd.NDArray) for name in ("softmax", "log_softmax")),
        (nd, "SoftmaxActivation"),
        (functional, "softmax"),
        (_PACKAGE, "softmax"),
    ],
    "autograd": [(nd.NDArray, "backward"), (autograd, "backward"), (autograd, "grad")],
}
_MANY_STEPS = 60  # are enough to look at
_replaced = []  # what has not been put back yet


@contextmanager
def replaced(owner, name, value):
    """Give an attribute another value for the length of a ``with`` block.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> box = SimpleNamespace(n=1)
    >>> with replaced(box, "n", 2):
    ...     print(box.n)
    2
    >>> box.n
    1
    """
    place = owner, name, name in vars(owner), getattr(owner, name)
    _replaced.append(place)
    setattr(owner, name, value)
    try:
        yield
    finally:
        _put_back(*place)
        if place in _replaced:
            _replaced.remove(place)


def _put_back(owner, name, is_own, before):
    if is_own:
        setattr(owner, name, before)
    elif name in vars(owner):
        delattr(owner, name)


def restore():
    """Put everything back that `replaced` has left behind: the alarm may ring in the very lines that put it back.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> box = SimpleNamespace(n=1)
    >>> left_open = replaced(box, "n", 2)
    >>> left_open.__enter__()
    >>> restore()
    >>> box.n
    1
    """
    while _replaced:
        _put_back(*_replaced[-1])
        _replaced.pop()


@contextmanager
def uses(answer, what):
    """Note whether an answer uses functions that the exercise asks to do without.

    Parameters
    ----------
    answer : callable
    what : str
        "softmax" or "autograd".

    Yields
    ------
    list
        Not empty as soon as one of the functions has been called.

    Examples
    --------
    >>> with uses(print, "softmax") as used:
    ...     _ = nd.softmax(nd.ones((1, 2)))
    >>> bool(used)
    True
    """
    noted = []

    def noting(function):
        @wraps(function)
        def noted_call(*args, **kwargs):
            noted.append(function)
            return function(*args, **kwargs)

        return noted_call

    places = [(owner, name) for owner, name in _FUNCTIONS[what] if hasattr(owner, name)]
    originals = [getattr(owner, name) for owner, name in places]
    if any(answer is original for original in originals):
        noted.append(answer)
    with ExitStack() as stack:
        for (owner, name), original in zip(places, originals, strict=True):
            stack.enter_context(replaced(owner, name, noting(original)))
        yield noted


@dataclass(frozen=True)
class Step:
    """A step of a trainer, and what came before it.

    Attributes
    ----------
    inputs, outputs : numpy.ndarray
        Of the network, for the minibatch.
    objective : float
        The sum of what `backward` was called on.
    batch_size : float
        What the step was told to divide by.
    train_mode : bool
        Whether the network was in train mode while it was recorded.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    objective: float
    batch_size: float
    train_mode: bool


class Watch:
    """Notes what the steps of a training with Gluon are made of, within a ``with`` block.

    Attributes
    ----------
    steps : list of Step
        The first ones; those whose minibatch cannot be told are left out.

    Examples
    --------
    >>> net = gluon.nn.Dense(1); net.initialize()
    >>> trainer = gluon.Trainer(net.collect_params(), "sgd")
    >>> with Watch() as watch:
    ...     with autograd.record():
    ...         total = net(nd.ones((4, 2))).sum()
    ...     total.backward()
    ...     trainer.step(4)
    >>> [(step.batch_size, step.inputs.shape, step.train_mode) for step in watch.steps]
    [(4.0, (4, 2), True)]
    """

    def __init__(self):
        self.steps = []
        self._depth, self._passes, self._objective = 0, [], None

    def __enter__(self):
        self._stack = ExitStack()
        for owner, name, wrapper in (
            (gluon.Block, "__call__", self._noting_pass),
            (nd.NDArray, "backward", self._noting_backward),
            (autograd, "backward", self._noting_backward),
            (gluon.Trainer, "step", self._noting_step),
        ):
            self._stack.enter_context(replaced(owner, name, wrapper(getattr(owner, name))))
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _noting_pass(self, original):
        @wraps(original)
        def call(block, *args):
            if self._depth or not autograd.is_recording() or isinstance(block, gluon.loss.Loss):
                return original(block, *args)
            self._depth += 1
            try:
                result = original(block, *args)
            finally:
                self._depth -= 1
            if len(self.steps) < _MANY_STEPS and args:
                self._passes.append((args[0], result, autograd.is_training()))
            return result

        return call

    def _noting_backward(self, original):
        @wraps(original)
        def backward(heads, *args, **kwargs):
            if len(self.steps) < _MANY_STEPS:
                parts = heads if isinstance(heads, list | tuple) else [heads]
                with np.errstate(invalid="ignore"):  # losses that have grown without bound may be inf and -inf
                    self._objective = sum(float(part.asnumpy().astype("float64").sum()) for part in parts)
            return original(heads, *args, **kwargs)

        return backward

    def _noting_step(self, original):
        @wraps(original)
        def step(trainer, batch_size, *args, **kwargs):
            result = original(trainer, batch_size, *args, **kwargs)
            if self._passes and self._objective is not None and len(self.steps) < _MANY_STEPS:
                inputs, outputs = self._passes[0][0], self._passes[-1][1]
                if isinstance(inputs, nd.NDArray) and isinstance(outputs, nd.NDArray) and len(inputs) == len(outputs):
                    is_train_mode = all(is_training for _, _, is_training in self._passes)
                    arrays = inputs.asnumpy(), outputs.asnumpy().astype("float64")
                    self.steps.append(Step(*arrays, self._objective, float(batch_size), is_train_mode))
            self._passes, self._objective = [], None
            return result

        return step


class SeenEnough(Exception):
    """The training need not go on."""


class WatchedLoader(ArrayLoader):
    """Minibatches that note, whenever one is asked for, which arrays the function that asks for it has.

    Parameters
    ----------
    loader : ArrayLoader
    batch_size : int, optional
        Another one than the loader's.
    is_enough : bool
        Whether to end the training, by `SeenEnough`, after as many steps as are noted.

    Attributes
    ----------
    moments : list of dict
        Before each minibatch, the arrays by their names; then, after an epoch's last one, once more.
    minibatches : list of (numpy.ndarray, numpy.ndarray) or None
        What was given at each moment; None where the epoch was over.
    last : dict
        The last moment, which is after the last epoch.
    """

    def __init__(self, loader, batch_size=None, is_enough=False):
        super().__init__(loader.arrays, batch_size or loader.batch_size, loader.shuffle, loader.transform, loader.ctx)
        self.moments, self.minibatches, self.last, self._is_enough = [], [], {}, is_enough

    def __iter__(self):
        for minibatch in super().__iter__():
            self._note(sys._getframe(1), minibatch)
            yield minibatch
        self._note(sys._getframe(1), None)

    def _note(self, frame, minibatch):
        if len(self.moments) == _MANY_STEPS:
            if self._is_enough:
                raise SeenEnough
            # Only the last moment is wanted from now on, to tell which array is returned.
            if minibatch is None:
                self.last = _arrays_within(frame)
            return
        self.moments.append(_arrays_within(frame))
        self.minibatches.append(minibatch and tuple(array.asnumpy() for array in minibatch))
        self.last = self.moments[-1]

    def name_of(self, result):
        """Return the name that the array had which the function has returned, or None."""
        with np.errstate(all="ignore"):
            same = [n for n, a in self.last.items() if a.shape == result.shape and np.allclose(a, result, rtol=1e-4)]
        return same[0] if same else None


def _arrays_within(frame, num_frames=4):
    """Return copies of the arrays that the functions at work have, by their names, the innermost first."""
    found = {}
    while frame is not None and num_frames:
        for name, value in list(frame.f_locals.items()):
            parts = enumerate(value) if isinstance(value, list | tuple) and len(value) < 9 else [("", value)]
            for i, part in parts:
                if isinstance(part, nd.NDArray):
                    if f"{name}{i}" not in found and part.grad is not None:
                        found[f"{name}{i} grad"] = part.grad.asnumpy().astype("float64")
                    found.setdefault(f"{name}{i}", part.asnumpy().astype("float64"))
                elif isinstance(part, np.ndarray) and part.dtype.kind == "f":
                    found.setdefault(f"{name}{i}", part.astype("float64"))
        frame, num_frames = frame.f_back, num_frames - 1
    return found
