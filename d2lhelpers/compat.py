"""Mends that let MXNet 1.9.1, d2l 0.17.0 and d2lzh 1.0.0 be imported today, each with the version that it is for.

``d2lhelpers_startup`` has `execute_mxnet` carry out the first ``import mxnet``, whoever asks for it. MXNet's modules
are given an ``import`` of their own; it hands them a copy of numpy that has the names they look for, and stand-ins for
libraries that they import and hardly ever use. All others see numpy and those libraries as they are.
"""

import builtins
import functools
import gc
import importlib
import platform
import sys
import types
import warnings

import numpy

from d2lhelpers_startup import Finder

from . import internal_operators

# What MXNet 1.9.1 takes from numpy, and newer versions of NumPy no longer have. A name that a version of NumPy has,
# whatever it means there, is never replaced.
_VALUES = {
    # gone in NumPy 1.24; NumPy 2 has `bool` again, as a name of numpy.bool_
    "bool": bool,
    "int": int,
    # gone in NumPy 2.0
    "Inf": numpy.inf,
    "PINF": numpy.inf,
    "NINF": -numpy.inf,
    "NAN": numpy.nan,
    "NaN": numpy.nan,
    "PZERO": 0.0,
    "NZERO": -0.0,
    "compat": types.SimpleNamespace(basestring=str),
}
# MXNet calls none of these itself: it lists them under mx.np, and as keys of a table.
_FUNCTIONS = (
    # the financial functions, gone in NumPy 1.20
    *("mirr", "npv", "pmt", "ppmt", "pv", "rate"),
    # gone in NumPy 2.0 to 2.4
    *("alltrue", "in1d", "msort", "product", "round_", "sometrue", "trapz"),
)

# Python's message while it compiles MXNet's source for the first time, from CPython 3.12 on: a part of a docstring.
_KNOWN_WARNING = r"invalid escape sequence|.* is an invalid escape sequence"


def _gone(name):
    """Return what stands for the function `name` that NumPy no longer has."""

    def gone(*args, **kwargs):
        raise NotImplementedError(f"NumPy {numpy.__version__} has no function {name} any more, so neither has MXNet.")

    gone.__name__ = name
    return gone


class _Later(types.ModuleType):
    """A module that is at hand, and is imported when something is taken from it."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"{self.__name__} is not imported yet, so it has no {name}")
        return getattr(importlib.import_module(self.__name__), name)

    def __dir__(self):
        return dir(importlib.import_module(self.__name__))


class _IsSparse(type):
    def __instancecheck__(cls, value):
        # As long as nobody has imported SciPy's sparse matrices, nothing is one of them.
        sparse = sys.modules.get("scipy.sparse")
        return sparse is not None and isinstance(value, sparse.csr_matrix)


class _SparseMatrix(metaclass=_IsSparse):
    """What MXNet compares an array's type with, where it says scipy.sparse.csr.csr_matrix."""


def _numpy():
    mended = types.ModuleType("numpy", numpy.__doc__)
    vars(mended).update({**_VALUES, **{name: _gone(name) for name in _FUNCTIONS}, **vars(numpy)})
    return mended


def _scipy():
    scipy = _Later("scipy")
    scipy.sparse, scipy.stats = _Later("scipy.sparse"), _Later("scipy.stats")
    scipy.sparse.csr = types.SimpleNamespace(csr_matrix=_SparseMatrix)
    return scipy


def _version(text):
    """Return a version of NumPy as MXNet compares it with 1.15 or 1.17, by its first two numbers."""
    return tuple(map(int, text.split(".")[:2]))


def _multiprocessing():
    """Return multiprocessing, but that new processes are copies of this one, as they were before CPython 3.14."""
    for part in ("pool", "queues", "reduction", "resource_sharer"):
        importlib.import_module(f"multiprocessing.{part}")
    multiprocessing = sys.modules["multiprocessing"]
    mended = types.ModuleType("multiprocessing", multiprocessing.__doc__)
    vars(mended).update(vars(multiprocessing))
    forking = multiprocessing.get_context("fork")
    for name in ("Pool", "Process", "Queue", "get_context"):
        setattr(mended, name, getattr(forking, name))
    return mended


# What MXNet's modules get for a library.
_INSTEAD = {
    "numpy": _numpy(),
    "scipy": _scipy(),  # nearly half of the time that MXNet's import took was that of SciPy and scikit-learn
    "sklearn": None,  # for the base class of FeedForward, which is deprecated; it works without
    "requests": _Later("requests"),  # for downloads
    # gone in CPython 3.12; setuptools brings it back, but takes as long as a tenth of MXNet
    "distutils": types.SimpleNamespace(version=types.SimpleNamespace(StrictVersion=_version, LooseVersion=_version)),
}

