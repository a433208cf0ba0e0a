"""The notebooks in JupyterLab, as a learner uses them: with the mouse, the menus and the keyboard.

Of the Chinese edition, two notebooks are tried, which have sliders, the paper to draw on, and exercises.
"""

import configparser
import json
import re

import pytest

from conftest import ROOT, SCREENSHOTS, eventually

NAMES = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
SLIDERS = {
    "01_linear_regression": ["learning rate", "batch size"],
    "03_softmax_regression": ["temperature", "score of class 0", "score of class 1", "score of class 2"],
    "05_weight_decay": ["degree", "strength of the decay"],
    "06_dropout": ["dropout rate"],
    "zh/01_linear_regression": ["学习率", "批量大小"],
}
VERDICTS = {  # a part of what is said of a wrong answer, and of the right one
    "01_linear_regression": ("its factor of three", "01.1 right."),
    "zh/01_linear_regression": ("三倍这个因子也跟着平方", "01.1 答对了。"),
}
PAPER = {  # the button that clears it, and how the title begins that says what was read
    "04_softmax_regression_gluon": ("Clear", "read as {digit},"),
    "zh/04_softmax_regression_gluon": ("清除", "认作 {digit}，"),
}
CHINESE = ["zh/01_linear_regression", "zh/04_softmax_regression_gluon"]
LAPTOP = (1366, 768)  # a small one's window
DRAWN = {
    0: [[[0.5, 0.2], [0.3, 0.35], [0.3, 0.65], [0.5, 0.8], [0.7, 0.65], [0.7, 0.35], [0.5, 0.2]]],
    4: [[[0.55, 0.15], [0.28, 0.6], [0.76, 0.6]], [[0.6, 0.4], [0.6, 0.85]]],
    7: [[[0.28, 0.16], [0.72, 0.16], [0.45, 0.85]], [[0.38, 0.5], [0.7, 0.5]]],
}

# The lines of the notes' Gluon sections that import, each of which may be the first one that somebody types.
NOTES = [
    "from mxnet import autograd, nd",
    "from mxnet.gluon import data as gdata",
    "from mxnet.gluon import nn",
    "from mxnet import init",
    "from mxnet.gluon import loss as gloss",
    "from mxnet import gluon",
]

all_notebooks = pytest.mark.parametrize("notebook", NAMES, indirect=True)


def without_times(text):
    """Leave out what a clock has measured, by the rules that the check of the stored outputs has, too."""
    rules = configparser.RawConfigParser()
    rules.read(ROOT / "tests" / "sanitize.cfg")
    for rule in rules.values():
        if "regex" in rule:
            text = re.sub(rule["regex"], rule["replace"], text)
    return re.sub(" +$", "", text, flags=re.MULTILINE)  # a progress bar, shown on slow machines only, leaves blanks


def results(cells):
    """Return what each cell of code has printed and shown; of a picture, that there is one."""
    shown = []
    for cell in cells:
        texts = [
            without_times("".join(output.get("text") or output["data"].get("text/plain", "")))
            for output in cell["outputs"]
        ]
        pictures = sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        shown.append(("".join(texts), pictures))
    return shown


def check_a_whole_run(notebook):
    stored = json.loads((ROOT / "notebooks" / f"{notebook.name}.ipynb").read_text(encoding="utf-8"))["cells"]
    cells = notebook.save()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert results(cells) == results(cell for cell in stored if cell["cell_type"] == "code")

    page = notebook.page
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents
    folded = [cell["metadata"].get("jupyter", {}).get("source_hidden", False) for cell in cells]
    eventually(prompts, ["" if is_folded else f"[{number}]:" for number, is_folded in enumerate(folded, 1)])
    for kind in ("error", "stderr"):
        assert page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").count() == 0

    images = page.locator(".jp-OutputArea img")
    eventually(images.count, sum(pictures for _, pictures in results(cells)))
    for image in images.all():
        notebook.show(image)
        image.evaluate("image => image.decode()")
        size = image.evaluate("image => [image.clientWidth, image.clientHeight]")
        assert min(size) > 100
    assert notebook.wrong == []


