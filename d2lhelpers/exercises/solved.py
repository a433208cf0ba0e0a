"""Which exercises have been solved: a text file with a number a line, that the learner can read and delete."""

import os
from pathlib import Path

from ..files import home
from ..language import _


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
    """Return the set of the numbers in the file; empty if there is no file, or none that can be read.

    Examples
    --------
    >>> isinstance(read(), set)
    True
    """
    try:
        return set(path().read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return set()


def add(number):
    """Add a number to the file, if it is not there yet; say so if that is impossible.

    A line that is appended in one write stays whole even if two kernels write at once.
    """
    if number in read():
        return
    try:
        with open(path(), "a", encoding="utf-8") as file:
            file.write(f"{number}\n")
    except OSError as error:
        if error.errno:
            message = _("(this could not be noted in {file}: {reason})")
            print(message.format(file=error.filename, reason=error.strerror))
        else:
            print(_("(this could not be noted since {reason})").format(reason=error))
