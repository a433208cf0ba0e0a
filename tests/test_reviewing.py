"""What was learnt comes back: when it is due, what is asked, what is noted, and that inputs are new ones."""

import ast
import os
import queue
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import reviewing
from d2lhelpers.exercises import CHAPTERS, asked, exercises, find, schedule, solved, variants
from d2lhelpers.exercises.judging import judge
from d2lhelpers.exercises.solved import Answer

import nbformat
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from mxnet import autograd, gluon, nd

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import questions  # noqa: E402 - the folder of tools has to be named first
from notebook_paths import language_of, name_of, notebooks  # noqa: E402

MONDAY = date(2026, 3, 2)
NUMBERS = [number for chapter in CHAPTERS for number in exercises(chapter)]


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.day = MONDAY

    def wait(self, days):
        self.day += timedelta(days)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(schedule, "today", lambda: clock.day)
    return clock


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "progress.txt"
    monkeypatch.setenv("D2L_PROGRESS", str(path))
    yield path
    asked.ASKED.clear()
    dh.set_language("en")


@pytest.fixture
def said(capsys):
    """What a call has printed, in lines."""

    def call(function, *args):
        capsys.readouterr()
        function(*args)
        return capsys.readouterr().out.splitlines()

    return call


# when


def test_the_intervals_grow_and_then_double(said, clock, file):
    """The first day that each review is due on, found by asking every day."""
    dh.check("01.1", 9)
    waited, last = [], clock.day
    for _ in range(8):
        while said(dh.review)[0].startswith("nothing is due"):
            clock.wait(1)
        waited.append((clock.day - last).days)
        dh.check("01.1", 9)
        last = clock.day
    assert waited == [1, 3, 7, 21, 60, 120, 240, 480]
    days = [MONDAY + timedelta(sum(waited[:i])) for i in range(9)]
    assert file.read_text() == "".join(f"01.1 {day}\n" for day in days)


def test_a_wrong_answer_starts_anew(said, clock, file):
    file.write_text("".join(f"01.1 {MONDAY - timedelta(days)}\n" for days in (32, 31, 28, 21)))
    dh.review()
    assert said(dh.check, "01.1", 3)[-1] == "(starts anew, and comes back on 2026-03-03; try on until it is right)"
    assert said(dh.check, "01.1", 4.5)[-1].startswith("  hint: ")  # one of them is enough
    assert said(dh.check, "01.1", 9)[-1] == "(comes back on 2026-03-03)"
    assert file.read_text().splitlines()[4:] == ["01.1 2026-03-02 wrong", "01.1 2026-03-02"]
    assert said(dh.review) == ["nothing is due; the next is 01.1, on 2026-03-03"]
    clock.wait(1)
    dh.review()
    assert said(dh.check, "01.1", 9)[-1] == "(comes back on 2026-03-06)"


def test_an_answer_that_is_not_mended_starts_anew_too(said, clock, file):
    file.write_text("01.1 2026-02-01\n01.1 2026-02-02\n")
    dh.review()
    dh.check("01.1", 3)
    assert said(dh.review) == ["nothing is due; the next is 01.1, on 2026-03-03"]


def test_no_answer_is_no_wrong_one(said, file):
    file.write_text("01.1 2026-02-01\n")
    dh.review()
    assert said(dh.check, "01.1") == ["○ 01.1 not answered yet"]
    assert file.read_text() == "01.1 2026-02-01\n"


def test_what_is_due_for_the_longest_time_comes_first(said, file):
    file.write_text("01.1 2026-02-10\n01.3 2026-02-09\n01.5 2026-03-02\n01.2 2026-02-10\n")
    order = []
    for _ in range(3):
        order.append(said(dh.review)[0].split()[1])
        dh.check(order[-1], {"01.1": 9, "01.2": mean_squared_loss, "01.3": gradients}[order[-1]])
    assert order == ["01.3", "01.1", "01.2"]
    assert said(dh.review) == ["nothing is due; the next is 01.5, on 2026-03-03"]


def mean_squared_loss(y_hat, y):
    return ((y_hat.reshape((-1,)) - y) ** 2 / 2).mean()


def gradients(X, y, w, b):
    error = nd.dot(X, w) + b - y
    return nd.dot(X.T, error) / len(y), error.mean()


