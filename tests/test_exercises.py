"""How exercises are run, judged and noted; the exercises themselves have a test file for each chapter."""

import faulthandler
import gc
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers.datasets import load_digits
from d2lhelpers.exercises import CHAPTERS, exercises, find, judging, schedule, solved
from d2lhelpers.exercises.calling import call
from d2lhelpers.exercises.comparing import difference
from d2lhelpers.exercises.judging import Verdict, Wrong, judge
from d2lhelpers.exercises.kinds import choice_exercise, function_exercise, number_exercise
from d2lhelpers.exercises.recipes import examine_scores
from d2lhelpers.exercises.showing import Shown
from d2lhelpers.exercises.watching import replaced

import matplotlib
import matplotlib.colors
import nbformat
import numpy as np
import pytest
from mxnet import autograd, gluon, nd

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
sys.path.append(str(ROOT / "tools"))
import notebook_paths  # noqa: E402 - the folder of tools has to be named first

HALF = function_exercise(
    "00.1",
    "Half",
    reference=lambda x: x / 2,
    inputs=lambda rng: [(np.array([1.0, 2.0]),), (rng.normal(size=(3, 2)),), (rng.normal(size=20),)],
    mistakes=[(lambda x: 2 * x, "that is twice as much")],
    why="Two halves are a whole.",
)


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    path = tmp_path / "progress.txt"
    monkeypatch.setenv("D2L_PROGRESS", str(path))
    monkeypatch.setattr(schedule, "today", lambda: date(2026, 3, 1))
    return path


