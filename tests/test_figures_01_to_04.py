"""The figures of chapters 01 to 04, drawn from small data."""

import subprocess
import sys

import d2lhelpers as dh
from d2lhelpers.figures import chapter01, chapter02, chapter03, chapter04

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from mxnet import nd


@pytest.fixture(autouse=True)
def empty_figures():
    plt.close("all")
    yield
    plt.close("all")


def sales():
    features = nd.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    return features, nd.array([6.2, 4.4, 3.8, 5.6])  # 1.2 and -0.6, and 5 for the average house


def walk(rates, batch_size):
    """Paths of three steps; a larger batch makes them shorter."""
    return np.linspace(0, 1 / batch_size, 4)[:, None, None] * np.stack([rates, -rates], axis=-1)


def losses_at(weights):
    return ((weights - [1.2, -0.6]) ** 2).sum(axis=-1) + 0.04


def pixels_of(drawing):
    return np.full((8, 8), len(drawing) / 2)


def chances_of(drawing):
    return np.eye(10)[len(drawing)]


def curves_by_gap():
    line = np.column_stack([np.arange(5.0), -np.ones(5)])
    with_nan = line.copy()
    with_nan[4, 0] = with_nan[3:, 1] = np.nan
    return {"one step": line, "two steps": with_nan, "with a floor": np.minimum(line, 3)}


