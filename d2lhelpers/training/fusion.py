"""How gradients come about in the fast way: network and loss are one graph, which the engine is handed once.

Calling a Gluon network, its loss and ``backward`` builds a small graph for each minibatch anew. The graph is the same
each time; here it is bound once for each shape of minibatch (``Symbol.bind``), with the network's own arrays of
parameters and gradients. What network and loss are, do and print is left as it is.
"""

import os

import mxnet as mx
from mxnet import gluon, nd

from ..validation import is_np
from .arrays import Arrays, is_plain

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
            if not all(is_plain(param, X.ctx) for param in self._net.collect_params().values()):
                return None
            self._executors[key] = _Executor(self._net, self._loss, X, y)
        return self._executors[key](X, y, with_outputs)


class _Executor:
    """The engine's executor of network and loss for one shape of minibatch."""

    def __init__(self, net, loss, X, y):
        params = net.collect_params().values()
        self._bound = Arrays(params)
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
