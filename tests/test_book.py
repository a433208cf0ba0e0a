"""What the pages of the book need from the notebooks; `make book` and the tests in a browser check the rest."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
sys.path.append(str(ROOT / "book"))

import chapters  # noqa: E402
import first_cell  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
CHAPTERS = [path for path in PATHS if not path.name.startswith("00")]
EDITIONS = [NOTEBOOKS, *sorted({path.parent for path in NOTEBOOKS.glob("[a-z]*/[0-9]*.ipynb")})]
FIGURES = [
    pytest.param(cell, id=f"{path.parent.name}-{path.stem}-{cell.id}")
    for folder in EDITIONS
    for path in sorted(folder.glob("[0-9]*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
]


def words(text):
    """Count the words of a text; three Chinese characters, with no blanks between them, count as two."""
    chinese = re.findall(r"[\u4e00-\u9fff]", text)
    return 2 * len(chinese) // 3 or len(text.split())


@pytest.mark.parametrize("cell", FIGURES)
def test_figure_has_a_text_for_those_who_cannot_see_it(cell):
    text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    assert words(text) >= 10, f"describe the figure in the metadata of {cell.id}: mystnb.image.alt"
    assert "$" not in text  # nobody typesets it
    assert text.endswith((".", "。"))


def test_figures_do_not_share_a_text():
    texts = [figure.values[0].metadata.mystnb.image.alt for figure in FIGURES]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("cell", FIGURES)
def test_figure_has_a_title_that_is_its_caption(cell):
    (output,) = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    assert words(chapters.takeaway(output)) >= 4


def test_box_has_the_words_of_the_first_cell():
    text = (ROOT / "book" / "get.md").read_text(encoding="utf-8")
    shown = " ".join(re.sub(r"<.*?>", "", text).split())
    for sentence in first_cell.HOW_TO_GET_ALL:
        assert sentence in shown


def test_every_chapter_says_which_sections_of_the_book_it_follows():
    assert list(chapters.SECTIONS) == [path.stem[:2] for path in CHAPTERS]


@pytest.mark.parametrize("folder", EDITIONS, ids=lambda folder: folder.name)
def test_map_has_every_chapter_with_the_picture_and_the_line_of_start_here(folder):
    text = chapters.chapter_map(folder)
    cells = nbformat.read(folder / PATHS[0].name, as_version=4).cells
    start = "".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for path, entry in zip(CHAPTERS, text.split("\n- ")[1:], strict=True):
        assert f"](images/{path.stem}.png)]({path.name})" in entry
        assert f"[]({path.name})" in entry
        line = entry.strip().splitlines()[-1].split(" *Section")[0].strip()
        assert words(line) > 5
        assert f"| {line} |" in start


def as_shown(name, *cells, **settings):
    """Return the cells of a notebook as the book shows them."""
    source = [json.dumps({"cells": [{"metadata": {}, "cell_type": "code", **cell} for cell in cells]})]
    chapters.show(None, name, source, **settings)
    return json.loads(source[0])["cells"]


def figure(text):
    return {"outputs": [{"data": {"image/png": "iVBORw0KGgo=", "text/plain": text}}]}


TITLE = {"cell_type": "markdown", "source": ["# Catch a cold\n", "\n", "Words."]}


def test_title_has_the_number_of_the_file_and_the_sections_of_the_book():
    (title,) = as_shown("02_colds", TITLE)
    assert title["source"].startswith("# 02 Catch a cold\n\n{.sections}\nSection 3.3 of *Dive into Deep Learning*")
    assert title["source"].endswith("\n\nWords.")
    assert as_shown("00_colds", TITLE)[0]["source"] == "# 00 Catch a cold\n\nWords."


def test_links_to_files_of_the_repository_lead_to_a_page():
    words = {
        "cell_type": "markdown",
        "source": ["[a](../data/README.md)\n", "[b](../../data/README.md) [c](01_a.ipynb)"],
    }
    _, shown = as_shown("02_colds", TITLE, words)
    assert shown["source"] == "[a](#d2lhelpers.load_digits)\n[b](#d2lhelpers.load_digits) [c](01_a.ipynb)"


@pytest.mark.parametrize("folder", EDITIONS, ids=lambda folder: folder.name)
def test_files_that_a_reader_may_open_are_links(folder):
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        text = "\n".join(
            cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
        )
        links = re.sub(r"\[[^\]]*\]\([^)]*\)", "", text)
        assert re.findall(r"`[\w/]+\.(?:md|ipynb)`", links) == []


def test_figures_are_numbered_and_their_captions_are_their_titles():
    _, first, _, second, third = as_shown(
        "02_colds",
        TITLE,
        figure(["<Figure size 100x100 with 1 Axes>\n", "Colds are\n", "caught."]),
        {"outputs": [{"data": {"text/plain": ["no figure\n", "at all"]}}]},
        {**figure("<Figure size 100x100 with 1 Axes>"), "metadata": {"mystnb": {"image": {"alt": "A cold."}}}},
        figure("figure that changes with: rate\nA cold goes."),
    )
    assert first["metadata"]["mystnb"] == {"figure": {"caption": "**Figure 02.1** [Colds are caught.]{.takeaway}"}}
    assert second["metadata"]["mystnb"] == {
        "image": {"alt": "A cold."},
        "figure": {"caption": "**Figure 02.2**"},
    }
    caption = third["metadata"]["mystnb"]["figure"]["caption"]
    assert caption.startswith("**Figure 02.3** [A cold goes.]{.takeaway} In the notebook it changes with: rate.")


def test_figure_with_frames_has_sliders_below_it(tmp_path):
    folder = tmp_path / "02_colds" / "colds-01"
    folder.mkdir(parents=True)
    described = [{"label": "rate < 1", "values": ["0.1", "0.5"], "start": 1}]
    (folder / "sliders.json").write_text(json.dumps(described), encoding="utf-8")
    moving = figure("figure that changes with: rate\nA cold goes.")
    cells = as_shown("02_colds", TITLE, {"id": "colds-01", **moving}, {"id": "colds-02", **moving}, frames=tmp_path)
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "markdown", "code"]
    assert cells[2]["source"].startswith("```{raw} html\n")
    assert 'data-frames="_static/02_colds/colds-01"' in cells[2]["source"]
    assert """rate &lt; 1 <input type="range" max="1" value="1" """ in cells[2]["source"]
    assert "<output>0.5</output>" in cells[2]["source"]
    said = [cell["metadata"]["mystnb"]["figure"]["caption"].rsplit(": rate. ")[1] for cell in (cells[1], cells[3])]
    assert said == ["Here each has a few steps.", "Here it is as it begins."]


def test_pages_that_are_no_notebooks_stay_as_they_are():
    source = ["# Install\n"]
    chapters.show(None, "install", source)
    assert source == ["# Install\n"]
