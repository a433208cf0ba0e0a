"""What was learnt comes back: `review` asks again for an exercise that was solved, when it is likely to be forgotten.

The questions stand in the notebooks, in each language of theirs. ``questions/`` has copies of them, which
``tools/questions.py`` makes, so that a review works wherever the package is installed.
"""

import json
from functools import lru_cache
from pathlib import Path

from IPython import get_ipython
from IPython.display import display

from ..exercises import due, schedule, solved
from ..exercises.asked import ASKED, Asked
from ..language import _, language

QUESTIONS = Path(__file__).parent / "questions"


class Question:
    """A question as its notebook has it, for `IPython.display.display`: in Markdown, and in a terminal as plain text.

    Parameters
    ----------
    text : str
        In Markdown, with the heading.
    cell : str
        What the answer is written into.

    Examples
    --------
    >>> question("01.1")
    ### 01.1 Three times the error
    <BLANKLINE>
    Predict, without running anything: ...
    """

    def __init__(self, text, cell):
        self.text, self.cell = text, cell

    def __repr__(self):
        return self.text

    def _repr_markdown_(self):
        return self.text


@lru_cache
def _questions(name):
    path = QUESTIONS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def question(number):
    """Return the question of an exercise in the language that is chosen now, or in English if it has no other.

    Parameters
    ----------
    number : str

    Returns
    -------
    Question

    Examples
    --------
    >>> print(question("01.2").cell)
    import numpy as np
    from mxnet import autograd, nd
    <BLANKLINE>
    <BLANKLINE>
    def mean_squared_loss(y_hat, y): ...
    <BLANKLINE>
    <BLANKLINE>
    dh.check("01.2", mean_squared_loss)
    """
    return Question(**(_questions(language()).get(number) or _questions("en")[number]))


def review():
    """Ask again for an exercise that was solved and is due, the one that has been due for the longest time.

    The question is shown, and in Jupyter a cell with the empty function comes below; elsewhere it is printed what to
    type. `dh.check`, the last line of it, says what is right or wrong with the answer, as it did the first time. A
    function is tried on new random inputs; a question for a number or for letters is asked again as it was.

    An exercise is due 1 day after it was solved, and after right answers to a review 3, 7, 21 and 60 days after the
    last one, and from then on after twice as many each time. A wrong answer starts anew with 1 day. Only what `review`
    has asked for counts: to run a chapter once more does not. The days are kept where `dh.progress` says.

    Examples
    --------
    >>> review()
    nothing has been solved yet; what you solve comes back here, from the day after on
    """
    now = schedule.today()
    days = due(now)
    if not days:
        print(_("nothing has been solved yet; what you solve comes back here, from the day after on"))
        return
    number, day = next(iter(days.items()))
    if day > now:
        print(_("nothing is due; the next is {number}, on {day}").format(number=number, day=day))
        return
    asked = question(number)
    ASKED[number] = Asked(variant=len(solved.read()[number]))
    display(asked)
    count = sum(day <= now for day in days.values())
    shell = get_ipython()
    if getattr(shell, "kernel", None):
        print(_("{count} due. Write your answer into the new cell below, and run it.").format(count=count))
        shell.set_next_input(asked.cell)
    else:
        print(_("{count} due. Type this, with your answer in place of the dots:").format(count=count))
        print(f"\n{asked.cell}")


__all__ = ["QUESTIONS", "Question", "question", "review"]
