"""All exercises of the usual kinds, whatever their chapter: right answers in any form, and every slip with its hint."""

import warnings
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from inspect import getclosurevars

from d2lhelpers.exercises import CHAPTERS, exercises
from d2lhelpers.exercises.calling import call
from d2lhelpers.exercises.comparing import agree, is_finite
from d2lhelpers.exercises.judging import Verdict, Wrong, judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import nd

ALL = {number: exercise for chapter in CHAPTERS for number, exercise in exercises(chapter).items()}
FUNCTIONS = [n for n, e in ALL.items() if e.mistakes and callable(e.mistakes[0][0])]
NUMBERS = [n for n, e in ALL.items() if e.mistakes and not callable(e.mistakes[0][0])]
RIGHT_NUMBERS = {
    "01.1": 9,
    "02.1": 0.005,
    "02.2": 0.025,
    "03.1": 4.6052,
    "04.1": 7850,
    "05.1": 0.366,
    "06.1": 9610,
    "07.1": 800_000,
    "08.1": 27,
    "09.2": 0.4,
}
RIGHT_LETTERS = {
    "01.5": "ace",
    "02.5": "bde",
    "03.5": "bce",
    "04.5": "bce",
    "05.5": "bde",
    "06.5": "ad",
    "07.5": "bde",
    "08.7": "ace",
}


def on_numpy(function, convert):
    """A function on NumPy arrays as an answer, with its results in another form."""

    def answer(*args):
        numpy_args = (arg.asnumpy() if isinstance(arg, nd.NDArray) else arg for arg in args)
        numpy_args = (arg.astype("float64") if getattr(arg, "dtype", "") == "float32" else arg for arg in numpy_args)
        with np.errstate(all="ignore"):
            result = function(*numpy_args)
        return tuple(convert(part) for part in result) if isinstance(result, tuple) else convert(result)

    return answer


def lists(convert):
    """A conversion of arrays to nested lists of numbers of another type."""

    def to_lists(value):
        return [to_lists(part) for part in value] if np.ndim(value) else convert(float(value))

    return to_lists


FORMS = {
    "nd": lambda value: nd.array(np.atleast_1d(value), dtype="float64"),
    "NumPy": np.asarray,
    "float32": np.float32,
    "lists": lists(float),
    "fractions": lists(Fraction),
    "decimals": lists(Decimal),
    "list of arrays": lambda value: [nd.array(np.atleast_1d(part)) for part in np.atleast_1d(value)],
}


def test_all_are_here():
    assert set(RIGHT_NUMBERS) == set(NUMBERS)
    assert len(ALL) == 56
    assert len(FUNCTIONS) == 22


@pytest.mark.parametrize("number", ALL)
def test_every_exercise_speaks_chinese(number):
    """What it says to the usual slips is seen in the files of the chapters."""
    for answer in (lambda *args: print(), lambda *args: 1 / 0, 1j, None):
        verdict = judge(ALL[number], answer)
        assert not verdict.right
        in_chinese(verdict)
    assert in_chinese(Verdict("right", ALL[number].why)).startswith("答对了。")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", FUNCTIONS)
def test_right_results_in_any_form(number, form):
    verdict = judge(ALL[number], on_numpy(ALL[number].reference, FORMS[form]))
    assert verdict.right, verdict.text


@pytest.mark.parametrize(
    ("number", "i"), [(number, i) for number in FUNCTIONS for i in range(min(40, len(ALL[number].mistakes)))]
)
def test_each_slip_gets_its_own_hint(number, i):
    mistake, hint = ALL[number].mistakes[i]
    verdict = judge(ALL[number], on_numpy(mistake, np.asarray))
    assert verdict.text.splitlines()[-1] == f"  hint:     {hint}"
    in_chinese(verdict)


def wrong_answers(number):
    """The wrong answers to an exercise that its chapter's tests know, and what is looked for in the verdicts."""
    tests = import_module(f"test_exercises_chapter{number[:2]}")
    (mark,) = (mark for mark in tests.test_wrong_answers.pytestmark if mark.name == "parametrize")
    return [(answer, message.split("|")) for of, answer, message in mark.args[1] if of == number]