# The tests of a notebook share the open page and take their turns: choose with -k by the notebook's name.


def file_name(notebook):
    return notebook.name.replace("/", "-")


@pytest.mark.parametrize("notebook", [*NAMES, *CHINESE], indirect=True)
def test_run_all_ends_in_the_stored_outputs(notebook):
    notebook.run_all()
    check_a_whole_run(notebook)
    notebook.screenshot(f"lab-{file_name(notebook)}")


@all_notebooks
def test_nothing_of_a_solution_is_seen_until_it_is_opened(notebook):
    cells = json.loads((ROOT / "notebooks" / notebook.path.name).read_text(encoding="utf-8"))["cells"]
    asked = ["".join(cell["source"]) for cell in cells if 'dh.check("' in "".join(cell["source"])]
    with notebook.on_a_high_screen():
        folded = notebook.page.locator(".jp-RenderedMarkdown details")
        solutions = folded.locator("pre")
        eventually(solutions.count, len(asked))
        assert [solution.is_visible() for solution in solutions.all()] == [False] * len(asked)
        # No verdict but those of the exercises themselves, which nobody has answered.
        verdicts = notebook.page.locator(".jp-OutputArea-output strong", has_text=re.compile(r"^\d\d\.\d$"))
        eventually(verdicts.count, len(asked))
        # Of what has only just come onto the screen, innerText may still be empty.
        said = [verdict.locator("..").text_content() for verdict in verdicts.all()]
        assert [text for text in said if "not answered yet" not in text] == []
        for number, solution in enumerate(solutions.all()):
            folded.nth(number).locator("summary").click()
            assert solution.is_visible()
            folded.nth(number).locator("summary").click()
            assert not solution.is_visible()
    assert notebook.wrong == []


@pytest.mark.parametrize("notebook", SLIDERS, indirect=True)
def test_dragging_a_slider_changes_its_picture(notebook):
    cell = notebook.cell("dh.explore(")
    picture = cell.locator("img.widget-image")
    labels = SLIDERS[notebook.name]
    notebook.show(picture)
    sliders = cell.locator(".widget-slider")
    eventually(lambda: [text.strip() for text in sliders.locator(".widget-label").all_text_contents()], labels)
    for slider in sliders.all():
        for share in (0, 1):
            before = picture.get_attribute("src"), slider.locator(".widget-readout").text_content()
            notebook.drag(slider, share)
            cell.locator(f"img.widget-image:not([src='{before[0]}'])").wait_for()
            eventually(
                lambda slider=slider, old=before[1]: slider.locator(".widget-readout").text_content() != old, True
            )
    notebook.screenshot_of(cell, f"lab-{file_name(notebook)}-sliders")
    assert notebook.wrong == []


@all_notebooks
def test_restart_and_run_all_ends_the_same(notebook):
    notebook.restart_and_run_all()
    check_a_whole_run(notebook)


@pytest.mark.parametrize("notebook", VERDICTS, indirect=True)
def test_exercise_is_answered_wrongly_and_then_rightly(notebook, lab):
    lab.progress.unlink(missing_ok=True)
    notebook.run(notebook.cell("import d2lhelpers as dh"))
    exercise = notebook.cell('dh.check("01.1"')
    for answer, reply in zip(["3", "9"], VERDICTS[notebook.name], strict=True):
        notebook.rewrite(exercise, f'answer = {answer}\n\ndh.check("01.1", answer)')
        eventually(lambda reply=reply: reply in exercise.locator(".jp-OutputArea").inner_text(), True)
        assert (lab.progress.exists() and "01.1" in lab.progress.read_text().split()) == (answer == "9")
    assert notebook.wrong == []


