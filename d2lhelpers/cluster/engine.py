"""The calls of MXNet's own part of a run, its parameter server, with each of their return codes checked."""

import ctypes
import os
from contextlib import contextmanager

from mxnet import nd
from mxnet.base import _LIB, KVStoreHandle, NDArrayHandle, check_call

_KEYS, _HANDLES = ctypes.POINTER(ctypes.c_int), ctypes.POINTER(NDArrayHandle)
_CONTROLLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def _function(name, *types):
    """Return a function of MXNet's library that raises an MXNetError for what it could not do."""
    function = _LIB[name]  # another object than the one that MXNet uses itself
    function.argtypes = types
    function.restype = check_call
    return function


_create = _function("MXKVStoreCreate", ctypes.c_char_p, ctypes.POINTER(KVStoreHandle))
_init = _function("MXKVStoreInit", KVStoreHandle, ctypes.c_uint32, _KEYS, _HANDLES)
_push_pull = _function(
    "MXKVStorePushPull",
    KVStoreHandle,
    ctypes.c_uint32,
    _KEYS,
    ctypes.c_uint32,
    _KEYS,
    _HANDLES,
    _HANDLES,
    ctypes.c_int,
)
_set_barrier = _function("MXKVStoreSetBarrierBeforeExit", KVStoreHandle, ctypes.c_int)
_free = _function("MXKVStoreFree", KVStoreHandle)
_run_server = _function("MXKVStoreRunServer", KVStoreHandle, _CONTROLLER, ctypes.c_void_p)


@contextmanager
def environment(variables, hidden):
    """Have MXNet see variables of the environment, and not see others, for a while."""
    before = {name: os.environ.get(name) for name in (*variables, *hidden)}
    try:
        for name in hidden:
            os.environ.pop(name, None)
        os.environ.update(variables)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Store:
    """A worker's part of MXNet's parameter server, used for one thing: adding up arrays over all workers.

    Making one waits for all other members.

    Parameters
    ----------
    variables, hidden
        As `environment_for_mxnet` returns them.
    """

    def __init__(self, variables, hidden):
        self._handle = KVStoreHandle()
        with environment(variables, hidden):
            _create(b"dist_sync", ctypes.byref(self._handle))
        # Else the end of a process would wait for all others, whatever has happened to them.
        _set_barrier(self._handle, 0)

    def begin(self, key, array):
        """Make room for arrays of the shape and type of this one, under a number; all workers have to do it."""
        zeros = nd.zeros_like(array)
        _init(self._handle, 1, (ctypes.c_int * 1)(key), (NDArrayHandle * 1)(zeros.handle))

    def add_up(self, key, array, priority=0):
        """Put into an array the sum of those of all workers, in the engine's own time."""
        keys, handles = (ctypes.c_int * 1)(key), (NDArrayHandle * 1)(array.handle)
        _push_pull(self._handle, 1, keys, 1, keys, handles, handles, priority)

    def close(self):
        """Leave, after all is done that the engine was asked for."""
        nd.waitall()
        _free(self._handle)


def serve(variables, hidden, on_command):
    """Be MXNet's scheduler or one of its servers, until the workers have left.

    MXNet's own server has a controller that unpickles, and so executes, what workers send it. This one has none of
    that: what it is sent besides arrays, it refuses.

    Parameters
    ----------
    variables, hidden
        As `environment_for_mxnet` returns them.
    on_command : callable
        Called with the number of a command that was refused.
    """
    handle = KVStoreHandle()
    controller = _CONTROLLER(lambda command, body, _: on_command(command))
    with environment(variables, hidden):
        _create(b"dist", ctypes.byref(handle))
        _run_server(handle, controller, None)
