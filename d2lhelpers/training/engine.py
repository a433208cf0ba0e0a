"""The calls of MXNet's engine that a prepared step consists of, without the wrappers that look everything up each time.

This is the only module that calls the engine's C interface. Every function of it returns 0, or something else after an
error; each of them is turned into an exception here.
"""

import ctypes

from mxnet._ctypes.symbol import _symbol_creator
from mxnet.base import _LIB, ExecutorHandle, NDArrayHandle, check_call

_HANDLES = ctypes.POINTER(ctypes.c_void_p)  # MXNet's own name for it is missing where the pages are built
_TEXTS = ctypes.POINTER(ctypes.c_char_p)


def _function(name, *types):
    """Return a function of MXNet's library, which raises an MXNetError for what it could not do.

    It is another object than the one that MXNet uses itself, which stays as it is.
    """
    function = _LIB[name]
    function.argtypes = types
    function.restype = check_call  # ctypes calls it with what the function has returned
    return function


_find = _function("NNGetOpHandle", ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p))
_invoke = _function(
    "MXImperativeInvokeEx",
    ctypes.c_void_p,
    ctypes.c_int,
    _HANDLES,
    ctypes.POINTER(ctypes.c_int),
    ctypes.POINTER(_HANDLES),
    ctypes.c_int,
    _TEXTS,
    _TEXTS,
    ctypes.POINTER(ctypes.POINTER(ctypes.c_int)),
)
_slice = _function("MXNDArraySlice", NDArrayHandle, ctypes.c_uint32, ctypes.c_uint32, _HANDLES)
_address = _function("MXNDArrayGetData", NDArrayHandle, ctypes.POINTER(ctypes.c_void_p))
_free = _function("MXNDArrayFree", NDArrayHandle)
_forward = _function("MXExecutorForward", ExecutorHandle, ctypes.c_int)
_backward = _function("MXExecutorBackwardEx", ExecutorHandle, ctypes.c_uint32, _HANDLES, ctypes.c_int)


def _operator(name):
    operator = ctypes.c_void_p()
    _find(name.encode(), ctypes.byref(operator))
    return operator


def are_one(array, other):
    """Tell whether two arrays are the same numbers in memory.

    Examples
    --------
    >>> from mxnet import nd
    >>> array = nd.ones((2,))
    >>> are_one(array, array.reshape((2, 1))), are_one(array, array.copy())
    (True, False)
    """
    addresses = ctypes.c_void_p(), ctypes.c_void_p()
    for each, address in zip((array, other), addresses, strict=True):
        _address(each.handle, ctypes.byref(address))
    return addresses[0].value == addresses[1].value


def apply(name, *inputs, **options):
    """Return the symbol of an operator that was applied to symbols, in their order.

    MXNet's own functions hand them over by name, which does not work for the operators that update parameters.

    Parameters
    ----------
    name : str
        The operator's.
    *inputs : mxnet.symbol.Symbol
        The first one of a name that no other application of the operator in the same graph has there.
    **options
        What the operator is told besides: numbers and lists of them.

    Examples
    --------
    >>> import mxnet as mx
    >>> apply("multi_sgd_update", mx.sym.var("w"), mx.sym.var("g"), num_weights=1, lrs=[0.5], wds=[0]).list_arguments()
    ['w', 'g']
    """
    values = [str(value) for value in options.values()]
    label = f"{name}_of_{inputs[0].name}"
    return _symbol_creator(_operator(name).value, list(inputs), {}, list(options), values, label, False)


