"""Mends that let MXNet 1.9.1 and d2l 0.17.0 be imported today, each with the version that it is for.

Importing this module imports MXNet. Everything else in the package takes ``mxnet`` from where it always
is (``import mxnet``), because this module has run before; d2l is taken from `import_d2l`, since importing it
brings in pandas and matplotlib, which only drawing needs.
"""

import warnings

import numpy

# What MXNet 1.9.1 says while it is imported. None of it is news to a reader, and none of it is under a
# reader's control: it speaks of MXNet's own source. (category, start of the message)
_KNOWN_WARNINGS = (
    # NumPy 1.20 to 1.23: MXNet looks up the alias numpy.bool
    (DeprecationWarning, r"`np\.bool` is a deprecated alias"),
    # NumPy 1.20 to 1.23: MXNet looks up financial functions that NumPy still names, but no longer has
    (DeprecationWarning, r"In accordance with NEP 32"),
    # setuptools' and CPython 3.10's and 3.11's distutils: MXNet compares NumPy's version with it
    (DeprecationWarning, r"distutils Version classes are deprecated"),
    (DeprecationWarning, r"The distutils package is deprecated"),
)


def _import_mxnet():
    with warnings.catch_warnings():
        for category, message in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message, category)
        if not hasattr(numpy, "bool"):  # NumPy 1.24 to 1.26 has no such alias; MXNet needs it
            numpy.bool = bool
        import mxnet  # noqa: F401


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
