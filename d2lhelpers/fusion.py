"""A training step in few calls of MXNet's engine.

Calling a Gluon network, its loss and ``backward`` builds a small graph for each minibatch anew. The graph is the same
each time; here it is handed to the engine once for each shape of minibatch (``Symbol.bind``), with the network's own
arrays of parameters and gradients. ``Trainer.step`` looks up parameters, gradients and states at each step; here they
are looked up once. What network, loss and trainer are, do and print is left as it is.
"""

import os

import mxnet as mx
from mxnet import gluon, nd

from .validation import is_np

_MAX_SHAPES = 4  # more shapes of minibatches than the usual one and the epoch's last are not worth an executor each
os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # or binding prints a line about the engine's own optimizations


def fuse(net, loss):
    """Return a `FusedGradients` of `net` and `loss`, or None where the learner's own code has to run each time.

    Fused are networks of Gluon's layers, hybridized or not, networks that were hybridized, whatever they are made of,
    and Gluon's losses. Not fused are hooked blocks, other Python functions, and networks on several devices.

    Parameters
    ----------
    net, loss : callable

    Returns
    -------
    FusedGradients or None

    Examples
    --------
    >>> from mxnet import gluon
    >>> fuse(lambda X: X, gluon.loss.L2Loss()) is None
    True
    """
    if _is_traceable(net) and type(loss).__module__ == gluon.loss.__name__ and _is_traceable(loss):
        return FusedGradients(net, loss)
    return None


def _is_traceable(block):
    if not isinstance(block, gluon.Block) or block._forward_hooks or block._forward_pre_hooks:
        return False
    if isinstance(block, gluon.HybridBlock) and block._active:
        is_ours = block._callback is None and not isinstance(block, gluon.SymbolBlock)
    else:
        is_ours = type(block) in (gluon.nn.Sequential, gluon.nn.HybridSequential) or (
            isinstance(block, gluon.HybridBlock)
            and not isinstance(block, gluon.nn.HybridLambda)  # it holds a function of the learner's
            and type(block).__module__.startswith(("mxnet.gluon.nn.", gluon.loss.__name__))
        )
    return is_ours and all(_is_traceable(child) for child in block._children.values())


def _is_plain(param, context):
    return param.list_ctx() == [context] and param._stype == param._grad_stype == "default"


class _Arrays:
    """The arrays of values and gradients that parameters have at the moment."""

    def __init__(self, params):
        self._of = [(param, param._data, param._grad) for param in params]

    def are_current(self):
        # A parameter's lists are new ones whenever it is initialised, cast, moved, frozen or thawed.
        return all(param._data is data and param._grad is grad for param, data, grad in self._of)


class FusedGradients:
    """Predictions, losses, and the gradients of their sum, at two calls of the engine a minibatch.

    The first minibatch of each shape is refused (None), to go through network and loss themselves, which
    checks that they fit together and finishes a deferred initialisation.
    """

    def __init__(self, net, loss):
        self._net, self._loss = net, loss
        self._executors = {}

    def __call__(self, X, y, with_outputs):
        """Compute the gradients on one minibatch.

        Parameters
        ----------
        X, y : arrays
            Features and labels.
        with_outputs : bool
            Whether the values of the predictions are wanted.

        Returns
        -------
        tuple of arrays or None
            Predictions (of their shape only, if their values are not wanted), and one loss an example; None if this
            minibatch must go the plain way.
        """
        if is_np(X) != is_np(y) or is_np(X) != mx.util.is_np_array():
            return None
        key = X.shape, y.shape, X.dtype, y.dtype, X.ctx
        if key not in self._executors:
            if len(self._executors) < _MAX_SHAPES:
                self._executors[key] = None
            return None
        if self._executors[key] is None or not self._executors[key].is_current():
            if not all(_is_plain(param, X.ctx) for param in self._net.collect_params().values()):
                return None
            self._executors[key] = _Executor(self._net, self._loss, X, y)
        return self._executors[key](X, y, with_outputs)


class _Executor:
    """The engine's executor of network and loss for one shape of minibatch."""

    def __init__(self, net, loss, X, y):
        params = net.collect_params().values()
        self._bound = _Arrays(params)
        self._X, self._y = nd.empty(X.shape, X.ctx, X.dtype), nd.empty(y.shape, y.ctx, y.dtype)
        arrays = {"d2lhelpers_features": self._X, "d2lhelpers_labels": self._y}
        inputs = [mx.sym.var(name) for name in arrays]
        self._as_np = is_np(X)
        if self._as_np:
            inputs = [symbol.as_np_ndarray() for symbol in inputs]
        y_hat = net(inputs[0])
        losses = loss(y_hat, inputs[1])
        if self._as_np:
            y_hat, losses = y_hat.as_nd_ndarray(), losses.as_nd_ndarray()
        graph = mx.sym.Group([losses, mx.sym.BlockGrad(y_hat)])

        gradients, grad_reqs = {}, {}
        for param in params:
            arrays[param.name] = param.data().as_nd_ndarray()
            if param.grad_req != "null":
                gradients[param.name], grad_reqs[param.name] = param.grad().as_nd_ndarray(), param.grad_req
        names = graph.list_arguments()
        self._executor = graph.bind(
            X.ctx,
            args={name: arrays[name] for name in names},
            args_grad={name: gradients[name] for name in names if name in gradients},
            grad_req={name: grad_reqs.get(name, "null") for name in names},
            aux_states={name: arrays[name] for name in graph.list_auxiliary_states()},
        )
        losses, y_hat = self._executor.outputs
        self._head_gradients = [nd.ones_like(losses), nd.zeros_like(y_hat)]
        self._trained = [param.data() for param in params if param.grad_req != "null"]

    def is_current(self):
        """Tell whether the network's parameters and gradients still are the arrays that were bound."""
        return self._bound.are_current()

    def __call__(self, X, y, with_outputs):
        X.as_nd_ndarray().copyto(self._X)
        y.as_nd_ndarray().copyto(self._y)
        losses, y_hat = self._executor.forward(is_train=True)
        self._executor.backward(self._head_gradients)
        for data in self._trained:
            data._fresh_grad = True  # as autograd does it; Trainer.step looks for it
        # The executor's outputs are overwritten by the next minibatch: hand out copies.
        return self._copy(y_hat) if with_outputs else y_hat, self._copy(losses)

    def _copy(self, array):
        copied = nd.identity(array)
        return copied.as_np_ndarray() if self._as_np else copied


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
    return type(trainer) is not gluon.Trainer or "step" in vars(trainer)


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
        return (
            self._updates is not None
            and self._arrays.are_current()
            and all(self._trainer._updaters[0].states_synced.get(i) for i in self._indices)
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
            or not all(_is_plain(param, param.list_ctx()[0]) for param in params.values())
        ):
            return None
        self._arrays = _Arrays(trainer._params)
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
