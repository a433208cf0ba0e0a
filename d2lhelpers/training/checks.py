"""What is checked before a run and at its first step: that network, trainer and device belong together."""

from mxnet import gluon

from .arrays import has_its_gradient, is_plain


def check_device(net, ctx):
    """Check that a network's parameters are on the device that its minibatches are to be moved to.

    Raises
    ------
    ValueError
        If one is not.

    Examples
    --------
    >>> import mxnet as mx
    >>> net = gluon.nn.Dense(1, in_units=1)
    >>> net.initialize()
    >>> check_device(net, mx.cpu(1))
    Traceback (most recent call last):
        ...
    ValueError: ctx is cpu(1), but the parameters of net are on cpu(0); initialise it there, ...
    """
    if ctx is not None and isinstance(net, gluon.Block):
        for param in net.collect_params().values():
            if param._data is not None and ctx not in param.list_ctx():
                raise ValueError(
                    f"ctx is {ctx}, but the parameters of net are on {param.list_ctx()[0]}; initialise it there, "
                    "with net.initialize(ctx=ctx), or move it, with net.collect_params().reset_ctx(ctx)."
                )


def check_trainer(net, trainer):
    """Check that a trainer can be one, and acts on the network's parameters, the last ones included, on one device.

    Parameters that come before others that are trained may have been left out in order to keep a layer as it is.

    Raises
    ------
    TypeError
        If it is neither a ``gluon.Trainer`` nor a function.
    ValueError
        If it acts on other parameters, or on several devices.

    Examples
    --------
    >>> check_trainer(gluon.nn.Dense(1), "sgd")
    Traceback (most recent call last):
        ...
    TypeError: trainer must be a gluon.Trainer or a function of the batch size, but is of the type str; for example ...
    """
    if not isinstance(trainer, gluon.Trainer):
        _check_step(trainer)
        return
    params = list(net.collect_params().values()) if isinstance(net, gluon.Block) else []
    if not params:
        return
    ours = {id(param) for param in trainer._params}
    trained = [i for i, param in enumerate(params) if id(param) in ours]
    if not trained:
        raise ValueError(
            "trainer acts on none of the parameters of net; make it for this network: "
            'gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
        )
    last = [param for param in params[trained[-1] + 1 :] if param.grad_req != "null"]
    if last:
        raise ValueError(
            f"trainer does not act on {_names(net, last)}; if that was added later, call net.initialize() and make the "
            'trainer anew: trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}). '
            f"If it is to stay as it is, say so: {_freeze(net, last)}."
        )
    for param in trainer._params:
        if (param._data is not None or param._deferred_init) and len(param.list_ctx()) > 1:
            raise ValueError(
                f"the parameters of net are on {len(param.list_ctx())} devices, but train uses one; move them, with "
                "net.collect_params().reset_ctx(dh.try_gpu()), and make the trainer anew."
            )
    if type(trainer) is gluon.Trainer:
        lost = [param for param in params if id(param) in ours and _has_lost_its_gradient(param)]
        if lost:
            raise ValueError(
                f"trainer does not find the gradients of {_names(net, lost)}: after attach_grad(), or in a copy that "
                "copy.deepcopy() has made, they are not those of the parameters; have all made anew: for param in "
                'net.collect_params().values(): req, param.grad_req = param.grad_req, "null"; param.grad_req = req'
            )


def _has_lost_its_gradient(param):
    is_trained = param._data is not None and param.grad_req != "null"
    return is_trained and is_plain(param, param.list_ctx()[0]) and not has_its_gradient(param)


def _layers(net, params):
    """Return what the layers that hold the parameters are called from outside, as in ``net[0]`` or ``net.output``."""
    wanted = set(params)
    return [layer for layer, owned in _owners(net).items() if not wanted.isdisjoint(owned.values())]


def _owners(net):
    """Return the parameters of each layer by their names in it."""
    owners = {}
    for path, param in net._collect_params_with_prefix().items():
        *parts, name = path.split(".")
        layer = "net" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts)
        owners.setdefault(layer, {})[name] = param
    return owners


def _freeze(net, params):
    """Return what keeps the parameters as they are: all of a layer, or only some of it."""
    wanted, lines = set(params), []
    for layer, owned in _owners(net).items():
        if wanted.issuperset(owned.values()):
            lines.append(f'{layer}.collect_params().setattr("grad_req", "null")')
        else:
            lines.extend(f'{layer}.{name}.grad_req = "null"' for name, param in owned.items() if param in wanted)
    return "; ".join(lines)


def _names(net, params):
    return f"{', '.join(_layers(net, params))} ({', '.join(param.name for param in params)})"


def _check_step(step):
    if not callable(step) or isinstance(step, type):
        is_class = isinstance(step, type)
        got = f"is the class {step.__name__}" if is_class else f"is of the type {type(step).__name__}"
        raise TypeError(
            f"trainer must be a gluon.Trainer or a function of the batch size, but {got}; for example "
            "lambda batch_size: sgd([w, b], 0.03, batch_size), or "
            'gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).'
        )


def explain_idle(net, params):
    """Return why a trainer has no gradient for some parameters after a backward pass, and what to do about it.

    Gluon itself would name one of them, with some of the others updated already.

    Parameters
    ----------
    net : callable
    params : list of gluon.Parameter

    Returns
    -------
    str

    Examples
    --------
    >>> net = gluon.nn.Dense(1, in_units=1, prefix="")
    >>> print(explain_idle(net, [net.bias]))
    net (bias) took no part in the forward pass, so trainer has no gradient for it; ...
    """
    layers = _layers(net, params) if isinstance(net, gluon.Block) else []
    if not layers:
        names = ", ".join(param.name for param in params)
        return (
            f"{names} took no part in the forward pass, so trainer has no gradient for it; make a gluon.Trainer "
            "for the other parameters only."
        )
    others = ""
    if any(param._data is None for param in params):  # with such a parameter, frozen or not, no trainer begins
        names = "|".join(param.name for param in params)
        others = f'; trainer = gluon.Trainer(net.collect_params("(?!{names})"), "sgd", {{"learning_rate": 0.03}})'
    return (
        f"{_names(net, params)} took no part in the forward pass, so trainer has no gradient for it; use it "
        f"in the network's forward function, or take it out of training: {_freeze(net, params)}{others}."
    )
