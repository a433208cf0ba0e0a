"""MXNet's internal operators: each becomes a Python function when it is first asked for.

When MXNet is imported, it makes Python functions of all its operators, for arrays and for symbols: it writes the text
of each, and has Python compile it. These are 2,556 texts, and half of the time that the import takes. Half of them
stand in modules called ``_internal``, few of which anybody asks for.
"""

import functools
import inspect
import sys


class _Later:
    """What stands for a function until it is asked for: MXNet gives it the attributes that the function is to have."""

    def __init__(self, make, handle, name, func_name):
        self._make = functools.partial(make, handle, name, func_name)
        self.__name__ = func_name
        self.__doc__ = "NDArray"  # what MXNet makes of this word, it is to make of the function's text

    def function(self):
        function = self._make()
        function.__module__ = self.__module__
        if self.__doc__ == "ndarray":
            function.__doc__ = function.__doc__.replace("NDArray", "ndarray")
        elif self.__doc__ != "NDArray":
            function.__doc__ = self.__doc__
        return function


def postpone(base):
    """Let the internal operators be made later.

    Parameters
    ----------
    base : module
        The module ``mxnet.base``, which has just been imported; its functions that make the others are replaced.
    """
    base._init_op_module = _postponed(base._init_op_module, lambda root, kind: f"{root}.{kind}._internal")
    base._init_np_op_module = _postponed(base._init_np_op_module, lambda root, part, kind: f"{root}.{kind}.{part}")


def _postponed(init, name_of_module):
    @functools.wraps(init)
    def init_later(*args, **kwargs):
        *where, make = inspect.signature(init).bind(*args, **kwargs).arguments.values()
        target = name_of_module(*where)
        is_of_numpy = target.endswith(".numpy._internal")  # all that goes there is internal

        def make_later(handle, name, func_name):
            # What has lost its prefix goes to other modules: `_linalg_gemm` is the function gemm of linalg.
            is_internal = is_of_numpy or (name == func_name and name.startswith("_"))
            return (functools.partial(_Later, make) if is_internal else make)(handle, name, func_name)

        init(*where, make_later)
        if target in sys.modules:
            _open(sys.modules[target])

    return init_later


def _open(module):
    """Have a module make its functions as they are asked for."""
    postponed = {name: value for name, value in vars(module).items() if isinstance(value, _Later)}
    for name in postponed:
        delattr(module, name)

    def __getattr__(name):
        if name not in postponed:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        # Two threads may make it at once; both get the one that is there first.
        return vars(module).setdefault(name, postponed[name].function())

    module.__getattr__ = __getattr__
    module.__dir__ = lambda: sorted({*vars(module), *postponed})
