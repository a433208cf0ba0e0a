"""Figures in notebooks are compared: faults that a reader would see are found, and what no one sees is not."""

import base64
import functools
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from itertools import combinations
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers.figures import chapter05, chapter07

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import test_figures_01_to_04 as first
import test_figures_05_to_09 as second
from matplotlib.collections import PathCollection
from matplotlib.transforms import ScaledTranslation
from nbclient import NotebookClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import pictures  # noqa: E402 - the folder of tools has to be named first

# Figures of the chapters, of each kind: lines, clouds of points, markers, and a figure for sliders.
FIGURES = {name: lambda name=name: first.draw(name) for name in ("two_knobs", "arrival", "prices")}
FIGURES |= {
    draw.__name__: lambda draw=draw: second.figure_of(draw) for draw in (chapter05.degrees, chapter07.step_sizes)
}
all_figures = pytest.mark.parametrize("name", FIGURES)
# One of each kind: drawing and comparing are most of this file's time.
one_of_each_kind = pytest.mark.parametrize("name", ["two_knobs", "arrival", "prices"])


@pytest.fixture(autouse=True)
def no_figures_are_left():
    yield
    plt.close("all")


def picture_of(figure):
    """Draw a figure as a notebook does."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * figure.dpi, bbox_inches="tight")
    return Image.open(buffer)


@functools.cache
def as_it_is(name, language="en"):
    """Draw one of the figures, unchanged, once for all tests."""
    return picture_of(figure_in(name, language))


def figure_in(name, language):
    dh.set_language(language)
    try:
        return FIGURES[name]()
    finally:
        dh.set_language("en")


def version_of_the_stored():
    """Return which matplotlib has drawn the figures that are stored in the notebooks."""
    notebook = nbformat.read(ROOT / "notebooks" / "02_linear_regression_gluon.ipynb", as_version=4)
    (data, form), *_ = pictures.of_outputs([output for cell in notebook.cells for output in cell.get("outputs", [])])
    return pictures.drawn_by(pictures.decode(data[form]))


def curves(figure):
    """Return the curves and the clouds of points, each with its axes."""
    found = []
    for ax in figure.axes:
        found += [(ax, line) for line in ax.lines if len(line.get_xdata()) > 2]
        found += [(ax, cloud) for cloud in ax.collections if isinstance(cloud, PathCollection)]
    return found


def move(figure, number, across, up):
    """Move a curve by a share of its axes."""
    ax, curve = curves(figure)[number]
    box = ax.get_window_extent()
    shift = ScaledTranslation(across * box.width / figure.dpi, up * box.height / figure.dpi, figure.dpi_scale_trans)
    if isinstance(curve, PathCollection):
        curve.set_offset_transform(curve.get_offset_transform() + shift)
    else:
        curve.set_transform(curve.get_transform() + shift)


# comparing


@one_of_each_kind
def test_same_figure_drawn_again_is_the_same(name):
    assert pictures.compare(as_it_is(name), picture_of(FIGURES[name]())) is None


@all_figures
def test_curve_that_moves_by_two_percent_is_seen(name):
    figure = FIGURES[name]()
    before = picture_of(figure)  # of this very figure: where its axes are is known only when it has been drawn
    for number, (across, up) in enumerate([(0, -0.02), (0.02, 0)][: len(curves(figure))]):
        move(figure, number, across, up)
        assert pictures.compare(before, picture_of(figure)), (number, across, up)
        move(figure, number, -across, -up)
    assert pictures.compare(before, picture_of(figure)) is None


@one_of_each_kind
def test_curve_of_another_colour_is_seen(name):
    figure = FIGURES[name]()
    before = as_it_is(name)
    _, curve = curves(figure)[-1]
    curve.set_color("C4")
    assert pictures.compare(before, picture_of(figure))


@one_of_each_kind
def test_missing_legend_is_seen(name):
    figure = FIGURES[name]()
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()] + figure.legends
    if not legends:
        assert name == "prices"  # of one colour
        return
    before = as_it_is(name)
    legends[-1].set_visible(False)
    assert pictures.compare(before, picture_of(figure))


@one_of_each_kind
@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_other_letter_in_the_title_is_seen(name, language):
    figure = figure_in(name, language)
    before = as_it_is(name, language)
    titles = [figure._suptitle, *(ax.title for ax in figure.axes)]
    title = next(title for title in titles if title and title.get_text())
    text = title.get_text()
    letters = "大小" if language == "zh" else "oe"
    at = next(i for i, letter in enumerate(text) if letter.isalpha() and letter not in letters)
    title.set_text(text[:at] + letters[0] + text[at + 1 :])
    assert pictures.compare(before, picture_of(figure))


def test_no_two_figures_look_alike():
    for one, other in combinations(FIGURES, 2):
        assert pictures.compare(as_it_is(one), as_it_is(other)), (one, other)


@all_figures
def test_third_of_a_pixel_is_not_seen(name):
    """Another processor moves a curve by less; two percent of an axis are four pixels or more."""
    figure = FIGURES[name]()
    before = as_it_is(name)
    box = curves(figure)[0][0].get_window_extent()
    for number in range(len(curves(figure))):
        move(figure, number, 0.17 / box.width, 0.17 / box.height)  # of a picture that has twice as many pixels
    # A matplotlib that has not drawn the stored pictures rounds otherwise; there they are compared coarsely, too.
    coarse = pictures.drawn_by(before) != version_of_the_stored()
    assert pictures.compare(before, picture_of(figure), coarse) is None


def test_marker_that_is_rounded_to_the_next_pixel_is_not_seen():
    """Matplotlib rounds the places of markers, so that the smallest change can move one by a whole pixel."""
    paper = Image.new("RGB", (100, 60), "white")
    markers = []
    for at in (20, 21):
        markers.append(paper.copy())
        markers[-1].paste("black", (at, at, at + 12, at + 12))
    assert pictures.compare(*markers) is None


def test_a_mean_over_the_picture_would_not_see_a_thin_curve():
    """Why the difference is the largest one anywhere: a mean of it is larger for the same figure on other paper."""
    figure, ax = plt.subplots(figsize=(9, 3))
    ax.plot([0, 1, 2], [0, 1, 4], lw=1)
    before = picture_of(figure)
    move(figure, 0, 0, 0.02)
    moved = picture_of(figure)
    paper = before.convert("RGB").point(lambda value: value - 15 if value > 15 else value)

    def root_mean_square(picture):
        one, other = (np.asarray(each.convert("RGB")).astype(float) for each in (before, picture))
        return np.sqrt(((one - other) ** 2).mean())

    assert root_mean_square(moved) < root_mean_square(paper)
    assert pictures.compare(before, moved)
    assert pictures.compare(before, paper) is None


def test_words_say_how_much_and_where():
    paper = Image.new("RGB", (100, 60), "white")
    spot = paper.copy()
    spot.paste("black", (20, 30, 30, 40))
    difference = pictures.compare(paper, spot)
    assert re.fullmatch(
        r"different by 255 of 255, where 25 is allowed, on 3\.\d\d% of its pixels: "
        r"in columns 18 to 31 and rows 28 to 41",
        difference.words,
    )
    assert difference.picture.size == (100, 60)
    red = np.all(np.asarray(difference.picture) == (255, 0, 0), axis=2)
    assert red[31:39, 21:29].all()
    assert not red[:28].any()
    assert pictures.compare(paper, Image.new("RGB", (100, 61), "white")).words == (
        "100 × 61 pixels large, where the stored one has 100 × 60"
    )


def as_drawn_by(picture, version):
    """Return a picture that says that another version of matplotlib drew it."""
    info = PngInfo()
    info.add_text("Software", f"Matplotlib version{version}, https://matplotlib.org/")
    buffer = io.BytesIO()
    picture.save(buffer, format="png", pnginfo=info)
    return Image.open(buffer)


@one_of_each_kind
def test_pictures_of_another_matplotlib_are_compared_coarsely(name):
    figure = FIGURES[name]()
    before = as_it_is(name)
    assert pictures.drawn_by(before) == ".".join(mpl.__version__.split(".")[:2])
    moved = Image.new("RGB", (before.width + 8, before.height + 4), "white")
    moved.paste(before, (8, 4))  # all by four pixels and by two, as if the labels at the left were longer
    assert pictures.compare(before, moved)
    assert pictures.compare(before, as_drawn_by(moved, "3.1.0")) is None
    for legend in [ax.get_legend() for ax in figure.axes if ax.get_legend()] + figure.legends:
        legend.set_visible(False)
        assert pictures.compare(before, as_drawn_by(picture_of(figure), "3.1.0"))
        legend.set_visible(True)


# in notebooks


SETUP = """\
import matplotlib.pyplot as plt
import numpy as np

