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
warnings.warn("distutils Version classes are deprecated", DeprecationWarning)
""",
        "-W",
        "always::DeprecationWarning:__main__",
    )
    for message in ("said during", "distutils Version classes are deprecated"):
        assert message in err


# The names in numpy that differ from `before`, apart from parts of NumPy that are loaded when they are first used.
CHANGED = """{
    name for name in before.keys() | vars(numpy).keys()
    if before.get(name, "none") is not vars(numpy).get(name, "none") and "numpy." + name not in sys.modules
}"""


def test_numpy_is_left_as_it_was_and_other_libraries_work_after_it():
    run(f"""
import sys, numpy
before = dict(vars(numpy))
import d2lhelpers, mxnet
mxnet.nd.ones((1,)).asscalar()
assert {CHANGED} == set(), {CHANGED}
import pandas, matplotlib.pyplot, scipy.stats, sklearn.linear_model
assert pandas.Series([1.0, 2.0]).mean() == 1.5
assert sklearn.linear_model.LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0]).predict([[2.0]]).round(6) == 5
""")


@pytest.mark.parametrize("first", ["mxnet", "d2lhelpers"])
def test_half_imported_mxnet(first):
    """NumPy is left as it was, and the next import says what to do."""
    run(f"""
import sys, numpy
class Missing:
    def find_spec(name, path, target=None):
        if name == "mxnet.gluon":
            raise ImportError("not there")
sys.meta_path.insert(0, Missing)
before = dict(vars(numpy))
try:
    import {first}
except (AttributeError, ImportError):
    pass
else:
    raise AssertionError
assert {CHANGED} == set(), {CHANGED}
sys.meta_path.remove(Missing)
try:
    import d2lhelpers
except ImportError as error:
    assert "Restart the kernel" in str(error) and "import d2lhelpers before mxnet" in str(error), error
else:
    raise AssertionError
""")


def test_other_libraries_see_numpy_as_it_is():
    """MXNet imports some of them itself, while numpy lends it names."""
    run("""
import sys, warnings, numpy
warnings.simplefilter("ignore")  # of NumPy 1.23, which has all the names still
names = {name for name in ("bool", "int", "PZERO", "trapz", "mirr", "compat") if not hasattr(numpy, name)}
seen = set()
class Watch:
    def find_spec(name, path, target=None):
        if not name.startswith(("mxnet", "numpy")):
            seen.add(name)
            assert not [each for each in names if hasattr(numpy, each)], name
sys.meta_path.insert(0, Watch)
import d2lhelpers
assert {"scipy", "sklearn", "pandas"} <= seen
""")


def test_a_name_that_numpy_has_is_not_replaced():
    run("""
import numpy
numpy.trapz = numpy.bool = mine = numpy.bool_
import d2lhelpers, mxnet
assert numpy.trapz is mxnet.np.trapz is mine
assert numpy.bool is mxnet.numpy.multiarray._np.bool is mine
""")


def test_names_that_mxnet_looks_up_when_it_is_used():
    """Functions that NumPy has no longer say so."""
    run(
        """
import d2lhelpers, mxnet as mx
mx.npx.set_np()
assert mx.np.full((2,), True).dtype == bool
a = mx.np.ones((2, 3))
a[True] = 2
assert a.sum() == 12 and a[True].shape == (1, 2, 3)
assert mx.np.pad(a, ((1, 1), (1, 1)), mode="constant").shape == (4, 5)
from mxnet.gluon.contrib.estimator.event_handler import EarlyStoppingHandler
EarlyStoppingHandler(mx.metric.MSE()).train_begin(None)
samples = [[0, 1] * 500, [0, 1]]
_, observed, expected = mx.test_utils.chi_square_check(lambda n: samples[0], [0, 1], [0.5, 0.5], nsamples=1000)
assert observed.tolist() == [500, 500]
try:
    mx.np.mirr([1, 2], 0.1, 0.1)
except NotImplementedError as error:
    assert "has no function mirr any more" in str(error), error
else:
    raise AssertionError
""",
        "-W",
        "error::DeprecationWarning:mxnet",
    )


def test_mxnet_first():
    """It works where NumPy still has all names; else an error says what to do."""
    run("""
failed = False
try:
    import mxnet
except AttributeError:
    failed = True
try:
    import d2lhelpers, mxnet
    assert not failed
    assert mxnet.base._np.bool
except ImportError as error:
    assert failed and "Restart the kernel" in str(error) and "import d2lhelpers before mxnet" in str(error), error
""")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python has distutils of its own")
def test_import_without_setuptools():
    run("""
import sys
sys.modules["setuptools"] = None
try:
    import d2lhelpers
except ImportError as error:
    assert "pip install setuptools" in str(error), error
else:
    raise AssertionError
""")


def test_package_without_mxnet_and_numpy():
    """The program "python -m d2lhelpers" starts where they are missing; an import says what is missing."""
    missing = "import sys; sys.modules.update(mxnet=None, numpy=None); "
    run(missing + "sys.argv = ['-m']; import d2lhelpers; assert 'train' in d2lhelpers.__all__")
    run(missing + "sys.argv = ['']\ntry: import d2lhelpers\nexcept ImportError: pass\nelse: raise AssertionError")


def test_import_leaves_drawing_and_tables_out():
    out, _ = run(
        """
import sys
sys.modules["sklearn"] = None  # MXNet imports it if it is there, and it imports pandas
import d2lhelpers
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
