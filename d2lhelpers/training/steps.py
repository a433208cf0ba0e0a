"""How a step of a Gluon trainer is made: by the trainer itself, or with what it looks up each time looked up once."""

from mxnet import gluon

from .arrays import Arrays, is_plain
from .checks import explain_idle


class TrainerStep:
    """The steps of a Gluon trainer, of which the first is made only if every parameter has a gradient.

    Parameters
    ----------
    net : callable
    trainer : gluon.Trainer
    make : callable
        Turns the trainer into what makes its steps; `quick_step`, for instance.

    Examples
    --------
    >>> from mxnet import nd
    >>> net = gluon.nn.Dense(1, in_units=1, use_bias=False, prefix="")
    >>> net.initialize()
    >>> step = TrainerStep(net, gluon.Trainer(net.collect_params(), "sgd"))
    >>> step(1)
    Traceback (most recent call last):
        ...
    ValueError: net (weight) took no part in the forward pass, ...
    """

    def __init__(self, net, trainer, make=lambda trainer: trainer.step):
        self._net, self._trainer, self._make = net, trainer, make
        self._step = None

    def __call__(self, num_examples):
        """Make a step for a minibatch of so many examples."""
        if self._step is None:
            self._check()
            self._step = self._make(self._trainer)
        self._step(num_examples)

    def _check(self):
        """Gluon itself would name one parameter without a gradient, with some of the others updated already."""
        params = [param for param in self._trainer._params if param.grad_req != "null"]
        idle = [p for p in params if p._data is None or not all(data._fresh_grad for data in p._data)]
        if idle and not has_own_step(self._trainer):
            raise ValueError(explain_idle(self._net, idle))


def quick_step(trainer):
    """Return a function that does what ``trainer.step`` does, in less time where the optimizer takes several arrays.

    The first step is the trainer's own, and so is each one after a parameter got new arrays, a gradient was not
    computed, or with several devices, sparse arrays, or a trainer that is not Gluon's.

    Parameters
    ----------
    trainer : gluon.Trainer

    Returns
    -------
    callable
        To be given the number of examples of the minibatch.

    Examples
    --------
    >>> from mxnet import autograd, gluon, init, nd
    >>> net = gluon.nn.Dense(1, use_bias=False)
    >>> net.initialize(init.One())
    >>> step = quick_step(gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.25}))
    >>> for _ in range(2):
    ...     with autograd.record():
    ...         y = net(nd.ones((1, 1)))
    ...     y.backward()
    ...     step(1)
    >>> net.weight.data().asnumpy().item()
    0.5
    """
    return trainer.step if has_own_step(trainer) else _QuickStep(trainer)


def has_own_step(trainer):
    """Tell whether a trainer makes its steps in another way than Gluon's.

    Examples
    --------
    >>> from mxnet import gluon
    >>> net = gluon.nn.Dense(1)
    >>> net.initialize()
    >>> has_own_step(gluon.Trainer(net.collect_params(), "sgd"))
    False
    """
    return type(trainer) is not gluon.Trainer or any(map(callable, vars(trainer).values()))


def is_mxnets(trainer):
    """Tell whether a step of a trainer runs MXNet's code only, and none of the learner's.

    Examples
    --------
    >>> net = gluon.nn.Dense(1)
    >>> net.initialize()
    >>> is_mxnets(gluon.Trainer(net.collect_params(), "sgd")), is_mxnets(lambda batch_size: None)
    (True, False)
    """
    if not isinstance(trainer, gluon.Trainer) or has_own_step(trainer):
        return False
    parts = trainer._optimizer, trainer._optimizer.lr_scheduler
    return all(part is None or type(part).__module__.startswith("mxnet.") for part in parts)


class _QuickStep:
    def __init__(self, trainer):
        self._trainer = trainer
        self._updates = None

    def __call__(self, batch_size):
        trainer = self._trainer
        if not self._is_current():
            trainer.step(batch_size)
            self._updates = self._look_up()
            return
        for data in self._trained:
            data._fresh_grad = False
        trainer._optimizer.rescale_grad = trainer._scale / batch_size
        (updater,) = trainer._updaters
        updater.optimizer._set_current_context(self._device_id)
        for indices, weights, gradients in self._updates:
            states = [updater.states[i] for i in indices]
            updater.optimizer.update_multi_precision(indices, weights, gradients, states)

    def _is_current(self):
        updater = self._trainer._updaters[0]
        return (
            self._updates is not None
            and self._arrays.are_current()
            and self._all == self._trainer._params
            and all(updater.states_synced.get(i) and i in updater.states for i in self._indices)
            and all(data._fresh_grad for data in self._trained)
        )

    def _look_up(self):
        """Return the arguments of the optimizer's calls, as MXNet's Updater would make them; None if it is not plain.

        The trainer has made a step before, so that all parameters are initialised and all states there.
        """
        trainer = self._trainer
        updater, *others = trainer._updaters
        params = {i: param for i, param in enumerate(trainer._params) if param.grad_req != "null"}
        if (
            others
            or trainer._kvstore
            or getattr(trainer, "_amp_loss_scaler", None)
            or not (params and updater.aggregate_updates)
            or not all(is_plain(param, param.list_ctx()[0]) for param in params.values())
        ):
            return None
        self._all = list(trainer._params)
        self._arrays = Arrays(self._all)
        self._indices = list(params)
        self._trained = [param.data() for param in params.values()]
        self._device_id = self._trained[0].ctx.device_id
        groups = {}
        for (i, param), data in zip(params.items(), self._trained, strict=True):
            update = i, data.as_nd_ndarray(), param.grad().as_nd_ndarray()
            groups.setdefault(data.dtype, []).append(update)
        size = updater.optimizer.aggregate_num
        parts = [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]
        return [tuple(zip(*part, strict=True)) for part in parts]