def test_only_what_was_asked_for_counts(said, clock, file):
    """A chapter with old answers in it, run from the top, is no review, right or wrong."""
    dh.check("01.1", 9)
    before = file.read_text()
    clock.wait(1)
    assert said(dh.check, "01.1", 9)[-1].startswith("✓ ")
    dh.check("01.1", 3)
    assert file.read_text() == before
    assert said(dh.review)[0].startswith("### 01.1 ")


def test_before_anything_is_solved(said, file):
    expected = ["nothing has been solved yet; what you solve comes back here, from the day after on"]
    assert said(dh.review) == expected
    file.write_text("42.1 2026-02-01\n01.1 2026-03-02 wrong\nrubbish \x00\n")
    assert said(dh.review) == expected


def test_progress_says_what_is_due(said, clock, file):
    file.write_text("01.1 2026-02-10\n01.3 2026-02-09\n01.5 2026-03-02\n03.2 2026-02-10\n")
    lines = said(dh.progress)
    assert lines[0] == "chapter 01  x.x.x.    3 of 6 solved; due: 01.1, 01.3"
    assert lines[1] == "chapter 02  ......    0 of 6 solved"
    assert lines[2] == "chapter 03  .x....    1 of 6 solved; due: 03.2"
    assert lines[-1] == "due         3; dh.review() asks for one"
    file.write_text("01.1 2026-03-02\n01.3 2026-03-02\n01.3 2026-03-02\n")
    assert said(dh.progress)[-1] == "next due    01.1 on 2026-03-03"


# the file


@pytest.mark.parametrize("text", ["01.1\n01.2\n", "01.1 01.2", "\ufeff01.1\r\n01.2\r\n", "01.2\n01.1\n01.2\n01.1\n"])
def test_old_files_are_understood(said, file, text):
    """They have no days: what is in them was solved some time ago, and is due."""
    file.write_bytes(text.encode())
    assert set(solved.read()) == {"01.1", "01.2"}
    assert said(dh.progress)[0] == "chapter 01  xx....    2 of 6 solved; due: 01.1, 01.2"
    dh.review()
    assert said(dh.check, "01.1", 9)[-1] == "(comes back on 2026-03-05)"
    assert set(solved.read()) == {"01.1", "01.2"}


def test_new_files_are_understood_by_what_read_the_old_ones(file):
    """It took all words of the file for numbers of what is solved."""
    dh.check("01.1", 9)
    dh.check("01.5", "ace")
    assert {"01.1", "01.5"} <= set(file.read_text().split())
    assert set(file.read_text().split()) & set(NUMBERS) == {"01.1", "01.5"}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("01.1 2026-03-02", Answer(MONDAY, True)),
        ("2026-03-02 01.1", Answer(MONDAY, True)),
        ("  01.1\t2026-03-02  well done ", Answer(MONDAY, True)),
        ("01.1 2026-02-30", Answer(None, True)),
        ("01.1 yesterday", Answer(None, True)),
    ],
)
def test_lines_that_a_person_has_written(file, line, answer):
    file.write_text(f"# mine\n\n{line}\n")
    assert solved.read() == {"01.1": [answer]}


@pytest.mark.parametrize("text", ["", "01.2", "01.2 2026-03-01 wrong", "01.2\n"])
def test_a_line_is_added_whatever_the_file_ends_with(file, text):
    file.write_text(text)
    dh.check("01.1", 9)
    assert file.read_text() == f"{text.rstrip()}\n01.1 2026-03-02\n".lstrip("\n")


def test_a_clock_that_is_set_back_does_no_harm(said, clock, file):
    """What was noted stays; what is from a day to come is asked for at once, not in ten years."""
    clock.day = date(2036, 1, 1)
    dh.check("01.1", 9)
    clock.day = MONDAY
    assert said(dh.review)[0].startswith("### 01.1 ")
    assert said(dh.check, "01.1", 9)[-1] == "(comes back on 2026-03-05)"
    assert said(dh.review) == ["nothing is due; the next is 01.1, on 2026-03-05"]
    assert file.read_text() == "01.1 2036-01-01\n01.1 2026-03-02\n"
    clock.day = date(1970, 1, 1)  # a machine without a battery
    assert said(dh.review)[0].startswith("### 01.1 ")


