"""The cell that prepares Google Colab: idle on a prepared machine, and true to the lock; `make stress` runs it."""

import importlib.util
import re
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import first_cell  # noqa: E402
import lint_chinese  # noqa: E402
import notebook_paths  # noqa: E402

LOCK = "mxnet==1.2 \\\n    --hash=sha256:0\nd2l==3.4 ; python_version > '3' \\\n    --hash=sha256:0\n" + "".join(
    f"{name}==5.6.7 \\\n" for name in first_cell.PACKAGES[2:]
)


def run(source, monkeypatch, present):
    """Run a cell where just the named packages are present, and return what it would have pip install, word by word."""
    calls = []
    shell = InteractiveShell.instance()
    shell.register_magic_function(lambda line: calls.append(line.split()), magic_name="pip")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: name in present or None)
        result = shell.run_cell(source)
    InteractiveShell.clear_instance()
    result.raise_error()
    assert result.result is None
    return calls


@pytest.fixture
def cell(monkeypatch):
    monkeypatch.setenv("D2L_SOURCE", "/somewhere")
    return first_cell.source({}, LOCK)


def test_on_a_prepared_machine_nothing_happens(cell, monkeypatch, capfd):
    assert run(cell, monkeypatch, {"d2lhelpers"}) == []
    assert capfd.readouterr() == ("", "")


def test_what_is_missing_is_installed_without_what_it_requires(cell, monkeypatch):
    (words,) = run(cell, monkeypatch, set())
    assert words[:4] == ["install", "--quiet", "--no-deps", "/somewhere"]
    assert [word.split("==")[0] for word in words[4:]] == [*first_cell.PACKAGES]
    assert words[4:6] == ["mxnet==1.2", "d2l==3.4"]


def test_what_is_there_is_left_alone(cell, monkeypatch):
    (words,) = run(cell, monkeypatch, set(first_cell.PACKAGES) - {"d2l"})
    assert words[3:] == ["/somewhere", "d2l==3.4"]


@pytest.mark.parametrize("release", [None, "release-colab_20260101"])
def test_without_an_address_the_environment_must_name_one(cell, monkeypatch, release):
    monkeypatch.delenv("D2L_SOURCE")
    if release:
        monkeypatch.setenv("COLAB_RELEASE_TAG", release)
    with pytest.raises(ImportError, match=r"no d2lhelpers.*make lab.*D2L_SOURCE"):
        run(cell, monkeypatch, set())


def test_the_address_is_the_one_of_the_project(monkeypatch):
    cell = first_cell.source({"urls": {"Repository": "https://example.org/us/notes"}}, LOCK)
    monkeypatch.delenv("D2L_SOURCE", raising=False)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_20260101")
    (words,) = run(cell, monkeypatch, set())
    assert words[3] == "git+https://example.org/us/notes"


def test_elsewhere_than_on_colab_nothing_is_installed_unasked(monkeypatch):
    cell = first_cell.source({"urls": {"Repository": "https://example.org/us/notes"}}, LOCK)
    monkeypatch.delenv("D2L_SOURCE", raising=False)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    with pytest.raises(ImportError, match="make lab"):
        run(cell, monkeypatch, set())


def test_only_its_comments_are_translated():
    languages = ("en", "zh", "tlh")
    cells = {language: first_cell.from_repository(language) for language in languages}
    assert cells["tlh"] == cells["en"] != cells["zh"]
    without = {re.sub("#.*", "", cell) for cell in cells.values()}
    assert len(without) == 1
    assert [bool(re.search("[\u4e00-\u9fff]", comment)) for comment in re.findall("#.*", cells["zh"])] == [True] * 4
    assert lint_chinese.mended(cells["zh"], "code") == cells["zh"]


def test_it_is_written_into_the_notebooks_of_all_editions(monkeypatch, tmp_path):
    for folder in (tmp_path, tmp_path / "zh"):
        folder.mkdir(exist_ok=True)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")])
        nbformat.write(notebook, folder / "00_first.ipynb")
    monkeypatch.setattr(first_cell, "notebooks", lambda: notebook_paths.notebooks(tmp_path))
    monkeypatch.setattr(first_cell, "language_of", lambda path: notebook_paths.language_of(path, tmp_path))
    first_cell.main()
    for language, folder in (("en", tmp_path), ("zh", tmp_path / "zh")):
        cells = nbformat.read(folder / "00_first.ipynb", as_version=4).cells
        assert [cell.source for cell in cells] == ["# Title", first_cell.from_repository(language)]


def test_it_is_written_once_after_the_opening_words():
    notebook = nbformat.v4.new_notebook()
    result = nbformat.v4.new_output("execute_result", {"text/plain": "3"}, execution_count=1)
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_markdown_cell("Click into the next cell."),
        nbformat.v4.new_code_cell("1 + 2", execution_count=1, outputs=[result]),
    ]
    first_cell.write(notebook, "old")
    first_cell.write(notebook, "new")
    title, cell, text, sum_ = notebook.cells
    assert [c.source for c in (title, cell, text, sum_)] == ["# Title", "new", "Click into the next cell.", "1 + 2"]
    assert (cell.execution_count, sum_.execution_count, sum_.outputs[0].execution_count) == (1, 2, 2)
    assert cell.outputs == []


def test_nobody_is_sent_into_it():
    """The text before it is the opening words; the one that sends a reader into the next cell stands before another."""
    for path in notebook_paths.notebooks():
        cells = nbformat.read(path, as_version=4).cells
        assert cells[0].cell_type == "markdown"
        assert "next cell" not in cells[0].source
        assert "下一个单元格" not in cells[0].source
        assert cells[1].id == first_cell.ID


@pytest.mark.parametrize("path", notebook_paths.notebooks(), ids=notebook_paths.name_of)
def test_every_notebook_has_it(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    expected = first_cell.from_repository(notebook_paths.language_of(path))
    assert cells[0].source == expected, "run tools/first_cell.py"
    assert cells[0].metadata == first_cell.METADATA
    assert cells[0].outputs == []
