"""The usual kinds of exercises: one that asks for a function, for a number, or for the statements that are true.

A usual mistake is written down as the function or the number that somebody who makes it would hand in, with a hint.
Hints and reasons are marked by `N_`, so that they are shown in the learner's language.
"""

import re
import unicodedata
from contextlib import nullcontext

import numpy as np

from ..language import N_
from .calling import call, plain
from .comparing import agree, close, difference, is_finite, join, near, same
from .describing import describe_call, describe_stranger
from .judging import Exercise, Unanswered, Wrong
from .variants import generator
from .watching import uses

_WITHOUT = {
    "softmax": (N_("the right result, by a softmax that was there already"), N_("one by exp and sums of your own")),
    "autograd": (N_("the right result, by autograd"), N_("one by a formula of your own")),
}


def function_exercise(
    number, title, reference, inputs, why, mistakes=(), tolerance=1e-4, names="", without="", numpy=False
):
    """Make an exercise that asks for a function.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    reference : callable
        An independent implementation, on NumPy arrays of type float64.
    inputs : callable
        Given a NumPy random generator, returns a list of argument tuples to try, the most telling first.
    mistakes : iterable of (callable, str)
        Implementations with a usual mistake, on NumPy arrays, and hints. A hint is given if its mistake explains the
        answer: it gives the same for all inputs, or at least up to the first that goes wrong.
    tolerance : float
        Relative and absolute.
    names : str
        Names of the results if there are several, as in "w, b".
    without : str
        What the exercise asks to do without, one of those that `uses` knows.
    numpy : bool
        Whether the learner's function is given NumPy arrays of type float64, rather than ``nd`` arrays of float32.

    Returns
    -------
    Exercise

    Examples
    --------
    >>> from d2lhelpers.exercises.judging import judge
    >>> double = function_exercise("00.1", "Double", lambda x: 2 * x, lambda rng: [(np.ones(3),)], "It is more.")
    >>> judge(double, lambda x: x + x).right
    True
    """
    mistakes = tuple(mistakes)

    def cases():
        """Return the arguments as the learner gets them, in float32 unless they stay NumPy's, and in float64."""
        for args in inputs(generator(int(number.replace(".", "")))):
            if not numpy:
                args = tuple(arg.astype("float32") if is_float(arg) else arg for arg in args)
            yield args, tuple(arg.astype("float64") if is_float(arg) else arg for arg in args)

    def examine(answer):
        with np.errstate(all="ignore"):
            tries = [(args, exact, reference(*exact)) for args, exact in cases()]
        with uses(answer, without) if without else nullcontext() as used:
            for i, (args, _, expected) in enumerate(tries):
                got = call(answer, *args, numpy=numpy)
                if not same(got, expected, tolerance):
                    hint = _one_alone(got, expected, names, tolerance) or explain(answer, got, tries, i)
                    raise difference(describe_call(answer, args), got, expected, hint, names)
        if used:
            raise Wrong(N_("your function"), *_WITHOUT[without])

    def explain(answer, got, tries, i):
        """Return the hints of the mistakes that explain a wrong result for input `i`."""
        with np.errstate(all="ignore"):
            so_far = [
                (mistake, hint)
                for mistake, hint in mistakes
                if agree(got, mistake(*tries[i][1]), tolerance)
                and all(close(mistake(*exact), expected, tolerance) for _, exact, expected in tries[:i])
            ]
            throughout = so_far
            for args, exact, _ in tries[i + 1 :] if so_far else ():
                try:
                    further = call(answer, *args, numpy=numpy)
                except Exception:
                    break
                throughout = [(m, hint) for m, hint in throughout if agree(further, m(*exact), tolerance)]
        # Two infinite results are easily alike, so that they must agree in the finite ones, too.
        return join(hint for _, hint in (throughout or (so_far if is_finite(got) else ())))

    return Exercise(number, title, why, examine, reference=reference, mistakes=mistakes)


def _one_alone(got, expected, names, tolerance):
    """Return the hint for an answer that hands back only one of several results."""
    if not (names and isinstance(expected, tuple)) or (isinstance(got, tuple) and len(got) == len(expected)):
        return ""
    alone = [name for name, part in zip(names.split(", "), expected, strict=True) if same(got, part, tolerance)]
    return N_("that is {name} alone: end with return {names}", name=alone[0], names=names) if alone else ""


