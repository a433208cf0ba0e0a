"""The figures of chapters 05 to 09: each draws what it is given, and says what it shows."""

import functools
import inspect
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import interactive
from d2lhelpers.figures import chapter05, chapter06, chapter07, chapter08, chapter09

import ipywidgets as widgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
X = np.linspace(-1, 1, 7)
POINTS = X[1:4], X[1:4] ** 2
TRUTH = X, X**3
STRENGTHS = np.array([0.01, 0.1, 1])
LOSSES = np.array([0.01, 0.02, 0.2]), np.array([3, 0.5, 0.4])
SQUARE = np.meshgrid(np.linspace(-3, 3, 5), np.linspace(-3, 3, 5))
CELLS = np.arange(12).reshape(3, 4) / 12
CARS = {
    "mpg": np.array([10.0, 20, 30, 40]),
    "weight": np.array([5000.0, 3000, 2500, 2000]),
    "origin": np.array(["USA", "Europe", "Japan", "USA"]),
    "year": np.array([1970, 1970, 1972, 1982]),
}


def curves(*names):
    """Return a curve for each name, no two of them alike."""
    return {name: X * (i + 1) for i, name in enumerate(names)}


def held_back(degree, strength):
    return X * degree * strength, (strength / degree, 2 * strength / degree)


def bowl(w):
    return (w[0] - 1) ** 2 + 3 * w[1] ** 2


def runs(base):
    """Return curves as those of two runs of three epochs: epoch, training loss and accuracy, test loss and accuracy."""
    return [np.array([[10 * n, base / n, 0.5, 2 * base / n, 0.4] for n in (1, 2, 3)]) + shift for shift in (0, 0.02)]


def history(base):
    """Return a history of two epochs, in which no two curves are alike."""
    curves = {"loss": 10, "metric": 0.001, "test_loss": 1, "test_metric": 0.01}
    return dh.History(**{name: [base * unit, 2 * base * unit] for name, unit in curves.items()})