FALLING = [9.0, 3.0, 1.0, 0.05]
THETA = np.linspace(0.001, 0.999, 999)
HALF = nd.array([0.2, 0.5, 0.3])
# By name: the figure, or a figure and the function that moves it, and what stands at its axes, panel by panel.
FIGURES = {
    "prices": (
        lambda: chapter01.prices(np.array([80, 120]), np.array([10, 30]), nd.array([3.5, 5.0])),
        [("area (m²)", "price (100,000)"), ("age (years)", "")],
    ),
    "loss_bowl": (
        lambda: chapter01.loss_bowl(*sales(), np.array([[0, 0, 0], [1, -0.5, 4], [1.2, -0.6, 5]]), (1.2, -0.6, 5.0)),
        [("$w_1$ (area)", "$w_2$ (age)"), ("$w_1$ (area)", "$w_2$ (age)")],
    ),
    "learning_rates": (
        lambda: chapter01.learning_rates({0.1: [9, 8, 7], 1.0: [9, 1, 0.05], 3.0: [9, 90, 900]}, floor=0.045),
        [("step", "mean loss (log scale)")],
    ),
    "two_knobs": (
        lambda: chapter01.two_knobs(walk, losses_at, (1.2, -0.6)),
        [("$w_1$ (area)", "$w_2$ (age)"), ("step", "mean loss (log scale)")],
    ),
    "one_neuron": (lambda: chapter01.one_neuron(1.2, -0.6, 5.0), [("", ""), ("", "")]),
    "arrival": (
        lambda: chapter02.arrival(np.eye(4, 3), FALLING, (2, -3.4, 4.2), 0.04, 2),
        [("steps taken", "loss (log scale)"), ("steps taken", "value")],
    ),
    "divisions": (
        lambda: chapter02.divisions({"right": FALLING, "not divided": FALLING, "divided twice": FALLING}),
        [("step", "loss (log scale)")],
    ),
    "two_losses": (
        lambda: chapter02.two_losses([9, 4, 2, 1, 0.5], dh.History(loss=[6, 1.4], test_loss=[2, 0.5]), 2),
        [("steps taken", "loss (log scale)")],
    ),
    "softmax_bars": (
        lambda: chapter03.softmax_bars(nd.array([1, 3, 0.5]), HALF, HALF),
        [("class", "score"), ("class", "probability"), ("class", "")],
    ),
    "tempered_softmax": (
        lambda: chapter03.tempered_softmax(nd.softmax),
        [("", "probability"), ("temperature $T$ (log scale)", "")],
    ),
    "loss_by_probability": (
        lambda: chapter03.loss_by_probability(np.array([0.1, 1]), np.array([2.3, 0]), np.array([0.4, 0])),
        [("probability $p$ given to the right class", "loss")],
    ),
    "readings": (
        lambda: chapter03.readings(nd.ones((20, 1, 8, 8)), np.arange(20) % 10, np.zeros(20, dtype=int), range(4, 20)),
        [("", "")] * 16,
    ),
    "confusion_matrix": (
        lambda: chapter03.confusion_matrix(np.array([[5, 1], [0, 7]])),
        [("predicted class", "true class")],
    ),
    "templates": (
        lambda: chapter03.templates(np.arange(90).reshape(10, 3, 3) - 45),
        [("", "")] * 10 + [("", "weight")],
    ),
    "cross_entropy_by_belief": (
        lambda: chapter03.cross_entropy_by_belief(np.array([0.5, 0.7, 0.9]), [0.7, 0.61, 0.8], 0.7, 0.61),
        [("believed probability $q$ of an event of probability 0.7", "mean surprise")],
    ),
    "likelihood": (
        lambda: chapter03.likelihood(THETA, {n: THETA**n for n in (10, 100, 1000)}, 0.15, THETA, THETA),
        [(r"$\theta$", "likelihood (largest = 1)"), (r"$\theta$", "per mail")],
    ),
    "probabilities": (
        lambda: chapter04.probabilities(
            nd.ones((4, 1, 8, 8)), np.eye(4, 10), np.arange(4), {"most sure": 0, "least sure": 2, "wrong": 3}
        ),
        [("", ""), ("class", "probability"), ("", ""), ("class", ""), ("", ""), ("class", "")],
    ),
    "handwriting": (
        lambda: chapter04.handwriting(pixels_of, chances_of),
        [("32×32 pixels", ""), ("8×8 pixels", ""), ("class", "probability")],
    ),
    "loss_by_gap": (
        lambda: chapter04.loss_by_gap(np.arange(5), curves_by_gap()),
        [
            ("gap: wrong score minus right score", "loss"),
            ("gap: wrong score minus right score", r"$\partial\, \ell \,/\, \partial\, o_y$"),
        ],
    ),
    "sweep": (
        lambda: chapter04.sweep(
            {(size, lr): lr for size in (16, 64, 256) for lr in (0.1, 0.4)}, {0.1: FALLING, 0.4: FALLING, 1.6: FALLING}
        ),
        [
            ("learning rate", "validation loss (log scale)"),
            ("learning rate / batch size", ""),
            ("epoch", ""),
        ],
    ),
}
LEGENDS = {
    "loss_bowl": [[], ["path, 2 steps", "analytical solution"]],
    "learning_rates": [["0.1 (too small: slow)", "1.0 (about right)", "3.0 (too large: diverges)"]],
    "two_knobs": [["path", "minimum"], ["mean loss of all sales", "smallest possible"]],
    "arrival": [["mean loss over all examples", "loss of the true parameters"], ["$w_1$", "$w_2$", "$b$"]],
    "divisions": [["right", "not divided", "divided twice"]],
    "two_losses": [["loss after so many steps", "printed: mean on the way", "after the epoch"]],
    "tempered_softmax": [[], ["class 0", "class 1", "class 2"]],
    "loss_by_probability": [[r"cross-entropy, $-\ln p$", r"for comparison: $\frac{1}{2}(1 - p)^2$"]],
    "cross_entropy_by_belief": [
        [
            "cross-entropy $H(p, q)$",
            "entropy $H(p)$ = 0.61",
            r"difference: $D_{\mathrm{KL}}(p\,\|\,q)$",
            "the truth, 0.7",
        ]
    ],
    "likelihood": [
        ["7 of 10", "70 of 100", "700 of 1000"],
        [r"$-\frac{1}{n} \ln L(\theta)$", r"cross-entropy $H(p, \theta)$, $p$ = 0.7"],
    ],
    "loss_by_gap": [["one step", "two steps", "with a floor"], []],
    "sweep": [["16", "64", "256"], ["16", "64", "256"], ["0.1", "0.4", "1.6"]],
}


