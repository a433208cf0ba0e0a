"""Wait for the first ``import mxnet`` of a Python, and have ``d2lhelpers.compat`` carry it out.

Where d2lhelpers is installed, ``d2lhelpers_startup.pth`` has each start of Python import this module, and call
`install`. So it stands beside the package, imports nothing but ``sys``, does nothing until MXNet is asked for, and has
the syntax of Python 3.6.
"""

import sys


class Finder:
    """Find certain modules where they are, and have a function execute them.

    Parameters
    ----------
    wanted : callable
        Takes the full name of a module that is about to be imported, and says whether it is meant.
    execute : callable
        Takes a module's own loader and the module, which is still empty, and fills it.
    """

    def __init__(self, wanted, execute):
        self.wanted = wanted
        self.execute = execute

    def find_spec(self, name, path=None, target=None):
        """Find a module as the finders behind this one do, and put a loader around its own."""
        if not self.wanted(name):
            return None
        finders = iter(list(sys.meta_path))
        for finder in finders:
            if finder is self:
                break
        for finder in finders:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self.execute)
                return spec
        return None


class _Loader:
    """The loader of one module: its own one in all, but that a function executes the module."""

    def __init__(self, loader, execute):
        self._loader = loader
        self._execute = execute

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._execute(self._loader, module)


def _is_mxnet(name):
    return name == "mxnet"


def _execute_mxnet(loader, module):
    try:
        from d2lhelpers import compat
    except Exception as error:
        raise ImportError(
            f"d2lhelpers, which prepares this Python for MXNet, cannot be imported ({type(error).__name__}: {error}). "
            "Install it anew, or remove what is left of it: pip uninstall d2lhelpers"
        ) from error
    compat.execute_mxnet(loader, module)


_WAITING = Finder(_is_mxnet, _execute_mxnet)


def install():
    """Begin to wait for MXNet, unless that is done already.

    Examples
    --------
    >>> install()
    >>> sys.meta_path.count(_WAITING)
    1
    """
    if _WAITING not in sys.meta_path:
        sys.meta_path.insert(0, _WAITING)
