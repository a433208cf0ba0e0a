"""What the pages of the book need from the notebooks; `make book` checks the rest."""

import nbformat
import pytest
from test_notebooks import PATHS

FIGURES = [
    pytest.param(cell, id=f"{path.stem}-{cell.id}")
    for path in PATHS
    for cell in nbformat.read(path, as_version=4).cells
    if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
]


@pytest.mark.parametrize("cell", FIGURES)
def test_figure_has_a_text_for_those_who_cannot_see_it(cell):
    text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    assert len(text.split()) >= 10, f"describe the figure in the metadata of {cell.id}: mystnb.image.alt"
    assert "$" not in text  # nobody typesets it
    assert text.endswith(".")


def test_figures_do_not_share_a_text():
    texts = [figure.values[0].metadata.mystnb.image.alt for figure in FIGURES]
    assert len(set(texts)) == len(texts)
