"""Exercises that answer back: `check` looks at an answer, `progress` shows what has been solved and what is due.

The checks of a chapter are in one file, ``chapter01.py`` and so on. How an answer is run is in ``judging.py``, which
names the other rooms. What has been solved is kept by ``solved.py``, and ``schedule.py`` knows when it is due again.
"""

from importlib import import_module
from pathlib import Path

from IPython.display import display

from ..language import _
from . import schedule, solved
from .asked import ASKED
from .judging import Exercise, judge
from .showing import Shown

CHAPTERS = tuple(sorted(path.stem[-2:] for path in Path(__file__).parent.glob("chapter*.py")))


def exercises(chapter):
    """Return the exercises of a chapter.

    Parameters
    ----------
    chapter : str
        Number of the chapter, two digits.

    Returns
    -------
    dict of Exercise
        By their numbers.

    Examples
    --------
    >>> exercises("01")["01.1"].title
    'Three times the error'
    """
    return import_module(f".chapter{chapter}", __name__).EXERCISES


def find(number):
    """Return the exercise with this number.

    Raises
    ------
    ValueError
        If there is none; the message lists those of the chapter.

    Examples
    --------
    >>> find("01.99")
    Traceback (most recent call last):
        ...
    ValueError: there is no exercise '01.99'; chapter 01 has 01.1, ...
    """
    chapter = number.split(".")[0] if isinstance(number, str) else None
    if chapter not in CHAPTERS:
        raise ValueError(
            f"there is no exercise {number!r}; numbers look like '01.2', for chapters 01 to {CHAPTERS[-1]}."
        )
    found = exercises(chapter)
    if number not in found:
        raise ValueError(f"there is no exercise {number!r}; chapter {chapter} has {', '.join(found)}.")
    return found[number]


def check(number, answer=...):
    """Look at an answer to an exercise, and show what is right or wrong with it.

    The first answer that is right is noted for `progress`. So are answers to what `dh.review` has asked for, right and
    wrong ones; they are tried on other random inputs than before, and the check says when the exercise comes back.
    Whatever the answer does (raise an error, run for ever), the check comes to an end and the notebook runs on.

    Parameters
    ----------
    number : str
        Number of the exercise, as in "01.2".
    answer : object
        A function, a number, or the letters of the statements that were chosen, whatever the exercise asks for;
        ``...`` for no answer yet.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> check("01.1", ...)
    ○ 01.1 not answered yet
    >>> check("01.1", "a lot")
    ✗ 01.1 not right yet
      you gave: 'a lot', of the type str
      expected: a number
      hint:     write it without quotes
    """
    exercise, asked = find(number), ASKED.get(number)
    verdict = judge(exercise, answer, asked.variant if asked else 0)
    display(Shown(number, verdict))
    if asked:
        _note_review(number, asked, verdict)
    elif verdict.right and number not in solved.read():
        solved.add(number, schedule.today())


def _note_review(number, asked, verdict):
    """Note an answer to a review, and say when the exercise comes back; of several wrong ones, the first."""
    if verdict.outcome == "not answered yet" or (asked.has_failed and not verdict.right):
        return
    now = schedule.today()
    answers = [*solved.read().get(number, []), solved.Answer(now, verdict.right)]
    line = _("(comes back on {day})")
    if verdict.right:
        del ASKED[number]
    else:
        asked.has_failed = True
        line = _("(starts anew, and comes back on {day}; try on until it is right)")
    if solved.add(number, now, verdict.right):
        print(line.format(day=schedule.due_on(answers, now)))


def due(now):
    """Return on which day each exercise that has been solved is due again.

    Parameters
    ----------
    now : datetime.date
        The day that it is.

    Returns
    -------
    dict of datetime.date
        By the numbers of the exercises, from the one that is due first on.

    Examples
    --------
    >>> all(number in exercises(number[:2]) for number in due(schedule.today()))
    True
    """
    known = {number for chapter in CHAPTERS for number in exercises(chapter)}
    days = {number: schedule.due_on(answers, now) for number, answers in solved.read().items() if number in known}
    return dict(sorted(days.items(), key=lambda item: item[::-1]))


def progress():
    """Print what has been solved and what is due for a review, by chapter, and where this is kept.

    It is kept in a text file in the home folder, or in the one that the environment variable D2L_PROGRESS names. Delete
    the file to start afresh.
    """
    now = schedule.today()
    days = due(now)
    total = 0
    for chapter in CHAPTERS:
        numbers = list(exercises(chapter))
        total += len(numbers)
        line = _("chapter {chapter}  {bar:8}  {right} of {total} solved")
        waiting = [number for number in numbers if number in days and days[number] <= now]
        if waiting:
            line = _("chapter {chapter}  {bar:8}  {right} of {total} solved; due: {due}")
        bar = "".join("x" if number in days else "." for number in numbers)
        fields = {"chapter": chapter, "bar": bar, "right": bar.count("x"), "total": len(numbers)}
        print(line.format(**fields, due=", ".join(waiting)))
    line = _("all         {right} of {total}; kept in {file}, delete it to start afresh")
    print(line.format(right=len(days), total=total, file=solved.path()))
    if days:
        number, day = next(iter(days.items()))
        count = sum(day <= now for day in days.values())
        line = _("due         {count}; dh.review() asks for one") if count else _("next due    {number} on {day}")
        print(line.format(count=count, number=number, day=day))


__all__ = ["CHAPTERS", "Exercise", "check", "due", "exercises", "find", "progress"]
