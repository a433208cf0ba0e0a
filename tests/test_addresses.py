"""What needs a public address takes it from ``[project.urls]``, and is left out while there is none there."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

try:
    import tomllib
except ModuleNotFoundError:  # CPython 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
from notebook_paths import name_of, notebooks  # noqa: E402 - the folder of tools has to be named first

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("book/*.md")])
# "git clone ADDRESS" names none: the reader puts in the one that they know.
NEEDS_ADDRESS = re.compile(
    r"git clone(?! ADDRESS\b)|mybinder\.org|colab\.research\.google|shields\.io|badge|codespaces\.new"
)
EXPLAINED = re.compile(r"ADDRESS is the address under which you found|ADDRESS 就是你找到这个仓库的地址")


def out_of_place(text, address):
    """Return the lines that need an address and do not have the repository's, which may be None."""
    path = None if address is None else address.split("://")[1].split("/", 1)[1].removesuffix(".git")
    return [line for line in text.splitlines() if NEEDS_ADDRESS.search(line) and (path is None or path not in line)]


def left_out(readme, address):
    """Return what the README must have if there is an address, and does not have."""
    if address is None:
        return []
    needed = [f"git clone {address}", "https://mybinder.org/", "https://colab.research.google.com/"]
    return [text for text in needed if text not in readme]


CLONE = "git clone https://example.org/us/notes"
BINDER = "[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/us/notes/HEAD)"
COLAB = "[Colab](https://colab.research.google.com/github/us/notes/blob/main/a.ipynb)"


@pytest.mark.parametrize("line", [CLONE, BINDER, COLAB, "![passing](https://img.shields.io/us/notes)"])
@pytest.mark.parametrize(
    ("address", "is_out"),
    [(None, True), ("https://example.org/us/notes", False), ("https://example.org/them/others", True)],
)
def test_the_check_itself(line, address, is_out):
    assert out_of_place(f"a line\n{line}\n", address) == ([line] if is_out else [])


def test_an_address_that_the_reader_fills_in_is_no_address():
    assert out_of_place("git clone ADDRESS d2l-chapter3", None) == []
    assert out_of_place("git clone ADDRESSES", None) == ["git clone ADDRESSES"]


def test_the_check_of_what_is_left_out():
    address = "https://example.org/us/notes"
    assert left_out("", None) == []
    assert left_out(f"{CLONE}\n{BINDER}\n{COLAB}\n", address) == []
    assert left_out(f"{BINDER}\n{COLAB}\n", address) == [CLONE]
    assert len(left_out("", address)) == 3


@pytest.fixture(scope="module")
def address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


def test_readme_has_all_that_an_address_allows(address):
    assert left_out((ROOT / "README.md").read_text(encoding="utf-8"), address) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_documents(path, address):
    text = path.read_text(encoding="utf-8")
    assert out_of_place(text, address) == []
    assert "git clone ADDRESS" not in text or EXPLAINED.search(" ".join(text.split()))
    assert address is None or "ADDRESS" not in text


@pytest.mark.parametrize("path", notebooks(), ids=name_of)
def test_notebooks(path, address):
    for cell in nbformat.read(path, as_version=4).cells:
        assert out_of_place(cell.source, address) == []