@pytest.mark.parametrize("notebook", VERDICTS, indirect=True)
def test_review_puts_a_cell_below_in_which_the_answer_is_checked(notebook, lab):
    lab.progress.write_text("01.1\n")
    language = "zh" if notebook.name.startswith("zh/") else "en"
    asking = notebook.cell("import d2lhelpers as dh")
    notebook.rewrite(asking, f'import d2lhelpers as dh\ndh.set_language("{language}")\ndh.review()')
    below = asking.locator("xpath=following-sibling::*[contains(@class, 'jp-CodeCell')]").first
    eventually(lambda: 'dh.check("01.1", answer)' in below.locator(".cm-content").inner_text(), True)
    assert "01.1" in asking.locator(".jp-OutputArea h3").text_content()
    notebook.rewrite(below, 'answer = 9\n\ndh.check("01.1", answer)')
    eventually(lambda: VERDICTS[notebook.name][1] in below.locator(".jp-OutputArea").inner_text(), True)
    assert [len(line.split()) for line in lab.progress.read_text().splitlines()] == [1, 2]
    assert notebook.wrong == []


def change(cell, act):
    """Do something, and wait until the picture of a cell has become another one."""
    before = cell.locator("img.widget-image").get_attribute("src")
    act()
    cell.locator(f"img.widget-image:not([src='{before}'])").wait_for()


@pytest.mark.parametrize("hand", ["draw", "draw_with_a_finger"])
@pytest.mark.parametrize("notebook", PAPER, indirect=True)
def test_digit_is_drawn_and_recognised(notebook, hand):
    clear, title = PAPER[notebook.name]
    cell, spare = notebook.cell("dh.DrawingPad"), notebook.cell('dh.check("04.1"')
    draw = getattr(notebook, hand)
    for digit, strokes in DRAWN.items():
        change(cell, lambda: cell.get_by_role("button", name=clear).click())
        change(cell, lambda strokes=strokes: draw(cell.locator("canvas"), strokes))
        # A picture cannot be asked, but its title in the kernel can.
        notebook.rewrite(spare, "print(handwriting.axes[2].get_title())")
        said = title.format(digit=digit)
        eventually(lambda said=said: spare.locator(".jp-OutputArea").inner_text().startswith(said), True)
        notebook.screenshot_of(cell, f"lab-{file_name(notebook)}-drawn-{digit}")
    assert notebook.wrong == []


@pytest.mark.parametrize("hand", ["draw", "draw_with_a_finger"])
@pytest.mark.parametrize("notebook", ["04_softmax_regression_gluon"], indirect=True)
def test_first_stroke_takes_the_place_of_the_example(notebook, hand):
    cell, spare = notebook.cell("dh.DrawingPad"), notebook.cell('dh.check("04.1"')

    def ink_after(stroke):
        change(cell, lambda: getattr(notebook, hand)(cell.locator("canvas"), [stroke]))
        notebook.rewrite(spare, "print(handwriting.axes[0].images[0].get_array().sum(axis=0).tolist())")
        output = spare.locator(".jp-OutputArea")
        eventually(lambda: output.inner_text().startswith("["), True)
        return json.loads(output.text_content())

    def differ(ink, other):  # by more than the place of a page that is scrolled differs, in fractions of a pixel
        return sum(abs(a - b) for a, b in zip(ink, other, strict=True)) > 30

    change(cell, lambda: notebook.run(cell))  # new paper, with the example
    (first,), second = DRAWN[0], DRAWN[7][0]
    on_the_example = ink_after(first)
    with_another = ink_after(second)
    change(cell, lambda: cell.get_by_role("button", name="Clear").click())
    assert not differ(ink_after(first), on_the_example)
    assert not differ(ink_after(second), with_another)
    assert differ(with_another, on_the_example)
    assert notebook.wrong == []


@pytest.mark.parametrize("notebook", ["04_softmax_regression_gluon"], indirect=True)
def test_paper_stands_beside_the_figure_on_one_screen(notebook):
    cell = notebook.cell("dh.DrawingPad")
    with notebook.window(*LAPTOP) as screen:
        notebook.screenshot_of(cell, "lab-paper")
        paper, picture = (cell.locator(name).bounding_box() for name in ("canvas", "img.widget-image"))
        assert paper["x"] + paper["width"] <= picture["x"]
        assert picture["x"] + picture["width"] <= LAPTOP[0]
        assert picture["width"] >= 600  # of 900, so that its text can be read
        bottom = max(box["y"] + box["height"] for box in (paper, picture))
        assert bottom - min(paper["y"], picture["y"]) < screen


