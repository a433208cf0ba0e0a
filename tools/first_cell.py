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
CELL = """\
# On a prepared machine this does nothing. On Google Colab it installs what is missing, and touches nothing else.
import importlib.util
import os

if not importlib.util.find_spec("d2lhelpers"):
    source = {source}  # what pip makes d2lhelpers from
    if not source:
        raise ImportError(
            "this kernel's Python has no d2lhelpers. On your own machine, open the notebooks with `make lab`. On Google"
            " Colab, set os.environ['D2L_SOURCE'] to a folder or an address from which pip can install d2lhelpers, and"
            " run this cell again."
        )
    needed = {needed}
    missing = " ".join(name for name in needed if not importlib.util.find_spec(name.split("==")[0]))
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
    return CELL.format(source=where, needed=json.dumps(needed))


def from_repository():
    """Return the source of the cell for this repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return source(project, (ROOT / "requirements.lock").read_text(encoding="utf-8"))


def write(notebook, text):
    """Make the cell, which comes after the opening words, the first code cell of a notebook.

    Since it does nothing on a prepared machine, the stored outputs stay true; only the cells are numbered anew.
    """
    cells = [cell for cell in notebook.cells if cell.id != ID]
    first = next(number for number, cell in enumerate(cells) if cell.cell_type == "code")
    cell = nbformat.v4.new_code_cell(text, id=ID, metadata=METADATA)
    notebook.cells = [*cells[:first], cell, *cells[first:]]
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