class Operator:
    """An operator with all of its arguments made beforehand, arrays included.

    Parameters
    ----------
    name : str
        The operator's.
    inputs, outputs : list of arrays
        What it reads, and what it writes.
    **options
        What it is told besides: numbers and lists of them.

    Examples
    --------
    >>> from mxnet import nd
    >>> a = nd.array([1, 2])
    >>> double = Operator("_mul_scalar", [a], [a], scalar=2.0)
    >>> double(), double()
    (None, None)
    >>> a.asnumpy()
    array([4., 8.], dtype=float32)
    """

    def __init__(self, name, inputs, outputs, **options):
        self._arrays = inputs, outputs  # so that they stay
        self.inputs, self.outputs = map(_handles, self._arrays)
        keys, values = _texts(options), _texts(map(str, options.values()))
        # What is only pointed to has to be kept, too.
        self._kept = ctypes.c_int(len(outputs)), ctypes.cast(self.outputs, _HANDLES), ctypes.POINTER(ctypes.c_int)()
        self.arguments = (
            _operator(name),
            len(inputs),
            self.inputs,
            *map(ctypes.byref, self._kept[:2]),
            len(options),
            keys,
            values,
            ctypes.byref(self._kept[2]),
        )

    def __call__(self):
        """Have the engine compute it, in the order in which it is told what to do with an array."""
        _invoke(*self.arguments)


def _handles(arrays):
    return (NDArrayHandle * len(arrays))(*(array.handle for array in arrays))


def _texts(texts):
    texts = [text.encode() for text in texts]
    return (ctypes.c_char_p * len(texts))(*texts)


class CopyFrom:
    """Copies rows of arrays into always the same array.

    Parameters
    ----------
    target : array of shape (n, ...)

    Examples
    --------
    >>> from mxnet import nd
    >>> target = nd.zeros((2,))
    >>> CopyFrom(target)(nd.array([1, 2, 3, 4]), 1, 3)
    >>> target.asnumpy()
    array([2., 3.], dtype=float32)
    """

    def __init__(self, target):
        self._copy = Operator("_copyto", [target], [target])
        self._source, self._arguments = self._copy.inputs, self._copy.arguments

    def __call__(self, array, start, stop):
        """Copy the rows from `start` to `stop` of an array, which must have the target's type and fit."""
        source = self._source
        _slice(array.handle, start, stop, source)
        try:
            _invoke(*self._arguments)
        finally:
            _free(source[0])


class CopyInto:
    """Copies arrays into rows of another one.

    Parameters
    ----------
    target : array of shape (m, ...)

    Examples
    --------
    >>> from mxnet import nd
    >>> target = nd.zeros((4,))
    >>> CopyInto(target)(nd.array([1, 2]), 1, 3)
    >>> target.asnumpy()
    array([0., 1., 2., 0.], dtype=float32)
    """

    def __init__(self, target):
        self._copy, self._handle = Operator("_copyto", [target], [target]), target.handle
        self._source, self._target, self._arguments = self._copy.inputs, self._copy.outputs, self._copy.arguments

    def __call__(self, array, start, stop):
        """Copy an array, which must have the target's type and fit, into the rows from `start` to `stop`."""
        target = self._target
        self._source[0] = array.handle
        _slice(self._handle, start, stop, target)
        try:
            _invoke(*self._arguments)
        finally:
            _free(target[0])


class BoundGraph:
    """A graph of losses that was bound to arrays: computed forward, and back, in two calls.

    The engine knows that outputs and gradients are written, and has those who ask for them wait. It does not know it of
    auxiliary states: what asks for them may find those of a step before.

    Parameters
    ----------
    executor : mxnet.executor.Executor
        Its outputs need no gradients of theirs: they are losses, or blocked.

    Examples
    --------
    >>> import mxnet as mx
    >>> x, gradient = mx.nd.array([3]), mx.nd.empty((1,))
    >>> graph = mx.sym.make_loss(mx.sym.square(mx.sym.var("x")))
    >>> BoundGraph(graph.bind(mx.cpu(), {"x": x}, {"x": gradient}))()
    >>> gradient.asnumpy()
    array([6.], dtype=float32)
    """

    def __init__(self, executor):
        self.outputs = executor.outputs
        self._executor, self._handle = executor, executor.handle

    def __call__(self):
        """Compute the outputs, then the gradients."""
        _forward(self._handle, 1)
        _backward(self._handle, 0, None, 1)
