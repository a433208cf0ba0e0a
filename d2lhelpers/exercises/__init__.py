"""Exercises that answer back: `check` looks at an answer, `progress` shows what has been solved.

The questions of a chapter and their checks are in one file, ``chapter01.py`` and so on. How an answer is run is in
``judging.py``, which names the other rooms; what has been solved is kept by ``solved.py``.
"""

from importlib import import_module
from pathlib import Path

from IPython.display import display

from ..language import _
from . import solved
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

    An answer that is right is noted for `progress`. Whatever the answer does (raise an error, run for ever), the check
    comes to an end and the notebook runs on.

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
    verdict = judge(find(number), answer)
    display(Shown(number, verdict))
    if verdict.right:
        solved.add(number)


def progress():
    """Print what has been solved, by chapter, and where this is kept.

    It is kept in a text file in the home folder, or in the one that the environment variable D2L_PROGRESS names. Delete
    the file to start afresh.
    """
    done = solved.read()
    total = count = 0
    for chapter in CHAPTERS:
        numbers = list(exercises(chapter))
        right = [number for number in numbers if number in done]
        total, count = total + len(numbers), count + len(right)
        bar = "".join("x" if number in done else "." for number in numbers)
        line = _("chapter {chapter}  {bar:8}  {right} of {total} solved")
        print(line.format(chapter=chapter, bar=bar, right=len(right), total=len(numbers)))
    line = _("all         {right} of {total}; kept in {file}, delete it to start afresh")
    print(line.format(right=count, total=total, file=solved.path()))


__all__ = ["CHAPTERS", "Exercise", "check", "exercises", "find", "progress"]
