"""``import mxnet`` as the first word: in every kind of process, and with d2lhelpers installed in either way."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from jupyter_client.manager import run_kernel
from test_files import NEEDED

ROOT = Path(__file__).resolve().parent.parent
FIRST = [
    "import mxnet",
    "from mxnet import autograd, nd",
    "from mxnet.gluon.data import DataLoader",
    "import d2l.mxnet",
    "import mxnet.ndarray.sparse",
]
NO_HELPERS = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(command, folder, env=NO_HELPERS):
    """Run a command in an empty folder, so that Python finds d2lhelpers only where it is installed."""
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("first", FIRST)
def test_in_a_fresh_interpreter(tmp_path, first):
    code = f"{first}\nimport sys; print(sys.modules['mxnet'].nd.ones((2, 3)).sum().asscalar())"
    assert run([sys.executable, "-W", "error::DeprecationWarning", "-c", code], tmp_path) == (0, "6.0\n", "")


def test_in_a_script_and_its_subprocesses(tmp_path):
    (tmp_path / "script.py").write_text(
        "import multiprocessing, subprocess, sys\n"
        "def work(n):\n"
        "    import mxnet\n"
        "    return float(mxnet.nd.ones(n).sum().asscalar())\n"
        "if __name__ == '__main__':\n"
        "    subprocess.run([sys.executable, '-c', 'import mxnet'], check=True)\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work, [2, 3]))\n"
    )
    assert run([sys.executable, "script.py"], tmp_path) == (0, "[2.0, 3.0]\n", "")


def test_in_the_workers_of_a_data_loader(tmp_path):
    (tmp_path / "script.py").write_text(
        "from mxnet import gluon, nd\n"
        "def to_float(x): return x.astype('float32')\n"
        "if __name__ == '__main__':\n"
        "    data = gluon.data.ArrayDataset(nd.arange(2000).reshape((1000, 2)), nd.arange(1000))\n"
        "    loader = gluon.data.DataLoader(data.transform_first(to_float), 20, num_workers=4)\n"
        "    print(next(iter(loader))[0].shape)\n"  # the others are on their way when the next epoch begins
        "    print(sum(int(X.sum().asscalar() + y.sum().asscalar()) for X, y in loader))\n"
    )
    code, out, err = run([sys.executable, "-W", "ignore::DeprecationWarning", "script.py"], tmp_path)
    assert (code, out, err) == (0, "(20, 2)\n2498500\n", "")


def test_in_pytest(tmp_path):
    (tmp_path / "test_first.py").write_text("from mxnet import nd\ndef test(): assert nd.ones(3).sum() == 3\n")
    alone = [
        option
        for plugin in ("cacheprovider", "nbval", "xdist", "hypothesispytest")
        for option in ("-p", f"no:{plugin}")
    ]
    code, out, _ = run([sys.executable, "-m", "pytest", *alone, "test_first.py"], tmp_path)
    assert code == 0
    assert "1 passed" in out


def test_in_a_kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heard = []
    with run_kernel(kernel_name="python3", startup_timeout=120) as kernel:
        reply = kernel.execute_interactive(
            "from mxnet import autograd, nd; print(nd.ones(2).sum().asscalar())", timeout=120, output_hook=heard.append
        )
    assert reply["content"]["status"] == "ok", heard
    assert "2.0" in "".join(message["content"].get("text", "") for message in heard)


def test_looking_for_mxnet_imports_nothing(tmp_path):
    code = """
import importlib.util, sys
spec = importlib.util.find_spec("mxnet")
assert spec.name == "mxnet" and spec.submodule_search_locations and spec.origin.endswith("__init__.py")
assert spec.loader.get_source("mxnet") and spec.loader.is_package("mxnet")
assert not {"mxnet", "numpy", "d2lhelpers"} & set(sys.modules)
import mxnet
assert mxnet.__spec__.loader is mxnet.__loader__ and type(mxnet.__loader__).__module__.startswith("_frozen_importlib")
import importlib
importlib.reload(mxnet.name)
"""
    assert run([sys.executable, "-c", code], tmp_path) == (0, "", "")


def test_the_start_of_python_imports_nothing_for_it(tmp_path):
    """It is as good as free: one module more, which imports only what each Python has already."""
    code = "import sys; print(sorted(name for name in sys.modules if name.startswith(('d2l', 'numpy', 'importlib.'))))"
    out = run([sys.executable, "-c", code], tmp_path)[1]
    assert "'d2lhelpers_startup'" in out
    assert "numpy" not in out
    assert "'d2lhelpers'" not in out
    module = ROOT / "d2lhelpers_startup.py"
    lines = [
        line.strip()
        for line in module.read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(("import ", "from "))
    ]
    assert lines == ["import sys", "from d2lhelpers import compat"]


@pytest.mark.parametrize(
    ("broken", "words"),
    [("raise RuntimeError('a fault')", "RuntimeError: a fault"), ("import nothing", "No module named 'nothing'")],
)
def test_an_error_in_the_mends_is_told_when_mxnet_is_asked_for(tmp_path, broken, words):
    (tmp_path / "d2lhelpers").mkdir()
    (tmp_path / "d2lhelpers" / "__init__.py").write_text(broken)
    env = {**NO_HELPERS, "PYTHONPATH": str(tmp_path)}
    assert run([sys.executable, "-c", "import json, numpy; print(1)"], tmp_path, env) == (0, "1\n", "")
    code, _, err = run([sys.executable, "-c", "import mxnet"], tmp_path, env)
    assert code == 1
    assert err.splitlines()[-1].startswith("ImportError: d2lhelpers, which prepares this Python for MXNet, cannot be")
    assert words in err.splitlines()[-1]
    assert "pip uninstall d2lhelpers" in err


def test_without_mxnet_it_is_missing_as_always(tmp_path):
    code = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\nimport mxnet"
    assert run([sys.executable, "-c", code], tmp_path)[2].endswith("ModuleNotFoundError: No module named 'mxnet'\n")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Make an environment that has the libraries of this one, but not d2lhelpers; return its Python."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    # A folder that is named in a .pth file is searched, but its own .pth files are not run.
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder)[1].strip()
    Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.parametrize("options", [[], ["--editable"]], ids=["wheel", "editable"])
def test_pip_installs_and_removes_it(environment, tmp_path, options):
    source = tmp_path / "source"
    (source / "d2lhelpers").mkdir(parents=True)
    for path in [*(ROOT / "d2lhelpers").rglob("*"), *map(ROOT.joinpath, NEEDED)]:
        if path.is_file() and path.suffix != ".pyc":
            (source / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            (source / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    ask = "import sys; print([f for f in sys.meta_path if type(f).__module__ == 'd2lhelpers_startup'] != [])"
    first = "from mxnet import nd; import d2lhelpers; print(nd.ones(3).sum().asscalar(), d2lhelpers.__file__)"
    pip = [environment, "-m", "pip", "--disable-pip-version-check"]

    assert run([environment, "-c", ask], tmp_path) == (0, "False\n", "")
    code, _, err = run([*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", *options, source], tmp_path)
    assert code == 0, err
    assert run([environment, "-c", ask], tmp_path) == (0, "True\n", "")
    code, out, err = run([environment, "-c", first], tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith("3.0 ")
    assert (str(source) in out) == bool(options)
    code, _, err = run([*pip, "uninstall", "--yes", "d2lhelpers"], tmp_path)
    assert code == 0, err
    assert run([environment, "-c", ask], tmp_path) == (0, "False\n", "")