# Each function with what it is given, and with values some line or picture of the figure must have.
CASES = {
    chapter05.degrees: ((TRUTH, POINTS, curves(1, 3, 12)), [TRUTH[1], POINTS[1], X, 2 * X, 3 * X]),
    chapter05.complexity_and_data: (
        ([1, 2, 3], LOSSES, [15, 20, 30], {1: [1, 2, 3], 3: [4, 5, 6], 12: [7, 8, 9]}, 0.045),
        [*LOSSES, [1, 2, 3], [4, 5, 6], [7, 8, 9], [0.045, 0.045]],
    ),
    chapter05.losses_by_epoch: (
        ({degree: dh.History(loss=[degree, 1], test_loss=[degree, 2]) for degree in (1, 3, 12)},),
        [[1, 1], [1, 2], [3, 1], [3, 2], [12, 1], [12, 2]],
    ),
    chapter05.without_and_with_decay: (({0: ([3, 1], [70, 71]), 3: ([4, 2], [72, 1])},), [[3, 1], [70, 71], [72, 1]]),
    chapter05.strengths: ((STRENGTHS, LOSSES, [3, 2, 1], 0.14), [*LOSSES, [3, 2, 1], [0.14, 0.14]]),
    chapter05.decay_of_degree_12: (
        (TRUTH, POINTS, curves(0, 0.1, 10), STRENGTHS, LOSSES, 0.045),
        [TRUTH[1], POINTS[1], X, 2 * X, 3 * X, *LOSSES, [0.045, 0.045]],
    ),
    chapter05.degree_and_decay: ((TRUTH, POINTS, held_back, STRENGTHS, 0.045), [TRUTH[1], POINTS[1], [0.045, 0.045]]),
    chapter05.two_weights: (
        (bowl, np.array([[1, 0], [0.6, 0.1], [0, 0]]), np.array([1, 0]), np.array([0.5, 0.25])),
        [[0, 0.1, 0], [0], [0.25]],
    ),
    chapter06.activations: ((X, {name: (X * n, X + n) for n, name in enumerate("abc")}), [X, 2 * X, X + 1, X + 2]),
    chapter06.network: (([2, 3, 1],), [[0.5, 1], [-0.5, -1], [1, 0], [-1, 0]]),
    chapter06.dropped_neurons: (([2, 3, 1], {1}, {2, 3}), [[0.5, 1], [-1, 0]]),
    chapter06.borders: ((np.array([[1, 0], [2, 2]]), np.array([0, 1]), SQUARE, (np.eye(5), 1 - np.eye(5))), []),
    chapter06.by_model: (
        ({"A": [history(1), history(3)], "B": [history(5), history(9)]},),
        [
            [2, 4],
            [20, 40],
            [1, 2],
            [3, 6],
            [7, 14],
            [70, 140],
            [0.02, 0.04],
            [0.002, 0.004],
            [0.07, 0.14],
            [0.01, 0.02],
        ],
    ),
    chapter06.won_and_lost: (
        (np.stack([CELLS, CELLS**2, CELLS**3])[:, None], {"A": "abc", "B": "aab"}, [1], [0, 2]),
        [CELLS, CELLS**2, CELLS**3],
    ),
    chapter06.hidden_neurons: (
        (np.stack([CELLS - 0.5, CELLS]), np.stack([[CELLS**2] * 8, [CELLS**3] * 8]), ["abaabaab", "cccccccc"]),
        [CELLS - 0.5, CELLS, CELLS**2, CELLS**3],
    ),
    chapter06.approximations: (
        (X, X**3, {n: X * n for n in (1, 3, 30)}, X**2, (-0.5, 0.5)),
        [X**3, X, 3 * X, 30 * X, X**2],
    ),
    chapter06.thinned_layer: ((CELLS, CELLS > 0.5, 2 * CELLS * (CELLS > 0.5)), [CELLS, CELLS > 0.5]),
    chapter06.dropout_noise: ((lambda rate: CELLS * rate, lambda rate: X * rate, 0.25), []),
    chapter06.dropout_by_labels: (
        ({0: runs(0.5), 0.5: runs(0.8)}, {0: runs(0.2), 0.5: runs(0.3)}, runs(0.7)[0]),
        [np.mean(runs(0.8), axis=0)[:, 1], np.mean(runs(0.2), axis=0)[:, 3], runs(0.3)[1][:, 3], runs(0.7)[0][:, 3]],
    ),
    chapter06.rates: (([0, 0.5, 0.9], {20: [3, 2, 1], 100: [4, 5, 6]}, [7, 8, 9]), [[3, 2, 1], [4, 5, 6], [7, 8, 9]]),
    chapter07.forward_graph: ((), []),
    chapter07.backward_graph: ((), []),
    chapter07.step_sizes: (
        (np.array([0.1, 0.01, 0.001]), [3, 2, 1], [4, 5, 6], [7, 8]),
        [[3, 2, 1], [4, 5, 6], [7, 8]],
    ),
    chapter07.memory: (
        (([5, 10], [1, 2], [3, 4], [5, 6]), ([256, 512], [7, 8], [9, 10], [11, 12])),
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]],
    ),
    chapter07.gradient_sizes: (
        ({name: [X + 2 + n, X + 3 + n, X + 4 + n, X + 5 + n] for n, name in enumerate("abc")},),
        [X + 2, X + 5, X + 7],
    ),
    chapter07.equal_and_random_weights: (([3, 3], [3, 2], [3, 1]), [[3, 3], [3, 2], [3, 1]]),
    chapter08.cars: ((CARS,), [[10, 40], [20], [30], CARS["mpg"], [15, 30, 40]]),
    chapter08.luck_of_a_split: ((np.array([0.1, 0.11, 0.14]), np.array([0.12, 0.12, 0.13])), []),
    chapter08.shift: (
        (CARS["year"], np.array([1.0, 3, 4, 5]), np.array([6.0, 8, 9, 10]), 1972),
        [[2, 4, 5], [7, 9, 10], [0, 0]],
    ),
    chapter08.candidates: (
        ({"linear": np.array([0.1, 0.2]), "network": np.array([0.3, 0.4])}, {"linear": 0.05, "network": 0.05}),
        [[0, 0], [1, 1], [0], [1]],
    ),
    chapter08.winners_curse: (([1, 2, 5], [3, 2, 1], [6, 5, 4]), [[3, 2, 1], [6, 5, 4]]),
    chapter08.opened: ((CARS["mpg"], CARS["mpg"] + 1), [CARS["mpg"] + 1, [8, 50]]),
    chapter09.parameter_server: ((2,), []),
    chapter09.sum_of_parts: (([CELLS, CELLS**2], CELLS + CELLS**2), [CELLS, CELLS**2, CELLS + CELLS**2]),
    chapter09.rates: (({1: [3, 2, 1], 4: [4, 5, 6]},), [[3, 2, 1], [4, 5, 6], [np.log(10)] * 2]),
    chapter09.timelines: (([(0, 0, 1), (1, 0, 3)], [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 3, 6)], 3), []),
    chapter09.stale: (({0: [3, 2, 1], 16: [4, 5, 6]},), [[3, 2, 1], [4, 5, 6]]),
    chapter09.step_times: (([1, 2, 4], {"slow": [4, 6, 8], "fast": [3, 2, 5]}), [[4, 6, 8], [3, 2, 5], [4], [2]]),
}
all_figures = pytest.mark.parametrize("draw", CASES, ids=lambda draw: f"{draw.__module__[-2:]}-{draw.__name__}")


