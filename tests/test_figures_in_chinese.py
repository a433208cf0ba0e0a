"""Figures, their captions and their controls in Chinese: no English is left, and no character lacks a picture."""

import ast
import inspect
import re
import warnings
from functools import cache
from itertools import combinations
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import interactive, plotting
from d2lhelpers.captions import takeaway
from d2lhelpers.figures import chapter01, chapter03, chapter05
from d2lhelpers.language import _

import ipywidgets as widgets
import matplotlib.pyplot as plt
import nbformat
import pytest
import test_figures_01_to_04 as first
import test_figures_05_to_09 as second
from matplotlib.figure import Figure
from matplotlib.text import Text

ROOT = Path(__file__).resolve().parent.parent
FIGURES = {name: draw for name, (draw, *_rest) in first.FIGURES.items()}
FIGURES |= {draw.__name__: lambda draw=draw: draw(*second.CASES[draw][0]) for draw in second.CASES}
all_figures = pytest.mark.parametrize("name", FIGURES)
# Words that stay, and those that the figures of these tests are handed: in a notebook the chapter says them.
NAMES = {"softmax", "tanh", "ReLU", "ln", "nan", "float", "MB", "Xavier", "He"}
HANDED = {
    "divisions": {"right", "not", "divided", "twice"},
    "probabilities": {"most", "least", "sure", "wrong"},
    "loss_by_gap": {"one", "two", "step", "steps", "with", "floor"},
    "step_times": {"slow", "fast"},
}


@pytest.fixture(autouse=True)
def chinese():
    dh.set_language("zh")
    yield
    dh.set_language("en")
    plt.close("all")


def figure_of(name):
    """Return the figure; one for sliders, with the words that they change."""
    drawn = FIGURES[name]()
    if isinstance(drawn, Figure):
        return drawn
    figure, update = drawn
    update(**{name: [] if name == "drawing" else 0.5 for name in inspect.signature(update).parameters})
    return figure


