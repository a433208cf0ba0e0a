"""Write the same first cell into every notebook: on Google Colab it installs what is missing; elsewhere it is idle.

The versions come from pyproject.toml, and so does the address of the repository, from its ``[project.urls]``. While
there is none, the environment variable ``D2L_SOURCE`` must name what pip installs d2lhelpers from. A machine that is
neither prepared nor Colab gets an error that says what to do; it is in English in all editions, as all errors are.
"""

import json
import re
import sys
from pathlib import Path

import nbformat
from notebook_paths import language_of, notebooks

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
COMMENTS = {  # what the cell is for; and, of a name in it, what this names
    "en": (
        "# For Google Colab only: on a machine that is prepared, this cell does nothing.\n"
        "# There it installs what is missing, and touches nothing else. In a notebook that was\n"
        "# downloaded by itself, it says how to get the whole collection.",
        "what pip makes d2lhelpers from",
    ),
    "zh": (
        "# 只为 Google Colab 准备：在已经装好的机器上，这个单元格什么也不做。\n"
        "# 在 Colab 上，它安装缺少的软件包，别的都不动。\n"
        "# 如果你只下载了这一个笔记本，它会告诉你怎样得到全套。",
        "pip 用它安装 d2lhelpers",
    ),
}
CELL = """\
{comment}
import importlib.util
import os

if not importlib.util.find_spec("d2lhelpers"):
    source = {source}  # {what}
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


def source(project, lock, language="en"):
    """Return the source of the cell.

    Parameters
    ----------
    project : dict
        The table ``[project]`` of pyproject.toml.
    lock : str
        The text of requirements.lock.
    language : str
        The name of that of the comments; they are in English if they have not been translated.
    """
    address = project.get("urls", {}).get("Repository")
    where = 'os.environ.get("D2L_SOURCE")'
    if address:  # of an unprepared machine that is not Colab, the learner is asked
        where += f' or ("COLAB_RELEASE_TAG" in os.environ and "git+{address}")'
    needed = [re.search(rf"^{name}==[\w.]+", lock, re.MULTILINE).group() for name in PACKAGES]
    lines = "\n".join(f"        {json.dumps(name)}," for name in needed)
    comment, what = COMMENTS.get(language, COMMENTS["en"])
    return CELL.format(comment=comment, what=what, source=where, how=HOW_TO_GET_ALL, needed=lines)


def from_repository(language="en"):
    """Return the source of the cell for this repository, with comments in a language."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return source(project, (ROOT / "requirements.lock").read_text(encoding="utf-8"), language)


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
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        write(notebook, from_repository(language_of(path)))
        nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
