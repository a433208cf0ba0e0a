"""How a step is made in the fast way: the new weights are computed, and put in place, by a graph that was bound before.

In a graph that is bound, an operator that changes its input races with those that read it: only outputs and gradients
are known to be written. So the new weights are made a gradient, that of a number that they are multiplied by, and the
weights themselves are where this gradient is put. Where there are many weights, or a momentum, the operator is called
by itself instead, with its arguments made beforehand.
"""

import math

import mxnet as mx
import numpy as np
from mxnet import gluon, nd

from .arrays import Arrays, is_plain
from .engine import BoundGraph, Operator, apply

# Of parameters in a graph, which writes each number several times. Measured in pairs, against the trainer's own step:
# with 64 numbers, the graph is 5 times as fast, and the operator alone 2.6 times; with 4,096, both are 2 times as fast;
# with 65,536, the graph is slower than the trainer. The operator is not, however many there are.
_MOST_NUMBERS = 2**12


class PreparedUpdates:
    """Steps of a plain `gluon.Trainer` with plain stochastic gradient descent, prepared.

    A step is made in this way as long as nothing has changed since the step before: arrays, states, learning rate,
    weight decay, momentum and so on. The first one after a change goes the trainer's own way.

    Parameters
    ----------
    trainer : gluon.Trainer

    Examples
    --------
    >>> net = gluon.nn.Dense(1, in_units=1, use_bias=False)
    >>> net.initialize(mx.init.One())
    >>> trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.25})
    >>> updates = PreparedUpdates(trainer)
    >>> updates.update_for(1, {net.weight}) is None
    True
    >>> with mx.autograd.record():
    ...     y = net(nd.ones((1, 1)))
    >>> y.backward()
    >>> trainer.step(1)
    >>> for _ in range(2):
    ...     update = updates.update_for(1, {net.weight})
    >>> update()
    >>> update.count(1)
    >>> net.weight.data().asnumpy().item(), trainer._optimizer.num_update
    (0.5, 2)
    """

    def __init__(self, trainer):
        self._trainer = trainer
        self._bound = None
        self._updates = {}

    def update_for(self, num_examples, computed):
        """Return what makes a step when it is called, or None if it must be made in another way.

        It is to be told by ``count(n)``, before anybody looks at the optimizer, that n steps have been made.

        Parameters
        ----------
        num_examples : int
            Of the minibatch.
        computed : set of gluon.Parameter
            Those that have gradients of this minibatch.

        Returns
        -------
        callable or None
        """
        if self._bound is None or not self._bound.is_current():
            self._updates = {}
            self._bound = _Settings(self._trainer) if _is_plain(self._trainer) else None
            return None
        if not self._bound.params <= computed:
            return None
        if num_examples not in self._updates:
            self._updates[num_examples] = _Update(self._bound, num_examples)
        return self._updates[num_examples]


def _is_plain(trainer):
    """Tell whether a trainer is Gluon's, has begun, and does nothing but plain steps of stochastic gradient descent."""
    optimizer, updater = trainer._optimizer, trainer._updaters[0]
    if (
        type(trainer) is not gluon.Trainer
        or type(optimizer) is not mx.optimizer.SGD
        or type(updater) is not mx.optimizer.Updater
        or not updater.aggregate_updates
        or optimizer.aggregate_num < 1
        or updater.optimizer is not optimizer
        or len(trainer._updaters) != 1
        or not trainer._kv_initialized
        or trainer._kvstore
        or trainer._params_to_init
        or getattr(trainer, "_amp_loss_scaler", None)
        or any(callable(value) for part in (trainer, optimizer) for value in vars(part).values())  # a scheduler, too
    ):
        return False
    params = {i: param for i, param in enumerate(trainer._params) if param.grad_req != "null"}
    return (
        len(params) == len(set(params.values())) > 0
        and all(
            param.grad_req == "write"
            and param._data
            and is_plain(param, param.list_ctx()[0])
            and np.dtype(param.dtype) == np.float32
            and optimizer.param_dict.get(i) is param
            and updater.states_synced.get(i)
            and i in updater.states
            and i in optimizer._index_update_count
            and (updater.states[i] is None) == (not optimizer.momentum)
            for i, param in params.items()
        )
        and len({param.list_ctx()[0] for param in params.values()}) == 1
        and all(type(value) in (int, float) and math.isfinite(value) for value in _numbers(trainer, params))
    )


def _numbers(trainer, params):
    optimizer = trainer._optimizer
    values = [optimizer.lr, optimizer.wd, optimizer.momentum, trainer._scale, optimizer.clip_gradient or 0]
    return values + [value for param in params.values() for value in (param.lr_mult, param.wd_mult)]


