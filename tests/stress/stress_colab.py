"""The notebooks, each alone in a folder, in an environment like Google Colab's: `make stress`."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import nbformat
import pytest
from test_containers import copied

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import first_cell  # noqa: E402
import notebook_paths  # noqa: E402

# Like what Colab has of all this: Python 3.12, NumPy 2, IPython 7.34, and the others of that time.
PYTHON = "3.12"
# fmt: off
PACKAGES = (
    "numpy==2.0.2", "pandas==2.2.2", "matplotlib==3.10.0", "matplotlib-inline==0.1.7", "scipy==1.16.1",
    "scikit-learn==1.6.1", "ipython==7.34.0", "ipykernel==6.17.1", "ipywidgets==7.7.1",
    "jupyter-client==7.4.9", "traitlets==5.7.1", "pyzmq==26.2.1", "tornado==6.4.2", "requests==2.32.4",
    "tqdm==4.67.1", "pooch==1.8.2", "graphviz==0.21", "setuptools==75.2.0", "pip==24.1.2",
)
# fmt: on


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """Build the environment, and return its folder."""
    uv = shutil.which("uv") or ROOT / ".uv" / "bin" / "uv"
    folder = tmp_path_factory.mktemp("colab")
    run(uv, "venv", "--python", PYTHON, folder)
    run(uv, "pip", "install", "--python", folder / "bin" / "python", *PACKAGES)
    spec = {"argv": [str(folder / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    (folder / "kernels" / "colab").mkdir(parents=True)
    (folder / "kernels" / "colab" / "kernel.json").write_text(
        json.dumps({**spec, "display_name": "Colab", "language": "python"})
    )
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Copy the repository, as a clone of it would be, for pip to install the package from."""
    folder = tmp_path_factory.mktemp("source")
    for path in copied(ROOT, "."):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


def installed(colab):
    return set(run(colab / "bin" / "python", "-m", "pip", "list", "--format=freeze").split())


def test_notebooks(colab, source, tmp_path):
    """Each gives the stored outputs; what the first cell has installed is missing before, and nothing else changes."""
    before = installed(colab)
    env = {**os.environ, "JUPYTER_PATH": str(colab), "D2L_SOURCE": str(source)}
    env["D2L_PROGRESS"] = str(tmp_path / "progress.txt")
    options = ["--nbval", "--nbval-kernel-name=colab", f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # not the options of the repository
    failed = {}
    for original in notebook_paths.notebooks():
        language = notebook_paths.language_of(original)
        path = tmp_path / language / original.stem / original.name
        path.parent.mkdir(parents=True)
        notebook = nbformat.read(original, as_version=4)
        first_cell.write(notebook, first_cell.from_repository(language))
        cell = next(cell for cell in notebook.cells if cell.id == first_cell.ID)
        cell.execution_count = None  # so that what pip says is not compared
        nbformat.write(notebook, path)
        report = tmp_path / f"{language}-{original.stem}.xml"
        command = [sys.executable, "-m", "pytest", "-c", tmp_path / "pytest.ini", *options, "-p"]
        command += ["no:cacheprovider", f"--junitxml={report}", path]
        done = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        if done.returncode:
            failed[f"{language}/{original.name}"] = done.stdout
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
        assert len(cases) == sum(cell.cell_type == "code" for cell in notebook.cells)
    added = {line.split("==")[0].split(" @")[0] for line in installed(colab) - before}
    assert (before - installed(colab), added) == (set(), {*first_cell.PACKAGES, "d2lhelpers"})
    assert not failed, "\n".join(failed.values())