@pytest.mark.parametrize("number", FUNCTIONS)
def test_each_slip_is_that_of_a_wrong_answer(number):
    """One that was written independently: what is tried above is the list itself, whatever sign or axis it has."""
    exercise = ALL[number]
    check = getclosurevars(exercise.examine).nonlocals  # nobody else needs the inputs that it tries
    inputs, tolerance, numpy = list(check["cases"]()), check["tolerance"], check["numpy"]

    def result(answer, args):
        try:
            return call(answer, *args, numpy=numpy)
        except (Wrong, pytest.skip.Exception):  # one skips itself where pandas is missing
            return None

    def is_alike(got, expected):
        """An answer whose shapes do not fit raises an error; the slip in the list is NaN then."""
        return not is_finite(expected) if got is None else agree(got, expected, tolerance)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answers = [([result(answer, args) for args, _ in inputs], parts) for answer, parts in wrong_answers(number)]
        slips = [([mistake(*exact) for _, exact in inputs], f"hint:     {hint}") for mistake, hint in exercise.mistakes]

    def answers_of(slip, hint):
        its_own = ((i, results) for i, (results, parts) in enumerate(answers) if any(part in hint for part in parts))
        return {i for i, results in its_own if all(map(is_alike, results, slip))}

    known = [(hint, answers_of(slip, hint)) for slip, hint in slips]
    unlike = [hint for hint, its_answers in known if not its_answers]
    assert not unlike, f"{number}: no wrong answer in its chapter's tests has the results of the slips with {unlike}"
    # Several slips may have the same hint, but each has an answer of its own.
    for hint in {hint for hint, _ in known}:
        alike = [its_answers for other, its_answers in known if other == hint]
        assert len(set().union(*alike)) >= len(alike), f"{number}: fewer wrong answers than slips with {hint}"


@pytest.mark.parametrize("number", FUNCTIONS)
def test_functions_that_fail(number):
    exercise = ALL[number]
    assert judge(exercise, lambda *args: ...).text == "not answered yet"
    for answer, message in (
        (lambda *args: print(), "your function returned nothing"),
        (lambda *args: unknown, "hint:     this name is not known"),  # noqa: F821
        (3, "you gave: 3, of the type int\n  expected: a function"),
        (lambda *args: "right", "a str was returned"),
        (lambda: 1, "keep those that stand in the exercise's first line"),
    ):
        verdict = judge(exercise, answer)
        assert message in verdict.text
        in_chinese(verdict)


@pytest.mark.parametrize(
    "form",
    [float, np.float32, Fraction, Decimal, np.array, lambda x: [x], lambda x: nd.array([x]), lambda x: (x,)],
)
@pytest.mark.parametrize("number", NUMBERS)
def test_right_numbers_in_any_form(number, form):
    assert judge(ALL[number], form(RIGHT_NUMBERS[number])).right


@pytest.mark.parametrize(
    ("number", "slip", "hint"), [(number, *mistake) for number in NUMBERS for mistake in ALL[number].mistakes]
)
def test_each_wrong_number_gets_its_own_hint(number, slip, hint):
    verdict = judge(ALL[number], slip)
    assert verdict.text.splitlines()[-1] == f"  hint:     {hint}"
    in_chinese(verdict)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_wrong_number_was_found_independently(number):
    """As for functions: what is tried above is the list itself."""
    answers = [(answer, parts) for answer, parts in wrong_answers(number) if isinstance(answer, int | float)]
    for slip, hint in ALL[number].mistakes:
        alike = [answer for answer, parts in answers if any(part in hint for part in parts)]
        assert np.isclose(alike, slip, rtol=0.01).any(), f"{number}: no wrong answer in its chapter's tests is {slip}"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("nine", "expected: a number\n  hint:     write it without quotes"),
        (lambda: 9, "hint:     hand in the number itself"),
        (float("nan"), "expected: a finite number"),
        (-1e9, "expected: a larger number"),
        (1e9, "expected: a smaller number"),
        (None, "hint:     print(...) gives None"),
        ([1, 2], "you gave: [1, 2], of the type list"),
        (True, "of the type bool\n  expected: a number"),
    ],
)
@pytest.mark.parametrize("number", NUMBERS)
def test_wrong_numbers_of_any_kind(number, answer, message):
    verdict = judge(ALL[number], answer)
    assert message in verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize("form", ["".join, ", ".join, ";".join, "/".join, " and ".join, list, set, tuple, " ".join])
@pytest.mark.parametrize("number", RIGHT_LETTERS)
def test_right_letters_in_any_form(number, form):
    assert judge(ALL[number], form(RIGHT_LETTERS[number])).right
    assert judge(ALL[number], form(RIGHT_LETTERS[number].upper())).right


@pytest.mark.parametrize("letter", "abcde")
@pytest.mark.parametrize("number", RIGHT_LETTERS)
def test_one_letter_too_many_or_too_few(number, letter):
    right = RIGHT_LETTERS[number]
    answer = right.replace(letter, "") if letter in right else right + letter
    expected = (
        f"{len(right) - (letter in right)} right, {int(letter not in right)} wrong, {int(letter in right)} missing"
    )
    verdict = judge(ALL[number], answer)
    assert f"came out: {expected}\n" in verdict.text
    assert "hint: " in verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize("number", RIGHT_LETTERS)
def test_what_is_no_choice(number):
    assert "the letters f\n  expected: letters of a, b, c, d, e" in judge(ALL[number], RIGHT_LETTERS[number] + "f").text
    assert "3, of the type int\n  expected: letters" in judge(ALL[number], 3).text
    assert "wrong, 0 missing" in judge(ALL[number], "abcde").text
    assert judge(ALL[number], "").text == "not answered yet"
