import base64
import io
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import interactive

import ipywidgets as widgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import traitlets
from mxnet import nd
from scipy.spatial import cKDTree

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def empty_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, in its order."""
    outputs = []
    monkeypatch.setattr(interactive, "display", outputs.append)
    return outputs


class Tilted:
    """A figure with a line that a slider tilts and a menu lifts."""

    def __init__(self):
        self.figure, ax = plt.subplots(figsize=(3, 2), dpi=50, layout="constrained")
        (self.line,) = ax.plot([0, 1], [0, 1])
        ax.set(xlim=(-1, 2), ylim=(-4, 4), ylabel="a label")
        self.calls = []
        self.controls = {
            "slope": widgets.FloatSlider(1, min=-2, max=2, description="slope"),
            "lift": widgets.SelectionSlider(options=[("low", -1), ("high", 1)], description="lift of the line"),
        }

    def update(self, slope, lift):
        self.calls.append((slope, lift))
        self.line.set_ydata([lift, lift + slope])
        return [self.line]


@pytest.fixture
def tilted():
    return Tilted()


def picture(panel):
    """The widget that shows the figure."""
    return panel.children[-1]


def pixels(panel):
    """What the widget shows: sent quickly, with a loss that no eye sees."""
    return plt.imread(io.BytesIO(picture(panel).value), format="jpeg").astype(int)


def stored_pixels(panel):
    """What a reader without a kernel is shown."""
    png = base64.b64decode(panel._repr_mimebundle_()[0]["image/png"])
    return (plt.imread(io.BytesIO(png)) * 255).round().astype(int)


# explore


def test_update_is_called_with_the_values_by_name(tilted, shown):
    dh.explore(tilted.figure, tilted.update, **tilted.controls)
    assert set(tilted.calls) == {(1, -1)}
    for name, value, expected in [("slope", 0.5, (0.5, -1)), ("lift", 1, (0.5, 1)), ("slope", -2, (-2, 1))]:
        tilted.calls.clear()
        tilted.controls[name].value = value
        assert tilted.calls == [expected]


def test_picture_follows_the_controls_and_comes_back(tilted, shown):
    dh.explore(tilted.figure, tilted.update, **tilted.controls)
    pictures = [picture(shown[0]).value]
    for name, value in [("slope", -2), ("slope", 2), ("lift", 1)]:
        tilted.controls[name].value = value
        pictures.append(picture(shown[0]).value)
    assert len(set(pictures)) == 4
    tilted.controls["slope"].value, tilted.controls["lift"].value = 1, -1
    assert picture(shown[0]).value == pictures[0]


def test_picture_is_what_matplotlib_draws(tilted, shown):
    # What moves is drawn over what does not; a figure that is drawn as a whole must look the same.
    dh.explore(tilted.figure, tilted.update, **tilted.controls)
    tilted.controls["slope"].value = -2
    live, stored = pixels(shown[0]), stored_pixels(shown[0])
    tilted.line.set_animated(False)
    tilted.figure.canvas.draw()
    drawn = np.asarray(tilted.figure.canvas.buffer_rgba()).astype(int)
    np.testing.assert_array_equal(stored, drawn)
    assert abs(live - drawn[..., :3]).mean() < 1
    assert abs(live - drawn[..., :3]).max() < 40


def test_one_output_holds_the_widgets_and_the_picture(tilted, shown):
    dh.explore(tilted.figure, tilted.update, **tilted.controls)
    (panel,) = shown
    assert list(panel.children) == [*tilted.controls.values(), picture(panel)]
    data, metadata = panel._repr_mimebundle_()
    assert set(data) == {WIDGET, "image/png", "text/plain"}
    assert data[WIDGET]["model_id"] == panel.model_id
    assert data["text/plain"] == "figure that changes with: slope, lift of the line"
    assert isinstance(data["image/png"], str)  # bytes would be stored as a list of numbers
    # Twice the figure's resolution, at the figure's size.
    for height, width, _ in (pixels(panel).shape, stored_pixels(panel).shape):
        assert (width, height) == (2 * 150, 2 * 100)
    assert metadata == {"image/png": {"width": 150, "height": 100}}


def test_figure_is_not_shown_a_second_time(tilted, shown):
    dh.explore(tilted.figure, tilted.update, **tilted.controls)
    assert not plt.get_fignums()


def test_controls_are_named(tilted, shown):
    slider = widgets.FloatSlider()
    dh.explore(tilted.figure, lambda learning_rate: [tilted.line], learning_rate=slider)
    assert slider.description == "learning rate"
    in_its_name, in_all = (
        float(width.removesuffix("ch")) for width in (slider.style.description_width, slider.layout.width)
    )
    assert len(slider.description) < in_its_name < in_all / 2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"figure": "a figure"}, TypeError, "figure must be a matplotlib figure, but is of the type str"),
        ({"update": 3}, TypeError, "update must be a function, but is of the type int"),
        ({"slope": 3}, TypeError, "slope must be a widget with a value, but is of the type int; take for example"),
        ({"slope": widgets.Layout()}, TypeError, "slope must be a widget with a value, but is of the type Layout"),
        ({"slope": widgets.VBox()}, TypeError, "slope must be a widget with a value, but is of the type VBox"),
        ({"update": lambda **_: None}, TypeError, r"update must return a list of .*, but returned None"),
        ({"update": lambda **_: [1]}, TypeError, r"update must return a list of .*, but returned \[1\]"),
    ],
)
def test_explore_refuses_bad_values(tilted, shown, change, error, message):
    arguments = {"figure": tilted.figure, "update": tilted.update, **tilted.controls}
    with pytest.raises(error, match=message):
        dh.explore(**arguments | change)
    assert not shown


def test_explore_needs_a_control(tilted, shown):
    with pytest.raises(ValueError, match="controls are missing: hand in at least one"):
        dh.explore(tilted.figure, tilted.update)


# DrawingPad


def test_drawing_pad_is_a_control(tilted, shown):
    pad = dh.DrawingPad(value=[[[0, 0], [1, 1]]])
    drawings = []

    def update(drawing):
        drawings.append(drawing)
        return [tilted.line]

    dh.explore(tilted.figure, update, drawing=pad)
    pad.value = [[[0, 0], [1, 1]], [[0.5, 0.5]]]
    pad.value = []
    assert drawings[0] == [[[0, 0], [1, 1]]]
    assert drawings[-2:] == [[[[0, 0], [1, 1]], [[0.5, 0.5]]], []]
    assert repr(shown[0]) == "figure that changes with: a drawing"


def test_strokes_of_the_page_reach_the_kernel(tilted, shown):
    pad = dh.DrawingPad()
    drawings = []

    def update(drawing):
        drawings.append(drawing)
        return [tilted.line]

    dh.explore(tilted.figure, update, drawing=pad)
    strokes = [[[0.5, 0.1], [0.5, 0.9]]]
    pad.set_state({"value": strokes})  # what a message of the page does
    assert pad.value == drawings[-1] == strokes
    assert pad.get_state(["value", "description"]) == {"value": strokes, "description": "a drawing"}


def test_first_value_is_an_example_and_stays_it():
    # The page compares: a stroke that is drawn on the example takes its place.
    strokes = [[[0.5, 0.1], [0.5, 0.9]]]
    pad = dh.DrawingPad(value=strokes)
    assert pad.get_state(["example"]) == {"example": strokes}
    pad.value = [*strokes, [[0.1, 0.1]]]
    assert pad.get_state(["example"]) == {"example": strokes}
    assert dh.DrawingPad().get_state(["example"]) == {"example": []}


def test_paper_stands_beside_its_picture_and_sliders_above_theirs(tilted, shown):
    pad = dh.DrawingPad()
    dh.explore(tilted.figure, lambda drawing, lift: [tilted.line], drawing=pad, lift=tilted.controls["lift"])
    dh.explore(plt.figure(), lambda slope: [], slope=widgets.FloatSlider())
    beside, above = shown
    assert list(beside.children[0].children) == [pad, tilted.controls["lift"]]
    assert beside.layout.flex_flow == "row wrap"
    assert above.layout.flex_flow is None
    # Beside the paper the picture takes what is left of the width, but not more than its own; below it, it has its own.
    assert picture(beside).layout.width is None
    assert picture(beside).layout.max_width == "150px"
    assert picture(above).layout.max_width == "100%"


def test_drawing_pad_brings_its_page():
    pad = dh.DrawingPad()
    assert "export default { render }" in pad._esm
    # The page gets what it draws and says.
    assert {"value", "description", "clear", "label", "example"} <= {*pad.get_state()}


@pytest.mark.parametrize("value", ["a", [1], [[1]], [[["a", "b"]]]])
def test_drawing_pad_refuses_what_are_no_strokes(value):
    with pytest.raises(traitlets.TraitError):
        dh.DrawingPad(value=value)


# rasterize


def arc(x, y, width, height, start, stop, num_points=24):
    """Points on an ellipse; 0 degrees are at the right, 90 below."""
    angle = np.radians(np.linspace(start, stop, num_points))
    return np.column_stack([x + width * np.cos(angle), y + height * np.sin(angle)]).tolist()


# One drawing of each digit, as a person may draw it on a square.
DRAWN = {
    0: [arc(0.5, 0.5, 0.22, 0.32, -90, 270)],
    1: [[[0.36, 0.3], [0.52, 0.15], [0.52, 0.85]]],
    2: [[*arc(0.5, 0.33, 0.2, 0.18, -170, 40), [0.28, 0.82], [0.74, 0.82]]],
    3: [[*arc(0.47, 0.33, 0.2, 0.17, -150, 90), *arc(0.47, 0.67, 0.22, 0.18, -90, 150)]],
    4: [[[0.55, 0.15], [0.28, 0.6], [0.76, 0.6]], [[0.6, 0.4], [0.6, 0.85]]],
    5: [[[0.36, 0.16], [0.34, 0.45], *arc(0.48, 0.63, 0.22, 0.21, -130, 140)], [[0.36, 0.16], [0.7, 0.16]]],
    6: [[[0.62, 0.15], [0.42, 0.35], [0.32, 0.6], *arc(0.5, 0.66, 0.18, 0.18, 180, -180)]],
    7: [[[0.28, 0.16], [0.72, 0.16], [0.45, 0.85]], [[0.38, 0.5], [0.7, 0.5]]],
    8: [[*arc(0.5, 0.33, 0.17, 0.17, 90, 450), *arc(0.5, 0.68, 0.2, 0.18, -90, 270)]],
    9: [[*arc(0.48, 0.34, 0.18, 0.18, 0, -360), [0.66, 0.34], [0.62, 0.85]]],
}


def moved(strokes, scale, x, y):
    return [(np.array(stroke) * scale + [x, y]).tolist() for stroke in strokes]


@pytest.mark.parametrize("digit", DRAWN)
def test_bitmap_is_like_those_of_the_data_set(digit):
    bitmap = dh.rasterize(DRAWN[digit])
    assert (bitmap.shape, bitmap.dtype, bitmap.sum()) == ((32, 32), bool, 312)
    rows, columns = (np.flatnonzero(bitmap.any(axis=axis)) for axis in (1, 0))
    assert rows[0] <= 1
    assert rows[-1] >= 30
    assert abs(columns[0] - (31 - columns[-1])) <= 1
    assert columns[-1] - columns[0] < 24


@pytest.mark.parametrize("digit", DRAWN)
def test_place_and_size_of_a_drawing_do_not_matter(digit):
    bitmap = dh.rasterize(DRAWN[digit])
    for scale, x, y in [(0.25, 0.7, 0), (100, -20, 30), (1, 1e5, -1e5), (1e6, 3e9, 0), (1e-5, -50, 80)]:
        assert (dh.rasterize(moved(DRAWN[digit], scale, x, y)) != bitmap).sum() <= 4  # ties may break otherwise


def test_ink_is_what_is_nearest_to_the_strokes():
    # Strokes that fill the box already, so that nothing is scaled, as many points close together.
    strokes = [[[8, 2], [24, 2], [12, 30]], [[10, 16]]]
    dense = [np.linspace(a, b, 4000) for a, b in zip(strokes[0][:-1], strokes[0][1:], strict=True)]
    center = np.arange(32) + 0.5
    distance, _ = cKDTree(np.concatenate([*dense, strokes[1]])).query(np.stack(np.meshgrid(center, center), axis=-1))
    bitmap = dh.rasterize(strokes)
    assert distance[bitmap].max() <= distance[~bitmap].min() + 0.01


def test_wide_drawings_are_narrowed_and_thin_ones_stay_thin():
    wide = dh.rasterize([[[0, 0], [10, 0], [10, 1], [0, 1]]])
    assert np.flatnonzero(wide.any(axis=0))[[0, -1]].tolist() == pytest.approx([5, 26], abs=2)
    thin = dh.rasterize([[[0, 0], [0, 1]]])
    assert np.flatnonzero(thin.any(axis=0)).tolist() == list(range(11, 21))


def test_nothing_drawn_is_blank_and_a_dot_is_a_dot():
    assert not dh.rasterize([]).any()
    dot = dh.rasterize([[[0.3, 0.9]]])
    assert dot.sum() == 312
    assert dot[16, 16]
    np.testing.assert_array_equal(dot.any(axis=0), dot.any(axis=0)[::-1])


@pytest.mark.parametrize("strokes", [[[]], [[[1, 2, 3]]], [[1, 2]], [[[0, np.nan]]], [[[0, 0], [np.inf, 0]]]])
def test_rasterize_refuses_what_are_no_strokes(strokes):
    with pytest.raises(ValueError, match="strokes must be a list of strokes, each a list of points"):
        dh.rasterize(strokes)


def test_digits_of_the_data_set_have_as_much_ink():
    train_iter, _ = dh.load_digits(256)
    images = train_iter.arrays[0].asnumpy()[:, 0]
    assert abs(images.sum(axis=(1, 2)).mean() * 16 - 312) < 2
    assert (images.max(axis=2)[:, [0, -1]] > 0).all()


def test_a_trained_model_reads_what_is_drawn():
    train_iter, _ = dh.load_digits(64)
    dh.seed(3)
    W, b = nd.random.normal(scale=0.01, shape=(64, 10)), nd.zeros((10,))
    for param in (W, b):
        param.attach_grad()

    def net(X):
        return dh.softmax(dh.linreg(X.reshape((-1, 64)), W, b))

    dh.train(net, train_iter, dh.cross_entropy, lambda n: dh.sgd([W, b], 0.3, n), num_epochs=15, verbose=False)
    bitmaps = np.stack([dh.rasterize(strokes) for strokes in DRAWN.values()])
    images = nd.array(bitmaps.reshape(-1, 8, 4, 8, 4).sum(axis=(2, 4)) / 16)
    read = net(images).argmax(axis=1).asnumpy()
    assert (read == list(DRAWN)).sum() >= 9


# The notebooks


@pytest.mark.parametrize("number", ["01", "03", "04", "05", "06"])
def test_interactive_cell_has_a_stored_picture_and_no_widget(number):
    paths = [*NOTEBOOKS.glob(f"{number}*.ipynb"), *NOTEBOOKS.glob(f"[a-z][a-z]/{number}*.ipynb")]
    found = [cell for path in paths for cell in nbformat.read(path, as_version=4).cells]
    cells = [cell for cell in found if "dh.explore(" in cell.source]
    assert cells
    for cell in cells:
        (output,) = [output for output in cell.outputs if "data" in output]
        # A page without a kernel would show an empty box for the widget; its name would change at each run.
        assert set(output.data) == {"image/png", "text/plain"}
        assert output.metadata["image/png"]["width"] <= 900
