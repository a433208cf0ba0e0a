"""How gradients come about in the fast way: network and loss are one graph, which the engine is handed once.

Calling a Gluon network, its loss and ``backward`` builds a small graph for each minibatch anew. The graph is the same
each time; here it is bound once for each shape of minibatch (``Symbol.bind``), with the network's own arrays of
parameters and gradients. What network and loss are, do and print is left as it is.
"""

import math
import os
from itertools import cycle
from typing import NamedTuple

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ndarray.sparse import BaseSparseNDArray

from ..rows import Rows
from ..validation import is_np
from .arrays import Arrays, has_its_gradient, is_plain
from .engine import BoundGraph, Operator
from .minibatches import Copied, GatheredAhead, can_be_gathered_ahead
from .tracing import INPUTS, Untraceable, can_be_fused, settings_of, traced

_NUM_TURNS = 2  # graphs, where a minibatch is gathered while the engine is at work on another; three are no faster
_MAX_SHAPES = 4  # more shapes of minibatches than the usual one and the epoch's last are not worth a graph each
# With other values, what is computed a second time to save memory is wrong in some graphs, and a graph has one of
# several random generators, where operators that are called by themselves take turns.
_USUAL = {"MXNET_BACKWARD_DO_MIRROR": "0", "MXNET_CPU_PARALLEL_RAND_COPY": "1"}
os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # or binding prints a line about the engine's own optimizations


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
    >>> from mxnet import gluon, nd
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

    def are_possible(self):
        """Tell whether network and loss can be one graph now; forget the graphs of what they were before."""
        is_as_usual = all(os.environ.get(name, usual) == usual for name, usual in _USUAL.items())
        if not is_as_usual or not can_be_fused(self._net, self._loss):
            return False
        settings = settings_of(self._net) + settings_of(self._loss)
        self._graphs = {key: graph for key, graph in self._graphs.items() if not graph or graph.settings == settings}
        return True

    def graph_for(self, X, y, num_examples):
        """Return the graph for so many rows of the arrays, or None if they must go the plain way.

        Parameters
        ----------
        X, y : arrays
            Features, which may be `Rows`, and labels.
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
        as_np, is_gathered = is_np(y), isinstance(X, Rows)
        of_one_kind = is_gathered or is_np(X) == as_np
        if X.shape[:1] != y.shape[:1] or not of_one_kind or as_np != mx.util.is_np_array() or y.ctx != X.ctx:
            return None
        arrays = (y,) if is_gathered else (X, y)
        if any(array.grad is not None or isinstance(array, BaseSparseNDArray) for array in arrays):
            return None  # the learner wants their gradients, too, or they are sparse
        graph = self._graphs[key]
        if graph is None or (graph and not (graph.is_current() and graph.kind.is_np == as_np)):
            graph = self._graphs[key] = self._made(X, y, num_examples)
        return graph or None

    def _made(self, X, y, num_examples):
        """Return a new graph, None if there can be none for the time being, or False if there never can be one."""
        params = self._net.collect_params().values()
        if not all(is_plain(param, X.ctx) and has_its_gradient(param) for param in params):
            return None
        try:
            graph = FusedGraph(self._net, self._loss, X, y, num_examples)
        except (Untraceable, MXNetError):  # the plain way does without, or says what is wrong
            return False
        return graph if graph.has_rows_of_examples and graph.trained else False


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
        Features and labels.
    num_examples : int
        How many rows of them are a minibatch.

    Attributes
    ----------
    y_hat, losses : arrays
        Those of the last minibatch; the next one overwrites them.
    num_examples, num_numbers, num_waiting : int
        Of a minibatch: its examples, all numbers of its features, and how many of these are in memory, somewhere else
        than in the graph's arrays, until the engine comes to them.
    kind : Kind
        What arrays that are to hold its outputs have to be.
    trained : set of gluon.Parameter
        Those whose gradients are computed.
    settings : list
        What the graph depends on besides arrays and parameters.
    has_rows_of_examples : bool
        Whether the first axis of the outputs is the examples', as nearly all networks have it.

    Raises
    ------
    Untraceable
        If they are no graph that computes what they do.
    mxnet.base.MXNetError
        If features, labels and parameters do not fit together.
    """

    def __init__(self, net, loss, X, y, num_examples):
        self.num_examples, as_np = num_examples, is_np(y)
        params = net.collect_params().values()
        self._bound = Arrays(params)
        graph = traced(net, loss, as_np)
        self.settings = settings_of(net) + settings_of(loss)
        names = graph.list_arguments()
        self.trained = {param for param in params if param.grad_req != "null" and param.name in names}
        self._data = [(param, param.data()) for param in self.trained]
        self.num_numbers = self.num_waiting = math.prod(X.shape[1:]) * num_examples
        if can_be_gathered_ahead(X):
            self.num_waiting = 0
            features = [GatheredAhead(X, num_examples) for _ in range(_NUM_TURNS)]
        else:
            features = [Copied(X, num_examples)]
        self.turns = [_Turn(graph, params, self.trained, own, Copied(y, num_examples), as_np) for own in features]
        self._next = cycle(self.turns).__next__
        self.y_hat, self.losses = self.turns[0].outputs
        dtypes = self.y_hat.dtype, self.losses.dtype
        self.kind = Kind(self.y_hat.shape[1:], dtypes, X.ctx, as_np)
        self.has_rows_of_examples = self.y_hat.shape[0] == self.losses.shape[0] == self.num_examples

    def is_current(self):
        """Tell whether the network's parameters and gradients still are the arrays that were bound."""
        return self._bound.are_current()

    def __call__(self, X, y, start, stop):
        """Compute predictions, losses and gradients of the rows from `start` to `stop`."""
        turn = self._next()
        turn.copy_features(X, start, stop)
        turn.copy_labels(y, start, stop)
        turn.compute()
        for act in turn.after:
            act()
        self.y_hat, self.losses = turn.outputs

    def mark_gradients(self, but=()):
        """Say that the gradients are fresh, as autograd does; ``Trainer.step`` looks for it.

        Parameters
        ----------
        but : container of gluon.Parameter
            Those whose gradients have been used.
        """
        for param, data in self._data:
            if param not in but:
                data._fresh_grad = True


