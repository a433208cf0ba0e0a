"""What of a network and its loss can be one graph, and which: what MXNet calls for each minibatch, and nothing else."""

import json

import mxnet as mx
import numpy as np
from mxnet import gluon

INPUTS = "d2lhelpers_features", "d2lhelpers_labels"
_CALLS = frozenset(("__call__", "forward", "hybrid_forward"))
_CHAINS = gluon.nn.Sequential, gluon.nn.HybridSequential
_SIMPLE = bool, int, float, str, type(None), np.generic


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
    if not _CALLS.isdisjoint(vars(block)):
        return False
    if _is_hybridized(block):
        # MXNet calls the graph that it has made of the block, not its code.
        is_called = (
            type(block).__call__ is gluon.HybridBlock.__call__ and type(block).forward is gluon.HybridBlock.forward
        )
        return is_called and block._callback is None and not isinstance(block, gluon.SymbolBlock)
    is_ours = type(block) in _CHAINS or (
        isinstance(block, gluon.HybridBlock)
        and not isinstance(block, gluon.nn.HybridLambda)  # it holds a function of the learner's
        and type(block).__module__.startswith(("mxnet.gluon.nn.", gluon.loss.__name__))
    )
    return is_ours and all(_is_traceable(child) for child in block._children.values())


def _is_hybridized(block):
    return isinstance(block, gluon.HybridBlock) and block._active


class Untraceable(Exception):
    """Network and loss are no graph that computes what they do; the plain way does without, or says what is wrong."""


def traced(net, loss, as_np):
    """Return the graph of a network and its loss, and leave both as they are.

    Parameters
    ----------
    net, loss : gluon.Block
        Of which `can_be_fused` is true. Where they were hybridized, they have been called.
    as_np : bool
        Whether it is made for ``mx.np`` arrays.

    Returns
    -------
    mx.sym.Symbol
        Of two outputs: the losses, of whose sum the gradients are, and the predictions.

    Raises
    ------
    Untraceable

    Examples
    --------
    >>> net = gluon.nn.Dense(1, in_units=1, prefix="dense_")
    >>> traced(net, gluon.loss.L2Loss(), as_np=False).list_arguments()
    ['d2lhelpers_labels', 'd2lhelpers_features', 'dense_weight', 'dense_bias']
    """
    variables = [(param, param._var) for param in net.collect_params().values()]
    try:
        with mx.name.NameManager():  # so that the names that the learner's symbols get are not counted on
            graph = _composed(net, loss, as_np)
    except Exception as error:  # code that asks for the shape of its input, for instance: a symbol has none
        raise Untraceable from error
    finally:
        for param, variable in variables:  # where MXNet keeps it, it would outlast a change to the other arrays
            param._var = variable
    names = graph.list_arguments()
    if len(set(names)) < len(names) or _differs(graph):  # of two with a name, one would overwrite the other's gradient
        raise Untraceable
    return graph


def _composed(net, loss, as_np):
    inputs = [mx.sym.var(name) for name in INPUTS]
    if as_np:
        inputs = [symbol.as_np_ndarray() for symbol in inputs]
    y_hat = _applied(net, inputs[0])
    losses = _applied(loss, y_hat, inputs[1])
    if as_np:
        y_hat, losses = y_hat.as_nd_ndarray(), losses.as_nd_ndarray()
    # The gradients are those of the sum: make_loss has 1 for each loss, and what is blocked adds nothing.
    return mx.sym.Group([mx.sym.make_loss(losses), mx.sym.BlockGrad(y_hat)])


def _applied(block, *inputs):
    """Return the symbol of what a block makes of symbols. Of one that was hybridized, it is the graph that MXNet has.

    To call its code again would print again what it prints, and find what has changed since, which MXNet does not.
    """
    if _is_hybridized(block):
        variables, graph = block._cached_graph
        symbol = mx.sym.Symbol.__deepcopy__(graph, None)  # that of an mx.np symbol copies nothing, and changes it
        symbol._compose(**{variable.name: value for variable, value in zip(variables, inputs, strict=True)})
        return symbol.as_np_ndarray() if isinstance(graph, mx.sym.np._Symbol) else symbol
    if type(block) in _CHAINS:
        for child in block._children.values():
            inputs = (_applied(child, *inputs),)
        return inputs[0]
    return block(*inputs)


def _differs(graph):
    """Tell whether a graph has an operator that MXNet computes otherwise than in the plain way.

    In a graph, PReLU's gradient with respect to its slope can be wrong, and an operator in Python is made once instead
    of for each minibatch, and keeps what it notes. What a mean of views pools is not rounded as that of arrays of their
    own, to which the features are copied here.
    """
    options = graph.attr_dict().values()
    if any(each.get("act_type") == "prelu" or "op_type" in each for each in options):
        return True
    if not any(each.get("pool_type") == "avg" for each in options):
        return False  # as nearly always; to look at what is connected to what takes longer
    nodes = json.loads(graph.tojson())["nodes"]
    return any(
        node.get("attrs", {}).get("pool_type") == "avg" and nodes[node["inputs"][0][0]]["name"] == INPUTS[0]
        for node in nodes
    )


class _Same:
    """Something that equals itself alone. It is kept, so that nothing else comes to be where it was in memory."""

    def __init__(self, of):
        self._of = of

    def __eq__(self, other):
        return self._of is other._of


def settings_of(block):
    """Return what the graph of a block depends on besides parameters, to be compared.

    Examples
    --------
    >>> dropout = gluon.nn.Dropout(0.5)
    >>> before = settings_of(dropout)
    >>> before == settings_of(dropout)
    True
    >>> dropout._rate = 0.25
    >>> before == settings_of(dropout)
    False
    """
    simple = {}
    for name, value in (vars(block) | vars(block).get("_kwargs", {})).items():
        if isinstance(value, _SIMPLE):
            simple[name] = value
        elif type(value) in (list, tuple) and all(isinstance(each, _SIMPLE) for each in value):
            simple[name] = tuple(value)  # a list may be changed
    settings = [(block, _Same(block._cached_graph if _is_hybridized(block) else None), simple)]
    for child in block._children.values():
        settings += settings_of(child)
    return settings
