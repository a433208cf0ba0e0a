"""What errors mean, and what to do about them: one table for all chapters."""

import re

from ..language import N_, Text

# Looked for in "TypeOfError: message", in this order; the first that is found gives the advice.
ADVICE = (
    (
        r"maximum number of dimension",
        N_(
            "NumPy's functions do not take nd arrays: use the one of nd (nd.exp, nd.dot) or the method (X.exp()), or "
            "turn X into NumPy by X.asnumpy()"
        ),
    ),
    (
        r"Cannot find argument '(dtype|out|where)'",
        N_("NumPy's functions do not take nd arrays: use the method (X.mean(), X.sum()), or X.asnumpy()"),
    ),
    (r"Cannot find argument", N_("this operator has no argument of that name: help() of it lists those that it has")),
    (
        r"for @: |NDArray' object has no attribute 'dot'",
        N_("nd arrays have neither @ nor dot: write nd.dot(X, w)"),
    ),
    (
        r"numpy\.ndarray'> not supported|must have NDArray type",
        N_(
            "nd and NumPy do not mix: functions of nd take what nd.array(...) makes, NumPy takes X.asnumpy(), "
            "and a plain number takes math or NumPy"
        ),
    ),
    (
        r"can only accept MXNet numpy ndarrays",
        N_("mx.np functions do not take nd arrays: use the one of nd, or X.as_np_ndarray()"),
    ),
    (r"must be real number, not NDArray", N_("math takes a single number: use nd.exp, nd.log and the like for arrays")),
    (
        r"not in a computational graph",
        N_(
            "backward needs a record of what was computed: call net and loss inside record(); parameters of your own "
            "need attach_grad() before, and a step in place, w[:] = w - ..., as w = w - ... makes an array without a "
            "gradient"
        ),
    ),
    (
        r"already in a computational graph",
        N_("an array that was recorded is changed: the step, w[:] = ..., comes after record() and after backward()"),
    ),
    (
        r"'NoneType' (and|object has no attribute '(asnumpy|norm|shape|copy)')|and 'NoneType'",
        N_(
            "something is None: a gradient is if attach_grad() was never called, or if w = w - ... made a new array of "
            "w (write w[:] = ...), and so is the result of a function without return"
        ),
    ),
    (
        r"initialization was deferred",
        N_("the layer does not know its number of inputs yet: say it (in_units), or call the network once"),
    ),
    (
        r"has not been initialized",
        N_("the network has no parameters yet: initialize comes before they are set or used"),
    ),
    (
        r"is incompatible with given shape",
        N_("the weights of Dense are a matrix, with a row for each output: reshape w"),
    ),
    (r"not been updated by backward", N_("step found no new gradient: is backward() called before it?")),
    (r"step\(\) missing", N_("step needs to know by what to divide: trainer.step(len(y))")),
    (r"has no attribute 'backward'", N_("keep the loss an array until after backward()")),
    (
        r"First argument must be a list or dict of Parameters",
        N_("a trainer is given the parameters: gluon.Trainer(net.collect_params(), ...)"),
    ),
    (r"Cannot find optimizer", N_('optimizers have names like "sgd" and "adam"')),
    (
        r"Optimizer\.__init__|__init__\(\) got an unexpected keyword argument '(lr|rate|weight_decay)'",
        N_('an optimizer is told {"learning_rate": ..., "wd": ...}'),
    ),
    (
        r"ambiguous|is not a scalar|only size-1 arrays|only (length-1|0-dimensional) arrays|float\(\) argument must be",
        N_(
            "a single number is needed there, and this array has several: sum or average it, or use nd.where for a "
            "condition on each element"
        ),
    ),
    (r"'NDArray' object has no attribute '(numpy|item|tolist)'", N_("the method is called asnumpy(), or asscalar()")),
    (
        r"(NDArray' object|mxnet\.ndarray') has no attribute",
        N_("nd does not have this function or method; NumPy may: X.asnumpy()"),
    ),
    (r"UnboundLocalError", N_("this name is given a value only further down in the function")),
    (
        r"NameError",
        N_("this name is not known where it is used: is it spelt as where it was made, and has that cell been run?"),
    ),
    (
        r"ZeroDivisionError",
        N_(
            "something that you divide by is zero: look at the arguments that were tried, and treat this case by itself"
        ),
    ),
    (
        r"IndexError|out of bounds|out of range",
        N_("an index is larger than the array: the last one is the length less 1, and the axis matters"),
    ),
    (r"RecursionError", N_("the function calls itself without an end")),
    (
        r"positional argument|unexpected keyword argument",
        N_("a call has other arguments than the function: keep those that stand in the exercise's first line"),
    ),
    (
        r"expected float32, got|expected float64, got|expected int32, got",
        N_('the arrays differ in type: .astype("float32")'),
    ),
    (r"was returned, not an array", N_("end with return, and an array or a number")),
    (r"SystemExit", N_("leave out exit()")),
    (
        r"shape|broadcast|dimension|axis|Size\(\)|size \d",
        N_("print the shapes just before that line"),
    ),
)


def describe_error(error):
    r"""Describe an error in one line: of MXNet's own, which may begin with a traceback, the line with the cause.

    Examples
    --------
    >>> describe_error(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    >>> describe_error(RuntimeError("Traceback (most recent call last):\n  File ...\nReshape: too large"))
    'RuntimeError: Reshape: too large'
    """
    if error.args and isinstance(error.args[0], Text):  # by the checks themselves, in the learner's language
        return Text("{error}: {message}", error=type(error).__name__, message=error.args[0])
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    named = [line for line in lines if line.startswith("MXNetError: ")]
    if not named:
        named = lines if lines[0].startswith("Traceback") else lines[:1]
    return f"{type(error).__name__}: {named[-1].removeprefix('MXNetError: ')}"[:200].rstrip(": ")


def advise(error):
    """Say what to do about an error.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str

    Examples
    --------
    >>> advise(NameError("name 'lr' is not defined"))
    'this name is not known where it is used: is it spelt as where it was made, and has that cell been run?'
    >>> advise(ValueError("what else there is"))
    'run your code on an example of your own first'
    """
    text = f"{type(error).__name__}: {error}"
    return next(
        (advice for part, advice in ADVICE if re.search(part, text)),
        N_("run your code on an example of your own first"),
    )
