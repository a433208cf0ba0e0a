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
import sys, warnings
class Noisy:
    def find_spec(name, path, target=None):
        if name == "mxnet.gluon":
            warnings.warn("said during the import", DeprecationWarning)
sys.meta_path.insert(0, Noisy)
import mxnet
warnings.warn("invalid escape sequence", SyntaxWarning)
""",
        "-W",
        "always::DeprecationWarning:__main__",
    )
    for message in ("said during", "invalid escape sequence"):
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


@pytest.mark.parametrize("first", ["import mxnet", "from d2lhelpers import train"])
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
    {first}
except ImportError as error:
    assert str(error) == "not there"
else:
    raise AssertionError
assert {CHANGED} == set(), {CHANGED}
sys.meta_path.remove(Missing)
for statement in ("import mxnet", "import d2lhelpers; d2lhelpers.train"):
    try:
        exec(statement)
    except ImportError as error:
        assert "restart the kernel" in str(error), error
    else:
        raise AssertionError
""")


def test_other_libraries_see_numpy_as_it_is():
    """Before, while and after MXNet is imported, whichever of its own modules asks for them."""
    run("""
import sys, warnings, numpy
warnings.simplefilter("ignore")  # of NumPy 1.23, which has all the names still
names = {name for name in ("bool", "int", "PZERO", "trapz", "mirr", "compat") if not hasattr(numpy, name)}
seen = set()
class Watch:
    def find_spec(name, path, target=None):
        seen.add(name)
        assert not [each for each in names if hasattr(numpy, each)], name
sys.meta_path.insert(0, Watch)
import mxnet, d2l.mxnet
mxnet.image.imresize
assert {"mxnet.gluon", "numpy", "pandas"} & seen == {"mxnet.gluon", "pandas"}, seen
assert sys.modules["numpy"] is numpy
import numpy as again
assert again is numpy
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


def test_package_without_mxnet_and_numpy():
    """The program "python -m d2lhelpers" starts where they are missing; what needs them says what is missing."""
    run("""
import sys
sys.modules.update(mxnet=None, numpy=None)
import d2lhelpers
assert "train" in d2lhelpers.__all__
try:
    d2lhelpers.train
except ImportError:
    pass
else:
    raise AssertionError
""")


def test_import_leaves_out_what_mxnet_does_not_need():
    out, _ = run(
        f"""
import sys
import d2lhelpers
print([d2lhelpers.train, d2lhelpers.load_data, d2lhelpers.accuracy][:0])
print([name for name in {LEFT_OUT} if name in sys.modules])
import sklearn.base, scipy.sparse, scipy.stats
import mxnet
assert mxnet.model.FeedForward.__mro__[1:] == (object,)
assert isinstance(scipy.sparse, type(sys)) and scipy.stats.norm.cdf(0) == 0.5 and sklearn.base.BaseEstimator
""",
        "-W",
        "error::DeprecationWarning",
    )
    assert out == "[]\n[]\n"


# distutils is not among them: on CPython 3.10 and 3.11, setuptools has Python's start look after it.
LEFT_OUT = ("sklearn", "scipy", "requests", "setuptools", "matplotlib", "pandas", "d2l", "IPython")


def test_mxnet_does_without_setuptools():
    run("import sys; sys.modules.update(setuptools=None, distutils=None); import mxnet; mxnet.np.ones(2)")


@pytest.mark.parametrize("is_enabled", [True, False])
def test_collecting_garbage_is_left_as_it_was(is_enabled):
    start = "enable" if is_enabled else "disable"
    run(f"import gc; gc.{start}(); import mxnet; assert gc.isenabled() == {is_enabled}")


@pytest.mark.parametrize("statement", ["import mxnet.contrib.onnx as m", "from mxnet.contrib import text as m"])
def test_parts_that_are_imported_later_can_be_imported_first(statement):
    run(f"{statement}; assert len(dir(m)) > 9; import mxnet; assert mxnet.contrib.onnx.import_model")


def test_sparse_matrices_of_scipy():
    """MXNet takes and gives them, whether SciPy has been imported before it or after it."""
    code = """
import numpy as np
{}
dense = np.array([[0, 2, 0], [0, 0, 3]], "float32")
matrix = scipy.sparse.csr_matrix(dense)
for make in (mx.nd.sparse.csr_matrix, mx.nd.sparse.array, mx.nd.array):
    made = make(matrix)
    assert made.stype == "csr" and made.dtype == np.float32 and (made.asnumpy() == dense).all()
    back = made.asscipy()
    assert type(back) is scipy.sparse.csr_matrix and (back.toarray() == dense).all()
coo = mx.nd.sparse.csr_matrix(([2, 3], ([0, 1], [1, 2])), shape=(2, 3))
assert (coo.asnumpy() == dense).all()
assert mx.nd.array(dense).stype == "default"
"""
    for first in ("import mxnet as mx, scipy.sparse", "import scipy.sparse, mxnet as mx"):
        run(code.format(first), "-W", "error::DeprecationWarning")


def test_arrays_do_without_scipy():
    run("""
import sys
import mxnet as mx
assert mx.nd.array([[1, 2]]).sum() == 3
made = mx.nd.sparse.csr_matrix(([1.0], [0], [0, 1]), shape=(1, 2))
assert "scipy" not in sys.modules
sys.modules["scipy"] = None
try:
    made.asscipy()
except ModuleNotFoundError as error:
    assert "scipy" in str(error)
else:
    raise AssertionError
""")


def test_what_mxnet_has_at_hand_works_when_it_is_used():
    run(
        """
import collections, sys
import mxnet as mx, numpy as np
from mxnet.contrib import quantization
assert quantization.stats.entropy([0.5, 0.5], [0.5, 0.5]) == 0
assert mx.test_utils.ss.norm.ppf(0.5) == 0 and "scipy.stats" in sys.modules
assert mx.test_utils.rand_ndarray((4, 5), "csr", density=0.5).stype == "csr"
assert mx.gluon.utils.requests.get is __import__("requests").get
assert not hasattr(mx.gluon.utils.requests, "__path__")
mx.np.set_printoptions(precision=3)
assert not {"mxnet.onnx", "mxnet.contrib.onnx", "mxnet.contrib.text"} & set(sys.modules)
assert {"vocab", "embedding"} <= set(dir(mx.contrib.text))
assert mx.contrib.text.vocab.Vocabulary(collections.Counter("a")).to_indices("a") == 1
assert mx.contrib.onnx.import_model.__module__ == "mxnet.contrib.onnx" and mx.onnx.export_model
assert mx.contrib.text is sys.modules["mxnet.contrib.text"] and mx.onnx is sys.modules["mxnet.onnx"]
""",
    )


def test_a_library_that_mxnet_has_at_hand_is_not_mistaken_for_the_real_one():
    run("""
import mxnet, requests, scipy.stats, sys
assert requests is sys.modules["requests"] and requests.__file__ and scipy.__file__
assert mxnet.gluon.utils.requests is not requests
""")


@pytest.mark.parametrize("first", ["import IPython.display, mxnet", "import mxnet, IPython.display"])
def test_display_has_again_what_the_book_calls(first):
    """Of IPython 7.23 to 8 the functions warn, IPython 9 has them no longer."""
    run(
        f"""
import IPython.display
for name in ("set_matplotlib_formats", "set_matplotlib_close", "__getattr__"):
    vars(IPython.display).pop(name, None)
import sys
for name in [name for name in sys.modules if name.startswith("IPython")]:
    del sys.modules[name]
{first}
from IPython import display
display.set_matplotlib_formats("svg")
display.set_matplotlib_close(True)
assert display.HTML("<b>").data == "<b>"
import d2l.mxnet
d2l.mxnet.use_svg_display()
import mxnet
assert not mxnet.util.is_np_array() and not mxnet.util.is_np_shape()
""",
        "-W",
        "error::DeprecationWarning",
    )


def test_display_is_left_alone_without_mxnet():
    run("""
import IPython, IPython.display
if IPython.version_info >= (9,):
    assert not hasattr(IPython.display, "set_matplotlib_formats")
import d2lhelpers
if IPython.version_info >= (9,):
    assert not hasattr(IPython.display, "set_matplotlib_formats")
""")


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
