"""Frames of figures with sliders: how they are drawn, and that they are those of the stored notebooks."""

import base64
import doctest
import io
import json
import sys
from pathlib import Path

import ipywidgets as widgets
import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

import frames  # noqa: E402
import run_notebooks  # noqa: E402
from notebook_paths import language_of, name_of, notebooks  # noqa: E402

NOTEBOOK = """
import d2lhelpers as dh, ipywidgets as widgets, matplotlib.pyplot as plt
figure, ax = plt.subplots(figsize=(2, 1))
bars = ax.bar([0, 1], [0.5, 0])
ax.set_ylim(0, 1)
def update(left, right):
    for bar, height in zip(bars, (left, right)):
        bar.set_height(height)
    return list(bars)
options = dict(min=0, max=1, step=0.25, readout_format=".1f")
dh.explore(figure, update, left=widgets.FloatSlider(0.5, **options), right=widgets.FloatSlider(0, **options))
"""


def test_examples():
    results = doctest.testmod(frames)
    assert results.attempted >= 4
    assert results.failed == 0


def test_position_where_a_slider_begins_is_one_of_them():
    for value in (0.3, 0.25, 0):
        places = frames.positions(widgets.FloatSlider(value, min=0, max=1, step=0.05))
        assert [at for at, _ in places if abs(at - value) < 1e-9] == [value]
        assert places == sorted(places)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return the folder of the frames of a notebook with two sliders and paper, stored; beside it is the notebook."""
    folder = tmp_path_factory.mktemp("stored")
    path = folder / "01_bars.ipynb"
    paper = "dh.explore(plt.figure(figsize=(1, 1)), lambda drawing: [], drawing=dh.DrawingPad())"
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{place}") for place, source in enumerate([NOTEBOOK, paper, "1 + 1"])
    ]
    nbformat.write(notebook, path)
    gone = folder / "frames" / "en" / "01_bars" / "cell-of-yesterday"
    gone.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("D2L_PROGRESS", "")  # a run of notebooks sets the one and removes the other
        patch.delenv("D2L_LANGUAGE", raising=False)
        patch.setattr(run_notebooks, "NOTEBOOKS", folder)
        patch.setattr(run_notebooks, "FRAMES", folder / "frames")
        patch.setattr(sys, "argv", ["run_notebooks.py", "--store", str(path)])
        assert run_notebooks.main() == 0
    assert not gone.exists()
    return gone.parent


def test_each_slider_has_frames_and_the_others_stand_where_they_begin(stored):
    assert [path.name for path in stored.iterdir()] == ["cell-0"]
    assert json.loads((stored / "cell-0" / "sliders.json").read_text()) == [
        {"label": "left", "values": ["0.0", "0.2", "0.5", "0.8", "1.0"], "start": 2},
        {"label": "right", "values": ["0.0", "0.2", "0.5", "0.8", "1.0"], "start": 0},
    ]
    files = sorted(path.stem for path in (stored / "cell-0").glob("*.webp"))
    assert files == ["0-0", "0-1", "0-3", "0-4", "1-1", "1-2", "1-3", "1-4"]

    def blue(name):  # the share of the picture's left and right half that is the bars'
        pixels = np.asarray(Image.open(stored / "cell-0" / f"{name}.webp").convert("RGB")).astype(int)
        return [(half[..., 2] - half[..., 0] > 80).mean() for half in np.array_split(pixels, 2, axis=1)]

    lefts, rights = zip(*map(blue, ["0-0", "0-1", "0-3", "0-4"]), strict=True)
    assert lefts[0] < lefts[1] < lefts[2] < lefts[3]
    assert max(rights) < 0.02
    lefts, rights = zip(*map(blue, ["1-1", "1-2", "1-3", "1-4"]), strict=True)
    assert rights[0] < rights[1] < rights[2] < rights[3]
    assert np.ptp(lefts) < 0.02


def test_notebook_keeps_nothing_of_it(stored):
    notebook = nbformat.read(stored.parents[2] / "01_bars.ipynb", as_version=4)
    assert [cell.id for cell in notebook.cells] == ["cell-0", "cell-1", "cell-2"]
    assert frames.WIDGET not in notebook.cells[0].outputs[0]["data"]


def figures_with_sliders():
    for path in notebooks():
        folder = ROOT / "book" / "frames" / language_of(path) / path.stem
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "Slider(" in cell.source:
                (output,) = [output for output in cell.outputs if "image/png" in output.get("data", {})]
                yield pytest.param(cell, output, folder, id=name_of(path))


@pytest.mark.parametrize(("cell", "output", "folder"), [*figures_with_sliders()])
def test_frames_are_of_the_stored_notebook(cell, output, folder):
    """Each differs from the picture in the notebook, but only in what moves; and it has each slider, by its name."""
    assert [path.name for path in folder.iterdir()] == [cell.id]
    sliders = json.loads((folder / cell.id / "sliders.json").read_text(encoding="utf-8"))
    names = output["data"]["text/plain"].split("\n")[0]
    assert [slider["label"] for slider in sliders if slider["label"] not in names] == []
    assert len(sliders) == "".join(cell.source).count("Slider(")
    expected = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("L").reduce(2)
    for number, slider in enumerate(sliders):
        for place in range(len(slider["values"])):
            path = folder / cell.id / f"{number}-{place}.webp"
            assert path.exists() == (place != slider["start"])
            if path.exists():
                frame = Image.open(path).convert("L")
                assert frame.size == expected.size
                differing = np.abs(np.asarray(frame, int) - np.asarray(expected, int)) > 60
                assert 0.0001 < differing.mean() < 0.2, path.name
