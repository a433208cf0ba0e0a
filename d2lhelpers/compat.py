"""Mends that let MXNet 1.9.1 and d2l 0.17.0 be imported today, each with the version that it is for.

Importing this module imports MXNet. Everything else in the package takes ``mxnet`` from where it always
is (``import mxnet``), because this module has run before; d2l is taken from `import_d2l`, since importing it
brings in pandas and matplotlib, which only drawing needs.
"""

import sys
import types
import warnings

import numpy

# What MXNet 1.9.1 takes from numpy, and newer versions of NumPy no longer have. Only MXNet gets these names; numpy
# itself is left as it is. A name that a version of NumPy has, whatever it means there, is never replaced.
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

# What is said while MXNet 1.9.1 is imported. None of it is news to a reader, and none of it is under a
# reader's control: it speaks of MXNet's own source. (category, start of the message)
_KNOWN_WARNINGS = (
    # setuptools' and CPython 3.10's and 3.11's distutils: MXNet compares NumPy's version with it
    (DeprecationWarning, r"distutils Version classes are deprecated"),
    (DeprecationWarning, r"The distutils package is deprecated"),
    # CPython 3.12 and newer, while it compiles MXNet's source: a part of a docstring
    (SyntaxWarning, r"invalid escape sequence"),
)


def _gone(name):
    """Return what stands for the function `name` that NumPy no longer has."""

    def gone(*args, **kwargs):
        raise NotImplementedError(f"NumPy {numpy.__version__} has no function {name} any more, so neither has MXNet.")

    gone.__name__ = name
    return gone


def _text(value):
    """Return the text of an operator's parameter, in which NumPy 2 would write np.int64(2) for a 2 within a tuple."""
    text = str(value)
    if "np." in text:
        with numpy.printoptions(legacy="1.25"):
            text = str(value)
    return text


def _import_mxnet():
    if "mxnet" not in sys.modules and any(name.startswith("mxnet.") for name in sys.modules):
        raise ImportError(
            "An earlier import of mxnet failed, and what it left in memory cannot be mended. "
            "Restart the kernel (or Python), and import d2lhelpers before mxnet."
        )
    if sys.version_info >= (3, 12):
        try:
            import setuptools  # noqa: F401 - provides distutils, which MXNet imports
        except ImportError:
            raise ImportError(
                "MXNet needs distutils, which CPython no longer has since 3.12, and setuptools provides: "
                "pip install setuptools"
            ) from None
    wanted = {**_VALUES, **{name: _gone(name) for name in _FUNCTIONS}}
    missing = {name: value for name, value in wanted.items() if name not in vars(numpy)}
    numpy_getattr = numpy.__getattr__

    def lend(name):
        # What MXNet imports meanwhile, SciPy for example, is to see numpy as it is.
        if name in missing and sys._getframe(1).f_globals.get("__name__", "").startswith("mxnet."):
            return missing[name]
        return numpy_getattr(name)

    numpy.__getattr__ = lend  # Python asks it for the names that numpy does not have
    try:
        with warnings.catch_warnings():
            for category, message in _KNOWN_WARNINGS:
                warnings.filterwarnings("ignore", message, category)
            import mxnet
    finally:
        numpy.__getattr__ = numpy_getattr

    # Some names MXNet looks up only when it is used. So it keeps a copy of numpy's namespace that has them.
    mended = types.ModuleType("numpy", numpy.__doc__)
    vars(mended).update({**vars(numpy), **missing})
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("mxnet."):
            for name, value in list(vars(module).items()):
                if value is numpy:
                    setattr(module, name, mended)

    # Parameters go to the engine as text, made by str in these modules.
    if int(numpy.__version__.split(".")[0]) >= 2:
        for module in (mxnet._ctypes.ndarray, mxnet._ctypes.symbol, mxnet.symbol.symbol):
            module.str = _text


def import_d2l():
    """Import the book's package in its MXNet edition.

    Returns
    -------
    module
        ``d2l.mxnet`` of d2l 0.17.0. Importing it does not switch on MXNet's NumPy semantics.

    Examples
    --------
    >>> import_d2l().Timer.__name__
    'Timer'
    """
    import IPython.display
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    # d2l calls IPython.display.set_matplotlib_formats: IPython 7.23 to 8 warn of it, IPython 9 has it no longer.
    IPython.display.set_matplotlib_formats = set_matplotlib_formats
    from d2l import mxnet as d2l

    return d2l


_import_mxnet()