def draw(name):
    drawn = FIGURES[name][0]()
    return drawn[0] if isinstance(drawn, tuple) else drawn


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_every_figure_of_the_chapters_is_tried():
    functions = {
        name
        for module in (chapter01, chapter02, chapter03, chapter04)
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    }
    assert functions == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_names_its_axes_and_curves_and_has_a_title(name):
    figure = draw(name)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == [figure.number]  # plt.show() shows it, and nothing else
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes] == FIGURES[name][1]
    assert [legend(ax) for ax in figure.axes] == LEGENDS.get(name, [[]] * len(figure.axes))
    # The takeaway stands above it: of the whole figure, or of its panels if each has one of its own.
    assert figure.get_suptitle() or all(ax.get_title() for ax in figure.axes)


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: chapter01.prices([1], [1], [3.5]), TypeError, "labels must be an MXNet array"),
        (lambda: chapter01.prices([1], [1], nd.ones((1, 1))), ValueError, "labels must have 1 axis"),
        (lambda: chapter01.loss_bowl(sales()[1], sales()[1], [], [1, 1, 1]), ValueError, "features must have 2 axes"),
        (lambda: chapter01.loss_bowl(*sales()[:1] * 2, [], [1, 1, 1]), ValueError, "labels must have 1 axis"),
        (lambda: chapter03.softmax_bars(nd.ones((1, 3)), HALF, HALF), ValueError, "scores must have 1 axis"),
        (lambda: chapter03.softmax_bars(HALF, HALF, [1]), TypeError, "probabilities_of_twice must be an MXNet array"),
        (lambda: chapter04.probabilities(nd.ones((4, 8, 8)), 0, 0, {}), ValueError, "images must have 4 axes"),
    ],
)
def test_arrays_of_other_shapes_are_refused(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
    assert not plt.get_fignums()


def test_bars_show_the_numbers_they_are_given():
    figure = chapter03.softmax_bars(nd.array([1, 3, 0.5]), nd.array([0.11, 0.82, 0.07]), nd.array([0.02, 0.98, 0]))
    heights = [[round(bar.get_height(), 2) for bar in ax.patches] for ax in figure.axes]
    assert heights == [[1, 3, 0.5], [0.11, 0.82, 0.07], [0.02, 0.98, 0]]


def test_what_is_right_is_bold_and_what_is_mistaken_is_dark():
    (ax,) = chapter03.confusion_matrix(np.array([[5, 1, 0], [0, 7, 4], [0, 0, 9]])).axes
    texts = {(text.get_position()[::-1], text.get_text()): text for text in ax.texts}
    assert set(texts) == {((0, 0), "5"), ((0, 1), "1"), ((1, 1), "7"), ((1, 2), "4"), ((2, 2), "9")}
    bold = {place for (place, _), text in texts.items() if text.get_fontweight() == "bold"}
    assert bold == {(0, 0), (1, 1), (2, 2)}
    assert [number for (_, number), text in texts.items() if text.get_color() == "white"] == ["4"]
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 1, 0], [0, 0, 4], [0, 0, 0]])


def test_shades_of_mistakes_fit_a_test_set_of_thousands():
    (ax,) = chapter03.confusion_matrix(np.array([[900, 400], [30, 950]])).axes
    assert [text.get_text() for text in ax.texts if text.get_color() == "white"] == ["400"]
    assert ax.images[0].get_clim()[1] == 400


def test_dots_on_the_cross_entropy_lie_on_it():
    (ax,) = chapter03.loss_by_probability(np.array([0.5]), np.array([0.7]), np.array([0.1])).axes
    dots = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(dots, [[0.01, 4.61], [0.1, 2.3], [0.6, 0.51], [1, 0]], atol=0.01)
    assert [text.get_text() for text in ax.texts] == ["4.61", "2.30", "0.51", "0.00"]


def test_templates_have_one_scale_with_zero_in_its_middle():
    weights = np.arange(90).reshape(10, 3, 3) - 30
    *images, _ = chapter03.templates(weights).axes
    assert [ax.get_title() for ax in images] == list("0123456789")
    assert {ax.images[0].get_clim() for ax in images} == {(-59, 59)}
    for ax, template in zip(images, weights, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), template)