def is_float(value):
    """Tell whether a value is a NumPy array of floats.

    Examples
    --------
    >>> is_float(np.zeros(2)), is_float(np.arange(2)), is_float(1.0)
    (True, False, False)
    """
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def number_exercise(number, title, value, why, mistakes=(), tolerance=0.01):
    """Make an exercise that asks for a number.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    value : callable
        Computes the right number.
    mistakes : iterable of (float, str)
        Numbers that usual mistakes lead to, and hints.
    tolerance : float
        Relative (absolute for a right number of 0).

    Returns
    -------
    Exercise

    Examples
    --------
    >>> from d2lhelpers.exercises.judging import judge
    >>> judge(number_exercise("00.1", "Two", lambda: 2, why="It is even."), "two").reason.splitlines()[:2]
    ["  you gave: 'two', of the type str", '  expected: a number']
    """
    mistakes = tuple(mistakes)

    def examine(answer):
        got = _number(answer)
        right = float(value())
        if near(got, right, tolerance):
            return
        hint = join(hint for slip, hint in mistakes if near(got, slip, tolerance if slip else 1e-9))
        comparison = N_("a finite number")
        if np.isfinite(got):
            comparison = N_("a larger number") if right > got else N_("a smaller number")
        raise Wrong("", str(answer), comparison, hint)

    return Exercise(number, title, why, examine, mistakes=mistakes)


def _number(answer):
    """Return an answer as a float; one element of whatever container counts as a number."""
    hint = N_("write it without quotes") if isinstance(answer, str) else ""
    if callable(answer):
        hint = N_("hand in the number itself, not the function")
    wrong = Wrong("", describe_stranger(answer), N_("a number"), hint)
    if isinstance(answer, bool):
        raise wrong
    try:
        parts = plain(answer)
        numbers = np.ravel(np.array(parts, dtype="float64"))
    except (TypeError, ValueError):
        raise wrong from None
    if numbers.size != 1:
        raise wrong
    return float(numbers[0])


def choice_exercise(number, title, statements, why):
    """Make an exercise that asks which statements are true, all of them and no other.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    statements : dict of (bool, str)
        By letter: whether the statement, which stands in the notebook, is true, and a hint for those who think
        otherwise.

    Returns
    -------
    Exercise

    Examples
    --------
    >>> from d2lhelpers.exercises.judging import judge
    >>> sky = choice_exercise("00.1", "Sky", {"a": (True, "look up"), "b": (False, "at night?")}, "It is so.")
    >>> print(judge(sky, "a and b").reason)
      tried:    the statements a, b
      came out: 1 right, 1 wrong, 0 missing
      expected: all true ones and no other
      hint:     at night?
    """

    def examine(answer):
        if not isinstance(answer, str | list | tuple | set | frozenset):
            raise Wrong("", describe_stranger(answer), N_('letters, for example "ac"'))
        letters = _letters(answer)
        if not letters:
            raise Unanswered
        unknown = sorted(letters - set(statements))
        if unknown:
            came_out = N_("the letters {letters}", letters=", ".join(unknown))
            raise Wrong("", came_out, N_("letters of {letters}", letters=", ".join(statements)))
        true = {letter for letter, (is_true, _) in statements.items() if is_true}
        if letters == true:
            return
        wrong, missing = sorted(letters - true), sorted(true - letters)
        raise Wrong(
            N_("the statements {letters}", letters=", ".join(sorted(letters))),
            N_(
                "{right} right, {wrong} wrong, {missing} missing",
                right=len(letters & true),
                wrong=len(wrong),
                missing=len(missing),
            ),
            N_("all true ones and no other"),
            statements[(wrong or missing)[0]][1],
        )

    return Exercise(number, title, why, examine)


def _letters(answer):
    """Return the letters of a choice, whatever stands between them: "ac", "a;c", "a, c and e", "a 和 c", a list."""
    text = answer if isinstance(answer, str) else " ".join(map(str, answer))
    text = unicodedata.normalize("NFKC", text).lower()  # a Chinese keyboard may write full-width letters
    words = [word for word in re.findall(r"[^\W_和与及]+", text) if word != "and"]
    return {letter for word in words for letter in word}


def by_number(*exercises):
    """Return exercises as a dictionary by their numbers.

    Raises
    ------
    ValueError
        If two have the same number.

    Examples
    --------
    >>> list(by_number(number_exercise("00.1", "Two", lambda: 2, "Even.")))
    ['00.1']
    """
    numbered = {exercise.number: exercise for exercise in exercises}
    if len(numbered) != len(exercises):
        raise ValueError("two exercises have the same number.")
    return numbered