def test_who_travels_westwards_is_not_asked_again_at_once(said, clock):
    dh.check("01.1", 9)
    clock.wait(-1)
    assert said(dh.review) == ["nothing is due; the next is 01.1, on 2026-03-03"]


def test_two_kernels_that_note_the_same_answer_count_once(said, file):
    file.write_text("01.1 2026-03-01\n01.1 2026-03-02\n01.1 2026-03-02\n")
    assert said(dh.review) == ["nothing is due; the next is 01.1, on 2026-03-05"]


def test_a_hundred_years_of_right_answers(file):
    answers = [Answer(MONDAY - timedelta(days), True) for days in range(100, 0, -1)]
    assert schedule.due_on(answers, MONDAY) == date.max


def test_an_answer_that_cannot_be_noted_is_not_said_to_come_back(said, file, tmp_path, monkeypatch):
    file.write_text("01.1 2026-02-01\n")
    dh.review()
    monkeypatch.setenv("D2L_PROGRESS", str(tmp_path))  # a folder
    lines = said(dh.check, "01.1", 9)
    assert lines[-1].startswith("(this could not be noted in ")


# what is asked


@pytest.mark.parametrize("path", [path for path in notebooks() if path.name[:2] in CHAPTERS], ids=name_of)
def test_a_review_asks_word_for_word_what_the_notebook_asks(path, said, file):
    """And in the same language; the cell is that of the notebook, behind what the chapter imports."""
    dh.set_language(language_of(path))
    cells = nbformat.read(path, as_version=4).cells
    for number in exercises(path.name[:2]):
        file.write_text(number)
        shown = "\n".join(said(dh.review))
        (at,) = [i for i, cell in enumerate(cells) if f'dh.check("{number}", ' in cell.source]
        question = cells[at - 1].source
        question = question[question.index(f"### {number} ") :]
        assert shown.startswith(f"{question}\n")
        assert shown.endswith(f"\n{cells[at].source}")
        assert "](" not in question  # a link would lead nowhere from another folder


def test_the_copies_of_the_questions_are_current():
    files = {path.stem: path.read_text(encoding="utf-8") for path in reviewing.QUESTIONS.glob("*.json")}
    expected = {name: questions.text_of(found) for name, found in questions.collect().items()}
    assert files == expected, "run make catalogues"
    assert list(questions.collect()["en"]) == NUMBERS


def test_a_language_without_notebooks_is_asked_in_english(monkeypatch):
    monkeypatch.setattr(reviewing, "language", lambda: "de")
    assert reviewing.question("01.1").text.startswith("### 01.1 Three times the error\n")