@pytest.fixture(autouse=True)
def empty_figures():
    plt.close("all")
    yield
    plt.close("all")


def figure_of(draw):
    """Return the figure; one for sliders, after a move of them."""
    result = draw(*CASES[draw][0])
    if isinstance(result, Figure):
        return result
    figure, update = result
    update(**dict.fromkeys(inspect.signature(update).parameters, 0.5))
    return figure


drawn_once = functools.cache(figure_of)  # for tests that only look at the figure


def test_all_figures_are_tried():
    public = [
        function
        for module in (chapter05, chapter06, chapter07, chapter08, chapter09)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert set(public) == set(CASES)


@all_figures
def test_figure_draws_what_it_is_given(draw):
    figure = drawn_once(draw)
    drawn = [line.get_ydata(orig=False) for ax in figure.axes for line in ax.lines]
    drawn += [image.get_array() for ax in figure.axes for image in ax.images]
    for values in CASES[draw][1]:
        assert any(np.shape(found) == np.shape(values) and np.allclose(found, values) for found in drawn)


@all_figures
def test_axes_have_labels_and_the_figure_says_what_it_shows(draw):
    figure = drawn_once(draw)
    for ax in figure.axes:
        if not ax.axison:  # a drawing of circles and arrows
            assert len(ax.texts) > 3
            continue
        for axis in (ax.xaxis, ax.yaxis):
            shows_numbers = any(
                tick.label1.get_visible() or tick.label2.get_visible() for tick in axis.get_major_ticks()
            )
            if shows_numbers and len(axis.get_ticklocs()):
                assert axis.get_label_text().strip()
    titles = [figure.get_suptitle(), *(ax.get_title() for ax in figure.axes)]
    assert any(len(title.split()) > 4 for title in titles)


@all_figures
def test_where_there_is_more_than_one_line_there_is_a_legend(draw):
    figure = drawn_once(draw)
    labels = {line.get_label() for ax in figure.axes for line in ax.lines if not line.get_label().startswith("_")}
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    explained = {text.get_text() for legend in legends for text in legend.get_texts()}
    assert labels <= explained
    if any(len(ax.lines) > 1 and ax.axison for ax in figure.axes):
        assert len(explained) > 1


@all_figures
def test_figure_is_returned_and_not_shown(draw, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("the cell shows the figure"))
    figure = figure_of(draw)
    assert plt.get_fignums() == [figure.number]


def sliders(draw):
    names = inspect.signature(draw(*CASES[draw][0])[1]).parameters
    return {name: widgets.FloatSlider(0.5, min=0, max=0.9) for name in names}


@pytest.mark.parametrize("draw", [chapter05.degree_and_decay, chapter06.dropout_noise])
def test_figure_follows_its_sliders(draw, monkeypatch):
    shown = []
    monkeypatch.setattr(interactive, "display", shown.append)
    controls = sliders(draw)
    figure, update = draw(*CASES[draw][0])
    dh.explore(figure, update, **controls)
    (panel,) = shown
    for control in controls.values():
        before = panel.children[-1].value
        control.value = 0.9
        assert panel.children[-1].value != before


def test_update_moves_the_fit_its_losses_and_the_line():
    figure, update = chapter05.degree_and_decay(*CASES[chapter05.degree_and_decay][0])
    moved = update(degree=2, strength=0.1)
    assert update(degree=3, strength=0.5) == moved
    fitted, train, test, here, left_title, right_title = moved
    np.testing.assert_allclose(fitted.get_ydata(), 1.5 * X)
    np.testing.assert_allclose(train.get_ydata(), STRENGTHS / 3)
    np.testing.assert_allclose(test.get_ydata(), 2 * STRENGTHS / 3)
    assert here.get_xdata() == [0.5, 0.5]
    assert left_title.get_text() == "degree 3, λ = 0.5"
    assert right_title.get_text() == "training loss 0.17, test loss 0.33"
    assert all(artist.figure is figure for artist in moved)


def test_update_moves_the_layer_and_the_histogram():
    figure, update = chapter06.dropout_noise(*CASES[chapter06.dropout_noise][0])
    moved = update(rate=0.1)
    assert update(rate=0.5) == moved
    layer, left_title, histogram, mean, right_title = moved
    np.testing.assert_allclose(layer.get_array(), CELLS / 2)
    counts, edges, _ = histogram.get_data()
    assert counts.sum() == len(X)
    assert (edges[0], edges[-1]) == (-9.75, 10.25)
    np.testing.assert_allclose(mean.get_xdata(), [0, 0], atol=1e-12)
    assert left_title.get_text() == "rate 0.50: those kept times 2"
    assert right_title.get_text().endswith(f"standard deviation {X.std() / 2:.2f}")
    assert all(artist.figure is figure for artist in moved)


def test_images_stand_in_the_row_to_which_they_belong_under_all_their_readings():
    won, *lost = drawn_once(chapter06.won_and_lost).axes
    assert won.get_title() == "A: b\nB: a"
    assert [ax.get_title() for ax in lost] == ["A: a\nB: a", "A: c\nB: b"]
    np.testing.assert_allclose(lost[1].images[0].get_array(), CELLS**3)
    assert won.get_subplotspec().rowspan.start == 0
    assert {ax.get_subplotspec().rowspan.start for ax in lost} == {1}


def test_weights_of_a_neuron_are_grey_where_they_are_zero():
    weights, *images = drawn_once(chapter06.hidden_neurons).axes[:9]
    assert weights.images[0].get_clim() == (-0.5, 0.5)
    assert "".join(ax.get_title() for ax in images) == "abaabaab"


def test_places_outside_of_the_interval_are_shaded():
    for ax in drawn_once(chapter06.approximations).axes:
        spans = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)
        np.testing.assert_allclose(spans, [(-1, -0.5), (0.5, 1)])


