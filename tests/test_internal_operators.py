"""MXNet's internal operators are made when they are asked for, and are then what MXNet makes at its import."""

import inspect
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import d2lhelpers  # noqa: F401 - the tests need MXNet as it is with the package

import pytest
from mxnet import nd, symbol

MODULES = ["mxnet.ndarray._internal", "mxnet.ndarray.numpy._internal"]
MODULES += [name.replace("ndarray", "symbol") for name in MODULES]
# Describe all that there is, but for the addresses of the operators, which are other ones in each process.
DESCRIBE = """
import inspect, json, sys
import mxnet
def describe(function):
    code = function.__code__
    values = [repr(value) for value in code.co_consts if not inspect.iscode(value) and not isinstance(value, int)]
    texts = function.__doc__, function.__module__, function.__name__, str(inspect.signature(function))
    return [code.co_code.hex(), values, code.co_names, *texts]
MODULES = json.loads(sys.argv[1])
print(json.dumps([{name: describe(value) for name in dir(module) if inspect.isfunction(value := getattr(module, name))}
    for module in map(sys.modules.get, MODULES)]))
"""
AS_IT_WAS = "import d2lhelpers.internal_operators as made; made.postpone = lambda base: None"
COUNT = """
import inspect, sys
import mxnet, d2lhelpers
for name in MODULES:
    functions = [name for name, value in vars(sys.modules[name]).items() if inspect.isfunction(value)]
    print(len(functions), len(dir(sys.modules[name])))
"""


def run(code):
    command = [sys.executable, "-c", code, json.dumps(MODULES)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_they_are_what_mxnet_makes():
    before, after = (json.loads(run(first + DESCRIBE)) for first in (AS_IT_WAS, ""))
    for old, new in zip(before, after, strict=True):
        assert {name: value for name, value in new.items() if name not in ("__dir__", "__getattr__")} == old
    assert sum(map(len, before)) > 1200


def test_hardly_one_is_made_with_the_import():
    numbers = [list(map(int, line.split())) for line in run(f"MODULES = {MODULES}" + COUNT).splitlines()]
    assert len(numbers) == len(MODULES)
    for num_made, num_there in numbers:
        assert num_made < 20
        assert num_there > 200


@pytest.mark.parametrize("name", ["_plus_scalar", "_backward_Dropout"])
def test_one_that_is_asked_for_stays(name):
    internal = nd._internal
    vars(internal).pop(name, None)
    assert name in dir(internal)
    function = getattr(internal, name)
    assert vars(internal)[name] is getattr(internal, name) is function


def test_they_work():
    assert nd._internal._plus_scalar(nd.ones(2), scalar=2).asnumpy().tolist() == [3, 3]
    assert symbol._internal._plus_scalar(symbol.var("x"), scalar=2).list_arguments() == ["x"]
    everything = {}
    exec("from mxnet.ndarray._internal import *", everything)
    assert inspect.isfunction(everything["_plus_scalar"])


def test_one_that_there_is_not():
    with pytest.raises(AttributeError, match=r"^module 'mxnet\.ndarray\._internal' has no attribute '_plus_scalars'$"):
        _ = nd._internal._plus_scalars
    assert not hasattr(symbol.numpy._internal, "__path__")


def test_threads_that_ask_at_once_get_the_same():
    names = [name for name in dir(nd._internal) if name.startswith("_backward_")][:60]
    for name in names:
        vars(nd._internal).pop(name, None)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: (name, getattr(nd._internal, name)), names * 8))
    assert len({*found}) == len(names)