@pytest.mark.parametrize("number", NUMBERS)
def test_worked_solution_is_right_in_a_review_held_anywhere(number, file, said):
    """With nothing but the cell's own imports and `dh`; and on other inputs."""
    (path,) = (ROOT / "notebooks").glob(f"{number[:2]}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    (at,) = [i for i, cell in enumerate(cells) if f'dh.check("{number}", ' in cell.source]
    solution = re.search(r"```python\n(.*)\n```", cells[at + 1].source, re.DOTALL)[1]
    cell = reviewing.question(number).cell
    imports = "\n".join(line for line in cell.splitlines() if line.startswith(("import ", "from ")))
    notebook = {"dh": dh}
    exec(f"{imports}\n{solution}", notebook)
    answer = notebook[re.search(rf'^dh\.check\("{number}", (\w+)\)$', cell, re.MULTILINE)[1]]
    for variant in (1,) if number.endswith(".6") else (1, 2, 3):  # a whole recipe takes seconds
        assert judge(find(number), answer, variant).right, variant


# new inputs


def inputs_of(number, variant):
    """Return all arrays and numbers that a check hands to the answer of a worked solution, as bytes."""
    (path,) = (ROOT / "notebooks").glob(f"{number[:2]}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    (at,) = [i for i, cell in enumerate(cells) if f'dh.check("{number}", ' in cell.source]
    solution = re.search(r"```python\n(.*)\n```", cells[at + 1].source, re.DOTALL)[1]
    notebook = {"dh": dh}
    exec(f"{next(cell.source for cell in cells if 'import d2lhelpers as dh' in cell.source)}\n{solution}", notebook)
    name = ast.parse(solution).body[-1].name
    seen = []

    def note(value):
        if isinstance(value, nd.NDArray):
            seen.append(value.asnumpy().tobytes())
        elif isinstance(value, np.ndarray):
            seen.append(value.tobytes())
        elif isinstance(value, float):
            seen.append(repr(value).encode())
        elif isinstance(value, gluon.Block):
            seen.extend(param.data().asnumpy().tobytes() for param in value.collect_params().values())
        elif hasattr(value, "arrays"):  # minibatches, in the order in which they come
            state = np.random.get_state()
            seen.append(b"".join(y.asnumpy().tobytes() for _, y in value))
            np.random.set_state(state)

    def noting(*args):
        for arg in args:
            note(arg)
        if number.endswith(".6"):
            raise RuntimeError("a recipe has seen enough")
        return notebook[name](*args)

    judge(find(number), noting, variant)
    return seen


FUNCTIONS = [number for number in NUMBERS if "\ndef " in reviewing.question(number).cell]
WHOLE_DIGITS = {"07.6"}  # is given all digits in one array: what is new are the random numbers of its training


@pytest.mark.parametrize("number", [number for number in FUNCTIONS if number not in WHOLE_DIGITS])
def test_a_function_is_tried_on_new_inputs(number):
    first, again, *others = (inputs_of(number, variant) for variant in (0, 0, 1, 2))
    assert first
    assert first == again  # so that two tries can be compared
    sets = [set(first), *map(set, others)]
    for i, one in enumerate(sets):
        for other in sets[:i]:
            assert one - other, f"{number}: draw the inputs with the generator of variants.py"


def on_arrays(function):
    """Return a function on NumPy arrays as one that a learner may hand in."""
    return lambda *args: function(
        *(
            arg.asnumpy().astype("float64" if arg.dtype == np.float32 else int) if isinstance(arg, nd.NDArray) else arg
            for arg in args
        )
    )


@pytest.mark.parametrize("number", [number for number in FUNCTIONS if find(number).mistakes])
def test_usual_mistakes_are_found_on_new_inputs(number):
    with np.errstate(all="ignore"):
        for mistake, hint in find(number).mistakes:
            assert not judge(find(number), on_arrays(mistake), variant=1).right, hint


def test_a_training_that_has_grown_without_bound_is_told_so_on_any_inputs():
    """Some of the losses are infinite, and some minus infinite."""

    def train(train_iter):
        net = gluon.nn.Dense(10)
        net.initialize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1e38})
        for X, y in train_iter:
            with autograd.record():
                losses = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
            losses.backward()
            trainer.step(len(y))
        return net

    for variant in (1, 5, 7):
        assert "is the learning rate too large?" in judge(find("04.6"), train, variant).text


def test_each_review_has_inputs_of_its_own(clock, file, monkeypatch):
    tried = []
    monkeypatch.setattr(
        sys.modules["d2lhelpers.exercises"],
        "judge",
        lambda exercise, answer, variant: tried.append(variant) or judge(exercise, answer, variant),
    )
    dh.check("01.2", mean_squared_loss)
    for answer in (mean_squared_loss, None, mean_squared_loss, None):
        clock.wait(400)
        dh.review()
        dh.check("01.2", answer or (lambda y_hat, y: 0.0))
        if answer is None:  # the second try is on the same inputs as the first
            dh.check("01.2", mean_squared_loss)
    dh.check("01.2", mean_squared_loss)
    assert tried == [0, 1, 2, 2, 4, 5, 5, 0]


def test_checks_draw_random_numbers_in_one_way_only():
    for path in (ROOT / "d2lhelpers" / "exercises").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "variants.py":
            assert not re.search(r"default_rng\(|RandomState|np\.random\.(seed|normal|uniform)", text), path.name
            assert not re.search(r"from \.\.data import .*\bseed\b", text), path.name


def test_a_review_leaves_the_inputs_of_other_checks_alone():
    judge(find("01.2"), mean_squared_loss, 3)
    assert variants.generator(1).normal() == np.random.default_rng(1).normal()
    assert inputs_of("01.2", 0) == inputs_of("01.2", 0) != inputs_of("01.2", 3)


