"""A worker's calls of MXNet's parameter server, with each of their return codes checked."""

import ctypes

from mxnet import nd
from mxnet.base import _LIB, KVStoreHandle, NDArrayHandle, check_call

from .library import environment

_KEYS, _HANDLES = ctypes.POINTER(ctypes.c_int), ctypes.POINTER(NDArrayHandle)


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


class Store:
    """A worker's part of MXNet's parameter server, used for one thing: adding up arrays over all workers.

    Making one waits for all other members.

    Parameters
    ----------
    variables, hidden
        As `environment_for_mxnet` returns them.
    """

    def __init__(self, variables, hidden):
        self._handle, self._last = KVStoreHandle(), {}
        with environment(variables, hidden):
            _create(b"dist_sync", ctypes.byref(self._handle))
        # Else the end of a process would wait for all others, whatever has happened to them.
        _set_barrier(self._handle, 0)

    def begin(self, key, array):
        """Make room for arrays of the shape and type of this one, under a number; all workers have to do it."""
        zeros = nd.zeros_like(array)
        _init(self._handle, 1, (ctypes.c_int * 1)(key), (NDArrayHandle * 1)(zeros.handle))

    def add_up(self, key, array, priority=0):
        """Put into an array the sum of those of all workers, in the engine's own time.

        The server counts what it is sent under a number, whoever has sent it. So the sum before must be there, or it
        would take two arrays of a quick worker for those of two workers. Where it is in the same array, the engine
        waits for it anyway.
        """
        if self._last.get(key, array) is not array:
            self._last[key].wait_to_read()
        self._last[key] = array
        keys, handles = (ctypes.c_int * 1)(key), (NDArrayHandle * 1)(array.handle)
        _push_pull(self._handle, 1, keys, 1, keys, handles, handles, priority)

    def close(self):
        """Leave, after all is done that the engine was asked for."""
        nd.waitall()
        _free(self._handle)