def test_dropped_neurons_lose_their_lines_and_their_names():
    figure = chapter06.dropped_neurons([3, 5, 2], {2, 4}, {1, 3, 5})
    for ax, dropped in zip(figure.axes, ({2, 4}, {1, 3, 5}), strict=True):
        assert len(ax.lines) == (5 - len(dropped)) * (3 + 2)
        names = [text.get_text() for text in ax.texts]
        assert names == [
            *("$x_1$", "$x_2$", "$x_3$"),
            *("×" if j in dropped else f"$h_{j}$" for j in range(1, 6)),
            *("$o_1$", "$o_2$"),
        ]
        colors = [to_hex(circle.get_facecolor()) for circle in ax.patches]
        assert [color != "#ffffff" for color in colors[3:8]] == [j not in dropped for j in range(1, 6)]


def test_each_gradient_goes_back_along_an_arrow_that_does_not_start_at_the_data():
    (forward,), (backward,) = (draw().axes for draw in (chapter07.forward_graph, chapter07.backward_graph))
    there = {(text.xyann, text.xy) for text in forward.texts if text.get_text() == ""}
    both = {(text.xyann, text.xy) for text in backward.texts if text.get_text() == ""}
    back = both - there
    assert len(there) == 17
    data = {place[:2] for name, place in chapter07._VARIABLES.items() if name in ("x", "y")}
    assert {(end, start) for start, end in back} == {arrow for arrow in there if arrow[0] not in data}