class _Turn:
    """One of the graphs that take turns: bound to arrays of its own for a minibatch, and to the network's parameters.

    Attributes
    ----------
    copy_features, copy_labels : callables
        Take rows of arrays as the next minibatch.
    compute : BoundGraph
        The graph itself.
    after : tuple of callables
        What is to be called after it.
    outputs : tuple of arrays
        Predictions and losses.
    """

    def __init__(self, graph, params, trained, features, labels, as_np):
        names, states = graph.list_arguments(), graph.list_auxiliary_states()
        arrays = {param.name: param.data().as_nd_ndarray() for param in params}
        arrays |= zip(INPUTS, (features.array, labels.array), strict=True)
        executor = graph.bind(
            features.array.ctx,
            args={name: arrays[name] for name in names},
            args_grad={param.name: param.grad().as_nd_ndarray() for param in trained},
            grad_req=dict.fromkeys(names, "null") | {param.name: param.grad_req for param in trained},
            aux_states={name: arrays[name] for name in states},
        )
        self.copy_features, self.copy_labels, self.compute = features.copy, labels.copy, BoundGraph(executor)
        # The engine does not know that a graph changes its auxiliary states, those of batch normalization. Of this it
        # does, and has it wait for the graph, and whoever asks for the states wait for this.
        rewrite_states = [Operator("_mul_scalar", [arrays[name]], [arrays[name]], scalar=1.0) for name in states]
        self.after = *rewrite_states, *features.after
        losses, y_hat = (array.as_np_ndarray() for array in executor.outputs) if as_np else executor.outputs
        self.outputs = y_hat, losses