def curves(power):
    figure, axes = plt.subplots(1, 2, figsize=(5, 2))
    x = np.linspace(0, 1, 20)
    for ax in axes:
        ax.plot(x, x**power, label="power")
        ax.plot(x, 1 - x, label="line")
        ax.legend()
    return figure

def knobs(rate):
    import ipywidgets as widgets
    import d2lhelpers as dh
    from d2lhelpers.figures import chapter01
    def walk(rates, batch_size):
        return np.linspace(0, 1 / batch_size, 4)[:, None, None] * np.stack([rates, -rates], axis=-1)
    def losses_at(weights):
        return ((weights - [1.2, -0.6]) ** 2).sum(axis=-1) + 0.04
    sliders = {"learning_rate": widgets.FloatSlider(rate), "batch_size": widgets.IntSlider(1, min=1)}
    dh.explore(*chapter01.two_knobs(walk, losses_at, (1.2, -0.6)), **sliders)

def steps(*names):
    for name in names:
        plt.figure(figsize=(3, 2))
        plt.bar(["before", "after"], [1, 2] if name == "up" else [2, 1])
        plt.show()
"""
BAR = "import d2lhelpers.captions; plt.bar([1, 2], [3, 4]); plt.title('One'); plt.show()"
# Cells as they are stored, and as they are run; then how often a picture differs, and whether the text does.
CASES = {
    "the setup": (SETUP, SETUP, 0, False),
    "nothing changed": ("figure = curves(1)", "figure = curves(1)", 0, False),
    "a curve moves": (
        "figure = curves(1)",
        "figure = curves(1); ax = figure.axes[1]; line = ax.lines[0]; "
        "line.set_ydata(line.get_ydata() + 0.02 * np.ptp(ax.get_ylim()))",
        1,
        False,
    ),
    "another colour": ("figure = curves(1)", "figure = curves(1); figure.axes[1].lines[0].set_color('C5')", 1, False),
    "no legend": ("figure = curves(1)", "figure = curves(1); figure.axes[1].get_legend().remove()", 1, False),
    "another title": (BAR, BAR.replace("One", "Two"), 1, True),
    "swapped, one": ("figure = curves(1)", "figure = curves(2)", 1, False),
    "swapped, the other": ("figure = curves(2)", "figure = curves(1)", 1, False),
    "swapped in one cell": ("steps('up', 'down')", "steps('down', 'up')", 2, False),
    "sliders": ("knobs(0.1)", "knobs(0.1)", 0, False),
    "sliders that begin elsewhere": ("knobs(0.1)", "knobs(0.2)", 1, False),
    "one picture too many": ("steps('up')", "steps('up', 'down')", 1, True),
    "one picture too few": ("steps('up', 'down')", "steps('up')", 1, True),
}
NUMBERS = {name: number for number, name in enumerate(CASES)}


def notebook_of(sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def run_pytest(folder, *options, **variables):
    """Run pytest with the plugin in a folder, and return what went wrong by the names of file and cell."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", f"--rootdir={folder}"]
    command += ["-p", "pictures_in_notebooks", "-p", "no:cacheprovider", f"--junitxml={report}", "--color=no"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)]), **variables}
    done = subprocess.run([*command, *options], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    failures = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        failure = case.find("failure")
        key = case.get("classname"), int(case.get("name").removeprefix("Cell "))
        failures[key] = "" if failure is None else failure.text
    return failures


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Store a notebook, change its cells, and run pytest; return the folder, and what pytest says of each cell."""
    folder = tmp_path_factory.mktemp("pictures")
    notebook = notebook_of([stored for stored, *_ in CASES.values()])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for place in (folder / "notebooks", folder / "notebooks" / "zh", folder / "build" / "figures"):
        place.mkdir(parents=True)
    for cell, (_, source, *_) in zip(notebook.cells, CASES.values(), strict=True):
        cell.source = source
    nbformat.write(notebook, folder / "notebooks" / "01_faults.ipynb")
    notebook.cells = notebook.cells[:3]
    nbformat.write(notebook, folder / "notebooks" / "zh" / "01_faults.ipynb")
    for name in ("01_faults-01-new", "01_faults-77-new", "01_faults_more-01-new"):
        (folder / "build" / "figures" / f"{name}.png").write_bytes(b"of an earlier run")
    return folder, run_pytest(folder, "-n0", "notebooks")


@pytest.mark.parametrize("name", CASES)
def test_changed_pictures_fail_and_others_do_not(checked, name):
    folder, failures = checked
    _, _, num_pictures, text_differs = CASES[name]
    of_cell = [text for (_, number), text in failures.items() if number == NUMBERS[name]]
    assert of_cell
    for failure in of_cell:
        assert failure.count(f" of cell {NUMBERS[name]} of 01_faults.ipynb is ") == num_pictures, failure
        assert failure.count("`make store`") == num_pictures
        assert ("Cell outputs differ" in failure) == text_differs
        assert ("Cell pictures differ" in failure) == (num_pictures > 0 and not text_differs)
        for path in re.findall(r"build/figures/\S+\.png", failure):
            assert (folder / path).exists()


def test_each_edition_has_files_of_its_own(checked):
    folder, failures = checked
    assert len(failures) == len(CASES) + 3
    moved = NUMBERS["a curve moves"]
    assert {path.name for path in (folder / "build" / "figures").glob("zh-*")} == {
        f"zh-01_faults-{moved:02}-{kind}.png" for kind in ("new", "stored", "difference")
    }


def test_the_pictures_that_differ_are_left_and_no_others(checked):
    folder, _ = checked
    left = {path.stem for path in (folder / "build" / "figures").glob("01_*")}
    names = set()
    for name, (_, _, num_pictures, _) in CASES.items():
        for number in range(1, num_pictures + 1):
            names.add(f"01_faults-{NUMBERS[name]:02}" + ("" if number == 1 else f"-{number}"))
    both = {"one picture too many": "new", "one picture too few": "stored"}
    lonely = {f"01_faults-{NUMBERS[name]:02}-2-{kind}" for name, kind in both.items()}
    pairs = {name for name in names if not name.endswith(tuple(f"{NUMBERS[each]:02}" for each in both))}
    expected = {f"{name}-{kind}" for name in pairs for kind in ("new", "stored", "difference")} | lonely
    assert left == expected | {"01_faults_more-01-new"}  # of another notebook


def test_the_pictures_are_what_their_names_say(checked):
    folder, _ = checked
    stored = nbformat.read(folder / "notebooks" / "01_faults.ipynb", as_version=4)
    number = NUMBERS["another colour"]
    (output,) = stored.cells[number].outputs
    new, old, difference = (
        Image.open(folder / "build" / "figures" / f"01_faults-{number:02}-{kind}.png")
        for kind in ("new", "stored", "difference")
    )
    assert pictures.compare(old, Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))) is None
    assert pictures.compare(old, new).words
    assert np.any(np.all(np.asarray(difference) == (255, 0, 0), axis=2))


def test_another_engine_instruction_set_and_number_of_threads_draw_the_same(tmp_path):
    """With their curves of training, which end a little differently, in a chapter as it is stored."""
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "02_linear_regression_gluon.ipynb"
    path.write_bytes((ROOT / "notebooks" / path.name).read_bytes())
    variables = {
        "MXNET_ENGINE_TYPE": "NaiveEngine",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "MKLDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OMP_NUM_THREADS": "3",
    }
    options = [f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}", "-n0", path]
    failures = run_pytest(tmp_path, *options, **variables)
    assert len(failures) > 20
    assert set(failures.values()) == {""}
    assert not (tmp_path / "build").exists()


def test_each_run_of_pytest_compares(request):
    assert request.config.pluginmanager.has_plugin("pictures_in_notebooks")