# in Jupyter, and elsewhere


def run_in_a_kernel(code):
    """Return what a real kernel prints and shows for each code, and the cells that it asks Jupyter for."""
    manager, client = start_new_kernel(env={**os.environ}, startup_timeout=120)
    try:
        results = []
        for source in code:
            message = client.execute(source)
            text, shown = "", {}
            while True:
                reply = client.get_iopub_msg(timeout=120)
                if reply["parent_header"].get("msg_id") != message:
                    continue
                kind, content = reply["msg_type"], reply["content"]
                if kind == "status" and content["execution_state"] == "idle":
                    break
                text += content.get("text", "") if kind == "stream" else ""
                shown |= content["data"] if kind == "display_data" else {}
                assert kind != "error", content
            while (reply := client.get_shell_msg(timeout=120))["parent_header"].get("msg_id") != message:
                pass  # the kernel has said what it is
            results.append((text, shown, reply["content"]["payload"]))
        return results
    except queue.Empty:
        raise AssertionError("the kernel says nothing") from None
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_jupyter_shows_the_question_and_puts_a_cell_below(file):
    file.write_text("01.2\n")
    asked, answered = run_in_a_kernel(
        [
            "import d2lhelpers as dh; dh.set_language('zh'); dh.review()",
            "f = lambda y_hat, y: ((y_hat.reshape((-1,)) - y) ** 2 / 2).mean()\ndh.check('01.2', f)",
        ]
    )
    question = reviewing._questions("zh")["01.2"]
    assert asked[0] == "1 题该复习。把答案写进下面的新单元格，再运行它。\n"
    assert asked[1]["text/markdown"] == question["text"] == asked[1]["text/plain"]
    assert asked[2] == [{"source": "set_next_input", "text": question["cell"], "replace": False}]
    assert "def mean_squared_loss(y_hat, y): ..." in question["cell"]
    assert re.fullmatch(r"（\d{4}-\d\d-\d\d 再来复习）\n", answered[0])
    assert len(file.read_text().splitlines()) == 2


def test_elsewhere_it_prints_what_to_type_and_that_works(file):
    """In an interpreter without Jupyter, with the cell that is printed typed in."""
    file.write_text("01.2\n")
    code = "import d2lhelpers as dh; dh.review()"
    env = {**os.environ, "D2L_PROGRESS": str(file)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    question, cell = done.stdout.split("\n1 due. Type this, with your answer in place of the dots:\n\n")
    assert question == reviewing.question("01.2").text
    typed = cell.replace("...", "\n    return ((y_hat.reshape((-1,)) - y) ** 2 / 2).mean()")
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{typed}"], env=env, capture_output=True, text=True, check=True
    )
    assert re.search(r"✓ 01\.2 right\. .*\n\(comes back on \d{4}-\d\d-\d\d\)\n$", done.stdout)


def test_a_review_in_chinese(said, clock, file):
    dh.set_language("zh")
    assert said(dh.review) == ["还没有解出题；解出的题从第二天起会在这里再问你"]
    dh.check("01.1", 9)
    assert said(dh.review) == ["现在没有该复习的题；下一题是 01.1，2026-03-03"]
    assert said(dh.progress)[-1] == "下次复习  01.1，2026-03-03"
    clock.wait(1)
    lines = said(dh.review)
    assert lines[0] == "### 01.1 三倍的误差"
    assert "1 题该复习。输入下面的代码，省略号换成你的答案：" in lines
    assert said(dh.check, "01.1", 3)[-1] == "（间隔重新算起，2026-03-04 再来复习；现在接着试，直到答对）"
    assert said(dh.check, "01.1", 9)[-1] == "（2026-03-04 再来复习）"


# where it is told


def test_start_here_explains_it_and_every_chapter_ends_with_it():
    for path in notebooks():
        cells = nbformat.read(path, as_version=4).cells
        if path.name.startswith("00"):
            assert "dh.review()" in "".join(cell.source for cell in cells if cell.cell_type == "markdown")
        else:
            assert re.search(r"`dh\.review\(\)`.*\]\(00_start_here\.ipynb\)", cells[-1].source, re.DOTALL), path
