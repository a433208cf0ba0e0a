"""Which exercises have been solved, and when: a text file that the learner can read, change and delete.

A line is added for each answer: a number, the day, and the word "wrong" if the answer to a review was not right::

    01.1 2026-03-01
    01.1 2026-03-02
    01.1 2026-03-05 wrong

A number without a day, as in older files, has been solved some time ago. What is neither a number nor a day nor this
word is passed over.
"""

import os
import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from ..files import home
from ..language import _

_WRONG = "wrong"


class Answer(NamedTuple):
    """An answer that was noted.

    Attributes
    ----------
    day : datetime.date or None
        When it was given; None if that is unknown.
    right : bool
    """

    day: date | None
    right: bool


def path():
    """Return the file's path: $D2L_PROGRESS, or ``.d2lhelpers-progress.txt`` in the home folder.

    Raises
    ------
    FileNotFoundError
        If it would be in the home folder, and this user has none.

    Examples
    --------
    >>> path().suffix
    '.txt'
    """
    return Path(os.environ.get("D2L_PROGRESS") or home() / ".d2lhelpers-progress.txt")


def read():
    """Return the answers in the file to the exercises that have been solved; none if it cannot be read.

    Returns
    -------
    dict of list of Answer
        By the numbers of the exercises; their answers in the order of the file, the first of them right.

    Examples
    --------
    >>> isinstance(read(), dict)
    True
    """
    try:
        lines = path().read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return {}
    answers = {}
    for words in map(str.split, lines):
        answer = Answer(_day(words), _WRONG not in words)
        for number in (word for word in words if re.fullmatch(r"\d+\.\d+", word)):
            if answer.right or number in answers:
                answers.setdefault(number, []).append(answer)
    return answers


def _day(words):
    for word in words:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", word):
            try:
                return date.fromisoformat(word)
            except ValueError:
                return None
    return None


def add(number, day, right=True):
    """Add an answer to the file; say so if that is impossible.

    A line that is appended in one write stays whole even if two kernels write at once.

    Parameters
    ----------
    number : str
        Of the exercise.
    day : datetime.date
    right : bool

    Returns
    -------
    bool
        Whether it has been noted.
    """
    line = f"{number} {day.isoformat()}{'' if right else f' {_WRONG}'}\n"
    try:
        with open(path(), "ab+") as file:
            if _ends_within_a_line(file):
                line = f"\n{line}"
            file.write(line.encode())
        return True
    except OSError as error:
        if error.errno:
            message = _("(this could not be noted in {file}: {reason})")
            print(message.format(file=error.filename, reason=error.strerror))
        else:
            print(_("(this could not be noted since {reason})").format(reason=error))
        return False


def _ends_within_a_line(file):
    """Tell whether a file that may be read ends without a newline, as some editors leave it."""
    if not file.seekable() or not file.tell():
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