def test_path_on_the_bowl_lies_on_the_bowl():
    path = np.array([[0, 0, 0], [1.2, -0.6, 5]])
    bowl, _ = chapter01.loss_bowl(*sales(), path, (1.2, -0.6, 5.0)).axes
    (line,) = bowl.lines
    # With the best bias: half the mean of the squared 1.2, 0.6, 1.2 and 0.6 at the origin, and nothing at the bottom.
    np.testing.assert_allclose(line.get_data_3d()[2], [0.45, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("curve", "remark"),
    [([9, 5, 0.05], "about right"), ([9, 5, 3], "too small: slow"), ([9, 5, 10], "too large: diverges")],
)
def test_a_curve_is_called_what_it_shows(curve, remark):
    (ax,) = chapter01.learning_rates({0.5: curve}, floor=0.045).axes
    assert legend(ax) == [f"0.5 ({remark})"]


def test_a_loss_that_is_no_number_diverges():
    (ax,) = chapter01.learning_rates({3.0: [9, np.inf, np.nan]}, floor=0.045).axes
    assert legend(ax) == ["3.0 (too large: diverges)"]


def test_ends_of_the_epochs_are_marked():
    losses, parameters = chapter02.arrival(np.eye(7, 3), [1] * 7, (2, -3.4, 4.2), 0.04, 2).axes
    for ax in (losses, parameters):
        assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [2, 4]


def test_knobs_move_the_path():
    figure, update = chapter01.two_knobs(walk, losses_at, (1.2, -0.6))
    path, loss = figure.axes
    moving = update(0.5, 1)
    trail, descent = path.lines[0], loss.lines[0]
    np.testing.assert_allclose(trail.get_xydata()[-1], [0.5, -0.5])
    np.testing.assert_allclose(descent.get_ydata()[[0, -1]], [1.84, 0.54])
    assert path.get_title() == "mean loss 1.8 at the start, 0.54 after 3 steps"
    assert {trail, descent, path.title} < set(moving)
    update(0.5, 2)
    np.testing.assert_allclose(trail.get_xydata()[-1], [0.25, -0.25])


def test_temperature_moves_bars_and_curves():
    figure, update = chapter03.tempered_softmax(nd.softmax)
    bars, curves = figure.axes
    moving = update(0.5, 1, 3, 0.5)
    expected = nd.softmax(nd.array([2, 6, 1])).asnumpy()
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], expected, rtol=1e-5)
    assert bars.get_title() == "at the temperature 0.5"
    assert curves.lines[3].get_xdata() == [0.5, 0.5]
    assert {*bars.patches, *curves.lines, bars.title} < set(moving)
    at_one = [line.get_ydata()[40] for line in curves.lines[:3]]
    np.testing.assert_allclose(at_one, nd.softmax(nd.array([1, 3, 0.5])).asnumpy(), rtol=1e-5)


def test_what_is_drawn_is_read():
    figure, update = chapter04.handwriting(pixels_of, chances_of)
    fine, coarse, chart = figure.axes
    update([])
    assert chart.get_title() == "nothing drawn yet"
    assert [bar.get_height() for bar in chart.patches] == [0] * 10
    moving = update(chapter04.THREE)
    np.testing.assert_array_equal(fine.images[0].get_array(), dh.rasterize(chapter04.THREE))
    assert (coarse.images[0].get_array() == 0.5).all()
    assert chart.get_title() == "read as 1, probability 1.00"
    blue = [bar.get_facecolor() for bar in chart.patches if bar.get_height() == 1]
    assert blue == [plt.matplotlib.colors.to_rgba("tab:blue")]
    assert {*fine.images, *coarse.images, *chart.patches, chart.title} == set(moving)


def test_cross_marks_the_last_number_of_the_two_steps():
    loss, gradient = chapter04.loss_by_gap(np.arange(5), curves_by_gap()).axes
    marks = [[line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "x"] for ax in (loss, gradient)]
    assert marks == [[[[3, 3]]], [[[2, -1]]]]


def test_forms_of_the_loss_may_be_named_in_any_words():
    curves = dict(zip(("一步", "两步", "设下限"), curves_by_gap().values(), strict=True))
    loss, _ = chapter04.loss_by_gap(np.arange(5), curves).axes
    assert legend(loss) == ["一步", "两步", "设下限"]
    assert [line.get_xydata().tolist() for line in loss.lines if line.get_marker() == "x"] == [[[3, 3]]]


def test_sweep_is_drawn_over_the_rate_and_over_its_share_of_an_example():
    grid = {(16, 0.4): 1.0, (16, 0.1): 2.0, (64, 0.1): 3.0, (256, 0.1): 4.0}
    left, middle, right = chapter04.sweep(grid, {0.1: FALLING, 0.4: FALLING, 1.6: FALLING}).axes
    assert left.lines[0].get_xydata().tolist() == [[0.1, 2], [0.4, 1]]
    assert middle.lines[0].get_xdata().tolist() == [0.1 / 16, 0.4 / 16]
    assert right.lines[0].get_xdata().tolist() == [1, 2, 3, 4]


def test_package_does_not_import_the_figures():
    code = "import sys, d2lhelpers; print([name for name in sys.modules if 'figures' in name or name == 'matplotlib'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
