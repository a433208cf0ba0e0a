import os
import subprocess
import sys

import d2lhelpers as dh

import pytest


def run(code, *options):
    """Run lines of Python in a process of their own, in which nothing is imported yet."""
    # An engine that was asked for announces itself on standard error, as it should.
    env = {name: value for name, value in os.environ.items() if name != "MXNET_ENGINE_TYPE"}
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_import_is_silent():
    assert run("import d2lhelpers, mxnet; mxnet.nd.ones((1,)).asscalar()", "-W", "always") == ("", "")


def test_import_leaves_the_filters_of_warnings_alone():
    run("""
import warnings
import numpy, tqdm  # they have filters of their own
before = list(warnings.filters)
import d2lhelpers
assert warnings.filters == before
""")


def test_other_warnings_are_still_heard():
    _, err = run(
        """
import builtins, warnings
real = builtins.__import__
def noisy(name, *args, **kwargs):
    if name == "mxnet":
        warnings.warn("said during the import", DeprecationWarning)
    return real(name, *args, **kwargs)
builtins.__import__ = noisy
import d2lhelpers.compat
builtins.__import__ = real
warnings.warn("`np.bool` is a deprecated alias", DeprecationWarning)
warnings.warn("distutils Version classes are deprecated", DeprecationWarning)
""",
        "-W",
        "always::DeprecationWarning:__main__",
    )
    for message in ("said during", "`np.bool` is a deprecated alias", "distutils Version classes are deprecated"):
        assert message in err


def test_import_without_the_alias_numpy_bool():
    """NumPy 1.24 to 1.26 has no numpy.bool, and MXNet 1.9.1 needs it."""
    run("""
import numpy
numpy_getattr = numpy.__getattr__
def without_bool(name):
    if name == "bool":
        raise AttributeError("module 'numpy' has no attribute 'bool'")
    return numpy_getattr(name)
numpy.__getattr__ = without_bool
assert not hasattr(numpy, "bool")
import d2lhelpers as dh
from mxnet import nd
assert dh.accuracy(nd.array([1]), nd.array([1])) == 1
assert (nd.array([1, 2]) > 1).asnumpy().tolist() == [0, 1]
assert numpy.bool is bool
""")


def test_import_leaves_drawing_and_tables_out():
    out, _ = run(
        """
import sys, d2lhelpers
print([name for name in ("matplotlib", "pandas", "d2l", "IPython") if name in sys.modules])
""",
        "-W",
        "error::DeprecationWarning",
    )
    assert out == "[]\n"


def test_import_d2l():
    """It gives IPython the function back that d2l calls, prints nothing, and switches no semantics on."""
    run(
        """
import IPython.display
IPython.display.__dict__.pop("set_matplotlib_formats", None)
IPython.display.__dict__.pop("__getattr__", None)
assert not hasattr(IPython.display, "set_matplotlib_formats")

import d2lhelpers, sys
d2lhelpers.plot
assert "d2l" in sys.modules and "matplotlib" in sys.modules

from d2lhelpers.compat import import_d2l
d2l = import_d2l()
assert d2l.__name__ == "d2l.mxnet" and import_d2l() is d2l

from matplotlib_inline.backend_inline import set_matplotlib_formats
assert IPython.display.set_matplotlib_formats is set_matplotlib_formats
d2l.use_svg_display()

import mxnet
assert not mxnet.util.is_np_array() and not mxnet.util.is_np_shape()
""",
        "-W",
        "error::DeprecationWarning:d2l",
    )


DATA = {"fashion_mnist_labels"}


@pytest.mark.parametrize("name", sorted(set(dh.__all__) - DATA))
def test_public_names_exist_and_are_documented(name):
    assert name in dir(dh)
    assert callable(getattr(dh, name))
    assert getattr(dh, name).__doc__


def test_public_names_are_sorted_and_complete():
    assert list(dh.__all__) == sorted(set(dh.__all__))
    ours = {
        name
        for name in dir(dh)
        if not name.startswith("_") and getattr(getattr(dh, name), "__module__", "").startswith("d2lhelpers.")
    }
    assert ours == set(dh.__all__) - DATA


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match=r"module 'd2lhelpers' has no attribute 'plots'"):
        dh.plots  # noqa: B018
    assert not hasattr(dh, "__wrapped__")
