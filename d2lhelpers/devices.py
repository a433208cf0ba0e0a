"""The device that arrays live on: the processor, or a GPU where there is one."""

import mxnet as mx

from .validation import check_integer


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