def test_the_package_is_imported_without_figures():
    code = "import sys, d2lhelpers; print([name for name in sys.modules if name.startswith('d2lhelpers.figures')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("number", ["05", "06", "07", "08", "09"])
def test_the_chapters_cells_do_not_draw_themselves(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    drawing = [cell.source for cell in cells if cell.cell_type == "code" and "figures." in cell.source]
    assert len(drawing) > 5
    for source in drawing:
        assert source.replace("plt.show()", "").count("plt.") == 0
    for before, cell in pairwise(cells):
        if "dh.explore(" in cell.source and cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 12
            assert "**Predict before you drag" in before.source.split("\n\n")[-1]


def test_histograms_count_every_estimate_on_the_same_edges():
    figure = chapter08.luck_of_a_split(*CASES[chapter08.luck_of_a_split][0])
    counts = [[bar.get_height() for bar in ax.patches] for ax in figure.axes]
    assert [sum(heights) for heights in counts] == [3, 3]
    assert counts[0][0] == 1  # the smallest of all is in the first bar of the upper panel
    assert counts[0][-1] == 1
    assert counts[1][0] == counts[1][-1] == 0


def test_bars_are_as_long_as_the_standard_errors():
    figure = chapter08.candidates(
        {"linear": np.array([0.1, 0.2]), "other": np.array([0.5, 0.7])}, {"linear": 0.02, "other": 0.3}
    )
    bars = [bar.get_segments()[0] for bar in figure.axes[0].collections]
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[0.13, 0.17], [0.3, 0.9]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["linear", "other"]


def test_years_that_the_model_does_not_know_are_shaded():
    figure = chapter08.shift(*CASES[chapter08.shift][0])
    (shaded,) = figure.axes[0].patches
    assert shaded.get_x() == 1972.5


def test_each_worker_pushes_and_pulls():
    (ax,) = drawn_once(chapter09.parameter_server).axes
    arrows = [text for text in ax.texts if text.get_text() == "" and "-|>" in str(text.arrowprops["arrowstyle"])]
    (_, _, server, _) = boxes = [patch.get_bbox() for patch in ax.patches]
    assert len(arrows) == 2 * 2
    for worker in boxes[:2]:
        ends = [(arrow.xyann, arrow.xy) for arrow in arrows if worker.x0 < arrow.xy[0] < worker.x1]
        assert [(start[1], end[1]) for start, end in ends] == [(worker.y1, server.y0), (server.y0, worker.y1)]


def test_all_gradients_have_one_scale():
    images = [ax.images[0] for ax in drawn_once(chapter09.sum_of_parts).axes[:3]]
    limit = (CELLS + CELLS**2).max()
    assert {image.get_clim() for image in images} == {(-limit, limit)}


def test_a_timeline_has_a_bar_for_each_part_until_it_ends():
    waiting, not_waiting = drawn_once(chapter09.timelines).axes
    bars = [[(bar.get_x(), bar.get_width()) for bar in ax.patches] for ax in (waiting, not_waiting)]
    assert bars == [[(0, 1), (0, 3)], [(0, 1), (1, 1), (0, 3)]]
    assert [label.get_text() for label in waiting.get_yticklabels()] == ["0", "1"]
