"""Write the same first cell into every notebook: on Google Colab it installs what is missing; elsewhere it is idle.

The versions come from pyproject.toml, and so does the address of the repository, from its ``[project.urls]``. While
there is none, the environment variable ``D2L_SOURCE`` must name what pip installs d2lhelpers from. A machine that is
neither prepared nor Colab gets an error that says what to do.
"""

import json
import re
import sys
from pathlib import Path

import nbformat

try:
    import tomllib
except ModuleNotFoundError:  # CPython 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
ID = "on-colab"
PACKAGES = ("mxnet", "d2l", "anywidget", "psygnal")  # what the notebooks need and Colab does not have
METADATA = {"jupyter": {"source_hidden": True}, "tags": ["remove-cell"]}  # folded in JupyterLab, left out of the book
HOW_TO_GET_ALL = (  # the same words as on the front page of the book
    "Download d2l-chapter3.zip and unpack it, or clone the repository.",
    "There, `make lab` opens the notebooks, and `make test` proves them.",
)
CELL = """\
# For Google Colab only: on a machine that is prepared, this cell does nothing.
# There it installs what is missing, and touches nothing else. In a notebook that was
# downloaded by itself, it says how to get the whole collection.
import importlib.util
import os

if not importlib.util.find_spec("d2lhelpers"):
    source = {source}  # what pip makes d2lhelpers from
    if not source:
        raise ImportError(
            "this Python has no d2lhelpers, the package that comes with the notebooks."
            " {how[0]}"
            " {how[1]}"
            " On Google Colab, set os.environ['D2L_SOURCE'] to a folder or an address"
            " from which pip can install d2lhelpers, and run this cell again."
        )
    needed = [
{needed}
    ]
    names = {{name.split("==")[0]: name for name in needed}}
    absent = [name for name in names if not importlib.util.find_spec(name)]
    missing = " ".join(names[name] for name in absent)
    %pip install --quiet --no-deps {{source}} {{missing}}"""


def source(project, lock):
    """Return the source of the cell.

    Parameters
    ----------
    project : dict
        The table ``[project]`` of pyproject.toml.
    lock : str
        The text of requirements.lock.
    """
    address = project.get("urls", {}).get("Repository")
    where = 'os.environ.get("D2L_SOURCE")'
    if address:  # of an unprepared machine that is not Colab, the learner is asked
        where += f' or ("COLAB_RELEASE_TAG" in os.environ and "git+{address}")'
    needed = [re.search(rf"^{name}==[\w.]+", lock, re.MULTILINE).group() for name in PACKAGES]
    lines = "\n".join(f"        {json.dumps(name)}," for name in needed)
    return CELL.format(source=where, how=HOW_TO_GET_ALL, needed=lines)


def from_repository():
    """Return the source of the cell for this repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return source(project, (ROOT / "requirements.lock").read_text(encoding="utf-8"))


def write(notebook, text):
    """Put the cell after a notebook's opening words, where no text sends a reader into the next cell.

    Since it does nothing on a prepared machine, the stored outputs stay true; only the cells are numbered anew.
    """
    cells = [cell for cell in notebook.cells if cell.id != ID]
    cell = nbformat.v4.new_code_cell(text, id=ID, metadata=METADATA)
    notebook.cells = [cells[0], cell, *cells[1:]]
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        for output in [cell, *cell.outputs]:
            if "execution_count" in output:
                output.execution_count = number


def main():
    """Write the cell into all notebooks of the repository."""
    text = from_repository()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        write(notebook, text)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