class _Settings:
    """All that the steps of a trainer depend on, as it was when they were prepared."""

    def __init__(self, trainer):
        self.trainer, self.optimizer, self.updater = trainer, trainer._optimizer, trainer._updaters[0]
        self._all = list(trainer._params)
        of_all = {i: param for i, param in enumerate(self._all) if param.grad_req != "null"}
        self.indices, self.list = list(of_all), list(of_all.values())
        self.params = set(self.list)
        self.states = [self.updater.states[i] for i in self.indices]
        self._arrays = Arrays(self._all)
        self._of_params = [(param, param.lr_mult, param.wd_mult) for param in self.list]
        self._of_trainer = self._seen()

    def is_current(self):
        states, synced = self.updater.states, self.updater.states_synced
        counts = self.optimizer._index_update_count
        return (
            self._of_trainer == self._seen()
            and self._all == self.trainer._params
            and self._arrays.are_current()
            and all(param.lr_mult == lr and param.wd_mult == wd for param, lr, wd in self._of_params)
            and all(
                i in states and states[i] is state and synced.get(i) and i in counts
                for i, state in zip(self.indices, self.states, strict=True)
            )
        )

    def _seen(self):
        trainer, optimizer = self.trainer, self.optimizer
        return (
            id(trainer._optimizer),
            id(trainer._updaters[0]),
            id(trainer._updaters[0].optimizer),
            len(vars(trainer)),
            len(vars(optimizer)),
            trainer._scale,
            optimizer.lr,
            optimizer.lr_scheduler,
            optimizer.wd,
            optimizer.momentum,
            optimizer.clip_gradient,
        )


class _Update:
    """A step for one number of examples, with the very operator that the trainer calls: others round differently."""

    def __init__(self, settings, num_examples):
        self.params = settings.params
        optimizer = self._optimizer = settings.optimizer
        self._indices, self._rescale = settings.indices, settings.trainer._scale / num_examples
        self._context = settings.list[0].list_ctx()[0]
        self._weights = [param.data().as_nd_ndarray() for param in settings.list]
        self._gradients = [param.grad().as_nd_ndarray() for param in settings.list]
        options = {"rescale_grad": self._rescale}
        if optimizer.clip_gradient:
            options["clip_gradient"] = optimizer.clip_gradient
        size = optimizer.aggregate_num
        parts = [slice(first, first + size) for first in range(0, len(self._indices), size)]
        if optimizer.momentum > 0:  # this operator changes its states, too, and so can be no part of a graph
            options["momentum"] = optimizer.momentum
            name, states = "multi_sgd_mom_update", settings.states
            self._calls = [self._operator(name, part, options, states[part]) for part in parts]
        elif sum(array.size for array in self._weights) > _MOST_NUMBERS:
            self._calls = [self._operator("multi_sgd_update", part, options) for part in parts]
        else:
            self._calls = [self._graph(parts, options)]

    def _rates(self, part):
        indices = self._indices[part]
        rates, decays = self._optimizer._get_lrs(indices), self._optimizer._get_wds(indices)
        return {"num_weights": len(indices), "lrs": rates, "wds": decays}

    def _operator(self, name, part, options, *states):
        weights = self._weights[part]
        inputs = [array for arrays in zip(weights, self._gradients[part], *states, strict=True) for array in arrays]
        return Operator(name, inputs, weights, **self._rates(part), **options)

    def _graph(self, parts, options):
        """Return the operator without momentum, as a graph; small parameters take a third of the time."""
        places = range(len(self._weights))
        inputs = [[mx.sym.var(f"weight{i}"), mx.sym.var(f"gradient{i}")] for i in places]
        updated = []
        for part in parts:
            flat = [symbol for pair in inputs[part] for symbol in pair]
            updated.extend(apply("multi_sgd_update", *flat, **self._rates(part), **options))
        with mx.name.NameManager():  # so that the names that the learner's symbols get are not counted on
            graph = mx.sym.Group(
                [mx.sym.make_loss(mx.sym.BlockGrad(new) * mx.sym.var(f"one{i}")) for i, new in enumerate(updated)]
            )
        arrays = {f"weight{i}": array for i, array in enumerate(self._weights)}
        arrays |= {f"gradient{i}": array for i, array in enumerate(self._gradients)}
        arrays |= {f"one{i}": nd.ones_like(array) for i, array in enumerate(self._weights)}
        gradients = {f"one{i}": array for i, array in enumerate(self._weights)}
        grad_reqs = {name: "write" if name in gradients else "null" for name in arrays}
        return BoundGraph(graph.bind(self._context, arrays, gradients, grad_reqs))

    def __call__(self):
        for call in self._calls:
            call()

    def count(self, num_steps):
        """Note in the optimizer what it notes itself with each step."""
        optimizer = self._optimizer
        optimizer.rescale_grad = self._rescale
        optimizer._set_current_context(self._context.device_id)
        counts = optimizer._index_update_count
        for i in self._indices:
            counts[i] += num_steps  # each is there, after the trainer's own first step
            optimizer.num_update = max(optimizer.num_update, counts[i])
