"""`make run`: it runs notebooks, ends in a table, and says which page to open."""

import base64
import importlib.util
import io
import re
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))  # where it finds its neighbours
SPEC = importlib.util.spec_from_file_location("run_notebooks", ROOT / "tools" / "run_notebooks.py")
run_notebooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run_notebooks)


@pytest.fixture
def run(monkeypatch, tmp_path, capfd):
    """Return a function that runs notebooks, given as name and lines of code, and returns status, output and errors."""
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")
    monkeypatch.setenv("D2L_PROGRESS", "")
    monkeypatch.chdir(tmp_path)

    def run(*options, **sources):
        for name, lines in sources.items():
            notebook = nbformat.v4.new_notebook()
            notebook.cells = [
                nbformat.v4.new_markdown_cell("[next](01_second.ipynb), [中文](zh/00_first.ipynb), [file](other.ipynb)")
            ]
            notebook.cells += [nbformat.v4.new_code_cell(line) for line in lines]
            path = tmp_path / f"{name}.ipynb"
            path.parent.mkdir(exist_ok=True)
            nbformat.write(notebook, path)
        monkeypatch.setattr(sys, "argv", ["run_notebooks.py", *options])
        status = run_notebooks.main()
        return (status, *capfd.readouterr())

    return run


def table(out):
    return [line.split() for line in out.strip().splitlines() if re.match(r"\w*/?\d\d_|notebook ", line)]


def test_all_is_well(run, tmp_path):
    status, out, _ = run(**{"00_first": ["print(6 * 7)"], "01_second": ["1", "2"]})
    assert status == 0
    header, *rows = table(out)
    assert header == ["notebook", "cells", "seconds", "ok"]
    assert [(name, cells, ok) for name, cells, _, ok in rows] == [
        ("00_first.ipynb", "1", "yes"),
        ("01_second.ipynb", "2", "yes"),
    ]
    page = tmp_path / re.fullmatch(r"Open (\S+) in a browser to read what came out\.", out.splitlines()[-1]).group(1)
    assert page == tmp_path / "build" / "00_first.html"
    text = page.read_text(encoding="utf-8")
    assert "42" in text
    assert 'href="01_second.html"' in text  # from page to page
    assert 'href="zh/00_first.html"' in text
    assert 'href="other.ipynb"' in text
    assert not nbformat.read(tmp_path / "00_first.ipynb", as_version=4).cells[1].outputs  # as it was


def test_an_error_is_told_before_the_table(run):
    status, out, err = run(**{"00_first": ["1"], "01_second": ["1", "raise ValueError('this one')", "3"]})
    assert status == 1
    assert [(row[0], row[3]) for row in table(out)[1:]] == [("00_first.ipynb", "yes"), ("01_second.ipynb", "no")]
    assert "01_second.ipynb: An error occurred" in err
    assert "this one" in err
    assert out.splitlines()[-1].startswith("Open build/00_first.html")


def test_where_outputs_are_stored_there_is_no_page(run, tmp_path):
    status, out, _ = run("--store", **{"00_first": ["print(6 * 7)"]})
    assert status == 0
    assert "Open" not in out
    assert nbformat.read(tmp_path / "00_first.ipynb", as_version=4).cells[1].outputs[0].text == "42\n"
    assert not (tmp_path / "build").exists()


COVER = """\
import base64, os
from IPython.display import Image, display
print(os.path.basename(os.getcwd()), os.environ.get("D2L_LANGUAGE"))
display(Image(data=base64.b64decode("iVBORw0KGgo="), format="png"))"""


def test_each_edition_has_a_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_LANGUAGE", "en")
    status, out, _ = run(**{"00_first": [COVER], "zh/00_first": [COVER], ".ipynb_checkpoints/00_first": ["1 / 0"]})
    assert status == 0
    assert [row[0] for row in table(out)[1:]] == ["00_first.ipynb", "zh/00_first.ipynb"]
    assert out.splitlines()[-1].startswith("Open build/00_first.html")
    for folder, name in ((tmp_path / "build", tmp_path.name), (tmp_path / "build" / "zh", "zh")):
        cells = nbformat.read(folder / "00_first.ipynb", as_version=4).cells
        assert cells[1].outputs[0].text == f"{name} None\n"  # its own folder, and no language but the one it chooses
        assert f"{name} None" in (folder / "00_first.html").read_text(encoding="utf-8")


def test_the_cover_is_stored_beside_its_notebook(run, tmp_path, monkeypatch):
    def tag(notebook, path, frames_into):
        notebook.cells[1].metadata["tags"] = ["cover"]
        return execute(notebook, path, frames_into)

    execute = run_notebooks.execute
    monkeypatch.setattr(run_notebooks, "execute", tag)
    status, _, _ = run("--store", **{"00_first": ["1"], "zh/00_first": [COVER]})
    assert status == 0
    assert not (tmp_path / "images").exists()
    assert (tmp_path / "zh" / "images" / "00_first.png").read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert not (tmp_path / "build").exists()


def test_a_notebook_from_elsewhere_has_its_copy_in_the_first_folder(run, tmp_path, monkeypatch):
    run(**{"00_first": ["1"]})
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    status, out, _ = run(str(tmp_path / "00_first.ipynb"))
    assert (status, table(out)[1][0]) == (0, "00_first.ipynb")


def notebook_with(*greys, version="3.10.9", cell_id="one"):
    """Return a notebook whose cell shows pictures: on white paper, a square of each grey."""
    cell = nbformat.v4.new_code_cell(id=cell_id)
    for grey in greys:
        picture, buffer, info = Image.new("RGB", (60, 40), "white"), io.BytesIO(), PngInfo()
        picture.paste((grey, grey, grey), (10, 10, 30, 30))
        info.add_text("Software", f"Matplotlib version{version}, https://matplotlib.org/")
        picture.save(buffer, format="png", pnginfo=info)
        data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": "<Figure>"}
        cell.outputs.append(nbformat.v4.new_output("display_data", data))
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text"), cell])


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        (notebook_with(101, 0), [True, True]),
        (notebook_with(0, 1), [False, True]),
        (notebook_with(1, 100), [False, False]),
        (notebook_with(101), [False]),
        (notebook_with(101, 0, version="3.11.2"), [False, False]),
        (notebook_with(101, 0, cell_id="two"), [False, False]),
    ],
)
def test_a_picture_that_has_not_changed_is_stored_byte_by_byte(new, kept):
    stored = notebook_with(100, 1)
    of_stored, of_new = ([output.data["image/png"] for output in each.cells[1].outputs] for each in (stored, new))
    run_notebooks.keep_pictures(new, stored)
    after = [output.data["image/png"] for output in new.cells[1].outputs]
    assert after == [
        old if keeps else drawn for old, drawn, keeps in zip(of_stored[: len(kept)], of_new, kept, strict=True)
    ]
