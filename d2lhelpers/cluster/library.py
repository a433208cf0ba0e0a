"""MXNet's library without the Python around it: a scheduler and a server need nothing else, and begin sooner.

The package mxnet makes thousands of Python functions for arrays and networks, which takes most of a second. It would
also serve inside of its import, with a controller that unpickles, and so executes, what workers send. Here it is not
imported at all.
"""

import ctypes
import os
import platform
from contextlib import contextmanager
from importlib import util
from pathlib import Path

from .. import arm

_CONTROLLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class EngineError(RuntimeError):
    """MXNet's library could not do what it was asked for."""


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


def serve(variables, hidden, on_command):
    """Be MXNet's scheduler or one of its servers, until the workers have left.

    The controller does nothing with what it is sent besides arrays: it refuses it.

    Parameters
    ----------
    variables, hidden
        As `environment_for_mxnet` returns them.
    on_command : callable
        Called with the number of a command that was refused.

    Raises
    ------
    EngineError
        If MXNet could not begin.
    """
    library = _load()

    def call(name, *arguments):
        if library[name](*arguments):
            message, *_trace = library.MXGetLastError().decode(errors="replace").splitlines() or [name]
            raise EngineError(message.removeprefix("MXNetError: "))

    handle = ctypes.c_void_p()
    controller = _CONTROLLER(lambda command, body, _: on_command(command))
    with environment(variables, hidden):
        call("MXKVStoreCreate", b"dist", ctypes.byref(handle))
        call("MXKVStoreRunServer", handle, controller, None)


def _load():
    """Load the library from where the package mxnet would."""
    folder = Path(next(iter(util.find_spec("mxnet").submodule_search_locations)))
    spec = util.spec_from_file_location("d2lhelpers_mxnet_libinfo", folder / "libinfo.py")
    libinfo = util.module_from_spec(spec)
    spec.loader.exec_module(libinfo)
    if (platform.system(), platform.machine()) == ("Linux", "aarch64"):
        arm.provide(folder)
    library = ctypes.CDLL(libinfo.find_lib_path()[0])
    library.MXGetLastError.restype = ctypes.c_char_p
    return library
