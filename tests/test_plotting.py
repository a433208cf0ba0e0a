import d2lhelpers as dh
from d2lhelpers import plotting

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def empty_figures():
    plt.close("all")
    yield
    plt.close("all")
    plt.rcdefaults()


@pytest.fixture
def formats(monkeypatch):
    """The figure formats that are asked for, in their order: d2l's own and the package's."""
    asked = []
    monkeypatch.setattr(plotting, "set_matplotlib_formats", lambda *names: asked.append(names))
    monkeypatch.setattr(plotting.d2l.display, "set_matplotlib_formats", lambda *names: asked.append(names))
    return asked


def lines():
    return [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in plt.gca().lines]


def test_set_figsize_sets_the_size():
    dh.set_figsize((4, 3))
    assert plt.rcParams["figure.figsize"] == [4, 3]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: dh.set_figsize(),
        lambda: dh.plot([1, 2], [3, 4]),
        lambda: plotting.plot_epochs([("loss", {"training loss": [1, 2]})]),
    ],
)
def test_the_last_word_on_the_format_is_png(formats, draw):
    draw()
    assert ("svg",) in formats
    assert formats[-1] == ("retina",)


@pytest.mark.parametrize(
    ("X", "Y", "expected"),
    [
        ([1, 2, 3], [4, 5, 6], [([1, 2, 3], [4, 5, 6])]),
        ([1, 2], [[3, 4], [5, 6]], [([1, 2], [3, 4]), ([1, 2], [5, 6])]),
        ([[1, 2], [7, 8]], [[3, 4], [5, 6]], [([1, 2], [3, 4]), ([7, 8], [5, 6])]),
    ],
)
def test_plot_draws_lists(X, Y, expected):
    dh.plot(X, Y)
    assert lines() == expected


def test_plot_of_ordinates_alone():
    dh.plot([4, 5, 6])
    assert lines() == [([0, 1, 2], [4, 5, 6])]


def test_plot_draws_arrays(any_xp):
    x = any_xp.array([1, 2, 3])
    dh.plot(x, [x**2, 2 * x, np.array([0, 0, 1])])
    assert lines() == [([1, 2, 3], [1, 4, 9]), ([1, 2, 3], [2, 4, 6]), ([1, 2, 3], [0, 0, 1])]


def test_plot_draws_arrays_alone(any_xp):
    dh.plot(any_xp.array([1, 2, 3]), any_xp.array([3, 4, 5]))
    assert lines() == [([1, 2, 3], [3, 4, 5])]


def test_plot_draws_a_tuple_of_arrays(any_xp):
    x = any_xp.array([1, 2, 3])
    dh.plot(x, (x, 2 * x))
    assert lines() == [([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [2, 4, 6])]


def test_plot_passes_options_on():
    dh.plot([1, 2], [3, 4], "x", "y", legend=["a"], xlim=[0, 5], yscale="log")
    ax = plt.gca()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xlim(), ax.get_yscale()) == ("x", "y", (0, 5), "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a"]


def test_plot_epochs_draws_a_panel_for_each_pair():
    losses, accuracies = {"training loss": [3, 2, 1], "test loss": [4, 3, 2]}, {"training accuracy": [0.1, 0.2, 0.3]}
    plotting.plot_epochs([("loss", losses), ("accuracy", accuracies)])
    left, right = plt.gcf().axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[3, 2, 1], [4, 3, 2]]
    assert [line.get_ydata().tolist() for line in right.lines] == [[0.1, 0.2, 0.3]]
    for ax, label in ((left, "loss"), (right, "accuracy")):
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
        assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
        assert all(float(tick).is_integer() for tick in ax.get_xticks())
    for ax, names in ((left, list(losses)), (right, list(accuracies))):
        assert [text.get_text() for text in ax.get_legend().get_texts()] == names


def test_epochs_are_whole_numbers_however_few_there_are():
    plotting.plot_epochs([("loss", {"training loss": [3, 2]})])
    ticks = plt.gca().get_xticks()
    assert len(ticks) >= 2
    np.testing.assert_array_equal(ticks, ticks.round())


# show_images


def images(xp, shape):
    return xp.array(np.arange(np.prod(shape)).reshape(shape), dtype="float32")


@pytest.mark.parametrize(("n", "rows", "cols"), [(6, 2, 3), (5, 2, 3), (1, 1, 1), (1, 2, 3), (2, 2, 1), (3, 1, 3)])
@pytest.mark.parametrize("channel", [(), (1,)])
def test_show_images_shows_each_image_once(any_xp, n, rows, cols, channel):
    values = images(any_xp, (n, *channel, 4, 5))
    axes = dh.show_images(values, rows, cols)
    assert len(axes) == n
    for ax, image in zip(axes, values.asnumpy().reshape(n, 4, 5), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert ax.images[0].get_cmap().name == "gray_r"
    for ax in plt.gcf().axes[n:]:
        assert not ax.axison
        assert not ax.images


def test_show_images_sets_titles(any_xp):
    axes = dh.show_images(images(any_xp, (3, 4, 5)), 1, 3, titles=["a", "b", "c"])
    assert [ax.get_title() for ax in axes] == ["a", "b", "c"]


def test_show_images_scales_the_figure():
    dh.show_images(images(mx.nd, (6, 4, 4)), 2, 3, scale=2)
    assert plt.gcf().get_size_inches().tolist() == [6, 4]


@pytest.mark.parametrize(
    ("shape", "change", "error", "message"),
    [
        ((2, 3, 4, 4), {}, ValueError, r"images must have one channel, shape \(n, 1, h, w\), .*\(2, 3, 4, 4\)"),
        ((4, 4), {}, ValueError, r"images must have 3 or 4 axes, but has the shape \(4, 4\)"),
        ((3, 4, 4), {}, ValueError, r"3 images do not fit into 1 × 2 cells; make the grid larger"),
        ((2, 4, 4), {"titles": ["a"]}, ValueError, r"titles must hold one title an image, .* 1 for 2 images"),
        ((2, 4, 4), {"titles": []}, ValueError, r"titles must hold one title an image, .* 0 for 2 images"),
        ((2, 4, 4), {"num_rows": 0}, ValueError, r"num_rows must be at least 1, but is 0"),
        ((2, 4, 4), {"num_cols": 2.0}, TypeError, r"num_cols must be a whole number, but is 2.0 \(float\)"),
        ((2, 4, 4), {"num_cols": True}, TypeError, r"num_cols must be a whole number, but is True"),
        ((2, 4, 4), {"scale": -1}, ValueError, r"scale must"),
        ((2, 4, 4), {"scale": "a"}, TypeError, r"scale must"),
    ],
)
def test_show_images_refuses_bad_values(xp, shape, change, error, message):
    with pytest.raises(error, match=message):
        dh.show_images(images(xp, shape), **{"num_rows": 1, "num_cols": 2} | change)


@pytest.mark.parametrize("values", [np.ones((2, 4, 4)), [[[1.0]]], None])
def test_show_images_refuses_what_is_no_mxnet_array(values):
    with pytest.raises(TypeError, match=r"images must be an MXNet array, but is of the type .*; convert it"):
        dh.show_images(values, 1, 2)