# The DataLoader hands its data set to its workers in shared memory, which only copies of this process can open.
if sys.platform == "linux" and sys.version_info >= (3, 14):
    _INSTEAD["multiprocessing"] = _multiprocessing()

# Parts of MXNet for the files of other frameworks, and for the meaning of words. A statement imports each alone.
_PARTS = ("mxnet.contrib.onnx", "mxnet.contrib.text")


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    """Import for MXNet's modules: what ``__import__`` is for all others, with the same parameters.

    Each call of an operator imports something, by ``from ..numpy import``; that takes the shortest way through here.
    """
    if level == 0:
        library, *parts = name.split(".")
        if library in _INSTEAD and (library != "numpy" or not parts):
            if _INSTEAD[library] is None:
                raise ModuleNotFoundError(f"MXNet does without {library}", name=name)
            return functools.reduce(getattr, parts, _INSTEAD[library]) if fromlist else _INSTEAD[library]
    elif level == 1 and not name and (part := f"{globals['__name__']}.{fromlist[0]}") in _PARTS:
        package = sys.modules[globals["__name__"]]
        setattr(package, fromlist[0], _Later(part))
        return package
    return builtins.__import__(name, globals, locals, fromlist, level)


def _execute_part(loader, module):
    # Python looks up what the statement "import" calls among the module's builtins.
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
    loader.exec_module(module)
    if module.__name__ == "mxnet.base":  # which makes the functions
        internal_operators.postpone(module)


def _text(value):
    """Return the text of an operator's parameter, in which NumPy 2 would write np.int64(2) for a 2 within a tuple."""
    text = str(value)
    if "np." in text:
        with numpy.printoptions(legacy="1.25"):
            text = str(value)
    return text


def execute_mxnet(loader, module):
    """Carry out the import of MXNet.

    Parameters
    ----------
    loader : importlib.abc.Loader
        The loader that has found it.
    module : module
        The empty module mxnet, which is filled.

    Raises
    ------
    ImportError
        If an earlier import has failed half-way.
    """
    if any(name.startswith("mxnet.") for name in sys.modules):
        raise ImportError(
            "An earlier import of mxnet failed, and what it left in memory cannot be mended. Mend what it named, then "
            "restart the kernel (or Python)."
        )
    joining = sys.modules.get("d2lhelpers.cluster.joining")  # only in a run of several processes
    if joining and joining.current():
        joining.current().expect_servers()
    is_arm = (platform.system(), platform.machine()) == ("Linux", "aarch64")
    if is_arm:
        from . import arm

        arm.provide(module.__path__[0])
    finder = Finder(lambda name: name.startswith("mxnet."), _execute_part)
    sys.meta_path.insert(0, finder)
    # MXNet makes thousands of functions, and no garbage; to look for some again and again takes time.
    collects_garbage = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _KNOWN_WARNING, SyntaxWarning)
            _execute_part(loader, module)
    finally:
        if collects_garbage:
            gc.enable()
    module.onnx = _Later("mxnet.onnx")  # which mxnet.contrib.onnx would have imported

    # Parameters go to the engine as text, made by str in these modules.
    if _version(numpy.__version__) >= (2, 0):
        for part in (module._ctypes.ndarray, module._ctypes.symbol, module.symbol.symbol):
            part.str = _text

    if is_arm:
        from . import blas

        blas.check()

    # The book's code, its packages d2l and d2lzh included, chooses its figures' format with a function of this module.
    if "IPython.display" in sys.modules:
        _mend_display(sys.modules["IPython.display"])
    else:
        sys.meta_path.insert(0, Finder(lambda name: name == "IPython.display", _execute_display))


def _execute_display(loader, module):
    loader.exec_module(module)
    _mend_display(module)


def _mend_display(module):
    """Give back what IPython 7.23 to 8 warn of, and IPython 9 has no longer."""
    for name in ("set_matplotlib_formats", "set_matplotlib_close"):
        setattr(module, name, _of_matplotlib_inline(name))


def _of_matplotlib_inline(name):
    def function(*args, **kwargs):
        return getattr(importlib.import_module("matplotlib_inline.backend_inline"), name)(*args, **kwargs)

    function.__name__ = name
    function.__doc__ = f"As matplotlib_inline.backend_inline.{name}."
    return function