@pytest.mark.parametrize(
    "notebook", ["01_linear_regression", "03_softmax_regression", "04_softmax_regression_gluon"], indirect=True
)
def test_figure_that_moves_follows_its_question_on_one_screen(notebook):
    cell = notebook.cell("dh.explore(")
    with notebook.window(*LAPTOP) as screen:
        notebook.screenshot_of(cell, f"lab-{notebook.path.stem}-question")
        picture = cell.locator("img.widget-image").bounding_box()
        question = cell.locator("xpath=preceding::p[contains(., 'Predict')][1]").bounding_box()
        assert question["y"] < picture["y"]
        assert picture["y"] + picture["height"] - question["y"] <= screen


@all_notebooks
def test_figures_can_be_read_in_a_narrow_window(notebook):
    page = notebook.page
    with notebook.window(900, 768):
        page.keyboard.press("Control+b")  # hides the list of files, as the first notebook says
        page.locator(".jp-FileBrowser").wait_for(state="hidden")
        images = page.locator(".jp-OutputArea img")
        for image in images.all():
            notebook.show(image)
            image.evaluate("image => image.decode()")
            box, of_its_own = image.bounding_box(), image.evaluate("image => image.naturalWidth / 2")
            assert box["x"] + box["width"] <= 900
            assert box["width"] >= 0.6 * of_its_own  # text of 10 points has 8 pixels then
        if images.count():
            page.screenshot(path=SCREENSHOTS / f"lab-{notebook.path.stem}-narrow.png")
        page.keyboard.press("Control+b")
        page.locator(".jp-FileBrowser").wait_for()


@pytest.mark.parametrize("notebook", ["00_start_here"], indirect=True)
def test_names_of_files_can_be_told_apart(notebook):
    page = notebook.page
    with notebook.window(*LAPTOP):
        page.screenshot(path=SCREENSHOTS / "lab-files.png")
        assert page.locator(".jp-DirListing-itemModified:visible").count() == 0
        names = page.locator(".jp-DirListing-itemText")
        assert [name for name in names.all_text_contents() if name.endswith(".ipynb")] == [
            f"{name}.ipynb" for name in NAMES
        ]
        for name in names.all():
            share = name.evaluate("name => Math.min(name.clientWidth / name.scrollWidth, 1)")
            assert share == 1 or share * len(name.text_content()) > 20


@pytest.mark.parametrize("line", NOTES)
def test_first_line_of_the_notes_runs_in_a_new_notebook(new_notebook, line):
    """Without a word of d2lhelpers, in the kernel that `make lab` starts."""
    cell = new_notebook.cell("")
    new_notebook.rewrite(cell, f"{line}\nimport sys; print(sys.modules['mxnet'].nd.ones((2, 3)).sum().asscalar())")
    eventually(lambda: cell.locator(".jp-OutputArea").inner_text().strip(), "6.0")
    assert new_notebook.wrong == []


def test_without_the_token_there_is_no_notebook_and_no_kernel(lab, open_page):
    def kernels():
        return [kernel["id"] for kernel in json.loads(lab.ask("api/kernels", token=lab.token)[1])]

    before = kernels()
    for token in (None, "0" * 48):
        assert lab.ask("api/contents/01_linear_regression.ipynb", token=token)[0] == 403
        assert lab.ask("api/kernels", token=token)[0] == 403
        assert lab.ask("api/kernels", "POST", token=token)[0] == 403
        assert lab.ask("api/sessions", "POST", token=token)[0] == 403
        for path in ("lab/tree/01_linear_regression.ipynb", "files/01_linear_regression.ipynb"):
            text = lab.ask(path, token=token)[1]
            assert "Predict house prices" not in text
            assert "Token authentication is enabled" in text
    assert lab.ask("api/contents/01_linear_regression.ipynb", token=lab.token)[0] == 200

    page = open_page(f"{lab.origin}lab/tree/01_linear_regression.ipynb", lab.origin).page
    page.locator("#password_input").wait_for()
    assert page.locator(".jp-Notebook").count() == 0
    assert kernels() == before
