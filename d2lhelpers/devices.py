"""The device that arrays live on: the CPU, or a GPU where there is one."""

import mxnet as mx

from .validation import check_integer, is_np


def try_gpu(i=0):
    """Return the GPU of the given number if there is one, else the CPU.

    GPUs are found by the builds of MXNet that are made for them (``mxnet-cu112`` and the like), not by ``mxnet``.

    Parameters
    ----------
    i : int
        Number of the GPU, from 0.

    Returns
    -------
    mx.Context
        What MXNet takes as `ctx`.

    Raises
    ------
    TypeError
        If `i` is not a whole number.
    ValueError
        If `i` is negative.

    Examples
    --------
    >>> from mxnet import nd
    >>> nd.zeros((2,), ctx=try_gpu()).context == try_gpu()
    True
    """
    i = check_integer("i", i, minimum=0)
    return mx.gpu(i) if i < mx.context.num_gpus() else mx.cpu()


def check_ctx(ctx):
    """Check that `ctx` is a device that is there, or None.

    Raises
    ------
    TypeError
        If it is neither an MXNet context nor None.
    ValueError
        If it is a GPU that MXNet does not find.

    Examples
    --------
    >>> check_ctx("gpu")
    Traceback (most recent call last):
        ...
    TypeError: ctx must be a device such as mx.cpu() or dh.try_gpu(), but is 'gpu'.
    """
    if ctx is None:
        return
    if not isinstance(ctx, mx.Context):
        raise TypeError(f"ctx must be a device such as mx.cpu() or dh.try_gpu(), but is {ctx!r}.")
    if ctx.device_type == "gpu" and ctx.device_id >= mx.context.num_gpus():
        raise ValueError(
            f"ctx is {ctx}, but MXNet finds {mx.context.num_gpus()} GPUs here; take ctx=dh.try_gpu(), which takes the "
            "CPU where there is no GPU."
        )


def on_device(arrays, ctx):
    """Return `arrays` on the device `ctx`, copied only where they are on another one; as they are if `ctx` is None.

    Examples
    --------
    >>> from mxnet import nd
    >>> on_device([nd.zeros((2,))], mx.cpu(1))[0].context
    cpu(1)
    """
    if ctx is None:
        return arrays
    return [array.as_in_ctx(ctx) if is_np(array) else array.as_in_context(ctx) for array in arrays]