def draw(figure):
    """Draw a figure; what matplotlib warns of, such as a character that no font has, is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()


@cache
def drawn(name):
    figure = figure_of(name)
    draw(figure)
    return figure


def english_in(text):
    return set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\$[^$]*\$", " ", text))) - NAMES


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@all_figures
def test_no_english_is_left_and_every_character_is_drawn(name):
    figure = drawn(name)
    assert {word for text in texts(figure) for word in english_in(text)} <= HANDED.get(name, set())
    assert re.search(r"[\u4e00-\u9fff]", takeaway(figure))


def labels(figure):
    """Return the texts that stand around the panels, and the legends."""
    found = [figure._suptitle, *figure.legends]
    for ax in figure.axes:
        found += [ax.title, *([ax.xaxis.label, ax.yaxis.label] if ax.axison and ax.name != "3d" else [])]
    return [label for label in found if label and (not isinstance(label, Text) or label.get_text().strip())]


@all_figures
def test_no_title_or_label_is_cut_off_or_lies_on_another(name):
    figure = drawn(name)
    boxes = {label: label.get_window_extent().padded(-1) for label in labels(figure)}
    outside = [label for label, box in boxes.items() if not (box.x0 >= 0 and box.x1 <= figure.bbox.x1)]
    assert outside == []
    assert [(one, other) for one, other in combinations(boxes, 2) if boxes[one].overlaps(boxes[other])] == []


def test_a_short_label_of_the_bowl_stands_upright():
    bowl, _above = figure_of("loss_bowl").axes
    assert bowl.get_zlabel() == "平均损失"
    assert bowl.zaxis.get_rotate_label(bowl.get_zlabel())


def test_bold_digits_are_bold():
    (ax,) = figure_of("confusion_matrix").axes
    bold = {Path(plt.matplotlib.font_manager.findfont(text.get_fontproperties())).stem for text in ax.texts}
    assert "DejaVuSans-Bold" in bold


def test_curves_by_epoch():
    dh.History([1, 0.5], [0.1, 0.2], [2, 1], [0.1, 0.3], [1, 1], [9, 9], "accuracy").plot()
    losses, accuracies = plt.gcf().axes
    assert [first.legend(ax) for ax in (losses, accuracies)] == [["训练损失", "测试损失"], ["训练准确率", "测试准确率"]]
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in (losses, accuracies)] == [
        ("迭代周期", "损失"),
        ("迭代周期", "准确率"),
    ]
    draw(plt.gcf())
    dh.History([1, 0.5], [0.1, 0.2], [2, 1], [0.1, 0.3], [1, 1], [9, 9], "error_rate").plot()
    assert first.legend(plt.gcf().axes[1]) == ["训练 error_rate", "测试 error_rate"]


def test_a_learners_own_words_are_drawn():
    dh.set_figsize()
    dh.plot([-1, 2], [[3, 4], [5, -6]], "横坐标", "纵坐标", legend=["甲", "乙"])
    draw(plt.gcf())
    axes = plotting.show_images(first.nd.ones((2, 8, 8)), 1, 2, titles=["数字", "另一个"])
    draw(axes[0].figure)


# captions and controls


def test_caption_has_chinese_punctuation():
    assert takeaway(figure_of("arrival")) == "损失降到噪声的水平，就不再下降。参数走到了真实值（灰线）。"
    assert takeaway(figure_of("tempered_softmax")) == "温度低：概率全归最大的得分。温度高：各个类别趋于一样。"
    figure, (left, right) = plt.subplots(1, 2)
    titles = left.set_title("学会了吗？"), right.set_title("没有！"), figure.suptitle("")
    assert takeaway(figure) == titles[0].get_text() + titles[1].get_text()


def explored(monkeypatch, figure, update, **controls):
    shown = []
    monkeypatch.setattr(interactive, "display", shown.append)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dh.explore(figure, update, **controls)
    return shown[0]


def test_sliders_are_called_in_chinese(monkeypatch):
    sliders = {"learning_rate": widgets.FloatSlider(0.1), "batch_size": widgets.IntSlider(1, min=1)}
    panel = explored(monkeypatch, *FIGURES["two_knobs"](), **sliders)
    assert [slider.description for slider in sliders.values()] == ["学习率", "批量大小"]
    assert repr(panel) == ("可以用控件改变的图：学习率，批量大小\n步子小能走到底，大一些在碗底徘徊，太大就发散。")
    assert {slider.style.description_width for slider in sliders.values()} == {"9ch"}  # a character takes two
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sliders["learning_rate"].value = 0.3


def test_sliders_of_the_notebooks_have_chinese_names():
    calls = [
        call
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and "dh.explore(" in cell.source
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "dh.explore"
    ]
    names = {
        keyword.arg.replace("_", " ")
        for call in calls
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Call)
        and not ast.unparse(keyword.value).startswith("dh.DrawingPad")
        and "description" not in {argument.arg for argument in keyword.value.keywords}
    }
    assert {"learning rate", "temperature"} < names
    assert {name for name in names if english_in(_(name))} == set()


def test_paper_to_draw_on_speaks_chinese(monkeypatch):
    pad = dh.DrawingPad()
    assert (pad.description, pad.clear) == ("手写板", "清除")
    assert pad.label == "手写板：用鼠标、触控笔或手指写一个数字"
    panel = explored(monkeypatch, *FIGURES["handwriting"](), drawing=pad)
    assert repr(panel).startswith("可以用控件改变的图：手写板\n")
    dh.set_language("en")
    pad = dh.DrawingPad()
    assert (pad.description, pad.clear) == ("a drawing", "Clear")
    assert dh.DrawingPad(description="my paper").description == "my paper"


def test_the_page_has_no_words_of_its_own():
    script = (ROOT / "d2lhelpers" / "drawing_pad.js").read_text(encoding="utf-8")
    code = re.sub("//.*", "", script)
    asked = set(re.findall(r'model\.get\("(\w+)"\)', code))
    assert {"clear", "label"} < asked
    assert asked <= set(dh.DrawingPad().traits(sync=True))
    assert not re.search(r'textContent = "|"aria-label", "', code)


# a figure keeps the language that it was drawn in


@pytest.mark.parametrize(
    ("draw", "values"),
    [
        (lambda: chapter01.two_knobs(first.walk, first.losses_at, (1.2, -0.6)), (0.5, 1)),
        (lambda: chapter03.tempered_softmax(first.nd.softmax), (0.5, 1, 3, 0.5)),
        (lambda: chapter05.degree_and_decay(*second.CASES[chapter05.degree_and_decay][0]), (3, 0.5)),
        (FIGURES["handwriting"], (first.chapter04.THREE,)),
        (FIGURES["dropout_noise"], (0.5,)),
    ],
)
def test_what_moves_speaks_as_the_rest_of_its_figure(draw, values):
    dh.set_language("en")
    figure, update = draw()
    update(*values)
    before = texts(figure)
    dh.set_language("zh")
    update(*values)
    assert texts(figure) == before