@pytest.fixture
def nobody_hears(monkeypatch):
    """An alarm may ring while MXNet frees an array, of which Python tells a hook; and then ring again in the hook."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    yield
    gc.collect()  # or an array that the alarm has left half made is freed in another test


# what an answer may do


def unwritten(x): ...


def explained(x):
    """Halve x."""


def passed(x):
    pass


def forgotten(x):
    y = x / 2  # noqa: F841


def printed(x):
    print(x / 2)


class Forgetful:
    def __call__(self, x):
        x / 2


def sometimes(x):
    if x.size > 2:
        return x / 2


def test_right_answer():
    assert judge(HALF, lambda x: x / 2) == Verdict("right", "Two halves are a whole.")


HALVES = {
    "list": lambda x: [float(v) / 2 for v in x.reshape((-1,)).asnumpy()] if x.ndim == 1 else (x / 2).asnumpy().tolist(),
    "list of arrays": lambda x: [row / 2 for row in x],
    "tuple of NumPy arrays": lambda x: tuple(x.asnumpy() / 2),
    "fractions": lambda x: [Fraction(float(v)) / 2 for v in x.asnumpy()] if x.ndim == 1 else x / 2,
    "decimals": lambda x: [Decimal(float(v)) / 2 for v in x.asnumpy()] if x.ndim == 1 else x / 2,
    "object array": lambda x: (x / 2).asnumpy().astype(object),
    "mx.np": lambda x: (x / 2).as_np_ndarray(),
    "float64": lambda x: x.asnumpy().astype("float64") / 2,
}


@pytest.mark.parametrize("answer", HALVES.values(), ids=HALVES)
def test_right_answers_in_any_container(answer):
    verdict = judge(HALF, answer)
    assert verdict.right, verdict.text


@pytest.mark.parametrize("answer", [..., lambda x: None, lambda x: ..., unwritten, explained, passed])
def test_no_answer_yet(answer):
    assert judge(HALF, answer) == Verdict("not answered yet")


def test_wrong_answer_says_what_was_tried_what_came_out_and_what_was_expected():
    def double(x):
        return 2 * x

    assert judge(HALF, double) == Verdict(
        "not right yet",
        "  tried:    double([1. 2.])\n  came out: [2. 4.]\n  expected: [0.5 1. ]\n  hint:     that is twice as much",
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x, "came out: \\[1. 2.\\]"),
        (lambda x: x[0] / 2, "came out: a single number|shape \\(1,\\)"),
        (
            lambda x: x.reshape((1, -1)) / 2,
            "came out: an array of shape \\(1, 2\\)\n  expected: an array of shape \\(2,\\)",
        ),
        (lambda x: (x / 2, x), "came out: 2 results: .*\n  expected: an array of shape \\(2,\\)"),
        (lambda x: "0.5", "came out: TypeError: a str was returned, not an array or a number"),
        (lambda x: x / 0 * 0, "came out: \\[nan nan\\]"),
        (lambda x: nd.array([0.5, 1.0]), "tried:    .*an? array.*|came out: an array of shape \\(2,\\)"),
        (lambda x: nd.zeros(x.shape), "came out: \\[0. 0.\\]"),
        (lambda: 1, "came out: TypeError: .*takes 0 positional arguments but 1 was given"),
        (lambda x: 1 / 0, "came out: ZeroDivisionError: division by zero"),
        (lambda x: sys.exit(), "came out: SystemExit"),
        (lambda x: nd.dot(x, nd.ones((3, 3))), "came out: MXNetError: .*dot"),
        (lambda x: x.asnumpy()[7], "came out: IndexError"),
        (3.0, "you gave: 3.0, of the type float\n  expected: a function"),
        (forgotten, "came out: your function returned nothing\n  expected: a result\n  hint:     end with return"),
        (sometimes, "came out: your function returned nothing\n  expected: a result\n  hint:     end with return"),
        (Forgetful(), "came out: your function returned nothing\n  expected: a result\n  hint:     end with return"),
        (printed, "returned nothing\n  expected: a result\n  hint:     print only shows a value: end with return"),
        (lambda x: print(x), "hint:     print only shows a value: end with return"),
        (lambda x: (x / 2, None), "came out: TypeError: a NoneType was returned"),
        (lambda x: {0.5, 1.0}, "came out: TypeError: a set was returned, not an array or a number"),
        (None, "you gave: None\n.*\n  hint:     print\\(...\\) gives None"),
        ("text", "you gave: 'text', of the type str\n  expected: a function"),
    ],
)
def test_wrong_answers(answer, message):
    verdict = judge(HALF, answer)
    assert not verdict.right
    assert re.search(message, verdict.text)
    assert "src/" not in verdict.text
    assert verdict.text.count("\n") <= 4


def test_one_result_where_two_are_wanted():
    two = function_exercise(
        "00.4", "Two", reference=lambda x: (x, x.sum()), inputs=lambda rng: [(np.ones((3, 2)),)], why="Two."
    )
    verdict = judge(two, lambda x: x)
    assert (
        "came out: an array of shape (3, 2)\n  expected: 2 results: an array of shape (3, 2); a single" in verdict.text
    )
    verdict = judge(two, lambda x: float(x.sum().asscalar()))
    assert "came out: a single number\n  expected: 2 results: an array of shape (3, 2); a single" in verdict.text
    assert "came out: 1 result, in a tuple: an array of shape (1,)\n" in judge(two, lambda x: (x.sum(),)).text
    assert "came out: 0 results\n" in judge(two, lambda x: ()).text


def test_answer_that_knows_the_first_input_only_is_not_right():
    assert not judge(HALF, lambda x: x / 2 if x.shape == (2,) else nd.zeros(x.shape)).right
    assert not judge(HALF, lambda x: x / 2 if x.size < 20 else nd.zeros(x.shape)).right


def test_answer_that_changes_its_input_does_not_change_what_is_expected():
    def in_place(x):
        x[:] = 0
        return x

    assert not judge(HALF, in_place).right


@pytest.mark.parametrize("numpy", [False, True])
def test_answer_that_changes_its_input_changes_nothing_for_the_next_one(numpy):
    given = np.ones(2), [1, [2]], {"a": [3]}

    def spoiling(array, numbers, names):
        array[:] = 0
        numbers[1].clear()
        names["a"].clear()
        return 1

    call(spoiling, *given, numpy=numpy)
    assert given[0].tolist() == [1, 1]
    assert given[1:] == ([1, [2]], {"a": [3]})


def recursion(x):
    return recursion(x)


def endless(x):
    while True:
        pass


def bare(x):
    while True:
        try:
            endless(x)
        except:  # noqa: E722
            pass


def stubborn(x):
    while True:
        try:
            endless(x)
        except BaseException:
            pass


def counting(x):
    caught = 0
    while True:
        try:
            endless(x)
        except:  # noqa: E722
            caught += 1
            for number in range(3):
                caught += number
            continue


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (recursion, "RecursionError"),
        (endless, "nothing within"),
        (stubborn, "nothing within"),
        (bare, "nothing within"),
        (counting, "nothing within"),
    ],
)
def test_endless_answers_come_to_an_end(answer, message, monkeypatch, nobody_hears):
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(judging, "_work", lambda: judging.WORK_SECONDS)
    before, trace_before = signal.getsignal(signal.SIGALRM), sys.gettrace()
    faulthandler.dump_traceback_later(120, exit=True, file=sys.__stderr__)  # or all tests would wait for ever
    try:
        verdict = judge(HALF, answer)
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert message in verdict.text
    assert sys.gettrace() is trace_before
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_alarm_rings_only_in_what_is_called_by_whom_has_set_it():
    def answer():
        signal.raise_signal(signal.SIGALRM)

    before = signal.getsignal(signal.SIGALRM)
    alarm = judging.Alarm(60)
    alarm._rest = lambda: 0
    try:
        signal.raise_signal(signal.SIGALRM)  # as while a `finally` is entered, which it must not cut short
        with pytest.raises(judging.OutOfTime):
            answer()
    finally:
        alarm.active = False
        alarm.stop()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


ONCE = judging.Exercise("00.2", "Once", "It is so.", examine=lambda answer: answer())


@pytest.mark.parametrize("answer", [lambda: 1 / 0, lambda: sys.exit("enough")])
def test_an_error_that_no_examination_expects_is_the_answers(answer):
    verdict = judge(ONCE, answer)
    assert verdict.outcome == "not right yet"
    assert re.search(
        "came out: (ZeroDivisionError: division by zero|SystemExit: enough)\n  expected: no error", verdict.text
    )


def busy(seconds):
    """Return an answer that needs the processor for some seconds."""

    def answer():
        start = time.process_time()
        while time.process_time() < start + seconds:
            pass

    return answer


@pytest.mark.parametrize(
    ("slowness", "seconds", "is_right"),
    [(1, 0.1, True), (1, 0.4, False), (0.1, 0.4, False), (2, 0.45, True), (2, 2, False)],
)
def test_a_slow_machine_has_more_time(monkeypatch, slowness, seconds, is_right):
    monkeypatch.setattr(judging, "PATIENCE", 1000)  # others may keep the processor busy while this runs
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(judging, "_work", lambda: slowness * judging.WORK_SECONDS)
    verdict = judge(ONCE, busy(seconds))
    assert verdict.right == is_right
    assert is_right or f"nothing within {0.3 * max(1, slowness):.3g} seconds of work" in verdict.text


@pytest.mark.parametrize(("seconds", "is_right"), [(0.6, True), (3, False)])
def test_time_without_the_processor_does_not_count_at_once(monkeypatch, seconds, is_right):
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(judging, "_work", lambda: judging.WORK_SECONDS)
    assert judge(ONCE, lambda: time.sleep(seconds)).right == is_right


def test_an_exercise_may_have_more_time_than_others(monkeypatch):
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.1)
    monkeypatch.setattr(judging, "_work", lambda: judging.WORK_SECONDS)
    patient = judging.Exercise("00.2", "Once", "It is so.", examine=lambda answer: answer(), seconds=5)
    assert judge(patient, busy(0.4)).right
    assert "nothing within 0.1 seconds of work\n  expected: an end within this time" in judge(ONCE, busy(3)).text


@pytest.mark.parametrize("n", range(5))
def test_functions_of_mxnet_are_put_back_after_an_alarm(monkeypatch, nobody_hears, n):
    """The alarm rings again and again, and so it may in the lines that put them back."""

    def endless_training(train_iter):
        net = gluon.nn.Dense(10)
        net.initialize()
        while True:
            for X, _ in train_iter:
                with autograd.record():
                    net(X)

    def left_open(answer):
        # As if the alarm had rung just before all was put back.
        still_open.append(replaced(gluon.Block, "__call__", None))
        still_open[-1].__enter__()
        answer(load_digits(64)[0])

    still_open = []  # what is not referred to any more would be closed at once
    before = gluon.Block.__call__, nd.NDArray.backward, gluon.Trainer.step, sys.stdout
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.1 + 0.01 * n)
    monkeypatch.setattr(judging, "_work", lambda: judging.WORK_SECONDS)
    assert "nothing within" in judge(find("04.6"), endless_training).text
    assert (gluon.Block.__call__, nd.NDArray.backward, gluon.Trainer.step, sys.stdout) == before
    judge(judging.Exercise("00.2", "Once", "It is so.", examine=left_open), endless_training)
    assert (gluon.Block.__call__, nd.NDArray.backward, gluon.Trainer.step, sys.stdout) == before


@pytest.mark.parametrize("is_recording", [False, True])
def test_recording_is_left_as_it_was(is_recording):
    def answer():
        # As if the alarm had rung just before the end of the record, or of a pause in it.
        autograd.set_recording(not is_recording)
        autograd.set_training(not is_recording)
        raise judging.OutOfTime

    with autograd.record() if is_recording else autograd.pause():
        assert "nothing within" in judge(ONCE, answer).text
        assert (autograd.is_recording(), autograd.is_training()) == (is_recording, is_recording)


def test_the_work_that_is_measured_takes_time():
    assert 1e-4 < judging._work() < 60


def test_judging_in_another_thread():
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(judge(HALF, lambda x: x / 2)))
    thread.start()
    thread.join()
    assert verdicts[0].right


def test_interrupt_goes_through():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(HALF, interrupted)


def test_random_numbers_go_on_as_before():
    def restless(x):
        random.random()
        np.random.normal()
        return x / 2

    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.normal()
    random.seed(1)
    np.random.seed(1)
    assert judge(HALF, restless).right
    assert (random.random(), np.random.normal()) == expected


@pytest.mark.parametrize(
    "answer",
    [
        2,
        2.0,
        np.float32(2),
        np.array([2.0]),
        np.array(2),
        nd.array([2.0]),
        2.001,
        [2],
        (2.0,),
        [nd.array([2])],
        Fraction(4, 2),
        Decimal("2.001"),
    ],
)
def test_numbers(answer):
    two = number_exercise("00.2", "Two", lambda: 2, why="Even.", mistakes=[(3, "one too many")])
    assert judge(two, answer).right


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (3, "you gave: 3\n  expected: a smaller number\n  hint:     one too many"),
        (1.5, "you gave: 1.5\n  expected: a larger number$"),
        (float("nan"), "expected: a finite number"),
        (float("inf"), "expected: a finite number"),
        (-float("inf"), "expected: a finite number"),
        (True, "of the type bool\n  expected: a number"),
        ("2", "'2', of the type str\n  expected: a number\n  hint:     write it without quotes"),
        ([2, 3], "[2, 3], of the type list\n  expected: a number"),
        (lambda: 2, "of the type function\n  expected: a number\n  hint:     hand in the number itself"),
    ],
)
def test_wrong_numbers(answer, message):
    two = number_exercise("00.2", "Two", lambda: 2, why="Even.", mistakes=[(3, "one too many")])
    verdict = judge(two, answer)
    assert not verdict.right
    assert message.removesuffix("$") in verdict.text


CHOICE = choice_exercise(
    "00.3", "Letters", {"a": (True, "hint a"), "b": (False, "hint b"), "c": (True, "hint c")}, why="They are letters."
)


@pytest.mark.parametrize(
    "answer",
    [
        "ac",
        "CA",
        "a, c",
        "a;c",
        "a/c",
        "a and c",
        "a, and c.",
        "A) C)",
        ["a", "c"],
        ["a,", "c"],
        {"c", "a"},
        ("A", "C"),
    ],
)
def test_choices(answer):
    assert judge(CHOICE, answer).right


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("abc", "2 right, 1 wrong, 0 missing\n  expected: all true ones and no other\n  hint:     hint b"),
        ("a", "1 right, 0 wrong, 1 missing\n  expected: all true ones and no other\n  hint:     hint c"),
        ("b", "0 right, 1 wrong, 2 missing"),
        ("ax", "the letters x\n  expected: letters of a, b, c"),
        (3, "3, of the type int\n  expected: letters"),
        ("", "not answered yet"),
    ],
)
def test_wrong_choices(answer, message):
    verdict = judge(CHOICE, answer)
    assert not verdict.right
    assert message in verdict.text


# check and progress


@pytest.mark.parametrize(
    ("verdict", "plain"),
    [
        (Verdict("right", "It is <even> & more."), "✓ 00.1 right. It is <even> & more."),
        (
            Verdict("not right yet", "  you gave: <3>\n  expected: a & b"),
            "✗ 00.1 not right yet\n  you gave: <3>\n  expected: a & b",
        ),
        (Verdict("not answered yet"), "○ 00.1 not answered yet"),
    ],
)
def test_verdict_is_shown_as_text_and_as_html_with_the_same_words(verdict, plain):
    shown = Shown("00.1", verdict)
    assert repr(shown) == plain
    words = "".join(xml.etree.ElementTree.fromstring(shown._repr_html_()).itertext())
    assert re.sub(r"\s", "", words) == re.sub(r"\s", "", plain)


def test_verdicts_differ_in_sign_and_in_colour_and_can_be_read_on_it():
    shown = [Shown("00.1", Verdict(outcome)) for outcome in ("right", "not right yet", "not answered yet")]
    assert len({repr(one)[0] for one in shown}) == 3
    colors = [re.search("background: (#.{6})", one._repr_html_())[1] for one in shown]
    luminances = [luminance(color) for color in colors]
    assert len(set(colors)) == 3
    assert all(1.05 / (value + 0.05) >= 4.5 for value in luminances)  # white on it, by the rule of WCAG 2


def luminance(color):
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(color)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_check_notes_what_is_right(capsys, progress_file):
    dh.check("01.1", 3)
    dh.check("01.1")
    assert not progress_file.exists()
    dh.check("01.1", 9)
    dh.check("01.1", 9)
    dh.check("01.5", "ace")
    assert progress_file.read_text() == "01.1 2026-03-01\n01.5 2026-03-01\n"
    out = capsys.readouterr().out
    assert out.startswith("✗ 01.1 not right yet\n")
    assert "○ 01.1 not answered yet\n" in out
    assert out.count("✓ 01.1 right. ") == 2


@pytest.mark.parametrize("number", ["01.99", "1.1", "99.1", "", None, 1.1])
def test_check_of_no_exercise(number):
    with pytest.raises(ValueError, match="there is no exercise"):
        dh.check(number, 1)


def test_progress_shows_each_chapter_and_the_file(capsys, progress_file):
    progress_file.write_text("01.1 2026-03-01\n01.2 2026-03-01\nrubbish \x00\n01.1 2026-03-01\n")
    dh.progress()
    *lines, due = capsys.readouterr().out.splitlines()
    assert due == "next due    01.1 on 2026-03-02"
    assert [line.split()[1] for line in lines[:-1]] == list(CHAPTERS)
    assert lines[0] == "chapter 01  xx....    2 of 6 solved"
    total = sum(len(exercises(chapter)) for chapter in CHAPTERS)
    assert lines[-1] == f"all         2 of {total}; kept in {progress_file}, delete it to start afresh"
    progress_file.unlink()
    dh.progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "chapter 01  ......    0 of 6 solved"
    assert lines[-1].startswith("all ")  # nothing can be due


def test_progress_that_cannot_be_written_or_read(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_PROGRESS", str(tmp_path))  # a folder
    dh.check("01.1", 9)
    assert "could not be noted" in capsys.readouterr().out
    assert solved.read() == {}


def test_progress_is_in_the_home_folder_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("D2L_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert solved.path() == tmp_path / ".d2lhelpers-progress.txt"


def test_two_kernels_may_note_at_once(progress_file):
    code = (
        "import datetime, d2lhelpers.exercises.solved as s\n"
        "for i in range(50): s.add(f'{%d}.{i}', datetime.date(2026, 3, 1), right=not i & 1)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code % i]) for i in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    lines = progress_file.read_text().splitlines()
    expected = [f"{k}.{i} 2026-03-01" + " wrong" * (i % 2) for k in range(2) for i in range(50)]
    assert sorted(lines) == sorted(expected)


# the exercises in the notebooks


EDITIONS = [("en", NOTEBOOKS), *((name, NOTEBOOKS / name) for name in notebook_paths.languages())]
WORDS = {  # in the notebooks: above a solution, under an exercise, and before a recipe
    "en": ("Worked solution", "not answered yet", "The check takes at most {} seconds"),
    "zh": ("参考答案", "还没有作答", "检查最多.* {} 秒"),
}
all_editions = pytest.mark.parametrize(("language", "folder"), EDITIONS, ids=[name for name, _ in EDITIONS])


def cells_of(chapter, folder=NOTEBOOKS):
    (path,) = folder.glob(f"{chapter}_*.ipynb")
    return nbformat.read(path, as_version=4).cells


@all_editions
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_asks_every_exercise(chapter, language, folder):
    found, cells = exercises(chapter), cells_of(chapter, folder)
    assert 4 <= len(found) <= 8
    assert list(found) == [f"{chapter}.{i}" for i in range(1, len(found) + 1)]
    assert list(found.values())[-1].title == "Write it from memory"
    headings = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    for number, exercise in found.items():
        heading = f"### {number} {exercise.title}" if language == "en" else f"### {number} "
        assert sum(line.startswith(heading) for line in headings) == 1
        (asked,) = [cell for cell in cells if f'dh.check("{number}", ' in cell.source]
        (output,) = asked.outputs
        assert output.data["text/plain"] == f"○ {number} {WORDS[language][1]}"
        assert asked.metadata == {}


@all_editions
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_solution_is_folded_away(chapter, language, folder):
    """Of the other editions their code need not be tried: it is that of the English one, but for comments and words."""
    texts = [cell.source for cell in cells_of(chapter, folder) if cell.cell_type == "markdown"]
    folded = [text for text in texts if text.startswith(f"<details><summary>{WORDS[language][0]}</summary>\n\n")]
    assert len(folded) == len(exercises(chapter))
    assert all(text.endswith("\n```\n\n</details>") for text in folded)
    assert "".join(texts).count("<details>") == len(folded)


@pytest.mark.parametrize("number", [number for chapter in CHAPTERS for number in exercises(chapter)])
def test_worked_solution_is_folded_away_and_right_where_the_answer_is_asked_for(number, capsys):
    """In the exercise's cell, after the chapter's imports; and nothing of it stands outside of what is folded."""
    cells = cells_of(number[:2])
    (asked,) = [i for i, cell in enumerate(cells) if f'dh.check("{number}", ' in cell.source]
    folded = re.fullmatch(
        r"<details><summary>Worked solution</summary>\n\n.*?\n\n```python\n(.*)\n```\n\n</details>",
        cells[asked + 1].source,
        re.DOTALL,
    )
    assert cells[asked + 1].cell_type == "markdown"
    placeholder, check = cells[asked].source.rsplit("\n\n", 1)
    assert "..." in placeholder
    notebook = {"__name__": "__main__"}
    imports = next(cell.source for cell in cells if "import d2lhelpers as dh" in cell.source)
    with matplotlib.rc_context():
        exec(f"{imports}\n{folded[1]}\n{check}", notebook)
    assert capsys.readouterr().out == f"✓ {number} right. {find(number).why}\n"


@all_editions
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_says_how_much_time_a_recipe_has(chapter, language, folder):
    number, recipe = list(exercises(chapter).items())[-1]
    (text,) = [cell.source for cell in cells_of(chapter, folder) if cell.source.startswith(f"### {number} ")]
    assert re.search(WORDS[language][2].format(recipe.seconds or judging.TIME_LIMIT), text)


def test_wrong_is_plain_data():
    wrong = Wrong("tried", "came out", "expected", "hint")
    assert json.dumps(wrong.args) == '["tried", "came out", "expected", "hint"]'
    assert str(Wrong("a", "b", "c")).splitlines() == ["  tried:    a", "  came out: b", "  expected: c"]
    assert str(Wrong("", "b", "c")).splitlines() == ["  you gave: b", "  expected: c"]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_scores_are_the_same_if_they_differ_by_rounding_only(size):
    scores = size * np.array([[1.0, -1.0, 0.5], [1.01, -1.0, 0.5]])
    examine_scores(scores, "trained")
    scores[1] = scores[0] * (1 + 1e-7)
    with pytest.raises(Wrong, match="the same scores for all images"):
        examine_scores(scores, "trained")


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        ((np.ones(2), 1.0, 2.0), "end with return w, b"),
        (np.ones(2), "end with return w, b"),
        ((np.ones(3), 1.0), "print the shape after each step"),
    ],
)
def test_results_of_another_number_get_another_hint_than_those_of_another_shape(got, hint):
    wrong = difference("trained", got, (np.ones(2), 1.0), "", names="w, b")
    assert str(wrong).splitlines()[-1] == f"  hint:     {hint}"


def test_one_result_of_another_shape_gets_the_hint_to_look_at_shapes():
    wrong = difference("trained", np.ones(3), np.ones(2), "")
    assert str(wrong).splitlines()[-1] == "  hint:     print the shape after each step"


def test_results_of_different_shapes_where_one_is_asked_are_several_results():
    wrong = difference("trained", (np.ones(2), np.ones(3)), np.ones(2), "")
    assert "came out: 2 results: an array of shape (2,); an array of shape (3,)" in str(wrong)
