"""What of a network and its loss can be one graph, and which: what MXNet calls for each minibatch, and nothing else."""

import json

import mxnet as mx
from mxnet import gluon

INPUTS = "d2lhelpers_features", "d2lhelpers_labels"
_CALLS = frozenset(("__call__", "forward", "hybrid_forward"))
_CHAINS = gluon.nn.Sequential, gluon.nn.HybridSequential
_SIMPLE = bool, int, float, str, type(None)


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


def applied(block, *inputs):
    """Return the symbol of what a block makes of symbols. Of one that was hybridized, it is the graph that MXNet has.

    To call its code again would print again what it prints, and find what has changed since, which MXNet does not.

    Parameters
    ----------
    block : gluon.Block
        Of which `can_be_fused` is true.
    *inputs : mx.sym.Symbol

    Returns
    -------
    mx.sym.Symbol

    Examples
    --------
    >>> net = gluon.nn.Dense(1, in_units=1, prefix="dense_")
    >>> applied(net, mx.sym.var("X")).list_arguments()
    ['X', 'dense_weight', 'dense_bias']
    """
    if _is_hybridized(block):
        variables, graph = block._cached_graph
        symbol = mx.sym.Symbol.__deepcopy__(graph, None)  # that of an mx.np symbol copies nothing, and changes it
        symbol._compose(**{variable.name: value for variable, value in zip(variables, inputs, strict=True)})
        return symbol.as_np_ndarray() if isinstance(graph, mx.sym.np._Symbol) else symbol
    if type(block) in _CHAINS:
        for child in block._children.values():
            inputs = (applied(child, *inputs),)
        return inputs[0]
    return block(*inputs)


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
    values = vars(block) | vars(block).get("_kwargs", {})
    simple = {name: value for name, value in values.items() if isinstance(value, _SIMPLE)}
    settings = [(block, id(block._cached_graph) if _is_hybridized(block) else None, simple)]
    for child in block._children.values():
        settings += settings_of(child)
    return settings


def differs(graph):
    """Tell whether a graph has an operator that MXNet computes otherwise than in the plain way.

    In a graph, PReLU's gradient with respect to its slope can be wrong. What a mean of views pools is not rounded as
    that of arrays of their own, to which the features are copied here.

    Parameters
    ----------
    graph : mx.sym.Symbol
        Of features and labels that are named as in `INPUTS`.

    Returns
    -------
    bool

    Examples
    --------
    >>> X = mx.sym.var(INPUTS[0])
    >>> [differs(layer(X)) for layer in (gluon.nn.PReLU(), gluon.nn.GlobalAvgPool1D(), gluon.nn.Flatten())]
    [True, True, False]
    """
    nodes = json.loads(graph.tojson())["nodes"]
    for node in nodes:
        options = node.get("attrs", {})
        is_mean = node["op"].lower().endswith("pooling") and options.get("pool_type") == "avg"
        if options.get("act_type") == "prelu" or (is_mean and nodes[node["inputs"][0][0]]["name"] == INPUTS[0]):
            return True
    return False
