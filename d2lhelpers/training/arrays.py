"""What has to be known of arrays before steps are prepared: of those of a minibatch, and of the parameters."""

from mxnet import autograd
from mxnet.base import MXNetError

from .engine import are_one


def leads_further(array):
    """Tell whether an array was recorded, so that gradients go through it to what it was computed from.

    Examples
    --------
    >>> import mxnet as mx
    >>> features, weights = mx.nd.ones((2, 3)), mx.nd.ones((3, 4))
    >>> weights.attach_grad()
    >>> with mx.autograd.record():
    ...     encoded = mx.nd.dot(features, weights)
    >>> leads_further(features), leads_further(weights), leads_further(encoded)
    (False, False, True)
    """
    try:
        return autograd.get_symbol(array).get_children() is not None  # else something was computed from it, no more
    except MXNetError:  # it is part of nothing that was recorded
        return False


def is_plain(param, context):
    """Tell whether a parameter has one dense array, on one device.

    Examples
    --------
    >>> import mxnet as mx
    >>> net = mx.gluon.nn.Dense(1, in_units=1)
    >>> net.initialize()
    >>> is_plain(net.weight, mx.cpu()), is_plain(net.weight, mx.cpu(1))
    (True, False)
    """
    return bool(param._data) and param.list_ctx() == [context] and param._stype == param._grad_stype == "default"


def has_its_gradient(param):
    """Tell whether autograd puts a plain parameter's gradient where the parameter has it.

    It does not where ``attach_grad`` was called on the parameter's array, nor on one of a copy of the network.

    Examples
    --------
    >>> import mxnet as mx
    >>> net = mx.gluon.nn.Dense(1, in_units=1)
    >>> net.initialize()
    >>> net.weight.data().attach_grad()
    >>> has_its_gradient(net.bias), has_its_gradient(net.weight)
    (True, False)
    """
    used = param.data().grad
    if param.grad_req == "null":
        return used is None
    return used is not None and are_one(used, param.grad())


class Arrays:
    """The arrays of values and gradients that parameters have at the moment.

    Parameters
    ----------
    params : iterable of gluon.Parameter

    Examples
    --------
    >>> import mxnet as mx
    >>> net = mx.gluon.nn.Dense(1, in_units=1)
    >>> net.initialize()
    >>> arrays = Arrays([net.weight])
    >>> net.weight.set_data(mx.nd.ones((1, 1)))
    >>> arrays.are_current()
    True
    >>> net.initialize(force_reinit=True)
    >>> arrays.are_current()
    False
    """

    def __init__(self, params):
        self._of = [(param, param._data, param._grad) for param in params]

    def are_current(self):
        """Tell whether the parameters still have these arrays."""
        # A parameter's lists are new ones whenever it is initialised, cast, moved, frozen or thawed.
        return all(param._data is data and param._grad is grad for param, data, grad in self._of)
