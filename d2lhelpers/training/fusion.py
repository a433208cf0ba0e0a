"""How gradients come about in the fast way: network and loss are one graph, which the engine is handed once.

Calling a Gluon network, its loss and ``backward`` builds a small graph for each minibatch anew. The graph is the same
each time; here it is bound once for each shape of minibatch (``Symbol.bind``), with the network's own arrays of
parameters and gradients. What network and loss are, do and print is left as it is.
"""

import os
from typing import NamedTuple

import mxnet as mx
from mxnet import gluon, nd

from ..validation import is_np
from .arrays import Arrays, is_plain
from .engine import BoundGraph, CopyFrom, Operator

_MAX_SHAPES = 4  # more shapes of minibatches than the usual one and the epoch's last are not worth a graph each
os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # or binding prints a line about the engine's own optimizations


def can_be_fused(net, loss):
    """Tell whether network and loss can be one graph: whether no code of the learner has to run for each minibatch.

    So it is for networks of Gluon's layers, hybridized or not, and networks that were hybridized, whatever they are
    made of, with Gluon's losses. It is not for hooked blocks and other Python functions.

    Parameters
    ----------
    net, loss : callable

    Returns
    -------
    bool

    Examples
    --------
    >>> loss = gluon.loss.L2Loss()
    >>> can_be_fused(gluon.nn.Dense(1), loss), can_be_fused(lambda X: X, loss)
    (True, False)
    """
    return _is_traceable(net) and type(loss).__module__ == gluon.loss.__name__ and _is_traceable(loss)


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
    """Predictions, losses, and the gradients of their sum, in few calls of the engine a minibatch.

    The first minibatch of each shape has no graph yet, and goes through network and loss themselves, which checks that
    they fit together and finishes a deferred initialisation.

    Parameters
    ----------
    net, loss : callable
        Of which `can_be_fused` is true.

    Examples
    --------
    >>> net, X, y = gluon.nn.Dense(1, in_units=2), nd.ones((6, 2)), nd.zeros((6,))
    >>> net.initialize()
    >>> gradients = FusedGradients(net, gluon.loss.L2Loss())
    >>> gradients.graph_for(X, y, 3) is None
    True
    >>> graph = gradients.graph_for(X, y, 3)
    >>> graph(X, y, 3, 6)
    >>> bool((net(X[3:]) == graph.y_hat).min())
    True
    """

    def __init__(self, net, loss):
        self._net, self._loss = net, loss
        self._graphs = {}

    def graph_for(self, X, y, num_examples):
        """Return the graph for so many rows of the arrays, or None if they must go the plain way.

        Parameters
        ----------
        X, y : arrays
            Features and labels.
        num_examples : int

        Returns
        -------
        FusedGraph or None
        """
        key = num_examples, X.shape[1:], y.shape[1:], X.dtype, y.dtype, X.ctx
        if key not in self._graphs:
            if len(self._graphs) < _MAX_SHAPES:
                self._graphs[key] = None
            return None
        if X.shape[:1] != y.shape[:1] or is_np(X) != is_np(y) or is_np(X) != mx.util.is_np_array() or y.ctx != X.ctx:
            return None
        graph = self._graphs[key]
        if graph is None or not graph.is_current() or graph.kind.is_np != is_np(X):
            if not all(is_plain(param, X.ctx) for param in self._net.collect_params().values()):
                return None
            graph = self._graphs[key] = FusedGraph(self._net, self._loss, X[:num_examples], y[:num_examples])
        return graph if graph.has_rows_of_examples else None


class Kind(NamedTuple):
    """What the outputs of a graph are, apart from the number of examples."""

    shape: tuple
    dtypes: tuple
    ctx: mx.Context
    is_np: bool


class FusedGraph:
    """Network and loss, bound for one shape of minibatch.

    Parameters
    ----------
    net, loss : callable
    X, y : arrays
        A minibatch of this shape.

    Attributes
    ----------
    y_hat, losses : arrays
        Those of the last minibatch; the next one overwrites them.
    num_examples, num_numbers : int
        Of a minibatch: its examples, and all numbers of its features.
    kind : Kind
        What arrays that are to hold its outputs have to be.
    trained : set of gluon.Parameter
        Those whose gradients are computed.
    has_rows_of_examples : bool
        Whether the first axis of the outputs is the examples', as nearly all networks have it.
    """

    def __init__(self, net, loss, X, y):
        self.num_examples, self.num_numbers = y.shape[0], X.size
        params = net.collect_params().values()
        self._bound = Arrays(params)
        features, labels = nd.empty(X.shape, X.ctx, X.dtype), nd.empty(y.shape, y.ctx, y.dtype)
        self._copy_features, self._copy_labels = CopyFrom(features), CopyFrom(labels)
        arrays = {"d2lhelpers_features": features, "d2lhelpers_labels": labels}
        inputs = [mx.sym.var(name) for name in arrays]
        if is_np(X):
            inputs = [symbol.as_np_ndarray() for symbol in inputs]
        y_hat = net(inputs[0])
        losses = loss(y_hat, inputs[1])
        if is_np(X):
            y_hat, losses = y_hat.as_nd_ndarray(), losses.as_nd_ndarray()
        # The gradients are those of the sum: make_loss has 1 for each loss, and what is blocked adds nothing.
        graph = mx.sym.Group([mx.sym.make_loss(losses), mx.sym.BlockGrad(y_hat)])

        names = graph.list_arguments()
        self.trained = {param for param in params if param.grad_req != "null" and param.name in names}
        gradients = {param.name: param.grad().as_nd_ndarray() for param in self.trained}
        grad_reqs = dict.fromkeys(names, "null") | {param.name: param.grad_req for param in self.trained}
        arrays |= {param.name: param.data().as_nd_ndarray() for param in params}
        executor = graph.bind(
            X.ctx,
            args={name: arrays[name] for name in names},
            args_grad=gradients,
            grad_req=grad_reqs,
            aux_states={name: arrays[name] for name in graph.list_auxiliary_states()},
        )
        self.compute = BoundGraph(executor)
        # The engine does not know that a graph changes its auxiliary states, those of batch normalization. Of this it
        # does, and has it wait for the graph, and whoever asks for the states wait for this.
        states = [arrays[name] for name in graph.list_auxiliary_states()]
        self._rewrite_states = [Operator("_mul_scalar", [state], [state], scalar=1.0) for state in states]
        outputs = executor.outputs
        self.losses, self.y_hat = (array.as_np_ndarray() for array in outputs) if is_np(X) else outputs
        dtypes = self.y_hat.dtype, self.losses.dtype
        self.kind = Kind(self.y_hat.shape[1:], dtypes, X.ctx, is_np(X))
        self._data = [param.data() for param in self.trained]

        self.has_rows_of_examples = self.y_hat.shape[0] == self.losses.shape[0] == self.num_examples

    def is_current(self):
        """Tell whether the network's parameters and gradients still are the arrays that were bound."""
        return self._bound.are_current()

    def __call__(self, X, y, start, stop):
        """Compute predictions, losses and gradients of the rows from `start` to `stop`."""
        self._copy_features(X, start, stop)
        self._copy_labels(y, start, stop)
        self.compute()
        for rewrite in self._rewrite_states:
            rewrite()

    def mark_gradients(self):
        """Say that the gradients are fresh, as autograd does; ``Trainer.step`` looks for it."""
        for data in self._data:
            data._fresh_grad = True
